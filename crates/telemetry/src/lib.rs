//! Shows what the daemon is set to do and what it is, in the layout that keepalived's dumps have, so
//! that tools and eyes that read those find their way. Pure: text comes out, who writes it where is
//! not decided here.
//!
//! - [`configuration`](fn@configuration), [`vrrp_data`], [`checkers_data`], [`parent_data`]: the data dumps, line by line
//! - [`statistics`](fn@statistics): counters
//! - [`json`](fn@json): instances for programs
//! - [`live`]: what the processes say of themselves, for all these
//! - `layout`: titles, items, how values are written
//! - `global`, `instance`, `instance_state`, `interfaces`, `groups`, `network`, `sockets`, `trackers`:
//!   what the VRRP process has
//! - `servers`, `checks`: what the checkers have

mod checks;
mod configuration;
mod global;
mod groups;
mod instance;
mod instance_state;
mod interfaces;
mod json;
mod layout;
pub mod live;
mod network;
mod servers;
mod sockets;
mod split_brain;
mod statistics;
mod trackers;

pub use configuration::{bfd_data, checkers_data, configuration, parent_data, vrrp_data};
pub use json::json;
pub use live::{
    Below, Calendar, CheckersLive, Clock, LinkKind, LinkView, Macvlan, Moment, VrrpLive,
};
pub use sockets::SocketView;
pub use statistics::statistics;
