//! `auth_hmac`: adverts with a trailer that proves who sent them, and that they are no old ones.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base::{Duration, Instant};
use control_plane::model::vrrp::{Hmac, HmacMode};
use wire::trailer::{self, Sequence, Trailer, TrailerError};

use super::{Turn, VirtualRouter};
use crate::complaint::{Complaint, TrailerFault};
use crate::event::Saying;
use crate::snapshot::InstanceSnapshot;

/// Multicast senders that are remembered at most, as in keepalived. The one that was silent longest
/// makes room.
const MULTICAST_SENDERS: usize = 4;

/// What a router remembers of trailers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Sequences {
    /// The number of its own last advert.
    sent: Sequence,
    /// The number of the last advert of each sender.
    heard: BTreeMap<IpAddr, Sequence>,
    /// The sender whose clock was complained about.
    skewed: Option<IpAddr>,
}

impl VirtualRouter {
    /// The number of the next advert: the time, or the next one when that does not grow. After the
    /// clock was set back by more than the window it follows the clock, for others would call its
    /// numbers stale.
    pub(super) fn next_sequence(&mut self, turn: &Turn<'_>) -> Option<Sequence> {
        let hmac = self.config.hmac.as_ref().filter(|hmac| hmac.mode != HmacMode::ReceiveOnly)?;
        let clock = Sequence::at(turn.clock.at(turn.now));
        let sent = self.sequences.sent;
        let far_ahead = !hmac.monotonic && sent.skew(clock) > hmac.time_window;
        let first = sent == Sequence::default();
        let next = if first || clock.is_after(sent) || far_ahead { clock } else { sent.next() };
        self.sequences.sent = next;
        Some(next)
    }

    /// The number of its last advert, for a successor.
    pub(super) const fn last_sealed(&self) -> u64 {
        self.sequences.sent.0
    }

    /// Goes on behind the number that a predecessor can have come to: it was told now and then only, and
    /// numbers grow no faster than time. A clock that was set back would repeat what others have heard.
    pub(super) fn resume_sealing(&mut self, now: Instant, known: &InstanceSnapshot) {
        if known.sealed != Sequence::default().0 {
            let silent = now.saturating_since(known.last_advert_at.unwrap_or(now));
            self.sequences.sent = Sequence(known.sealed.wrapping_add(Sequence::at(silent).0));
        }
    }

    /// An advert with the trailer that it is to have.
    pub(super) fn with_trailer(
        &self,
        advert: Vec<u8>,
        source: IpAddr,
        sequence: Option<Sequence>,
    ) -> Vec<u8> {
        let (Some(hmac), Some(sequence)) = (&self.config.hmac, sequence) else { return advert };
        match key(hmac, hmac.active) {
            Some(key) => trailer::emit(&advert, source, hmac.active, key, sequence),
            None => advert,
        }
    }

    /// Bytes that a trailer takes in every advert.
    pub(super) fn trailer_len(&self) -> usize {
        let sends = |hmac: &Hmac| hmac.mode != HmacMode::ReceiveOnly;
        if self.config.hmac.as_ref().is_some_and(sends) { trailer::LEN } else { 0 }
    }

    /// Whether what stands behind an advert allows to use it.
    pub(super) fn check_trailer(
        &mut self,
        turn: &mut Turn<'_>,
        from: IpAddr,
        advert: &[u8],
        trailer: &[u8],
    ) -> Result<(), Complaint> {
        let Some(hmac) = &self.config.hmac else { return Ok(()) };
        let fault = match Trailer::parse(trailer) {
            Ok(trailer) => judge(hmac, &self.sequences, turn, from, advert, &trailer),
            Err(TrailerError::Missing) => Err(TrailerFault::Missing),
            Err(TrailerError::Malformed) => Err(TrailerFault::Malformed),
        };
        match fault {
            Ok(sequence) => {
                let window = hmac.time_window;
                let skew = if hmac.monotonic { Duration::ZERO } else { sequence.skew(now(turn)) };
                self.remember(turn, from, sequence);
                self.mention_skew(turn, from, skew, window);
                Ok(())
            }
            Err(fault) => {
                let permissive = hmac.mode == HmacMode::Permissive;
                *self.statistics.of_trailer(fault) += 1;
                if permissive && fault == TrailerFault::Missing {
                    return Ok(());
                }
                Err(Complaint::Trailer { from, fault })
            }
        }
    }

    fn remember(&mut self, turn: &Turn<'_>, from: IpAddr, sequence: Sequence) {
        let Some(hmac) = &self.config.hmac else { return };
        let (window, clock) = (hmac.time_window, now(turn));
        let heard = &mut self.sequences.heard;
        if !hmac.monotonic {
            // What is older could not be replayed anyway.
            heard.retain(|_, last| last.skew(clock) <= window);
        }
        heard.insert(from, sequence);
        let peers = self.config.unicast.as_ref().map(|unicast| unicast.peers.len());
        let paths = 1 + self.config.split_brain.heartbeats.len();
        if heard.len() > peers.unwrap_or(MULTICAST_SENDERS) * paths {
            let others = heard.iter().filter(|(sender, _)| **sender != from);
            let oldest = others.max_by_key(|(_, last)| sequence.skew(**last));
            if let Some(oldest) = oldest.map(|(sender, _)| *sender) {
                heard.remove(&oldest);
            }
        }
    }

    /// A sender whose clock is on its way out of the window is told of once.
    fn mention_skew(
        &mut self,
        turn: &mut Turn<'_>,
        from: IpAddr,
        skew: Duration,
        window: Duration,
    ) {
        if skew.saturating_mul(2) <= window {
            self.sequences.skewed.take_if(|known| *known == from);
        } else if self.sequences.skewed != Some(from) {
            self.sequences.skewed = Some(from);
            self.say(turn, Saying::ClockSkew { from, skew, window });
        }
    }
}

/// The number of an advert that may be used.
fn judge(
    hmac: &Hmac,
    sequences: &Sequences,
    turn: &Turn<'_>,
    from: IpAddr,
    advert: &[u8],
    trailer: &Trailer,
) -> Result<Sequence, TrailerFault> {
    let clock = now(turn);
    let skew = trailer.sequence.skew(clock);
    if !hmac.monotonic && skew > hmac.time_window {
        return Err(TrailerFault::Stale { skew, window: hmac.time_window });
    }
    let Some(key) = key(hmac, trailer.key_id) else {
        return Err(TrailerFault::UnknownKey(trailer.key_id));
    };
    if !trailer.is_authentic(advert, from, key) {
        return Err(TrailerFault::WrongSum);
    }
    let last = sequences.heard.get(&from);
    // A number of before the clock was set says nothing.
    let last = last.filter(|last| hmac.monotonic || last.skew(clock) <= hmac.time_window);
    match last {
        Some(last) if !trailer.sequence.is_after(*last) => Err(TrailerFault::Replayed),
        _ => Ok(trailer.sequence),
    }
}

fn now(turn: &Turn<'_>) -> Sequence {
    Sequence::at(turn.clock.at(turn.now))
}

fn key(hmac: &Hmac, id: u8) -> Option<&[u8]> {
    hmac.keys.iter().find(|key| key.id == id).map(|key| key.secret.as_slice())
}
