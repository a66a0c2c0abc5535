//! The LVS-DR network of the guides: two directors, two real servers, clients, one switch.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::network::Network;
use crate::node::Node;

/// The virtual address.
pub const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 216, 250);

/// The service that clients ask.
pub const SERVICE: SocketAddrV4 = SocketAddrV4::new(VIP, 80);

/// The interface of the directors in the guides.
pub const INTERFACE: &str = "ens33";

/// Addresses of the directors.
pub const DIRECTORS: [&str; 2] = ["192.168.216.10/24", "192.168.216.11/24"];

/// The client node has several addresses, for persistence binds each to one server.
pub const CLIENTS: [Ipv4Addr; 4] = [
    Ipv4Addr::new(192, 168, 216, 31),
    Ipv4Addr::new(192, 168, 216, 32),
    Ipv4Addr::new(192, 168, 216, 33),
    Ipv4Addr::new(192, 168, 216, 34),
];

/// The nodes.
#[derive(Debug)]
pub struct Cluster {
    /// The switch.
    pub network: Network,
    /// The two directors.
    pub directors: [Node; 2],
    /// The two real servers.
    pub servers: [Node; 2],
    /// The client.
    pub client: Node,
}

impl Cluster {
    /// Makes the network, the directors on `interface`; nothing runs in it yet.
    pub fn new(interface: &str) -> Self {
        let network = Network::new();
        let [first, second] = DIRECTORS;
        let directors = [
            network.machine("lb01", interface, &[first]),
            network.machine("lb02", interface, &[second]),
        ];
        let servers = [
            real_server(&network, "web1", "192.168.216.204/24"),
            real_server(&network, "web2", "192.168.216.179/24"),
        ];
        let addresses = CLIENTS.map(|address| format!("{address}/24"));
        let client = network.host("client", "eth0", &addresses.each_ref().map(String::as_str));
        Self { network, directors, servers, client }
    }
}

/// A real server of direct routing: the VIP on its loopback, and silence about it on the wire.
fn real_server(network: &Network, name: &str, address: &str) -> Node {
    let node = network.host(name, "eth0", &[address]);
    node.sh(&format!(
        "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore
         echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce
         ip addr add {VIP}/32 dev lo"
    ));
    node
}
