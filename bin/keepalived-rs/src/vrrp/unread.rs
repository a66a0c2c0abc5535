//! Packets come before deadlines, also where a turn does not read all of them: the advert of a master may
//! lie behind those of others in a socket of a process that was held up.

use super::pace::Patience;

/// Turns in a row in which deadlines may wait: as many packets as a socket of the system's size holds. A
/// flood delays the adverts of this router no longer than that.
const TURNS: u8 = 16;

/// Whether a socket has more than was read.
#[derive(Debug)]
pub(super) struct Unread {
    more: bool,
    patience: Patience,
}

impl Default for Unread {
    fn default() -> Self {
        Self { more: false, patience: Patience::of(TURNS) }
    }
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
    pub(super) fn put_off(&mut self) -> bool {
        let waits = self.patience.puts_off(self.more);
        if !waits {
            self.patience.is_over();
        }
        waits
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
