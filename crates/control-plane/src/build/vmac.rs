//! `use_vmac`, `use_ipvlan`: an interface of the instance's own.

use std::net::IpAddr;

use crate::diagnostic::{Code, Diagnostic};
use crate::lang::Context;
use crate::model::vrrp::IpvlanMode;
use crate::parse::statement::Statement;

/// Longest name of an interface.
const MAX_NAME: usize = 15;

/// What `use_vmac` said.
#[derive(Clone, Debug, Default)]
pub(crate) struct VmacDraft {
    pub name: Option<String>,
    pub mac: Option<Mac>,
    pub netlink_notify: bool,
    pub group: Option<String>,
}

/// A MAC, or its first five bytes, to which the VRID is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mac {
    Whole([u8; 6]),
    Prefix([u8; 5]),
}

impl Mac {
    pub(super) const fn with_vrid(self, vrid: u8) -> [u8; 6] {
        match self {
            Self::Whole(mac) => mac,
            Self::Prefix([a, b, c, d, e]) => [a, b, c, d, e, vrid],
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole(mac) => mac,
            Self::Prefix(prefix) => prefix,
        }
    }
}

/// What `use_ipvlan` said.
#[derive(Clone, Debug, Default)]
pub(crate) struct IpvlanDraft {
    pub name: Option<String>,
    pub address: Option<IpAddr>,
    pub mode: IpvlanMode,
    pub group: Option<String>,
}

/// `use_vmac [[name] VMACNAME] [MAC] [netlink_notify_msg] [group G]`.
pub(super) fn vmac(statement: &Statement<'_>, cx: &mut Context<'_>) -> VmacDraft {
    let mut draft = VmacDraft::default();
    let mut at = 1;
    while let Some(word) = statement.word(at) {
        match word {
            "name" => {
                at += 1;
                draft.name =
                    statement.word(at).and_then(|name| interface_name(name, statement, at, cx));
            }
            "group" => {
                at += 1;
                draft.group = statement.word(at).map(str::to_owned);
            }
            "netlink_notify_msg" => draft.netlink_notify = true,
            _ => match mac(word) {
                Some(mac) => draft.mac = usable(mac, word, statement, at, cx),
                None if draft.name.is_none() => {
                    draft.name = interface_name(word, statement, at, cx);
                }
                None => unknown(word, statement, at, cx),
            },
        }
        at += 1;
    }
    draft
}

/// `use_ipvlan [[name] IPVLANNAME] [ADDR] [bridge|private|vepa] [group G]`.
pub(super) fn ipvlan(statement: &Statement<'_>, cx: &mut Context<'_>) -> IpvlanDraft {
    let mut draft = IpvlanDraft::default();
    let mut at = 1;
    while let Some(word) = statement.word(at) {
        match word {
            "name" => {
                at += 1;
                draft.name =
                    statement.word(at).and_then(|name| interface_name(name, statement, at, cx));
            }
            "group" => {
                at += 1;
                draft.group = statement.word(at).map(str::to_owned);
            }
            "bridge" => draft.mode = IpvlanMode::Bridge,
            "private" => draft.mode = IpvlanMode::Private,
            "vepa" => draft.mode = IpvlanMode::Vepa,
            _ => {
                let address = word.split('/').next().and_then(|address| address.parse().ok());
                match address {
                    Some(address) => draft.address = Some(address),
                    None if draft.name.is_none() => {
                        draft.name = interface_name(word, statement, at, cx);
                    }
                    None => unknown(word, statement, at, cx),
                }
            }
        }
        at += 1;
    }
    draft
}

fn unknown(word: &str, statement: &Statement<'_>, at: usize, cx: &mut Context<'_>) {
    let message = format!("{}: unknown word '{word}' - ignoring", statement.keyword.name);
    cx.report(Diagnostic::new(Code::BadEntry, message).at(statement.place_of(at)));
}

fn interface_name(
    name: &str,
    statement: &Statement<'_>,
    at: usize,
    cx: &mut Context<'_>,
) -> Option<String> {
    if name.len() <= MAX_NAME {
        return Some(name.to_owned());
    }
    let message = format!("VMAC interface name '{name}' too long or invalid characters - ignoring");
    cx.report(Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(at)));
    None
}

/// Five or six bytes in hexadecimal with colons.
fn mac(word: &str) -> Option<Mac> {
    let bytes: Option<Vec<u8>> = word
        .split(':')
        .map(|byte| (1..=2).contains(&byte.len()).then(|| u8::from_str_radix(byte, 16).ok())?)
        .collect();
    let bytes = bytes?;
    if let Ok(mac) = <[u8; 6]>::try_from(bytes.as_slice()) {
        return Some(Mac::Whole(mac));
    }
    <[u8; 5]>::try_from(bytes.as_slice()).ok().map(Mac::Prefix)
}

/// A MAC that an interface may have: no group bit, and not VRRP's own range.
fn usable(
    mac: Mac,
    word: &str,
    statement: &Statement<'_>,
    at: usize,
    cx: &mut Context<'_>,
) -> Option<Mac> {
    let problem = if mac.bytes().first().is_some_and(|first| first & 1 != 0) {
        format!("VMAC MAC address is multicast {word} - ignoring")
    } else if mac.bytes().starts_with(&[0, 0, 0x5e, 0]) {
        format!("VMAC MAC address not allowed to be RFC5798 address ({word}) - ignoring")
    } else {
        return Some(mac);
    };
    cx.report(Diagnostic::new(Code::InvalidValue, problem).at(statement.place_of(at)));
    None
}
