//! How services and servers are identified, and how keepalived writes them.

use std::fmt;
use std::net::SocketAddr;

use control_plane::model::ServiceAddress;
use serde::{Deserialize, Serialize};

/// Which real server of which virtual server; stays the same over reloads and restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerId {
    /// The virtual server.
    pub service: ServiceAddress,
    /// The real server's own address.
    pub server: SocketAddr,
}

/// A virtual server as keepalived logs it: `[10.1.0.100]:tcp:80`.
#[derive(Clone, Copy, Debug)]
pub struct ServiceName(pub ServiceAddress);

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ServiceAddress::Address { ip, port, protocol } => {
                write!(f, "[{ip}]:{}:{port}", protocol.name())
            }
            ServiceAddress::Mark { mark, .. } => write!(f, "FWM {mark}"),
            ServiceAddress::Group { group, .. } => write!(f, "group {}", group.0),
        }
    }
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

    use super::*;

    #[test]
    fn both_families_print_in_brackets() {
        let service = ServiceAddress::Address {
            ip: "2001:db8::1".parse().unwrap(),
            port: 53,
            protocol: Protocol::Udp,
        };
        let server = ServerId { service, server: "10.2.0.2:5353".parse().unwrap() };
        assert_eq!(ServiceName(service).to_string(), "[2001:db8::1]:udp:53");
        assert_eq!(ServerName(server).to_string(), "[10.2.0.2]:udp:5353");
    }
}
