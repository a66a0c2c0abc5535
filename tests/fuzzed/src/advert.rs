//! Any bytes as a VRRP advert: refused or understood, and what was understood is written and read
//! back as the same.
//!
//! The first byte says what carries the advert. The checksum is put right, which a fuzzer would
//! hardly ever do; an even first byte leaves the bytes as they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wire::checksum::{VRRP_PROTOCOL, internet, with_pseudo_header};
use wire::vrrp::{Advert, AdvertView, Carrier, GROUP_V4, GROUP_V6, HOP_LIMIT, Rules, Version};

/// One run.
pub fn run(bytes: &[u8]) {
    if let Some(datagram) = wire::ipv4::parse(bytes) {
        assert!(datagram.payload.len() <= bytes.len());
    }
    let Some((first, advert)) = bytes.split_first() else { return };
    let (source, destination) = if first & 2 == 0 {
        (IpAddr::from(Ipv4Addr::new(10, 0, 0, 1)), IpAddr::from(GROUP_V4))
    } else {
        (IpAddr::from(Ipv6Addr::LOCALHOST), IpAddr::from(GROUP_V6))
    };
    let carrier = Carrier { source, destination, hop_limit: HOP_LIMIT };
    for version in [Version::V2, Version::V3] {
        let mut advert = advert.to_vec();
        if first & 1 != 0
            && let Some(header) = advert.get_mut(..8)
        {
            header[6..].fill(0);
            let sum = match version {
                Version::V2 => internet(&advert),
                Version::V3 => with_pseudo_header(source, destination, VRRP_PROTOCOL, &advert),
            };
            advert[6..8].copy_from_slice(&sum.to_be_bytes());
        }
        there_and_back(&advert, &carrier, version);
    }
}

fn there_and_back(bytes: &[u8], carrier: &Carrier, version: Version) {
    let rules = Rules::multicast(version);
    let Ok(view) = AdvertView::new(bytes) else { return };
    let Ok(advert) = Advert::parse(view, carrier, &rules) else { return };
    let written = advert.emit(carrier.source, carrier.destination);
    let view = AdvertView::new(&written).expect("an advert has a header");
    let again = Advert::parse(view, carrier, &rules);
    assert_eq!(again.as_ref(), Ok(&advert), "what was written is read as something else");
}
