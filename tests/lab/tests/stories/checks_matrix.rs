//! Every kind of check against every way in which a server may misbehave, beside Debian's keepalived: the
//! same servers leave the table and come back, at nearly the same time. Where keepalived has no end, as
//! with a server that drips, ours is alone.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use lab::director::{Cluster, INTERFACE};
use lab::service::{Answer, Service, Switch};
use lab::{Daemon, Node, Program, uml};
use nix::sys::socket::{setsockopt, sockopt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const SERVER: &str = "192.168.216.204";

/// An address of the server that is away while servers are bad: nobody answers, not even a refusal.
const AWAY: &str = "192.168.216.205";

/// Three checks with a retry, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// From one check to the next, seconds.
const INTERVAL: u64 = 3;

/// How far the two daemons may be apart: an interval, and what a busy machine adds.
const APART: Duration = Duration::from_secs(INTERVAL + 3);

/// `md5sum` of `hello`.
const DIGEST: &str = "5d41402abc4b2a76b9719d911017c592";

/// What is said on a connection to a server that is good, or not.
trait Way: Read + Write {
    /// The socket below.
    fn socket(&self) -> &TcpStream;
}

impl Way for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Way for StreamOwned<ServerConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

type Talk = fn(&mut dyn Way, bool) -> io::Result<()>;

/// A kind of server, and what it does while it is bad.
enum Server {
    /// Accepts connections, and is closed.
    Port,
    /// Accepts connections at [`AWAY`].
    Away,
    /// Says this on a connection.
    Stream(Talk),
    /// The same, in TLS.
    Secret(Talk),
    /// Shows a page in TLS, and says this in the clear.
    Handshake(Talk),
    /// Answers datagrams.
    Datagrams(Answer),
    /// Answers datagrams, and is closed.
    ClosedDatagrams(Answer),
    /// Answers pings, and does not.
    Pings,
}

/// A check, how its server misbehaves, and whether keepalived sees it too.
struct Row {
    check: Check,
    how: &'static str,
    server: Server,
    theirs: bool,
}

#[derive(Clone, Copy)]
enum Check {
    Tcp,
    Http,
    Ssl,
    Smtp,
    Dns,
    Udp,
    Ping,
}

impl Check {
    fn text(self) -> String {
        let page = format!("url {{\npath /\ndigest {DIGEST}\n}}");
        match self {
            Self::Tcp => "TCP_CHECK {\n}".to_owned(),
            Self::Http => format!("HTTP_GET {{\n{page}\n}}"),
            Self::Ssl => format!("SSL_GET {{\n{page}\n}}"),
            Self::Smtp => "SMTP_CHECK {\n}".to_owned(),
            Self::Dns => "DNS_CHECK {\nretry 1\ndelay_before_retry 1\n}".to_owned(),
            Self::Udp => "UDP_CHECK {\npayload 4142\nrequire_reply 6f 6b\n}".to_owned(),
            Self::Ping => "PING_CHECK {\n}".to_owned(),
        }
    }

    const fn protocol(self) -> &'static str {
        if matches!(self, Self::Dns | Self::Udp) { "UDP" } else { "TCP" }
    }
}

fn rows() -> Vec<Row> {
    let row = |check, how, server| Row { check, how, server, theirs: true };
    let alone = |check, how, server| Row { check, how, server, theirs: false };
    let stream = Server::Stream;
    let secret = Server::Secret;
    vec![
        row(Check::Tcp, "refuses", Server::Port),
        row(Check::Tcp, "is silent", Server::Away),
        row(Check::Http, "is silent", stream(silent_page)),
        row(Check::Http, "is slow", stream(slow_page)),
        row(Check::Http, "stops in its page", stream(stuck_page)),
        row(Check::Http, "resets", stream(reset_page)),
        row(Check::Http, "has another page", stream(other_page)),
        row(Check::Http, "has another status", stream(bad_page)),
        row(Check::Http, "speaks no HTTP", stream(no_http)),
        row(Check::Http, "refuses", Server::Port),
        alone(Check::Http, "drips", stream(dripping_page)),
        row(Check::Ssl, "is silent before the handshake", Server::Handshake(silent_handshake)),
        row(Check::Ssl, "speaks no TLS", Server::Handshake(no_tls)),
        row(Check::Ssl, "is silent after it", secret(silent_page)),
        row(Check::Ssl, "is slow", secret(slow_page)),
        row(Check::Ssl, "resets", secret(reset_page)),
        row(Check::Ssl, "has another page", secret(other_page)),
        row(Check::Ssl, "refuses", Server::Port),
        alone(Check::Ssl, "drips", secret(dripping_page)),
        row(Check::Smtp, "is silent", stream(silent_mail)),
        row(Check::Smtp, "is slow", stream(slow_mail)),
        row(Check::Smtp, "resets", stream(reset_mail)),
        row(Check::Smtp, "has no service", stream(refusing_greeting)),
        row(Check::Smtp, "refuses its client", stream(refusing_mail)),
        row(Check::Smtp, "refuses", Server::Port),
        alone(Check::Smtp, "drips", stream(dripping_mail)),
        row(Check::Dns, "is silent", Server::Datagrams(silent_names)),
        row(Check::Dns, "is slow", Server::Datagrams(slow_names)),
        row(Check::Dns, "has a failure", Server::Datagrams(failing_names)),
        row(Check::Dns, "answers another question", Server::Datagrams(confused_names)),
        row(Check::Dns, "refuses", Server::ClosedDatagrams(silent_names)),
        row(Check::Udp, "is silent", Server::Datagrams(silent_echo)),
        row(Check::Udp, "is slow", Server::Datagrams(slow_echo)),
        row(Check::Udp, "says something else", Server::Datagrams(wrong_echo)),
        row(Check::Udp, "refuses", Server::ClosedDatagrams(silent_echo)),
        row(Check::Ping, "is silent", Server::Pings),
    ]
}

#[test]
fn each_check_sees_each_way_to_misbehave_and_the_return_as_keepalived_does() {
    uml::with_ipvs(
        "each_check_sees_each_way_to_misbehave_and_the_return_as_keepalived_does",
        misbehaving,
    );
}

/// The first port; each row has one.
const FIRST: u16 = 8000;

/// Nobody turns this one's server.
const STEADY: u16 = 7999;

fn misbehaving() {
    let Some(debian) = Program::debian() else { return };
    let cluster = Cluster::new(INTERFACE);
    let [lb01, lb02] = &cluster.directors;
    let web = &cluster.servers[0];
    let (rows, secret) = (rows(), certificate(lb01));
    let switch = Switch::default();
    let always = Switch::default();
    let _steady = Service::tcp(web, STEADY, &always, |stream, _| slow_page(stream, true));
    let start = |port: u16, server: &Server| serve(web, port, server, &switch, &secret);
    let mut services: Vec<Option<Service>> = Vec::new();
    for (port, row) in (FIRST..).zip(&rows) {
        services.push(start(port, &row.server));
    }
    let turn = |good: bool, services: &mut [Option<Service>]| {
        switch.set(good);
        let (verb, ignore) = if good { ("add", 0) } else { ("del", 1) };
        web.try_sh(&format!(
            "ip addr {verb} {AWAY}/24 dev eth0
             echo {ignore} >/proc/sys/net/ipv4/icmp_echo_ignore_all"
        ));
        for ((port, row), service) in (FIRST..).zip(&rows).zip(services) {
            if matches!(row.server, Server::Port | Server::ClosedDatagrams(_)) {
                *service = if good { start(port, &row.server) } else { None };
            }
        }
    };
    web.sh(&format!("ip addr add {AWAY}/24 dev eth0"));
    let steady = || service(STEADY, Check::Http, SERVER);
    let all: String = configuration(&rows, |_| true) + &steady();
    let shared: String = configuration(&rows, |row| row.theirs) + &steady();
    let ours = Daemon::start_with(&Program::ours(), lb01, &all, &["-C"]);
    let theirs = Daemon::start_with(&debian, lb02, &shared, &["-C"]);
    for daemon in [&ours, &theirs] {
        // Without `alpha` all are there from the start; this one has been looked at.
        daemon.log().wait(&format!("Remote Web server [{SERVER}]:tcp:{STEADY} succeed"), LIMIT);
    }
    both_become(&cluster.directors, "the start", &rows, true);
    turn(false, &mut services);
    both_become(&cluster.directors, "the failure", &rows, false);
    turn(true, &mut services);
    both_become(&cluster.directors, "the recovery", &rows, true);
    assert!(ours.stop().1.success());
    assert!(theirs.stop().1.success());
}

fn configuration(rows: &[Row], is_meant: impl Fn(&Row) -> bool) -> String {
    let address = |row: &Row| if matches!(row.server, Server::Away) { AWAY } else { SERVER };
    let services = (FIRST..).zip(rows).filter(|(_, row)| is_meant(row));
    services.map(|(port, row)| service(port, row.check, address(row))).collect()
}

fn service(port: u16, check: Check, server: &str) -> String {
    format!(
        "virtual_server 10.9.0.1 {port} {{
            lvs_sched rr
            lvs_method NAT
            protocol {}
            delay_loop {INTERVAL}
            warmup 0
            connect_timeout 2
            retry 1
            delay_before_retry 1
            real_server {server} {port} {{
                weight 1
                {}
            }}
        }}
        ",
        check.protocol(),
        check.text()
    )
}

/// The ports of the servers that are in the table.
fn alive(node: &Node) -> Vec<u16> {
    let port = |line: &String| {
        let (server, _) = line.split_once(" -r ")?.1.split_once(' ')?;
        server.rsplit_once(':')?.1.parse().ok()
    };
    let mut ports: Vec<u16> = node.ipvs().iter().filter_map(port).collect();
    ports.sort_unstable();
    ports
}

/// Both tables have all servers, or none but the one that nobody turns, nearly at the same time.
fn both_become(directors: &[Node; 2], what: &str, rows: &[Row], good: bool) {
    let wanted = [false, true].map(|theirs| {
        let meant = (FIRST..).zip(rows).filter(|(_, row)| good && (row.theirs || !theirs));
        let mut ports: Vec<u16> = meant.map(|(port, _)| port).collect();
        ports.insert(0, STEADY);
        ports
    });
    let mut at = [None; 2];
    let start = Instant::now();
    while at.iter().any(Option::is_none) {
        for ((node, at), wanted) in directors.iter().zip(&mut at).zip(&wanted) {
            let ports = alive(node);
            if at.is_none() && ports == *wanted {
                *at = Some(Instant::now());
            }
            assert!(
                at.is_some() || start.elapsed() < LIMIT,
                "{} after {what}: {:?}",
                node.name(),
                differences(rows, &ports, wanted)
            );
        }
        thread::sleep(Duration::from_millis(50));
    }
    let [Some(ours), Some(theirs)] = at else { return };
    if what == "the start" {
        return;
    }
    // What only ours has may take it longer: four times `connect_timeout`, twice.
    let apart = ours.max(theirs) - ours.min(theirs);
    let grace = if good { Duration::ZERO } else { Duration::from_secs(16) };
    assert!(apart <= APART + grace, "{what}: {apart:?} apart, ours {ours:?}, theirs {theirs:?}");
}

/// The rows whose servers should be there and are not, or the other way round.
fn differences(rows: &[Row], ports: &[u16], wanted: &[u16]) -> Vec<(u16, &'static str)> {
    let differs = |port: &u16| ports.contains(port) != wanted.contains(port);
    (FIRST..)
        .zip(rows)
        .filter(|(port, _)| differs(port))
        .map(|(port, row)| (port, row.how))
        .collect()
}

/// A certificate, made on the node.
fn certificate(node: &Node) -> Arc<ServerConfig> {
    node.sh(
        "cd /run && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
         -subj /CN=web -keyout web.key -out web.pem 2>/dev/null",
    );
    let file = |name: &str| node.folder("run").join(name);
    let chain = vec![CertificateDer::from_pem_file(file("web.pem")).expect("openssl wrote it")];
    let key = PrivateKeyDer::from_pem_file(file("web.key")).expect("openssl wrote it");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the library's own versions");
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).expect("they are a pair"))
}

fn serve(
    node: &Node,
    port: u16,
    server: &Server,
    switch: &Switch,
    secret: &Arc<ServerConfig>,
) -> Option<Service> {
    Some(match *server {
        // Whatever kind of check comes, a good one is answered.
        Server::Port | Server::Away => {
            let secret = Arc::clone(secret);
            Service::tcp(node, port, switch, move |stream, _| answer_anything(stream, &secret))
        }
        Server::Stream(talk) => {
            Service::tcp(node, port, switch, move |stream, good| talk(stream, good))
        }
        Server::Handshake(talk) => {
            let secret = Arc::clone(secret);
            Service::tcp(node, port, switch, move |stream, good| {
                if good { in_tls(stream, &secret, other_page, good) } else { talk(stream, good) }
            })
        }
        Server::Secret(talk) => {
            let secret = Arc::clone(secret);
            Service::tcp(node, port, switch, move |stream, good| {
                in_tls(stream, &secret, talk, good)
            })
        }
        Server::Datagrams(answer) | Server::ClosedDatagrams(answer) => {
            Service::udp(node, port, switch, answer)
        }
        Server::Pings => return None,
    })
}

fn in_tls(
    stream: &mut TcpStream,
    config: &Arc<ServerConfig>,
    talk: Talk,
    good: bool,
) -> io::Result<()> {
    let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut secret = StreamOwned::new(session, stream.try_clone()?);
    talk(&mut secret, good)?;
    secret.conn.send_close_notify();
    secret.flush()
}

/// Good to every client: a page in the clear or in TLS, mail after a moment without a word.
fn answer_anything(stream: &mut TcpStream, config: &Arc<ServerConfig>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(300)))?;
    let mut first = [0];
    let heard = stream.peek(&mut first);
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    match (heard, first) {
        (Ok(0), _) => Ok(()),
        (Ok(_), [0x16]) => in_tls(stream, config, other_page, true),
        (Ok(_), _) => other_page(stream, true),
        (Err(_), _) => session(stream, GOOD_MAIL),
    }
}

/// Longer than any patience of these checks.
fn nap() {
    thread::sleep(Duration::from_secs(5));
}

/// The connection ends with a reset.
fn reset(way: &mut dyn Way) -> io::Result<()> {
    let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    setsockopt(way.socket(), sockopt::Linger, &linger)?;
    Err(io::ErrorKind::ConnectionReset.into())
}

/// One request, up to its empty line.
fn request(way: &mut dyn Way) -> io::Result<()> {
    let (mut heard, mut bytes) = (Vec::new(), [0; 1024]);
    while !heard.ends_with(b"\r\n\r\n") {
        match way.read(&mut bytes)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => heard.extend(&bytes[..length]),
        }
    }
    Ok(())
}

const PAGE: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello";

fn silent_page(way: &mut dyn Way, good: bool) -> io::Result<()> {
    request(way)?;
    if good {
        return way.write_all(PAGE);
    }
    nap();
    Ok(())
}

fn slow_page(way: &mut dyn Way, good: bool) -> io::Result<()> {
    request(way)?;
    if !good {
        nap();
    }
    way.write_all(PAGE)
}

fn stuck_page(way: &mut dyn Way, good: bool) -> io::Result<()> {
    request(way)?;
    if good {
        return way.write_all(PAGE);
    }
    way.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhel")?;
    nap();
    Ok(())
}

fn reset_page(way: &mut dyn Way, good: bool) -> io::Result<()> {
    request(way)?;
    if good { way.write_all(PAGE) } else { reset(way) }
}

fn other_page(way: &mut dyn Way, good: bool) -> io::Result<()> {
    request(way)?;
    way.write_all(if good { PAGE } else { b"HTTP/1.0 200 OK\r\n\r\ngoodbye" })
}

fn bad_page(way: &mut dyn Way, good: bool) -> io::Result<()> {
    request(way)?;
    way.write_all(if good { PAGE } else { b"HTTP/1.0 500 Bad\r\n\r\nhello" })
}

fn no_http(way: &mut dyn Way, good: bool) -> io::Result<()> {
    request(way)?;
    way.write_all(if good { PAGE } else { b"this is not http\r\n" })
}

/// The page, then a byte of it from time to time for as long as somebody reads.
fn dripping_page(way: &mut dyn Way, good: bool) -> io::Result<()> {
    request(way)?;
    if good {
        return way.write_all(PAGE);
    }
    way.write_all(b"HTTP/1.0 200 OK\r\n\r\n")?;
    loop {
        thread::sleep(Duration::from_millis(200));
        way.write_all(b"x")?;
        way.flush()?;
    }
}

/// Only bad servers do so: see [`serve`].
fn silent_handshake(_: &mut dyn Way, _: bool) -> io::Result<()> {
    nap();
    Ok(())
}

/// As [`silent_handshake`].
fn no_tls(way: &mut dyn Way, _: bool) -> io::Result<()> {
    way.write_all(PAGE)
}

const GOOD_MAIL: &[&str] = &["220 hi", "250 ok", "221 bye"];

/// A mail session in which the server says this.
fn session(way: &mut dyn Way, replies: &[&str]) -> io::Result<()> {
    let mut lines = BufReader::new(way.socket().try_clone()?);
    for reply in replies {
        way.write_all(format!("{reply}\r\n").as_bytes())?;
        lines.read_line(&mut String::new())?;
    }
    Ok(())
}

fn silent_mail(way: &mut dyn Way, good: bool) -> io::Result<()> {
    if good {
        return session(way, GOOD_MAIL);
    }
    nap();
    Ok(())
}

fn slow_mail(way: &mut dyn Way, good: bool) -> io::Result<()> {
    if !good {
        nap();
    }
    session(way, GOOD_MAIL)
}

fn reset_mail(way: &mut dyn Way, good: bool) -> io::Result<()> {
    if good {
        return session(way, GOOD_MAIL);
    }
    session(way, &["220 hi"])?;
    reset(way)
}

fn refusing_greeting(way: &mut dyn Way, good: bool) -> io::Result<()> {
    session(way, if good { GOOD_MAIL } else { &["554 no"] })
}

fn refusing_mail(way: &mut dyn Way, good: bool) -> io::Result<()> {
    session(way, if good { GOOD_MAIL } else { &["220 hi", "550 not you"] })
}

fn dripping_mail(way: &mut dyn Way, good: bool) -> io::Result<()> {
    if good {
        return session(way, GOOD_MAIL);
    }
    way.write_all(b"220 ")?;
    loop {
        thread::sleep(Duration::from_millis(200));
        way.write_all(b"x")?;
    }
}

fn names(query: &[u8], code: u8) -> Option<Vec<u8>> {
    let mut reply = query.to_vec();
    *reply.get_mut(2)? |= 0x80;
    *reply.get_mut(3)? = 0x80 | code;
    Some(reply)
}

fn silent_names(query: &[u8], good: bool) -> Option<Vec<u8>> {
    names(query, 0).filter(|_| good)
}

fn slow_names(query: &[u8], good: bool) -> Option<Vec<u8>> {
    if !good {
        thread::sleep(Duration::from_millis(2_500));
    }
    names(query, 0)
}

fn failing_names(query: &[u8], good: bool) -> Option<Vec<u8>> {
    names(query, if good { 0 } else { 2 })
}

fn confused_names(query: &[u8], good: bool) -> Option<Vec<u8>> {
    let mut reply = names(query, 0)?;
    *reply.first_mut()? ^= if good { 0 } else { 0xff };
    Some(reply)
}

fn silent_echo(_: &[u8], good: bool) -> Option<Vec<u8>> {
    good.then(|| b"ok!".to_vec())
}

fn slow_echo(_: &[u8], good: bool) -> Option<Vec<u8>> {
    if !good {
        thread::sleep(Duration::from_millis(2_500));
    }
    Some(b"ok!".to_vec())
}

fn wrong_echo(_: &[u8], good: bool) -> Option<Vec<u8>> {
    Some(if good { b"ok!".to_vec() } else { b"no!".to_vec() })
}
