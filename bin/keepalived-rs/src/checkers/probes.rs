//! The probes that are on their way: a socket each, until the machine has heard enough.

use std::collections::HashMap;
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use checkers::{Outcome, ProbeId, SocketError, Transport};
use control_plane::model::TcpCheck;
use scheduler::{Interest, Scheduler, Token};
use sys::tcp::{Connect, connect_result, connect_start, icmp_connect, udp_connect};

use super::stream::{End, Progress, Ready, Stream};
use super::tls::TlsClient;

/// Datagrams of one probe in one turn; more wait for the next turn.
const DATAGRAMS_A_TURN: usize = 64;

/// The most bytes of a datagram, of the IPv4 header in front of it too.
const LARGEST_DATAGRAM: usize = 65_535;

/// Something that happened to a probe.
pub(super) enum Happened {
    /// It has its result.
    Done(ProbeId, Outcome),
    /// The way to the server is open.
    Connected(ProbeId),
    /// The server said this.
    Received(ProbeId, Vec<u8>),
    /// The server says no more.
    Ended(ProbeId, Option<SocketError>),
}

/// Sockets of probes.
pub(super) struct Probes {
    by_token: HashMap<Token, Running>,
    tokens: HashMap<ProbeId, Token>,
    tls: TlsClient,
}

struct Running {
    probe: ProbeId,
    way: Way,
}

/// What a probe has of its server.
enum Way {
    /// A connection that is wanted for itself.
    Connect(OwnedFd),
    Stream(Stream),
    /// `has_header`: what comes begins with an IPv4 header.
    Datagram {
        socket: UdpSocket,
        has_header: bool,
    },
}

impl AsFd for Way {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Connect(fd) => fd.as_fd(),
            Self::Stream(stream) => stream.as_fd(),
            Self::Datagram { socket, .. } => socket.as_fd(),
        }
    }
}

impl Probes {
    pub(super) fn new(tls: TlsClient) -> Self {
        Self { by_token: HashMap::new(), tokens: HashMap::new(), tls }
    }

    /// From now on connections are made with `tls`; those that are open go on.
    pub(super) fn set_tls(&mut self, tls: TlsClient) {
        self.tls = tls;
    }

    /// Begins to connect, for the connection's own sake. What the kernel knows at once comes back at
    /// once.
    pub(super) fn connect(
        &mut self,
        probe: ProbeId,
        to: &TcpCheck,
        scheduler: &mut Scheduler,
    ) -> Option<Happened> {
        let way = wanted(to).and_then(|wanted| connect_start(&wanted)).map(Way::Connect);
        self.watch(probe, way, Interest::Write, scheduler)
    }

    /// Opens a way to a server that is to be talked to.
    pub(super) fn talk(
        &mut self,
        probe: ProbeId,
        to: &TcpCheck,
        over: &Transport,
        scheduler: &mut Scheduler,
    ) -> Option<Happened> {
        let way = wanted(to).and_then(|wanted| self.open(&wanted, over));
        let is_open = matches!(way, Ok(Way::Datagram { .. }));
        let failed = self.watch(probe, way, Interest::Both, scheduler);
        failed.or_else(|| is_open.then_some(Happened::Connected(probe)))
    }

    fn open(&self, wanted: &Connect, over: &Transport) -> io::Result<Way> {
        let tls = match over {
            Transport::Udp => {
                let socket = udp_connect(wanted)?.into();
                return Ok(Way::Datagram { socket, has_header: false });
            }
            Transport::Icmp => {
                let socket = icmp_connect(wanted)?.into();
                return Ok(Way::Datagram { socket, has_header: wanted.target.is_ipv4() });
            }
            Transport::Tcp => None,
            Transport::Tls { server_name, strict_close } => {
                let address = wanted.target.ip();
                Some(self.tls.connection(server_name.as_deref(), address, *strict_close)?)
            }
        };
        Ok(Way::Stream(Stream::new(connect_start(wanted)?, tls)))
    }

    fn watch(
        &mut self,
        probe: ProbeId,
        way: io::Result<Way>,
        interest: Interest,
        scheduler: &mut Scheduler,
    ) -> Option<Happened> {
        let registered = way.and_then(|way| {
            let token = scheduler.register(way.as_fd(), interest)?;
            Ok((token, way))
        });
        match registered {
            Ok((token, way)) => {
                self.by_token.insert(token, Running { probe, way });
                self.tokens.insert(probe, token);
                None
            }
            Err(error) => {
                log::debug!("{probe}: {error}");
                Some(Happened::Done(probe, Outcome::Failed))
            }
        }
    }

    /// Says something to the server of a probe.
    pub(super) fn send(&mut self, probe: ProbeId, bytes: &[u8]) -> Option<Happened> {
        let running = self.tokens.get(&probe).and_then(|token| self.by_token.get_mut(token))?;
        let sent = match &mut running.way {
            Way::Stream(stream) => stream.send(bytes),
            Way::Datagram { socket, .. } => socket.send(bytes).map(drop),
            Way::Connect(_) => Ok(()),
        };
        sent.err().map(|error| Happened::Ended(probe, Some(said(&error))))
    }

    /// The descriptor behind `token` is ready; what that means for its probe, if it is one of ours.
    pub(super) fn ready(
        &mut self,
        token: Token,
        ready: Ready,
        scheduler: &mut Scheduler,
    ) -> Vec<Happened> {
        let Some(Running { probe, way }) = self.by_token.get_mut(&token) else {
            return Vec::new();
        };
        let probe = *probe;
        let (happened, again) = match way {
            Way::Connect(fd) => {
                // A connection that failed, or was ended already, is not only writable.
                let result = if ready.ended { connect_result(fd.as_fd()) } else { Ok(()) };
                let outcome = result.map_or_else(outcome, |()| Outcome::Connected);
                (vec![Happened::Done(probe, outcome)], false)
            }
            Way::Stream(stream) => of_stream(probe, stream.progress(ready)),
            Way::Datagram { socket, has_header } => of_datagrams(probe, socket, *has_header),
        };
        if again {
            scheduler.still_ready(token);
        }
        if let Some(Happened::Done(..)) = happened.last() {
            self.abort(probe, scheduler);
        }
        happened
    }

    /// Gives a probe up.
    pub(super) fn abort(&mut self, probe: ProbeId, scheduler: &mut Scheduler) {
        if let Some(token) = self.tokens.remove(&probe) {
            scheduler.forget(token);
            self.by_token.remove(&token);
        }
    }
}

fn of_stream(probe: ProbeId, progress: Progress) -> (Vec<Happened>, bool) {
    let Progress { opened, received, end, again } = progress;
    let opened = opened.then_some(Happened::Connected(probe));
    let received = (!received.is_empty()).then_some(Happened::Received(probe, received));
    let end = end.map(|end| match end {
        End::NotConnected(error) => Happened::Done(probe, outcome(error)),
        End::NoTls(error) => {
            log::debug!("{probe}: TLS: {error}");
            Happened::Done(probe, Outcome::TlsFailed)
        }
        End::Closed => Happened::Ended(probe, None),
        End::Broken(error) => Happened::Ended(probe, Some(said(&error))),
    });
    (opened.into_iter().chain(received).chain(end).collect(), again)
}

fn of_datagrams(probe: ProbeId, socket: &UdpSocket, has_header: bool) -> (Vec<Happened>, bool) {
    let mut happened = Vec::new();
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    for _ in 0..DATAGRAMS_A_TURN {
        match socket.recv(&mut buffer) {
            Ok(length) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                let datagram = if has_header { wire::ipv4::payload(datagram) } else { datagram };
                happened.push(Happened::Received(probe, datagram.to_vec()));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (happened, false),
            Err(error) => {
                happened.push(Happened::Ended(probe, Some(said(&error))));
                return (happened, false);
            }
        }
    }
    (happened, true)
}

fn outcome(error: io::Error) -> Outcome {
    match error.kind() {
        io::ErrorKind::TimedOut => Outcome::TimedOut,
        _ => Outcome::Failed,
    }
}

/// An error in the words of libc, without the number that the text of [`io::Error`] ends with.
fn said(error: &io::Error) -> SocketError {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    SocketError { code: error.raw_os_error().unwrap_or(0), text: words.to_owned() }
}

fn wanted(to: &TcpCheck) -> io::Result<Connect> {
    let TcpCheck { target, bind, bind_interface, mark, .. } = to;
    let interface = match bind_interface {
        Some(name) => Some(sys::interface_index(name)?),
        None => None,
    };
    let bind = bind.as_deref().copied();
    Ok(Connect { target: *target, bind, interface, fwmark: (*mark != 0).then_some(*mark) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_said_with_its_number_and_the_words_of_libc() {
        let refused = said(&io::Error::from_raw_os_error(111));
        assert_eq!((refused.code, refused.text.as_str()), (111, "Connection refused"));
    }
}
