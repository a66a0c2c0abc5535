//! Blocks about the host's network: static addresses, routes, rules and the groups that they
//! follow, limits for gratuitous messages, polled and debounced interfaces.

use base::Duration;

use super::address::{self, AddressDraft};
use super::{route, rule};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::keywords::TimeShape;
use crate::lang::Context;
use crate::model::network::{Route, Rule, StaticItem};
use crate::model::vrrp::{GarpGroup, LinkDelay, Linkbeat, LinkbeatMethod};
use crate::parse::statement::Statement;
use crate::parse::value::{Value, time};

/// Bounds of `interface_up_down_delays`.
const DELAY: TimeShape = TimeShape { min: 0, max: 255_000_000, unit: 1_000_000, decimals: 6 };

/// These blocks while they are read.
#[derive(Default)]
pub(crate) struct HostDraft {
    pub addresses: Vec<AddressDraft>,
    pub routes: Vec<StaticItem<Route>>,
    pub rules: Vec<StaticItem<Rule>>,
    pub groups: Vec<TrackGroupDraft>,
    pub garp_groups: Vec<GarpGroup>,
    pub linkbeat: Vec<Linkbeat>,
    pub delays: Vec<LinkDelay>,
    /// `track_group` that is open.
    pub group: Option<TrackGroupDraft>,
    /// `garp_group` that is open.
    pub garp_group: Option<(GarpGroup, Place)>,
}

/// A `track_group` while it is read.
pub(crate) struct TrackGroupDraft {
    pub name: String,
    pub place: Place,
    pub members: Vec<(String, Place)>,
}

impl HostDraft {
    /// One of these blocks begins; false when it cannot be used.
    pub(super) fn enter(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) -> bool {
        if statement.keyword.name == "garp_group" {
            self.garp_group = Some((GarpGroup::default(), statement.place_of(0)));
            return true;
        }
        let name = statement.word(1).unwrap_or_default();
        if let Some(first) = self.groups.iter().find(|group| group.name == name) {
            let message = format!("track_group {name} already defined");
            let problem = Diagnostic::new(Code::Duplicate, message).at(statement.place_of(1));
            cx.report(problem.related(first.place.clone(), "first defined here"));
            return false;
        }
        let (name, place) = (name.to_owned(), statement.place_of(1));
        self.group = Some(TrackGroupDraft { name, place, members: Vec::new() });
        true
    }

    /// A keyword of `garp_group`.
    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: &Value<'_>,
        cx: &mut Context<'_>,
    ) {
        match (statement.keyword.name, &mut self.garp_group) {
            ("garp_interval", Some((group, _))) => group.garp_interval = value.time(),
            ("gna_interval", Some((group, _))) => group.gna_interval = value.time(),
            ("interface", _) => {
                let name = value.text().unwrap_or_default();
                self.garp_interface(name, statement.place_of(1), cx);
            }
            _ => {}
        }
    }

    fn garp_interface(&mut self, name: &str, place: Place, cx: &mut Context<'_>) {
        let absent = cx.options.interfaces.as_ref().is_some_and(|known| !known.contains(name));
        if absent {
            let message =
                format!("WARNING - interface {name} specified for garp_group doesn't exist");
            cx.report(Diagnostic::new(Code::BadInterface, message).at(place));
            return;
        }
        let mut taken = self.garp_groups.iter().flat_map(|group| &group.interfaces);
        if taken.any(|one| one == name) {
            let message = format!("garp_group already specified for {name} - ignoring");
            cx.report(Diagnostic::new(Code::Duplicate, message).at(place));
            return;
        }
        if let Some((group, _)) = &mut self.garp_group {
            group.interfaces.push(name.to_owned());
        }
    }

    /// An entry of one of these blocks.
    pub(super) fn entry(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        match statement.keyword.name {
            "static_ipaddress" => self.addresses.extend(address::read(statement, cx)),
            "static_routes" => self.routes.extend(route::read(statement, cx)),
            "static_rules" => self.rules.extend(rule::read(statement, cx)),
            "linkbeat_interfaces" => self.linkbeat.extend(linkbeat(statement, cx)),
            "interface_up_down_delays" => self.delays.extend(link_delay(statement, cx)),
            "group" => {
                let name = statement.word(0).unwrap_or_default().to_owned();
                if let Some(group) = &mut self.group {
                    group.members.push((name, statement.place()));
                }
            }
            "interfaces" => {
                let name = statement.word(0).unwrap_or_default();
                self.garp_interface(name, statement.place(), cx);
            }
            _ => {}
        }
    }

    /// One of these blocks ends.
    pub(super) fn leave(&mut self, name: &str, cx: &mut Context<'_>) {
        if name == "track_group" {
            self.groups.extend(self.group.take());
            return;
        }
        let Some((group, place)) = self.garp_group.take() else { return };
        let number = self.garp_groups.len();
        let missing = if group.garp_interval.is_none() && group.gna_interval.is_none() {
            "delay"
        } else if group.interfaces.is_empty() {
            "interfaces"
        } else {
            self.garp_groups.push(group);
            return;
        };
        let message = format!("garp group {number} does not have any {missing} set - removing");
        cx.report(Diagnostic::new(Code::Incomplete, message).at(place));
    }
}

/// `IFNAME [MII|ETHTOOL|IOCTL]`.
fn linkbeat(statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<Linkbeat> {
    let interface = statement.word(0)?.to_owned();
    if cx.options.interfaces.as_ref().is_some_and(|known| !known.contains(&interface)) {
        let message = format!("unknown interface {interface} specified for linkbeat interface");
        cx.report(Diagnostic::new(Code::FatalInterface, message).at(statement.place_of(0)));
        return None;
    }
    let method = match statement.word(1) {
        None => LinkbeatMethod::Auto,
        Some("MII") => LinkbeatMethod::Mii,
        Some("ETHTOOL") => LinkbeatMethod::Ethtool,
        Some("IOCTL") => LinkbeatMethod::Ioctl,
        Some(other) => {
            let message = format!("unknown linkbeat method {other} for {interface} - ignoring");
            let problem = Diagnostic::new(Code::InvalidValue, message).at(statement.place_of(1));
            cx.report(problem.label("expected MII, ETHTOOL, IOCTL or nothing"));
            LinkbeatMethod::Auto
        }
    };
    Some(Linkbeat { interface, method })
}

/// `IFNAME DOWN_DELAY [UP_DELAY]`.
fn link_delay(statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<LinkDelay> {
    let interface = statement.word(0)?.to_owned();
    let mut delay = |index: usize| -> Option<Duration> {
        match time(statement.word(index)?, DELAY) {
            Ok((delay, note)) => {
                if let Some(note) = note {
                    cx.report(note.at(statement.place_of(index)));
                }
                Some(delay)
            }
            Err(problem) => {
                let outcome = format!("{interface}: up/down delay ignored");
                cx.report(problem.at(statement.place_of(index)).outcome(outcome));
                None
            }
        }
    };
    let (down, up) = (delay(1), delay(2).unwrap_or_default());
    if statement.word(1).is_none() {
        let message = format!("{interface}: no down delay specified - ignoring");
        cx.report(Diagnostic::new(Code::ValueExpected, message).at(statement.place()));
    }
    Some(LinkDelay { interface, down: down?, up })
}
