//! A network on one machine, to see the daemon from outside: nodes in namespaces of their own on one
//! switch, daemons with their logs, packets, pings and requests with their times, and crashes that
//! look like crashes. Where the running kernel has no IPVS, [`uml::with_ipvs`] repeats a test inside
//! User-Mode Linux. What the lab cannot do ends the test with the reason; what it made goes away with
//! the test, however the test ends.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "this is test code: a lab that cannot be built must end the test and say why"
)]

pub mod booted;
pub mod capture;
pub mod command;
pub mod daemon;
pub mod debian;
pub mod director;
pub mod frame;
pub mod left;
pub mod load;
pub mod log;
pub mod network;
pub mod nlmon;
pub mod node;
pub mod overlap;
pub mod package;
pub mod ping;
pub mod process;
pub mod program;
pub mod relay;
pub mod scenario;
pub mod service;
pub mod sockets;
pub mod strace;
pub mod syslog;
pub mod uml;
pub mod wait;
pub mod web;

pub use booted::Booted;
pub use capture::Capture;
pub use daemon::Daemon;
pub use network::Network;
pub use node::Node;
pub use program::Program;
pub use skips::{Lack, skip};
