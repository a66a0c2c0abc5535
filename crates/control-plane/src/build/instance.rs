//! `vrrp_instance` while it is read: what was said, nothing more.

use std::net::IpAddr;

use base::Duration;

use super::address::{self, AddressDraft};
use super::script::ScriptDraft;
use super::set_script;
use super::track::{self, TrackEntry};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::vrrp::{InitialState, NotifyScripts, Unicast};
use crate::parse::statement::Statement;
use crate::parse::value::Value;

/// A setting and where it was made.
pub(crate) type Placed<T> = Option<(T, Place)>;

/// A `vrrp_instance` while it is read.
pub(crate) struct InstanceDraft {
    pub name: String,
    pub place: Place,
    pub state: Placed<InitialState>,
    pub interface: Placed<String>,
    pub vrid: Placed<u8>,
    pub priority: Placed<u8>,
    pub version: Option<u8>,
    pub advert_interval: Placed<Duration>,
    pub down_timer_adverts: Placed<u8>,
    pub auth_type: Placed<AuthType>,
    pub auth_pass: Option<[u8; 8]>,
    pub nopreempt: Placed<bool>,
    pub preempt_delay: Placed<Duration>,
    pub accept: Placed<bool>,
    pub strict: Option<bool>,
    pub skip_check: Option<bool>,
    pub addresses: Vec<AddressDraft>,
    pub excluded: Vec<AddressDraft>,
    pub no_addresses: bool,
    pub native_ipv6: Placed<()>,
    /// The family, by the first address that was named.
    pub ipv4: Option<bool>,
    pub track_scripts: Vec<TrackEntry>,
    pub track_interfaces: Vec<TrackEntry>,
    pub notify: NotifyScripts,
    pub garp: GarpDraft,
    pub lower_prio_no_advert: Option<bool>,
    pub higher_prio_send_advert: Option<bool>,
    pub source: Placed<IpAddr>,
    pub destination: Placed<IpAddr>,
    pub unicast: Unicast,
    /// A keyword that only makes sense with `unicast_peer`.
    pub unicast_place: Option<Place>,
    pub dont_track_primary: bool,
    pub track_source: bool,
    pub promote_secondaries: bool,
    pub smtp_alert: Option<bool>,
    pub notify_priority_changes: Option<bool>,
    pub debug: u8,
}

/// `auth_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthType {
    Pass,
    Ah,
}

/// `garp_*`, as far as it was said.
#[derive(Clone, Debug, Default)]
pub(crate) struct GarpDraft {
    pub delay: Option<Duration>,
    pub repeat: Option<u32>,
    pub refresh: Option<Duration>,
    pub refresh_repeat: Option<u32>,
    pub lower_prio_delay: Option<Duration>,
    pub lower_prio_repeat: Option<u32>,
    pub interval: Option<Duration>,
    pub gna_interval: Option<Duration>,
    pub extra: Option<(Duration, bool)>,
}

impl GarpDraft {
    /// A `garp_*` keyword, without `vrrp_` in front; false when it is none.
    pub(super) fn leaf(&mut self, name: &str, value: &Value<'_>) -> bool {
        // 0 messages make no sense where a burst is asked for: keepalived sends one.
        let count = || value.int::<u32>().map(|count| count.max(1));
        match name {
            "garp_master_delay" => self.delay = value.seconds(),
            "garp_master_repeat" => self.repeat = count(),
            "garp_master_refresh" => self.refresh = value.seconds(),
            "garp_master_refresh_repeat" => self.refresh_repeat = count(),
            "garp_lower_prio_delay" => self.lower_prio_delay = value.seconds(),
            "garp_lower_prio_repeat" => self.lower_prio_repeat = value.int(),
            _ => return false,
        }
        true
    }
}

impl InstanceDraft {
    pub(super) fn new(name: &str, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            place,
            state: None,
            interface: None,
            vrid: None,
            priority: None,
            version: None,
            advert_interval: None,
            down_timer_adverts: None,
            auth_type: None,
            auth_pass: None,
            nopreempt: None,
            preempt_delay: None,
            accept: None,
            strict: None,
            skip_check: None,
            addresses: Vec::new(),
            excluded: Vec::new(),
            no_addresses: false,
            native_ipv6: None,
            ipv4: None,
            track_scripts: Vec::new(),
            track_interfaces: Vec::new(),
            notify: NotifyScripts::default(),
            garp: GarpDraft::default(),
            lower_prio_no_advert: None,
            higher_prio_send_advert: None,
            source: None,
            destination: None,
            unicast: Unicast::default(),
            unicast_place: None,
            dont_track_primary: false,
            track_source: false,
            promote_secondaries: false,
            smtp_alert: None,
            notify_priority_changes: None,
            debug: 0,
        }
    }

    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        cx: &mut Context<'_>,
    ) {
        let name = statement.keyword.name;
        if self.garp.leaf(name, &value) || self.election(name, &value, statement) {
            return;
        }
        match name {
            "interface" => {
                self.interface = value.string().map(|name| (name, statement.place_of(1)))
            }
            "accept" => self.accept = Some((true, statement.place())),
            "no_accept" => self.accept = Some((false, statement.place())),
            "strict_mode" => self.strict = Some(value.bool()),
            // Any valid BOOL, even a false one, switches it on.
            "skip_check_adv_addr" => self.skip_check = Some(true),
            "no_virtual_ipaddress" => self.no_addresses = true,
            "lower_prio_no_advert" => self.lower_prio_no_advert = Some(value.bool()),
            "higher_prio_send_advert" => self.higher_prio_send_advert = Some(value.bool()),
            "dont_track_primary" => self.dont_track_primary = true,
            "track_src_ip" => self.track_source = true,
            "promote_secondaries" => self.promote_secondaries = true,
            "smtp_alert" => self.smtp_alert = Some(value.bool()),
            "notify_priority_changes" => self.notify_priority_changes = Some(value.bool()),
            "debug" => self.debug = value.int().unwrap_or(0),
            "native_ipv6" => self.native_ipv6 = Some(((), statement.place())),
            "mcast_src_ip" | "unicast_src_ip" => self.source(name, &value, statement),
            "mcast_dst_ip" => self.destination(&value, statement, cx),
            "notify_deleted" => {
                self.notify.report_deleted = true;
                let owner = format!("({}) ", self.name);
                set_script(&mut self.notify.deleted, value, &owner, statement, cx);
            }
            _ => self.script_or_unicast(name, value, statement, cx),
        }
    }

    /// What an election depends on; false when the keyword is none of it.
    fn election(&mut self, name: &str, value: &Value<'_>, statement: &Statement<'_>) -> bool {
        let place = || statement.place();
        match name {
            "state" => {
                let master = value.text() == Some("MASTER");
                let state = if master { InitialState::Master } else { InitialState::Backup };
                self.state = Some((state, place()));
            }
            "virtual_router_id" => self.vrid = value.int().map(|vrid| (vrid, place())),
            "priority" => self.priority = value.int().map(|priority| (priority, place())),
            "version" => self.version = value.int(),
            "advert_int" => self.advert_interval = value.time().map(|time| (time, place())),
            "down_timer_adverts" => {
                self.down_timer_adverts = value.int().map(|count| (count, place()));
            }
            "preempt" => self.nopreempt = None,
            "nopreempt" => self.nopreempt = Some((true, place())),
            "preempt_delay" => self.preempt_delay = value.time().map(|time| (time, place())),
            _ => return false,
        }
        true
    }

    fn script_or_unicast(
        &mut self,
        name: &str,
        value: Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) {
        let slot = match name {
            "notify_master" => &mut self.notify.master,
            "notify_backup" => &mut self.notify.backup,
            "notify_fault" => &mut self.notify.fault,
            "notify_stop" => &mut self.notify.stop,
            "notify" => &mut self.notify.generic,
            "notify_master_rx_lower_pri" => &mut self.notify.master_rx_lower_pri,
            _ => return self.unicast(name, &value, statement),
        };
        let owner = format!("({}) ", self.name);
        set_script(slot, value, &owner, statement, cx);
    }

    fn unicast(&mut self, name: &str, value: &Value<'_>, statement: &Statement<'_>) {
        match name {
            "unicast_ttl" => self.unicast.ttl = value.int(),
            "unicast_fault_no_peer" => self.unicast.fault_without_peer = true,
            "check_unicast_src" => self.unicast.check_source = true,
            "old_unicast_checksum" => self.unicast.old_checksum = Some(value.is_none()),
            _ => return,
        }
        if !matches!(name, "unicast_ttl" | "unicast_fault_no_peer") {
            self.unicast_place.get_or_insert_with(|| statement.place());
        }
    }

    fn source(&mut self, name: &str, value: &Value<'_>, statement: &Statement<'_>) {
        let Value::Address(address) = value else { return };
        self.source = Some((*address, statement.place_of(1)));
        let ipv4 = address.is_ipv4();
        self.ipv4.get_or_insert(ipv4);
        if name == "unicast_src_ip" {
            self.unicast_place.get_or_insert_with(|| statement.place());
        }
    }

    fn destination(&mut self, value: &Value<'_>, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let Value::Address(address) = value else { return };
        if address.is_multicast() {
            self.destination = Some((*address, statement.place_of(1)));
            return;
        }
        let message = format!("({}) mcast_dst_ip {address} not multicast. Skipping...", self.name);
        cx.report(Diagnostic::new(Code::BadAddress, message).at(statement.place_of(1)));
    }

    pub(super) fn authentication(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        cx: &mut Context<'_>,
    ) {
        let Some(text) = value.text() else { return };
        if statement.keyword.name == "auth_type" {
            let kind = if text == "AH" { AuthType::Ah } else { AuthType::Pass };
            self.auth_type = Some((kind, statement.place()));
            return;
        }
        let mut password = [0; 8];
        for (to, from) in password.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        self.auth_pass = Some(password);
        if text.len() > password.len() {
            let problem = Diagnostic::new(Code::Truncated, "Truncating auth_pass to 8 characters");
            cx.report(problem.at(statement.place_of(1)).label("longer than 8 characters"));
        }
    }

    /// A value was no good. For most keywords nothing follows; a bad priority is 100.
    pub(super) fn invalid(&mut self, name: &str) {
        if name == "priority" {
            self.priority = Some((100, self.place.clone()));
        }
    }

    pub(super) fn entry(
        &mut self,
        statement: &Statement<'_>,
        scripts: &[ScriptDraft],
        cx: &mut Context<'_>,
    ) {
        match statement.keyword.name {
            "virtual_ipaddress" => {
                let draft = address::read(statement, cx);
                if let Some(draft) = draft.filter(|draft| self.family_fits(draft, cx)) {
                    self.add_address(draft, cx);
                }
            }
            "virtual_ipaddress_excluded" => self.excluded.extend(address::read(statement, cx)),
            "track_script" => self.track_script(statement, scripts, cx),
            "track_interface" => {
                let entry = track::read(statement, &self.name, 253, cx);
                self.track_interfaces.extend(entry);
            }
            _ => {}
        }
    }

    /// The first address decides the family of the instance; others must be of the same.
    fn family_fits(&mut self, draft: &AddressDraft, cx: &mut Context<'_>) -> bool {
        let is_ipv4 = draft.net.addr().is_ipv4();
        let fits = *self.ipv4.get_or_insert(is_ipv4) == is_ipv4;
        if !fits {
            let message = format!(
                "({}): address family must match VRRP instance [{}] - ignoring",
                self.name, draft.net
            );
            let family = if is_ipv4 { "IPv6" } else { "IPv4" };
            let problem = Diagnostic::new(Code::BadAddress, message).at(draft.place.clone());
            cx.report(
                problem.label(format!("the first address makes this an {family} instance")).help(
                    "put addresses of the other family into virtual_ipaddress_excluded, or into an \
                 instance of their own",
                ),
            );
        }
        fits
    }

    fn add_address(&mut self, draft: AddressDraft, cx: &mut Context<'_>) {
        let address = draft.net.addr();
        let same = self.addresses.iter().find(|one| one.net.addr() == address);
        if let Some(first) = same {
            let message = format!("({}): VIP duplicates a VIP {address} - ignoring", self.name);
            let problem = Diagnostic::new(Code::Duplicate, message).at(draft.place.clone());
            cx.report(problem.related(first.place.clone(), "first given here"));
            return;
        }
        self.addresses.push(draft);
    }

    fn track_script(
        &mut self,
        statement: &Statement<'_>,
        scripts: &[ScriptDraft],
        cx: &mut Context<'_>,
    ) {
        let Some(entry) = track::read(statement, &self.name, 253, cx) else { return };
        let name = &self.name;
        if self.track_scripts.iter().any(|one| one.name == entry.name) {
            let message = format!("({name}) duplicate track_script {} - ignoring", entry.name);
            cx.report(Diagnostic::new(Code::Duplicate, message).at(entry.place));
        } else if scripts.iter().any(|script| script.name == entry.name) {
            self.track_scripts.push(entry);
        } else {
            let message = format!("({name}) track script {} not found, ignoring...", entry.name);
            let problem = Diagnostic::new(Code::NotFound, message).at(entry.place);
            cx.report(
                problem
                    .label("no vrrp_script of that name above")
                    .help("a vrrp_script must stand before the vrrp_instance that tracks it"),
            );
        }
    }
}
