//! Packets come before deadlines, also where a turn does not read all of them: the advert of a master may
//! lie behind those of others in a socket of a process that was held up.

/// Turns in a row in which deadlines may wait: as many packets as a socket of the system's size holds. A
/// flood delays the adverts of this router no longer than that.
const TURNS: u8 = 16;

/// Whether a socket has more than was read.
#[derive(Debug, Default)]
pub(super) struct Unread {
    more: bool,
    /// Turns in a row in which deadlines have waited.
    waited: u8,
}

impl Unread {
    pub(super) const fn begin_turn(&mut self) {
        self.more = false;
    }

    /// A socket was read: it has more, or not.
    pub(super) const fn learn(&mut self, more: bool) {
        self.more |= more;
    }

    /// Deadlines are due, after all sockets of this turn: whether they wait for the next one.
    pub(super) const fn put_off(&mut self) -> bool {
        let wait = self.more && self.waited < TURNS;
        self.waited = if wait { self.waited + 1 } else { 0 };
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_wait_for_what_is_unread_but_not_for_ever() {
        let mut unread = Unread::default();
        assert!(!unread.put_off(), "nothing came");
        unread.learn(true);
        unread.learn(false);
        assert!(unread.put_off(), "one socket has more");
        unread.begin_turn();
        unread.learn(false);
        assert!(!unread.put_off(), "all was read");
        let mut turn = || {
            unread.begin_turn();
            unread.learn(true);
            unread.put_off()
        };
        let flood: Vec<bool> = (0..34).map(|_| turn()).collect();
        let mut wanted = [true; 34];
        (wanted[16], wanted[33]) = (false, false);
        assert_eq!(flood, wanted);
    }
}
