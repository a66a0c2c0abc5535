//! What the lab reads in frames. Independent of the daemon's own codecs on purpose.

use std::net::Ipv4Addr;

/// A VRRP advertisement as seen on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    /// Sender.
    pub source: Ipv4Addr,
    /// Version, 2 or 3.
    pub version: u8,
    /// Virtual router identifier.
    pub vrid: u8,
    /// Priority; 0 means that the sender gives up.
    pub priority: u8,
    /// The addresses it announces.
    pub addresses: Vec<Ipv4Addr>,
}

/// An ARP packet over Ethernet for IPv4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arp {
    /// 1 request, 2 reply.
    pub operation: u16,
    /// Hardware address of the sender.
    pub sender_mac: [u8; 6],
    /// Protocol address of the sender.
    pub sender: Ipv4Addr,
    /// Protocol address of the target.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Announces its own address to all.
    pub fn is_gratuitous(&self) -> bool {
        self.sender == self.target
    }
}

/// Reads an Ethernet frame as a VRRP advertisement over IPv4.
pub fn advert(frame: &[u8]) -> Option<Advert> {
    let packet = payload(frame, [0x08, 0x00])?;
    let header = usize::from(packet.first()? & 0x0f) * 4;
    if *packet.get(9)? != 112 {
        return None;
    }
    let source = ipv4(packet, 12)?;
    let pdu = packet.get(header..)?;
    let count = usize::from(*pdu.get(3)?);
    let addresses = (0..count).map_while(|index| ipv4(pdu, 8 + 4 * index)).collect();
    Some(Advert {
        source,
        version: pdu.first()? >> 4,
        vrid: *pdu.get(1)?,
        priority: *pdu.get(2)?,
        addresses,
    })
}

/// Reads an Ethernet frame as ARP.
pub fn arp(frame: &[u8]) -> Option<Arp> {
    let packet = payload(frame, [0x08, 0x06])?;
    Some(Arp {
        operation: u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]),
        sender_mac: packet.get(8..14)?.try_into().ok()?,
        sender: ipv4(packet, 14)?,
        target: ipv4(packet, 24)?,
    })
}

fn payload(frame: &[u8], ethertype: [u8; 2]) -> Option<&[u8]> {
    (frame.get(12..14)? == ethertype).then(|| frame.get(14..)).flatten()
}

fn ipv4(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(octets.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_2_advert_is_read() {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45, 0xc0, 0, 40, 0, 1, 0, 0, 255, 112, 0, 0]);
        frame.extend([10, 0, 0, 1, 224, 0, 0, 18]);
        frame.extend([0x21, 51, 100, 1, 1, 1, 0, 0, 192, 168, 100, 100]);
        let expected = Advert {
            source: Ipv4Addr::new(10, 0, 0, 1),
            version: 2,
            vrid: 51,
            priority: 100,
            addresses: vec![Ipv4Addr::new(192, 168, 100, 100)],
        };
        assert_eq!(advert(&frame), Some(expected));
        assert_eq!(arp(&frame), None);
        assert_eq!(advert(&frame[..30]), None, "a cut frame is no advert");
    }

    #[test]
    fn a_gratuitous_arp_is_told_from_a_question() {
        let mut frame = vec![0xff; 12];
        frame.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9]);
        frame.extend([10, 0, 0, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 10, 0, 0, 3]);
        let packet = arp(&frame).expect("complete");
        assert!(packet.is_gratuitous());
        assert_eq!(packet.sender_mac, [2, 0, 0, 0, 0, 9]);
        frame[41] = 4;
        assert!(!arp(&frame).expect("complete").is_gratuitous());
    }
}
