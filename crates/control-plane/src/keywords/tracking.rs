//! Keywords of what is tracked.

use super::Shape::{Address, Bool, Custom, Flag, Int, OptChoice, Script, Weight, Word};
use super::{Block, Table, millis, row, secs, secs3};

/// Keywords of `vrrp_script`.
#[rustfmt::skip] // one row a keyword
pub(super) static SCRIPT: Table = Table { places: &[Block::Script], rows: &[
    row("script", Script).needs("").invalid("Disabling track script {o} since not found/accessible").syntax("SCRIPT [USER [GROUP]]").range("quoted command, or </path form").default("mandatory").doc("Command whose exit status 0 means success."),
    row("interval", secs3(0, u64::MAX)).needed().invalid("({o}): vrrp script interval must be greater than 0, setting to 1").syntax("SECS").range("decimal 0.001.., 3 decimals (0 becomes 1 with error)").default("1").unit("s").doc("Time between runs."),
    row("timeout", secs3(0, u64::MAX)).needed().invalid("({o}): vrrp script timeout must be greater than 0, setting to 1").syntax("SECS").range("decimal 0.001.., 3 decimals (0 becomes 1 with error)").default("interval").unit("s").doc("Time after which a run is a failure."),
    row("weight", Weight(-253, 253)).needed().invalid("vrrp_script {o} weight {v} must be in [-253, 253]").syntax("N [reverse|noreverse]").range("integer -253..253").default("0").unit("priority points").doc("Priority effect; 0 = failure causes FAULT."),
    row("rise", Int(1, 2147483647)).needed().invalid("({o}): vrrp script rise value '{v}' invalid, defaulting to 1").syntax("N").range("integer 1..2147483647").default("1").unit("runs").doc("Successes needed to be up."),
    row("fall", Int(1, 2147483647)).needed().invalid("({o}): vrrp script fall value '{v}' invalid, defaulting to 1").syntax("N").range("integer 1..2147483647").default("1").unit("runs").doc("Failures needed to be down."),
    row("user", Custom).needed().invalid("Unable to set uid/gid for script '/usr/bin/env'").syntax("USER [GROUP]").range("existing user, group").default("script_user").doc("Identity of the script."),
    row("init_fail", Flag).doc("Presume the script failed until it succeeds."),
] };

/// Keywords of `vrrp_track_process`.
#[rustfmt::skip] // one row a keyword
pub(super) static TRACK_PROCESS: Table = Table { places: &[Block::TrackProcess], rows: &[
    row("process", Custom).needed().syntax("NAME [PARAM ...]").range("string, quoted when containing spaces").default("mandatory").once().doc("Process name (and parameters) to count."),
    row("param_match", OptChoice(&["initial", "partial"])).invalid("Invalid param_match type {v} - ignoring").syntax("[initial|partial]").range("optional word").default("exact when keyword has no argument; parameters ignored without keyword").doc("How parameters are compared."),
    row("weight", Weight(-254, 254)).needs("No weight specified for track process {o} - ignoring").invalid("Weight ({v}) for vrrp_track_process {o} must be between [-254..254] inclusive. Ignoring...").syntax("N [reverse|noreverse]").range("integer -254..254").default("0").unit("priority points").once().doc("Priority effect; 0 = FAULT without quorum."),
    row("quorum", Int(1, 65535)).needed().invalid("Quorum ({v}) for vrrp_track_process {o} must be between [1..65535] inclusive. Ignoring...").syntax("N").range("integer 1..65535").default("1").unit("processes").doc("Minimum number of processes."),
    row("quorum_max", Int(0, 65535)).needed().invalid("quorum_max ({v}) for vrrp_track_process {o} must be between [0..65535] inclusive. Ignoring...").syntax("N").range("integer 0..65535").default("unlimited").unit("processes").doc("Maximum number of processes."),
    row("delay", secs(1, 3600000000)).needed().invalid("delay ({v}) for vrrp_track_process {o} must be between [0.000001..3600] inclusive. Ignoring...").syntax("SECS").range("decimal 0.000001..3600").default("0").unit("s").note("sets terminate_delay and fork_delay").doc("Delay before quorum gain or loss is acted on."),
    row("terminate_delay", secs(1, 3600000000)).needed().invalid("terminate_delay ({v}) for vrrp_track_process {o} must be between [0.000001..3600] inclusive. Ignoring...").syntax("SECS").range("decimal 0.000001..3600").default("0").unit("s").doc("Delay before loss of quorum is acted on."),
    row("fork_delay", secs(1, 3600000000)).needed().invalid("fork_delay ({v}) for vrrp_track_process {o} must be between [0.000001..3600] inclusive. Ignoring...").syntax("SECS").range("decimal 0.000001..3600").default("0").unit("s").doc("Delay before gain of quorum is acted on."),
    row("full_command", Flag).default("off (comm name compared)").doc("Compare the full command line's first element."),
] };

/// Keywords of `track_file`, `vrrp_track_file`.
#[rustfmt::skip] // one row a keyword
pub(super) static TRACK_FILE: Table = Table { places: &[Block::TrackFile], rows: &[
    row("file", Word).needs("track file file name missing").syntax("PATH").range("absolute path, may be quoted").default("mandatory").once().doc("File read for a signed integer."),
    row("weight", Weight(-254, 254)).needs("No weight specified for track file {o} - ignoring").invalid("Weight ({v}) for track_file {o} must be between [-254..254] inclusive. Ignoring...").syntax("N [reverse|noreverse]").range("integer -254..254").default("1").unit("multiplier").once().doc("Default multiplier for tracking users."),
    row("init_file", Custom).invalid("Unknown track file init option {v}").syntax("[VALUE] [overwrite]").range("32-bit signed integer and/or word overwrite").default("file untouched; value 0").doc("Create (or overwrite) the file at start with the value."),
] };

/// Keywords of `bfd_instance`.
#[rustfmt::skip] // one row a keyword
pub(super) static BFD: Table = Table { places: &[Block::Bfd], rows: &[
    row("source_ip", Address).needed().invalid("Configuration error: BFD instance {o} has malformed source address {v}, ignoring").syntax("ADDR").range("address, same family as neighbour").default("kernel choice").doc("Local address."),
    row("neighbor_ip", Address).needed().invalid("Configuration error: BFD instance {o} has malformed neighbor address {v}, ignoring instance").syntax("ADDR").range("address, unique with source").default("mandatory").note("neighbour_ip is the same").doc("Peer address."),
    row("neighbour_ip", Address).needed().invalid("Configuration error: BFD instance {o} has malformed neighbor address {v}, ignoring instance").syntax("ADDR").range("address, unique with source").default("mandatory").note("alias of neighbor_ip").doc("Peer address."),
    row("min_rx", millis(1000, 4294967000)).needed().invalid("Configuration error: BFD instance {o} min_rx value {v} is not valid (must be in range [1-4294967]), ignoring").syntax("MS").range("decimal 1..4294967 (over 10000 warns)").default("10").unit("ms").doc("Smallest receive interval supported."),
    row("min_tx", millis(1000, 4294967000)).needed().invalid("Configuration error: BFD instance {o} min_tx value {v} is not valid (must be in range [1-4294967]), ignoring").syntax("MS").range("decimal 1..4294967 (over 10000 warns)").default("10").unit("ms").doc("Wanted transmit interval when Up."),
    row("idle_tx", millis(1000000, 4294967000)).needed().invalid("Configuration error: BFD instance {o} idle_tx value {v} is not valid (must be in range [1000-4294967]), ignoring").syntax("MS").range("decimal 1000..4294967").default("1000").unit("ms").doc("Transmit interval while not Up."),
    row("multiplier", Int(1, 255)).needed().invalid("Configuration error: BFD instance {o} multiplier value {v} not valid (must be in range [1-255]), ignoring").syntax("N").range("integer 1..255").default("5").unit("packets").doc("Missed packets that bring the session down."),
    row("passive", Flag).doc("Do not send until the peer does."),
    row("ttl", Int(1, 255)).needed().invalid("Configuration error: BFD instance {o} ttl/hoplimit value {v} not valid (must be in range [1-255]), ignoring").syntax("N").range("integer 1..255").default("255 IPv4, 64 IPv6").unit("hops").note("hoplimit is the same").doc("TTL or hop limit sent."),
    row("hoplimit", Int(1, 255)).needed().invalid("Configuration error: BFD instance {o} ttl/hoplimit value {v} not valid (must be in range [1-255]), ignoring").syntax("N").range("integer 1..255").default("255 IPv4, 64 IPv6").unit("hops").note("alias of ttl").doc("TTL or hop limit sent."),
    row("max_hops", Int(-1, 255)).needed().invalid("Configuration error: BFD instance {o} max_hops value {v} not valid (must be in range [-1-255]), ignoring").syntax("N").range("integer -1..255").default("0").unit("hops").doc("Hops a received packet may have taken; -1 disables the check."),
    row("multihop", Bool).invalid("Configuration error: BFD instance {o} multihop setting not valid - {v}").syntax("[BOOL]").default("false").since_2_4().doc("Use the multihop UDP port 4784."),
    row("weight", Weight(-253, 253)).needed().invalid("Configuration error: BFD instance {o} weight value {v} not valid (must be in range [-253-253]), ignoring").syntax("N [reverse|noreverse]").range("integer -253..253").default("0").unit("priority points").doc("Default weight when tracked by VRRP."),
    row("vrrp", Flag).default("both consumers when neither keyword is given").doc("Send events to the VRRP process."),
    row("checker", Flag).default("both consumers when neither keyword is given").doc("Send events to the checker process."),
] };
