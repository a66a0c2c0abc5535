//! The vocabulary of every other crate: time as a number, VRRP's small bounded integers, prefixes.
//! Nothing here touches the system; there is no clock, only the types that a clock's value is carried in.
//!
//! - [`time`]: [`Instant`] and [`Duration`] in microseconds, serialisable and hashable
//! - [`vrrp`]: [`Vrid`], [`Priority`], [`Weight`]
//! - [`mail`]: [`Mail`], an alert for the administrator
//! - [`net`]: [`IfIndex`], and `ipnet`'s prefixes under one name
//! - [`shared`]: [`Shared`], a value that is in memory once
//! - [`sighting`]: what the parent process sees outside for its children

pub mod mail;
pub mod net;
pub mod shared;
pub mod sighting;
pub mod time;
pub mod vrrp;

pub use mail::{Mail, MailAbout};
pub use net::{IfIndex, IpNet, Ipv4Net, Ipv6Net};
pub use shared::Shared;
pub use sighting::{Sighted, Sighting};
pub use time::{Duration, Instant};
pub use vrrp::{OutOfRange, Priority, Vrid, Weight};
