//! Knows what links and addresses the kernel has, says what changed, and makes the kernel's state
//! what it should be with as few requests as possible: none at all when nothing differs, and never
//! one that touches what is not ours.
//!
//! - [`reflector`]: the mirror with its two sockets; [`Reflector`] is what a process holds
//! - [`mirror`]: links and addresses as they are, and the changes that the owner has not heard of
//! - [`Link`], in [`mod@link`]: interfaces
//! - [`address`]: addresses that are there
//! - [`own_link`]: interfaces that are made and removed
//! - [`desired`]: addresses that should be there, and the difference
//! - [`route`], [`rule`], [`encap`]: routes and rules that should be there
//! - [`object`]: what is known of those that are ours
//! - [`firewall`]: nf_tables sets of addresses whose packets are dropped

pub mod address;
pub mod desired;
pub mod encap;
pub mod firewall;
pub mod link;
pub mod mirror;
pub mod object;
pub mod own_link;
pub mod reflector;
pub mod route;
pub mod rule;

pub use address::{Address, PROTOCOL_KEEPALIVED};
pub use desired::DesiredAddress;
pub use firewall::{Firewall, FirewallError};
pub use link::Link;
pub use mirror::{Change, Mirror};
pub use object::Object;
pub use own_link::{LinkRequest, OwnLink, OwnLinkKind};
pub use reflector::{Reflector, Report};
pub use route::Route;
pub use rule::Rule;
