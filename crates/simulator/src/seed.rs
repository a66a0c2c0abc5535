//! Random numbers that can be repeated: SplitMix64, whose whole state is one number.

use base::Duration;

/// A source of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// The same number gives the same numbers.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub const fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any().checked_rem(end).unwrap_or(0)
    }

    /// An index into a list of that length; 0 when it is empty.
    pub fn index(&mut self, len: usize) -> usize {
        let end = u64::try_from(len).unwrap_or(u64::MAX);
        usize::try_from(self.below(end)).unwrap_or(0)
    }

    /// True so many times out of a hundred.
    pub fn percent(&mut self, chance: u8) -> bool {
        self.below(100) < u64::from(chance)
    }

    /// A span of at least `from` and less than `to`.
    pub fn span(&mut self, from: Duration, to: Duration) -> Duration {
        let room = to.saturating_sub(from).as_micros();
        from + Duration::from_micros(self.below(room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let numbers = |seed| {
            let mut seed = Seed::new(seed);
            [seed.any(), seed.any(), seed.any()]
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
    }

    #[test]
    fn bounds_are_kept() {
        let mut seed = Seed::new(1);
        for _ in 0..1000 {
            assert!(seed.below(3) < 3);
            let span = seed.span(Duration::from_secs(1), Duration::from_secs(2));
            assert!((Duration::from_secs(1)..Duration::from_secs(2)).contains(&span));
        }
        assert_eq!((seed.below(0), seed.index(0)), (0, 0));
    }
}
