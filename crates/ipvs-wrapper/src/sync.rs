//! The kernel's synchronisation daemons: a master tells its connections, a backup learns them, so that
//! connections outlive a failover.

use std::fmt;
use std::net::IpAddr;

use netlink::{Engine, Protocol as Netlink, Refusal, Socket, Transport, genl};

use crate::error::Error;
use crate::ipvs::FAMILY;
use crate::reply;
use crate::request::{Addressed, Ask};

/// A backup is ready for messages of at least that many bytes, whatever it is told.
const LEAST_BACKUP_LENGTH: u16 = 1024;

/// Which of the two a daemon is (`IP_VS_STATE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It sends.
    Master,
    /// It receives.
    Backup,
}

impl Role {
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Master => 1,
            Self::Backup => 2,
        }
    }

    pub(crate) const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Master),
            2 => Some(Self::Backup),
            _ => None,
        }
    }
}

/// A synchronisation daemon. The kernel runs at most one of each role; to be started, `None` is the
/// kernel's default.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Daemon {
    /// Which of the two.
    pub role: Role,
    /// Where it sends or listens.
    pub interface: String,
    /// Daemons with the same number belong together.
    pub id: u8,
    /// Bytes of a message.
    pub max_length: Option<u16>,
    /// UDP port; default 8848.
    pub port: Option<u16>,
    /// Hops that messages may go; default 1.
    pub ttl: Option<u8>,
    /// Multicast group; default 224.0.0.81.
    pub group: Option<IpAddr>,
}

impl Daemon {
    /// Whether `actual` will do: what is left to the kernel does as it is.
    fn is_met_by(&self, actual: &Self) -> bool {
        let least = if self.role == Role::Backup { LEAST_BACKUP_LENGTH } else { 0 };
        let filled = Self {
            max_length: self.max_length.map(|length| length.max(least)).or(actual.max_length),
            port: self.port.or(actual.port),
            ttl: self.ttl.or(actual.ttl),
            group: self.group.or(actual.group),
            ..self.clone()
        };
        filled == *actual
    }
}

/// `master sync daemon on eth0, id 7`.
impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::Master => "master",
            Role::Backup => "backup",
        };
        write!(f, "{role} sync daemon on {}, id {}", self.interface, self.id)
    }
}

/// The synchronisation daemons of the network namespace that their socket was opened in.
#[derive(Debug)]
pub struct SyncDaemons<T> {
    engine: Engine<T>,
    /// The kernel's number of IPVS, once it was found.
    family: Option<u16>,
}

impl SyncDaemons<Socket> {
    /// Those of the network namespace that the process is in.
    ///
    /// # Errors
    /// What netlink says.
    pub fn connect() -> Result<Self, Error> {
        Ok(Self::over(Socket::commands(Netlink::Generic)?))
    }
}

impl<T: Transport> SyncDaemons<T> {
    /// `transport` is a socket for generic netlink. IPVS is looked for when it is first needed, and
    /// again after it was not found: its module may be loaded later.
    pub fn over(transport: T) -> Self {
        Self { engine: Engine::new(transport), family: None }
    }

    fn family(&mut self) -> Result<u16, Error> {
        if let Some(family) = self.family {
            return Ok(family);
        }
        let found = genl::family(&mut self.engine, FAMILY).map_err(|error| match error {
            netlink::Error::NoFamily(_) => Error::NoIpvs,
            other => other.into(),
        })?;
        Ok(*self.family.insert(found))
    }

    /// The daemons that run.
    ///
    /// # Errors
    /// [`Error::NoIpvs`] when the kernel lacks it, or what netlink says.
    pub fn list(&mut self) -> Result<Vec<Daemon>, Error> {
        let ask = Addressed { family: self.family()?, ask: Ask::GetDaemons };
        Ok(self.engine.dump(&ask, reply::daemon)?)
    }

    /// Makes the running daemons the `desired` ones: stops what is not among them, starts what is
    /// missing. Returns what the kernel refused.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub fn reconcile(&mut self, desired: &[Daemon]) -> Result<Vec<Refusal>, Error> {
        match self.bring_to(desired) {
            // A daemon that is stopped before its thread has run for the first time ends the
            // request with EINTR, for which netlink sends no answer: look what has become of it.
            Err(Error::Netlink(netlink::Error::NoReply(_))) => self.bring_to(desired),
            other => other,
        }
    }

    fn bring_to(&mut self, desired: &[Daemon]) -> Result<Vec<Refusal>, Error> {
        let family = self.family()?;
        let running = self.list()?;
        let surplus = running.iter().filter(|one| !desired.iter().any(|it| it.is_met_by(one)));
        let missing = desired.iter().filter(|it| !running.iter().any(|one| it.is_met_by(one)));
        let asks = surplus.map(Ask::StopDaemon).chain(missing.map(Ask::StartDaemon));
        let requests: Vec<_> = asks.map(|ask| Addressed { family, ask }).collect();
        Ok(self.engine.run(&requests)?)
    }
}

#[cfg(test)]
mod tests;
