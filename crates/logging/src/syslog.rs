//! The local syslog daemon, by datagrams that never wait. libc's own `syslog` would block where the
//! daemon behind it does not read, and with it every address that this host owns.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use log::Level;
use sys::clock;

use crate::facility::Facility;
use crate::line;

/// A connection that mends itself: the daemon may be restarted, or start later than we do.
#[derive(Debug)]
pub(crate) struct Syslog {
    path: PathBuf,
    facility: Facility,
    identity: String,
    socket: Option<UnixDatagram>,
    /// Not yet owned up to.
    unsaid: u64,
    lost: u64,
}

impl Syslog {
    /// Nothing is opened before the first line.
    pub(crate) const fn new(path: PathBuf, facility: Facility, identity: String) -> Self {
        Self { path, facility, identity, socket: None, unsaid: 0, lost: 0 }
    }

    pub(crate) fn set_identity(&mut self, identity: String) {
        self.identity = identity;
        // A forked process gets a socket of its own.
        self.socket = None;
    }

    /// How many lines the daemon did not take.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    pub(crate) fn log(&mut self, level: Level, text: &str) {
        if self.unsaid > 0 {
            let count = self.unsaid;
            let confession = format!("{count} log lines were lost: syslog did not take them");
            if self.send(Level::Warn, &confession) {
                self.unsaid = 0;
            }
        }
        if !self.send(level, text) {
            self.unsaid += 1;
            self.lost += 1;
        }
    }

    fn send(&mut self, level: Level, text: &str) -> bool {
        let (time, pid) = (clock::local_time(), std::process::id());
        let line = line::syslog(self.facility, level, time, &self.identity, pid, text);
        // A second try on a new connection, when the old one's daemon is gone.
        (0..2).any(|_| self.try_send(line.as_bytes()))
    }

    fn try_send(&mut self, line: &[u8]) -> bool {
        if self.socket.is_none() {
            self.socket = self.connect().ok();
        }
        let Some(socket) = &self.socket else { return false };
        match socket.send(line) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(_) => {
                self.socket = None;
                false
            }
        }
    }

    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(&self.path)?;
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(daemon: &UnixDatagram) -> Vec<String> {
        daemon.set_nonblocking(true).unwrap();
        let mut buffer = [0; 8192];
        let texts = std::iter::from_fn(|| {
            daemon.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec())
        });
        texts.map(|text| String::from_utf8(text).unwrap()).collect()
    }

    fn syslog(path: PathBuf) -> Syslog {
        Syslog::new(path, Facility::Daemon, "Keepalived".to_owned())
    }

    #[test]
    fn a_line_arrives_with_identity_and_process_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut syslog = syslog(path);
        syslog.log(Level::Info, "Startup complete");
        syslog.set_identity("Keepalived_vrrp".to_owned());
        syslog.log(Level::Info, "Stopped");
        let lines = received(&daemon);
        let pid = std::process::id();
        assert!(lines[0].starts_with("<30>"), "{lines:?}");
        assert!(lines[0].ends_with(&format!(" Keepalived[{pid}]: Startup complete")), "{lines:?}");
        assert!(lines[1].ends_with(&format!(" Keepalived_vrrp[{pid}]: Stopped")), "{lines:?}");
    }

    #[test]
    fn a_daemon_that_comes_late_or_again_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut syslog = syslog(path.clone());
        syslog.log(Level::Info, "nobody listens");
        assert_eq!(syslog.lost(), 1);
        let first = UnixDatagram::bind(&path).unwrap();
        syslog.log(Level::Info, "one");
        let lines = received(&first);
        assert!(
            lines[0].ends_with(": 1 log lines were lost: syslog did not take them"),
            "{lines:?}"
        );
        assert!(lines[1].ends_with(": one"), "{lines:?}");
        drop(first);
        std::fs::remove_file(&path).unwrap();
        let second = UnixDatagram::bind(&path).unwrap();
        syslog.log(Level::Info, "two");
        assert!(received(&second)[0].ends_with(": two"));
        assert_eq!(syslog.lost(), 1);
    }

    #[test]
    fn a_daemon_that_does_not_read_loses_lines_and_is_told_how_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut syslog = syslog(path);
        for number in 0..5_000 {
            syslog.log(Level::Info, &number.to_string());
        }
        let lost = syslog.lost();
        let taken = received(&daemon).len() as u64;
        assert!(lost > 0 && taken + lost == 5_000, "{taken} taken, {lost} lost");
        syslog.log(Level::Info, "again");
        let lines = received(&daemon);
        assert!(lines[0].contains(&format!(": {lost} log lines were lost")), "{lines:?}");
        assert!(lines[1].ends_with(": again"), "{lines:?}");
    }
}
