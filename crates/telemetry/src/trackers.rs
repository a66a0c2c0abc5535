//! What instances track: scripts, files, processes, BFD sessions, each with who tracks it.

use base::Duration;
use control_plane::model::tracking::{Bfd, ParamMatch};
use control_plane::model::vrrp::Vrrp;
use control_plane::model::{Config, Instance};

use control_plane::model::VrrpScript;
use vrrp_stack::{ScriptSnapshot, Verdict};

use crate::layout::{Lines, owner, quoted, reversed, seconds, track_weight, true_false};
use crate::live::VrrpLive;

/// `vrrp_script`; with its state if it has one.
pub(crate) fn script(config: &Config, place: usize, live: Option<&VrrpLive>) -> Lines {
    let vrrp = &config.vrrp;
    let mut lines = Lines::default();
    let Some(script) = vrrp.scripts.get(place) else { return lines };
    lines.item(1, "VRRP Script", &script.name);
    lines.item(3, "Command", quoted(&script.command));
    lines.item(3, "Interval", span(script.interval));
    lines.item(3, "Timeout", span(script.timeout));
    lines.item(3, "Weight", format!("{}{}", script.weight, reversed(script.reverse)));
    lines.item(3, "Rise", script.rise);
    lines.item(3, "Fall", script.fall);
    let live = live.and_then(|live| live.script(&script.name));
    if let Some(live) = live {
        script_state(&mut lines, script, &live.known);
    } else if script.init_fail {
        lines.item(3, "Init state", "failed");
    }
    if let Some(user) = script.command.user.as_ref().or(config.global.scripts.user.as_ref()) {
        lines.item(3, "Script uid:gid", owner(user));
    }
    if live.is_some() {
        lines.at(3, "VRRP instances :");
    }
    tracking(&mut lines, vrrp, |instance| {
        let one = instance.track_scripts.iter().find(|one| one.script.0 == place)?;
        Some(format!("{}{}", one.weight, reversed(one.reverse)))
    });
    if let Some(live) = live {
        lines.item(3, "State", if live.running { "running" } else { "idle" });
    }
    lines
}

/// keepalived counts successes and failures in one number: from 0, down, to `rise + fall - 1`, up.
fn script_state(lines: &mut Lines, script: &VrrpScript, known: &ScriptSnapshot) {
    let highest = u64::from(script.rise) + u64::from(script.fall) - 1;
    let (result, status) = match known.verdict {
        Verdict::Up => (highest.saturating_sub(known.streak.into()), "GOOD"),
        Verdict::Down | Verdict::Unknown => (known.streak.into(), "BAD"),
    };
    lines.item(3, "Result", result);
    lines.item(3, "Insecure", "no");
    let first = if known.verdict == Verdict::Unknown { "INIT" } else { "unknown" };
    lines.item(3, "Init state", first);
    lines.item(3, "Status", status);
}

/// `track_file`.
pub(crate) fn file(vrrp: &Vrrp, place: usize, live: Option<&VrrpLive>) -> Lines {
    let mut lines = Lines::default();
    let Some(file) = vrrp.files.get(place) else { return lines };
    lines.item(1, "Track file", &file.name);
    lines.item(3, "File", &file.path);
    lines.optional(3, "Status", live.and_then(|live| live.value(&file.name)));
    lines.item(3, "Weight", format!("{}{}", file.weight, reversed(file.reverse)));
    tracking(&mut lines, vrrp, |instance| {
        let one = instance.track_files.iter().find(|one| one.file.0 == place)?;
        Some(format!("{}{}", one.weight, reversed(one.reverse)))
    });
    lines
}

/// `vrrp_track_process`.
pub(crate) fn process(vrrp: &Vrrp, place: usize, live: Option<&VrrpLive>) -> Lines {
    let mut lines = Lines::default();
    let Some(process) = vrrp.processes.get(place) else { return lines };
    lines.item(1, "VRRP Track process", &process.name);
    let (program, parameters) =
        process.process.split_first().map_or(("", &[][..]), |(one, rest)| (one, rest));
    lines.item(3, "Process", program);
    if !parameters.is_empty() {
        lines.item(3, "Parameters", parameters.join(" "));
    }
    let how = process.param_match.map(|how| match how {
        ParamMatch::Exact => "exact",
        ParamMatch::Partial => "partial",
        ParamMatch::Initial => "initial",
    });
    lines.optional(3, "Param match", how);
    lines.item(3, "Min processes", process.quorum);
    lines.optional(3, "Max processes", process.quorum_max);
    let live = live.and_then(|live| live.process(&process.name));
    if let Some((known, count)) = live {
        lines.item(3, "Current processes", count);
        lines.item(3, "Have quorum", true_false(known.up == Some(true)));
    }
    lines.item(3, "Weight", format!("{}{}", process.weight, reversed(process.reverse)));
    lines.item(3, "Terminate delay", format!("{}s", seconds(process.terminate_delay)));
    lines.item(3, "Fork delay", format!("{}s", seconds(process.fork_delay)));
    if let Some((known, _)) = live {
        let runs = |runs: bool| if runs { "running" } else { "not running" };
        lines.at(3, format!("Fork delay timer {}", runs(known.gains())));
        lines.at(3, format!("Terminate delay timer {}", runs(known.loses())));
    }
    lines.item(3, "Full command", true_false(process.full_command));
    tracking(&mut lines, vrrp, |instance| {
        let one = instance.track_processes.iter().find(|one| one.process.0 == place)?;
        Some(format!("{}{}", one.weight, reversed(one.reverse)))
    });
    lines
}

/// `bfd_instance` as the BFD process shows it: nothing is spoken, so each session is down.
pub(crate) fn bfd_down(session: &Bfd) -> Lines {
    let mut lines = bfd(session);
    lines.item(3, "local state", "Down");
    lines.item(3, "remote state", "Down");
    lines
}

/// `bfd_instance`.
pub(crate) fn bfd(session: &Bfd) -> Lines {
    let mut lines = Lines::default();
    lines.item(1, "BFD Instance", &session.name);
    lines.item(3, "Neighbor IP", session.neighbour);
    lines.optional(3, "Source IP", session.source);
    for (name, span) in [
        ("Required min RX interval", session.min_rx),
        ("Desired min TX interval", session.min_tx),
        ("Desired idle TX interval", session.idle_tx),
    ] {
        lines.item(3, name, format!("{} us", span.as_micros()));
    }
    lines.item(3, "Detection multiplier", session.multiplier);
    lines.item(3, "TTL", session.ttl);
    lines.item(
        3,
        "max_hops",
        session.max_hops.map_or_else(|| "-1".to_owned(), |hops| hops.to_string()),
    );
    lines.item(3, "passive", true_false(session.passive));
    let yes_no = |value| if value { "Yes" } else { "No" };
    lines.item(3, "send event to VRRP process", yes_no(session.for_vrrp));
    lines.item(3, "send event to checker process", yes_no(session.for_checkers));
    lines
}

/// A session that VRRP tracks. No process speaks BFD here, so it is never up.
pub(crate) fn bfd_use(config: &Config, place: usize, live: Option<&VrrpLive>) -> Option<Lines> {
    let session = config.bfd.get(place).filter(|session| session.for_vrrp)?;
    let mut lines = Lines::default();
    lines.item(1, "VRRP Track BFD", &session.name);
    lines.item(3, "Weight", track_weight(session.weight));
    if live.is_some() {
        lines.at(3, "Bfd is down");
    }
    lines.at(3, "Tracking VRRP instances :");
    tracking(&mut lines, &config.vrrp, |instance| {
        let one = instance.track_bfds.iter().find(|one| one.bfd.0 == place)?;
        Some(track_weight(one.weight))
    });
    Some(lines)
}

/// `2 sec`, `0.5 sec`.
fn span(span: Duration) -> String {
    format!("{} sec", span.to_string().trim_end_matches('s'))
}

fn tracking(lines: &mut Lines, vrrp: &Vrrp, weight: impl Fn(&Instance) -> Option<String>) {
    let entry =
        |instance: &Instance| Some(format!("{}, weight {}", instance.name, weight(instance)?));
    lines.list("Tracking instances", vrrp.instances.iter().filter_map(entry));
}
