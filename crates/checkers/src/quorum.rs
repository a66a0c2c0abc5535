//! Whether a service has enough live weight to be worth offering.

/// The bounds, and on which side of them the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quorum {
    /// `quorum`: live weight that is enough; default 1.
    pub(crate) quorum: u64,
    /// `hysteresis`: so much above it is gained, so much below it is lost; default 0.
    pub(crate) hysteresis: u64,
    /// Whether it was gained last.
    pub(crate) up: bool,
}

/// The quorum has changed sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Gained,
    Lost,
}

impl Quorum {
    /// A quorum that was gained before, or not.
    pub(crate) fn new(quorum: u32, hysteresis: u32, up: bool) -> Self {
        Self { quorum: quorum.into(), hysteresis: hysteresis.into(), up }
    }

    /// The live weight is `weight` now. A service without any live weight never has its quorum.
    pub(crate) fn weigh(&mut self, weight: u64) -> Option<Turn> {
        let gains = weight > 0 && weight >= self.quorum.saturating_add(self.hysteresis);
        let loses = weight == 0 || weight < self.quorum.saturating_sub(self.hysteresis);
        let turn = match self.up {
            false if gains => Turn::Gained,
            true if loses => Turn::Lost,
            _ => return None,
        };
        self.up = turn == Turn::Gained;
        Some(turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hysteresis_keeps_the_side_between_its_bounds() {
        let mut quorum = Quorum { quorum: 3, hysteresis: 1, up: false };
        assert_eq!(quorum.weigh(3), None, "3 is not yet 3+1");
        assert_eq!(quorum.weigh(4), Some(Turn::Gained));
        assert_eq!(quorum.weigh(2), None, "2 is not below 3-1");
        assert_eq!(quorum.weigh(1), Some(Turn::Lost));
        assert_eq!(quorum.weigh(3), None);
    }

    #[test]
    fn no_weight_is_no_quorum_however_low_the_bound() {
        let mut quorum = Quorum { quorum: 0, hysteresis: 0, up: false };
        assert_eq!(quorum.weigh(0), None);
        assert_eq!(quorum.weigh(1), Some(Turn::Gained));
        assert_eq!(quorum.weigh(0), Some(Turn::Lost));
    }
}
