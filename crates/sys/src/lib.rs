//! The system calls of the daemon, as safe functions that never wait. This crate alone has `unsafe`
//! code, at most one call a block, and alone names `libc`; whatever nix offers is taken from nix.
//!
//! - [`clock`]: the monotonic clock; the wall clock as a calendar date for log lines
//! - [`namespace`]: network namespaces
//! - [`random`]: random numbers for jitter
//! - [`signal`]: signal numbers and masks
//! - [`process`]: fork, pidfd, daemon, death signal, orphans
//! - [`privilege`]: capabilities of this process
//! - [`spawn`](mod@spawn): scripts
//! - [`exec`]: this program replaced by another file of it
//! - [`way_back`]: back to the former file when this one crashes
//! - [`timer_fd`]: one deadline as a descriptor
//! - [`memfd`]: sealed memory, handed over by descriptor
//! - [`memory`]: free memory that goes back to the system
//! - [`seqpacket`]: records with descriptors between two processes
//! - [`vrrp_socket`], [`packet_socket`], [`many`], [`tcp`], [`interfaces`]: the network
//! - [`pid_file`]: locked PID files
//! - [`scheduling`]: priorities, processors, memory of this process
//! - [`service_manager`]: systemd hears of readiness, reloads and the stop
//! - [`fifo`]: named pipes
//! - [`files`]: files that root opens by a name that somebody else may have prepared
//! - [`regex`](mod@regex): patterns
//! - [`watch`]: directories whose files may change
//! - [`users`]: user and group names

pub mod clock;
pub mod exec;
pub mod fifo;
pub mod files;
mod ifreq;
mod interface;
pub mod linkbeat;
pub mod many;
pub mod memfd;
pub mod memory;
pub mod namespace;
mod neighbour_socket;
pub mod packet_socket;
pub mod pid_file;
pub mod privilege;
pub mod process;
pub mod process_events;
pub mod random;
pub mod regex;
pub mod scheduling;
pub mod seqpacket;
pub mod service_manager;
pub mod signal;
mod sockopt;
pub mod spawn;
pub mod tcp;
pub mod timer_fd;
pub mod users;
pub mod vrrp_socket;
pub mod watch;
pub mod way_back;

pub use interface::{interface_index, interfaces, interfaces_without_multicast};
pub use linkbeat::{LinkMethod, LinkProbe};
pub use many::{Inbox, MANY};
pub use neighbour_socket::NeighbourSocket;
pub use packet_socket::PacketSocket;
pub use pid_file::{PidFile, PidFileError};
pub use process::{Announce, Child, Daemonised, Exit, Forked, daemonise, fork};
pub use signal::{BlockedSignals, Signal};
pub use sockopt::{drop_echoes_of_addresses, force_buffers, set_receive_buffer};
pub use spawn::{Spawn, spawn, spawn_with};
pub use vrrp_socket::{Datagram, Family, VrrpSocket, VrrpSocketOptions};
