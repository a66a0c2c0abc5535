//! Whether a child still turns its loop. One that does puts off a timer of its own that its parent
//! watches, so that nobody wakes for it; one whose timer runs out is asked, and has to answer within a
//! limit. A process that is stopped or runs in circles keeps its addresses and says nothing, which
//! nobody else would notice before a backup does.

use base::{Duration, Instant};

use crate::role::Role;

/// A child puts its timer off in its turns, but not more often than this.
pub const SIGN_INTERVAL: Duration = Duration::from_millis(100);

/// It puts it off by that much: one that turns once a second, as for adverts, is never asked.
pub const SILENCE: Duration = Duration::from_millis(1150);

/// From the start of a child to the first question, before which its timer may not have been set.
const FIRST_AFTER: Duration = SILENCE;

/// A question that follows a silence so closely asks about that silence.
const MOMENT: Duration = SIGN_INTERVAL;

/// A question that is looked at so much after its time says more of this process than of the child:
/// the whole machine has slept.
pub(crate) const OVERSLEPT: Duration = Duration::from_millis(500);

/// How long an answer may take. Checks can wait, and a large table takes its time.
pub const fn limit(role: Role) -> Duration {
    match role {
        Role::Vrrp => Duration::from_secs(2),
        Role::Checkers => Duration::from_secs(10),
    }
}

/// How long it may take of a child that is known to have been silent for [`SILENCE`] already. Adverts
/// a second apart are missed after three: the successor of a VRRP process speaks before that, 2.5 s
/// after its predecessor's last turn at the latest.
pub const fn limit_after_silence(role: Role) -> Duration {
    match role {
        Role::Vrrp => Duration::from_millis(1350),
        Role::Checkers => limit(role),
    }
}

/// The questions to one child.
///
/// ```text
///             silence                    asked                      deadline
///  Trusted -----------------> Doubted ----------> Asked -------------------------> hung
///     ^                                           |  ^  |
///     +----------------- answer ------------------+  +--+ much later than the deadline: asked again
/// ```
///
/// An answer after a silence makes it doubted again: the silence may have come after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pulse {
    /// Its timer has not run out since it has answered.
    Trusted {
        /// The next question's number.
        number: u64,
    },
    /// It is to be asked.
    Doubted {
        /// The question's number.
        number: u64,
        /// When.
        ask_at: Instant,
        /// It is known to have been silent for [`SILENCE`] at that time.
        silent: bool,
    },
    /// It has to answer.
    Asked {
        /// The question's number.
        number: u64,
        /// Until then.
        deadline: Instant,
        /// Its timer has run out since it was asked.
        silent: bool,
    },
}

/// What is to be done about a child now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Beat {
    /// Nothing.
    Rest,
    /// Ask it this question.
    Ask(u64),
    /// It does not answer.
    Hung,
}

impl Pulse {
    /// Of a child that is just up.
    pub fn new(now: Instant) -> Self {
        Self::Doubted { number: 1, ask_at: now + FIRST_AFTER, silent: false }
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub const fn next_timeout(self) -> Option<Instant> {
        match self {
            Self::Trusted { .. } => None,
            Self::Doubted { ask_at: at, .. } | Self::Asked { deadline: at, .. } => Some(at),
        }
    }

    /// Its timer has run out.
    pub const fn silent(&mut self, now: Instant) {
        match self {
            Self::Trusted { number } => {
                *self = Self::Doubted { number: *number, ask_at: now, silent: true };
            }
            Self::Asked { silent, .. } => *silent = true,
            // It is asked anyway.
            Self::Doubted { .. } => {}
        }
    }

    /// It has answered a question, and has put off its timer for that; an answer to an older one says
    /// nothing.
    pub const fn answered(&mut self, now: Instant, answer: u64) {
        if let Self::Asked { number, silent, .. } = *self
            && number == answer
        {
            let number = number.wrapping_add(1);
            *self = if silent {
                Self::Doubted { number, ask_at: now, silent: false }
            } else {
                Self::Trusted { number }
            };
        }
    }

    /// What is due now.
    pub fn handle_timeout(&mut self, now: Instant, role: Role) -> Beat {
        if self.next_timeout().is_none_or(|at| at > now) {
            return Beat::Rest;
        }
        let (number, limit) = match *self {
            Self::Doubted { number, ask_at, silent: true }
                if now.saturating_since(ask_at) <= MOMENT =>
            {
                (number, limit_after_silence(role))
            }
            Self::Trusted { number } | Self::Doubted { number, .. } => (number, limit(role)),
            Self::Asked { deadline, .. } if now.saturating_since(deadline) < OVERSLEPT => {
                return Beat::Hung;
            }
            Self::Asked { number, .. } => (number.wrapping_add(1), limit(role)),
        };
        *self = Self::Asked { number, deadline: now + limit, silent: false };
        Beat::Ask(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_micros(1_000_000);

    const LATER: Instant = Instant::from_micros(9_000_000);

    /// One that has answered its first question.
    fn trusted() -> Pulse {
        let mut pulse = Pulse::new(START);
        let asked = due(pulse);
        assert_eq!(pulse.handle_timeout(asked, Role::Vrrp), Beat::Ask(1));
        pulse.answered(asked, 1);
        pulse
    }

    fn due(pulse: Pulse) -> Instant {
        pulse.next_timeout().expect("something is awaited")
    }

    #[test]
    fn a_child_that_is_silent_is_asked_again_and_again() {
        let mut pulse = Pulse::new(START);
        let mut now = START;
        for number in 1..5 {
            assert_eq!(pulse.handle_timeout(now, Role::Vrrp), Beat::Rest, "not before its time");
            now = due(pulse);
            assert_eq!(pulse.handle_timeout(now, Role::Vrrp), Beat::Ask(number));
            pulse.answered(now, number);
            assert_eq!(pulse.next_timeout(), None, "nobody wakes for one that shows itself");
            pulse.silent(now + SILENCE);
            assert_eq!(pulse.handle_timeout(now, Role::Vrrp), Beat::Rest);
        }
    }

    #[test]
    fn a_child_that_does_not_answer_is_hung_at_its_limit() {
        let mut pulse = Pulse::new(START);
        let asked = due(pulse);
        assert_eq!(pulse.handle_timeout(asked, Role::Vrrp), Beat::Ask(1));
        pulse.answered(asked, 7);
        pulse.silent(asked + SILENCE);
        assert_eq!(due(pulse), asked + limit(Role::Vrrp), "7 answers nothing, silence is no news");
        assert_eq!(pulse.handle_timeout(due(pulse), Role::Vrrp), Beat::Hung);
    }

    #[test]
    fn a_vrrp_process_that_stops_turning_is_replaced_before_its_third_advert_is_missed() {
        assert!(SILENCE + limit_after_silence(Role::Vrrp) <= Duration::from_millis(2500));
        assert!(SILENCE > Duration::from_secs(1) + SIGN_INTERVAL, "a turn a second is enough");
        let mut pulse = trusted();
        pulse.silent(LATER);
        assert_eq!(pulse.handle_timeout(LATER, Role::Vrrp), Beat::Ask(2));
        assert_eq!(due(pulse), LATER + Duration::from_millis(1350));
    }

    #[test]
    fn a_child_of_which_no_silence_is_known_has_two_seconds_for_its_answer() {
        let patience = Duration::from_secs(2);
        let mut fresh = Pulse::new(START);
        assert_eq!(due(fresh), START + SILENCE, "a start takes its time");
        fresh.handle_timeout(START + SILENCE, Role::Vrrp);
        assert_eq!(due(fresh), START + SILENCE + patience);

        let mut held_up = trusted();
        held_up.silent(LATER);
        let asked = LATER + Duration::from_millis(101);
        held_up.handle_timeout(asked, Role::Vrrp);
        assert_eq!(due(held_up), asked + patience, "it may have turned since");
    }

    #[test]
    fn a_silence_beside_an_answer_leads_to_a_question_more() {
        let mut pulse = trusted();
        pulse.silent(LATER);
        assert_eq!(pulse.handle_timeout(LATER, Role::Vrrp), Beat::Ask(2));
        // It has answered and frozen; both are learned at once.
        let learned = LATER + Duration::from_millis(1200);
        pulse.silent(learned);
        pulse.answered(learned, 2);
        assert_eq!(pulse.handle_timeout(learned, Role::Vrrp), Beat::Ask(3));
        assert_eq!(pulse.handle_timeout(due(pulse), Role::Vrrp), Beat::Hung);
    }

    #[test]
    fn a_machine_that_has_slept_asks_again_before_it_judges() {
        let mut pulse = Pulse::new(START);
        pulse.handle_timeout(due(pulse), Role::Vrrp);
        let late = due(pulse) + Duration::from_secs(3600);
        assert_eq!(pulse.handle_timeout(late, Role::Vrrp), Beat::Ask(2));
        assert_eq!(pulse.handle_timeout(due(pulse), Role::Vrrp), Beat::Hung);
    }
}
