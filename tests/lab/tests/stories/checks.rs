//! Every kind of check against servers that behave, fail and recover, beside Debian's keepalived.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use lab::director::{Cluster, INTERFACE};
use lab::service::{Service, Switch, request};
use lab::{Daemon, Node, Program, uml, wait};

/// The server of all services.
const SERVER: &str = "192.168.216.204";

/// A start under load, a check a second, a retry, and recovery of two urls.
const LIMIT: Duration = Duration::from_secs(40);

/// `md5sum` of `hello`.
const DIGEST: &str = "5d41402abc4b2a76b9719d911017c592";

/// Virtual servers of the first story.
const SERVICES: usize = 6;

/// A virtual server whose only real server has this check.
fn service(protocol: &str, port: u16, check: &str) -> String {
    format!(
        "virtual_server 10.9.0.1 {port} {{
            lvs_sched rr
            lvs_method NAT
            protocol {protocol}
            delay_loop 1
            warmup 0
            connect_timeout 2
            retry 1
            delay_before_retry 1
            alpha
            quorum_up \"/scripts/told.sh quorum {port} up\"
            quorum_down \"/scripts/told.sh quorum {port} down\"
            real_server {SERVER} {port} {{
                weight 1
                notify_up \"/scripts/told.sh server {port} up\"
                notify_down \"/scripts/told.sh server {port} down\"
                {check}
            }}
        }}
        "
    )
}

const TOLD: &str = "#!/bin/sh\necho \"$@\" >>/run/told\n";

fn web_page(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    let request = request(stream)?;
    let status = if good || request.starts_with("GET /always ") { "200 OK" } else { "500 Bad" };
    write!(stream, "HTTP/1.0 {status}\r\nContent-Length: 5\r\n\r\nhello")
}

fn changing_page(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    request(stream)?;
    let text = if good { "hello" } else { "goodbye" };
    write!(stream, "HTTP/1.0 200 OK\r\n\r\n{text}")
}

fn mail(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let replies: &[&str] = if good { &["220 hi", "250 ok", "221 bye"] } else { &["554 no"] };
    for reply in replies {
        stream.write_all(format!("{reply}\r\n").as_bytes())?;
        lines.read_line(&mut String::new())?;
    }
    Ok(())
}

fn name_server(query: &[u8], good: bool) -> Option<Vec<u8>> {
    let mut reply = query.to_vec();
    *reply.get_mut(2)? |= 0x80;
    *reply.get_mut(3)? = if good { 0x80 } else { 0x82 };
    Some(reply)
}

fn word(_: &[u8], good: bool) -> Option<Vec<u8>> {
    Some(if good { b"ok!".to_vec() } else { b"no!".to_vec() })
}

#[test]
fn each_check_follows_its_server_in_the_table_the_log_and_the_scripts_as_keepalived_does() {
    uml::with_ipvs(
        "each_check_follows_its_server_in_the_table_the_log_and_the_scripts_as_keepalived_does",
        each_check_follows_its_server,
    );
}

fn each_check_follows_its_server() {
    let Some(debian) = Program::debian() else { return };
    let cluster = Cluster::new(INTERFACE);
    let [lb01, lb02] = &cluster.directors;
    let web = &cluster.servers[0];
    let switch = Switch::default();
    let _services = [
        Service::tcp(web, 80, &switch, web_page),
        Service::tcp(web, 81, &switch, changing_page),
        Service::tcp(web, 25, &switch, mail),
        Service::udp(web, 53, &switch, name_server),
        Service::udp(web, 99, &switch, word),
    ];
    let turn = |good: bool| {
        switch.set(good);
        let ignore = u8::from(!good);
        web.sh(&format!("echo {ignore} >/proc/sys/net/ipv4/icmp_echo_ignore_all"));
    };
    for node in [lb01, lb02] {
        node.write_script("scripts", "told.sh", TOLD);
        node.write_script("scripts", "read.sh", "#!/bin/sh\nexec cat \"$1\" >>/run/piped\n");
    }
    turn(true);
    let configuration = configuration();
    let ours = Daemon::start_with(&Program::ours(), lb01, &configuration, &["-C"]);
    let theirs = Daemon::start_with(&debian, lb02, &configuration, &["-C"]);
    for (good, what) in [(true, "start"), (false, "failure"), (true, "recovery")] {
        turn(good);
        let wanted = table(good);
        for (node, whose) in [(lb01, "our"), (lb02, "their")] {
            let what = format!("{whose} table after the {what}");
            wait::becomes(LIMIT, &what, &wanted, || node.ipvs());
        }
    }
    for (daemon, node, whose) in [(&ours, lb01, "ours"), (&theirs, lb02, "theirs")] {
        wait::eventually(LIMIT, &format!("the scripts of {whose} were told"), || {
            told(node).len() == SERVICES * 3 * 2
        });
        println!("{whose}:\n{}", lines(daemon).into_iter().collect::<Vec<_>>().join("\n"));
    }
    assert_eq!(lines(&ours), lines(&theirs), "what is logged about servers");
    assert_eq!(told(lb01), told(lb02));
    let piped = |node: &Node| -> BTreeSet<String> {
        node.sh("tr -d '\\0' </run/piped").lines().map(str::to_owned).collect()
    };
    assert_eq!(piped(lb01).len(), SERVICES * 2 * 2, "each server and quorum up and down");
    assert_eq!(piped(lb01), piped(lb02), "what pipes get, but for keepalived's zero bytes");
    assert!(ours.stop().1.success());
    assert_eq!(lb01.ipvs(), [""; 0]);
}

fn configuration() -> String {
    let url = |path: &str, more: &str| format!("url {{\npath {path}\n{more}\n}}\n");
    [
        "global_defs {\nscript_user root\nenable_script_security\n".to_owned(),
        "lvs_notify_fifo /run/lvs.fifo\nlvs_notify_fifo_script /scripts/read.sh\n}\n".to_owned(),
        service("TCP", 80, &format!("HTTP_GET {{\n{}{}}}", url("/always", ""), url("/b", ""))),
        service("TCP", 81, &format!("HTTP_GET {{\n{}}}", url("/", &format!("digest {DIGEST}")))),
        service("TCP", 25, "SMTP_CHECK {\nhelo_name me.example.com\n}"),
        service("UDP", 53, "DNS_CHECK {\nretry 1\ntype A\nname www.example.com\n}"),
        service("UDP", 99, "UDP_CHECK {\npayload 4142\nrequire_reply 6f 6b\n}"),
        service("TCP", 88, "PING_CHECK {\n}"),
    ]
    .concat()
}

/// The table as `ipvsadm -Sn` writes it, sorted by line.
fn table(good: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, port) in [('t', 80), ('t', 81), ('t', 25), ('u', 53), ('u', 99), ('t', 88)] {
        lines.push(format!("-A -{kind} 10.9.0.1:{port} -s rr"));
        if good {
            lines.push(format!("-a -{kind} 10.9.0.1:{port} -r {SERVER}:{port} -m -w 1"));
        }
    }
    lines.sort();
    lines
}

/// The lines about the server and its services, without times. How often one came is a matter of
/// times.
fn lines(daemon: &Daemon<'_>) -> BTreeSet<String> {
    let about = |line: &&str| {
        (line.contains(SERVER) || line.contains("quorum")) && !line.contains("script")
    };
    let text = daemon.log().text();
    let lines = text.lines().filter(about).map(|line| {
        let start = line.find(": ").map_or(0, |place| place + 2);
        line[start..].to_owned()
    });
    lines.collect()
}

/// What scripts were told, sorted.
fn told(node: &Node) -> Vec<String> {
    let mut lines: Vec<String> =
        node.try_sh("cat /run/told").stdout.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_script_takes_its_server_down_brings_it_back_and_gives_its_weight() {
    uml::with_ipvs(
        "a_script_takes_its_server_down_brings_it_back_and_gives_its_weight",
        script_with_weights,
    );
}

/// Without keepalived beside it: under User-Mode Linux 2.2.7 loses a script now and then ("child
/// lost"), and never checks that server again.
fn script_with_weights() {
    let cluster = Cluster::new(INTERFACE);
    let lb01 = &cluster.directors[0];
    let script =
        "#!/bin/sh\nread status </run/status\n[ $status = slow ] && sleep 60\nexit $status\n";
    lb01.write_script("scripts", "misc.sh", script);
    lb01.write_script("scripts", "told.sh", TOLD);
    let check = "MISC_CHECK {\nmisc_path \"/scripts/misc.sh\"\nmisc_timeout 2\nmisc_dynamic\n}";
    lb01.write_file("run", "status", "7");
    let daemon = Daemon::start_with(&Program::ours(), lb01, &service("TCP", 80, check), &["-C"]);
    for (status, weight, said) in [
        ("7", Some(5), "succeeded."),
        ("0", Some(1), "Changing weight from 5 to 1 for active service"),
        ("1", None, "failed after 1 retry (exited with status 1)."),
        ("200", Some(198), "succeeded."),
        ("slow", None, "timed out after 1 retry."),
        ("3", Some(1), "succeeded."),
    ] {
        let from = daemon.log().len();
        lb01.write_file("run", "status", status);
        let service = "-A -t 10.9.0.1:80 -s rr".to_owned();
        let server =
            weight.map(|weight| format!("-a -t 10.9.0.1:80 -r {SERVER}:80 -m -w {weight}"));
        let wanted: Vec<String> = [service].into_iter().chain(server).collect();
        wait::becomes(LIMIT, &format!("the table with status {status}"), &wanted, || lb01.ipvs());
        if status != "7" {
            daemon.log().wait_since(from, said, LIMIT);
        }
    }
    assert_eq!(
        lb01.sh("ps -e -o args | grep -c '[s]leep 60' || :").trim(),
        "0",
        "no script is left"
    );
    assert!(daemon.stop().1.success());
}

fn chunked(stream: &mut TcpStream, _: bool) -> io::Result<()> {
    request(stream)?;
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    )
}

fn dripping(stream: &mut TcpStream, _: bool) -> io::Result<()> {
    request(stream)?;
    stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n")?;
    for _ in 0..600 {
        thread::sleep(Duration::from_millis(100));
        stream.write_all(b"x")?;
    }
    Ok(())
}

fn silent(stream: &mut TcpStream, _: bool) -> io::Result<()> {
    request(stream)?;
    thread::sleep(Duration::from_secs(60));
    Ok(())
}

fn closing(stream: &mut TcpStream, _: bool) -> io::Result<()> {
    request(stream).map(drop)
}

fn redirecting(stream: &mut TcpStream, _: bool) -> io::Result<()> {
    request(stream)?;
    stream.write_all(b"HTTP/1.0 302 Found\r\nLocation: http://192.168.216.204/\r\n\r\n")
}

#[test]
fn a_web_server_that_drips_is_silent_or_closes_fails_in_time_and_a_chunked_body_is_decoded() {
    uml::with_ipvs(
        "a_web_server_that_drips_is_silent_or_closes_fails_in_time_and_a_chunked_body_is_decoded",
        strange_servers,
    );
}

fn strange_servers() {
    let cluster = Cluster::new(INTERFACE);
    let (lb01, web) = (&cluster.directors[0], &cluster.servers[0]);
    let switch = Switch::default();
    let _services = [
        Service::tcp(web, 80, &switch, chunked),
        Service::tcp(web, 81, &switch, dripping),
        Service::tcp(web, 82, &switch, silent),
        Service::tcp(web, 83, &switch, closing),
        Service::tcp(web, 84, &switch, redirecting),
    ];
    let url = format!("url {{\npath /\ndigest {DIGEST}\nregex \"^hel+o$\"\n}}\n");
    let check =
        |more: &str| format!("HTTP_GET {{\nlog_all_failures\nhttp_protocol 1.1\n{more}\n}}");
    let mut configuration = service("TCP", 80, &check(&url)).replace("alpha", "");
    for port in 81..=84 {
        configuration += &service("TCP", port, &check("url {\npath /\n}")).replace("alpha", "");
    }
    lb01.write_script("scripts", "told.sh", TOLD);
    let daemon = Daemon::start_with(&Program::ours(), lb01, &configuration, &["-C"]);
    let said = |text: &str| daemon.log().wait(text, LIMIT);
    said(&format!("Remote Web server [{SERVER}]:tcp:80 succeed on service."));
    said(&format!("Timeout WEB read server [{SERVER}]:tcp:81."));
    said(&format!("Timeout WEB read server [{SERVER}]:tcp:82."));
    said(&format!("Read, no data received from  server [{SERVER}]:tcp:83."));
    said(&format!("HTTP status code error to server [{SERVER}]:tcp:84."));
    let alive = format!("-a -t 10.9.0.1:80 -r {SERVER}:80 -m -w 1");
    wait::becomes(LIMIT, "one server is left", &vec![alive], || {
        let mut lines = lb01.ipvs();
        lines.retain(|line| line.starts_with("-a"));
        lines
    });
    assert!(daemon.stop().1.success());
}

const NGINX: &str = "
user root;
pid /run/nginx.pid;
error_log /run/nginx.log;
events { worker_connections 64; }
http {
    access_log off;
    ssl_certificate /run/cert.pem;
    ssl_certificate_key /run/cert.key;
    server { listen 443 ssl; ssl_protocols TLSv1.2; location / { return 200 hello; } }
    server { listen 444 ssl; ssl_protocols TLSv1.3; location / { return 200 hello; } }
    server {
        listen 446 ssl; ssl_protocols TLSv1.3;
        ssl_client_certificate /run/first.pem; ssl_verify_client on; ssl_verify_depth 3;
        location / { return 200 hello; }
    }
    server { listen 445; location / { return 200 hello; } }
}
";

/// A certificate for the server, and one for the client that the server knows only by way of another,
/// which `ca` has; the client's key has a pass phrase.
const CERTIFICATES: &str = "
cd /run && exec 2>/dev/null
new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2'
openssl req -x509 $new -nodes -subj /CN=cert -keyout cert.key -out cert.pem
openssl req -x509 $new -nodes -subj /CN=first -keyout first.key -out first.pem
printf 'basicConstraints=critical,CA:TRUE' >ca.ext
openssl req -new $new -nodes -subj /CN=second -keyout second.key -out second.csr
openssl x509 -req -in second.csr -CA first.pem -CAkey first.key -CAcreateserial -extfile ca.ext \
    -out second.pem
openssl req -new $new -passout pass:secret -subj /CN=client -keyout client.key -out client.csr
openssl x509 -req -in client.csr -CA second.pem -CAkey second.key -CAcreateserial -out client.pem
";

#[test]
fn tls_1_2_and_1_3_of_a_real_nginx_are_checked_as_by_keepalived() {
    uml::with_ipvs("tls_1_2_and_1_3_of_a_real_nginx_are_checked_as_by_keepalived", real_tls);
}

fn real_tls() {
    let Some(debian) = Program::debian() else { return };
    let cluster = Cluster::new(INTERFACE);
    let [lb01, lb02] = &cluster.directors;
    let web = cluster.network.machine("nginx", "eth0", &["192.168.216.205/24"]);
    web.write_file("run", "nginx.conf", NGINX);
    web.sh(CERTIFICATES);
    web.sh("nginx -c /run/nginx.conf");
    for node in [lb01, lb02] {
        for file in ["client.pem", "client.key", "second.pem"] {
            node.write_file("run", file, &web.sh(&format!("cat /run/{file}")));
        }
    }
    let check = format!("SSL_GET {{\nenable_sni\nurl {{\npath /\ndigest {DIGEST}\n}}\n}}");
    let identity = "SSL {\ncertificate /run/client.pem\nkey /run/client.key\npassword secret\nca /run/second.pem\n}\n".to_owned();
    let services = (443..=446).map(|port| service("TCP", port, &check));
    let configuration: String = [identity].into_iter().chain(services).collect();
    let configuration = configuration.replace(SERVER, "192.168.216.205");
    for node in [lb01, lb02] {
        node.write_script("scripts", "told.sh", TOLD);
    }
    let ours = Daemon::start_with(&Program::ours(), lb01, &configuration, &["-C"]);
    let theirs = Daemon::start_with(&debian, lb02, &configuration, &["-C"]);
    let mut wanted: Vec<String> =
        (443..=446).map(|port| format!("-A -t 10.9.0.1:{port} -s rr")).collect();
    let down = wanted.clone();
    wanted.extend(
        [443, 444, 446]
            .map(|port| format!("-a -t 10.9.0.1:{port} -r 192.168.216.205:{port} -m -w 1")),
    );
    wanted.sort();
    for (node, whose) in [(lb01, "our"), (lb02, "their")] {
        wait::becomes(
            LIMIT,
            &format!("{whose} table, without the server that has no TLS"),
            &wanted,
            || node.ipvs(),
        );
    }
    web.sh("nginx -c /run/nginx.conf -s stop");
    for node in [lb01, lb02] {
        wait::becomes(LIMIT, "nginx is gone", &down, || node.ipvs());
    }
    web.sh("nginx -c /run/nginx.conf");
    for node in [lb01, lb02] {
        wait::becomes(LIMIT, "nginx is back", &wanted, || node.ipvs());
    }
    assert!(ours.stop().1.success());
    assert!(theirs.stop().1.success());
}
