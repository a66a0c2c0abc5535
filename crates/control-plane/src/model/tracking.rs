//! What priorities and server weights depend on: scripts, files, processes, interfaces, BFD.

use std::net::IpAddr;

use base::{Duration, Weight};
use serde::{Deserialize, Serialize};

use super::Command;
use super::vrrp::TrackWeight;

/// Which `vrrp_script`, as an index into [`Vrrp::scripts`](super::Vrrp::scripts).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ScriptId(pub usize);

/// Which `track_file`, as an index into [`Vrrp::files`](super::Vrrp::files), of which the
/// checkers have the same list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileId(pub usize);

/// Which `vrrp_track_process`, as an index into [`Vrrp::processes`](super::Vrrp::processes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId(pub usize);

/// Which `bfd_instance`, as an index into [`Config::bfd`](super::Config::bfd).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BfdId(pub usize);

/// `vrrp_script NAME { ... }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VrrpScript {
    /// Its name.
    pub name: String,
    /// `script`.
    pub command: Command,
    /// `interval`: from one start to the next; default 1 s.
    pub interval: Duration,
    /// `timeout`: after it the script counts as failed and is ended; default is the interval.
    pub timeout: Duration,
    /// `weight`; default 0, which makes a failure a fault.
    pub weight: Weight,
    /// `weight N reverse`: success and failure change places.
    pub reverse: bool,
    /// `rise`: successes in a row until it is up; default 1.
    pub rise: u32,
    /// `fall`: failures in a row until it is down; default 1.
    pub fall: u32,
    /// `init_fail`: down until the first success.
    pub init_fail: bool,
}

impl VrrpScript {
    /// A script that says nothing but its command.
    pub fn new(name: impl Into<String>, command: Command) -> Self {
        Self {
            name: name.into(),
            command,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            weight: Weight::FAULT,
            reverse: false,
            rise: 1,
            fall: 1,
            init_fail: false,
        }
    }
}

/// One entry of `track_script`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrackScript {
    /// Which.
    pub script: ScriptId,
    /// `weight` here, or the script's own.
    pub weight: Weight,
    /// `reverse` here, or the script's own.
    pub reverse: bool,
}

/// One entry of `track_interface`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrackInterface {
    /// Which interface.
    pub interface: String,
    /// `weight`; default 0.
    pub weight: TrackWeight,
}

/// `track_file NAME { ... }`: a file that holds a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrackFile {
    /// Its name.
    pub name: String,
    /// `file`.
    pub path: String,
    /// `weight`: the number is multiplied with it; default 1. −254 to 254.
    pub weight: i16,
    /// `weight N reverse`.
    pub reverse: bool,
    /// `init_file`: written at start.
    pub init: Option<InitFile>,
}

/// `init_file [VALUE] [overwrite]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InitFile {
    /// What is written.
    pub value: i32,
    /// Even when the file exists.
    pub overwrite: bool,
}

/// One entry of `track_file`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrackFileUse {
    /// Which.
    pub file: FileId,
    /// Multiplier, −254 to 254; 0 makes a number other than 0 a fault.
    pub weight: i16,
    /// `reverse`.
    pub reverse: bool,
}

/// `vrrp_track_process NAME { ... }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrackProcess {
    /// Its name.
    pub name: String,
    /// `process`: the program, and parameters.
    pub process: Vec<String>,
    /// `param_match`; `None`: parameters do not matter.
    pub param_match: Option<ParamMatch>,
    /// `weight`; default 0. −254 to 254.
    pub weight: i16,
    /// `weight N reverse`.
    pub reverse: bool,
    /// `quorum`: fewest processes; default 1.
    pub quorum: u32,
    /// `quorum_max`: most processes; `None` is no limit.
    pub quorum_max: Option<u32>,
    /// `fork_delay`: before a gain counts; default none.
    pub fork_delay: Duration,
    /// `terminate_delay`: before a loss counts; default none.
    pub terminate_delay: Duration,
    /// `full_command`: the whole first word of the command line is compared.
    pub full_command: bool,
}

impl TrackProcess {
    /// With every setting at its default, and no process yet.
    pub const fn new(name: String) -> Self {
        Self {
            name,
            process: Vec::new(),
            param_match: None,
            weight: 0,
            reverse: false,
            quorum: 1,
            quorum_max: None,
            fork_delay: Duration::ZERO,
            terminate_delay: Duration::ZERO,
            full_command: false,
        }
    }
}

/// `param_match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ParamMatch {
    /// All parameters are equal.
    Exact,
    /// `partial`: the given ones are the first of them, the last may be the beginning of one.
    Partial,
    /// `initial`: the given ones are the first of them.
    Initial,
}

/// One entry of `track_process`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrackProcessUse {
    /// Which.
    pub process: ProcessId,
    /// −254 to 254; 0 makes a lost quorum a fault.
    pub weight: i16,
    /// `reverse`.
    pub reverse: bool,
}

/// One entry of `track_bfd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrackBfd {
    /// Which.
    pub bfd: BfdId,
    /// `weight` here, or that of the session.
    pub weight: TrackWeight,
}

/// `bfd_instance NAME { ... }` (RFC 5880).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bfd {
    /// Its name, at most 31 bytes.
    pub name: String,
    /// `neighbor_ip`.
    pub neighbour: IpAddr,
    /// `source_ip`; `None` is the kernel's choice.
    pub source: Option<IpAddr>,
    /// `min_rx`; default 10 ms.
    pub min_rx: Duration,
    /// `min_tx`; default 10 ms.
    pub min_tx: Duration,
    /// `idle_tx`; default 1 s.
    pub idle_tx: Duration,
    /// `multiplier`: missed packets until it is down; default 5.
    pub multiplier: u8,
    /// `passive`: silent until the neighbour speaks.
    pub passive: bool,
    /// `ttl`, `hoplimit`; default 255 for IPv4, 64 for IPv6.
    pub ttl: u8,
    /// `max_hops`: hops that a packet may have taken; `None` (−1) is any number.
    pub max_hops: Option<u8>,
    /// `multihop`: the port of RFC 5883.
    pub multihop: bool,
    /// `weight`; default 0.
    pub weight: TrackWeight,
    /// The VRRP process is told.
    pub for_vrrp: bool,
    /// The checkers are told.
    pub for_checkers: bool,
}
