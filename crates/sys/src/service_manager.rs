//! What systemd is told of the daemon's life (`sd_notify(3)`): datagrams to the socket that it names.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use base::Duration;

use crate::clock;

/// Bytes of a status text that are told: `systemctl status` shows it in one line.
const STATUS_LIMIT: usize = 400;

/// Something that the service manager is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// The daemon is up, or has finished a reload. This process is the main one.
    Ready,
    /// It begins a reload.
    Reloading,
    /// It begins to stop.
    Stopping,
    /// It is alive (`WatchdogSec`).
    Alive,
    /// What it does is not over yet, and will be, or is told again, within this time.
    Longer(Duration),
    /// What it does, for people: one line, of which at most 400 bytes are told.
    Status(String),
}

impl Word {
    fn write(&self, text: &mut String) {
        // Writing to a string does not fail.
        let _ = match self {
            Self::Ready => writeln!(text, "READY=1\nMAINPID={}", std::process::id()),
            Self::Reloading => {
                writeln!(text, "RELOADING=1\nMONOTONIC_USEC={}", clock::now().as_micros())
            }
            Self::Stopping => writeln!(text, "STOPPING=1"),
            Self::Alive => writeln!(text, "WATCHDOG=1"),
            Self::Longer(time) => writeln!(text, "EXTEND_TIMEOUT_USEC={}", time.as_micros()),
            Self::Status(status) => {
                let end = status.floor_char_boundary(STATUS_LIMIT);
                // A line's end would begin another word.
                writeln!(text, "STATUS={}", status[..end].replace(['\n', '\0'], " "))
            }
        };
    }
}

/// Whether a service manager listens: `NOTIFY_SOCKET` is set.
pub fn listens() -> bool {
    env::var_os("NOTIFY_SOCKET").is_some()
}

/// How often [`Word::Alive`] has to be told: half the time after which the service manager takes this
/// process for dead, as `sd_watchdog_enabled(3)` recommends; `None` when it does not ask for it.
pub fn alive_interval() -> Option<Duration> {
    interval(
        env::var("WATCHDOG_USEC").ok().as_deref(),
        env::var("WATCHDOG_PID").ok().as_deref(),
        std::process::id(),
    )
}

fn interval(time: Option<&str>, of: Option<&str>, own: u32) -> Option<Duration> {
    if of.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    let micros: u64 = time?.parse().ok()?;
    (micros > 1).then(|| Duration::from_micros(micros / 2))
}

/// Tells the service manager, in one datagram, without waiting. Without one (`NOTIFY_SOCKET` is not
/// set) this is nothing.
///
/// # Errors
/// The system's: the socket is gone or full.
pub fn tell(words: &[Word]) -> io::Result<()> {
    match env::var_os("NOTIFY_SOCKET") {
        Some(name) if !words.is_empty() => tell_at(&name, words),
        _ => Ok(()),
    }
}

fn tell_at(name: &OsStr, words: &[Word]) -> io::Result<()> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let mut text = String::new();
    words.iter().for_each(|word| word.write(&mut text));
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(text.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 1000];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn a_service_manager_hears_of_all_that_happens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let tell = |words: &[Word]| tell_at(path.as_os_str(), words).unwrap();
        tell(&[Word::Ready, Word::Status("up\nREADY=0".into())]);
        let ready = format!("READY=1\nMAINPID={}\nSTATUS=up READY=0\n", std::process::id());
        assert_eq!(heard(&socket), ready, "one word stays one line");
        tell(&[Word::Reloading]);
        assert!(heard(&socket).starts_with("RELOADING=1\nMONOTONIC_USEC="));
        tell(&[Word::Stopping, Word::Longer(Duration::from_secs(2))]);
        assert_eq!(heard(&socket), "STOPPING=1\nEXTEND_TIMEOUT_USEC=2000000\n");
        tell(&[Word::Alive]);
        assert_eq!(heard(&socket), "WATCHDOG=1\n");
        tell(&[Word::Status("ä".repeat(300))]);
        assert_eq!(heard(&socket), format!("STATUS={}\n", "ä".repeat(200)), "a bound");
    }

    #[test]
    fn its_socket_may_have_no_file() {
        let name = format!("sys-test-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        tell_at(&OsString::from(format!("@{name}")), &[Word::Stopping]).unwrap();
        assert_eq!(heard(&socket), "STOPPING=1\n");
    }

    #[test]
    fn a_service_manager_that_is_gone_is_an_error_and_nothing_else() {
        tell_at(OsStr::new("/nosuch/socket"), &[Word::Ready]).unwrap_err();
    }

    #[test]
    fn the_main_process_says_that_it_lives_at_half_the_time_that_it_is_given() {
        let half = Some(Duration::from_secs(15));
        assert_eq!(interval(Some("30000000"), None, 7), half);
        assert_eq!(interval(Some("30000000"), Some("7"), 7), half);
        assert_eq!(interval(Some("30000000"), Some("8"), 7), None, "somebody else is asked");
        for nothing in [None, Some(""), Some("0"), Some("1"), Some("-3"), Some("soon")] {
            assert_eq!(interval(nothing, None, 7), None, "{nothing:?}");
        }
    }
}
