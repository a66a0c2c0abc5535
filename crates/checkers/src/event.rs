//! What is worth a line in the log, in keepalived's words.

use std::fmt;

use control_plane::model::{GroupNames, ServiceAddress};

use crate::lines::CheckLine;
use crate::names::{Named, ServerId, ServerName, ServiceName, names};

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something works as it should.
    Info,
    /// Something is not as the configuration or the network should have it.
    Warning,
    /// Somebody has to act.
    Error,
}

/// One line of the log, see [`Event::named`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A check begins its work: at start and after a reload.
    CheckerActivated(ServerId),
    /// The address of a service is not on this host, and its checks rest (`ha_suspend`).
    CheckerSuspended {
        /// The real server.
        server: ServerId,
        /// Its checks have not begun yet.
        at_start: bool,
    },
    /// A tracked file takes its server down, or does no more.
    FileTurned {
        /// The real server.
        server: ServerId,
        /// The name of the file.
        file: String,
        /// It does no more.
        up: bool,
    },
    /// What a check has to say about its server.
    Check(CheckLine),
    /// The server is up and in the pool.
    ServerAdded {
        /// The real server.
        server: ServerId,
        /// It was there with weight 0.
        inhibit: bool,
    },
    /// The server is down and out of the pool, or in it with weight 0.
    ServerRemoved {
        /// The real server.
        server: ServerId,
        /// It stays there with weight 0.
        inhibit: bool,
    },
    /// A reload took away a server that was in the pool, or its service.
    ServerWithdrawn {
        /// The real server.
        server: ServerId,
        /// It was there with weight 0.
        inhibited: bool,
    },
    /// The daemon ends; told of every server, as keepalived does, also of one that is down.
    ServerShutDown {
        /// The real server.
        server: ServerId,
        /// It was in the pool with weight 0.
        inhibited: bool,
    },
    /// A reload or a check changed the weight.
    WeightChanged {
        /// The real server.
        server: ServerId,
        /// The weight before.
        from: u32,
        /// The weight from now on.
        to: u32,
        /// Whether the server is up.
        active: bool,
    },
    /// The new configuration lacks the server.
    ServerGone(ServerId),
    /// The new configuration lacks the service.
    ServiceGone(ServiceAddress),
    /// The live servers are enough.
    QuorumGained(QuorumLine),
    /// The live servers are not enough any more.
    QuorumLost(QuorumLine),
    /// The live servers are not enough at the start, where there is a sorry server.
    QuorumNotReached(QuorumLine),
    /// The live servers are not enough any more because of a reload.
    QuorumMissing(QuorumLine),
    /// The sorry server stands in for the real ones.
    SorryServerAdded {
        /// The sorry server.
        server: ServerId,
        /// It was there with weight 0.
        inhibit: bool,
    },
    /// The sorry server is no longer needed.
    SorryServerRemoved {
        /// The sorry server.
        server: ServerId,
        /// It stays there with weight 0.
        inhibit: bool,
    },
    /// The servers that are up leave the pool to the sorry server.
    AliveServersRemoved(ServiceAddress),
    /// The servers that are up come back into the pool.
    AliveServersAdded(ServiceAddress),
    /// A kind of check that has no effect yet.
    CheckerIgnored {
        /// The real server, which counts as up as far as this check goes.
        server: ServerId,
        /// The keyword.
        kind: &'static str,
    },
}

/// The arithmetic of a quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuorumLine {
    /// The virtual server.
    pub service: ServiceAddress,
    /// `quorum`.
    pub quorum: u64,
    /// `hysteresis`.
    pub hysteresis: u64,
    /// The weight of all live servers.
    pub weight: u64,
}

impl QuorumLine {
    /// The weight that gains it.
    pub(crate) const fn upper(&self) -> u64 {
        self.quorum.saturating_add(self.hysteresis)
    }

    /// The weight below which it is lost.
    pub(crate) const fn lower(&self) -> u64 {
        self.quorum.saturating_sub(self.hysteresis)
    }

    fn weighed(&self, groups: &GroupNames) -> String {
        format!("{} for VS {}", self.weight, ServiceName(self.service, groups))
    }
}

impl Event {
    /// How grave it is. keepalived gives all of these the level "info", but for what it has no words.
    pub const fn level(&self) -> Level {
        match self {
            Self::CheckerIgnored { .. } => Level::Warning,
            _ => Level::Info,
        }
    }

    /// The line.
    pub const fn named<'a>(&'a self, groups: &'a GroupNames) -> Named<'a, Self> {
        Named { what: self, groups }
    }

    /// Whether only `-D` shows it.
    pub const fn detail(&self) -> bool {
        matches!(self, Self::FileTurned { .. })
    }
}

impl fmt::Display for Named<'_, Event> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups;
        match self.what {
            Event::CheckerActivated(id) => {
                let (server, service) = names(id, groups);
                write!(f, "Activating healthchecker for service {server} for VS {service}")
            }
            Event::CheckerSuspended { server, at_start } => {
                let what = if *at_start { "Deactivating" } else { "Suspending" };
                let (server, service) = names(server, groups);
                write!(f, "{what} healthchecker for service {server} for VS {service}")
            }
            Event::FileTurned { server, file, up } => {
                let what = if *up { "leaving" } else { "now" };
                write!(f, "({}): tracked file {file} {what} FAULT state", ServerName(*server))
            }
            Event::Check(line) => write!(f, "{}", Named { what: line, groups }),
            Event::ServerAdded { .. }
            | Event::ServerRemoved { .. }
            | Event::ServerWithdrawn { .. }
            | Event::ServerShutDown { .. }
            | Event::SorryServerAdded { .. }
            | Event::SorryServerRemoved { .. }
            | Event::WeightChanged { .. } => self.what.fmt_pool(f, groups),
            Event::ServerGone(id) => write!(f, "service {} no longer exist", ServerName(*id)),
            Event::ServiceGone(id) => {
                write!(f, "Removing Virtual Server {}", ServiceName(*id, groups))
            }
            Event::QuorumGained(line) => {
                let QuorumLine { quorum, hysteresis, .. } = line;
                write!(
                    f,
                    "Gained quorum {quorum}+{hysteresis}={} <= {}",
                    line.upper(),
                    line.weighed(groups)
                )
            }
            Event::QuorumLost(line) => {
                let QuorumLine { quorum, hysteresis, .. } = line;
                write!(
                    f,
                    "Lost quorum {quorum}-{hysteresis}={} > {}",
                    line.lower(),
                    line.weighed(groups)
                )
            }
            Event::QuorumNotReached(line) => {
                // A minus with the sum of the plus: keepalived's own words.
                let QuorumLine { quorum, hysteresis, .. } = line;
                write!(
                    f,
                    "Starting with quorum down {quorum}-{hysteresis}={} > {}",
                    line.upper(),
                    line.weighed(groups)
                )
            }
            Event::QuorumMissing(line) => {
                let QuorumLine { quorum, hysteresis, .. } = line;
                write!(
                    f,
                    "Starting with quorum down {quorum}-{hysteresis}={} > {}",
                    line.lower(),
                    line.weighed(groups)
                )
            }
            Event::AliveServersRemoved(id) => {
                write!(
                    f,
                    "Removing alive servers from the pool for VS {}",
                    ServiceName(*id, groups)
                )
            }
            Event::AliveServersAdded(id) => {
                write!(f, "Adding alive servers to the pool for VS {}", ServiceName(*id, groups))
            }
            Event::CheckerIgnored { server, kind } => {
                let (server, service) = names(server, groups);
                write!(
                    f,
                    "WARNING - {kind} of service {server} of VS {service} has no effect yet, \
                     the server counts as up"
                )
            }
        }
    }
}

impl Event {
    /// The lines about one server's place in the pool.
    fn fmt_pool(&self, f: &mut fmt::Formatter<'_>, groups: &GroupNames) -> fmt::Result {
        let (verb, id, of) = match self {
            Self::ServerAdded { server, inhibit: false } => ("Adding service", server, "to"),
            Self::ServerAdded { server, inhibit: true } => ("Enabling service", server, "of"),
            Self::ServerRemoved { server, inhibit: false } => ("Removing service", server, "from"),
            Self::ServerRemoved { server, inhibit: true } => ("Disabling service", server, "of"),
            Self::ServerWithdrawn { server, inhibited: false } => {
                ("Removing service", server, "from")
            }
            Self::ServerWithdrawn { server, inhibited: true } => {
                ("Removing (inhibited) service", server, "from")
            }
            Self::ServerShutDown { server, inhibited: false } => {
                ("Shutting down service", server, "from")
            }
            Self::ServerShutDown { server, inhibited: true } => {
                ("Shutting down (inhibited) service", server, "from")
            }
            Self::SorryServerAdded { server, inhibit: false } => {
                ("Adding sorry server", server, "to")
            }
            Self::SorryServerAdded { server, inhibit: true } => {
                ("Enabling sorry server", server, "to")
            }
            Self::SorryServerRemoved { server, inhibit: false } => {
                ("Removing sorry server", server, "from")
            }
            Self::SorryServerRemoved { server, inhibit: true } => {
                ("Disabling sorry server", server, "from")
            }
            Self::WeightChanged { server, from, to, active } => {
                let kind = if *active { "active" } else { "inactive" };
                write!(f, "Changing weight from {from} to {to} for {kind} ")?;
                ("service", server, "of")
            }
            _ => return Ok(()),
        };
        let (server, service) = names(id, groups);
        write!(f, "{verb} {server} {of} VS {service}")
    }
}
