//! What can be tracked: `vrrp_script`, `track_file`, `vrrp_track_process`, `bfd_instance`. All of
//! them must stand before whatever tracks them.

use std::net::IpAddr;
use std::path::Path;

use base::{Duration, Weight};

use super::late;
use super::script::ScriptDraft;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::tracking::{
    Bfd, BfdId, FileId, InitFile, ParamMatch, ProcessId, TrackFile, TrackProcess,
};
use crate::model::vrrp::TrackWeight;
use crate::parse::statement::Statement;
use crate::parse::value::{Value, integer};
use crate::source::FileKind;

/// Longest name of a `bfd_instance`.
const MAX_BFD_NAME: usize = 31;

/// Everything that can be tracked so far.
#[derive(Default)]
pub(crate) struct Tracked {
    pub scripts: Vec<ScriptDraft>,
    pub files: Vec<TrackFile>,
    pub processes: Vec<TrackProcess>,
    pub bfds: Vec<Bfd>,
}

impl Tracked {
    pub(super) fn has_script(&self, name: &str) -> bool {
        self.scripts.iter().any(|script| script.name == name)
    }

    pub(super) fn file(&self, name: &str) -> Option<(FileId, &TrackFile)> {
        let at = self.files.iter().position(|file| file.name == name)?;
        Some((FileId(at), self.files.get(at)?))
    }

    pub(super) fn process(&self, name: &str) -> Option<(ProcessId, &TrackProcess)> {
        let at = self.processes.iter().position(|process| process.name == name)?;
        Some((ProcessId(at), self.processes.get(at)?))
    }

    pub(super) fn bfd(&self, name: &str) -> Option<(BfdId, &Bfd)> {
        let at = self.bfds.iter().position(|bfd| bfd.name == name)?;
        Some((BfdId(at), self.bfds.get(at)?))
    }
}

/// One of these while it is read.
pub(crate) enum TrackedDraft {
    File(FileDraft),
    Process(ProcessDraft),
    Bfd(BfdDraft),
}

/// A `track_file` while it is read.
pub(crate) struct FileDraft {
    name: String,
    place: Place,
    path: Option<String>,
    weight: Option<(i16, bool)>,
    init: Option<InitFile>,
    /// What it lacks was told where it should stand.
    lacks_told: bool,
}

/// A `vrrp_track_process` while it is read.
pub(crate) struct ProcessDraft {
    place: Place,
    draft: TrackProcess,
    has_weight: bool,
}

/// A `bfd_instance` while it is read.
pub(crate) struct BfdDraft {
    name: String,
    place: Place,
    neighbour: Option<IpAddr>,
    source: Option<IpAddr>,
    min_rx: Duration,
    min_tx: Duration,
    idle_tx: Duration,
    multiplier: u8,
    passive: bool,
    ttl: Option<u8>,
    max_hops: Option<u8>,
    multihop: bool,
    weight: TrackWeight,
    vrrp: bool,
    checkers: bool,
}

impl TrackedDraft {
    /// `track_file NAME`, `vrrp_track_process NAME`, `bfd_instance NAME`; `None` when the block
    /// cannot be used.
    pub(super) fn open(
        statement: &Statement<'_>,
        known: &Tracked,
        cx: &mut Context<'_>,
    ) -> Option<Self> {
        let name = statement.word(1)?.to_owned();
        let place = statement.place_of(1);
        Some(match statement.keyword.name {
            "vrrp_track_process" => Self::Process(ProcessDraft::new(name, place)),
            "bfd_instance" => Self::Bfd(BfdDraft::open(name, place, known, cx)?),
            _ => Self::File(FileDraft {
                name,
                place,
                path: None,
                weight: None,
                init: None,
                lacks_told: false,
            }),
        })
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::File(draft) => &draft.name,
            Self::Process(draft) => &draft.draft.name,
            Self::Bfd(draft) => &draft.name,
        }
    }

    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: &Value<'_>,
        cx: &mut Context<'_>,
    ) {
        match self {
            Self::File(draft) => draft.leaf(statement, value, cx),
            Self::Process(draft) => draft.leaf(statement, value, cx),
            Self::Bfd(draft) => draft.leaf(statement.keyword.name, value),
        }
    }

    /// The block ends: what is complete can be tracked from now on.
    pub(super) fn close(self, known: &mut Tracked, cx: &mut Context<'_>) {
        match self {
            Self::File(draft) => known.files.extend(draft.close(cx)),
            Self::Process(draft) => known.processes.extend(draft.close(cx)),
            Self::Bfd(draft) => {
                let bfd = draft.close(known, cx);
                known.bfds.extend(bfd);
            }
        }
    }
}

/// A weight whose bounds the table has checked.
fn small_weight(value: &Value<'_>) -> (i16, bool) {
    let reverse = matches!(value, Value::Weight(_, Some(true)));
    (value.int().unwrap_or(0), reverse)
}

fn again(what: String, statement: &Statement<'_>) -> Diagnostic {
    Diagnostic::new(Code::Repeated, what).at(statement.place())
}

impl FileDraft {
    fn leaf(&mut self, statement: &Statement<'_>, value: &Value<'_>, cx: &mut Context<'_>) {
        match statement.keyword.name {
            "file" if self.path.is_some() => {
                let message = format!("File already set for track file {} - ignoring", self.name);
                cx.report(again(message, statement));
            }
            "file" => self.file(value, statement, cx),
            "weight" if value.is_none() => {}
            "weight" if self.weight.is_some() => {
                let message = format!("Weight already set for track file {} - ignoring", self.name);
                cx.report(again(message, statement));
            }
            "weight" => self.weight = Some(small_weight(value)),
            _ => self.init(statement, cx),
        }
    }

    /// `file`: it need not be there, but its directory must.
    fn file(&mut self, value: &Value<'_>, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let path = value.text().unwrap_or_default();
        let directory = Path::new(path).parent().filter(|directory| directory.is_absolute());
        let missing = |directory: &Path| cx.source.facts(directory).kind == FileKind::Missing;
        if directory.is_some_and(missing) {
            let message =
                format!("realpath() error 2 (No such file or directory) for {}", self.name);
            let problem = Diagnostic::new(Code::NotFound, message).at(statement.place_of(1));
            cx.report(problem.label("its directory does not exist"));
            self.lacks_told = true;
            return;
        }
        self.path = value.string();
    }

    /// `init_file [VALUE] [overwrite]`.
    fn init(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let mut init = InitFile { value: 0, overwrite: false };
        for (index, word) in statement.words.iter().enumerate().skip(1) {
            if word.text == "overwrite" {
                init.overwrite = true;
                continue;
            }
            match integer(word.text, i32::MIN.into(), i32::MAX.into()) {
                Ok(number) => init.value = i32::try_from(number).unwrap_or_default(),
                Err(problem) => {
                    let message = format!("Unknown track file init option {}", word.text);
                    let problem = Diagnostic { message: message.into(), ..problem };
                    let problem = problem.label("expected a number or overwrite");
                    cx.report(problem.at(statement.place_of(index)));
                }
            }
        }
        self.init = Some(init);
    }

    fn close(self, cx: &mut Context<'_>) -> Option<TrackFile> {
        let Some(path) = self.path else {
            if self.lacks_told {
                return None;
            }
            let message = format!("No file set for track_file {} - ignoring", self.name);
            cx.report(Diagnostic::new(Code::Incomplete, message).at(self.place));
            return None;
        };
        let (weight, reverse) = self.weight.unwrap_or((1, false));
        Some(TrackFile { name: self.name, path, weight, reverse, init: self.init })
    }
}

impl ProcessDraft {
    const fn new(name: String, place: Place) -> Self {
        Self { place, draft: TrackProcess::new(name), has_weight: false }
    }

    fn leaf(&mut self, statement: &Statement<'_>, value: &Value<'_>, cx: &mut Context<'_>) {
        let draft = &mut self.draft;
        match statement.keyword.name {
            "process" if !draft.process.is_empty() => {
                let message =
                    format!("Process already set for track process {} - ignoring", draft.name);
                cx.report(again(message, statement));
            }
            "process" => {
                let words = statement.words.iter().skip(1);
                draft.process = words.map(|word| word.text.to_owned()).collect();
            }
            "param_match" => {
                draft.param_match = Some(match value.text() {
                    Some("initial") => ParamMatch::Initial,
                    Some("partial") => ParamMatch::Partial,
                    _ => ParamMatch::Exact,
                });
            }
            "weight" if value.is_none() => {}
            "weight" if self.has_weight => {
                let message =
                    format!("Weight already set for track process {} - ignoring", draft.name);
                cx.report(again(message, statement));
            }
            "weight" => {
                self.has_weight = true;
                (draft.weight, draft.reverse) = small_weight(value);
            }
            "quorum" => draft.quorum = value.int().unwrap_or(1),
            "quorum_max" => draft.quorum_max = value.int(),
            "delay" => {
                draft.fork_delay = value.time().unwrap_or_default();
                draft.terminate_delay = draft.fork_delay;
            }
            "fork_delay" => draft.fork_delay = value.time().unwrap_or_default(),
            "terminate_delay" => draft.terminate_delay = value.time().unwrap_or_default(),
            _ => draft.full_command = true,
        }
    }

    fn close(self, cx: &mut Context<'_>) -> Option<TrackProcess> {
        let draft = self.draft;
        if draft.process.is_empty() {
            let message = format!("track process '{}' process name not specified", draft.name);
            cx.report(Diagnostic::new(Code::Incomplete, message).at(self.place));
            return None;
        }
        if draft.quorum_max.is_some_and(|most| most < draft.quorum) {
            let message = format!(
                "track process '{}': quorum_max is below quorum, so it never has its quorum",
                draft.name
            );
            cx.report(late(Code::Doubtful, message, &self.place));
        }
        Some(draft)
    }
}

impl BfdDraft {
    fn open(name: String, place: Place, known: &Tracked, cx: &mut Context<'_>) -> Option<Self> {
        let refuse = if name.len() > MAX_BFD_NAME {
            Some(format!(
                "BFD instance {name} name too long (maximum length is {MAX_BFD_NAME} characters) - \
                 ignoring"
            ))
        } else if known.bfd(&name).is_some() {
            Some(format!("BFD instance {name} already configured, ignoring instance"))
        } else {
            None
        };
        if let Some(reason) = refuse {
            let message = format!("Configuration error: {reason}");
            cx.report(Diagnostic::new(Code::BadEntry, message).at(place));
            return None;
        }
        Some(Self {
            name,
            place,
            neighbour: None,
            source: None,
            min_rx: Duration::from_millis(10),
            min_tx: Duration::from_millis(10),
            idle_tx: Duration::from_secs(1),
            multiplier: 5,
            passive: false,
            ttl: None,
            max_hops: Some(0),
            multihop: false,
            weight: TrackWeight::default(),
            vrrp: false,
            checkers: false,
        })
    }

    fn leaf(&mut self, name: &str, value: &Value<'_>) {
        match (name, value) {
            ("neighbor_ip" | "neighbour_ip", Value::Address(address)) => {
                self.neighbour = Some(*address);
            }
            ("source_ip", Value::Address(address)) => self.source = Some(*address),
            ("min_rx", _) => self.min_rx = value.time().unwrap_or(self.min_rx),
            ("min_tx", _) => self.min_tx = value.time().unwrap_or(self.min_tx),
            ("idle_tx", _) => self.idle_tx = value.time().unwrap_or(self.idle_tx),
            ("multiplier", _) => self.multiplier = value.int().unwrap_or(5),
            ("passive", _) => self.passive = true,
            ("ttl" | "hoplimit", _) => self.ttl = value.int(),
            // -1 is no u8: it switches the check off.
            ("max_hops", _) => self.max_hops = value.int(),
            ("multihop", _) => self.multihop = value.bool(),
            ("weight", _) => {
                let (weight, reverse) = small_weight(value);
                let weight = Weight::new(weight.into()).unwrap_or_default();
                self.weight = TrackWeight { weight, reverse };
            }
            ("vrrp", _) => self.vrrp = true,
            ("checker", _) => self.checkers = true,
            _ => {}
        }
    }

    fn close(self, known: &Tracked, cx: &mut Context<'_>) -> Option<Bfd> {
        let name = &self.name;
        let mut refuse = |reason: String| {
            let message = format!("Configuration error: BFD instance {name} {reason}");
            cx.report(Diagnostic::new(Code::Incomplete, message).at(self.place.clone()));
            None
        };
        let Some(neighbour) = self.neighbour else {
            return refuse("has no neighbor address set, disabling instance".to_owned());
        };
        if let Some(source) = self.source
            && source.is_ipv4() != neighbour.is_ipv4()
        {
            return refuse(format!(
                "source address {source} and neighbor address {neighbour} are not of the same \
                 family, disabling instance"
            ));
        }
        if known.bfds.iter().any(|bfd| bfd.neighbour == neighbour && bfd.source == self.source) {
            return refuse(format!(
                "has duplicate neighbor address {neighbour}, ignoring instance"
            ));
        }
        let default_ttl = if neighbour.is_ipv4() { 255 } else { 64 };
        let both = !self.vrrp && !self.checkers;
        Some(Bfd {
            neighbour,
            source: self.source,
            min_rx: self.min_rx,
            min_tx: self.min_tx,
            idle_tx: self.idle_tx,
            multiplier: self.multiplier,
            passive: self.passive,
            ttl: self.ttl.unwrap_or(default_ttl),
            max_hops: self.max_hops,
            multihop: self.multihop,
            weight: self.weight,
            for_vrrp: self.vrrp || both,
            for_checkers: self.checkers || both,
            name: self.name,
        })
    }
}
