//! Each fuzz target, without a fuzzer: over its seeds and a few thousand changes of them, the same ones each
//! time. It finds what is easy to reach; `make fuzz` finds the rest.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fuzzed::{ALL, Target};

/// Runs of a target at most, and how long they may take.
const RUNS: usize = 5_000;
const LIMIT: Duration = Duration::from_millis(1_500);

/// However slow the machine, this is too little.
const FEWEST: usize = 20;

/// Bytes of an input at most.
const LONGEST: usize = 2_048;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The files of a folder, sorted by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    files(&fuzz().join("seeds").join(name)).iter().map(|file| fs::read(file).unwrap()).collect()
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when that is 0.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() >> 1).unwrap().checked_rem(bound).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        const EDGES: [u8; 12] = [0, 1, 2, 4, 8, 16, 0x7f, 0x80, 0xfe, 0xff, b'\r', b'\n'];
        match self.below(2) {
            0 => EDGES[self.below(EDGES.len())],
            _ => self.roll().to_be_bytes()[0],
        }
    }

    /// One of the seeds, or nothing, after some changes.
    fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds.get(self.below(seeds.len() + 1)).cloned().unwrap_or_default();
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len() + 1);
            let length = self.below(16).min(bytes.len() - at);
            match self.below(6) {
                0 if at < bytes.len() => bytes[at] = self.byte(),
                1 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                2 => bytes.truncate(at),
                3 => drop(bytes.drain(at..at + length)),
                4 => {
                    let twice = bytes[at..at + length].to_vec();
                    bytes.splice(at..at, twice);
                }
                _ => {
                    let new: Vec<u8> = (0..self.below(8)).map(|_| self.byte()).collect();
                    bytes.splice(at..at, new);
                }
            }
            bytes.truncate(LONGEST);
        }
        bytes
    }
}

/// Runs the target; how often it could be run in its time.
fn short_run((name, run): Target) -> usize {
    let seeds = seeds(name);
    let mut dice = Dice(1);
    let end = Instant::now() + LIMIT;
    let mut inputs = seeds.clone();
    inputs.extend((0..RUNS).map(|_| dice.input(&seeds)));
    let must = seeds.len() + FEWEST;
    for (runs, input) in inputs.iter().enumerate() {
        if runs >= must && Instant::now() > end {
            return runs;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| run(input)));
        assert!(outcome.is_ok(), "{name} fails with b\"{}\"", input.escape_ascii());
    }
    inputs.len()
}

#[test]
fn no_target_fails_over_its_seeds_and_what_becomes_of_them() {
    let runs: Vec<(&str, usize)> =
        ALL.iter().map(|target| (target.0, short_run(*target))).collect();
    println!("{runs:?}");
}

#[test]
fn what_the_fuzzer_is_given_are_these_targets_and_nothing_else() {
    let names: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let targets: BTreeSet<String> = files(&fuzz().join("targets")).iter().map(stem).collect();
    assert_eq!(targets, names, "tests/fuzz/targets and fuzzed::ALL");
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in &names {
        let text = fs::read_to_string(fuzz().join(format!("targets/{name}.rs"))).unwrap();
        let wanted = format!(
            "#![no_main]\n\nlibfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::{name}::run(bytes));\n"
        );
        assert_eq!(text, wanted, "targets/{name}.rs: the workspace compiles only what is below it");
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"targets/{name}.rs\"\n")),
            "{name} is missing in tests/fuzz/Cargo.toml"
        );
    }
}
