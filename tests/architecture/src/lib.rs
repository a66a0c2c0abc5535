//! Keeps the house as it was drawn: which crate may use which, which may touch the system, how long
//! a file may be, what lies at the top. Each rule is a test in `tests/`, named as a sentence, whose
//! failure says what to do; `rules` is the drawing itself.
//!
//! - [`rules`]: the tables
//! - [`log_lines`]: texts that the log shows
//! - [`workspace`]: packages and their dependencies, as cargo sees them
//! - [`sources`]: files of the repository, and which lines of them are not tests

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

pub mod log_lines;
pub mod rules;
pub mod sources;
pub mod workspace;
