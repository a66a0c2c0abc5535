//! What our tables hold besides addresses.
//!
//! ```text
//! table ip keepalived {                                   table ip6 keepalived {
//!   set vips { type ipv4_addr }                             the same with ipv6_addr, and
//!   chain out { type filter hook output priority -1;        - NS and NA are let pass: others must
//!               ip saddr @vips drop }                         be able to find the address
//!   chain in  { type filter hook input priority -1;         - link-local addresses are looked up
//!               ip daddr @vips drop }                         together with the interface, in chains
//! }                                                           of their own
//! ```

use super::expression::{Base, Expression, FIRST, Meta, SECOND, Verdict};
use super::request::FirewallRequest;

/// An address family, which is a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// `table ip keepalived`.
    Ipv4,
    /// `table ip6 keepalived`.
    Ipv6,
}

impl Family {
    /// As nft names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ip",
            Self::Ipv6 => "ip6",
        }
    }

    /// NFPROTO_IPV4, NFPROTO_IPV6.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Ipv4 => 2,
            Self::Ipv6 => 10,
        }
    }
}

/// A set of addresses, or of the two ICMPv6 types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Set {
    Vips,
    NeighborDiscovery,
    VipsLinkLocal,
}

impl Set {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vips => "vips",
            Self::NeighborDiscovery => "neighbor-discovery",
            Self::VipsLinkLocal => "vips_link_local",
        }
    }

    /// The number by which a rule of the same transaction finds it.
    pub(crate) fn id(self) -> u32 {
        match self {
            Self::Vips => 1,
            Self::NeighborDiscovery => 2,
            Self::VipsLinkLocal => 3,
        }
    }

    /// NFT_SET_CONSTANT where nothing is added later.
    pub(crate) fn flags(self) -> u32 {
        match self {
            Self::NeighborDiscovery => 2,
            Self::Vips | Self::VipsLinkLocal => 0,
        }
    }

    /// Type and length in bytes of what it holds. The kernel keeps the type for nft to list it by.
    pub(crate) fn key(self, family: Family) -> (u32, u32) {
        const IPV4_ADDR: u32 = 7;
        const IPV6_ADDR: u32 = 8;
        const ICMPV6_TYPE: u32 = 29;
        const IFACE_INDEX: u32 = 20;
        const BITS_PER_TYPE: u32 = 6;
        match (self, family) {
            (Self::Vips, Family::Ipv4) => (IPV4_ADDR, 4),
            (Self::Vips, Family::Ipv6) => (IPV6_ADDR, 16),
            (Self::NeighborDiscovery, _) => (ICMPV6_TYPE, 1),
            (Self::VipsLinkLocal, _) => (IPV6_ADDR << BITS_PER_TYPE | IFACE_INDEX, 20),
        }
    }

    fn lookup(self) -> Expression {
        Expression::InSet { name: self.name(), id: self.id() }
    }
}

/// Direction, and with it the chain's hook and the address that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Out,
    In,
}

impl Direction {
    fn chain(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }

    fn link_local_chain(self) -> &'static str {
        match self {
            Self::Out => "out_link_local",
            Self::In => "in_link_local",
        }
    }

    /// NF_INET_LOCAL_OUT, NF_INET_LOCAL_IN.
    fn hook(self) -> u32 {
        match self {
            Self::Out => 3,
            Self::In => 1,
        }
    }

    fn interface(self) -> Meta {
        match self {
            Self::Out => Meta::OutputInterface,
            Self::In => Meta::InputInterface,
        }
    }

    /// Source address of what goes out, destination address of what comes in.
    fn address(self, family: Family) -> Expression {
        let (offset, length) = match (family, self) {
            (Family::Ipv4, Self::Out) => (12, 4),
            (Family::Ipv4, Self::In) => (16, 4),
            (Family::Ipv6, Self::Out) => (8, 16),
            (Family::Ipv6, Self::In) => (24, 16),
        };
        Expression::Load { base: Base::Network, offset, length }
    }
}

/// A whole table, without addresses.
pub(crate) fn requests(family: Family) -> Vec<FirewallRequest> {
    let both = [Direction::Out, Direction::In];
    let mut requests = vec![FirewallRequest::AddTable(family)];
    let chains = both.map(|direction| {
        FirewallRequest::AddChain(family, direction.chain(), Some(direction.hook()))
    });
    requests.extend(chains);
    if family == Family::Ipv6 {
        let chains = [Direction::In, Direction::Out]
            .map(|direction| FirewallRequest::AddChain(family, direction.link_local_chain(), None));
        requests.extend(chains);
    }
    requests.push(FirewallRequest::AddSet(family, Set::Vips));
    if family == Family::Ipv6 {
        requests.push(FirewallRequest::AddSet(family, Set::NeighborDiscovery));
        requests.push(FirewallRequest::AddNeighborDiscovery);
        requests.push(FirewallRequest::AddSet(family, Set::VipsLinkLocal));
        requests.extend(both.into_iter().flat_map(before_ipv6));
    }
    requests.extend(both.map(|direction| {
        let drop =
            vec![direction.address(family), Set::Vips.lookup(), Expression::Verdict(Verdict::Drop)];
        FirewallRequest::AddRule(family, direction.chain(), drop)
    }));
    requests
}

/// What IPv6 needs before addresses are looked up.
fn before_ipv6(direction: Direction) -> [FirewallRequest; 3] {
    const ICMPV6: u8 = 58;
    let rule = |chain, expressions| FirewallRequest::AddRule(Family::Ipv6, chain, expressions);
    let discovery = vec![
        Expression::Meta { what: Meta::Protocol, register: FIRST },
        Expression::Byte(ICMPV6),
        Expression::Load { base: Base::Transport, offset: 0, length: 1 },
        Set::NeighborDiscovery.lookup(),
        Expression::Verdict(Verdict::Accept),
    ];
    let link_local = vec![
        direction.address(Family::Ipv6),
        Expression::LinkLocal,
        Expression::Verdict(Verdict::Goto(direction.link_local_chain())),
    ];
    let on_interface = vec![
        direction.address(Family::Ipv6),
        Expression::Meta { what: direction.interface(), register: SECOND },
        Set::VipsLinkLocal.lookup(),
        Expression::Verdict(Verdict::Drop),
    ];
    [
        rule(direction.chain(), discovery),
        rule(direction.chain(), link_local),
        rule(direction.link_local_chain(), on_interface),
    ]
}
