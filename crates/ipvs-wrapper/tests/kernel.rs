//! The wrapper against a kernel with IPVS, each test in a network namespace of its own, compared as
//! text with what `ipvsadm -Sn` lists; where the running kernel has no IPVS, in User-Mode Linux.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this is test code")]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

use ipvs_wrapper::{
    Daemon, Destination, Error, Family, Forwarding, Ipvs, Managed, Pool, Protocol, Role, Service,
    ServiceKey, SyncDaemons, TUNNEL_CHECKSUM, TUNNEL_REMOTE_CHECKSUM, Table, Timeouts, Tunnel,
    TunnelKind, table,
};
use lab::uml;
use netlink::Socket;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

/// IPVS in a new network namespace of this thread; `None` where this kernel has none, and
/// [`all_of_it_runs_in_user_mode_linux_where_this_kernel_has_no_ipvs`] is what counts.
fn ipvs() -> Option<Ipvs<Socket>> {
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => {}
        Err(Errno::EPERM) => {
            skips::skip(skips::Lack::Setup, "network namespaces need root");
            return None;
        }
        Err(error) => panic!("unshare: {error}"),
    }
    run("ip", "link set lo up");
    match connect() {
        Ok(ipvs) => Some(ipvs),
        Err(error @ Error::NoIpvs) => {
            assert!(error.to_string().contains("modprobe ip_vs"), "{error}");
            assert!(!uml::is_inside(), "{error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn all_of_it_runs_in_user_mode_linux_where_this_kernel_has_no_ipvs() {
    if !uml::is_inside() && !uml::has_ipvs() {
        let text = uml::again(&["--nocapture", "--test-threads=1"]);
        assert!(text.contains("0 failed; 0 ignored; 0 measured; 0 filtered out"), "see above");
    }
}

fn connect() -> Result<Ipvs<Socket>, Error> {
    Ipvs::open(Socket::commands(netlink::Protocol::Generic)?)
}

fn run(program: &str, words: &str) -> String {
    let output = Command::new(program).args(words.split_whitespace()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// The lines of `ipvsadm -Sn`, without the type of tunnels, which old versions do not list.
fn listed() -> Vec<String> {
    let text = run("ipvsadm", "-Sn").replace(" --tun-type ipip", "");
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn tcp(text: &str) -> ServiceKey {
    let address: SocketAddr = text.parse().unwrap();
    ServiceKey::address(Protocol::Tcp, address.ip(), address.port())
}

fn server(text: &str, forwarding: Forwarding, weight: u32) -> Destination {
    Destination::new(text.parse().unwrap(), forwarding, weight)
}

fn pool(service: Service, destinations: &[Destination]) -> Pool {
    let mut pool = Pool::new(service);
    destinations.iter().for_each(|destination| pool.insert(destination.clone()));
    pool
}

fn table(pools: Vec<Pool>) -> Table {
    let mut table = Table::default();
    pools.into_iter().for_each(|pool| table.insert(pool));
    table
}

/// One of everything.
fn rich() -> Table {
    let persistent = Service {
        persistence: Some(300),
        persistence_prefix: Some(24),
        flags: table::SCHEDULER_1,
        ..Service::new(tcp("10.8.0.1:80"), "sh")
    };
    let udp = Service {
        flags: table::ONE_PACKET,
        ..Service::new(
            ServiceKey::address(Protocol::Udp, IpAddr::V4(Ipv4Addr::new(10, 8, 0, 1)), 53),
            "rr",
        )
    };
    let ipv6 = Service {
        persistence: Some(60),
        persistence_prefix: Some(64),
        ..Service::new(tcp("[2001:db8::1]:80"), "wlc")
    };
    let mark = ServiceKey::FirewallMark { family: Family::Inet, mark: 5 };
    let limited = Destination {
        upper_threshold: 100,
        lower_threshold: 10,
        ..server("10.9.0.2:80", Forwarding::DirectRouting, 0)
    };
    table(vec![
        pool(persistent, &[server("10.9.0.1:80", Forwarding::DirectRouting, 3), limited]),
        pool(udp, &[server("10.9.0.1:5353", Forwarding::Masquerade, 1)]),
        pool(ipv6, &[server("[2001:db8::9]:80", Forwarding::Tunnel, 1)]),
        pool(Service::new(mark, "wrr"), &[server("10.9.0.1:0", Forwarding::DirectRouting, 7)]),
    ])
}

#[test]
fn all_kinds_of_entries_are_as_ipvsadm_lists_them_and_read_back_the_same() {
    let Some(mut ipvs) = ipvs() else { return };
    assert_eq!(ipvs.info().version_text(), "1.2.1");
    let wanted = rich();
    let managed = Managed::all_of(&wanted);
    let report = ipvs.reconcile(&managed, &wanted).unwrap();
    assert_eq!((report.done, report.refused), (9, vec![]));
    let mut lines = listed();
    lines.sort();
    assert_eq!(
        lines,
        [
            "-A -f 5 -s wrr",
            "-A -t 10.8.0.1:80 -s sh -p 300 -M 255.255.255.0 -b sh-fallback",
            "-A -t [2001:db8::1]:80 -s wlc -p 60 -M 64",
            "-A -u 10.8.0.1:53 -s rr -o",
            "-a -f 5 -r 10.9.0.1:0 -g -w 7",
            "-a -t 10.8.0.1:80 -r 10.9.0.1:80 -g -w 3",
            "-a -t 10.8.0.1:80 -r 10.9.0.2:80 -g -w 0",
            "-a -t [2001:db8::1]:80 -r [2001:db8::9]:80 -i -w 1",
            "-a -u 10.8.0.1:53 -r 10.9.0.1:5353 -m -w 1",
        ]
    );
    let thresholds = run("ipvsadm", "-Ln --thresholds");
    let line = thresholds.lines().find(|line| line.contains("10.9.0.2:80")).unwrap();
    assert_eq!(line.split_whitespace().collect::<Vec<_>>()[1..4], ["10.9.0.2:80", "100", "10"]);
    assert_eq!(ipvs.dump().unwrap(), wanted);
    assert_eq!(*ipvs.table(), wanted);
    assert_eq!(ipvs.reconcile(&managed, &wanted).unwrap().done, 0, "nothing differs");

    // a successor finds the table as it should be
    let mut successor = connect().unwrap();
    assert_eq!(successor.reconcile(&managed, &wanted).unwrap().done, 0);

    successor.reconcile(&managed, &Table::default()).unwrap();
    assert_eq!(listed(), [] as [&str; 0]);
}

#[test]
fn tunnels_of_all_kinds_are_as_ipvsadm_lists_them_and_read_back_the_same() {
    let Some(mut ipvs) = ipvs() else { return };
    let tunnel = |last, kind, port, flags| Destination {
        tunnel: Tunnel { kind, port, flags },
        ..server(&format!("10.9.0.{last}:80"), Forwarding::Tunnel, 1)
    };
    let wanted = table(vec![pool(
        Service::new(tcp("10.8.0.1:80"), "rr"),
        &[
            tunnel(1, TunnelKind::IpIp, 0, 0),
            tunnel(2, TunnelKind::Gue, 6080, TUNNEL_REMOTE_CHECKSUM),
            tunnel(3, TunnelKind::Gre, 0, TUNNEL_CHECKSUM),
        ],
    )]);
    let managed = Managed::all_of(&wanted);
    assert_eq!(ipvs.reconcile(&managed, &wanted).unwrap().refused, []);
    let text = run("ipvsadm", "-Sn");
    let mut lines: Vec<_> = text.lines().map(str::trim_end).skip(1).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "-a -t 10.8.0.1:80 -r 10.9.0.1:80 -i -w 1 --tun-type ipip",
            "-a -t 10.8.0.1:80 -r 10.9.0.2:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum",
            "-a -t 10.8.0.1:80 -r 10.9.0.3:80 -i -w 1 --tun-type gre --tun-csum",
        ]
    );
    assert_eq!(ipvs.dump().unwrap(), wanted);
    assert_eq!(ipvs.reconcile(&managed, &wanted).unwrap().done, 0, "nothing differs");
}

#[test]
fn timeouts_are_set_one_by_one_and_put_back() {
    let Some(mut ipvs) = ipvs() else { return };
    let before = ipvs.timeouts().unwrap();
    ipvs.set_timeouts(&Timeouts { udp: Some(17), ..Timeouts::default() }).unwrap();
    assert_eq!(ipvs.timeouts().unwrap(), Timeouts { udp: Some(17), ..before });
    ipvs.set_timeouts(&before).unwrap();
    assert_eq!(ipvs.timeouts().unwrap(), before);
}

#[test]
fn a_flush_empties_the_table_of_everybody() {
    let Some(mut ipvs) = ipvs() else { return };
    run("ipvsadm", "-A -t 10.8.0.9:80 -s rr");
    ipvs.flush().unwrap();
    assert_eq!(listed(), [] as [&str; 0]);
}

#[test]
fn sync_daemons_start_change_their_role_and_stop() {
    if ipvs().is_none() {
        return;
    }
    let mut daemons = SyncDaemons::connect().unwrap();
    let interface = "lo".to_owned();
    let master = Daemon {
        role: Role::Master,
        interface,
        id: 7,
        max_length: Some(1000),
        port: Some(9000),
        ttl: Some(3),
        group: Some("224.0.0.99".parse().unwrap()),
    };
    assert_eq!(daemons.reconcile(std::slice::from_ref(&master)).unwrap(), []);
    assert_eq!(daemons.list().unwrap(), std::slice::from_ref(&master));
    let backup = Daemon { role: Role::Backup, ..master };
    assert_eq!(daemons.reconcile(std::slice::from_ref(&backup)).unwrap(), []);
    // a backup takes messages of 1024 bytes, whatever it is told
    let listed = Daemon { max_length: Some(1024), ..backup.clone() };
    assert_eq!(daemons.list().unwrap(), std::slice::from_ref(&listed));
    assert_eq!(daemons.reconcile(&[backup]).unwrap(), []);
    assert_eq!(daemons.list().unwrap(), [listed]);
    assert_eq!(daemons.reconcile(&[]).unwrap(), []);
    assert_eq!(daemons.list().unwrap(), []);
}

#[test]
fn a_server_on_this_host_is_no_lasting_difference() {
    let Some(mut ipvs) = ipvs() else { return };
    let wanted = table(vec![pool(
        Service::new(tcp("10.8.0.1:80"), "rr"),
        &[server("127.0.0.1:80", Forwarding::DirectRouting, 1)],
    )]);
    let managed = Managed::all_of(&wanted);
    ipvs.reconcile(&managed, &wanted).unwrap();
    ipvs.resync().unwrap();
    assert_eq!(ipvs.reconcile(&managed, &wanted).unwrap().done, 0);
}

#[test]
fn only_what_changed_is_written() {
    let Some(mut ipvs) = ipvs() else { return };
    let key = tcp("10.8.0.1:80");
    let before = table(vec![pool(
        Service::new(key, "rr"),
        &[
            server("10.9.0.1:80", Forwarding::DirectRouting, 1),
            server("10.9.0.2:80", Forwarding::DirectRouting, 1),
        ],
    )]);
    ipvs.reconcile(&Managed::all_of(&before), &before).unwrap();
    let after = table(vec![pool(
        Service { persistence: Some(50), ..Service::new(key, "wrr") },
        &[
            server("10.9.0.2:80", Forwarding::DirectRouting, 9),
            server("10.9.0.3:80", Forwarding::DirectRouting, 1),
        ],
    )]);
    let mut managed = Managed::all_of(&before);
    managed.extend(&after);
    assert_eq!(ipvs.reconcile(&managed, &after).unwrap().done, 4);
    let lines: BTreeSet<_> = listed().into_iter().collect();
    let expected = [
        "-A -t 10.8.0.1:80 -s wrr -p 50",
        "-a -t 10.8.0.1:80 -r 10.9.0.2:80 -g -w 9",
        "-a -t 10.8.0.1:80 -r 10.9.0.3:80 -g -w 1",
    ];
    assert_eq!(lines, expected.map(str::to_owned).into());
    assert_eq!(ipvs.dump().unwrap(), after);
}

#[test]
fn entries_of_somebody_else_stay() {
    let Some(mut ipvs) = ipvs() else { return };
    run("ipvsadm", "-A -t 10.8.0.9:80 -s rr");
    run("ipvsadm", "-A -t 10.8.0.1:80 -s rr");
    run("ipvsadm", "-a -t 10.8.0.1:80 -r 10.9.0.9:80 -g -w 4");
    ipvs.resync().unwrap();
    let wanted = table(vec![pool(
        Service::new(tcp("10.8.0.1:80"), "rr"),
        &[server("10.9.0.1:80", Forwarding::DirectRouting, 1)],
    )]);
    let managed = Managed::all_of(&wanted);
    assert_eq!(ipvs.reconcile(&managed, &wanted).unwrap().done, 1);
    let lines = listed();
    assert!(lines.contains(&"-A -t 10.8.0.9:80 -s rr".to_owned()), "{lines:?}");
    assert!(lines.contains(&"-a -t 10.8.0.1:80 -r 10.9.0.9:80 -g -w 4".to_owned()), "{lines:?}");
}

#[test]
fn a_table_that_somebody_cleared_is_restored_at_the_next_change() {
    let Some(mut ipvs) = ipvs() else { return };
    let mut wanted = rich();
    let managed = Managed::all_of(&wanted);
    ipvs.reconcile(&managed, &wanted).unwrap();
    run("ipvsadm", "-C");
    let pool = wanted.pools.get_mut(&tcp("10.8.0.1:80")).unwrap();
    pool.insert(server("10.9.0.1:80", Forwarding::DirectRouting, 8));
    let report = ipvs.reconcile(&managed, &wanted).unwrap();
    assert_eq!(report.refused, [], "the second try counts");
    assert_eq!(ipvs.dump().unwrap(), wanted);
}

#[test]
fn what_somebody_else_already_added_or_removed_is_no_failure() {
    let Some(mut ipvs) = ipvs() else { return };
    let wanted = table(vec![pool(
        Service::new(tcp("10.8.0.1:80"), "rr"),
        &[server("10.9.0.1:80", Forwarding::DirectRouting, 1)],
    )]);
    let managed = Managed::all_of(&wanted);
    run("ipvsadm", "-A -t 10.8.0.1:80 -s wlc");
    run("ipvsadm", "-a -t 10.8.0.1:80 -r 10.9.0.1:80 -g -w 5");
    assert_eq!(ipvs.reconcile(&managed, &wanted).unwrap().refused, []);
    assert_eq!(ipvs.dump().unwrap(), wanted);
    run("ipvsadm", "-C");
    assert_eq!(ipvs.reconcile(&managed, &Table::default()).unwrap().refused, []);
    assert_eq!(listed(), [] as [&str; 0]);
}

#[test]
fn a_scheduler_that_the_kernel_lacks_is_named_once_and_the_rest_is_done() {
    let Some(mut ipvs) = ipvs() else { return };
    let servers: Vec<_> =
        (1..=5).map(|n| server(&format!("10.9.0.{n}:80"), Forwarding::DirectRouting, 1)).collect();
    let wanted = table(vec![
        pool(Service::new(tcp("10.8.0.1:80"), "nosuch"), &servers),
        pool(Service::new(tcp("10.8.0.2:80"), "rr"), &servers),
    ]);
    let report = ipvs.reconcile(&Managed::all_of(&wanted), &wanted).unwrap();
    assert_eq!(report.done, 6);
    let [refusal] = &report.refused[..] else { panic!("{report:?}") };
    assert_eq!(refusal.request, "add IPVS service tcp 10.8.0.1:80 scheduler nosuch");
    assert!(refusal.to_string().contains("modprobe ip_vs_nosuch"), "{refusal}");
    assert_eq!(listed().len(), 6);
}

#[test]
fn a_thousand_servers_go_in_and_out() {
    let Some(mut ipvs) = ipvs() else { return };
    let servers: Vec<_> = (0..1000u32)
        .map(|n| SocketAddr::new(Ipv4Addr::from_bits(0x0a0a_0001 + n).into(), 80))
        .map(|address| Destination::new(address, Forwarding::DirectRouting, 1))
        .collect();
    let wanted = table(vec![pool(Service::new(tcp("10.8.0.1:80"), "rr"), &servers)]);
    let managed = Managed::all_of(&wanted);
    let started = std::time::Instant::now();
    assert_eq!(ipvs.reconcile(&managed, &wanted).unwrap().done, 1001);
    println!("1000 servers added in {:?}", started.elapsed());
    assert_eq!(ipvs.dump().unwrap(), wanted);
    let mut empty = wanted.clone();
    empty.pools.values_mut().for_each(|pool| pool.destinations.clear());
    let started = std::time::Instant::now();
    assert_eq!(ipvs.reconcile(&managed, &empty).unwrap().done, 1000);
    println!("1000 servers removed in {:?}", started.elapsed());
    assert_eq!(listed().len(), 1);
}
