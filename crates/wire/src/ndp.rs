//! Unsolicited neighbour advertisements (RFC 4861 section 7.2.6, RFC 9568 section 6.4.2): what
//! gratuitous ARP is for IPv4. And the question whether anybody has an address, with its answers.

use std::net::{IpAddr, Ipv6Addr};

use pnet::packet::Packet;
use pnet::packet::ethernet::{EtherTypes, EthernetPacket, MutableEthernetPacket};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv6::{Ipv6Packet, MutableIpv6Packet};
use pnet::util::MacAddr;

use crate::MacAddress;
use crate::checksum::with_pseudo_header;

/// Bytes of the frame, Ethernet header included.
pub const FRAME_LEN: usize = ETHERNET_LEN + IPV6_LEN + ADVERTISEMENT_LEN;
const ETHERNET_LEN: usize = 14;
const IPV6_LEN: usize = 40;
const ADVERTISEMENT_LEN: usize = 32;
const SOLICITATION_LEN: usize = 24;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: MacAddr = MacAddr(0x33, 0x33, 0, 0, 0, 1);
const ICMPV6: u8 = 58;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const ROUTER: u8 = 0x80;
const OVERRIDE: u8 = 0x20;
const TARGET_LINK_LAYER_ADDRESS: u8 = 2;

/// The Ethernet frame that tells all nodes that `address` is at `mac`. `router`: this host forwards.
pub fn unsolicited(mac: MacAddress, address: Ipv6Addr, router: bool) -> [u8; FRAME_LEN] {
    let mut frame = [0; FRAME_LEN];
    let (ethernet, datagram) = frame.split_at_mut(ETHERNET_LEN);
    if let Some(mut header) = MutableEthernetPacket::new(ethernet) {
        header.set_destination(ALL_NODES_MAC);
        header.set_source(MacAddr::from(mac));
        header.set_ethertype(EtherTypes::Ipv6);
        debug_assert_eq!(header.packet().len(), ETHERNET_LEN);
    }
    if let Some(mut ip) = MutableIpv6Packet::new(datagram) {
        ip.set_version(6);
        ip.set_payload_length(32);
        ip.set_next_header(IpNextHeaderProtocols::Icmpv6);
        ip.set_hop_limit(255);
        ip.set_source(address.octets().into());
        ip.set_destination(ALL_NODES.octets().into());
        ip.set_payload(&advertisement(mac, address, router));
    }
    frame
}

fn advertisement(mac: MacAddress, address: Ipv6Addr, router: bool) -> [u8; ADVERTISEMENT_LEN] {
    let mut message = [0; ADVERTISEMENT_LEN];
    message[0] = NEIGHBOUR_ADVERTISEMENT;
    message[4] = if router { ROUTER | OVERRIDE } else { OVERRIDE };
    message[8..24].copy_from_slice(&address.octets());
    message[24] = TARGET_LINK_LAYER_ADDRESS;
    message[25] = 1; // length in units of eight bytes
    message[26..32].copy_from_slice(&mac);
    let (source, destination) = (IpAddr::V6(address), IpAddr::V6(ALL_NODES));
    let sum = with_pseudo_header(source, destination, ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

/// Bytes of the frame of [`probe`], Ethernet header included.
const PROBE_LEN: usize = ETHERNET_LEN + IPV6_LEN + SOLICITATION_LEN;

/// The Ethernet frame that asks, as duplicate address detection does (RFC 4862 section 5.4.2), who has
/// `address`: from nobody, so that no cache learns anything. Whoever has it tells all nodes.
pub fn probe(mac: MacAddress, address: Ipv6Addr) -> [u8; PROBE_LEN] {
    let mut frame = [0; PROBE_LEN];
    let group = solicited_node(address);
    let [.., a, b, c, d] = group.octets();
    let (ethernet, datagram) = frame.split_at_mut(ETHERNET_LEN);
    if let Some(mut header) = MutableEthernetPacket::new(ethernet) {
        // RFC 2464 section 7.
        header.set_destination(MacAddr(0x33, 0x33, a, b, c, d));
        header.set_source(MacAddr::from(mac));
        header.set_ethertype(EtherTypes::Ipv6);
    }
    let mut message = [0; SOLICITATION_LEN];
    message[0] = NEIGHBOUR_SOLICITATION;
    message[8..24].copy_from_slice(&address.octets());
    let (source, destination) = (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(group));
    let sum = with_pseudo_header(source, destination, ICMPV6, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    if let Some(mut ip) = MutableIpv6Packet::new(datagram) {
        ip.set_version(6);
        ip.set_payload_length(24);
        ip.set_next_header(IpNextHeaderProtocols::Icmpv6);
        ip.set_hop_limit(255);
        ip.set_destination(group.octets().into());
        ip.set_payload(&message);
    }
    frame
}

/// ff02::1:ff00:0 with the last three bytes of the address (RFC 4291 section 2.7.1).
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0x00ff), low)
}

/// Who says in a neighbour advertisement that he has which address; `None` for any other frame, and
/// for one that a router has forwarded (RFC 4861 section 7.1.2). Its checksum is not looked at.
pub fn claim(frame: &[u8]) -> Option<(MacAddress, Ipv6Addr)> {
    let ethernet = EthernetPacket::new(frame)?;
    let ip = Ipv6Packet::new(frame.get(ETHERNET_LEN..)?)?;
    let fits = ethernet.get_ethertype() == EtherTypes::Ipv6
        && ip.get_next_header() == IpNextHeaderProtocols::Icmpv6
        && ip.get_hop_limit() == 255;
    let message = frame.get(ETHERNET_LEN + IPV6_LEN..).filter(|_| fits)?;
    let target: [u8; 16] = message.get(8..24)?.try_into().ok()?;
    let target = Ipv6Addr::from(target);
    let is_one = message.first() == Some(&NEIGHBOUR_ADVERTISEMENT) && message.get(1) == Some(&0);
    if !is_one || target.is_multicast() || target.is_unspecified() {
        return None;
    }
    let told = link_layer_address(message.get(24..).unwrap_or_default());
    Some((told.unwrap_or_else(|| ethernet.get_source().octets()), target))
}

/// The option among these that names the sender's hardware address.
fn link_layer_address(mut options: &[u8]) -> Option<MacAddress> {
    loop {
        let length = usize::from(*options.get(1)?) * 8;
        if options.first() == Some(&TARGET_LINK_LAYER_ADDRESS) && length == 8 {
            return options.get(2..8)?.try_into().ok();
        }
        // A length of 0 would never end; the packet is malformed (RFC 4861 section 4.6).
        options = options.get(length..).filter(|_| length > 0)?;
    }
}

#[cfg(test)]
mod tests;
