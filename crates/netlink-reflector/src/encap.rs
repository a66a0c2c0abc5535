//! Lightweight tunnels of routes.

use std::net::IpAddr;

use netlink::AttributeWriter;

const RTA_ENCAP_TYPE: u16 = 21;
const RTA_ENCAP: u16 = 22;

const ENCAP_MPLS: u16 = 1;
const ENCAP_IP: u16 = 2;
const ENCAP_ILA: u16 = 3;
const ENCAP_IP6: u16 = 4;

const IP_ID: u16 = 1;
const IP_DST: u16 = 2;
const IP_SRC: u16 = 3;
const IP_TTL: u16 = 4;
const IP_TOS: u16 = 5;
const IP_FLAGS: u16 = 6;

const MPLS_DST: u16 = 1;
const ILA_LOCATOR: u16 = 1;

/// The last label of a stack has this bit.
const BOTTOM_OF_STACK: u32 = 1 << 8;

/// A lightweight tunnel that a route's packets go into.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encap {
    /// An IP tunnel whose device is the route's.
    Ip {
        /// Over IPv6.
        ipv6: bool,
        /// Tunnel id.
        id: Option<u64>,
        /// The other end.
        destination: Option<IpAddr>,
        /// This end.
        source: Option<IpAddr>,
        /// Type of service or traffic class.
        tos: Option<u8>,
        /// Time to live or hop limit.
        ttl: Option<u8>,
        /// Flags, as `encap ip ... flags`.
        flags: Option<u16>,
    },
    /// MPLS labels, outermost first.
    Mpls(Vec<u32>),
    /// An ILA locator.
    Ila(u64),
}

impl Encap {
    pub(crate) fn write(&self, all: AttributeWriter) -> AttributeWriter {
        let (kind, inner) = match self {
            Self::Ip { ipv6, id, destination, source, tos, ttl, flags } => {
                let mut inner = AttributeWriter::new();
                if let Some(id) = id {
                    inner = inner.bytes(IP_ID, &id.to_be_bytes());
                }
                if let Some(destination) = destination {
                    inner = inner.address(IP_DST, *destination);
                }
                if let Some(source) = source {
                    inner = inner.address(IP_SRC, *source);
                }
                if let Some(ttl) = ttl {
                    inner = inner.put(IP_TTL, *ttl);
                }
                if let Some(tos) = tos {
                    inner = inner.put(IP_TOS, *tos);
                }
                if let Some(flags) = flags {
                    inner = inner.bytes(IP_FLAGS, &flags.to_be_bytes());
                }
                (if *ipv6 { ENCAP_IP6 } else { ENCAP_IP }, inner)
            }
            Self::Mpls(labels) => {
                let last = labels.len().saturating_sub(1);
                let entry = |(place, label): (usize, &u32)| {
                    let bottom = if place == last { BOTTOM_OF_STACK } else { 0 };
                    (label << 12 | bottom).to_be_bytes()
                };
                let stack: Vec<u8> = labels.iter().enumerate().flat_map(entry).collect();
                (ENCAP_MPLS, AttributeWriter::new().bytes(MPLS_DST, &stack))
            }
            Self::Ila(locator) => {
                let bytes = locator.to_be_bytes();
                (ENCAP_ILA, AttributeWriter::new().bytes(ILA_LOCATOR, &bytes))
            }
        };
        all.put(RTA_ENCAP_TYPE, kind).nested(RTA_ENCAP, inner)
    }
}
