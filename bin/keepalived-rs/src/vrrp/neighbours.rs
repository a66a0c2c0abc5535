//! ARP of others, where somebody wants to hear it: who answers for an address of ours, and whether a
//! witness on the link is alive.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;

use base::IfIndex;
use scheduler::{Interest, Scheduler, Token};
use sys::ArpSocket;
use wire::MacAddress;

/// Frames taken from one socket in one turn.
const FRAMES_A_TURN: usize = 64;

/// Bytes of a frame that are looked at.
const BUFFER: usize = 128;

/// One socket an interface.
#[derive(Default)]
pub(super) struct Neighbours {
    open: BTreeMap<IfIndex, (Token, ArpSocket)>,
    /// Those that could not be opened, so that the failure is said once.
    failed: BTreeSet<IfIndex>,
}

impl Neighbours {
    /// Hears these interfaces from now on, and no others.
    pub(super) fn follow(&mut self, wanted: &BTreeSet<IfIndex>, scheduler: &mut Scheduler) {
        self.failed.retain(|index| wanted.contains(index));
        self.open.retain(|index, (token, _)| {
            let keep = wanted.contains(index);
            if !keep {
                scheduler.deregister(*token);
            }
            keep
        });
        for index in wanted {
            if self.open.contains_key(index) {
                continue;
            }
            let opened = ArpSocket::open(*index).and_then(|socket| {
                let token = scheduler.register(socket.as_fd(), Interest::Read)?;
                Ok((token, socket))
            });
            match opened {
                Ok(opened) => {
                    self.failed.remove(index);
                    self.open.insert(*index, opened);
                }
                Err(error) => {
                    if self.failed.insert(*index) {
                        log::error!("cannot hear ARP on interface {index}: {error}");
                    }
                }
            }
        }
    }

    /// Whether the token is one of ours.
    pub(super) fn owns(&self, token: Token) -> bool {
        self.open.values().any(|(known, _)| *known == token)
    }

    /// Who says that he has which address, at most [`FRAMES_A_TURN`] times.
    pub(super) fn drain(
        &mut self,
        token: Token,
        scheduler: &mut Scheduler,
    ) -> Vec<(IfIndex, MacAddress, Ipv4Addr)> {
        let mut heard = Vec::new();
        let found = self.open.iter().find(|(_, (known, _))| *known == token);
        let Some((index, (_, socket))) = found else { return heard };
        let mut buffer = [0; BUFFER];
        for _ in 0..FRAMES_A_TURN {
            match socket.receive(&mut buffer) {
                Ok(Some(length)) => {
                    let frame = buffer.get(..length).unwrap_or(&buffer);
                    if let Some((mac, address)) = wire::arp::sender(frame) {
                        heard.push((*index, mac, address));
                    }
                }
                Ok(None) => return heard,
                Err(error) => {
                    log::debug!("ARP on {index}: {error}");
                    return heard;
                }
            }
        }
        scheduler.still_ready(token);
        heard
    }
}
