//! ARP and neighbour advertisements of others, where somebody wants to hear them: who answers for
//! an address of ours, and whether a witness on the link is alive.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::os::fd::AsFd;

use base::IfIndex;
use scheduler::{Interest, Scheduler, Token};
use sys::NeighbourSocket;
use wire::{Family, MacAddress};

use super::sockets::system_family;

/// Frames taken from one socket in one turn.
const FRAMES_A_TURN: usize = 64;

/// Bytes of a frame that are looked at.
const BUFFER: usize = 128;

/// One socket an interface and family.
#[derive(Default)]
pub(super) struct Neighbours {
    open: BTreeMap<(IfIndex, Family), (Token, NeighbourSocket)>,
    /// Those that could not be opened, so that the failure is said once.
    failed: BTreeSet<(IfIndex, Family)>,
}

impl Neighbours {
    /// Hears these interfaces from now on, and no others.
    pub(super) fn follow(
        &mut self,
        wanted: &BTreeSet<(IfIndex, Family)>,
        scheduler: &mut Scheduler,
    ) {
        self.failed.retain(|place| wanted.contains(place));
        self.open.retain(|place, (token, _)| {
            let keep = wanted.contains(place);
            if !keep {
                scheduler.deregister(*token);
            }
            keep
        });
        for place @ (index, family) in wanted {
            if self.open.contains_key(place) {
                continue;
            }
            let opened = NeighbourSocket::open(*index, system_family(*family));
            let opened = opened.and_then(|socket| {
                let token = scheduler.register(socket.as_fd(), Interest::Read)?;
                Ok((token, socket))
            });
            match opened {
                Ok(opened) => {
                    self.failed.remove(place);
                    self.open.insert(*place, opened);
                }
                Err(error) => {
                    if self.failed.insert(*place) {
                        log::error!("cannot hear neighbours on interface {index}: {error}");
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
    ) -> Vec<(IfIndex, MacAddress, IpAddr)> {
        let mut heard = Vec::new();
        let found = self.open.iter().find(|(_, (known, _))| *known == token);
        let Some(((index, family), (_, socket))) = found else { return heard };
        let mut buffer = [0; BUFFER];
        for _ in 0..FRAMES_A_TURN {
            match socket.receive(&mut buffer) {
                Ok(Some(length)) => {
                    let frame = buffer.get(..length).unwrap_or(&buffer);
                    let claim = match family {
                        Family::Ipv4 => wire::arp::sender(frame).map(|(mac, at)| (mac, at.into())),
                        Family::Ipv6 => wire::ndp::claim(frame).map(|(mac, at)| (mac, at.into())),
                    };
                    heard.extend(claim.map(|(mac, address)| (*index, mac, address)));
                }
                Ok(None) => return heard,
                Err(error) => {
                    log::debug!("neighbours on {index}: {error}");
                    return heard;
                }
            }
        }
        scheduler.still_ready(token);
        heard
    }
}
