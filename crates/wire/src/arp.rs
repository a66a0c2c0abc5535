//! Gratuitous ARP (RFC 5227 section 3, RFC 9568 section 6.4.2): tells every switch and every
//! neighbour where an IPv4 address lives now.

use std::net::Ipv4Addr;

use pnet::packet::Packet;
use pnet::packet::arp::{ArpHardwareTypes, ArpOperations, MutableArpPacket};
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

#[cfg(test)]
mod tests;
