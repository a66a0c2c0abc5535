//! Another node that holds an address of ours (`conflict_detection`): a master that speaks although
//! it should hear us, and somebody who answers for our addresses.

use std::net::IpAddr;

use base::{Duration, IfIndex, Instant};
use control_plane::model::ConflictAction;
use wire::MacAddress;

use super::{Turn, VirtualRouter};
use crate::event::Saying;
use crate::notification::NotifyState;
use crate::output::Output;
use crate::state::State;

/// RFC 5227 section 2.4: an address is defended once in ten seconds at most.
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);
/// How often neighbours are asked whether somebody else has an address.
const PROBE_INTERVAL: Duration = Duration::from_secs(30);
/// After a takeover: when the switches have learnt, and a router that had to go has gone.
const FIRST_PROBE: Duration = Duration::from_secs(1);

/// What is known of others who hold the addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Conflicts {
    /// Another master that yields to us by right is heard: since when, and when last.
    duel: Option<Duel>,
    /// When it was said last that somebody answers for an address.
    claim_told_at: Option<Instant>,
    /// When scripts were told last of a double.
    told_at: Option<Instant>,
    /// When an address was announced last against such a one.
    defended_at: Option<Instant>,
    /// When neighbours are asked next.
    probe_at: Option<Instant>,
    /// The priority of the master that was heard before this one took over.
    former: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Duel {
    since: Instant,
    last: Instant,
    from: IpAddr,
    /// It was said that it does not hear us.
    deaf: bool,
}

impl VirtualRouter {
    /// A state begins.
    pub(super) fn begin_conflicts(&mut self, now: Instant) {
        let watches = self.state.is_master() && self.config.split_brain.conflict.is_some();
        let probe_at = watches.then_some(now + FIRST_PROBE);
        self.conflicts = Conflicts { probe_at, ..Conflicts::default() };
    }

    /// How many times another node was seen to hold its addresses.
    pub(crate) const fn doubles_seen(&self) -> u64 {
        self.statistics.split_brain.doubles
    }

    /// Whether somebody who answers for its addresses is to be looked for.
    pub(crate) fn watches_claims(&self) -> bool {
        self.state.is_master() && self.config.split_brain.conflict.is_some()
    }

    /// When it looks for others, or a double counts as healed.
    pub(super) fn conflict_timeout(&self) -> Option<Instant> {
        let State::Master(_) = self.state else { return None };
        let healed = self.conflicts.duel.map(|duel| duel.last + self.quiet());
        self.conflicts.probe_at.into_iter().chain(healed).min()
    }

    /// So long a router that has yielded is silent.
    fn quiet(&self) -> Duration {
        self.config.advert_interval.saturating_mul(2)
    }

    /// A master heard a lower one: both have the addresses.
    pub(super) fn heard_lower_master(&mut self, turn: &mut Turn<'_>, from: IpAddr) {
        if self.config.split_brain.conflict.is_none() {
            return;
        }
        let now = turn.now;
        let settled = self
            .last_transition
            .is_some_and(|since| now.saturating_since(since) >= self.config.advert_interval);
        let patience = self.active_down_interval(self.config.advert_interval);
        match &mut self.conflicts.duel {
            Some(duel) => {
                duel.last = now;
                let deaf = now.saturating_since(duel.since) > patience && !duel.deaf;
                duel.deaf |= deaf;
                if deaf {
                    self.say(turn, Saying::PeerIsDeaf { from, since: patience });
                }
            }
            // An advert that crossed our first one is no double.
            None if !settled => {}
            None => {
                self.conflicts.duel = Some(Duel { since: now, last: now, from, deaf: false });
                self.say(turn, Saying::OtherMaster(from));
                self.tell_double(turn);
            }
        }
    }

    /// Looks for others, and tells everybody where the addresses are once a double has healed.
    pub(super) fn serve_conflicts(&mut self, turn: &mut Turn<'_>) {
        let (now, quiet) = (turn.now, self.quiet());
        if let Some(duel) = self.conflicts.duel.take_if(|duel| duel.last + quiet <= now) {
            self.say(turn, Saying::Healed(duel.from));
            self.announce_all(turn, self.config.garp.repeat);
            self.notify(turn, NotifyState::Master);
        }
        if self.conflicts.probe_at.take_if(|at| *at <= now).is_some() {
            self.conflicts.probe_at = Some(now + PROBE_INTERVAL);
            for vip in self.vips() {
                let Some(link) = turn.links.named(&vip.interface) else { continue };
                let (index, mac, address) = (link.index, link.mac, vip.address());
                turn.out.push(Output::ProbeAddress { index, mac, address });
            }
        }
    }

    /// Somebody answers for an address, or announces it. The likely cause depends on whether he is
    /// heard.
    pub(crate) fn claimed(
        &mut self,
        turn: &mut Turn<'_>,
        index: IfIndex,
        address: IpAddr,
        mac: MacAddress,
    ) {
        let Some(action) = self.config.split_brain.conflict.filter(|_| self.holds_addresses())
        else {
            return;
        };
        let is_ours =
            self.places(turn.links).iter().any(|(at, net)| (*at, net.addr()) == (index, address));
        let Some(link) = turn.links.get(index).filter(|link| is_ours && link.mac != mac) else {
            return;
        };
        let (now, interface) = (turn.now, link.name.clone());
        let again = |told| is_again(told, now);
        if again(self.conflicts.claim_told_at) {
            self.conflicts.claim_told_at = Some(now);
            let unheard = self.conflicts.duel.is_none();
            let silence = self.active_down_interval(self.config.advert_interval);
            let silence = unheard.then_some(silence);
            self.say(turn, Saying::AddressClaimed { address, mac, interface, silence });
            self.tell_double(turn);
        }
        let gives_way = self.conflicts.former.is_some_and(|former| former > self.priority.get());
        if action == ConflictAction::Yield && self.conflicts.duel.is_none() && gives_way {
            return self.give_way(turn);
        }
        if action == ConflictAction::Insist && again(self.conflicts.defended_at) {
            self.conflicts.defended_at = Some(now);
            self.announce_some(turn, |candidate| candidate == address);
        }
    }

    /// Counts a double and tells it; one that is both heard and answers for an address is one.
    fn tell_double(&mut self, turn: &mut Turn<'_>) {
        if is_again(self.conflicts.told_at, turn.now) {
            self.conflicts.told_at = Some(turn.now);
            self.statistics.split_brain.doubles += 1;
            self.notify(turn, NotifyState::SplitBrain);
        }
    }

    /// The master that this router had heard is alive, but not heard: it has the higher priority, and
    /// gets time until somebody has looked.
    fn give_way(&mut self, turn: &mut Turn<'_>) {
        self.say_farewell(turn, 1);
        self.enter_backup(turn, None, self.config.advert_interval);
        if let State::Backup(backup) = &mut self.state {
            backup.down_at = turn.now + PROBE_INTERVAL;
        }
        self.say(turn, Saying::EnteringBackup);
        self.say_removing(turn);
        self.notify(turn, NotifyState::Backup);
    }

    /// It took over after it had heard a master of that priority.
    pub(super) const fn took_over_from(&mut self, former: Option<u8>) {
        self.conflicts.former = former;
    }
}

/// Whether something may be said or done again.
fn is_again(last: Option<Instant>, now: Instant) -> bool {
    last.is_none_or(|last| now.saturating_since(last) >= DEFEND_INTERVAL)
}
