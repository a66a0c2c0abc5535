//! How services and servers are identified, and how keepalived writes them.

use std::fmt;
use std::net::SocketAddr;

use control_plane::model::ServiceAddress;
use control_plane::model::lvs::ServerGroup;
use serde::{Deserialize, Serialize};

/// Which real server of which virtual server; stays the same over reloads and restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerId {
    /// The virtual server.
    pub service: ServiceAddress,
    /// The real server's own address.
    pub server: SocketAddr,
}

/// A virtual server as keepalived logs it: `[10.1.0.100]:tcp:80`, `FWM 5`, `[VSG1]:0`. Groups have
/// their names in the configuration.
#[derive(Clone, Copy, Debug)]
pub struct ServiceName<'a>(pub ServiceAddress, pub &'a [ServerGroup]);

impl fmt::Display for ServiceName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ServiceAddress::Address { ip, port, protocol } => {
                write!(f, "[{ip}]:{}:{port}", protocol.name())
            }
            ServiceAddress::Mark { mark, .. } => write!(f, "FWM {mark}"),
            ServiceAddress::Group { group, .. } => {
                let found = self.1.iter().find(|found| found.id == group);
                write!(f, "[{}]:0", found.map_or("", |found| &found.name))
            }
        }
    }
}

/// Both names of a real server's place.
pub(crate) const fn names<'a>(
    id: &ServerId,
    groups: &'a [ServerGroup],
) -> (ServerName, ServiceName<'a>) {
    (ServerName(*id), ServiceName(id.service, groups))
}

/// Something to be said, with the names of groups.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a, T> {
    pub(crate) what: &'a T,
    pub(crate) groups: &'a [ServerGroup],
}

/// A real server as keepalived logs it, with the protocol of its service: `[10.2.0.2]:tcp:80`.
#[derive(Clone, Copy, Debug)]
pub struct ServerName(pub ServerId);

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ip, port) = (self.0.server.ip(), self.0.server.port());
        match self.0.service {
            ServiceAddress::Address { protocol, .. } | ServiceAddress::Group { protocol, .. } => {
                write!(f, "[{ip}]:{}:{port}", protocol.name())
            }
            ServiceAddress::Mark { .. } => write!(f, "[{ip}]:none:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use control_plane::model::Protocol;
    use control_plane::model::lvs::GroupId;

    use super::*;

    #[test]
    fn both_families_print_in_brackets() {
        let service = ServiceAddress::Address {
            ip: "2001:db8::1".parse().unwrap(),
            port: 53,
            protocol: Protocol::Udp,
        };
        let server = ServerId { service, server: "10.2.0.2:5353".parse().unwrap() };
        assert_eq!(ServiceName(service, &[]).to_string(), "[2001:db8::1]:udp:53");
        let group = ServiceAddress::Group {
            group: GroupId::of("VSG1"),
            protocol: Protocol::Tcp,
            ipv6: false,
        };
        let groups = ["VSG0", "VSG1"].map(|name| ServerGroup::new(name, Vec::new()));
        assert_eq!(ServiceName(group, &groups).to_string(), "[VSG1]:0");
        assert_eq!(ServerName(server).to_string(), "[10.2.0.2]:udp:5353");
    }
}
