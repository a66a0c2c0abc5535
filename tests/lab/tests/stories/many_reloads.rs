//! Reloads without an end, in which everything that a configuration may bring comes and goes: no
//! process needs more memory or descriptors than before. `LAB_RELOADS=1000` for more of them.

use std::env;
use std::time::Duration;

use lab::director::{Cluster, DIRECTORS, INTERFACE};
use lab::process::Process;
use lab::scenario::configuration;
use lab::web::Web;
use lab::{Daemon, Network, Program, left, uml, wait};

const LIMIT: Duration = Duration::from_secs(20);

const OWN: &str = "192.168.100.11/24";

/// Rounds of two reloads before the first measurement: caches and free lists have their size by then.
const FIRST: usize = 10;

/// KiB that an allocator may have in other places than before.
const NOISE: usize = 128;

/// Reloads between the two measurements, where `LAB_RELOADS` does not say.
fn reloads(default: usize) -> usize {
    env::var("LAB_RELOADS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What a process has open, and its memory.
fn needs(processes: &[Process]) -> Vec<(Vec<String>, usize)> {
    processes.iter().map(|one| (one.descriptors(), one.memory())).collect()
}

/// The same, once descriptors do not change for a while: scripts end, old sockets are closed.
fn settled(processes: &[Process]) -> Vec<(Vec<String>, usize)> {
    let (mut last, mut same) = (needs(processes), 0);
    wait::eventually(LIMIT, "they are at rest", || {
        std::thread::sleep(Duration::from_millis(50));
        let now = needs(processes);
        same = if now.iter().zip(&last).all(|(now, last)| now.0 == last.0) { same + 1 } else { 0 };
        last = now;
        same == 10
    });
    last
}

/// Reloads now the one, now the other text, and measures before and after.
fn reload_in_turns(daemon: &Daemon<'_>, processes: &[Process], texts: [&str; 2], reloads: usize) {
    let round = || {
        for text in texts {
            let from = daemon.reload(text);
            let line = daemon.log().wait_since(from, "Reload ", LIMIT);
            assert!(!line.text.contains("refused"), "{}", line.text);
            if line.text.contains("complete") {
                continue;
            }
            daemon.log().wait_since(from, "Reload complete", LIMIT);
        }
    };
    (0..FIRST).for_each(|_| round());
    let before = settled(processes);
    (0..reloads / 2).for_each(|_| round());
    let after = settled(processes);
    for (process, (before, after)) in processes.iter().zip(before.iter().zip(&after)) {
        let name = &process.name;
        println!(
            "{name}: {reloads} reloads: {} to {} descriptors, {} to {} KiB",
            before.0.len(),
            after.0.len(),
            before.1,
            after.1
        );
        assert!(process.is_alive(), "{name} is the same process");
        assert_eq!(before.0, after.0, "descriptors of {name}");
        assert!(after.1 <= before.1 + NOISE, "memory of {name}: {} to {} KiB", before.1, after.1);
    }
}

/// Scripts, trackers, pipes, a MAC address of its own, routes, a group, another instance.
const MORE: &str = "
vrrp_track_process other {
  process nothing_of_that_name
}
vrrp_script tick {
  script \"/bin/true\"
  interval 1
}
track_file number {
  file /run/number
  weight 1
  init_file 0
}
static_routes {
  10.77.0.0/16 dev eth0
}
vrrp_sync_group both {
  group {
    VI_1
    more
  }
}
vrrp_instance more {
  state BACKUP
  interface eth0
  use_vmac
  virtual_router_id 77
  priority 90
  advert_int 1
  virtual_ipaddress {
    192.168.100.201
    192.168.100.202
  }
  virtual_routes {
    10.78.0.0/16 dev eth0
  }
  virtual_rules {
    from 10.79.0.0/16 lookup 79 preference 79
  }
  track_script {
    tick weight 1
  }
  notify_master /bin/true
  notify_backup /bin/true
}
";

#[test]
fn a_hundred_reloads_of_vrrp_need_no_more_memory_and_no_more_descriptors() {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &[OWN]);
    let pipes = "global_defs {\n  script_user root\n  enable_script_security\n}\n";
    let few = format!("{pipes}{}", configuration("single-lb01"));
    let fifo = "  vrrp_notify_fifo /run/pipe\n}\n";
    let many = format!("{few}{MORE}").replacen("}\n", fifo, 1);
    let daemon = Daemon::start(&Program::ours(), &node, &few);
    wait::eventually(LIMIT, "the VIP is there", || node.holds("192.168.100.100"));
    let processes = [daemon.parent(), daemon.vrrp()];
    reload_in_turns(&daemon, &processes, [&many, &few], reloads(100));
    assert!(daemon.stop().1.success());
    node.sh("rm -f /run/number");
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_hundred_reloads_of_services_need_no_more_memory_and_no_more_descriptors() {
    let name = "a_hundred_reloads_of_services_need_no_more_memory_and_no_more_descriptors";
    uml::with_ipvs(name, || {
        let cluster = Cluster::new(INTERFACE);
        let [node, _] = &cluster.directors;
        let _webs = cluster.servers.each_ref().map(|node| Web::start(node, 80));
        let few = configuration("lvs-dr-master").replace("delay_loop 6", "delay_loop 1");
        let service = few.split_once("virtual_server").map(|(_, rest)| rest).expect("a service");
        let second = service.replacen("192.168.216.250 80", "192.168.216.250 81", 1);
        let check = "HTTP_GET {\n url { path /; status_code 200 }\n connect_port 80 }\n \
                     MISC_CHECK { misc_path /bin/true; user root }\n PING_CHECK { }";
        let second = second.replace("TCP_CHECK {", &format!("{check}\n TCP_CHECK {{"));
        let many = few.replace("weight 1", "weight 2");
        let many = format!("{many}virtual_server{second}");
        let daemon = Daemon::start(&Program::ours(), node, &few);
        let servers = || node.proc_net("ip_vs").matches("  -> ").count().saturating_sub(1);
        wait::becomes(LIMIT, "servers in the table", &2, servers);
        wait::eventually(LIMIT, "the VIP is there", || node.holds("192.168.216.250"));
        let processes = [daemon.parent(), daemon.vrrp(), daemon.checker()];
        reload_in_turns(&daemon, &processes, [&many, &few], reloads(100));
        wait::becomes(LIMIT, "servers in the table", &2, servers);
        assert!(daemon.stop().1.success());
        left::nothing(node, &DIRECTORS[..1]);
    });
}
