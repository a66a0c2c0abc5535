//! Requests of nf_tables, in words and as messages.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use base::IfIndex;
use neli::consts::nl::NlmF;
use netlink::{AttributeWriter, Message, NfHeader, Request};

use super::SUBSYSTEM;
use super::expression::{self, Expression};
use super::marks::Marked;
use super::ruleset::{Family, Set};

const NEWTABLE: u8 = 0;
const GETTABLE: u8 = 1;
const DELTABLE: u8 = 2;
const NEWCHAIN: u8 = 3;
const NEWRULE: u8 = 6;
const GETRULE: u8 = 7;
const NEWSET: u8 = 9;
const NEWSETELEM: u8 = 12;
const DELSETELEM: u8 = 14;

pub(super) const ATTR_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const HOOK_HOOKNUM: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const SET_NAME: u16 = 2;
const SET_FLAGS: u16 = 3;
const SET_KEY_TYPE: u16 = 4;
const SET_KEY_LEN: u16 = 5;
const SET_DATA_TYPE: u16 = 6;
const SET_DATA_LEN: u16 = 7;
const SET_DESC: u16 = 9;
const SET_ID: u16 = 10;
const SET_USERDATA: u16 = 13;
const ELEM_LIST_SET: u16 = 2;
const ELEM_LIST_ELEMENTS: u16 = 3;
const LIST_ELEM: u16 = 1;
const SET_ELEM_KEY: u16 = 1;
const SET_ELEM_DATA: u16 = 2;
const SET_ELEM_KEY_END: u16 = 10;
const SET_DESC_CONCAT: u16 = 2;
const SET_FIELD_LEN: u16 = 1;
const DATA_VALUE: u16 = 1;

/// ICMPv6 types of neighbour solicitation and advertisement (RFC 4861 section 4).
const NEIGHBOR_DISCOVERY: [u8; 2] = [135, 136];

/// An address in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Element {
    ip: IpAddr,
    /// Only where the address is link-local.
    index: Option<IfIndex>,
}

impl Element {
    /// The element for an address, if it is of this family.
    pub(crate) fn new(family: Family, index: IfIndex, ip: IpAddr) -> Option<Self> {
        match (family, ip) {
            (Family::Ipv4, IpAddr::V4(_)) => Some(Self { ip, index: None }),
            (Family::Ipv6, IpAddr::V6(address)) => {
                Some(Self { ip, index: is_link_local(address).then_some(index) })
            }
            (Family::Ipv4, IpAddr::V6(_)) | (Family::Ipv6, IpAddr::V4(_)) => None,
        }
    }

    fn set(&self) -> Set {
        if self.index.is_some() { Set::VipsLinkLocal } else { Set::Vips }
    }

    /// What the kernel compares: the address, with the interface's number behind it if it counts.
    fn key(&self) -> Vec<u8> {
        let mut key = match self.ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        if let Some(index) = self.index {
            key.extend_from_slice(&index.get().to_ne_bytes());
        }
        key
    }
}

fn is_link_local(ip: Ipv6Addr) -> bool {
    ip.is_unicast_link_local()
}

/// What can be asked of nf_tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FirewallRequest {
    GetTable(Family),
    ListRules(Family),
    AddTable(Family),
    DeleteTable(Family),
    /// With the number of its hook and its priority there, or to be jumped to.
    AddChain(Family, &'static str, Option<(u32, i32)>),
    AddSet(Family, Set),
    AddNeighborDiscovery,
    AddRule(Family, &'static str, Vec<Expression>),
    AddElements(Family, Set, Vec<Element>),
    DeleteElements(Family, Set, Vec<Element>),
    /// VMACs with their bases into the map, or alone into the set.
    AddVmacs(Family, Set, Vec<(IfIndex, IfIndex)>),
    /// Ranges of addresses with their marks into a map.
    AddMarks(Family, Set, Vec<(Marked, u32)>),
}

/// A request about the table of that name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InTable<'a> {
    pub(crate) table: &'a str,
    pub(crate) request: &'a FirewallRequest,
}

/// Requests that add the elements to their sets.
pub(crate) fn add(family: Family, elements: &[Element]) -> Vec<FirewallRequest> {
    by_set(elements, |set, elements| FirewallRequest::AddElements(family, set, elements))
}

/// Requests that remove the elements from their sets.
pub(crate) fn remove(family: Family, elements: &[Element]) -> Vec<FirewallRequest> {
    by_set(elements, |set, elements| FirewallRequest::DeleteElements(family, set, elements))
}

fn by_set(
    elements: &[Element],
    request: impl Fn(Set, Vec<Element>) -> FirewallRequest,
) -> Vec<FirewallRequest> {
    let mut requests = Vec::new();
    for set in [Set::Vips, Set::VipsLinkLocal] {
        let of_set: Vec<_> =
            elements.iter().filter(|element| element.set() == set).copied().collect();
        if !of_set.is_empty() {
            requests.push(request(set, of_set));
        }
    }
    requests
}

impl FirewallRequest {
    fn family(&self) -> Family {
        match self {
            Self::GetTable(family)
            | Self::ListRules(family)
            | Self::AddTable(family)
            | Self::DeleteTable(family)
            | Self::AddChain(family, ..)
            | Self::AddSet(family, _)
            | Self::AddRule(family, ..)
            | Self::AddElements(family, ..)
            | Self::DeleteElements(family, ..)
            | Self::AddVmacs(family, ..)
            | Self::AddMarks(family, ..) => *family,
            Self::AddNeighborDiscovery => Family::Ipv6,
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::GetTable(_) => GETTABLE,
            Self::ListRules(_) => GETRULE,
            Self::AddTable(_) => NEWTABLE,
            Self::DeleteTable(_) => DELTABLE,
            Self::AddChain(..) => NEWCHAIN,
            Self::AddSet(..) => NEWSET,
            Self::AddRule(..) => NEWRULE,
            Self::AddElements(..)
            | Self::AddVmacs(..)
            | Self::AddMarks(..)
            | Self::AddNeighborDiscovery => NEWSETELEM,
            Self::DeleteElements(..) => DELSETELEM,
        }
    }

    fn flags(&self) -> NlmF {
        match self {
            Self::GetTable(_)
            | Self::ListRules(_)
            | Self::DeleteTable(_)
            | Self::DeleteElements(..) => NlmF::empty(),
            Self::AddRule(..) => NlmF::CREATE | NlmF::APPEND,
            Self::AddTable(_)
            | Self::AddChain(..)
            | Self::AddSet(..)
            | Self::AddElements(..)
            | Self::AddVmacs(..)
            | Self::AddMarks(..)
            | Self::AddNeighborDiscovery => NlmF::CREATE,
        }
    }

    fn attributes(&self, table: &str) -> AttributeWriter {
        let attributes = AttributeWriter::new().text(ATTR_TABLE, table);
        match self {
            Self::GetTable(_) | Self::ListRules(_) | Self::AddTable(_) | Self::DeleteTable(_) => {
                attributes
            }
            Self::AddChain(_, name, hook) => {
                let attributes = attributes.text(CHAIN_NAME, name);
                match hook {
                    Some((hook, priority)) => hooked(attributes, *hook, *priority),
                    None => attributes,
                }
            }
            Self::AddSet(family, set) => of_set(attributes, *family, *set),
            Self::AddRule(_, chain, expressions) => attributes
                .text(RULE_CHAIN, chain)
                .nested(RULE_EXPRESSIONS, expression::list(expressions)),
            Self::AddNeighborDiscovery => {
                let keys = NEIGHBOR_DISCOVERY.iter().map(|kind| (vec![*kind], None));
                elements(attributes, Set::NeighborDiscovery, keys)
            }
            Self::AddElements(_, set, list) | Self::DeleteElements(_, set, list) => {
                elements(attributes, *set, list.iter().map(|one| (one.key(), None)))
            }
            Self::AddVmacs(_, set, list) => {
                let bytes = |index: &IfIndex| index.get().to_ne_bytes().to_vec();
                let is_map = set.data().is_some();
                let pairs =
                    list.iter().map(|(vmac, base)| (bytes(vmac), is_map.then(|| bytes(base))));
                elements(attributes, *set, pairs)
            }
            Self::AddMarks(_, set, list) => {
                let list = list.iter().fold(AttributeWriter::new(), |list, (one, mark)| {
                    let [first, last] = one.keys();
                    let element = AttributeWriter::new()
                        .nested(SET_ELEM_KEY, value(&first))
                        .nested(SET_ELEM_KEY_END, value(&last))
                        .nested(SET_ELEM_DATA, value(&mark.to_ne_bytes()));
                    list.nested(LIST_ELEM, element)
                });
                attributes.text(ELEM_LIST_SET, set.name()).nested(ELEM_LIST_ELEMENTS, list)
            }
        }
    }
}

/// A chain that the kernel sends packets through; the host's own filter has priority 0.
fn hooked(attributes: AttributeWriter, hook: u32, priority: i32) -> AttributeWriter {
    const NF_ACCEPT: u32 = 1;
    let hook = AttributeWriter::new()
        .put_be32(HOOK_HOOKNUM, hook)
        .put_be32(HOOK_PRIORITY, priority.cast_unsigned());
    attributes.text(CHAIN_TYPE, "filter").put_be32(CHAIN_POLICY, NF_ACCEPT).nested(CHAIN_HOOK, hook)
}

/// A set or map, without its elements.
fn of_set(mut attributes: AttributeWriter, family: Family, set: Set) -> AttributeWriter {
    if let Some((kind, length)) = set.data() {
        attributes = attributes.put_be32(SET_DATA_TYPE, kind).put_be32(SET_DATA_LEN, length);
    }
    if let Some(note) = set.note() {
        attributes = attributes.bytes(SET_USERDATA, note);
    }
    if let Some(parts) = set.parts(family) {
        attributes = attributes.nested(SET_DESC, described(parts));
    }
    let (kind, length) = set.key(family);
    attributes
        .text(SET_NAME, set.name())
        .put_be32(SET_FLAGS, set.flags())
        .put_be32(SET_KEY_TYPE, kind)
        .put_be32(SET_KEY_LEN, length)
        .put_be32(SET_ID, set.id())
}

/// How a key is put together.
fn described(parts: [u32; 2]) -> AttributeWriter {
    let parts = parts.into_iter().fold(AttributeWriter::new(), |list, length| {
        list.nested(LIST_ELEM, AttributeWriter::new().put_be32(SET_FIELD_LEN, length))
    });
    AttributeWriter::new().nested(SET_DESC_CONCAT, parts)
}

fn value(bytes: &[u8]) -> AttributeWriter {
    AttributeWriter::new().bytes(DATA_VALUE, bytes)
}

fn elements(
    attributes: AttributeWriter,
    set: Set,
    pairs: impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)>,
) -> AttributeWriter {
    let list = pairs.fold(AttributeWriter::new(), |list, (key, data)| {
        let element = AttributeWriter::new().nested(SET_ELEM_KEY, value(&key));
        let element = match data {
            Some(data) => element.nested(SET_ELEM_DATA, value(&data)),
            None => element,
        };
        list.nested(LIST_ELEM, element)
    });
    attributes.text(ELEM_LIST_SET, set.name()).nested(ELEM_LIST_ELEMENTS, list)
}

impl fmt::Display for InTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use FirewallRequest as R;
        let family = self.request.family().name();
        let table = format_args!("nftables table {family} {}", self.table);
        match self.request {
            R::GetTable(_) => write!(f, "look for {table}"),
            R::ListRules(_) => write!(f, "list the rules of {table}"),
            R::AddTable(_) => write!(f, "add {table}"),
            R::DeleteTable(_) => write!(f, "delete {table}"),
            R::AddChain(_, name, _) => write!(f, "add chain {name} to {table}"),
            R::AddSet(_, set) => write!(f, "add set {} to {table}", set.name()),
            R::AddNeighborDiscovery => write!(f, "fill set neighbor-discovery of {table}"),
            R::AddRule(_, chain, _) => write!(f, "add a rule to chain {chain} of {table}"),
            R::AddVmacs(_, set, _) => write!(f, "fill set {} of {table}", set.name()),
            R::AddMarks(_, set, list) => {
                write!(f, "add {} marks to map {} of {table}", list.len(), set.name())
            }
            R::AddElements(_, set, list) => {
                write!(f, "add {} to set {} of {table}", Summary(list), set.name())
            }
            R::DeleteElements(_, set, list) => {
                write!(f, "remove {} from set {} of {table}", Summary(list), set.name())
            }
        }
    }
}

/// The first address, and how many more.
struct Summary<'a>(&'a [Element]);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("nothing"),
            [one] => write!(f, "{}", one.ip),
            [first, rest @ ..] => write!(f, "{} and {} more", first.ip, rest.len()),
        }
    }
}

impl Request for InTable<'_> {
    fn message(&self) -> Message {
        let request = self.request;
        let kind = u16::from_be_bytes([SUBSYSTEM, request.kind()]);
        let header = NfHeader::new(request.family().number());
        Message::new(kind, request.flags(), &header, request.attributes(self.table))
    }
}
