//! The IPv4 datagram around an advert.

use std::net::Ipv4Addr;

use pnet::packet::Packet;
use pnet::packet::ip::IpNextHeaderProtocol;
use pnet::packet::ipv4::{Ipv4Packet, MutableIpv4Packet, checksum};

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;
/// Internetwork control (CS6), as keepalived marks its adverts: DSCP 48, ECN 0.
const CONTROL_DSCP: u8 = 0xc0 >> 2;

/// A datagram as a raw socket hands it over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Sender.
    pub source: Ipv4Addr,
    /// Receiver.
    pub destination: Ipv4Addr,
    /// Time to live on arrival.
    pub ttl: u8,
    /// Number of the protocol inside.
    pub protocol: u8,
    /// What the header's total length covers; padding behind it is cut off.
    pub payload: &'a [u8],
}

/// What of the header the caller chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Identification. The kernel would replace a 0 by a number of its own.
    pub identification: u16,
    /// Time to live.
    pub ttl: u8,
    /// Number of the protocol inside.
    pub protocol: u8,
    /// Sender.
    pub source: Ipv4Addr,
    /// Receiver.
    pub destination: Ipv4Addr,
}

/// Reads a datagram; `None` when it is cut off or no IPv4. The header's checksum is the kernel's
/// business: it delivers nothing with a wrong one.
pub fn parse(bytes: &[u8]) -> Option<Datagram<'_>> {
    let packet = Ipv4Packet::new(bytes)?;
    let header = usize::from(packet.get_header_length()) * 4;
    let total = usize::from(packet.get_total_length());
    if packet.get_version() != 4 || header < HEADER_LEN {
        return None;
    }
    let payload = bytes.get(header..total)?;
    Some(Datagram {
        source: packet.get_source().octets().into(),
        destination: packet.get_destination().octets().into(),
        ttl: packet.get_ttl(),
        protocol: packet.get_next_level_protocol().0,
        payload,
    })
}

/// What follows the header of a datagram from a raw socket, whose length is in the first byte (RFC 791
/// section 3.1); nothing when the header is cut off.
pub fn payload(bytes: &[u8]) -> &[u8] {
    let words = bytes.first().map_or(0, |first| usize::from(first & 0x0f));
    bytes.get(words * 4..).unwrap_or_default()
}

/// A whole datagram, its checksum included; `None` when `payload` does not fit into one.
pub fn emit(header: &Header, payload: &[u8]) -> Option<Vec<u8>> {
    let total = u16::try_from(HEADER_LEN + payload.len()).ok()?;
    let mut packet = MutableIpv4Packet::owned(vec![0; usize::from(total)])?;
    packet.set_version(4);
    packet.set_header_length(5);
    packet.set_dscp(CONTROL_DSCP);
    packet.set_total_length(total);
    packet.set_identification(header.identification);
    packet.set_ttl(header.ttl);
    packet.set_next_level_protocol(IpNextHeaderProtocol(header.protocol));
    packet.set_source(header.source.octets().into());
    packet.set_destination(header.destination.octets().into());
    packet.set_payload(payload);
    let sum = checksum(&packet.to_immutable());
    packet.set_checksum(sum);
    Some(packet.packet().to_vec())
}

#[cfg(test)]
mod tests;
