//! `Interfaces`: what the VRRP process knows of each.

use crate::layout::Lines;
use crate::live::LinkView;

/// An interface.
pub(crate) fn lines(link: &LinkView) -> Lines {
    let mut lines = Lines::default();
    let none = || "(none)".to_owned();
    lines.item(1, "Name", &link.name);
    lines.item(3, "index", link.index);
    lines.item(3, "IPv4 address", link.primary_v4.map_or_else(none, |one| one.to_string()));
    lines.item(3, "IPv6 address", link.link_local_v6.map_or_else(none, |one| one.to_string()));
    if link.mac != [0; 6] {
        lines.item(3, "MAC", link.mac.map(|byte| format!("{byte:02x}")).join(":"));
    }
    let state = if link.up { "UP, RUNNING" } else { "DOWN" };
    lines.item(3, "State", if link.arp { state.to_owned() } else { format!("{state}, no arp") });
    lines.item(3, "MTU", link.mtu);
    lines
}
