//! `keepalived.json`: instances and their counters for programs. Version 1 is an array; version 2
//! has room for more beside it.

use std::io;

use base::Duration;
use control_plane::Config;
use control_plane::model::tracking::{ParamMatch, TrackProcess};
use control_plane::model::{Authentication, Command, Instance, Preempt, Version};
use serde::Serialize;
use serde::ser::Serializer;
use serde_json::ser::Formatter;
use vrrp_stack::{InstanceView, SplitBrainStatistics, State, Statistics, StrayStatistics};

use crate::instance::{address_of, route_of};
use crate::instance_state::wanted_number;
use crate::layout::quoted;
use crate::live::{Clock, VrrpLive, state_number};
use crate::network;
use crate::split_brain;

/// All instances as one line; `None` when there is none, as keepalived writes no file then.
///
/// # Errors
/// None is known: every value can be written.
pub fn json(
    config: &Config,
    live: &VrrpLive,
    clock: Clock,
) -> Result<Option<String>, serde_json::Error> {
    let instances: Vec<Entry> = config
        .vrrp
        .instances
        .iter()
        .filter_map(|one| Some(entry(config, one, live.instance(&one.name)?, clock)))
        .collect();
    if instances.is_empty() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let mut out = serde_json::Serializer::with_formatter(&mut bytes, EscapedSlash);
    match config.global.files.json_version {
        Some(2) => {
            let track_process = processes(config, live);
            let stray = &live.stack.stray;
            let stray_packets = (*stray != StrayStatistics::default()).then(|| stray.clone());
            Second { vrrp: instances, track_process, stray_packets }.serialize(&mut out)?;
        }
        _ => instances.serialize(&mut out)?,
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// keepalived writes `/` as `\/`.
struct EscapedSlash;

impl Formatter for EscapedSlash {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        writer.write_all(fragment.replace('/', "\\/").as_bytes())
    }
}

#[derive(Serialize)]
struct Second {
    vrrp: Vec<Entry>,
    track_process: Vec<Process>,
    /// Packets that belong to no instance, where there were any; keepalived has none of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stray_packets: Option<StrayStatistics>,
}

/// A `vrrp_track_process`.
#[derive(Serialize)]
struct Process {
    process: String,
    param_match: &'static str,
    min_processes: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_processes: Option<u32>,
    current_processes: u32,
    have_quorum: bool,
    weight: i16,
    terminate_delay: f64,
    fork_delay: f64,
    fork_delay_timer_running: bool,
    terminate_delay_timer_running: bool,
    full_command: bool,
}

fn processes(config: &Config, live: &VrrpLive) -> Vec<Process> {
    // Delays are at most an hour, so nothing is lost.
    let seconds = |span: Duration| span.as_micros() as f64 / 1e6;
    let process = |one: &TrackProcess| {
        let (known, count) = live.process(&one.name)?;
        Some(Process {
            process: one.name.clone(),
            param_match: one.param_match.map_or("none", |how| match how {
                ParamMatch::Exact => "exact",
                ParamMatch::Partial => "partial",
                ParamMatch::Initial => "initial",
            }),
            min_processes: one.quorum,
            max_processes: one.quorum_max,
            current_processes: count,
            have_quorum: known.up == Some(true),
            weight: one.weight,
            terminate_delay: seconds(one.terminate_delay),
            fork_delay: seconds(one.fork_delay),
            fork_delay_timer_running: known.gains(),
            terminate_delay_timer_running: known.loses(),
            full_command: one.full_command,
        })
    };
    config.vrrp.processes.iter().filter_map(process).collect()
}

#[derive(Serialize)]
struct Entry {
    data: Data,
    stats: Counters,
}

/// What an instance is set to be and is, in keepalived's order.
#[derive(Serialize)]
struct Data {
    iname: String,
    dont_track_primary: u8,
    skip_check_adv_addr: u8,
    strict_mode: u8,
    vmac_ifname: String,
    ifp_ifname: String,
    master_priority: u8,
    last_transition: Seconds,
    garp_delay: Seconds,
    garp_refresh: Seconds,
    garp_rep: u32,
    garp_refresh_rep: u32,
    garp_lower_prio_delay: Seconds,
    garp_lower_prio_rep: u32,
    lower_prio_no_advert: u8,
    higher_prio_send_advert: u8,
    vrid: u8,
    base_priority: u8,
    effective_priority: u8,
    vipset: bool,
    promote_secondaries: bool,
    adver_int: Seconds,
    master_adver_int: Seconds,
    accept: u8,
    nopreempt: bool,
    preempt_delay: Seconds,
    state: u8,
    wantstate: u8,
    version: u8,
    smtp_alert: bool,
    notify_deleted: bool,
    #[serde(flatten)]
    scripts: Scripts,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evips: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vroutes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vrules: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_ifp: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_script: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    track_process: Vec<String>,
    auth_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_data: Option<&'static str>,
}

/// Notify scripts, each with its words in quotes.
#[derive(Serialize)]
struct Scripts {
    #[serde(skip_serializing_if = "Option::is_none")]
    script_backup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_master: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_stop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_deleted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_master_rx_lower_pri: Option<String>,
}

#[derive(Serialize)]
struct Counters {
    advert_rcvd: u64,
    advert_sent: u64,
    become_master: u64,
    release_master: u64,
    packet_len_err: u64,
    advert_interval_err: u64,
    ip_ttl_err: u64,
    invalid_type_rcvd: u64,
    addr_list_err: u64,
    invalid_authtype: u64,
    authtype_mismatch: u64,
    auth_failure: u64,
    auth_ext_missing: u64,
    auth_ext_malformed: u64,
    auth_ext_unknown_key: u64,
    auth_ext_invalid_hmac: u64,
    auth_ext_stale: u64,
    auth_ext_replay: u64,
    pri_zero_rcvd: u64,
    pri_zero_sent: u64,
    /// Where there were any, as keepalived does not count them.
    #[serde(skip_serializing_if = "is_zero")]
    version_err: u64,
    #[serde(skip_serializing_if = "is_zero")]
    checksum_err: u64,
    /// Where any of it is configured; keepalived has none of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    split_brain: Option<SplitBrainStatistics>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A number of seconds: whole ones without a fraction, because readers take them for integers.
struct Seconds(Duration);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (whole, fraction) = (self.0.as_secs(), self.0.subsec_micros());
        if fraction == 0 {
            return serializer.serialize_u64(whole);
        }
        // Exact for the coming 200 years: 2^53 microseconds and more.
        #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit into 53 bits")]
        serializer.serialize_f64(self.0.as_micros() as f64 / 1_000_000.0)
    }
}

fn entry(config: &Config, one: &Instance, view: &InstanceView, clock: Clock) -> Entry {
    Entry { data: data(config, one, view, clock), stats: counters(one, &view.known.statistics) }
}

fn data(config: &Config, one: &Instance, view: &InstanceView, clock: Clock) -> Data {
    let (state, set) = (view.known.state, view.known.state.is_master());
    let heard = match state {
        State::Backup(backup) => Some(backup),
        _ => None,
    };
    let (vmac, interface) = interface_names(one);
    let changed = view.known.last_transition.map(|when| clock.moment.wall_at(when));
    let (auth_type, auth_data) = match one.authentication {
        Authentication::None => (0, None),
        Authentication::Pass(_) => (1, Some("********")),
        Authentication::Ah(_) => (2, Some("********")),
    };
    let vrrp = &config.vrrp;
    let scripts = one.track_scripts.iter().filter_map(|one| vrrp.scripts.get(one.script.0));
    let processes = one.track_processes.iter().filter_map(|one| vrrp.processes.get(one.process.0));
    Data {
        iname: one.name.clone(),
        dont_track_primary: one.dont_track_primary.into(),
        skip_check_adv_addr: one.skip_check_advert_addresses.into(),
        strict_mode: one.strict.into(),
        vmac_ifname: vmac,
        ifp_ifname: interface,
        master_priority: heard.and_then(|one| one.active).map_or(0, |active| active.priority),
        last_transition: Seconds(changed.unwrap_or_default()),
        garp_delay: Seconds(one.garp.delay),
        garp_refresh: Seconds(one.garp.refresh),
        garp_rep: one.garp.repeat,
        garp_refresh_rep: one.garp.refresh_repeat,
        garp_lower_prio_delay: Seconds(one.garp.lower_prio_delay),
        garp_lower_prio_rep: one.garp.lower_prio_repeat,
        lower_prio_no_advert: one.lower_prio_no_advert.into(),
        higher_prio_send_advert: one.higher_prio_send_advert.into(),
        vrid: one.vrid.get(),
        base_priority: one.priority.get(),
        effective_priority: view.known.priority,
        vipset: set,
        promote_secondaries: one.promote_secondaries,
        adver_int: Seconds(one.advert_interval),
        master_adver_int: Seconds(heard.map_or(one.advert_interval, |backup| backup.interval)),
        accept: one.accept.into(),
        nopreempt: one.preempt == Preempt::Never,
        preempt_delay: Seconds(match one.preempt {
            Preempt::After(delay) => delay,
            Preempt::Never => Duration::ZERO,
        }),
        state: state_number(state),
        wantstate: wanted_number(one, state),
        version: match one.version {
            Version::V2 => 2,
            Version::V3 => 3,
        },
        smtp_alert: one.smtp_alert,
        notify_deleted: one.notify.report_deleted,
        scripts: notify_scripts(one),
        vips: one.virtual_addresses.iter().map(|net| address_of(one, net, set)).collect(),
        evips: one.excluded_addresses.iter().map(|net| address_of(one, net, set)).collect(),
        vroutes: one.routes.iter().map(|route| route_of(one, route)).collect(),
        vrules: one.rules.iter().map(network::rule).collect(),
        track_ifp: one.track_interfaces.iter().map(|one| one.interface.clone()).collect(),
        track_script: scripts.map(|script| quoted(&script.command)).collect(),
        track_process: processes.map(|process| process.name.clone()).collect(),
        auth_type,
        auth_data,
    }
}

/// The VMAC's name, empty without one, and the name of the interface that is used.
fn interface_names(one: &Instance) -> (String, String) {
    match one.vmac_name() {
        None => (String::new(), one.interface.clone()),
        Some(name) => (name.to_string(), name.into_owned()),
    }
}

fn notify_scripts(one: &Instance) -> Scripts {
    let words = |command: &Option<Command>| command.as_ref().map(quoted);
    Scripts {
        script_backup: words(&one.notify.backup),
        script_master: words(&one.notify.master),
        script_fault: words(&one.notify.fault),
        script_stop: words(&one.notify.stop),
        script_deleted: words(&one.notify.deleted),
        script: words(&one.notify.generic),
        script_master_rx_lower_pri: words(&one.notify.master_rx_lower_pri),
    }
}

fn counters(one: &Instance, counted: &Statistics) -> Counters {
    Counters {
        advert_rcvd: counted.advert_received,
        advert_sent: counted.advert_sent,
        become_master: counted.become_master,
        release_master: counted.release_master,
        packet_len_err: counted.packet_length_errors,
        advert_interval_err: counted.advert_interval_errors,
        ip_ttl_err: counted.ttl_errors,
        invalid_type_rcvd: counted.invalid_type,
        addr_list_err: counted.address_list_errors,
        invalid_authtype: counted.invalid_auth_type,
        authtype_mismatch: counted.auth_type_mismatch,
        auth_failure: counted.auth_failure,
        auth_ext_missing: counted.trailers.missing,
        auth_ext_malformed: counted.trailers.malformed,
        auth_ext_unknown_key: counted.trailers.unknown_key,
        auth_ext_invalid_hmac: counted.trailers.invalid_hmac,
        auth_ext_stale: counted.trailers.stale,
        auth_ext_replay: counted.trailers.replay,
        pri_zero_rcvd: counted.priority_zero_received,
        pri_zero_sent: counted.priority_zero_sent,
        version_err: counted.version_errors,
        checksum_err: counted.checksum_errors,
        split_brain: split_brain::is_used(one).then(|| counted.split_brain.clone()),
    }
}
