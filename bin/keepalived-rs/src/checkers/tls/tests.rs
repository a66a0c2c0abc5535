//! Both back ends against `openssl s_server`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use control_plane::model::lvs;
use sys::tcp::{Connect, connect_start};

use super::TlsClient;
use crate::checkers::stream::{End, Ready, Stream};

const LIMIT: Duration = Duration::from_secs(20);

/// A folder with the certificate of a server, and one of a client whose key has a pass phrase.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tls-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        for (who, phrase) in [("server", None), ("client", Some("pass:secret"))] {
            let mut words: Vec<&str> = "req -x509 -newkey rsa:2048 -days 2".split(' ').collect();
            match phrase {
                Some(phrase) => words.extend(["-passout", phrase]),
                None => words.push("-nodes"),
            }
            let (subject, key) = (format!("/CN={who}"), format!("{who}.key"));
            let file = format!("{who}.pem");
            words.extend(["-subj", &subject, "-keyout", &key, "-out", &file]);
            let made = Command::new("openssl").args(words).current_dir(&path).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A server that ends with this.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// `openssl s_server -www` with these words; it answers a request with a page about itself.
    fn start(folder: &Path, words: &str) -> Self {
        Self::begin(folder, &format!("-www {words}"), Stdio::null())
    }

    /// Without `-www` it says what comes on its standard input.
    fn begin(folder: &Path, words: &str, stdin: Stdio) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("openssl")
            .args("s_server -quiet -cert server.pem -key server.key -accept".split(' '))
            .arg(address.to_string())
            .args(words.split_whitespace())
            .current_dir(folder)
            .stdin(stdin)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, address };
        let start = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < LIMIT, "openssl s_server does not listen");
            sleep(Duration::from_millis(10));
        }
        server
    }

    /// What the server says to `GET /`, as far as it can be read.
    fn page(&self, client: &TlsClient, name: Option<&str>) -> Result<String, String> {
        let tls = client.connection(name, self.address.ip(), false).unwrap();
        let mut stream = Stream::new(connect_start(&Connect::to(self.address)).unwrap(), Some(tls));
        let (mut page, start) = (Vec::new(), Instant::now());
        while start.elapsed() < LIMIT {
            let progress = stream.progress(Ready { readable: true, ended: true });
            if progress.opened {
                stream.send(b"GET / HTTP/1.0\r\n\r\n").unwrap();
            }
            page.extend(progress.received);
            match progress.end {
                None => sleep(Duration::from_millis(5)),
                Some(End::Closed) => return Ok(String::from_utf8_lossy(&page).into_owned()),
                Some(End::NotConnected(error)) => return Err(format!("no connection: {error}")),
                Some(End::NoTls(error)) => return Err(format!("no TLS: {error}")),
                Some(End::Broken(error)) => return Err(format!("broken: {error}")),
            }
        }
        Err("no end".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn pages_are_read_over_both_versions_of_today() {
    let folder = Folder::new("today");
    let client = TlsClient::new(&lvs::TlsClient::default()).unwrap();
    for (words, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let server = Server::start(&folder.0, words);
        let page = server.page(&client, None).unwrap();
        assert!(page.starts_with("HTTP/1.0 200 ok") && page.contains(version), "{page}");
    }
}

#[test]
fn the_name_of_the_server_is_sent_when_it_is_wanted() {
    let folder = Folder::new("name");
    let client = TlsClient::new(&lvs::TlsClient::default()).unwrap();
    // Who asks for another name than this is refused.
    let server = Server::start(
        &folder.0,
        "-servername_fatal -servername www.example.com -cert2 server.pem -key2 server.key",
    );
    assert!(server.page(&client, Some("www.example.com")).is_ok());
    assert!(server.page(&client, Some("other.example.com")).is_err());
}

#[test]
fn a_client_says_who_it_is_with_a_key_that_has_a_pass_phrase() {
    let folder = Folder::new("client");
    let server =
        Server::start(&folder.0, "-tls1_2 -Verify 1 -verify_return_error -CAfile client.pem");
    let settings = lvs::TlsClient {
        certificate: Some(folder.file("client.pem")),
        key: Some(folder.file("client.key")),
        password: Some("secret".to_owned()),
        ca: None,
    };
    let page = server.page(&TlsClient::new(&settings).unwrap(), None).unwrap();
    assert!(page.contains("CN = client") || page.contains("CN=client"), "{page}");
    let unknown = TlsClient::new(&lvs::TlsClient::default()).unwrap();
    assert!(server.page(&unknown, None).is_err());
    let wrong = lvs::TlsClient { password: Some("wrong".to_owned()), ..settings };
    assert!(server.page(&TlsClient::new(&wrong).unwrap(), None).is_err());
}

#[test]
fn a_server_of_old_ciphers_or_versions_is_checked_by_openssl_alone() {
    let folder = Folder::new("old");
    let client = TlsClient::new(&lvs::TlsClient::default()).unwrap();
    for words in ["-tls1_2 -cipher AES128-SHA:@SECLEVEL=0", "-tls1 -cipher ALL:@SECLEVEL=0"] {
        let server = Server::start(&folder.0, words);
        let page = server.page(&client, None);
        assert_eq!(page.is_ok(), cfg!(feature = "openssl"), "{words}: {page:?}");
    }
}

/// `tls_compliant`.
#[test]
fn an_end_without_a_goodbye_is_an_error_only_where_tls_is_to_be_obeyed() {
    let folder = Folder::new("goodbye");
    let client = TlsClient::new(&lvs::TlsClient::default()).unwrap();
    for (version, strict) in
        [("-tls1_2", false), ("-tls1_2", true), ("-tls1_3", false), ("-tls1_3", true)]
    {
        let mut server = Server::begin(&folder.0, version, Stdio::piped());
        let tls = client.connection(None, server.address.ip(), strict).unwrap();
        let socket = connect_start(&Connect::to(server.address)).unwrap();
        let mut stream = Stream::new(socket, Some(tls));
        let (mut heard, mut is_killed, start) = (Vec::new(), false, Instant::now());
        let end = loop {
            assert!(start.elapsed() < LIMIT, "{version}: no end, {is_killed}");
            let progress = stream.progress(Ready { readable: true, ended: true });
            if progress.opened {
                server.child.stdin.as_mut().unwrap().write_all(b"hello\n").unwrap();
            }
            heard.extend(progress.received);
            if heard == b"hello\n" && !is_killed {
                // The kernel closes its connections; nobody says so in TLS.
                server.child.kill().unwrap();
                is_killed = true;
            }
            match progress.end {
                None => sleep(Duration::from_millis(5)),
                Some(end) => break end,
            }
        };
        assert_eq!(heard, b"hello\n", "what came before it is read");
        match (strict, end) {
            (false, End::Closed) | (true, End::Broken(_)) => {}
            (_, End::Closed) => panic!("{version}: it is taken for a good end"),
            (_, End::NotConnected(error) | End::NoTls(error) | End::Broken(error)) => {
                panic!("{version}, strict {strict}: {error}")
            }
        }
    }
}

#[test]
fn a_peer_that_speaks_no_tls_is_told_from_one_that_is_away() {
    let client = TlsClient::new(&lvs::TlsClient::default()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let talk = std::thread::spawn(move || {
        let mut client = listener.accept().unwrap().0;
        // What nobody read would end the connection with a reset.
        assert!(client.read(&mut [0; 2048]).unwrap() > 0);
        client.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello\r\n").unwrap();
    });
    let child = Command::new("true").spawn().unwrap();
    let server = Server { child, address };
    let said = server.page(&client, None).unwrap_err();
    assert!(said.starts_with("no TLS"), "{said}");
    talk.join().unwrap();
    let gone = server.page(&client, None).unwrap_err();
    assert!(gone.starts_with("no connection"), "{gone}");
}
