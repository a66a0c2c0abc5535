//! Shows what the daemon is set to do, in the layout that keepalived's data dumps have, so that tools
//! and eyes that read those find their way. Pure: text comes out, who writes it where is not decided
//! here.
//!
//! - [`configuration()`]: the whole of a [`Config`](control_plane::Config), line by line
//! - `layout`: titles, items, how values are written
//! - `global`, `instance`, `groups`, `trackers`: what the VRRP process has
//! - `servers`, `checks`: what the checkers have

mod checks;
mod configuration;
mod global;
mod groups;
mod instance;
mod layout;
mod servers;
mod trackers;

pub use configuration::configuration;
