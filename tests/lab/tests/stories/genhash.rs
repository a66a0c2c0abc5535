//! `genhash` beside that of Debian's keepalived, over loopback.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use lab::service::request;
use lab::{Program, wait};

const DEBIAN: &str = "/usr/bin/genhash";

/// `md5sum` of `hello`.
const DIGEST: &str = "5d41402abc4b2a76b9719d911017c592\n";

/// A server that answers every request by its path.
fn server() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let request = request(&mut stream)?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let host = request.lines().find(|line| line.starts_with("Host: ")).unwrap_or_default();
    let page = |body: &str| format!("HTTP/1.0 200 OK\r\nServer: lab\r\n\r\n{body}");
    let text = match path.as_str() {
        "/hello" => page("hello"),
        "/host" => page(host),
        "/version" => page(request.lines().next().unwrap_or_default()),
        "/missing" => "HTTP/1.0 404 Not Found\r\n\r\nno such page\n".to_owned(),
        "/long" => page(&"0123456789abcdef".repeat(40)),
        "/chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                       5\r\nhello\r\n0\r\n\r\n"
            .to_owned(),
        "/junk" => "this is not http".to_owned(),
        "/silent" => {
            thread::sleep(Duration::from_secs(30));
            String::new()
        }
        "/slow" => {
            stream.write_all(page("hel").as_bytes())?;
            thread::sleep(Duration::from_millis(2500));
            "lo".to_owned()
        }
        _ => String::new(),
    };
    stream.write_all(text.as_bytes())
}

/// Runs our tool by its name, as a link to the daemon would.
fn ours(arguments: &[&str]) -> Output {
    let program = Program::ours();
    run(Command::new(program.path()).arg0("genhash"), arguments)
}

fn run(command: &mut Command, arguments: &[&str]) -> Output {
    command.args(arguments).stdin(Stdio::null()).output().expect("the tool runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Output without the time that it took.
fn shown(output: &Output) -> (String, Option<i32>) {
    let text = text(&output.stdout);
    let text = match text.split_once("] = ") {
        Some((before, _)) => before.to_owned(),
        None => text,
    };
    (text, output.status.code())
}

/// Standard error, without our lines about how far it is.
fn complaints(output: &Output) -> Vec<String> {
    let text = text(&output.stderr);
    text.lines().filter(|line| !line.contains(" bytes after ")).map(str::to_owned).collect()
}

#[test]
fn genhash_says_what_that_of_keepalived_says() {
    if !Path::new(DEBIAN).is_file() {
        lab::skip(lab::Lack::Setup, format!("no {DEBIAN} (apt-get install keepalived)"));
        return;
    }
    let address = server();
    let port = address.port().to_string();
    let to = |path: &'static str| vec!["-s", "127.0.0.1", "-p", &port, "-u", path];
    let cases: Vec<Vec<&str>> = vec![
        to("/hello"),
        to("/missing"),
        to("/junk"),
        to("/empty"),
        [to("/hello"), vec!["-v"]].concat(),
        [to("/long"), vec!["-v"]].concat(),
        [to("/host"), vec!["-V", "www.example.com"]].concat(),
        to("/host"),
        [to("/version"), vec!["--protocol=1.1"]].concat(),
        [to("/version"), vec!["-P", "1.0c"]].concat(),
        [to("/silent"), vec!["--timeout", "1"]].concat(),
        vec!["-s", "127.0.0.1", "-p", "1", "-u", "/"],
        vec!["-S", "-s", "127.0.0.1", "-p", "1", "-u", "/"],
        vec!["-s", "127.0.0.1", "-p", &port],
        vec!["-h"],
        vec!["-s", "nowhere", "-p", "80", "-u", "/"],
        vec!["-p", "99999"],
        vec!["-m", "x"],
        vec!["-P", "3"],
        vec!["-t", "abc"],
        [to("/hello"), vec!["extra"]].concat(),
    ];
    for arguments in cases {
        let theirs = run(Command::new(DEBIAN).arg0("genhash"), &arguments);
        let ours = ours(&arguments);
        assert_eq!(shown(&ours), shown(&theirs), "{arguments:?}");
        assert_eq!(complaints(&ours), complaints(&theirs), "{arguments:?}");
    }
}

#[test]
fn a_chunked_page_has_the_digest_that_a_check_computes_and_a_slow_one_says_how_far_it_is() {
    let port = server().port().to_string();
    let chunked = ours(&["-s", "127.0.0.1", "-p", &port, "-u", "/chunked"]);
    assert_eq!(text(&chunked.stdout), DIGEST);
    let slow = ours(&["-s", "127.0.0.1", "-p", &port, "-u", "/slow"]);
    assert_eq!(text(&slow.stdout), DIGEST);
    let progress = text(&slow.stderr);
    assert!(progress.contains(" bytes after 1 s\n"), "{progress}");
}

#[test]
fn the_option_of_the_daemon_is_the_same_tool() {
    let port = server().port().to_string();
    for option in ["-T", "--genhash"] {
        let mut daemon = Command::new(Program::ours().path());
        let arguments = [option, "-s", "127.0.0.1", "-p", &port, "-u", "/hello"];
        assert_eq!(text(&run(&mut daemon, &arguments).stdout), DIGEST);
        let help = run(&mut Command::new(Program::ours().path()), &[option, "-h"]);
        assert!(text(&help.stderr).starts_with("Usage: keepalived --genhash COMMAND"));
    }
}

/// A process that ends with its owner.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_page_over_tls_has_the_same_digest() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("page"), "hello").expect("a file can be written");
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = free.local_addr().expect("a bound socket has an address").port().to_string();
    drop(free);
    let mut request = Command::new("openssl");
    request.current_dir(folder.path());
    request.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    request.args(["-nodes", "-subj", "/CN=lab", "-keyout", "key.pem", "-out", "cert.pem"]);
    assert!(request.stderr(Stdio::null()).status().expect("openssl runs").success());
    let mut server = Command::new("openssl");
    server.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::null());
    server.args(["s_server", "-quiet", "-WWW", "-cert", "cert.pem", "-key", "key.pem"]);
    server.args(["-accept", &format!("127.0.0.1:{port}")]).stderr(Stdio::null());
    let _server = Ends(server.spawn().expect("openssl runs"));
    let arguments = ["-S", "-I", "-V", "lab", "-s", "127.0.0.1", "-p", &port, "-u", "/page"];
    wait::eventually(Duration::from_secs(20), "the digest over TLS", || {
        text(&ours(&arguments).stdout) == DIGEST
    });
}
