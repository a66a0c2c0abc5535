//! Runs a row in the kernel that it needs.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use lab::uml;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::options::Options;
use crate::report;
use crate::row::{Place, Row, Series, Settings};

/// Begins the line that carries the figures out of User-Mode Linux.
const FIGURES: &str = "bench-figures: ";

/// Of the last lines from inside so many are kept for a failure.
const KEPT: usize = 20;

/// The longest that a row may take inside, in a quick run and in a full one.
const LIMITS: [Duration; 2] = [Duration::from_secs(420), Duration::from_secs(1800)];

/// Measures the row here, or in a copy of this program inside User-Mode Linux. What a row has so far is
/// shown as it comes; one that fails later has that much.
pub(crate) fn run(row: &Row, settings: &Settings, options: &Options) -> Vec<Series> {
    if row.place == Place::Here || uml::has_ipvs() {
        return (row.run)(settings);
    }
    let own = std::env::current_exe().expect("the path of this executable");
    let mut words = vec!["--inside", row.name];
    words.extend(options.quick.then_some("--quick"));
    let (mut figures, mut shown) = (None::<Vec<Series>>, BTreeSet::new());
    let mut other = VecDeque::new();
    let limit = LIMITS[usize::from(!options.quick)];
    let status = on_one_processor(|| {
        uml::run_within(limit, &own, &words, |line| match line.strip_prefix(FIGURES) {
            Some(text) => {
                figures = serde_json::from_str(text).ok().or_else(|| figures.take());
                for line in figures.iter().flatten().flat_map(|series| report::lines(row, series)) {
                    if !shown.contains(&line) {
                        eprint!("    {line}");
                        shown.insert(line);
                    }
                }
            }
            None => {
                other.push_back(line.to_owned());
                if other.len() > KEPT {
                    other.pop_front();
                }
            }
        })
    });
    let other = Vec::from(other).join("\n    ");
    let mut figures = figures
        .unwrap_or_else(|| panic!("{} gave no figures inside User-Mode Linux:\n{other}", row.name));
    if status != Some(0) {
        eprintln!("    {} failed inside User-Mode Linux:\n    {other}", row.name);
        for series in &mut figures {
            series.remarks.push("what is missing: the row failed, see above".to_owned());
        }
    }
    figures
}

/// Of what is begun in `work`. User-Mode Linux is two processes that take turns at every page fault and system
/// call of its one processor: on two processors they wake each other, for 100 µs in place of 40.
fn on_one_processor<T>(work: impl FnOnce() -> T) -> T {
    let this = Pid::from_raw(0);
    let all = sched_getaffinity(this).expect("the processors of this thread");
    let mut last = CpuSet::new();
    let number = (0..CpuSet::count()).rev().find(|number| all.is_set(*number) == Ok(true));
    last.set(number.expect("there is one")).expect("it is one of the set");
    sched_setaffinity(this, &last).expect("a processor of this thread");
    let result = work();
    sched_setaffinity(this, &all).expect("the processors that it had");
    result
}

/// Inside: measures, and says the figures in one line.
pub(crate) fn answer(row: &Row, settings: &Settings) {
    say(&(row.run)(settings));
}

/// Inside: what there is so far.
pub(crate) fn say(figures: &[Series]) {
    let figures = serde_json::to_string(figures).expect("figures are plain values");
    println!("{FIGURES}{figures}");
}
