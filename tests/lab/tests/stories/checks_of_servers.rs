//! Checks of real mail and name servers beside Debian's keepalived: the same servers are in the table at
//! each step, at nearly the same time.

use std::time::{Duration, Instant};

use lab::director::{Cluster, INTERFACE};
use lab::{Daemon, Node, Program, uml, wait};

/// The server of all services.
const SERVER: &str = "192.168.216.204";

/// Three checks with a retry, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// From one check to the next, seconds.
const INTERVAL: u64 = 3;

/// How far the two daemons may be apart: an interval, and what a busy machine adds.
const APART: Duration = Duration::from_secs(INTERVAL + 3);

fn service(protocol: &str, port: u16, check: &str) -> String {
    format!(
        "virtual_server 10.9.0.1 {port} {{
            lvs_sched rr
            lvs_method NAT
            protocol {protocol}
            delay_loop {INTERVAL}
            warmup 0
            connect_timeout 1
            retry 1
            delay_before_retry 1
            real_server {SERVER} {port} {{
                weight 1
                {check}
            }}
        }}
        "
    )
}

/// The servers that are in the table, as `PORT w WEIGHT`.
fn alive(node: &Node) -> Vec<String> {
    let server = |line: &String| {
        let rest = line.split_once(" -r ")?.1;
        let (_, port) = rest.split_once(' ')?.0.rsplit_once(':')?;
        Some(format!("{port} w {}", rest.rsplit_once(' ')?.1))
    };
    node.ipvs().iter().filter_map(server).collect()
}

/// Both tables become this one, nearly at the same time.
fn both_become(directors: &[Node; 2], what: &str, ports: &[u16]) {
    let mut wanted: Vec<String> = ports.iter().map(|port| format!("{port} w 1")).collect();
    wanted.sort();
    let mut at = [None; 2];
    wait::eventually(LIMIT, &format!("both tables after {what}: {wanted:?}"), || {
        for (node, at) in directors.iter().zip(&mut at) {
            let mut lines = alive(node);
            lines.sort();
            if at.is_none() && lines == wanted {
                *at = Some(Instant::now());
            }
        }
        at.iter().all(Option::is_some)
    });
    let [Some(ours), Some(theirs)] = at else { return };
    let apart = ours.max(theirs) - ours.min(theirs);
    assert!(apart <= APART, "{what}: {apart:?} apart, ours {ours:?}, theirs {theirs:?}");
}

#[test]
fn real_mail_and_name_servers_are_checked_as_by_keepalived() {
    uml::with_ipvs("real_mail_and_name_servers_are_checked_as_by_keepalived", real_servers);
}

const SMTPD: &str =
    "listen on 0.0.0.0 port 25\naction \"local\" mbox\nmatch for any action \"local\"\n";

const DNSMASQ: &str = "dnsmasq --conf-file=/dev/null --pid-file=/run/dnsmasq.pid --user=root \
    --no-resolv --no-hosts --address=/www.example.com/10.1.1.1";

fn real_servers() {
    let Some(debian) = Program::debian() else { return };
    let cluster = Cluster::new(INTERFACE);
    let [lb01, lb02] = &cluster.directors;
    let web = cluster.network.machine("servers", "eth0", &["192.168.216.205/24"]);
    web.write_file("run", "smtpd.conf", SMTPD);
    let start_mail = || web.sh("smtpd -f /run/smtpd.conf");
    // The node has processes of its own; the oldest of the server's is their parent.
    let stop_mail = || web.sh("kill $(pgrep -o -x smtpd)");
    let start_names = || web.sh(DNSMASQ);
    let stop_names = || web.sh("kill $(cat /run/dnsmasq.pid)");
    start_mail();
    start_names();
    let dns = |name: &str| format!("DNS_CHECK {{\nretry 1\ntype A\nname {name}\n}}");
    let configuration = [
        service("TCP", 25, "SMTP_CHECK {\nhelo_name lb.example.com\n}"),
        service("UDP", 53, &dns("www.example.com")),
        // A name that this server refuses to answer for: rcode 5.
        service("UDP", 54, &dns("elsewhere.example").replace('{', "{\nconnect_port 53")),
    ]
    .concat()
    .replace(SERVER, "192.168.216.205");
    let ours = Daemon::start_with(&Program::ours(), lb01, &configuration, &["-C"]);
    let theirs = Daemon::start_with(&debian, lb02, &configuration, &["-C"]);
    both_become(&cluster.directors, "the start", &[25, 53]);
    stop_mail();
    both_become(&cluster.directors, "the end of the mail server", &[53]);
    stop_names();
    both_become(&cluster.directors, "the end of the name server", &[]);
    start_mail();
    start_names();
    both_become(&cluster.directors, "the return of both", &[25, 53]);
    assert!(ours.stop().1.success());
    assert!(theirs.stop().1.success());
    stop_mail();
    stop_names();
}
