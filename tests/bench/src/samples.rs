//! The values of several rounds.

use serde::{Deserialize, Serialize};

/// At least one value, sorted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// The values of all rounds; none at all is a mistake of the row.
    pub(crate) fn new(mut values: Vec<f64>) -> Self {
        assert!(!values.is_empty(), "a row without a value");
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// One more round.
    pub(crate) fn push(&mut self, value: f64) {
        let place = self.0.partition_point(|other| *other < value);
        self.0.insert(place, value);
    }

    /// The middle one, of an even number the mean of both in the middle.
    pub(crate) fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        if self.0.len() % 2 == 1 {
            return self.0[middle];
        }
        f64::midpoint(self.0[middle - 1], self.0[middle])
    }

    /// The smallest.
    pub(crate) fn least(&self) -> f64 {
        self.0[0]
    }

    /// The largest.
    pub(crate) fn most(&self) -> f64 {
        self.0[self.0.len() - 1]
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Samples::new(vec![3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(Samples::new(vec![4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        let mut samples = Samples::new(vec![3.0, 1.0]);
        samples.push(2.0);
        assert_eq!(samples.median(), 2.0);
        assert_eq!((samples.least(), samples.most(), samples.count()), (1.0, 3.0, 3));
    }
}
