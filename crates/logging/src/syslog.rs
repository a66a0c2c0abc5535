//! The local syslog daemon, by datagrams that never wait. libc's own `syslog` would block where the
//! daemon behind it does not read, and with it every address that this host owns.

use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use log::Level;

use crate::facility::Facility;
use crate::line;
use crate::stamp::{self, Stamp};

/// Lines that wait for a daemon that reads slowly: its queue holds ten by default
/// (`net.unix.max_dgram_qlen`), and one turn of ours may have a line for each of many addresses.
const BACKLOG: usize = 4096;

/// What became of a line.
enum Sent {
    Taken,
    /// The daemon has no room now.
    NotNow,
    /// There is no daemon.
    Failed,
}

/// A connection that mends itself: the daemon may be restarted, or start later than we do.
#[derive(Debug)]
pub(crate) struct Syslog {
    path: PathBuf,
    facility: Facility,
    identity: String,
    /// Made with the first line; without connection while there is no daemon.
    socket: Option<UnixDatagram>,
    is_connected: bool,
    /// There was no daemon in this turn.
    is_absent: bool,
    backlog: VecDeque<String>,
    /// Not yet owned up to.
    unsaid: u64,
    lost: u64,
}

impl Syslog {
    /// Nothing is opened before the first line.
    pub(crate) const fn new(path: PathBuf, facility: Facility, identity: String) -> Self {
        Self {
            path,
            facility,
            identity,
            socket: None,
            is_connected: false,
            is_absent: false,
            backlog: VecDeque::new(),
            unsaid: 0,
            lost: 0,
        }
    }

    pub(crate) fn set_identity(&mut self, identity: String) {
        self.identity = identity;
        // A forked process gets a socket of its own, and its parent says what the parent has to say.
        self.socket = None;
        self.is_connected = false;
        self.backlog.clear();
    }

    /// How many lines the daemon did not take.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// A daemon that was not there is looked for again.
    pub(crate) const fn next_turn(&mut self) {
        self.is_absent = false;
    }

    pub(crate) fn log(&mut self, level: Level, text: &str) {
        if self.is_absent {
            return self.lose(1);
        }
        if self.unsaid > 0 && self.backlog.is_empty() {
            let count = std::mem::take(&mut self.unsaid);
            let confession = format!("{count} log lines were lost: syslog did not take them");
            let line = self.line(Level::Warn, &confession);
            self.backlog.push_back(line);
        }
        let line = self.line(level, text);
        if self.backlog.len() < BACKLOG {
            self.backlog.push_back(line);
        } else {
            self.lose(1);
        }
        self.flush();
    }

    /// Sends what waits, as far as there is room; whether some still waits.
    pub(crate) fn flush(&mut self) -> bool {
        while let Some(line) = self.backlog.pop_front() {
            match self.send(line.as_bytes()) {
                Sent::Taken => {}
                Sent::NotNow => {
                    self.backlog.push_front(line);
                    return true;
                }
                Sent::Failed => {
                    self.is_absent = stamp::gathers();
                    self.lose(1 + self.backlog.len() as u64);
                    self.backlog.clear();
                }
            }
        }
        false
    }

    const fn lose(&mut self, count: u64) {
        self.unsaid += count;
        self.lost += count;
    }

    fn line(&self, level: Level, text: &str) -> String {
        let Stamp { time, pid } = stamp::now();
        line::syslog(self.facility, level, time, &self.identity, pid, text)
    }

    /// With a second try on a new connection, when the old one's daemon is gone.
    fn send(&mut self, line: &[u8]) -> Sent {
        let had_connection = self.is_connected;
        match self.try_send(line) {
            Sent::Failed if had_connection => self.try_send(line),
            sent => sent,
        }
    }

    fn try_send(&mut self, line: &[u8]) -> Sent {
        let Ok(socket) = self.connected() else { return Sent::Failed };
        match socket.send(line) {
            Ok(_) => Sent::Taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sent::NotNow,
            Err(_) => {
                self.is_connected = false;
                Sent::Failed
            }
        }
    }

    /// Where there is no daemon, that costs one system call a line, or a turn where lines are gathered.
    fn connected(&mut self) -> io::Result<&UnixDatagram> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                socket
            }
        };
        let socket = self.socket.insert(socket);
        if !self.is_connected {
            socket.connect(&self.path)?;
            self.is_connected = true;
        }
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
    fn a_burst_that_a_daemon_reads_slowly_arrives_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut syslog = syslog(path);
        for number in 0..1_000 {
            syslog.log(Level::Info, &number.to_string());
        }
        let mut lines = Vec::new();
        while syslog.flush() {
            lines.extend(received(&daemon));
        }
        lines.extend(received(&daemon));
        let numbers = lines.iter().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap());
        assert_eq!(numbers.collect::<Vec<usize>>(), (0..1_000).collect::<Vec<_>>());
        assert_eq!(syslog.lost(), 0);
    }

    #[test]
    fn a_daemon_that_does_not_read_loses_lines_and_is_told_how_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut syslog = syslog(path);
        let more_than_waits = 2 * BACKLOG as u64;
        for number in 0..more_than_waits {
            syslog.log(Level::Info, &number.to_string());
        }
        let lost = syslog.lost();
        let mut taken = Vec::new();
        while syslog.flush() {
            taken.extend(received(&daemon));
        }
        taken.extend(received(&daemon));
        assert!(lost > 0, "the backlog is bounded");
        assert_eq!(taken.len() as u64 + lost, more_than_waits);
        syslog.log(Level::Info, "again");
        let lines = received(&daemon);
        assert!(lines[0].contains(&format!(": {lost} log lines were lost")), "{lines:?}");
        assert!(lines[1].ends_with(": again"), "{lines:?}");
    }
}
