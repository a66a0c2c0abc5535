//! Policy rules as they should be, in the kernel's own numbers.

use std::fmt;

use base::IpNet;
use neli::consts::nl::NlmF;
use neli::{Size, ToBytes};
use netlink::{AttributeWriter, Message};

pub(crate) const RTM_NEWRULE: u16 = 32;
pub(crate) const RTM_DELRULE: u16 = 33;

const FRA_DST: u16 = 1;
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_GOTO: u16 = 4;
const FRA_PRIORITY: u16 = 6;
const FRA_FWMARK: u16 = 10;
const FRA_FLOW: u16 = 11;
const FRA_TUN_ID: u16 = 12;
const FRA_SUPPRESS_IFGROUP: u16 = 13;
const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
const FRA_TABLE: u16 = 15;
const FRA_FWMASK: u16 = 16;
const FRA_OIFNAME: u16 = 17;
const FRA_L3MDEV: u16 = 19;
const FRA_UID_RANGE: u16 = 20;
const FRA_PROTOCOL: u16 = 21;
const FRA_IP_PROTO: u16 = 22;
const FRA_SPORT_RANGE: u16 = 23;
const FRA_DPORT_RANGE: u16 = 24;

const FIB_RULE_INVERT: u32 = 0x2;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const RT_TABLE_UNSPEC: u8 = 0;

/// A rule that should be there. Two that differ in anything are two rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// IPv6.
    pub ipv6: bool,
    /// It holds for packets that do not match.
    pub invert: bool,
    /// Source; `None` is all.
    pub from: Option<IpNet>,
    /// Destination; `None` is all.
    pub to: Option<IpNet>,
    /// What it does.
    pub action: Action,
    /// Its place among the rules, lowest first.
    pub priority: u32,
    /// Type of service.
    pub tos: u8,
    /// Firewall mark and mask.
    pub mark: Option<(u32, Option<u32>)>,
    /// Realms.
    pub realms: Option<u32>,
    /// Results of the table with a prefix of at most this length do not count.
    pub suppress_prefix_length: Option<u32>,
    /// Results of the table by an interface of this group do not count.
    pub suppress_group: Option<u32>,
    /// Interface that the packet came by.
    pub input: Option<String>,
    /// Interface that the packet's socket is bound to.
    pub output: Option<String>,
    /// Tunnel id.
    pub tunnel: Option<u64>,
    /// Users, first and last.
    pub users: Option<(u32, u32)>,
    /// The table of the packet's VRF.
    pub l3mdev: bool,
    /// Who made it (`RTPROT_*`).
    pub protocol: u8,
    /// IP protocol.
    pub ip_protocol: Option<u8>,
    /// Source ports, first and last.
    pub source_ports: Option<(u16, u16)>,
    /// Destination ports, first and last.
    pub destination_ports: Option<(u16, u16)>,
}

/// What a rule does (`FR_ACT_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Looks into a table.
    Table(u32),
    /// Goes on at the rule with this priority.
    Goto(u32),
    /// Nothing.
    #[default]
    Nop,
    /// Drops silently.
    Blackhole,
    /// Answers that the destination cannot be reached.
    Unreachable,
    /// Answers that it is forbidden.
    Prohibit,
}

impl Action {
    const fn number(self) -> u8 {
        match self {
            Self::Table(_) => 1,
            Self::Goto(_) => 2,
            Self::Nop => 3,
            Self::Blackhole => 6,
            Self::Unreachable => 7,
            Self::Prohibit => 8,
        }
    }
}

/// `struct fib_rule_hdr`.
#[derive(Clone, Copy, Debug, Size, ToBytes)]
struct Header {
    family: u8,
    destination_length: u8,
    source_length: u8,
    tos: u8,
    table: u8,
    reserved: [u8; 2],
    action: u8,
    flags: u32,
}

impl Rule {
    /// The kernel would take the same rule twice without EXCL.
    pub(crate) fn addition(&self) -> Message {
        self.message(RTM_NEWRULE, NlmF::CREATE | NlmF::EXCL)
    }

    pub(crate) fn removal(&self) -> Message {
        self.message(RTM_DELRULE, NlmF::empty())
    }

    fn message(&self, kind: u16, flags: NlmF) -> Message {
        let length = |net: Option<IpNet>| net.map_or(0, |net| net.prefix_len());
        let table = match self.action {
            Action::Table(table) => u8::try_from(table).unwrap_or(RT_TABLE_UNSPEC),
            _ => RT_TABLE_UNSPEC,
        };
        let header = Header {
            family: if self.ipv6 { AF_INET6 } else { AF_INET },
            destination_length: length(self.to),
            source_length: length(self.from),
            tos: self.tos,
            table,
            reserved: [0; 2],
            action: self.action.number(),
            flags: if self.invert { FIB_RULE_INVERT } else { 0 },
        };
        Message::new(kind, flags, &header, self.attributes())
    }

    fn attributes(&self) -> AttributeWriter {
        let mut all = AttributeWriter::new()
            .put(FRA_PRIORITY, self.priority)
            .put(FRA_PROTOCOL, self.protocol);
        match self.action {
            Action::Table(table) => all = all.put(FRA_TABLE, table),
            Action::Goto(target) => all = all.put(FRA_GOTO, target),
            Action::Nop | Action::Blackhole | Action::Unreachable | Action::Prohibit => {}
        }
        if let Some(net) = self.to {
            all = all.address(FRA_DST, net.network());
        }
        if let Some(net) = self.from {
            all = all.address(FRA_SRC, net.network());
        }
        if let Some((mark, mask)) = self.mark {
            all = all.put(FRA_FWMARK, mark).put(FRA_FWMASK, mask.unwrap_or(u32::MAX));
        }
        if let Some(name) = &self.input {
            all = all.text(FRA_IIFNAME, name);
        }
        if let Some(name) = &self.output {
            all = all.text(FRA_OIFNAME, name);
        }
        if let Some(id) = self.tunnel {
            all = all.bytes(FRA_TUN_ID, &id.to_be_bytes());
        }
        if self.l3mdev {
            all = all.put(FRA_L3MDEV, 1u8);
        }
        if let Some((first, last)) = self.users {
            all = all.bytes(FRA_UID_RANGE, &[first, last].map(u32::to_ne_bytes).concat());
        }
        self.rest(all)
    }

    fn rest(&self, mut all: AttributeWriter) -> AttributeWriter {
        if let Some(realms) = self.realms {
            all = all.put(FRA_FLOW, realms);
        }
        if let Some(length) = self.suppress_prefix_length {
            all = all.put(FRA_SUPPRESS_PREFIXLEN, length);
        }
        if let Some(group) = self.suppress_group {
            all = all.put(FRA_SUPPRESS_IFGROUP, group);
        }
        if let Some(protocol) = self.ip_protocol {
            all = all.put(FRA_IP_PROTO, protocol);
        }
        let range = |(first, last): (u16, u16)| [first, last].map(u16::to_ne_bytes).concat();
        if let Some(ports) = self.source_ports {
            all = all.bytes(FRA_SPORT_RANGE, &range(ports));
        }
        if let Some(ports) = self.destination_ports {
            all = all.bytes(FRA_DPORT_RANGE, &range(ports));
        }
        all
    }
}

/// `100: from 192.0.2.0/24 to all`, with what it does.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.priority)?;
        if self.invert {
            f.write_str(" not")?;
        }
        match self.from {
            Some(net) => write!(f, " from {net}")?,
            None => f.write_str(" from all")?,
        }
        if let Some(net) = self.to {
            write!(f, " to {net}")?;
        }
        match self.action {
            Action::Table(table) => write!(f, " lookup {table}"),
            Action::Goto(target) => write!(f, " goto {target}"),
            Action::Nop => f.write_str(" nop"),
            Action::Blackhole => f.write_str(" blackhole"),
            Action::Unreachable => f.write_str(" unreachable"),
            Action::Prohibit => f.write_str(" prohibit"),
        }
    }
}
