//! Checks of real mail and name servers, and of servers that misbehave in every way, beside Debian's
//! keepalived: the same servers are in the table at each step, at nearly the same time.
#![allow(clippy::expect_used, reason = "test code")]

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use lab::director::{Cluster, INTERFACE};
use lab::service::{Service, Switch, request};
use lab::{Daemon, Node, Program, uml, wait};

/// The server of all services.
const SERVER: &str = "192.168.216.204";

/// Three checks with a retry, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// From one check to the next, seconds.
const INTERVAL: u64 = 3;

/// How far the two daemons may be apart: an interval, and what a busy machine adds.
const APART: Duration = Duration::from_secs(INTERVAL + 3);

/// `md5sum` of `hello`.
const DIGEST: &str = "5d41402abc4b2a76b9719d911017c592";

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

fn good_page(stream: &mut TcpStream) -> io::Result<()> {
    write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
}

/// Longer than any patience of these checks.
#[allow(clippy::unnecessary_wraps, reason = "it stands where servers answer")]
fn nap() -> io::Result<()> {
    thread::sleep(Duration::from_secs(4));
    Ok(())
}

/// The connection ends with a reset: what the client says now is never read.
fn reset(stream: &TcpStream) -> io::Result<()> {
    stream.peek(&mut [0]).map(drop)
}

fn silent_page(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    request(stream)?;
    if good { good_page(stream) } else { nap() }
}

fn slow_page(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    request(stream)?;
    if !good {
        nap()?;
    }
    good_page(stream)
}

fn stuck_page(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    request(stream)?;
    if good {
        return good_page(stream);
    }
    stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhel")?;
    nap()
}

fn reset_page(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    if !good {
        return reset(stream);
    }
    request(stream)?;
    good_page(stream)
}

fn other_page(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    request(stream)?;
    let text = if good { "hello" } else { "goodbye" };
    write!(stream, "HTTP/1.0 200 OK\r\n\r\n{text}")
}

fn no_http(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    request(stream)?;
    if good { good_page(stream) } else { stream.write_all(b"this is not http\r\n") }
}

/// A mail session in which the server says this.
fn session(stream: &mut TcpStream, replies: &[&str]) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    for reply in replies {
        stream.write_all(format!("{reply}\r\n").as_bytes())?;
        lines.read_line(&mut String::new())?;
    }
    Ok(())
}

const GOOD_MAIL: &[&str] = &["220 hi", "250 ok", "221 bye"];

fn silent_mail(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    if good { session(stream, GOOD_MAIL) } else { nap() }
}

fn reset_mail(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    if good {
        return session(stream, GOOD_MAIL);
    }
    stream.write_all(b"220 hi\r\n")?;
    reset(stream)
}

fn refusing_mail(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    session(stream, if good { GOOD_MAIL } else { &["220 hi", "550 not you"] })
}

fn name_server(query: &[u8], good: bool) -> Option<Vec<u8>> {
    let mut reply = query.to_vec();
    *reply.get_mut(2)? |= 0x80;
    *reply.get_mut(3)? = 0x80;
    good.then_some(reply)
}

fn wrong_name_server(query: &[u8], good: bool) -> Option<Vec<u8>> {
    let mut reply = name_server(query, true)?;
    *reply.get_mut(3)? = if good { 0x80 } else { 0x82 };
    Some(reply)
}

/// Answers to another question.
fn confused_name_server(query: &[u8], good: bool) -> Option<Vec<u8>> {
    let mut reply = name_server(query, true)?;
    *reply.first_mut()? ^= if good { 0 } else { 0xff };
    Some(reply)
}

fn silent_echo(_: &[u8], good: bool) -> Option<Vec<u8>> {
    good.then(|| b"ok!".to_vec())
}

fn wrong_echo(_: &[u8], good: bool) -> Option<Vec<u8>> {
    Some(if good { b"ok!".to_vec() } else { b"no!".to_vec() })
}

#[test]
fn servers_that_misbehave_go_and_come_back_as_with_keepalived() {
    uml::with_ipvs("servers_that_misbehave_go_and_come_back_as_with_keepalived", misbehaving);
}

fn misbehaving() {
    let Some(debian) = Program::debian() else { return };
    let cluster = Cluster::new(INTERFACE);
    let [lb01, lb02] = &cluster.directors;
    let web = &cluster.servers[0];
    let switch = Switch::default();
    let _services = [
        Service::tcp(web, 8000, &switch, silent_page),
        Service::tcp(web, 8001, &switch, slow_page),
        Service::tcp(web, 8002, &switch, stuck_page),
        Service::tcp(web, 8003, &switch, reset_page),
        Service::tcp(web, 8004, &switch, other_page),
        Service::tcp(web, 8005, &switch, no_http),
        Service::tcp(web, 2500, &switch, silent_mail),
        Service::tcp(web, 2501, &switch, reset_mail),
        Service::tcp(web, 2502, &switch, refusing_mail),
        Service::udp(web, 5300, &switch, name_server),
        Service::udp(web, 5301, &switch, wrong_name_server),
        Service::udp(web, 5302, &switch, confused_name_server),
        Service::udp(web, 9900, &switch, silent_echo),
        Service::udp(web, 9901, &switch, wrong_echo),
        // Nobody turns this one.
        Service::tcp(web, 8100, &Switch::default(), other_page),
    ];
    let page = format!("HTTP_GET {{\nurl {{\npath /\ndigest {DIGEST}\n}}\n}}");
    let configuration: String = [8000, 8001, 8002, 8003, 8004, 8005, 8100]
        .map(|port| service("TCP", port, &page))
        .into_iter()
        .chain([2500, 2501, 2502].map(|port| service("TCP", port, "SMTP_CHECK {\n}")))
        .chain(
            [5300, 5301, 5302]
                .map(|port| service("UDP", port, "DNS_CHECK {\nretry 1\ndelay_before_retry 1\n}")),
        )
        .chain(
            [9900, 9901].map(|port| {
                service("UDP", port, "UDP_CHECK {\npayload 4142\nrequire_reply 6f 6b\n}")
            }),
        )
        .collect();
    let ours = Daemon::start_with(&Program::ours(), lb01, &configuration, &["-C"]);
    let theirs = Daemon::start_with(&debian, lb02, &configuration, &["-C"]);
    let all =
        [8000, 8001, 8002, 8003, 8004, 8005, 8100, 2500, 2501, 2502, 5300, 5301, 5302, 9900, 9901];
    for daemon in [&ours, &theirs] {
        // Without `alpha` all are there from the start; this one has been looked at.
        daemon.log().wait(&format!("Remote Web server [{SERVER}]:tcp:8100 succeed"), LIMIT);
    }
    both_become(&cluster.directors, "the start", &all);
    switch.set(false);
    both_become(&cluster.directors, "the failure", &[8100]);
    switch.set(true);
    both_become(&cluster.directors, "the recovery", &all);
    assert!(ours.stop().1.success());
    assert!(theirs.stop().1.success());
}
