//! `VRRP Sockpool`: where adverts are heard.

use std::net::IpAddr;

use control_plane::Config;
use serde::{Deserialize, Serialize};

use crate::layout::Lines;

/// A socket that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketView {
    /// Its descriptor; adverts leave through it as well.
    pub descriptor: i32,
    /// The name of its interface.
    pub interface: String,
    /// IPv6.
    pub ipv6: bool,
    /// `auth_type AH`: 51 instead of 112.
    pub authenticated: bool,
    /// It hears a multicast group, not a source address of its own.
    pub multicast: bool,
    /// Bytes of receive buffer that its instances want, 0 for what the system gives.
    pub receive_buffer: u32,
    /// The instances that live on it, by name.
    pub instances: Vec<String>,
}

/// A socket, in keepalived's order. `source`: where unicast adverts of an instance come from.
pub(crate) fn lines(
    config: &Config,
    socket: &SocketView,
    source: impl Fn(&str) -> Option<IpAddr>,
) -> Lines {
    let mut lines = Lines::default();
    let descriptor = socket.descriptor;
    lines.at(1, format!("fd_in {descriptor} fd_out = {descriptor}"));
    lines.item(3, "Interface", &socket.interface);
    lines.item(3, "Family", if socket.ipv6 { "IPv6" } else { "IPv4" });
    lines.item(3, "Protocol", if socket.authenticated { "AH" } else { "VRRP" });
    lines.item(3, "Type", if socket.multicast { "Multicast" } else { "Unicast" });
    if !socket.multicast {
        let mut sources = socket.instances.iter().filter_map(|name| source(name));
        lines.optional(3, "Address", sources.next());
    }
    let of = |name: &String| config.vrrp.instances.iter().find(|one| one.name == *name);
    let instances = socket.instances.iter().filter_map(of);
    lines.item(3, "Rx buf size", socket.receive_buffer);
    lines.at(3, "VRRP instances");
    instances.for_each(|one| lines.at(5, format!("{} vrid {}", one.name, one.vrid)));
    lines
}
