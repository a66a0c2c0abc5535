//! A TCP connection that carries a dialogue, in the clear or in TLS.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sys::tcp::connect_result;

use super::tls::Tls;

/// Bytes that are read at a time.
const READ_SIZE: usize = 16 * 1024;

/// Reads in one turn; more wait for the next turn, so that other connections get theirs.
const READS_A_TURN: usize = 8;

/// A connection from its first packet on.
pub(crate) struct Stream {
    socket: TcpStream,
    tls: Option<Box<Tls>>,
    state: State,
    /// What the kernel did not take yet.
    unsent: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Handshaking,
    Open,
    Ended,
}

/// What a look at the connection has found, in this order.
#[derive(Default)]
pub(crate) struct Progress {
    /// It is open from now on.
    pub(crate) opened: bool,
    pub(crate) received: Vec<u8>,
    pub(crate) end: Option<End>,
    /// There may be more at once.
    pub(crate) again: bool,
}

/// How a connection ended.
pub(crate) enum End {
    /// It never was one.
    NotConnected(io::Error),
    /// The other side does not speak TLS as we do.
    NoTls(io::Error),
    /// The other side has closed.
    Closed,
    Broken(io::Error),
}

impl Stream {
    pub(crate) fn new(fd: OwnedFd, tls: Option<Tls>) -> Self {
        let tls = tls.map(Box::new);
        Self { socket: fd.into(), tls, state: State::Connecting, unsent: Vec::new() }
    }

    /// Says something, as soon as there is room for it.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.write(bytes)?,
            None => self.unsent.extend(bytes),
        }
        self.flush()
    }

    /// The socket is ready.
    pub(crate) fn progress(&mut self) -> Progress {
        let mut progress = Progress::default();
        if self.state == State::Connecting {
            if let Err(error) = connect_result(self.socket.as_fd()) {
                return self.ended(progress, End::NotConnected(error));
            }
            self.state = if self.tls.is_some() { State::Handshaking } else { State::Open };
            progress.opened = self.tls.is_none();
        }
        if let Err(error) = self.flush() {
            return self.broken(progress, error);
        }
        for _ in 0..READS_A_TURN {
            if self.state == State::Ended {
                return progress;
            }
            match self.read(&mut progress.received) {
                Ok(0) => return self.ended(progress, End::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return progress,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.broken(progress, error),
            }
            if let Err(error) = self.flush() {
                return self.broken(progress, error);
            }
            let is_ready = self.tls.as_ref().is_some_and(|tls| tls.is_ready());
            if self.state == State::Handshaking && is_ready {
                self.state = State::Open;
                progress.opened = true;
            }
        }
        progress.again = true;
        progress
    }

    /// Reads once; 0 is the end.
    fn read(&mut self, received: &mut Vec<u8>) -> io::Result<usize> {
        if let Some(tls) = &mut self.tls {
            return tls.read(&mut self.socket, received);
        }
        let mut buffer = [0; READ_SIZE];
        let length = self.socket.read(&mut buffer)?;
        received.extend(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }

    /// Gives the kernel what it takes.
    fn flush(&mut self) -> io::Result<()> {
        if self.state == State::Connecting {
            return Ok(());
        }
        let done = match &mut self.tls {
            Some(tls) => tls.flush(&mut self.socket),
            None => write(&mut self.socket, &mut self.unsent),
        };
        match done {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            other => other,
        }
    }

    fn broken(&mut self, progress: Progress, error: io::Error) -> Progress {
        let end = match self.state {
            State::Handshaking => End::NoTls(error),
            _ => End::Broken(error),
        };
        self.ended(progress, end)
    }

    fn ended(&mut self, progress: Progress, end: End) -> Progress {
        let end = match (self.state, end) {
            (State::Handshaking, End::Closed) => End::NoTls(io::ErrorKind::UnexpectedEof.into()),
            (_, end) => end,
        };
        self.state = State::Ended;
        Progress { end: Some(end), ..progress }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn write(socket: &mut TcpStream, unsent: &mut Vec<u8>) -> io::Result<()> {
    // Each round makes what is unsent shorter.
    while !unsent.is_empty() {
        let sent = socket.write(unsent)?;
        if sent == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        unsent.drain(..sent);
    }
    Ok(())
}
