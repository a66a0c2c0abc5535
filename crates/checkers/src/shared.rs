//! Objects of a configuration that is in memory once: looked up in it where they are needed. A copy of
//! each would be the larger part of what ten thousand servers take, and a process that was forked
//! shares the pages of the configuration with its parent as long as nobody writes to them.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::Deref;
use std::sync::Arc;

use control_plane::model::{
    Checker, CheckerKind, Lvs, RealServer, ServiceAddress, TcpCheck, VirtualServer,
};

const NOWHERE: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

// What a place outside the lists would mean. Places come from walking these very lists.
static NO_SERVICE: VirtualServer =
    VirtualServer::new(ServiceAddress::Mark { mark: 0, ipv6: false });
static NO_SERVER: RealServer = RealServer::new(NOWHERE);
static NO_CHECK: Checker = Checker::new(CheckerKind::Tcp(TcpCheck::new(NOWHERE)));

/// A virtual server.
#[derive(Clone, Debug)]
pub(crate) struct SharedService {
    lvs: Arc<Lvs>,
    place: usize,
}

/// A real server.
#[derive(Clone, Debug)]
pub(crate) struct SharedServer {
    service: SharedService,
    place: usize,
}

/// A check.
#[derive(Clone, Debug)]
pub(crate) struct SharedCheck {
    server: SharedServer,
    place: usize,
}

impl SharedService {
    /// All virtual servers of `lvs`.
    pub(crate) fn all(lvs: &Arc<Lvs>) -> impl Iterator<Item = Self> {
        let lvs = Arc::clone(lvs);
        (0..lvs.virtual_servers.len()).map(move |place| Self { lvs: Arc::clone(&lvs), place })
    }

    /// Its real servers.
    pub(crate) fn servers(&self) -> impl Iterator<Item = SharedServer> {
        let server = |place| SharedServer { service: self.clone(), place };
        (0..self.real_servers.len()).map(server)
    }
}

impl SharedServer {
    /// Its checks.
    pub(crate) fn checks(&self) -> impl Iterator<Item = SharedCheck> {
        (0..self.checkers.len()).map(|place| SharedCheck { server: self.clone(), place })
    }
}

impl Deref for SharedService {
    type Target = VirtualServer;

    fn deref(&self) -> &VirtualServer {
        self.lvs.virtual_servers.get(self.place).unwrap_or(&NO_SERVICE)
    }
}

impl Deref for SharedServer {
    type Target = RealServer;

    fn deref(&self) -> &RealServer {
        self.service.real_servers.get(self.place).unwrap_or(&NO_SERVER)
    }
}

impl Deref for SharedCheck {
    type Target = Checker;

    fn deref(&self) -> &Checker {
        self.server.checkers.get(self.place).unwrap_or(&NO_CHECK)
    }
}

impl PartialEq for SharedService {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl PartialEq for SharedServer {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl PartialEq for SharedCheck {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for SharedService {}
impl Eq for SharedServer {}
impl Eq for SharedCheck {}
