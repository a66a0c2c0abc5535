//! Makes the kernel's IPVS tables what they should be, with as few requests as possible: none at all
//! when nothing differs, never one that touches an entry which is not ours, and one path for start,
//! change, reload, respawn, repair and stop.
//!
//! - [`table`]: services and destinations
//! - [`difference`]: the requests that lead from one table to another
//! - [`request`]: these as netlink messages, and in words
//! - [`reply`]: what the kernel's dumps hold
//! - [`ipvs`]: the handle; [`Ipvs`] is what a process holds
//! - [`timeouts`]: how long connections are remembered
//! - [`sync`]: daemons that tell another director of connections
//! - [`error`]: why IPVS cannot be used

pub mod difference;
pub mod error;
pub mod ipvs;
pub mod reply;
pub mod request;
pub mod sync;
pub mod table;
pub mod timeouts;

pub use difference::Managed;
pub use error::Error;
pub use ipvs::{Ipvs, Report};
pub use sync::{Daemon, Role, SyncDaemons};
pub use table::{
    Destination, DestinationKey, Family, Forwarding, ONE_PACKET, PERSISTENT, Pool, Protocol,
    SCHEDULER_1, SCHEDULER_2, SCHEDULER_3, Service, ServiceKey, TUNNEL_CHECKSUM,
    TUNNEL_REMOTE_CHECKSUM, Table, Tunnel, TunnelKind,
};
pub use timeouts::Timeouts;
