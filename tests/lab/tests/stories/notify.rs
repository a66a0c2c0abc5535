//! Notify scripts: one after another for each object, beside each other for different ones, and no stop
//! waits for them long.

use std::time::{Duration, Instant};

use lab::{Daemon, Network, Program, left, wait};

const OWN: &str = "192.168.100.11/24";
const LIMIT: Duration = Duration::from_secs(10);

/// A script that hangs is waited for one second at a stop, and then killed.
const STOP: Duration = Duration::from_secs(8);

/// The scripts of one instance wait for a file, those of the other one do not.
const TELL: &str = "#!/bin/sh
echo \"$2 $3 begins\" >>/run/told
while [ $2 = VI_1 ] && [ ! -e /run/go ]; do sleep 0.05; done
echo \"$2 $3 ends\" >>/run/told
";

fn instance(number: u8, lines: &str) -> String {
    format!(
        "vrrp_instance VI_{number} {{\ninterface eth0\nvirtual_router_id {number}\npriority 100\n\
         advert_int 0.1\nversion 3\nvirtual_ipaddress {{\n192.168.100.10{number}/24\n}}\n{lines}\n}}\n"
    )
}

#[test]
fn scripts_keep_the_order_of_an_object_and_hold_up_no_other_one() {
    let (_network, node) = Network::of_one(&[OWN]);
    node.write_script("scripts", "tell.sh", TELL);
    let lines = "notify /scripts/tell.sh";
    let text = format!(
        "global_defs {{\nscript_user root\n}}\n{}{}",
        instance(1, lines),
        instance(2, lines)
    );
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    let told = |name: &str| {
        let text = node.try_sh("cat /run/told").stdout;
        let own = text.lines().filter(|line| line.starts_with(name)).map(str::to_owned);
        own.collect::<Vec<String>>()
    };
    let all = |name: &str| {
        ["BACKUP begins", "BACKUP ends", "MASTER begins", "MASTER ends"]
            .map(|what| format!("{name} {what}"))
            .to_vec()
    };
    daemon.wait_log("(VI_1) Entering MASTER STATE", LIMIT);
    wait::becomes(LIMIT, "nobody holds this one up", &all("VI_2"), || told("VI_2"));
    assert_eq!(told("VI_1"), ["VI_1 BACKUP begins"], "the next one waits");
    node.sh("touch /run/go");
    wait::becomes(LIMIT, "one after another", &all("VI_1"), || told("VI_1"));
    assert!(daemon.stop().1.success());
    node.sh("rm /run/told /run/go");
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_stop_does_not_wait_for_a_script_that_hangs() {
    let (_network, node) = Network::of_one(&[OWN]);
    node.write_script("scripts", "hang.sh", "#!/bin/sh\necho >/run/hangs\nexec sleep 1000\n");
    let text = format!(
        "global_defs {{\nscript_user root\n}}\n{}",
        instance(1, "notify_stop /scripts/hang.sh")
    );
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    wait::eventually(LIMIT, "the VIP is there", || node.holds("192.168.100.101"));
    let begin = Instant::now();
    assert!(daemon.stop().1.success());
    assert!(begin.elapsed() < STOP, "{:?}", begin.elapsed());
    assert_eq!(node.run_files(), ["hangs"], "it was started");
    wait::eventually(LIMIT, "it is ended", || node.processes().is_empty());
    node.sh("rm /run/hangs");
    left::nothing(&node, &[OWN]);
}

/// Groups as `/etc/group` has them, and one more.
const GROUPS: &str = "cp /etc/group /run/groups
    echo 'lab-only:x:4321:nobody' >>/run/groups
    mount --bind /run/groups /etc/group
    touch /run/who; chmod 666 /run/who";

#[test]
fn scripts_have_the_user_that_is_configured_and_its_other_groups_where_asked_for() {
    let (_network, node) = Network::of_one(&[OWN]);
    node.write_script("scripts", "who.sh", "#!/bin/sh\necho $(id -u) $(id -G) >/run/who\n");
    node.sh(GROUPS);
    let own = node.sh("id -g nobody").trim().to_owned();
    let uid = node.sh("id -u nobody").trim().to_owned();
    let who = || node.try_sh("cat /run/who").stdout.trim().to_owned();
    for (lines, wanted) in [
        ("script_user root", "0 0".to_owned()),
        ("script_user nobody", format!("{uid} {own}")),
        ("script_user nobody root", format!("{uid} 0")),
        ("script_user nobody\nset_supplementary_groups", format!("{uid} {own} 4321")),
    ] {
        let instance = instance(1, "notify_backup /scripts/who.sh");
        let text = format!("global_defs {{\n{lines}\n}}\n{instance}");
        let daemon = Daemon::start(&Program::ours(), &node, &text);
        wait::becomes(LIMIT, &format!("the script with {lines}"), &wanted, who);
        assert!(daemon.stop().1.success());
    }
    node.sh("umount /etc/group; rm -r /run/groups /run/who /run/mount");
    left::nothing(&node, &[OWN]);
}
