//! Probes of witnesses (`vrrp_arbiter`): a socket each, which nobody waits for.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd;

use base::{Duration, IfIndex, Instant};
use control_plane::model::Witness;
use scheduler::{Interest, Scheduler, Token};
use sys::tcp::{Connect, connect_result, connect_start, icmp_connect};
use vrrp_stack::ProbeId;
use vrrp_stack::arbiter::talk::{self, Answer};

/// Datagrams of one probe in one turn; a host that pings a lot hears a lot.
const DATAGRAMS_A_TURN: usize = 64;
/// Reads of one web server in one turn; its status line mostly comes at once.
const READS_A_TURN: usize = 16;
/// The most that is read of a web server at once: its status line.
const LARGEST_ANSWER: usize = 512;

/// Probes that are under way.
#[derive(Default)]
pub(super) struct Probes {
    running: HashMap<Token, Running>,
    /// Witnesses that are asked by ARP; whoever says that he has the address answers.
    resolving: Vec<(ProbeId, IfIndex, Ipv4Addr, Instant)>,
}

struct Running {
    probe: ProbeId,
    witness: Witness,
    until: Instant,
    way: Way,
}

enum Way {
    Ping(UdpSocket),
    /// A connection that is under way.
    Connect(TcpStream),
    /// A connection that is open, and what the server has said.
    Talk(TcpStream, Vec<u8>),
    /// It has come to its end.
    Over,
}

impl Probes {
    /// Asks a witness; what is known at once comes back at once.
    pub(super) fn start(
        &mut self,
        now: Instant,
        probe: ProbeId,
        witness: Witness,
        timeout: Duration,
        scheduler: &mut Scheduler,
    ) -> Option<bool> {
        let interest = match witness {
            Witness::Ping(_) => Interest::Read,
            _ => Interest::Both,
        };
        let opened = open(&witness, probe).and_then(|way| {
            let token = match &way {
                Way::Ping(socket) => scheduler.register(socket.as_fd(), interest)?,
                Way::Connect(stream) | Way::Talk(stream, _) => {
                    scheduler.register(stream.as_fd(), interest)?
                }
                Way::Over => return Err(io::ErrorKind::Unsupported.into()),
            };
            Ok((token, way))
        });
        match opened {
            Ok((token, way)) => {
                let until = now + timeout;
                self.running.insert(token, Running { probe, witness, until, way });
                None
            }
            Err(error) => {
                log::debug!("{witness}: {error}");
                Some(false)
            }
        }
    }

    /// An ARP request is about to leave for this probe.
    pub(super) fn resolve(
        &mut self,
        probe: ProbeId,
        index: IfIndex,
        address: Ipv4Addr,
        until: Instant,
    ) {
        self.resolving.push((probe, index, address, until));
    }

    /// Somebody has this address: the probes that wanted to know.
    pub(super) fn resolved(&mut self, index: IfIndex, address: Ipv4Addr) -> Vec<ProbeId> {
        let is_it =
            |one: &(ProbeId, IfIndex, Ipv4Addr, Instant)| (one.1, one.2) == (index, address);
        let probes = self.resolving.iter().filter(|one| is_it(one)).map(|one| one.0).collect();
        self.resolving.retain(|one| !is_it(one));
        probes
    }

    /// Whether the token is one of ours.
    pub(super) fn owns(&self, token: Token) -> bool {
        self.running.contains_key(&token)
    }

    /// When the first probe has had its time.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let resolving = self.resolving.iter().map(|(.., until)| *until);
        self.running.values().map(|one| one.until).chain(resolving).min()
    }

    /// Gives up what has had its time; the stack counts its silence by itself.
    pub(super) fn on_timeout(&mut self, now: Instant, scheduler: &mut Scheduler) {
        self.resolving.retain(|(.., until)| *until > now);
        self.running.retain(|token, one| {
            let keep = one.until > now;
            if !keep {
                scheduler.deregister(*token);
            }
            keep
        });
    }

    /// The socket behind `token` is ready; the answer of its probe, once there is one.
    pub(super) fn ready(
        &mut self,
        token: Token,
        scheduler: &mut Scheduler,
    ) -> Option<(ProbeId, bool)> {
        let running = self.running.get_mut(&token)?;
        let (answer, more) = running.progress().unwrap_or_else(|error| {
            log::debug!("{}: {error}", running.witness);
            (Answer::Bad, false)
        });
        if answer == Answer::NotYet {
            if more {
                scheduler.still_ready(token);
            }
            return None;
        }
        scheduler.deregister(token);
        let done = self.running.remove(&token)?;
        Some((done.probe, answer == Answer::Good))
    }
}

impl Running {
    /// The answer, and whether more may lie there that the descriptor will not announce.
    fn progress(&mut self) -> io::Result<(Answer, bool)> {
        let tag = tag(self.probe);
        let (way, answer) = match std::mem::replace(&mut self.way, Way::Over) {
            Way::Ping(socket) => {
                let answer = hear(&socket, &self.witness, tag)?;
                (Way::Ping(socket), answer)
            }
            Way::Connect(mut stream) => {
                connect_result(stream.as_fd())?;
                let Some(request) = talk::request(&self.witness, tag) else {
                    return Ok((Answer::Good, false));
                };
                // A request fits into any buffer of a new connection.
                stream.write_all(&request)?;
                (Way::Talk(stream, Vec::new()), (Answer::NotYet, false))
            }
            Way::Talk(mut stream, mut said) => {
                let answer = listen(&mut stream, &mut said, &self.witness, tag)?;
                (Way::Talk(stream, said), answer)
            }
            Way::Over => (Way::Over, (Answer::Bad, false)),
        };
        self.way = way;
        Ok(answer)
    }
}

/// Reads what a server has said; `true` with it: more may lie there.
fn listen(
    stream: &mut TcpStream,
    said: &mut Vec<u8>,
    witness: &Witness,
    tag: u32,
) -> io::Result<(Answer, bool)> {
    let mut buffer = [0; LARGEST_ANSWER];
    for _ in 0..READS_A_TURN {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok((Answer::Bad, false)),
            Ok(length) => said.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok((Answer::NotYet, false));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        let answer = talk::answer(witness, tag, said);
        if answer != Answer::NotYet {
            return Ok((answer, false));
        }
    }
    Ok((Answer::NotYet, true))
}

/// Reads what has come; `true` with it: more may lie there.
fn hear(socket: &UdpSocket, witness: &Witness, tag: u32) -> io::Result<(Answer, bool)> {
    let mut buffer = [0; 2048];
    for _ in 0..DATAGRAMS_A_TURN {
        match socket.recv(&mut buffer) {
            Ok(length) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                let is_ipv4 = matches!(witness, Witness::Ping(address) if address.is_ipv4());
                let message = if is_ipv4 { wire::ipv4::payload(datagram) } else { datagram };
                let answer = talk::answer(witness, tag, message);
                if answer != Answer::NotYet {
                    return Ok((answer, false));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok((Answer::NotYet, false));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((Answer::NotYet, true))
}

fn open(witness: &Witness, probe: ProbeId) -> io::Result<Way> {
    Ok(match witness {
        Witness::Ping(address) => {
            let socket: UdpSocket =
                icmp_connect(&Connect::to(SocketAddr::new(*address, 0)))?.into();
            let request = talk::request(witness, tag(probe)).unwrap_or_default();
            socket.send(&request)?;
            Way::Ping(socket)
        }
        Witness::Tcp(address) | Witness::Http(address, _) => {
            Way::Connect(connect_start(&Connect::to(*address))?.into())
        }
        Witness::Arp(..) => return Err(io::ErrorKind::Unsupported.into()),
    })
}

/// Distinguishes the echoes of this process.
fn tag(probe: ProbeId) -> u32 {
    let [.., a, b, c, d] = probe.0.to_be_bytes();
    u32::from_be_bytes([a, b, c, d]) ^ std::process::id().rotate_left(16)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use scheduler::{Event, TimerId};

    use super::*;

    const PROBE: ProbeId = ProbeId(7);
    const GIVES_UP: Duration = Duration::from_secs(5);

    /// What becomes of a probe whose way has brought all that it will ever bring.
    fn answer_of(witness: Witness, way: Way) -> Option<bool> {
        let mut scheduler = Scheduler::new(&[]).unwrap();
        let mut probes = Probes::default();
        let token = match &way {
            Way::Ping(socket) => scheduler.register(socket.as_fd(), Interest::Read),
            Way::Talk(stream, _) => scheduler.register(stream.as_fd(), Interest::Both),
            Way::Connect(_) | Way::Over => unreachable!("no test has one"),
        };
        let now = sys::clock::now();
        let running = Running { probe: PROBE, witness, until: now + GIVES_UP, way };
        probes.running.insert(token.unwrap(), running);
        scheduler.set_timer(TimerId(0), now + GIVES_UP);
        let mut events = Vec::new();
        loop {
            scheduler.turn(&mut events).unwrap();
            for event in events.drain(..) {
                let Event::Io { token, .. } = event else { return None };
                if let Some((probe, good)) = probes.ready(token, &mut scheduler) {
                    assert_eq!(probe, PROBE);
                    return Some(good);
                }
            }
        }
    }

    #[test]
    fn an_echo_behind_many_others_is_found_though_nothing_more_comes() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(other.local_addr().unwrap()).unwrap();
        socket.set_nonblocking(true).unwrap();
        let header = [[0x45].as_slice(), &[0; 19]].concat();
        for tag in (0..=DATAGRAMS_A_TURN).map(|_| !tag(PROBE)).chain([tag(PROBE)]) {
            let echo = [header.as_slice(), &[0, 0, 9, 9], &tag.to_be_bytes()].concat();
            other.send_to(&echo, socket.local_addr().unwrap()).unwrap();
        }
        let witness = Witness::Ping("127.0.0.1".parse().unwrap());
        assert_eq!(answer_of(witness, Way::Ping(socket)), Some(true));
    }

    #[test]
    fn a_server_that_ends_in_the_middle_of_a_line_is_none_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(b"HTTP/1.").unwrap();
        drop(server);
        // Both have come before anybody looks.
        let mut byte = [0; 8];
        while stream.peek(&mut byte).unwrap() < 7 {}
        stream.set_nonblocking(true).unwrap();
        let witness = Witness::Http(address, "/".into());
        assert_eq!(answer_of(witness, Way::Talk(stream, Vec::new())), Some(false));
    }
}
