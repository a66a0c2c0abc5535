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
//!
//! and for VMACs, before all of that, so that no group is joined in the name of a virtual router and
//! nobody learns its MAC from a packet that asks for routers:
//!
//! ```text
//!   map vmac_map { type iface_index : iface_index }
//!   set vmac_set { type iface_index }                         IPv6 only
//!   chain out { ip protocol igmp meta oifkind "macvlan" dup to ip daddr device oif map @vmac_map drop
//!               icmpv6 type mld2-listener-report ... the same ... drop
//!               icmpv6 type nd-router-solicit meta oifkind "macvlan" oif @vmac_set drop }
//! ```

use super::expression::{Base, Expression, FIRST, Meta, SECOND, Verdict};
use super::marks::Ported;
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

/// nft's type of interface numbers.
const IFACE_INDEX: u32 = 20;

/// nft's type of firewall marks.
const MARK: u32 = 19;

/// A set of addresses, of the two ICMPv6 types, of VMACs; a map of VMACs or marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Set {
    Vips,
    NeighborDiscovery,
    VipsLinkLocal,
    VmacMap,
    Vmacs,
    /// Marks by address and port.
    Marks(Ported),
}

impl Set {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vips => "vips",
            Self::NeighborDiscovery => "neighbor-discovery",
            Self::VipsLinkLocal => "vips_link_local",
            Self::VmacMap => "vmac_map",
            Self::Vmacs => "vmac_set",
            Self::Marks(Ported::Tcp) => "tcp_map",
            Self::Marks(Ported::Udp) => "udp_map",
            Self::Marks(Ported::Sctp) => "sctp_map",
        }
    }

    /// The number by which a rule of the same transaction finds it.
    pub(crate) fn id(self) -> u32 {
        match self {
            Self::Vips => 1,
            Self::NeighborDiscovery => 2,
            Self::VipsLinkLocal => 3,
            Self::VmacMap => 4,
            Self::Vmacs => 5,
            Self::Marks(Ported::Tcp) => 6,
            Self::Marks(Ported::Udp) => 7,
            Self::Marks(Ported::Sctp) => 8,
        }
    }

    /// NFT_SET_CONSTANT where nothing is added later, NFT_SET_INTERVAL, _MAP, _CONCAT.
    pub(crate) fn flags(self) -> u32 {
        match self {
            Self::NeighborDiscovery => 2,
            Self::Vips | Self::VipsLinkLocal | Self::Vmacs => 0,
            Self::VmacMap => 8,
            Self::Marks(_) => 0x4 | 0x8 | 0x80,
        }
    }

    /// What nft wants to know to list it: keys and values are numbers in the host's byte order.
    pub(crate) fn note(self) -> Option<&'static [u8]> {
        const KEY: u8 = 0;
        const DATA: u8 = 1;
        const HOST: [u8; 4] = 1_u32.to_ne_bytes();
        const LENGTH: u8 = 4;
        const NOTE: [u8; 12] = {
            let [a, b, c, d] = HOST;
            [KEY, LENGTH, a, b, c, d, DATA, LENGTH, a, b, c, d]
        };
        matches!(self, Self::VmacMap | Self::Vmacs | Self::Marks(_)).then_some(&NOTE)
    }

    /// Type and length in bytes of what a map leads to.
    pub(crate) fn data(self) -> Option<(u32, u32)> {
        match self {
            Self::VmacMap => Some((IFACE_INDEX, 4)),
            Self::Marks(_) => Some((MARK, 4)),
            _ => None,
        }
    }

    /// The lengths in bytes of the parts of a key, where the kernel has to know them: ranges of each.
    pub(crate) fn parts(self, family: Family) -> Option<[u32; 2]> {
        let (address, port) = (if family == Family::Ipv4 { 4 } else { 16 }, 2);
        matches!(self, Self::Marks(_)).then_some([address, port])
    }

    /// Type and length in bytes of what it holds. The kernel keeps the type for nft to list it by.
    pub(crate) fn key(self, family: Family) -> (u32, u32) {
        const IPV4_ADDR: u32 = 7;
        const IPV6_ADDR: u32 = 8;
        const ICMPV6_TYPE: u32 = 29;
        const BITS_PER_TYPE: u32 = 6;
        const INET_SERVICE: u32 = 13;
        match (self, family) {
            (Self::Vips, Family::Ipv4) => (IPV4_ADDR, 4),
            (Self::Vips, Family::Ipv6) => (IPV6_ADDR, 16),
            (Self::NeighborDiscovery, _) => (ICMPV6_TYPE, 1),
            (Self::VipsLinkLocal, _) => (IPV6_ADDR << BITS_PER_TYPE | IFACE_INDEX, 20),
            (Self::VmacMap | Self::Vmacs, _) => (IFACE_INDEX, 4),
            (Self::Marks(_), Family::Ipv4) => (IPV4_ADDR << BITS_PER_TYPE | INET_SERVICE, 8),
            (Self::Marks(_), Family::Ipv6) => (IPV6_ADDR << BITS_PER_TYPE | INET_SERVICE, 20),
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

/// Which parts a table has, and how they are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Addresses whose packets are dropped.
    pub(crate) drops: bool,
    /// VMACs.
    pub(crate) vmacs: bool,
    /// Priority of the chains at their hooks.
    pub(crate) priority: i32,
    /// Every rule counts.
    pub(crate) counters: bool,
}

/// A whole table, without addresses and VMACs.
pub(crate) fn requests(family: Family, layout: Layout) -> Vec<FirewallRequest> {
    let mut requests = vec![FirewallRequest::AddTable(family)];
    let directions: &[Direction] =
        if layout.drops { &[Direction::Out, Direction::In] } else { &[Direction::Out] };
    for direction in directions {
        let hook = Some((direction.hook(), layout.priority));
        requests.push(FirewallRequest::AddChain(family, direction.chain(), hook));
    }
    if layout.vmacs {
        requests.extend(vmacs(family));
    }
    if layout.drops {
        requests.extend(drops(family));
    }
    for request in requests.iter_mut().filter(|_| layout.counters) {
        if let FirewallRequest::AddRule(_, _, expressions) = request {
            let verdict = expressions.pop();
            expressions.push(Expression::Counter);
            expressions.extend(verdict);
        }
    }
    requests
}

/// Reports of group membership leave by the base of a VMAC, with the MAC of the base; requests for
/// routers do not leave at all.
fn vmacs(family: Family) -> Vec<FirewallRequest> {
    const IGMP: u8 = 2;
    const MLD2_REPORT: u8 = 143;
    const ROUTER_SOLICITATION: u8 = 133;
    let out = Direction::Out;
    let to_base = |packet: Vec<Expression>, destination| {
        let mut rule = packet;
        rule.push(destination);
        rule.extend(out_by_macvlan());
        rule.push(Expression::SecondByMap { name: Set::VmacMap.name(), id: Set::VmacMap.id() });
        rule.push(Expression::Duplicate);
        rule.push(Expression::Verdict(Verdict::Drop));
        FirewallRequest::AddRule(family, out.chain(), rule)
    };
    let mut requests = vec![FirewallRequest::AddSet(family, Set::VmacMap)];
    match family {
        Family::Ipv4 => {
            let protocol = Expression::Load { base: Base::Network, offset: 9, length: 1 };
            // Where an IPv4 packet that comes in has its destination, too.
            let destination = Direction::In.address(family);
            requests.push(to_base(vec![protocol, Expression::Byte(IGMP)], destination));
        }
        Family::Ipv6 => {
            requests.push(FirewallRequest::AddSet(family, Set::Vmacs));
            let destination = Direction::In.address(family);
            requests.push(to_base(icmpv6(MLD2_REPORT), destination));
            let mut rule = icmpv6(ROUTER_SOLICITATION);
            rule.extend(out_by_macvlan());
            rule.push(Expression::SecondInSet { name: Set::Vmacs.name(), id: Set::Vmacs.id() });
            rule.push(Expression::Verdict(Verdict::Drop));
            requests.push(FirewallRequest::AddRule(family, out.chain(), rule));
        }
    }
    requests
}

/// On only by a macvlan, whose number is in the second register then.
fn out_by_macvlan() -> [Expression; 3] {
    [
        Expression::Meta { what: Meta::OutputKind, register: SECOND },
        Expression::Kind(b"macvlan\0\0\0\0\0\0\0\0\0"),
        Expression::Meta { what: Meta::OutputInterface, register: SECOND },
    ]
}

/// On only with an ICMPv6 message of that type.
fn icmpv6(kind: u8) -> Vec<Expression> {
    vec![
        Expression::Meta { what: Meta::Protocol, register: FIRST },
        Expression::Byte(ICMPV6),
        Expression::Load { base: Base::Transport, offset: 0, length: 1 },
        Expression::Byte(kind),
    ]
}

const ICMPV6: u8 = 58;

/// Packets from and to addresses in sets are dropped.
fn drops(family: Family) -> Vec<FirewallRequest> {
    let both = [Direction::Out, Direction::In];
    let mut requests = Vec::new();
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
