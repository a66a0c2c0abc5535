//! Any bytes as a datagram with a VRRP advert: refused or understood, and what was understood is
//! written and read back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::vrrp::{Advert, AdvertView, Carrier, Rules, Version};

fuzz_target!(|bytes: &[u8]| {
    let Some(datagram) = wire::ipv4::parse(bytes) else { return };
    let carrier = Carrier {
        source: datagram.source.into(),
        destination: datagram.destination.into(),
        hop_limit: datagram.ttl,
    };
    let Ok(view) = AdvertView::new(datagram.payload) else { return };
    for version in [Version::V2, Version::V3] {
        let rules = Rules::multicast(version);
        let Ok(advert) = Advert::parse(view, &carrier, &rules) else { continue };
        let written = advert.emit(carrier.source, carrier.destination);
        let view = AdvertView::new(&written).expect("an advert has a header");
        let again = Advert::parse(view, &carrier, &rules);
        assert_eq!(again.as_ref(), Ok(&advert), "what was written is read as something else");
    }
});
