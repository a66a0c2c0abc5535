//! How far the kernel has been brought to what a machine wants, and when to look again. Pure.

use base::{Duration, Instant};

/// After a refusal by the kernel the difference is looked at again that much later.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The state of one part of the kernel against the wishes of one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Convergence {
    /// The wishes, by their generation, that were acted on last.
    current: Option<u64>,
    again_at: Option<Instant>,
    /// What was refused last, so that a lasting refusal is said once.
    refused: Vec<String>,
    left_alone: bool,
}

impl Convergence {
    /// Whether the kernel has to be compared with the wishes of this generation.
    pub(crate) fn is_due(&self, now: Instant, wanted: u64) -> bool {
        if self.left_alone {
            return false;
        }
        self.current != Some(wanted) || self.again_at.is_some_and(|at| at <= now)
    }

    /// From now on nothing is due: what is in the kernel stays there.
    pub(crate) const fn leave_alone(&mut self) {
        self.left_alone = true;
    }

    /// Whether that was said.
    pub(crate) const fn is_left_alone(&self) -> bool {
        self.left_alone
    }

    /// When it has to be compared although no wish changes.
    pub(crate) const fn next_timeout(&self) -> Option<Instant> {
        self.again_at
    }

    /// Something was changed behind our back: compare at the next opportunity.
    pub(crate) const fn disturbed(&mut self) {
        self.current = None;
    }

    /// A part of the kernel's news could not be read: compare in a while.
    pub(crate) fn look_again(&mut self, now: Instant) {
        self.again_at = Some(now + TRY_AGAIN);
    }

    /// What was refused is compared again, but not before this moment: comparing takes its time.
    pub(crate) fn not_before(&mut self, at: Instant) {
        self.again_at = self.again_at.map(|again| again.max(at));
    }

    /// The comparison was made and led to these refusals. Gives those that are worth a log line.
    pub(crate) fn compared(
        &mut self,
        now: Instant,
        wanted: u64,
        refused: Vec<String>,
    ) -> &[String] {
        self.current = Some(wanted);
        self.again_at = (!refused.is_empty()).then(|| now + TRY_AGAIN);
        if refused == self.refused {
            return &[];
        }
        self.refused = refused;
        &self.refused
    }

    /// Whether the last comparison left nothing to do.
    pub(crate) const fn is_there(&self) -> bool {
        self.current.is_some() && self.refused.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Instant = Instant::from_micros(0);

    #[test]
    fn nothing_is_compared_twice_for_the_same_wishes() {
        let mut state = Convergence::default();
        assert!(state.is_due(T0, 1));
        assert!(state.compared(T0, 1, Vec::new()).is_empty());
        assert!(!state.is_due(T0, 1));
        assert!(state.is_there());
        assert!(state.is_due(T0, 2), "wishes have changed");
        assert_eq!(state.next_timeout(), None);
    }

    #[test]
    fn a_refusal_is_said_once_and_tried_again_each_second() {
        let mut state = Convergence::default();
        let refusal = vec!["add address: no".to_owned()];
        assert_eq!(state.compared(T0, 1, refusal.clone()), refusal);
        assert!(!state.is_there());
        assert!(!state.is_due(T0, 1));
        let later = state.next_timeout().unwrap();
        assert_eq!(later, T0 + TRY_AGAIN);
        assert!(state.is_due(later, 1));
        assert!(state.compared(later, 1, refusal).is_empty(), "said already");
        assert!(state.compared(later, 1, Vec::new()).is_empty());
        assert!(state.is_there());
        assert_eq!(state.next_timeout(), None);
    }

    #[test]
    fn a_refusal_may_be_tried_later_than_in_a_second_but_not_sooner() {
        let mut state = Convergence::default();
        state.not_before(T0 + TRY_AGAIN);
        assert_eq!(state.next_timeout(), None, "nothing was refused");
        state.compared(T0, 1, vec!["no".to_owned()]);
        state.not_before(T0);
        assert_eq!(state.next_timeout(), Some(T0 + TRY_AGAIN));
        let late = T0 + TRY_AGAIN + TRY_AGAIN;
        state.not_before(late);
        assert_eq!(state.next_timeout(), Some(late));
        state.compared(late, 1, Vec::new());
        assert_eq!(state.next_timeout(), None);
    }

    #[test]
    fn what_somebody_else_did_is_compared_at_once() {
        let mut state = Convergence::default();
        state.compared(T0, 1, Vec::new());
        state.disturbed();
        assert!(state.is_due(T0, 1));
    }

    #[test]
    fn what_is_left_alone_is_never_due_again() {
        let mut state = Convergence::default();
        state.leave_alone();
        assert!(!state.is_due(T0, 1));
    }
}
