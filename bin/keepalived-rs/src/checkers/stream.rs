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

/// What the kernel says of a connection; what it does not say need not be asked.
#[derive(Clone, Copy)]
pub(crate) struct Ready {
    /// There is something to read.
    pub(crate) readable: bool,
    /// The other side says no more, or there is an error.
    pub(crate) ended: bool,
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

    /// The socket is ready, as the kernel told once.
    pub(crate) fn progress(&mut self, ready: Ready) -> Progress {
        let mut progress = Progress::default();
        if self.state == State::Connecting {
            if (ready.readable || ready.ended)
                && let Err(error) = connect_result(self.socket.as_fd())
            {
                return self.ended(progress, End::NotConnected(error));
            }
            self.state = if self.tls.is_some() { State::Handshaking } else { State::Open };
            progress.opened = self.tls.is_none();
        }
        if let Err(error) = self.flush() {
            return self.broken(progress, error);
        }
        if !ready.readable && !ready.ended {
            return progress;
        }
        for _ in 0..READS_A_TURN {
            if self.state == State::Ended {
                return progress;
            }
            let mut is_empty = false;
            match self.read(&mut progress.received, &mut is_empty) {
                Ok(0) => return self.ended(progress, End::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return progress,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.broken(progress, error),
            }
            let is_ready = self.tls.as_ref().is_some_and(|tls| tls.is_ready());
            if self.state == State::Handshaking && is_ready {
                // The last words of the handshake leave with the first of what is said over it.
                self.state = State::Open;
                progress.opened = true;
            } else if let Err(error) = self.flush() {
                return self.broken(progress, error);
            }
            // The kernel tells of what comes from now on; of an end that is here it has told.
            if is_empty && !ready.ended {
                return progress;
            }
        }
        progress.again = true;
        progress
    }

    /// Reads once; 0 is the end. `is_empty`: the kernel has no more for now.
    fn read(&mut self, received: &mut Vec<u8>, is_empty: &mut bool) -> io::Result<usize> {
        let mut socket = Measured { socket: &mut self.socket, is_empty };
        if let Some(tls) = &mut self.tls {
            return tls.read(&mut socket, received);
        }
        let mut buffer = [0; READ_SIZE];
        let length = socket.read(&mut buffer)?;
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

/// A socket that notes whether a read took all there was.
struct Measured<'a> {
    socket: &'a mut TcpStream,
    is_empty: &'a mut bool,
}

impl Read for Measured<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.socket.read(buffer)?;
        *self.is_empty = length < buffer.len();
        Ok(length)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Gives the socket what it takes of `unsent`.
///
/// # Errors
/// `WouldBlock` when it takes no more now; `WriteZero` when it never will; the socket's.
pub(super) fn write(socket: &mut impl Write, unsent: &mut Vec<u8>) -> io::Result<()> {
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
