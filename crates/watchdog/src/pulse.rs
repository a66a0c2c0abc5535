//! Whether a child still turns its loop: it is asked every [`INTERVAL`] and has to answer within a
//! limit. A process that is stopped or runs in circles keeps its addresses and says nothing, which
//! nobody else would notice before a backup does.

use base::{Duration, Instant};

use crate::role::Role;

/// From one answer to the next question.
pub const INTERVAL: Duration = Duration::from_millis(500);

/// A question that is looked at so much after its time says more of this process than of the child:
/// the whole machine has slept.
const OVERSLEPT: Duration = Duration::from_millis(500);

/// How long an answer may take. Adverts a second apart are missed after three: the successor of a
/// VRRP process speaks before that. Checks can wait, and a large table takes its time.
pub const fn limit(role: Role) -> Duration {
    match role {
        Role::Vrrp => Duration::from_secs(2),
        Role::Checkers => Duration::from_secs(10),
    }
}

/// The questions to one child.
///
/// ```text
///            ask_at                      deadline
///  Resting ----------> Asked ---------------------------> hung
///     ^                  |  ^  |
///     +---- answer ------+  +--+ much later than the deadline: asked again
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pulse {
    /// It has answered.
    Resting {
        /// The next question's number.
        number: u64,
        /// When it is asked.
        ask_at: Instant,
    },
    /// It has to answer.
    Asked {
        /// The question's number.
        number: u64,
        /// Until then.
        deadline: Instant,
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
        Self::Resting { number: 1, ask_at: now + INTERVAL }
    }

    /// When [`Self::handle_timeout`] has something to do.
    pub const fn next_timeout(self) -> Instant {
        match self {
            Self::Resting { ask_at: at, .. } | Self::Asked { deadline: at, .. } => at,
        }
    }

    /// It has answered a question; an answer to an older one says nothing.
    pub fn answered(&mut self, now: Instant, answer: u64) {
        if let Self::Asked { number, .. } = *self
            && number == answer
        {
            *self = Self::Resting { number: number.wrapping_add(1), ask_at: now + INTERVAL };
        }
    }

    /// What is due now.
    pub fn handle_timeout(&mut self, now: Instant, role: Role) -> Beat {
        if self.next_timeout() > now {
            return Beat::Rest;
        }
        let number = match *self {
            Self::Resting { number, .. } => number,
            Self::Asked { deadline, .. } if now.saturating_since(deadline) < OVERSLEPT => {
                return Beat::Hung;
            }
            Self::Asked { number, .. } => number.wrapping_add(1),
        };
        *self = Self::Asked { number, deadline: now + limit(role) };
        Beat::Ask(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_micros(1_000_000);

    #[test]
    fn a_child_that_answers_is_asked_again_and_again() {
        let mut pulse = Pulse::new(START);
        let mut now = START;
        for number in 1..5 {
            assert_eq!(pulse.handle_timeout(now, Role::Vrrp), Beat::Rest, "not before its time");
            now = pulse.next_timeout();
            assert_eq!(pulse.handle_timeout(now, Role::Vrrp), Beat::Ask(number));
            pulse.answered(now, number);
        }
    }

    #[test]
    fn a_child_that_does_not_answer_is_hung_at_its_limit() {
        let mut pulse = Pulse::new(START);
        let asked = pulse.next_timeout();
        assert_eq!(pulse.handle_timeout(asked, Role::Vrrp), Beat::Ask(1));
        pulse.answered(asked, 7);
        assert_eq!(pulse.next_timeout(), asked + limit(Role::Vrrp), "7 answers nothing");
        assert_eq!(pulse.handle_timeout(pulse.next_timeout(), Role::Vrrp), Beat::Hung);
    }

    #[test]
    fn a_machine_that_has_slept_asks_again_before_it_judges() {
        let mut pulse = Pulse::new(START);
        pulse.handle_timeout(pulse.next_timeout(), Role::Vrrp);
        let late = pulse.next_timeout() + Duration::from_secs(3600);
        assert_eq!(pulse.handle_timeout(late, Role::Vrrp), Beat::Ask(2));
        assert_eq!(pulse.handle_timeout(pulse.next_timeout(), Role::Vrrp), Beat::Hung);
    }
}
