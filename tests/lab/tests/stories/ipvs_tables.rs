//! The table of the kernel for each configuration in `ipvs/`, which holds it as comments: what
//! `ipvsadm -Sn`, `--thresholds` and `--timeout` show while Debian's keepalived runs. Both daemons
//! must bring it about, and leave nothing.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lab::{Daemon, Network, Node, Program, left, uml, wait};

const OWN: [&str; 1] = ["10.0.0.1/8"];

/// From the start to the table; User-Mode Linux on a busy machine is slow.
const LIMIT: Duration = Duration::from_secs(60);

/// Schedulers and an engine that the lab's kernel has as modules.
const MODULES: &str = "ip_vs_dh ip_vs_fo ip_vs_ovf ip_vs_lblc ip_vs_lblcr ip_vs_sed ip_vs_nq \
                       ip_vs_pe_sip fou ip_gre";

/// A service that somebody else has made: it has to stay.
const FOREIGN: [&str; 2] =
    ["-A -t 10.88.0.1:80 -s rr", "-a -t 10.88.0.1:80 -r 10.9.0.77:80 -g -w 1"];

#[test]
fn every_configuration_makes_the_table_that_keepalived_makes() {
    uml::with_ipvs("every_configuration_makes_the_table_that_keepalived_makes", || {
        each_configuration_with(&Program::ours(), &configurations());
    });
}

/// A stop of keepalived takes five seconds, so the files are shared out between kernels that run beside
/// each other.
const SHARES: usize = 4;

#[test]
fn keepalived_itself_makes_the_tables_of_the_first_share() {
    keepalived_itself("keepalived_itself_makes_the_tables_of_the_first_share", 0);
}

#[test]
fn keepalived_itself_makes_the_tables_of_the_second_share() {
    keepalived_itself("keepalived_itself_makes_the_tables_of_the_second_share", 1);
}

#[test]
fn keepalived_itself_makes_the_tables_of_the_third_share() {
    keepalived_itself("keepalived_itself_makes_the_tables_of_the_third_share", 2);
}

#[test]
fn keepalived_itself_makes_the_tables_of_the_last_share() {
    keepalived_itself("keepalived_itself_makes_the_tables_of_the_last_share", SHARES - 1);
}

fn keepalived_itself(name: &str, share: usize) {
    let Some(keepalived) = Program::debian() else { return };
    uml::with_ipvs(name, || {
        let all = configurations().into_iter();
        let own: Vec<_> = all.skip(share).step_by(SHARES).collect();
        each_configuration_with(&keepalived, &own);
    });
}

fn each_configuration_with(program: &Program, configurations: &[(String, String)]) {
    load_modules();
    let network = Network::new();
    let director = network.machine("lb01", "eth0", &OWN);
    director.sh("sysctl -qw net.ipv6.conf.eth0.accept_dad=0; ip addr add 2001:db8::ff/64 dev eth0");
    for (name, text) in configurations {
        println!("{name}");
        let wanted: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#= ")).collect();
        let daemon = Daemon::start_with(program, &director, text, &["-C"]);
        let services = text.lines().filter(|line| line.starts_with("virtual_server ")).count();
        wait::eventually(LIMIT, name, || {
            let log = daemon.log().text();
            let said = |line: &&str| line.contains(" quorum ") && line.contains(" for VS ");
            log.lines().filter(said).count() == services
        });
        assert_eq!(state(&director), wanted, "{name}");
        assert!(daemon.stop().1.success(), "{name}");
        assert_eq!(state(&director), ["Timeout (tcp tcpfin udp): 900 120 300"], "after {name}");
    }
    left::nothing(&director, &OWN);
}

#[test]
fn lvs_flush_and_lvs_flush_on_stop_empty_the_table_and_else_foreign_services_stay() {
    uml::with_ipvs(
        "lvs_flush_and_lvs_flush_on_stop_empty_the_table_and_else_foreign_services_stay",
        || {
            flushes(&Program::ours());
            if let Some(keepalived) = Program::debian() {
                flushes(&keepalived);
            }
        },
    );
}

/// Each setting, and whether the foreign service is there while the daemon runs, and afterwards.
fn flushes(program: &Program) {
    let network = Network::new();
    let director = network.machine("lb01", "eth0", &OWN);
    for (setting, during, after) in [
        ("", true, true),
        ("lvs_flush", false, false),
        ("lvs_flush_on_stop", true, false),
        ("lvs_flush_onstop", true, false),
        ("lvs_flush_on_stop VS", true, true),
    ] {
        director.sh("ipvsadm -C; ipvsadm -A -t 10.88.0.1:80 -s rr
             ipvsadm -a -t 10.88.0.1:80 -r 10.9.0.77:80 -g");
        let configuration = format!(
            "global_defs {{\n {setting}\n}}\nvirtual_server 10.8.0.1 80 {{\n protocol TCP\n \
             real_server 10.9.0.1 80 {{\n }}\n}}\n"
        );
        let foreign = |is_there| if is_there { FOREIGN.to_vec() } else { vec![] };
        let daemon = Daemon::start_with(program, &director, &configuration, &["-C"]);
        let mut wanted = foreign(during);
        wanted.extend(["-A -t 10.8.0.1:80 -s wlc", "-a -t 10.8.0.1:80 -r 10.9.0.1:80 -m -w 1"]);
        wanted.sort_unstable();
        wait::eventually(LIMIT, setting, || daemon.log().text().contains("Gained quorum"));
        assert_eq!(director.ipvs(), wanted, "during {setting}");
        assert!(daemon.stop().1.success());
        assert_eq!(director.ipvs(), foreign(after), "after {setting}");
    }
}

/// Name and text of each file.
fn configurations() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ipvs");
    let mut found: Vec<_> = fs::read_dir(folder)
        .expect("the folder of configurations")
        .map(|entry| entry.expect("a readable folder").path())
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a readable configuration");
            (path.file_name().expect("a file").to_string_lossy().into_owned(), text)
        })
        .collect();
    found.sort();
    assert!(found.len() >= 40, "{} configurations", found.len());
    found
}

fn load_modules() {
    let mut modprobe = Command::new("modprobe");
    modprobe.args(["-a", "-q"]).args(MODULES.split_whitespace());
    lab::command::run(modprobe, "");
}

/// The table, then thresholds that are set, then the timeouts; asked for in one shell, for processes
/// are dear in User-Mode Linux.
fn state(node: &Node) -> Vec<String> {
    let text = node.sh("ipvsadm -Sn; ipvsadm -Ln --thresholds; ipvsadm -l --timeout");
    let (mut lines, mut others) = (Vec::new(), Vec::new());
    for line in text.lines().map(str::trim_end) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["-A" | "-a", ..] => lines.push(line.to_owned()),
            ["->", address, upper, lower, ..]
                if upper.parse::<u32>().is_ok() && (upper, lower) != ("0", "0") =>
            {
                others.push(format!("limits {address} {upper} {lower}"));
            }
            ["Timeout", ..] => others.push(line.to_owned()),
            _ => {}
        }
    }
    lines.sort();
    lines.extend(others);
    lines
}
