//! The random part of delays: enough to spread load, reproducible from a seed.

use base::Duration;

/// A small generator (SplitMix64). Not for secrets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// The same seed gives the same delays.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A span from zero up to, not including, `bound`; zero when that is zero.
    pub(crate) fn below(&mut self, bound: Duration) -> Duration {
        // The high half of a 64 by 64 bit product: unbiased enough without a division.
        let wide = u128::from(self.next()) * u128::from(bound.as_micros());
        Duration::from_micros(u64::try_from(wide >> 64).unwrap_or(0))
    }

    /// Any number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_stay_below_their_bound_and_use_all_of_it() {
        let mut jitter = Jitter::new(7);
        let drawn: Vec<u64> =
            (0..1000).map(|_| jitter.below(Duration::from_secs(10)).as_secs()).collect();
        assert!(drawn.iter().all(|&secs| secs < 10));
        for secs in 0..10 {
            let share = drawn.iter().filter(|&&one| one == secs).count();
            assert!((60..140).contains(&share), "{share} of 1000 fell into second {secs}");
        }
    }

    #[test]
    fn no_bound_is_no_delay() {
        assert_eq!(Jitter::new(1).below(Duration::ZERO), Duration::ZERO);
    }
}
