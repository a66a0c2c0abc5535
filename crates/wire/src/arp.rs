//! Gratuitous ARP (RFC 5227 section 3, RFC 9568 section 6.4.2): tells every switch and every
//! neighbour where an IPv4 address lives now.

use std::net::Ipv4Addr;

use pnet::packet::Packet;
use pnet::packet::arp::{ArpHardwareTypes, ArpOperations, ArpPacket, MutableArpPacket};
use pnet::packet::ethernet::{EtherTypes, MutableEthernetPacket};
use pnet::util::MacAddr;

use crate::MacAddress;

/// Bytes of the frame, Ethernet header included.
pub const FRAME_LEN: usize = ETHERNET_LEN + ARP_LEN;
const ETHERNET_LEN: usize = 14;
const ARP_LEN: usize = 28;

/// The Ethernet frame of a broadcast request whose sender and target are both `address`, from the
/// interface with `mac`.
pub fn gratuitous(mac: MacAddress, address: Ipv4Addr) -> [u8; FRAME_LEN] {
    let mac = MacAddr::from(mac);
    let mut frame = [0; FRAME_LEN];
    let (ethernet, body) = frame.split_at_mut(ETHERNET_LEN);
    if let Some(mut arp) = MutableArpPacket::new(body) {
        arp.set_hardware_type(ArpHardwareTypes::Ethernet);
        arp.set_protocol_type(EtherTypes::Ipv4);
        arp.set_hw_addr_len(6);
        arp.set_proto_addr_len(4);
        arp.set_operation(ArpOperations::Request);
        arp.set_sender_hw_addr(mac);
        arp.set_sender_proto_addr(address.octets().into());
        arp.set_target_hw_addr(MacAddr::broadcast());
        arp.set_target_proto_addr(address.octets().into());
    }
    if let Some(mut header) = MutableEthernetPacket::new(ethernet) {
        header.set_destination(MacAddr::broadcast());
        header.set_source(mac);
        header.set_ethertype(EtherTypes::Arp);
        debug_assert_eq!(header.packet().len(), ETHERNET_LEN);
    }
    frame
}

/// The Ethernet frame of a broadcast request that asks who has `address`. `sender` is the address of
/// the asking host, or 0.0.0.0 when it only wants to know whether anybody has it (RFC 5227 section
/// 2.1.1).
pub fn request(mac: MacAddress, sender: Ipv4Addr, address: Ipv4Addr) -> [u8; FRAME_LEN] {
    let mut frame = gratuitous(mac, address);
    if let Some(mut arp) = frame.get_mut(ETHERNET_LEN..).and_then(MutableArpPacket::new) {
        arp.set_sender_proto_addr(sender.octets().into());
        arp.set_target_hw_addr(MacAddr::zero());
    }
    frame
}

/// Who says in an ARP frame that he has which address; `None` when nobody does, or it is no ARP for
/// IPv4.
pub fn sender(frame: &[u8]) -> Option<(MacAddress, Ipv4Addr)> {
    let arp = ArpPacket::new(frame.get(ETHERNET_LEN..)?)?;
    let fits = arp.get_hardware_type() == ArpHardwareTypes::Ethernet
        && arp.get_protocol_type() == EtherTypes::Ipv4
        && (arp.get_hw_addr_len(), arp.get_proto_addr_len()) == (6, 4);
    let address = Ipv4Addr::from(arp.get_sender_proto_addr().octets());
    (fits && !address.is_unspecified()).then(|| (arp.get_sender_hw_addr().octets(), address))
}

#[cfg(test)]
mod tests;
