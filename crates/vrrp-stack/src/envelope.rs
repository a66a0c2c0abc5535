//! What can be read of a packet without knowing for whom it is.

use wire::checksum::VRRP_PROTOCOL;
use wire::{Carrier, ah, ipv4};

use crate::input::Packet;

/// A packet as far as it can be read without knowing for whom it is.
pub(crate) struct Envelope<'a> {
    /// Who sent it, and how it came.
    pub(crate) carrier: Carrier,
    /// The advert.
    pub(crate) payload: &'a [u8],
    /// The whole datagram, when the advert is inside an authentication header.
    pub(crate) sealed: Option<&'a [u8]>,
}

impl<'a> Envelope<'a> {
    /// `None` when it is no VRRP.
    pub(crate) fn open(packet: Packet<'a>) -> Option<Self> {
        let (source, destination, hop_limit, payload, sealed) = match packet {
            Packet::Ipv4(bytes) => {
                let datagram = ipv4::parse(bytes)?;
                let (payload, sealed) = match datagram.protocol {
                    VRRP_PROTOCOL => (datagram.payload, None),
                    ah::PROTOCOL => (ah::advert(datagram.payload)?, Some(bytes)),
                    _ => return None,
                };
                let (source, destination) = (datagram.source.into(), datagram.destination.into());
                (source, destination, datagram.ttl, payload, sealed)
            }
            Packet::Ipv6 { source, destination, hop_limit, payload } => {
                (source.into(), destination.into(), hop_limit, payload, None)
            }
        };
        Some(Self { carrier: Carrier { source, destination, hop_limit }, payload, sealed })
    }
}
