//! Log lines as keepalived writes them, to the console, to syslog and to files. None makes the daemon wait:
//! what syslog does not take at once waits in a bounded backlog, what finds no room is dropped,
//! counted, and owned up to in a later line.
//!
//! - [`init`], [`set_identity`]: the sinks behind the `log` macros
//! - [`gather`], [`flush`], [`finish`]: the end of a turn, of a process
//! - [`Facility`], [`Detail`]: what `-S` and `-D` choose
//! - [`write_log_files`]: the process behind `-g`; [`hindered_log_files`]: what it would tell nobody
//! - [`identity()`]: what syslog calls a process
//! - [`RateLimit`]: for lines that a packet can trigger; pure

mod console;
mod facility;
mod file;
mod identity;
mod line;
mod rate_limit;
mod sink;
mod stamp;
mod syslog;

pub use facility::Facility;
pub use file::{hindered_log_files, write_log_files};
pub use identity::{Process, identity};
pub use rate_limit::RateLimit;
pub use sink::{Detail, Options, finish, flush, gather, init, lost, set_identity, set_process};
