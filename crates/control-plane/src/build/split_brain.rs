//! Keywords against split brain while they are read.

use std::net::{IpAddr, SocketAddr};

use base::{Duration, Weight};

use super::instance::Placed;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::Command;
use crate::model::split_brain::{Arbiter, ConflictAction, Heartbeat, Lease, Witness};
use crate::parse::statement::Statement;
use crate::parse::value::{Value, address, integer};

/// Longest `vip_lease`, seconds.
const LONGEST_LEASE: i64 = 3_600;
/// Witnesses of one arbiter, and heartbeats of one instance, at most.
const MOST: usize = 64;

/// What `global_defs`, an instance or a group says.
#[derive(Default)]
pub(crate) struct SplitBrainDraft {
    /// `Some(None)` is `off`.
    pub lease: Placed<Option<Lease>>,
    /// `Some(None)` is `off`.
    pub conflict: Option<Option<ConflictAction>>,
    pub heartbeats: Vec<Heartbeat>,
    pub notify: Option<Command>,
    /// The arbiter's name, and `keep`.
    pub arbiter: Placed<(String, bool)>,
    pub probes: Vec<ProbeDraft>,
}

/// An entry of `track_probe`.
pub(crate) struct ProbeDraft {
    pub arbiter: String,
    pub place: Place,
    pub weight: Weight,
    pub reverse: bool,
}

impl SplitBrainDraft {
    /// A keyword of `owner`; false when it is none of these.
    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: &Value<'_>,
        owner: &str,
        cx: &mut Context<'_>,
    ) -> bool {
        match statement.keyword.name {
            "vip_lease" => self.lease(statement, value, owner, cx),
            "conflict_detection" => {
                self.conflict = Some(match value.text() {
                    Some("off") => None,
                    Some("yield") => Some(ConflictAction::Yield),
                    Some("insist") => Some(ConflictAction::Insist),
                    _ => Some(ConflictAction::Report),
                });
            }
            "notify_split_brain" => {
                let owner = format!("({owner}) ");
                super::set_script(&mut self.notify, value.clone(), &owner, statement, cx);
            }
            "arbiter" => self.arbiter(statement, owner, cx),
            _ => return false,
        }
        true
    }

    fn lease(
        &mut self,
        statement: &Statement<'_>,
        value: &Value<'_>,
        owner: &str,
        cx: &mut Context<'_>,
    ) {
        let lease = match value.text() {
            None | Some("auto") => Some(Lease::Auto),
            Some("off") => None,
            Some(word) => match integer(word, 1, LONGEST_LEASE) {
                Ok(seconds) => Some(Lease::Seconds(u32::try_from(seconds).unwrap_or(1))),
                Err(problem) => {
                    let outcome = format!("({owner}) vip_lease '{word}' ignored");
                    let problem = problem.at(statement.place_of(1)).outcome(outcome);
                    cx.report(problem.help("write seconds, 'auto' or 'off'"));
                    return;
                }
            },
        };
        self.lease = Some((lease, statement.place()));
    }

    fn arbiter(&mut self, statement: &Statement<'_>, owner: &str, cx: &mut Context<'_>) {
        let name = statement.word(1).unwrap_or_default().to_owned();
        let keeps = match statement.word(2) {
            None | Some("yield") => false,
            Some("keep") => true,
            Some(other) => {
                let message = format!("({owner}) unknown arbiter option {other} - ignoring");
                let problem = Diagnostic::new(Code::InvalidValue, message);
                cx.report(problem.at(statement.place_of(2)).label("expected yield or keep"));
                false
            }
        };
        self.arbiter = Some(((name, keeps), statement.place_of(1)));
    }

    /// An entry of a list of `owner`; false when the list is none of these.
    pub(super) fn entry(
        &mut self,
        statement: &Statement<'_>,
        owner: &str,
        cx: &mut Context<'_>,
    ) -> bool {
        match statement.keyword.name {
            "heartbeat" => match heartbeat(statement) {
                Ok(path) if self.heartbeats.len() < MOST && !self.heartbeats.contains(&path) => {
                    self.heartbeats.push(path);
                }
                Ok(_) => {
                    let message = format!("({owner}) duplicate heartbeat - ignoring");
                    cx.report(Diagnostic::new(Code::Duplicate, message).at(statement.place()));
                }
                Err((at, label)) => {
                    let message = format!("({owner}) heartbeat cannot be used - ignoring");
                    let problem = Diagnostic::new(Code::BadEntry, message).label(label);
                    cx.report(problem.at(statement.place_of(at)).help(
                        "write 'interface IF' or 'unicast OWN-ADDRESS PEER-ADDRESS [dev IF]'",
                    ));
                }
            },
            "track_probe" => self.probe(statement, owner, cx),
            _ => return false,
        }
        true
    }

    fn probe(&mut self, statement: &Statement<'_>, owner: &str, cx: &mut Context<'_>) {
        let arbiter = statement.word(0).unwrap_or_default().to_owned();
        let place = statement.place();
        let mut draft = ProbeDraft { arbiter, place, weight: Weight::default(), reverse: false };
        let mut at = 1;
        while let Some(word) = statement.word(at) {
            match word {
                "weight" => {
                    at += 1;
                    match integer(statement.word(at).unwrap_or_default(), -253, 253) {
                        Ok(weight) => {
                            let weight = i32::try_from(weight).unwrap_or_default();
                            draft.weight = Weight::new(weight).unwrap_or_default();
                        }
                        Err(problem) => cx.report(problem.at(statement.place_of(at))),
                    }
                }
                "reverse" => draft.reverse = true,
                "noreverse" => draft.reverse = false,
                _ => {
                    let message = format!("({owner}) unknown track_probe option {word} - ignoring");
                    let problem = Diagnostic::new(Code::BadEntry, message);
                    let problem = problem.label("expected weight N, reverse or noreverse");
                    cx.report(problem.at(statement.place_of(at)));
                    break;
                }
            }
            at += 1;
        }
        if self.probes.iter().any(|known| known.arbiter == draft.arbiter) {
            let message = format!("({owner}) duplicate track_probe {} - ignoring", draft.arbiter);
            cx.report(Diagnostic::new(Code::Duplicate, message).at(draft.place));
        } else if self.probes.len() < MOST {
            self.probes.push(draft);
        }
    }
}

type Refusal = (usize, &'static str);

fn heartbeat(statement: &Statement<'_>) -> Result<Heartbeat, Refusal> {
    match statement.word(0) {
        Some("interface") => {
            let name = statement.word(1).ok_or((0, "expected the name of an interface"))?;
            Ok(Heartbeat::Interface(name.to_owned()))
        }
        Some("unicast") => {
            let address = |at| statement.word(at).and_then(address).ok_or((at, "not an address"));
            let (source, destination) = (address(1)?, address(2)?);
            if source.is_ipv4() != destination.is_ipv4() {
                return Err((2, "the addresses are of different families"));
            }
            let interface = match (statement.word(3), statement.word(4)) {
                (None, _) => None,
                (Some("dev"), Some(name)) => Some(name.to_owned()),
                _ => return Err((3, "expected 'dev IF'")),
            };
            Ok(Heartbeat::Unicast { source, destination, interface })
        }
        _ => Err((0, "expected 'interface' or 'unicast'")),
    }
}

/// A `vrrp_arbiter` while it is read.
pub(crate) struct ArbiterDraft {
    pub name: String,
    place: Place,
    witnesses: Vec<Witness>,
    interval: Duration,
    timeout: Option<Duration>,
    rise: u32,
    fall: u32,
    quorum: Option<u32>,
}

impl ArbiterDraft {
    /// `vrrp_arbiter NAME`.
    pub(super) fn new(name: &str, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            place,
            witnesses: Vec::new(),
            interval: Duration::from_secs(1),
            timeout: None,
            rise: 1,
            fall: 2,
            quorum: None,
        }
    }

    /// A keyword of the block.
    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: &Value<'_>,
        cx: &mut Context<'_>,
    ) {
        match statement.keyword.name {
            "interval" => self.interval = value.time().unwrap_or(self.interval),
            "timeout" => self.timeout = value.time(),
            "rise" => self.rise = value.int().unwrap_or(self.rise),
            "fall" => self.fall = value.int().unwrap_or(self.fall),
            "quorum" => self.quorum = value.int(),
            _ => match witness(statement) {
                Ok(witness)
                    if self.witnesses.len() < MOST && !self.witnesses.contains(&witness) =>
                {
                    self.witnesses.push(witness);
                }
                Ok(_) => {
                    let message = format!("({}) duplicate witness - ignoring", self.name);
                    cx.report(Diagnostic::new(Code::Duplicate, message).at(statement.place()));
                }
                Err((at, label)) => {
                    let message = format!("({}) witness cannot be used - ignoring", self.name);
                    let problem = Diagnostic::new(Code::BadEntry, message).label(label);
                    cx.report(problem.at(statement.place_of(at)));
                }
            },
        }
    }

    /// The block ends. `None` without a witness.
    pub(super) fn close(self, known: &[Arbiter], cx: &mut Context<'_>) -> Option<Arbiter> {
        let name = self.name;
        let mut refuse = |code, text: &str| {
            let message = format!("vrrp_arbiter {name} {text}");
            cx.report(Diagnostic::new(code, message).at(self.place.clone()));
        };
        if known.iter().any(|arbiter| arbiter.name == name) {
            refuse(Code::Duplicate, "already defined");
            return None;
        }
        if self.witnesses.is_empty() {
            refuse(Code::Incomplete, "has no witness");
            return None;
        }
        let most = u32::try_from(self.witnesses.len()).unwrap_or(u32::MAX);
        let quorum = self.quorum.unwrap_or(1);
        if quorum > most {
            refuse(Code::Adjusted, "has fewer witnesses than its quorum: all of them are needed");
        }
        let timeout = self.timeout.unwrap_or(self.interval);
        if timeout > self.interval {
            refuse(Code::Adjusted, "has a timeout above its interval: the interval is used");
        }
        Some(Arbiter {
            witnesses: self.witnesses,
            interval: self.interval,
            timeout: timeout.min(self.interval),
            rise: self.rise,
            fall: self.fall,
            quorum: quorum.min(most),
            name,
        })
    }
}

fn witness(statement: &Statement<'_>) -> Result<Witness, Refusal> {
    let target = statement.word(1).and_then(address).ok_or((1, "not an address"))?;
    let socket = || {
        let port = statement.word(2).unwrap_or_default();
        let port = integer(port, 1, 65_535).map_err(|_| (2, "expected a port, 1 to 65535"))?;
        Ok(SocketAddr::new(target, u16::try_from(port).unwrap_or_default()))
    };
    match statement.keyword.name {
        "ping" => Ok(Witness::Ping(target)),
        "tcp" => Ok(Witness::Tcp(socket()?)),
        "http" => {
            let path = statement.word(3).unwrap_or("/");
            if !path.starts_with('/') || path.bytes().any(|byte| byte.is_ascii_control()) {
                return Err((3, "a path begins with '/'"));
            }
            Ok(Witness::Http(socket()?, path.to_owned()))
        }
        _ => match (target, statement.word(2), statement.word(3)) {
            (IpAddr::V4(target), Some("dev"), Some(name)) => {
                Ok(Witness::Arp(target, name.to_owned()))
            }
            (IpAddr::V6(_), ..) => Err((1, "ARP is for IPv4")),
            _ => Err((2, "expected 'dev IF'")),
        },
    }
}
