//! Decides which real servers get traffic: it says when to probe which server, judges the results
//! by `retry`, `alpha` and quorum, and keeps the pool that the kernel's IPVS table should equal. It
//! opens no socket and reads no clock; the same inputs always give the same outputs.
//!
//! - [`machine`]: [`Checkers`], the whole; start, timers, probes, stop
//! - `build`: from a configuration and what was known before to the machine; start, respawn, reload
//! - [`health`]: one check's verdict and its retries
//! - `judge`: what follows from one try
//! - `dialogue`: what is said to servers, [`verdict`]: how that ended
//! - [`lines`]: what is said about it in the log, `news`: to pipes and scripts, `mail`: by mail
//! - `reload`: another configuration takes over
//! - `quorum`: whether a service has enough live weight
//! - `layout`: the lists of services, servers and checks
//! - `script_runs`: when scripts of checks ran last, to be shown
//! - `kinds`: what each kind of check asks for
//! - `probes`: which probes run, which wait for a place
//! - [`pool`]: what the kernel should hold, what it may lose, what changed
//! - [`snapshot`]: what a successor of this process has to know
//! - [`plan`]: what another configuration would change
//! - [`outside`]: what is heard of this host
//! - [`input`], [`output`], [`event`], [`names`]: the words of the machine
//! - `jitter`: the random part of the first check's delay

mod beat;
mod build;
mod dialogue;
pub mod event;
pub mod health;
pub mod input;
mod jitter;
mod judge;
mod kinds;
mod layout;
pub mod lines;
pub mod machine;
mod mail;
pub mod names;
mod news;
pub mod output;
pub mod outside;
pub mod plan;
pub mod pool;
mod probes;
mod quorum;
mod reload;
mod script_runs;
pub mod shared;
mod snapshot;
pub mod verdict;

pub use dialogue::page;
pub use event::{Event, Level};
pub use input::{Input, Outcome};
pub use machine::Checkers;
pub use names::ServerId;
pub use news::state_line;
pub use output::{Output, Outputs, ProbeId, ProbeSpec, Transport};
pub use outside::Outside;
pub use plan::Change;
pub use pool::{
    DesiredDestination, DesiredService, DesiredTable, ManagedTable, ServiceSettings, Touched,
};
pub use probes::MAX_IN_FLIGHT;
pub use script_runs::{ScriptRun, ScriptRunsOf};
pub use snapshot::{CheckState, ObjectKey, ServerState, ServiceState, Snapshot, StateChange};
pub use verdict::SocketError;
