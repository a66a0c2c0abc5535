//! The decisions of the parent process, and nothing else: which child to start when, what a death
//! means, how a reload becomes one transaction over all processes, how everything stops. It forks
//! nothing, sends nothing and reads no clock; the process in `bin` does what the outputs say.
//!
//! - [`role`]: which children there are
//! - [`child`]: the life of one child, with the back-off of its respawns
//! - [`reload`]: prepare in every child, then commit in every child, or abort in all
//! - [`pulse`]: whether a child still turns its loop
//! - [`predecessor`]: a child of the former binary, after an upgrade
//! - [`supervisor`]: the machine that composes them
//! - [`number()`]: what the text of a tracked file means
//! - [`reload_time`]: when a file asks for a reload; [`calendar`]: dates and times
//! - [`event`]: what is worth a log line, with its text

pub mod calendar;
pub mod child;
pub mod event;
pub mod number;
pub mod predecessor;
pub mod pulse;
pub mod reload;
pub mod reload_time;
pub mod role;
pub mod supervisor;

pub use event::Event;
pub use number::number;
pub use reload_time::ReloadTime;
pub use role::Role;
pub use supervisor::{Command, Exit, Input, Output, Settings, Signal, Supervisor};
