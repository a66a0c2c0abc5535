//! What an admin and the tools around do with a running daemon: dumps, heartbeat, scripts of the
//! daemon's own life.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use lab::scenario::configuration;
use lab::{Capture, Daemon, Network, Node, Program, left, uml, wait};
use nix::sys::signal::Signal;
use serde_json::Value;

const VIP: &str = "192.168.100.100";
const OWN: &str = "192.168.100.11/24";
const LIMIT: Duration = Duration::from_secs(8);

fn machine() -> (Network, Node) {
    Network::of_one(&[OWN])
}

/// Starts a daemon in the background whose dumps go to the node's `/run/dumps`.
fn start_with_dumps(program: &Program, node: &Node, configuration: &str) {
    node.write_file("etc", "keepalived.conf", configuration);
    let path = program.path().display();
    node.sh(&format!("mkdir -p /run/dumps; TMPDIR=/run/dumps {path} -D"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
}

fn stop(node: &Node) {
    node.sh("kill $(cat /run/keepalived.pid)");
    wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());
    node.sh("rm -rf /run/dumps");
    left::nothing(node, &[OWN]);
}

/// Sends the signal by its name and waits for the file that it brings.
fn dump(program: &Program, node: &Node, name: &str, file: &str) -> String {
    let path = node.folder("run").join("dumps").join(file);
    let program = program.path().display();
    node.sh(&format!(
        "rm -f /run/dumps/{file}; kill -$({program} --signum={name}) $(cat /run/keepalived.pid)"
    ));
    // keepalived writes the text files in place: complete is what stays the same.
    let complete = || {
        let text = std::fs::read_to_string(&path).ok().filter(|text| !text.is_empty())?;
        std::thread::sleep(Duration::from_millis(20));
        (std::fs::read_to_string(&path).ok()? == text).then_some(text)
    };
    wait::until(LIMIT, &format!("{file} is written"), complete).0
}

/// The instance's lines, without moments, descriptors and what only one version writes.
fn instance_lines(data: &str) -> Vec<String> {
    let differ = [
        "Last transition",
        "Read timeout",
        "Last advert sent",
        "fd_in",
        "Password",
        "Number of interface and track script faults",
        "Number of tracker faults",
        "Flags",
    ];
    data.lines()
        .skip_while(|line| *line != " VRRP Instance = VI_1")
        .take_while(|line| line.starts_with("   ") || *line == " VRRP Instance = VI_1")
        .filter(|line| !differ.iter().any(|word| line.trim_start().starts_with(word)))
        .map(str::to_owned)
        .collect()
}

/// What both versions know, without moments and counters that move.
fn json_fields(text: &str) -> BTreeMap<String, Value> {
    let all: Value = serde_json::from_str(text).expect("JSON");
    let mut fields = BTreeMap::new();
    for part in ["data", "stats"] {
        for (key, value) in all[0][part].as_object().expect("an object") {
            let moves = ["last_transition", "advert_sent", "auth_data"].contains(&key.as_str());
            if !moves && !key.starts_with("auth_ext_") {
                fields.insert(format!("{part}.{key}"), value.clone());
            }
        }
    }
    fields
}

#[test]
fn dumps_say_what_keepaliveds_say_in_the_same_state() {
    let Some(debian) = Program::debian() else { return };
    let [theirs, ours] = [debian, Program::ours()].map(|program| {
        let (_network, node) = machine();
        start_with_dumps(&program, &node, configuration("single-lb01"));
        let data = dump(&program, &node, "DATA", "keepalived.data");
        let json = dump(&program, &node, "JSON", "keepalived.json");
        let stats = dump(&program, &node, "STATS", "keepalived.stats");
        let names: Vec<String> = stats
            .lines()
            .map(|line| line.split(':').next().unwrap_or_default().to_owned())
            .collect();
        stop(&node);
        (instance_lines(&data), json_fields(&json), names)
    });
    assert_eq!(ours.0, theirs.0);
    assert_eq!(ours.1, theirs.1);
    let older: Vec<&String> = ours.2.iter().filter(|line| theirs.2.contains(line)).collect();
    assert_eq!(older, theirs.2.iter().collect::<Vec<_>>(), "all its counters in its order");
}

#[test]
fn dumps_of_virtual_servers_say_what_keepaliveds_say() {
    let name = "dumps_of_virtual_servers_say_what_keepaliveds_say";
    uml::with_ipvs(name, servers_beside_keepaliveds);
}

const SERVERS: &str = "
virtual_server 10.9.0.1 80 {
    protocol TCP
    real_server 10.9.1.1 80 {
        HTTP_GET {
            warmup 3000
            url {
                path /
            }
        }
    }
    real_server 10.9.1.2 80 {
        TCP_CHECK {
            warmup 3000
        }
    }
}
virtual_server 10.9.0.2 80 {
    protocol TCP
    lvs_sched wrr
    lvs_method DR
    delay_loop 7
    retry 4
    delay_before_retry 2
    warmup 3
    connect_timeout 1.5
    alpha
    inhibit_on_failure
    virtualhost all.example.com
    real_server 10.9.1.1 80 {
        delay_loop 9
        retry 5
        delay_before_retry 6
        warmup 8
        connect_timeout 2
        virtualhost one.example.com
        HTTP_GET {
            url {
                path /
                virtualhost url.example.com
                regex hello
            }
            url {
                path /two
                regex hello
                regex_options caseless
            }
            url {
                path /three
                regex hello
                regex_no_match
            }
        }
    }
    real_server 10.9.1.2 80 {
        MISC_CHECK {
            misc_path /bin/false
            misc_timeout 3
            warmup 3000
        }
        MISC_CHECK {
            misc_path /bin/false
            misc_timeout 3
            warmup 0
            delay_before_retry 3000
        }
        HTTP_GET {
            virtualhost own.example.com
            url {
                path /
                regex hello
            }
        }
    }
}
";

/// The servers' lines without what moves and what only one version writes.
fn server_lines(data: &str) -> Vec<String> {
    let differ = [
        "------< LVS Topology >",
        "alive = ",
        "VS alive = ",
        "Has run",
        "Retries iterations",
        "tls_compliant",
        "Failed URL",
        // Debian's names options that were never set.
        "Regex options",
        // Ours as it was written, and without the user of all scripts.
        "script = ",
        "uid:gid",
    ];
    data.lines()
        .skip_while(|line| !line.contains("System is compiled with LVS"))
        .filter(|line| !differ.iter().any(|word| line.trim_start().starts_with(word)))
        .map(|line| match line.split_once("Last ran = ") {
            // When the script ran, in the form that both have: digits are digits, letters letters.
            Some((_, when)) if !when.starts_with("0.") => when
                .replace(|one: char| one.is_ascii_digit(), "0")
                .replace(|one: char| one.is_ascii_alphabetic(), "a"),
            _ => line.to_owned(),
        })
        .collect()
}

fn servers_beside_keepaliveds() {
    let Some(debian) = Program::debian() else { return };
    let [theirs, ours] = [debian, Program::ours()].map(|program| {
        let (_network, node) = machine();
        let configuration = format!("{}{SERVERS}", configuration("single-lb01"));
        start_with_dumps(&program, &node, &configuration);
        let data = dump(&program, &node, "DATA", "keepalived_check.data");
        stop(&node);
        server_lines(&data)
    });
    assert_eq!(ours, theirs);
}

#[test]
fn a_dump_never_follows_a_link_and_is_readable_by_root_alone() {
    let (_network, node) = machine();
    let program = Program::ours();
    start_with_dumps(&program, &node, configuration("single-lb01"));
    node.sh("echo precious >/run/precious; ln -s /run/precious /run/dumps/keepalived_parent.data");
    dump(&program, &node, "DATA", "keepalived.data");
    let path = node.folder("run").join("dumps/keepalived_parent.data");
    wait::eventually(LIMIT, "the link is replaced", || {
        std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file())
    });
    assert_eq!(node.sh("cat /run/precious; rm /run/precious"), "precious\n");
    assert_eq!(path.metadata().expect("the file").permissions().mode() & 0o777, 0o600);
    stop(&node);
}

#[test]
fn counters_that_are_cleared_start_again_and_a_childs_signal_works_too() {
    let (_network, node) = machine();
    let program = Program::ours();
    start_with_dumps(&program, &node, configuration("single-lb01"));
    let cleared = dump(&program, &node, "STATS_CLEAR", "keepalived.stats");
    assert!(cleared.contains("  Became master: 1\n"), "written before it is cleared: {cleared}");
    let path = node.folder("run").join("dumps/keepalived.stats");
    std::fs::remove_file(&path).expect("the file");
    node.sh("kill -USR2 $(cat /run/vrrp.pid)");
    let read = || std::fs::read_to_string(&path).ok();
    let (again, _) = wait::until(LIMIT, "the VRRP process's own signal is served", read);
    assert!(again.contains("  Became master: 0\n"), "{again}");
    assert!(node.holds(VIP));
    stop(&node);
}

#[test]
fn a_frozen_vrrp_process_is_named_and_replaced_before_a_backup_takes_over() {
    let network = Network::new();
    let lb01 = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    let lb02 = network.machine("lb02", "eth0", &["192.168.100.12/24"]);
    let sent_by_lb02 = Capture::of(&network, &lb02);
    let program = Program::ours();
    let master = Daemon::start(&program, &lb01, configuration("single-lb01"));
    wait::eventually(LIMIT, "lb01 has the VIP", || lb01.holds(VIP));
    let _backup = Daemon::start(&program, &lb02, configuration("single-lb02"));
    wait::eventually(LIMIT, "lb02 is a backup", || {
        lb02.pid_file("vrrp.pid").is_some() && !lb02.holds(VIP)
    });
    let frozen = master.vrrp();
    let adverts = sent_by_lb02.adverts().len();
    let at = Instant::now();
    frozen.signal(Signal::SIGSTOP);
    let line = master.wait_log("does not answer", LIMIT);
    println!("noticed {:?} after it was frozen", line.at - at);
    assert!(line.text.contains(&format!("VRRP child process({})", frozen.pid)), "{}", line.text);
    wait::eventually(LIMIT, "it is replaced", || master.vrrp().pid != frozen.pid);
    wait::stays(Duration::from_secs(4), "the VIP stays where it is", || {
        lb01.holds(VIP) && !lb02.holds(VIP)
    });
    assert_eq!(sent_by_lb02.adverts().len(), adverts, "the backup has noticed nothing");
    assert!(master.stop().1.success());
}

#[test]
fn start_and_shutdown_scripts_run_before_the_first_and_after_the_last_child() {
    let (_network, node) = machine();
    // The files of the children are taken before there are any, and empty until then.
    let script = "#!/bin/sh\necho \"$1 $(umask) $(cat /run/*.pid | wc -l)\" >>/run/life\n";
    node.write_script("scripts", "life.sh", script);
    let life = "global_defs {\n  script_user root\n  startup_script \"/scripts/life.sh start\"\n  \
                shutdown_script \"/scripts/life.sh stop\"\n  process_names\n  umask 027\n}\n";
    let text = format!("{life}{}", configuration("single-lb01"));
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert_eq!(daemon.vrrp().name, "keepalived_vrrp");
    assert_eq!(daemon.parent().name, "keepalived");
    assert!(daemon.stop().1.success());
    assert_eq!(node.sh("cat /run/life; rm /run/life"), "start 0027 1\nstop 0027 1\n");
    left::nothing(&node, &[OWN]);
}

#[test]
fn an_instance_has_its_own_directory_and_addresses_may_stay_at_the_end() {
    let (_network, node) = machine();
    let text = format!("instance blue\n{}", configuration("single-lb01"));
    node.write_file("etc", "keepalived.conf", &text);
    let program = Program::ours();
    node.sh(&format!("{} -D --dont-release-vrrp", program.path().display()));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let files = node.sh("cd /run/keepalived; stat -c '%n %a' . *");
    assert_eq!(files, ". 755\nkeepalived_blue.pid 644\nvrrp_blue.pid 644\n");
    node.sh("kill $(cat /run/keepalived/keepalived_blue.pid)");
    wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());
    assert!(node.holds(VIP), "-V leaves it");
    assert_eq!(node.try_sh("ls -d /run/keepalived").code(), Some(2), "the directory is gone");
    // The next daemon takes it over and away.
    let daemon = Daemon::start(&program, &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "it runs", || node.pid_file("vrrp.pid").is_some());
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_plan_says_what_the_log_of_the_reload_says_and_changes_nothing() {
    let (_network, node) = machine();
    let program = Program::ours();
    let text = configuration("single-lb01");
    let daemon = Daemon::start(&program, &node, text);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let plan = || node.try_sh(&format!("{} --plan", program.path().display()));
    let same = plan();
    assert_eq!((same.code(), same.stdout.as_str()), (Some(0), "nothing changes\n"));

    let more = text.replace(VIP, &format!("{VIP}\n        192.168.100.101"));
    node.write_file("etc", "keepalived.conf", &more);
    let planned = plan();
    assert_eq!(planned.code(), Some(0), "{}", planned.stderr);
    let lines: Vec<&str> = planned.stdout.lines().collect();
    assert!(lines.len() == 1 && lines[0].contains("192.168.100.101"), "{lines:?}");
    assert!(!node.holds("192.168.100.101"), "only planned");
    let from = daemon.reload(&more);
    wait::eventually(LIMIT, "now it is there", || node.holds("192.168.100.101"));
    let logged = daemon.log().text_since(from);
    assert!(logged.contains(&format!("Reload: {}", lines[0])), "{logged}");
    assert_eq!(plan().stdout, "nothing changes\n", "the plan is against what runs now");

    node.write_file("etc", "keepalived.conf", &more.replace("priority", "priorty"));
    let refused = plan();
    assert_eq!(refused.code(), Some(5));
    assert!(refused.stdout.starts_with("refused, "), "{}", refused.stdout);
    assert!(refused.stderr.contains("priorty"), "{}", refused.stderr);
    assert!(daemon.stop().1.success());
    assert_eq!(plan().code(), Some(1), "nothing runs");
    left::nothing(&node, &[OWN]);
}

/// The return codes are LSB's: status 3 is "not running", 7 "not running" of a reload.
#[test]
fn the_init_script_starts_stops_reloads_and_tells_the_status() {
    let (_network, node) = machine();
    let script = include_str!("../../../../conf/keepalived.init");
    let program = Program::ours().path().display().to_string();
    node.write_script(
        "scripts",
        "keepalived",
        &script.replace("@PREFIX@/sbin/keepalived", &program),
    );
    let call = |action: &str| node.try_sh(&format!("/scripts/keepalived {action}")).code();
    node.write_file("etc", "keepalived.conf", configuration("single-lb01"));
    assert_eq!(call("status"), Some(3));
    assert_eq!(call("reload"), Some(7));
    assert_eq!(call("start"), Some(0));
    assert!(node.pid_file("keepalived.pid").is_some(), "it is up when the script says so");
    assert_eq!(call("start"), Some(0), "it runs already");
    assert_eq!(call("status"), Some(0));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert_eq!(call("reload"), Some(0));
    let first = node.pid_file("keepalived.pid");
    assert_eq!(call("restart"), Some(0));
    assert_ne!(node.pid_file("keepalived.pid"), first);
    wait::eventually(LIMIT, "the VIP is there again", || node.holds(VIP));
    node.write_file(
        "etc",
        "keepalived.conf",
        &configuration("single-lb01").replace("state MASTER", "state"),
    );
    assert_eq!(call("restart"), Some(6), "a file that cannot be run stops nothing");
    assert!(node.holds(VIP));
    assert_eq!(call("stop"), Some(0));
    assert!(node.processes().is_empty() && !node.holds(VIP), "it is gone when the script says so");
    assert_eq!(call("stop"), Some(0));
    assert_eq!(call("nonsense"), Some(2));
    left::nothing(&node, &[OWN]);
}

#[test]
fn the_init_script_finds_a_daemon_with_another_name_or_pid_file() {
    let (_network, node) = machine();
    let script = include_str!("../../../../conf/keepalived.init");
    let program = Program::ours().path().display().to_string();
    let script = script.replace("@PREFIX@/sbin/keepalived", &program);
    node.write_script("scripts", "keepalived", &script);
    let script =
        script.replace("PIDFILE=/run/keepalived.pid", "PIDFILE=/run/keepalived/keepalived_x.pid");
    node.write_script("scripts", "keepalived-x", &script);
    let call = |action: &str| node.try_sh(&format!("/scripts/{action}"));
    let named =
        format!("global_defs {{\n  process_name vip-mover\n}}\n{}", configuration("single-lb01"));
    node.write_file("etc", "keepalived.conf", &named);
    assert_eq!(call("keepalived start").code(), Some(0));
    assert_eq!(call("keepalived status").code(), Some(0));
    let first = node.pid_file("keepalived.pid");
    assert_eq!(call("keepalived restart").code(), Some(0));
    assert_ne!(node.pid_file("keepalived.pid"), first);
    assert_eq!(call("keepalived stop").code(), Some(0));
    assert!(node.processes().is_empty(), "it is gone when the script says so");

    // Somebody else's process of that number.
    node.sh("sleep 100 >/dev/null 2>&1 & echo $! >/run/keepalived.pid");
    assert_eq!(call("keepalived status").code(), Some(1));
    assert_eq!(call("keepalived stop").code(), Some(0));
    assert_eq!(node.processes().len(), 1, "it is left alone");
    node.sh("kill $(cat /run/keepalived.pid); rm /run/keepalived.pid");

    node.write_file(
        "etc",
        "keepalived.conf",
        &format!("instance x\n{}", configuration("single-lb01")),
    );
    let lost = call("keepalived start");
    assert_eq!(lost.code(), Some(1), "what it cannot find it cannot stop");
    assert!(lost.stderr.contains("PIDFILE="), "{}", lost.stderr);
    assert_eq!(call("keepalived-x status").code(), Some(0));
    assert_eq!(call("keepalived-x stop").code(), Some(0));
    wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());
    left::nothing(&node, &[OWN]);
}

/// The values of `ps`, `taskset` and `/proc` are those of Debian's keepalived for this file.
#[test]
fn the_vrrp_process_gets_its_priority_processor_and_memory_and_scripts_do_not() {
    let (_network, node) = machine();
    let script = "#!/bin/sh\nps -o ni=,cls= -p $$ | tr -s ' ' >/run/of-script\n";
    node.write_script("scripts", "look.sh", script);
    let settings = "global_defs {\n  script_user root\n  vrrp_priority -10\n  vrrp_no_swap\n  \
                    vrrp_cpu_affinity 0\n}\n";
    let text = format!("{settings}{}", configuration("single-lb01"));
    let text =
        text.replace("virtual_ipaddress", "notify_backup /scripts/look.sh\n    virtual_ipaddress");
    let look = "pid=$(cat /run/vrrp.pid); echo $(ps -o ni=,cls=,rtprio= -p $pid) \
                $(taskset -p $pid | sed 's/.*: //') $(grep -c 'VmLck:.* 0 kB' /proc/$pid/status) \
                $(awk '/Max realtime timeout/ { print $5 }' /proc/$pid/limits)";
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    wait::becomes(LIMIT, "its own values", &"-10 TS - 1 0 unlimited\n".to_owned(), || {
        node.try_sh(look).stdout
    });
    let of_script = || node.try_sh("cat /run/of-script").stdout.trim().to_owned();
    wait::becomes(LIMIT, "those of a script", &"0 TS".to_owned(), of_script);
    assert!(daemon.stop().1.success());
    for (limit, value) in [("vrrp_rlimit_rttime", 900_000), ("vrrp_rlimit_rtime", 800_000)] {
        let lines = format!("vrrp_rt_priority 5\n  {limit} {value}");
        let realtime = text.replace("vrrp_no_swap", &lines);
        let daemon = Daemon::start(&Program::ours(), &node, &realtime);
        let wanted = format!("- RR 5 1 1 {value}\n");
        wait::becomes(LIMIT, "real time", &wanted, || node.try_sh(look).stdout);
        assert!(daemon.stop().1.success());
    }
    node.sh("rm /run/of-script");
    left::nothing(&node, &[OWN]);
}

#[test]
fn signals_wait_for_the_end_of_the_startup_script() {
    let (_network, node) = machine();
    node.write_script("scripts", "wait.sh", "#!/bin/sh\n: >/run/begun\nread _ </run/go\n");
    let life = "global_defs {\n  script_user root\n  startup_script /scripts/wait.sh\n}\n";
    let text = format!("{life}{}", configuration("single-lb01"));
    node.sh("mkdir /run/dumps; mkfifo /run/go");
    node.write_file("etc", "keepalived.conf", &text);
    let start =
        format!("TMPDIR=/run/dumps {} -D >/dev/null 2>&1 &", Program::ours().path().display());
    let begun = || node.try_sh("rm /run/begun").status.success();
    node.sh(&start);
    wait::eventually(LIMIT, "the script runs", begun);
    // A reload of what is there then, and a dump; neither ends the daemon.
    node.write_file("etc", "keepalived.conf", &text.replace(VIP, "192.168.100.101"));
    node.sh("kill -HUP $(cat /run/keepalived.pid); kill -USR1 $(cat /run/keepalived.pid)");
    assert!(!node.holds(VIP) && node.pid_file("vrrp.pid").is_none(), "it waits for the script");
    node.sh("echo >/run/go");
    wait::eventually(LIMIT, "the reload", || node.holds("192.168.100.101") && !node.holds(VIP));
    wait::eventually(LIMIT, "the dump", || {
        node.try_sh("cat /run/dumps/keepalived.data").stdout.contains("VRRP Instance")
    });
    node.sh("kill $(cat /run/keepalived.pid)");
    wait::eventually(LIMIT, "it is gone", || node.processes().is_empty());

    // A stop ends the script and the start.
    node.sh(&start);
    wait::eventually(LIMIT, "the script runs", begun);
    node.sh("kill $(cat /run/keepalived.pid)");
    wait::eventually(LIMIT, "both are gone", || node.processes().is_empty());
    node.sh("rm -rf /run/dumps /run/go");
    left::nothing(&node, &[OWN]);
}
