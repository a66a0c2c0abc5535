//! How services and servers are identified, and how keepalived writes them.

use std::fmt;
use std::net::SocketAddr;

use control_plane::model::{GroupNames, ServiceAddress};
use serde::{Deserialize, Serialize};

/// Which real server of which virtual server; stays the same over reloads and restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerId {
    /// The virtual server.
    pub service: ServiceAddress,
    /// The real server's own address.
    pub server: SocketAddr,
}

/// A virtual server as keepalived logs it: `[10.1.0.100]:tcp:80`, `FWM 5`, `[VSG1]:0`.
#[derive(Clone, Copy, Debug)]
pub struct ServiceName<'a>(pub ServiceAddress, pub &'a GroupNames);

impl fmt::Display for ServiceName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ServiceAddress::Address { ip, port, protocol } => {
                write!(f, "[{ip}]:{}:{port}", protocol.name())
            }
            ServiceAddress::Mark { mark, .. } => write!(f, "FWM {mark}"),
            ServiceAddress::Group { .. } => f.write_str(self.1.get(&self.0)),
        }
    }
}

/// Both names of a real server's place.
pub(crate) const fn names<'a>(
    id: &ServerId,
    groups: &'a GroupNames,
) -> (ServerName, ServiceName<'a>) {
    (ServerName(*id), ServiceName(id.service, groups))
}

/// Something to be said, with the names of groups.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a, T> {
    pub(crate) what: &'a T,
    pub(crate) groups: &'a GroupNames,
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
    use control_plane::model::lvs::{GroupId, ServerGroup};
    use control_plane::model::{Lvs, Protocol, VirtualServer};

    use super::*;

    #[test]
    fn both_families_print_in_brackets() {
        let service = ServiceAddress::Address {
            ip: "2001:db8::1".parse().unwrap(),
            port: 53,
            protocol: Protocol::Udp,
        };
        let server = ServerId { service, server: "10.2.0.2:5353".parse().unwrap() };
        assert_eq!(ServiceName(service, &GroupNames::NONE).to_string(), "[2001:db8::1]:udp:53");
        assert_eq!(ServerName(server).to_string(), "[10.2.0.2]:udp:5353");
    }

    #[test]
    fn virtual_servers_of_one_group_are_counted_in_the_order_of_the_file() {
        let of = |name, protocol| ServiceAddress::Group {
            group: GroupId::of(name),
            protocol,
            ipv6: false,
        };
        let (tcp, udp) = (of("VSG1", Protocol::Tcp), of("VSG1", Protocol::Udp));
        let last = of("VSG1", Protocol::Sctp);
        let all = [tcp, of("VSG0", Protocol::Udp), tcp, udp, last];
        let lvs = Lvs {
            groups: ["VSG0", "VSG1"].map(|name| ServerGroup::new(name, Vec::new())).into(),
            virtual_servers: all.map(VirtualServer::new).into(),
            ..Lvs::default()
        };
        let names = GroupNames::of(&lvs);
        let name = |address| ServiceName(address, &names).to_string();
        assert_eq!(
            [tcp, all[1], udp, last].map(name),
            ["[VSG1]:0", "[VSG0]:0", "[VSG1]:2", "[VSG1]:3",]
        );
    }
}
