//! What a row is: how it is measured, and the figures that come of it.

use lab::Program;
use serde::{Deserialize, Serialize};

use crate::samples::Samples;

/// One row of the bench.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What is compared, in a few words.
    pub(crate) title: &'static str,
    /// How it is measured, and what both daemons were given.
    pub(crate) how: &'static str,
    /// Where it can run.
    pub(crate) place: Place,
    /// Whether `--quick` runs it, too.
    pub(crate) quick: bool,
    /// Measures.
    pub(crate) run: fn(&Settings) -> Vec<Series>,
}

/// Which kernel a row needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The running one.
    Here,
    /// One with IPVS: the running one if it has it, else User-Mode Linux.
    Ipvs,
}

/// What every row is run with.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Fewer rounds, smaller sizes.
    pub(crate) quick: bool,
    /// Ours, then keepalived.
    pub(crate) programs: [Program; 2],
    /// Takes what a long row has so far.
    pub(crate) partly: fn(&[Series]),
}

impl Settings {
    /// `None`, with a line that says so, where keepalived is not installed.
    pub(crate) fn new(quick: bool) -> Option<Self> {
        Some(Self { quick, programs: [Program::ours(), Program::debian()?], partly: |_| {} })
    }

    /// The first in a full run, the second in a quick one.
    pub(crate) fn either<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Both daemons in turns, `rounds` times, so that neither has the quieter machine.
    pub(crate) fn turns<T>(
        &self,
        rounds: usize,
        mut once: impl FnMut(&Program) -> T,
    ) -> [Vec<T>; 2] {
        let mut all = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            // Whoever begins has the colder caches: they change places.
            for turn in [round % 2, 1 - round % 2] {
                let value = once(&self.programs[turn]);
                all[turn].push(value);
            }
        }
        all
    }
}

/// One measure of a row, for one or more sizes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Series {
    /// What was measured, empty if the row has only one measure.
    pub(crate) name: String,
    /// Its unit.
    pub(crate) unit: String,
    /// The figures, by growing size.
    pub(crate) points: Vec<Point>,
    /// What could not be measured, and why.
    pub(crate) remarks: Vec<String>,
}

/// The figures for one size.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    /// The size in words, with its unit.
    pub(crate) label: String,
    /// The size, where the row has a curve.
    pub(crate) size: Option<f64>,
    /// Ours, then keepalived's.
    pub(crate) samples: [Samples; 2],
    /// What the kernel alone takes, in the same run, where the row knows.
    pub(crate) floor: Option<Samples>,
    /// What must be reached.
    pub(crate) promises: Vec<Promise>,
}

/// What must be reached.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Promise {
    /// Median of ours over median of keepalived's, at most.
    Ratio(f64),
    /// Our median, at most, in the unit of the series.
    Median(f64),
    /// Our worst, at most, in the unit of the series.
    Worst(f64),
    /// Our median, at least, in the unit of the series.
    AtLeast(f64),
}

impl Series {
    /// A series without figures yet.
    pub(crate) fn new(name: &str, unit: &str) -> Self {
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            points: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Adds the figures of one size.
    pub(crate) fn add(
        &mut self,
        label: &str,
        size: Option<f64>,
        values: [Vec<f64>; 2],
        promises: &[Promise],
    ) {
        self.points.push(Point {
            label: label.to_owned(),
            size,
            samples: values.map(Samples::new),
            floor: None,
            promises: promises.to_vec(),
        });
    }

    /// Says what the kernel alone takes for the size that was added last.
    pub(crate) fn floor(&mut self, values: Vec<f64>) {
        if let Some(point) = self.points.last_mut() {
            point.floor = Some(Samples::new(values));
        }
    }
}

impl Point {
    /// Median of ours over median of keepalived's.
    pub(crate) fn ratio(&self) -> f64 {
        let [ours, keepalived] = self.samples.each_ref().map(Samples::median);
        if keepalived == 0.0 && ours == 0.0 { 1.0 } else { ours / keepalived }
    }

    /// Median of the kernel alone over median of keepalived's.
    pub(crate) fn least_ratio(&self) -> Option<f64> {
        Some(self.floor.as_ref()?.median() / self.samples[1].median())
    }

    /// Whether the promise is kept.
    pub(crate) fn keeps(&self, promise: Promise) -> bool {
        let ours = &self.samples[0];
        match promise {
            Promise::Ratio(limit) => self.ratio() <= limit,
            Promise::Median(limit) => ours.median() <= limit,
            Promise::Worst(limit) => ours.most() <= limit,
            Promise::AtLeast(limit) => ours.median() >= limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(ours: &[f64], keepalived: &[f64]) -> Point {
        let samples = [ours, keepalived].map(|values| Samples::new(values.to_vec()));
        Point { label: String::new(), size: None, samples, floor: None, promises: Vec::new() }
    }

    #[test]
    fn a_promise_is_judged_by_its_own_figure() {
        let point = point(&[1.0, 2.0, 9.0], &[4.0, 4.0, 4.0]);
        assert!(point.keeps(Promise::Ratio(0.5)) && !point.keeps(Promise::Ratio(0.49)));
        assert!(point.keeps(Promise::Median(2.0)) && !point.keeps(Promise::Median(1.9)));
        assert!(point.keeps(Promise::Worst(9.0)) && !point.keeps(Promise::Worst(8.9)));
        assert!(point.keeps(Promise::AtLeast(2.0)) && !point.keeps(Promise::AtLeast(2.1)));
    }

    #[test]
    fn nothing_against_nothing_is_a_draw() {
        assert_eq!(point(&[0.0], &[0.0]).ratio(), 1.0);
        assert!(!point(&[1.0], &[0.0]).keeps(Promise::Ratio(1.0)), "something against nothing");
    }
}
