//! The kernel's table through reloads and hands, beside Debian's keepalived where it does the same.

use std::time::Duration;

use lab::{Daemon, Network, Node, Program, left, sockets, uml, wait};
use nix::sys::signal::Signal;

const OWN: [&str; 1] = ["10.0.0.1/8"];

/// User-Mode Linux on a busy machine is slow.
const LIMIT: Duration = Duration::from_secs(60);

/// The daemon looks for removed entries every five seconds.
const LOOK: Duration = Duration::from_secs(30);

const BEFORE: &str = "global_defs {
    lvs_timeouts tcp 700
}
virtual_server_group web {
    10.8.0.1-3 80
}
virtual_server_group mail {
    10.8.1.1 25
    fwmark 5
}
virtual_server group web {
    protocol TCP
    lb_algo rr
    lb_kind NAT
    real_server 10.9.0.1 80 {
    }
}
virtual_server group mail {
    protocol TCP
    lb_algo wlc
    lb_kind DR
    real_server 10.9.1.1 25 {
    }
}
";

/// The groups change places, one has other entries, another comes, and another timeout is set.
const AFTER: &str = "global_defs {
    lvs_timeouts udp 77
}
virtual_server_group dns {
    10.8.2.1 53
}
virtual_server_group mail {
    10.8.1.1 25
    fwmark 5
}
virtual_server_group web {
    10.8.0.3-4 80
}
virtual_server group dns {
    protocol UDP
    lb_algo rr
    lb_kind NAT
    real_server 10.9.2.1 53 {
    }
}
virtual_server group mail {
    protocol TCP
    lb_algo wlc
    lb_kind DR
    real_server 10.9.1.1 25 {
    }
    real_server 10.9.1.2 25 {
    }
}
virtual_server group web {
    protocol TCP
    lb_algo rr
    lb_kind NAT
    real_server 10.9.0.1 80 {
    }
}
";

#[test]
fn a_reload_changes_groups_and_timeouts_as_a_start_would_set_them() {
    uml::with_ipvs("a_reload_changes_groups_and_timeouts_as_a_start_would_set_them", || {
        let network = Network::new();
        let director = network.machine("lb01", "eth0", &OWN);
        let started = |text: &str| {
            let daemon = Daemon::start_with(&Program::ours(), &director, text, &["-C"]);
            daemon.wait_log("Gained quorum", LIMIT);
            let services = text.matches("virtual_server group").count();
            wait::eventually(LIMIT, "all quorums", || {
                daemon.log().text().matches("Gained quorum").count() == services
            });
            daemon
        };
        let daemon = started(AFTER);
        let wanted = state(&director);
        assert!(daemon.stop().1.success());
        let daemon = started(BEFORE);
        assert!(director.ipvs().contains(&"-A -t 10.8.0.1:80 -s rr".to_owned()));
        assert!(timeouts(&director).contains(": 700 120 300"));
        // A successor hears of the values of before, and puts them back at the end.
        let victim = daemon.checker();
        victim.signal(Signal::SIGKILL);
        wait::eventually(LIMIT, "a successor", || {
            !victim.is_alive() && daemon.checker().pid != victim.pid
        });
        daemon.reload(AFTER);
        wait::becomes(LIMIT, "the table of the new file", &wanted, || state(&director));
        assert!(daemon.log().text().contains("virtual server [dns]:0 added"));
        assert!(
            !daemon.log().text().contains("no longer exist"),
            "no server of another group goes"
        );
        assert!(daemon.stop().1.success());
        assert!(timeouts(&director).contains(": 900 120 300"));
        left::nothing(&director, &OWN);
    });
}

#[test]
fn what_somebody_removes_comes_back_and_what_he_sets_otherwise_stays() {
    uml::with_ipvs("what_somebody_removes_comes_back_and_what_he_sets_otherwise_stays", || {
        let network = Network::new();
        let director = network.machine("lb01", "eth0", &OWN);
        let daemon = Daemon::start_with(&Program::ours(), &director, BEFORE, &["-C"]);
        let services = ["Gained quorum 1+0=1 <= 1 for VS [web]:0", "VS [mail]:0"];
        services.iter().for_each(|line| drop(daemon.wait_log(line, LIMIT)));
        director.sh("ipvsadm -e -t 10.8.0.2:80 -r 10.9.0.1:80 -m -w 7");
        let wanted = director.ipvs();
        director.sh("ipvsadm -D -t 10.8.0.1:80
             ipvsadm -d -t 10.8.1.1:25 -r 10.9.1.1:25
             ipvsadm -A -t 10.88.0.1:80 -s rr");
        daemon.wait_log("3 entries were missing, they are back", LOOK);
        let mut now = director.ipvs();
        now.retain(|line| !line.contains("10.88.0.1"));
        assert_eq!(now, wanted);
        assert!(daemon.stop().1.success());
        assert_eq!(director.ipvs(), ["-A -t 10.88.0.1:80 -s rr"], "not ours");
        // What is ours stays where it is to.
        let options = ["-C", "--dont-release-ipvs"];
        let flush = format!("global_defs {{\n    lvs_flush_on_stop\n}}\n{BEFORE}");
        let daemon = Daemon::start_with(&Program::ours(), &director, &flush, &options);
        services.iter().for_each(|line| drop(daemon.wait_log(line, LIMIT)));
        let table = director.ipvs();
        assert!(table.len() > 1, "{table:?}");
        assert!(daemon.stop().1.success());
        assert_eq!(director.ipvs(), table);
    });
}

/// Receive buffers of the checker process: its route sockets, then the one to IPVS.
fn buffers(daemon: &Daemon<'_>) -> Vec<usize> {
    const NETLINK: u16 = 16;
    let all = sockets::of(&daemon.checker()).into_iter().filter(|one| one.family == NETLINK);
    all.map(|one| one.receive_buffer).collect()
}

#[test]
fn receive_buffers_of_the_checkers_are_as_large_as_they_are_to_be() {
    uml::with_ipvs("receive_buffers_of_the_checkers_are_as_large_as_they_are_to_be", || {
        let network = Network::new();
        let director = network.machine("lb01", "eth0", &OWN);
        let plain = BEFORE.replace("protocol TCP", "protocol TCP\n    ha_suspend");
        let daemon = Daemon::start_with(&Program::ours(), &director, &plain, &["-C"]);
        daemon.wait_log("VS [mail]:0", LIMIT);
        let (command, monitor) = (1024 * 1024, 8 * 1024 * 1024);
        assert_eq!(buffers(&daemon), [command, monitor, command]);
        let limit = sockets::limit();
        let smaller = 100_000;
        let globals = "lvs_netlink_cmd_rcv_bufs 100000\nlvs_netlink_monitor_rcv_bufs 20000000";
        for (more, monitor) in [("", limit), ("\nlvs_netlink_monitor_rcv_bufs_force", 20_000_000)] {
            daemon.reload(&format!("global_defs {{\n{globals}{more}\n}}\n{plain}"));
            let wanted = vec![smaller, monitor, smaller];
            wait::becomes(LIMIT, "the buffers", &wanted, || buffers(&daemon));
        }
        let forced = "lvs_netlink_cmd_rcv_bufs 20000000\nlvs_netlink_cmd_rcv_bufs_force";
        daemon.reload(&format!("global_defs {{\n{forced}\n}}\n{plain}"));
        let wanted = vec![monitor, 20_000_000, 20_000_000];
        wait::becomes(LIMIT, "the buffers", &wanted, || buffers(&daemon));
        assert!(daemon.stop().1.success());
    });
}

fn state(node: &Node) -> Vec<String> {
    let mut lines = node.ipvs();
    lines.push(timeouts(node));
    lines
}

fn timeouts(node: &Node) -> String {
    node.sh("ipvsadm -l --timeout").trim().to_owned()
}
