//! Unsolicited neighbour advertisements (RFC 4861 section 7.2.6, RFC 9568 section 6.4.2): what
//! gratuitous ARP is for IPv4.

use std::net::{IpAddr, Ipv6Addr};

use pnet::packet::Packet;
use pnet::packet::ethernet::{EtherTypes, MutableEthernetPacket};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv6::MutableIpv6Packet;
use pnet::util::MacAddr;

use crate::MacAddress;
use crate::checksum::with_pseudo_header;

/// Bytes of the frame, Ethernet header included.
pub const FRAME_LEN: usize = ETHERNET_LEN + IPV6_LEN + ADVERTISEMENT_LEN;
const ETHERNET_LEN: usize = 14;
const IPV6_LEN: usize = 40;
const ADVERTISEMENT_LEN: usize = 32;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC: MacAddr = MacAddr(0x33, 0x33, 0, 0, 0, 1);
const ICMPV6: u8 = 58;
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

#[cfg(test)]
mod tests;
