//! Objects of a configuration that is in memory once: looked up in it where they are needed. A copy of
//! each would be the larger part of what ten thousand servers take, and a process that was forked
//! shares the pages of the configuration with its parent as long as nobody writes to them.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::Deref;
use std::sync::Arc;

use control_plane::model::{
    Checker, CheckerKind, Lvs, RealServer, ServiceAddress, TcpCheck, VirtualServer,
};

use crate::names::ServerId;
use crate::snapshot::CheckState;

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
    place: u32,
}

/// A real server.
#[derive(Clone, Debug)]
pub(crate) struct SharedServer {
    lvs: Arc<Lvs>,
    service: u32,
    place: u32,
}

/// A check.
#[derive(Clone, Debug)]
pub(crate) struct SharedCheck {
    lvs: Arc<Lvs>,
    service: u32,
    server: u32,
    place: u32,
}

impl SharedService {
    /// All virtual servers of `lvs`.
    pub(crate) fn all(lvs: &Arc<Lvs>) -> impl Iterator<Item = Self> {
        let lvs = Arc::clone(lvs);
        places(lvs.virtual_servers.len()).map(move |place| Self { lvs: Arc::clone(&lvs), place })
    }

    /// Its real servers.
    pub(crate) fn servers(&self) -> impl Iterator<Item = SharedServer> {
        let (lvs, service) = (&self.lvs, self.place);
        let server = move |place| SharedServer { lvs: Arc::clone(lvs), service, place };
        places(self.real_servers.len()).map(server)
    }
}

impl SharedServer {
    /// Its name, with that of its virtual server.
    pub(crate) fn id(&self) -> ServerId {
        ServerId { service: service(&self.lvs, self.service).address, server: self.address }
    }

    /// Its checks.
    pub(crate) fn checks(&self) -> impl Iterator<Item = SharedCheck> {
        let (lvs, service, server) = (&self.lvs, self.service, self.place);
        let check = move |place| SharedCheck { lvs: Arc::clone(lvs), service, server, place };
        places(self.checkers.len()).map(check)
    }
}

impl SharedCheck {
    /// The fingerprint of its settings.
    pub(crate) fn fingerprint(&self) -> u64 {
        CheckState::fingerprint_of(self, &self.lvs)
    }
}

/// No list of a configuration is longer than what memory holds.
fn places(length: usize) -> impl Iterator<Item = u32> {
    (0..u32::MAX).take(length)
}

fn service(lvs: &Lvs, place: u32) -> &VirtualServer {
    lvs.virtual_servers.get(place as usize).unwrap_or(&NO_SERVICE)
}

fn server(lvs: &Lvs, in_service: u32, place: u32) -> &RealServer {
    service(lvs, in_service).real_servers.get(place as usize).unwrap_or(&NO_SERVER)
}

impl Deref for SharedService {
    type Target = VirtualServer;

    fn deref(&self) -> &VirtualServer {
        service(&self.lvs, self.place)
    }
}

impl Deref for SharedServer {
    type Target = RealServer;

    fn deref(&self) -> &RealServer {
        server(&self.lvs, self.service, self.place)
    }
}

impl Deref for SharedCheck {
    type Target = Checker;

    fn deref(&self) -> &Checker {
        let server = server(&self.lvs, self.service, self.server);
        server.checkers.get(self.place as usize).unwrap_or(&NO_CHECK)
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
