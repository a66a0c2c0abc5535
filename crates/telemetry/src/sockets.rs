//! `VRRP Sockpool`: where adverts are heard.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use control_plane::Config;
use control_plane::model::{Authentication, Instance};
use serde::{Deserialize, Serialize};

use crate::layout::Lines;
use crate::live::VrrpLive;

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

/// What stands for the descriptor of a socket that is not there.
pub(crate) const NO_SOCKET: i32 = -1;

/// What instances without a socket lack: those that would share one are one entry, as with those
/// that are open.
pub(crate) fn missing<'a>(
    config: &'a Config,
    live: &VrrpLive,
    source: impl Fn(&str) -> Option<IpAddr>,
) -> Vec<SocketView> {
    let open: HashSet<&str> =
        live.sockets.iter().flat_map(|socket| &socket.instances).map(String::as_str).collect();
    let known = live.stack.instances.iter().map(|one| one.known.identity.name.as_str());
    let known: HashSet<&str> = known.filter(|name| !open.contains(name)).collect();
    let mut found: BTreeMap<_, (usize, SocketView)> = BTreeMap::new();
    let mut add = |place: usize, one: &'a Instance| {
        let multicast = one.unicast.is_none();
        let authenticated = matches!(one.authentication, Authentication::Ah(_));
        let own = (!multicast).then(|| source(&one.name).or(one.source)).flatten();
        let interface = one.vmac_name().unwrap_or(Cow::Borrowed(&one.interface));
        let key = (interface.clone(), !one.is_ipv4(), authenticated, multicast, own);
        let new = || SocketView {
            descriptor: NO_SOCKET,
            interface: interface.into_owned(),
            ipv6: !one.is_ipv4(),
            authenticated,
            multicast,
            receive_buffer: one.receive_buffer.unwrap_or(0),
            instances: Vec::new(),
        };
        let (_, view) = found.entry(key).or_insert_with(|| (place, new()));
        view.instances.push(one.name.clone());
    };
    let lacking = config.vrrp.instances.iter().enumerate();
    lacking.filter(|(_, one)| known.contains(one.name.as_str())).for_each(|(n, one)| add(n, one));
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, view)| view).collect()
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
