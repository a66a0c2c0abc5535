//! The command line of `genhash`.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use base::Duration;
use control_plane::model::TcpCheck;
use control_plane::model::checks::{HttpCheck, HttpVersion, Sni, Url};
use lexopt::{Arg, Parser};

/// How long a server may be silent without `-t`. keepalived's waits for ever.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What is to be fetched, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) server: IpAddr,
    pub(super) port: u16,
    pub(super) url: String,
    pub(super) tls: bool,
    pub(super) sni: bool,
    pub(super) virtualhost: Option<String>,
    pub(super) version: HttpVersion,
    pub(super) mark: Option<u32>,
    pub(super) timeout: Duration,
    pub(super) verbose: bool,
}

impl Options {
    /// The check that would fetch the same.
    pub(super) fn check(&self) -> HttpCheck {
        HttpCheck {
            connect: TcpCheck::new((self.server, self.port).into()),
            tls: self.tls,
            virtualhost: self.virtualhost.clone(),
            version: self.version,
            sni: Sni::Off,
            fast_recovery: false,
            urls: Vec::new(),
        }
    }

    /// Its url.
    pub(super) fn page(&self) -> Url {
        Url { path: self.url.clone(), ..Url::default() }
    }
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Fetch(Box<Options>),
    /// Show this.
    Help(String),
}

/// Reads the command line, without the program's name, which is `name`.
///
/// # Errors
/// What is wrong with it, and the help text; keepalived leaves with status 1 then, as after `-h`.
pub(super) fn parse(name: &str, args: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
    let mut parser = Parser::from_args(args);
    let with_help = |why: String| format!("{why}\n{}", help(name));
    let (mut server, mut port, mut url) = (None, None, None);
    let (mut tls, mut sni, mut verbose) = (false, false, false);
    let (mut virtualhost, mut version) = (None, HttpVersion::V1_0);
    let (mut mark, mut timeout) = (None, TIMEOUT);
    while let Some(arg) = parser.next().map_err(|_| help(name))? {
        let arg = match arg {
            Arg::Value(word) => {
                return Err(with_help(format!(
                    "Unexpected argument(s): {}",
                    word.to_string_lossy()
                )));
            }
            Arg::Short(short) => LONG.iter().find(|(_, known)| *known == short),
            Arg::Long(long) => found(long),
        };
        let Some(&(_, short)) = arg else { return Err(help(name)) };
        let mut value = || parser.value().map_err(|_| help(name)).map(Text::from);
        match short {
            'S' => tls = true,
            'I' => sni = true,
            'v' => verbose = true,
            'h' => return Ok(Asked::Help(help(name))),
            's' => {
                let text = value()?;
                let wrong = || with_help(format!("server should be an IP, not {text}"));
                server = Some(text.parse().ok_or_else(wrong)?);
            }
            'p' => {
                let text = value()?;
                let number = text.parse().filter(|port| *port != 0);
                let wrong = || with_help(format!("invalid port number '{text}'"));
                port = Some(number.ok_or_else(wrong)?);
            }
            'u' => url = Some(value()?.0),
            'V' => virtualhost = Some(value()?.0),
            'm' => {
                let text = value()?;
                let wrong = || with_help(format!("invalid fwmark '{text}'"));
                mark = Some(text.parse().ok_or_else(wrong)?);
            }
            'P' => {
                let text = value()?;
                let wrong = || with_help(format!("invalid HTTP protocol version '{text}'"));
                version = http_version(&text.0).ok_or_else(wrong)?;
            }
            _ => {
                let text = value()?;
                let wrong = || with_help(format!("invalid timeout '{text}'"));
                let seconds: u32 = text.parse().ok_or_else(wrong)?;
                timeout = Duration::from_secs(seconds.into());
            }
        }
    }
    let (Some(server), Some(port), Some(url)) = (server, port, url) else {
        return Err(help(name));
    };
    Ok(Asked::Fetch(Box::new(Options {
        server,
        port,
        url,
        tls,
        sni,
        virtualhost,
        version,
        mark,
        timeout,
        verbose,
    })))
}

fn http_version(text: &str) -> Option<HttpVersion> {
    Some(match text {
        "1.0" => HttpVersion::V1_0,
        "1.0c" | "1.0C" => HttpVersion::V1_0Close,
        "1.1" => HttpVersion::V1_1,
        _ => return None,
    })
}

/// Long names and their letters.
const LONG: &[(&str, char)] = &[
    ("use-ssl", 'S'),
    ("use-sni", 'I'),
    ("server", 's'),
    ("port", 'p'),
    ("url", 'u'),
    ("use-virtualhost", 'V'),
    ("verbose", 'v'),
    ("help", 'h'),
    ("fwmark", 'm'),
    ("protocol", 'P'),
    ("timeout", 't'),
];

/// A long name, shortened as far as it stays unambiguous.
fn found(name: &str) -> Option<&'static (&'static str, char)> {
    let exact = LONG.iter().find(|(long, _)| *long == name);
    exact.or_else(|| {
        let mut starting = LONG.iter().filter(|(long, _)| long.starts_with(name));
        starting.next().filter(|_| starting.next().is_none())
    })
}

struct Text(String);

impl From<OsString> for Text {
    fn from(word: OsString) -> Self {
        Self(word.to_string_lossy().into_owned())
    }
}

impl Text {
    fn parse<T: FromStr>(&self) -> Option<T> {
        self.0.parse().ok()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn help(name: &str) -> String {
    format!(
        "Usage: {name} COMMAND [OPTIONS]
Commands:
   -s server-address -p port -u url
   -S -s server-address -p port -u url
   -h

Options:
Either long or short options are allowed.
   --use-ssl         -S       Use SSL connection to remote server.
   --use-sni         -I       Use SNI during SSL handshake (uses virtualhost setting; see -V).
   --server          -s       Use the specified remote server address.
   --port            -p       Use the specified remote server port.
   --url             -u       Use the specified remote server url.
   --use-virtualhost -V       Use the specified virtualhost in GET query.
   --verbose         -v       Use verbose mode output.
   --help            -h       Display this short inlined help screen.
   --fwmark          -m       Use the specified FW mark.
   --protocol        -P       Use the specified HTTP protocol - '1.0', 1.0c', '1.1'.
                                1.0c means 1.0 with 'Connection: close'
   --timeout         -t       Timeout in seconds
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    fn fetch(line: &str) -> Options {
        match parse("genhash", words(line)).unwrap() {
            Asked::Fetch(options) => *options,
            Asked::Help(_) => panic!("{line} is no call for help"),
        }
    }

    #[test]
    fn every_option_is_understood_short_and_long() {
        let short = fetch("-s ::1 -p 8080 -u /a -S -I -V www -P 1.1 -m 7 -t 3 -v");
        let long = "--server=::1 --port 8080 --url /a --use-ssl --use-sni --use-virtualhost www \
                    --protocol 1.1 --fwmark 7 --time 3 --verb";
        assert_eq!(short, fetch(long));
        assert_eq!((short.port, short.tls, short.sni, short.verbose), (8080, true, true, true));
        assert_eq!((short.mark, short.timeout.as_secs()), (Some(7), 3));
        assert_eq!(fetch("-s 10.0.0.1 -p 80 -u / -P 1.0c").version, HttpVersion::V1_0Close);
    }

    #[test]
    fn what_is_missing_or_wrong_is_said_with_the_help_text() {
        let first = |line| {
            let text = parse("genhash", words(line)).unwrap_err();
            text.lines().next().unwrap_or_default().to_owned()
        };
        let usage = "Usage: genhash COMMAND [OPTIONS]";
        assert_eq!(first(""), usage);
        assert_eq!(first("-s 10.0.0.1 -p 80"), usage);
        assert_eq!(first("-z"), usage);
        assert_eq!(first("--use"), usage, "of two");
        assert_eq!(first("-s nowhere -p 80 -u /"), "server should be an IP, not nowhere");
        assert_eq!(first("-p 99999"), "invalid port number '99999'");
        assert_eq!(first("-m x"), "invalid fwmark 'x'");
        assert_eq!(first("-P 3"), "invalid HTTP protocol version '3'");
        assert_eq!(first("-t abc"), "invalid timeout 'abc'");
        assert_eq!(first("-p 80 extra"), "Unexpected argument(s): extra");
        let help = parse("keepalived --genhash", words("-h")).unwrap();
        assert!(
            matches!(help, Asked::Help(text) if text.starts_with("Usage: keepalived --genhash "))
        );
    }
}
