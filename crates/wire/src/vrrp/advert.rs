//! What an advert says.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use base::{Duration, Priority, Vrid};

use super::{AdvertError, AdvertView, Family, HOP_LIMIT, Version};
use crate::checksum::{VRRP_PROTOCOL, internet, with_pseudo_header};

/// The type number of an advert, the only one there is (RFC 9568 section 5.2.2).
const ADVERTISEMENT: u8 = 1;
/// Where the checksum stands.
const CHECKSUM: std::ops::Range<usize> = 6..8;

/// The meaning of one advert.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Advert {
    /// Which virtual router speaks.
    pub vrid: Vrid,
    /// The sender's priority; `None` is the 0 of a router that leaves.
    pub priority: Option<Priority>,
    /// The virtual addresses, in the sender's order; at most 255, all of one family.
    pub addresses: Vec<IpAddr>,
    /// What differs between the versions.
    pub body: Body,
}

/// What differs between the versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// Version 2.
    V2 {
        /// Advertisement interval in seconds, 1 to 255.
        seconds: u8,
        /// Authentication.
        password: Password,
    },
    /// Version 3.
    V3 {
        /// Max Adver Int in hundredths of a second, 1 to 4095.
        centis: u16,
    },
}

/// Authentication data of version 2 (RFC 2338 section 5.3.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Password {
    /// Type 0; the eight bytes are sent as zero and not looked at.
    None,
    /// Type 1: the password in clear, padded with zero bytes.
    Simple([u8; 8]),
    /// Any other type number. Never sent.
    Other(u8),
}

impl Password {
    /// The type number in the packet.
    pub const fn kind(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Simple(_) => 1,
            Self::Other(kind) => kind,
        }
    }
}

/// Says which kind, never the password.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Simple(_) => f.write_str("Simple(********)"),
            Self::Other(kind) => write!(f, "Other({kind})"),
        }
    }
}

/// What the network layer knew about a packet that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Carrier {
    /// Who sent it.
    pub source: IpAddr,
    /// Where to.
    pub destination: IpAddr,
    /// TTL or hop limit on arrival.
    pub hop_limit: u8,
}

/// What a receiver insists on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// The version that the virtual router speaks.
    pub version: Version,
    /// TTL or hop limit: 255 for multicast (RFC 9568 section 7.1).
    pub hop_limit: RangeInclusive<u8>,
    /// How the checksum is made.
    pub checksum: Checksum,
}

/// What version 3 sums up. Version 2 sums the advert alone, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// The advert and a pseudo header (RFC 9568 section 5.2.8).
    #[default]
    Standard,
    /// The advert and a pseudo header that names this address as the destination, whatever the
    /// real one is: unicast of old keepalived (`old_unicast_checksum`).
    Towards(IpAddr),
    /// Over IPv4 the advert alone (`v3_checksum_as_v2`). A receiver then takes any.
    AsV2,
}

impl Rules {
    /// The rules for multicast.
    pub const fn multicast(version: Version) -> Self {
        Self { version, hop_limit: HOP_LIMIT..=HOP_LIMIT, checksum: Checksum::Standard }
    }
}

impl Advert {
    /// The version it is in.
    pub const fn version(&self) -> Version {
        match self.body {
            Body::V2 { .. } => Version::V2,
            Body::V3 { .. } => Version::V3,
        }
    }

    /// The sender's advertisement interval.
    pub const fn interval(&self) -> Duration {
        match self.body {
            Body::V2 { seconds, .. } => Duration::from_secs(seconds as u64),
            Body::V3 { centis } => Duration::from_centis(centis as u64),
        }
    }

    /// Reads an advert in the order of RFC 9568 section 7.1, as far as no configuration is needed:
    /// version, type, TTL, length against the address count, checksum. Authentication, interval
    /// and address list are compared by whoever knows what to expect.
    pub fn parse(
        view: AdvertView<'_>,
        carrier: &Carrier,
        rules: &Rules,
    ) -> Result<Self, AdvertError> {
        let family = Family::of(carrier.source);
        let expected = rules.version.get();
        if view.version() != expected {
            return Err(AdvertError::Version { received: view.version(), expected });
        }
        if view.kind() != ADVERTISEMENT {
            return Err(AdvertError::Type(view.kind()));
        }
        if !rules.hop_limit.contains(&carrier.hop_limit) {
            let (lowest, highest) = (*rules.hop_limit.start(), *rules.hop_limit.end());
            return Err(AdvertError::HopLimit { received: carrier.hop_limit, lowest, highest });
        }
        let needed = view.expected_len(family);
        if view.bytes().len() != needed {
            return Err(AdvertError::Length { needed, got: view.bytes().len() });
        }
        let sum = checksum(rules.version, rules.checksum, carrier, view.bytes());
        let enforced = family == Family::Ipv6 || rules.checksum != Checksum::AsV2;
        if sum != 0 && (enforced || rules.version == Version::V2) {
            return Err(AdvertError::Checksum);
        }
        let vrid = Vrid::new(view.vrid()).map_err(|_| AdvertError::Vrid)?;
        let split = usize::from(view.count()) * family.address_len();
        let (addresses, auth) = view.rest().split_at_checked(split).unwrap_or((&[], &[]));
        let body = match rules.version {
            Version::V2 => {
                Body::V2 { seconds: view.seconds(), password: password(view.auth_type(), auth) }
            }
            Version::V3 => Body::V3 { centis: view.centis() },
        };
        let priority = Priority::new(view.priority()).ok();
        Ok(Self { vrid, priority, addresses: read_addresses(family, addresses), body })
    }

    /// The bytes of the advert as sent from `source` to `destination`, which version 3 covers by
    /// its checksum. No more than 255 addresses are written: the count has one byte.
    pub fn emit(&self, source: IpAddr, destination: IpAddr) -> Vec<u8> {
        self.emit_with(source, destination, Checksum::Standard)
    }

    /// The same with another kind of checksum.
    pub fn emit_with(&self, source: IpAddr, destination: IpAddr, kind: Checksum) -> Vec<u8> {
        let listed = self.addresses.iter().take(usize::from(u8::MAX));
        let count = u8::try_from(listed.len()).unwrap_or(u8::MAX);
        let first = (self.version().get() << 4) | ADVERTISEMENT;
        let [four, five] = match self.body {
            Body::V2 { seconds, password } => [password.kind(), seconds],
            Body::V3 { centis } => centis.min(0x0fff).to_be_bytes(),
        };
        let priority = self.priority.map_or(0, Priority::get);
        let mut bytes = vec![first, self.vrid.get(), priority, count, four, five, 0, 0];
        for address in listed {
            match address {
                IpAddr::V4(v4) => bytes.extend_from_slice(&v4.octets()),
                IpAddr::V6(v6) => bytes.extend_from_slice(&v6.octets()),
            }
        }
        if let Body::V2 { password, .. } = self.body {
            let data = match password {
                Password::Simple(text) => text,
                Password::None | Password::Other(_) => [0; AdvertView::AUTH_LEN],
            };
            bytes.extend_from_slice(&data);
        }
        let carrier = Carrier { source, destination, hop_limit: HOP_LIMIT };
        let sum = checksum(self.version(), kind, &carrier, &bytes);
        if let Some(field) = bytes.get_mut(CHECKSUM) {
            field.copy_from_slice(&sum.to_be_bytes());
        }
        bytes
    }
}

/// Version 2 sums the advert alone (RFC 3768 section 5.3.8), version 3 with a pseudo header
/// (RFC 9568 section 5.2.8).
fn checksum(version: Version, kind: Checksum, carrier: &Carrier, bytes: &[u8]) -> u16 {
    let Carrier { source, destination, .. } = *carrier;
    match (version, kind) {
        (Version::V2, _) => internet(bytes),
        (Version::V3, Checksum::AsV2) if source.is_ipv4() => internet(bytes),
        (Version::V3, Checksum::Towards(other)) => {
            with_pseudo_header(source, other, VRRP_PROTOCOL, bytes)
        }
        (Version::V3, _) => with_pseudo_header(source, destination, VRRP_PROTOCOL, bytes),
    }
}

fn password(kind: u8, data: &[u8]) -> Password {
    match (kind, data.first_chunk()) {
        (0, _) => Password::None,
        (1, Some(text)) => Password::Simple(*text),
        (other, _) => Password::Other(other),
    }
}

fn read_addresses(family: Family, bytes: &[u8]) -> Vec<IpAddr> {
    match family {
        Family::Ipv4 => {
            let (chunks, _) = bytes.as_chunks::<4>();
            chunks.iter().map(|octets| Ipv4Addr::from(*octets).into()).collect()
        }
        Family::Ipv6 => {
            let (chunks, _) = bytes.as_chunks::<16>();
            chunks.iter().map(|octets| Ipv6Addr::from(*octets).into()).collect()
        }
    }
}
