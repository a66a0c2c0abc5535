//! Runs a row in the kernel that it needs.

use lab::uml;

use crate::options::Options;
use crate::row::{Place, Row, Series, Settings};

/// Begins the line that carries the figures out of User-Mode Linux.
const FIGURES: &str = "bench-figures: ";

/// Measures the row here, or in a copy of this program inside User-Mode Linux.
pub(crate) fn run(row: &Row, settings: &Settings, options: &Options) -> Vec<Series> {
    if row.place == Place::Here || uml::has_ipvs() {
        return (row.run)(settings);
    }
    let own = std::env::current_exe().expect("the path of this executable");
    let mut words = vec!["--inside", row.name];
    words.extend(options.quick.then_some("--quick"));
    let mut figures = None;
    let mut other = String::new();
    let status = uml::run(&own, &words, |line| match line.strip_prefix(FIGURES) {
        Some(text) => figures = serde_json::from_str(text).ok(),
        None => {
            eprintln!("    {line}");
            other.push_str(line);
            other.push('\n');
        }
    });
    assert_eq!(status, Some(0), "{} failed inside User-Mode Linux, see above", row.name);
    figures
        .unwrap_or_else(|| panic!("{} gave no figures inside User-Mode Linux:\n{other}", row.name))
}

/// Inside: measures, and says the figures in one line.
pub(crate) fn answer(row: &Row, settings: &Settings) {
    let figures = serde_json::to_string(&(row.run)(settings)).expect("figures are plain values");
    println!("{FIGURES}{figures}");
}
