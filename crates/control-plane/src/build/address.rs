//! Entries of `virtual_ipaddress` and the like.

use std::net::{IpAddr, Ipv4Addr};

use base::IpNet;

use crate::diagnostic::{Code, Diagnostic, Place};
use crate::keywords::Block;
use crate::lang::Context;
use crate::model::AddressScope;
use crate::model::vrrp::AddressFlags;
use crate::parse::hint;
use crate::parse::statement::Statement;
use crate::parse::value::integer;

/// Longest label, the kernel's IFNAMSIZ without its end.
const MAX_LABEL: usize = 15;

/// An address while the instance around it is read.
#[derive(Clone, Debug)]
pub(crate) struct AddressDraft {
    pub place: Place,
    pub net: IpNet,
    pub interface: Option<String>,
    pub interface_place: Option<Place>,
    pub label: Option<String>,
    pub scope: Option<AddressScope>,
    pub broadcast: Broadcast,
    pub peer: Option<IpAddr>,
    pub flags: AddressFlags,
    /// `preferred_lft`; `Some(None)` is `forever`.
    pub preferred_lifetime: Option<Option<u32>>,
    pub no_track: bool,
    pub use_vmac: bool,
    pub track_group: Option<String>,
    unknown_told: bool,
}

/// `brd`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Broadcast {
    #[default]
    None,
    /// `+`: all bits of the host part.
    Computed,
    /// `-`: no bit of the host part.
    Network,
    Given(Ipv4Addr),
}

/// Reads one entry; an entry that cannot be used is told and left out.
pub(super) fn read(statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<AddressDraft> {
    let word = statement.word(0)?;
    let net = network(word, statement, cx)?;
    let mut draft = AddressDraft {
        place: statement.place_of(0),
        net,
        interface: None,
        interface_place: None,
        label: None,
        scope: None,
        broadcast: Broadcast::None,
        peer: None,
        flags: AddressFlags::default(),
        preferred_lifetime: None,
        no_track: false,
        use_vmac: false,
        track_group: None,
        unknown_told: false,
    };
    let mut at = 1;
    while let Some(option) = statement.word(at) {
        cx.tell_effect(Block::AddressEntry, option, || statement.place_of(at));
        if !draft.flag(option) {
            at += 1;
            if !draft.option(option, word, at, statement, cx)? {
                at -= 1;
            }
        }
        at += 1;
    }
    if draft.peer.is_some() && word.contains('/') {
        let message = "Cannot specify address prefix when specifying peer address - ignoring";
        cx.report(Diagnostic::new(Code::BadEntry, message).at(statement.place_of(0)));
        draft.peer = None;
    }
    if let Some((interface, place)) = draft.interface.as_ref().zip(draft.interface_place.clone()) {
        let address = net.addr();
        cx.needs_interface(interface, place, || {
            format!("WARNING - interface {interface} for ip address {address} doesn't exist")
        });
    }
    Some(draft)
}

/// `ADDR[/LEN]`.
fn network(word: &str, statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<IpNet> {
    let (address, length) = match word.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (word, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        let message = format!("VRRP parsed invalid IP {word}. skipping IP...");
        let problem = Diagnostic::new(Code::BadAddress, message).at(statement.place_of(0));
        cx.report(problem.label("expected an address such as 192.0.2.10/24"));
        return None;
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(most, |length| match integer(length, 0, most.into()) {
        Ok(length) => u8::try_from(length).unwrap_or(most),
        Err(problem) => {
            let outcome =
                format!("Invalid address prefix len {length} for address {word} - using {most}");
            cx.report(problem.at(statement.place_of(0)).outcome(outcome));
            most
        }
    });
    IpNet::new(address, length).ok()
}

impl AddressDraft {
    /// A word that takes no value; false when it is none of those.
    fn flag(&mut self, word: &str) -> bool {
        match word {
            "home" => self.flags.home = true,
            "-nodad" => self.flags.no_dad = true,
            "mngtmpaddr" => self.flags.manage_temporary = true,
            "noprefixroute" => self.flags.no_prefix_route = true,
            "autojoin" => self.flags.auto_join = true,
            "no_track" => self.no_track = true,
            "use_vmac" => self.use_vmac = true,
            _ => return false,
        }
        true
    }

    /// A word with its value at `at`: whether the value was used up. `None` when the whole entry
    /// cannot be used.
    fn option(
        &mut self,
        option: &str,
        address: &str,
        at: usize,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) -> Option<bool> {
        let known =
            ["dev", "brd", "broadcast", "scope", "label", "peer", "preferred_lft", "track_group"];
        if !known.contains(&option) {
            self.unknown(option, at, statement, cx);
            return Some(false);
        }
        let Some(value) = statement.word(at) else {
            let message = format!("No {option} parameter specified for {address}");
            cx.report(Diagnostic::new(Code::ValueExpected, message).at(statement.place_of(at - 1)));
            return Some(false);
        };
        let mut bad = |message: String| {
            cx.report(Diagnostic::new(Code::BadEntry, message).at(statement.place_of(at)));
        };
        match option {
            "dev" => {
                self.interface = Some(value.to_owned());
                self.interface_place = Some(statement.place_of(at));
            }
            "brd" | "broadcast" => match (value, value.parse()) {
                ("-", _) => self.broadcast = Broadcast::Network,
                ("+", _) => self.broadcast = Broadcast::Computed,
                (_, Ok(given)) => self.broadcast = Broadcast::Given(given),
                _ => bad(format!(
                    "VRRP is trying to assign invalid broadcast {value}. skipping VIP..."
                )),
            },
            "scope" => match scope(value) {
                Some(scope) => self.scope = Some(scope),
                None => bad(format!("Invalid scope '{value}' specified for {address} - ignoring")),
            },
            "label" if value.len() > MAX_LABEL => {
                bad(format!(
                    "Address label {value} is longer than maximum length {MAX_LABEL} - removing address"
                ));
                return None;
            }
            "label" => self.label = Some(value.to_owned()),
            "peer" => match value.parse::<IpAddr>() {
                Ok(peer) if peer.is_ipv4() == self.net.addr().is_ipv4() => self.peer = Some(peer),
                _ => {
                    bad(format!("Invalid peer address {value}"));
                    return None;
                }
            },
            "preferred_lft" => match (value, value.parse()) {
                ("forever", _) => self.preferred_lifetime = Some(None),
                (_, Ok(seconds)) => self.preferred_lifetime = Some(Some(seconds)),
                _ => bad(format!("preferred_lft {value} is invalid")),
            },
            _ => self.track_group = Some(value.to_owned()),
        }
        Some(true)
    }

    /// An option that nobody knows; its value, which nobody knows either, is not told once more.
    fn unknown(
        &mut self,
        option: &str,
        at: usize,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) {
        if std::mem::replace(&mut self.unknown_told, true) {
            return;
        }
        let message = format!("Unknown configuration entry '{option}' for ip address - ignoring");
        let problem = Diagnostic::new(Code::BadEntry, message).at(statement.place_of(at - 1));
        cx.report(hint::option(problem, Block::AddressEntry, option));
    }

    /// The broadcast address that the entry asks for.
    pub(super) fn broadcast(&self) -> Option<Ipv4Addr> {
        match (self.broadcast, self.net) {
            (Broadcast::Given(address), IpNet::V4(_)) => Some(address),
            (Broadcast::Computed, IpNet::V4(net)) => Some(net.broadcast()),
            (Broadcast::Network, IpNet::V4(net)) => Some(net.network()),
            _ => None,
        }
    }
}

/// `scope`: a name of the kernel or a number.
fn scope(word: &str) -> Option<AddressScope> {
    Some(AddressScope(match word {
        "global" => 0,
        "site" => 200,
        "link" => 253,
        "host" => 254,
        "nowhere" => 255,
        _ => word.parse().ok()?,
    }))
}
