//! What checks ask of the kernel: addresses, ports, interfaces and marks of their packets as a server sees
//! them, and the settings of their process. Other keywords: `crates/checkers/tests/keyword_effects`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lab::director::{Cluster, INTERFACE};
use lab::service::{Service, Switch};
use lab::{Daemon, Program, uml, wait};

/// The server of all checks, its ports, and an address that only the marked reach.
const SERVER: &str = "192.168.216.204";
const HIDDEN: &str = "10.77.0.1";

const LIMIT: Duration = Duration::from_secs(30);

/// A virtual server whose only real server is checked twice a second.
fn service(port: u16, check: &str) -> String {
    format!(
        "virtual_server 10.9.0.1 {port} {{
            lvs_sched rr
            lvs_method NAT
            protocol TCP
            delay_loop 0.5
            warmup 0
            retry 0
            alpha
            real_server {SERVER} {port} {{
                {check}
            }}
        }}
        "
    )
}

#[test]
fn a_server_sees_checks_as_they_are_bound_and_a_mark_finds_its_route() {
    uml::with_ipvs("a_server_sees_checks_as_they_are_bound_and_a_mark_finds_its_route", bound);
}

fn bound() {
    let cluster = Cluster::new(INTERFACE);
    let (lb01, web) = (&cluster.directors[0], &cluster.servers[0]);
    cluster.network.plug(lb01, "lb01-2", "second", &["192.168.217.10/24"]);
    lb01.sh("ip addr add 192.168.216.77/32 dev lo
             echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
             echo 0 >/proc/sys/net/ipv4/conf/second/rp_filter
             ip rule add fwmark 7 table 77
             ip route add 10.77.0.0/24 via 192.168.216.204 table 77");
    web.sh(&format!(
        "ip route add 192.168.217.0/24 dev eth0
         ip addr add {HIDDEN}/32 dev lo"
    ));
    let seen: Arc<Mutex<BTreeSet<(u16, SocketAddr)>>> = Arc::default();
    let always = Switch::default();
    let serve = |port: u16| {
        let seen = Arc::clone(&seen);
        Service::tcp(web, port, &always, move |stream, _| {
            let peer = stream.peer_addr()?;
            seen.lock().unwrap_or_else(PoisonError::into_inner).insert((port, peer));
            Ok(())
        })
    };
    let _services = [80, 81, 82, 83, 84, 85].map(serve);
    let configuration: String = [
        (80, ""),
        (81, "bindto 192.168.216.77"),
        (82, "bind_port 7777"),
        (83, "bind_if second"),
        (84, "connect_ip 10.77.0.1\nfwmark 7"),
        // The same without the mark has no route.
        (85, "connect_ip 10.77.0.1"),
        (86, "connect_port 80"),
    ]
    .map(|(port, lines)| service(port, &format!("TCP_CHECK {{\n{lines}\n}}")))
    .concat();
    let daemon = Daemon::start_with(&Program::ours(), lb01, &configuration, &["-C"]);
    let alive = || -> BTreeSet<String> {
        let port = |line: &String| Some(line.strip_prefix("-a")?.split(' ').nth(2)?.to_owned());
        lb01.ipvs().iter().filter_map(port).collect()
    };
    let wanted: BTreeSet<String> =
        [80, 81, 82, 83, 84, 86].map(|port| format!("10.9.0.1:{port}")).into();
    wait::becomes(LIMIT, "all but the one without a route", &wanted, alive);
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let peers = |port: u16| -> BTreeSet<SocketAddr> {
        seen.iter().filter(|one| one.0 == port).map(|one| one.1).collect()
    };
    let addresses = |port: u16| -> BTreeSet<String> {
        peers(port).iter().map(|peer| peer.ip().to_string()).collect()
    };
    assert_eq!(addresses(80), ["192.168.216.10".to_owned()].into());
    assert_eq!(addresses(81), ["192.168.216.77".to_owned()].into(), "bindto");
    let ports: BTreeSet<u16> = peers(82).iter().map(SocketAddr::port).collect();
    assert_eq!(ports, [7777].into(), "bind_port");
    assert_eq!(addresses(83), ["192.168.217.10".to_owned()].into(), "bind_if");
    assert!(!peers(84).is_empty() && peers(85).is_empty(), "fwmark");
    assert!(daemon.stop().1.success());
    settings(&cluster);
}

/// Settings of the process, with the values that `vrrp_*` of the same names have in `operations.rs`.
fn settings(cluster: &Cluster) {
    let lb01 = &cluster.directors[0];
    let look = "pid=$(cat /run/checkers.pid); echo $(ps -o ni=,cls=,rtprio= -p $pid) \
                $(taskset -p $pid | sed 's/.*: //') $(grep -c 'VmLck:.* 0 kB' /proc/$pid/status) \
                $(awk '/Max realtime timeout/ { print $5 }' /proc/$pid/limits) \
                $(cat /proc/$pid/comm)";
    for (lines, wanted) in [
        (
            "checker_priority -10\nchecker_no_swap\nchecker_cpu_affinity 0",
            "-10 TS - 1 0 unlimited keepalived",
        ),
        (
            "checker_rt_priority 5\nchecker_rlimit_rttime 900000\nchecker_process_name checks",
            "- RR 5 1 1 900000 checks",
        ),
        (
            "checker_rt_priority 5\nchecker_rlimit_rtime 800000\nlvs_process_name lvs",
            "- RR 5 1 1 800000 lvs",
        ),
    ] {
        let text = format!("global_defs {{\n{lines}\n}}\n{}", service(80, "TCP_CHECK {\n}"));
        let daemon = Daemon::start_with(&Program::ours(), lb01, &text, &["-C"]);
        let seen = || lb01.try_sh(look).stdout.trim().to_owned();
        wait::becomes(LIMIT, &format!("the process with {lines}"), &wanted.to_owned(), seen);
        assert!(daemon.stop().1.success());
    }
}
