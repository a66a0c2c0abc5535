//! How late adverts are while a daemon has much to do.

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::{Capture, Daemon, Network, Program};

use crate::row::{Place, Promise, Row, Series, Settings};

pub(crate) const ROW: Row = Row {
    name: "lateness",
    title: "latest advert",
    how: "a master of version 3 without a peer sends an advert each 10 ms; the longest time between two of them, less \
          these 10 ms, stamped by the kernel on the switch. `idle`: two seconds. `VIPs`: from the signal to a reload \
          until two seconds after the last announcement, 10,000 addresses of which none, one or each changes. \
          `servers`: three reloads that change the weight of each of 10,000 real servers, a second apart, while 1000 \
          tracking scripts (`/bin/true`) run each second, all with `-P`, for this kernel has no IPVS. \
          `vrrp_rt_priority 50` in all of them.",
    place: Place::Here,
    quick: true,
    run,
};

const INTERVAL: Duration = Duration::from_millis(10);

const ADDRESSES: usize = 10_000;

/// For ten thousand addresses on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

fn run(settings: &Settings) -> Vec<Series> {
    let mut series = Series::new("", "ms");
    let rounds = settings.either(5, 1);
    let busy = settings.turns(rounds, servers_and_scripts);
    let part = |all: &[Vec<[f64; 2]>; 2], at: usize| {
        all.each_ref().map(|all| all.iter().map(|one| one[at]).collect::<Vec<_>>())
    };
    series.add("idle", None, part(&busy, 0), &[]);
    let over = busy.each_ref().map(|all| all.iter().map(|[idle, busy]| busy - idle).collect());
    series.add("servers and scripts, over idle", None, over, &[Promise::Worst(2.0)]);
    let changes =
        [("none of 10,000 VIPs", 1, 0), ("one of 10,000 VIPs", 1, 1), ("10,000 VIPs", 2, 0)];
    for (label, net, more) in changes {
        let late = settings.turns(rounds, |program| addresses(program, net, more));
        series.add(label, None, late, &[Promise::Worst(5.0)]);
    }
    vec![series]
}

/// Milliseconds by which the latest advert since then came after its interval.
fn latest(sent: &Capture, since: Instant) -> f64 {
    let adverts = sent.adverts();
    let times: Vec<Instant> = adverts.iter().map(|(at, _)| *at).filter(|at| *at >= since).collect();
    let gaps = times.windows(2).map(|two| two[1].duration_since(two[0]));
    let longest = gaps.max().expect("adverts were sent");
    (longest.as_secs_f64() - INTERVAL.as_secs_f64()) * 1e3
}

/// A reload with addresses from 10.NET.0.0 on, and `more`, where those from 10.1.0.0 on were.
fn addresses(program: &Program, net: u32, more: usize) -> f64 {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    let sent = Capture::of(&network, &node);
    let daemon =
        Daemon::start_exactly_with(program, &node, &virtual_addresses(1, 0), &["-n", "-l"]);
    let announced = |wanted: usize| {
        let start = Instant::now();
        while sent.gratuitous_arps().len() < wanted {
            assert!(start.elapsed() < LIMIT, "{wanted} announcements of {program:?}");
            sleep(Duration::from_millis(200));
        }
    };
    announced(ADDRESSES);
    sleep(Duration::from_secs(1));
    let (before, since) = (sent.gratuitous_arps().len(), Instant::now());
    daemon.reload(&virtual_addresses(net, more));
    announced(before + if net == 1 { more } else { ADDRESSES - 1 });
    sleep(Duration::from_secs(2));
    latest(&sent, since)
}

fn virtual_addresses(net: u32, more: usize) -> String {
    let mut text = head("");
    text.push_str(" virtual_ipaddress_excluded {\n");
    for n in 0..ADDRESSES - 1 {
        let _ = writeln!(text, "10.{net}.{}.{}/32", n / 250, n % 250 + 1);
    }
    for n in 0..more {
        let _ = writeln!(text, "10.99.0.{n}/32");
    }
    text.push_str("}\n}\n");
    text
}

/// While idle, and with servers that reload beside scripts.
fn servers_and_scripts(program: &Program) -> [f64; 2] {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    let sent = Capture::of(&network, &node);
    let master = |since: Instant| sent.adverts().iter().any(|(at, _)| *at > since);
    let wait = |since: Instant| {
        while !master(since) {
            assert!(since.elapsed() < LIMIT, "{program:?} is no master");
            sleep(Duration::from_millis(100));
        }
        sleep(Duration::from_secs(2));
    };
    let words = ["-n", "-l", "-P"];
    let text = head("") + "}\n";
    let daemon = Daemon::start_exactly_with(program, &node, &text, &words);
    wait(Instant::now());
    let since = Instant::now();
    sleep(Duration::from_secs(2));
    let idle = latest(&sent, since);
    daemon.stop();
    let daemon = Daemon::start_exactly_with(program, &node, &servers(1), &words);
    wait(Instant::now());
    let since = Instant::now();
    for weight in 2..5 {
        daemon.reload(&servers(weight));
        sleep(Duration::from_secs(1));
    }
    [idle, latest(&sent, since)]
}

fn servers(weight: u32) -> String {
    let (mut scripts, mut tracked) = (String::new(), String::from(" track_script {\n"));
    for n in 0..1000 {
        let _ = writeln!(
            scripts,
            "vrrp_script s{n} {{\n script \"/bin/true\"\n interval 1\n weight 1\n user root\n}}"
        );
        let _ = writeln!(tracked, "s{n} weight 0");
    }
    let mut text = scripts + &head(&(tracked + "}\n")) + "}\n";
    for service in 0..100 {
        let _ =
            writeln!(text, "virtual_server 10.50.0.{service} 80 {{\n delay_loop 6\n lvs_sched rr");
        for server in 0..100 {
            let _ = writeln!(
                text,
                " real_server 10.60.{service}.{server} 80 {{\n weight {weight}\n TCP_CHECK {{\n connect_timeout 3\n }}\n }}"
            );
        }
        text.push_str("}\n");
    }
    text
}

/// The router, its block left open.
fn head(inside: &str) -> String {
    format!(
        "global_defs {{\n vrrp_version 3\n vrrp_rt_priority 50\n vrrp_rlimit_rttime 10000000\n}}\nvrrp_instance VI_1 {{\n \
         state BACKUP\n interface eth0\n virtual_router_id 51\n priority 100\n advert_int 0.01\n garp_master_delay 0\n \
         garp_master_repeat 1\n virtual_ipaddress {{\n 192.168.100.100/24\n }}\n{inside}"
    )
}
