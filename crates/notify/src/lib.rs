//! Scripts: the scripts of one object run one after another, in the order of its events, so that the
//! last one to run is the one about the last event. What decides is pure; one module starts
//! processes. Mails are sent by one more such process.
//!
//! - [`Queue`]: which script runs when; pure
//! - [`mail`]: which mail is sent when, and how it reads; pure
//! - [`security`]: whether others could change what runs as root; pure
//! - [`Launcher`]: as whom, with which environment, and the start

mod launcher;
pub mod mail;
mod queue;
pub mod security;

pub use launcher::{Findings, Launcher, StartError, UserError, resolve_user};
pub use queue::{Input, MAX_RUNNING, MAX_WAITING, Output, Outputs, Queue, RunId};
pub use security::{Refusal, SystemFacts};
