//! `vrrp_instance` while it is read: what was said, nothing more.

use std::collections::HashMap;
use std::net::IpAddr;

use base::Duration;

use super::address::{self, AddressDraft};
use super::garp::GarpDraft;
use super::hmac::HmacDraft;
use super::split_brain::SplitBrainDraft;
use super::track::Tracks;
use super::tracked::Tracked;
use super::vmac::{self, IpvlanDraft, VmacDraft};
use super::{route, rule, set_script, unicast};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::network::{Route, Rule};
use crate::model::vrrp::{InitialState, NotifyScripts, Unicast};
use crate::parse::statement::Statement;
use crate::parse::value::Value;

/// A setting and where it was made.
pub(crate) type Placed<T> = Option<(T, Place)>;

/// A `vrrp_instance` while it is read.
pub(crate) struct InstanceDraft {
    pub name: String,
    pub place: Place,
    /// What it lacks was told where it should stand.
    pub lacks_told: bool,
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
    /// Where each of them stands.
    positions: HashMap<IpAddr, usize>,
    pub excluded: Vec<AddressDraft>,
    pub no_addresses: bool,
    pub native_ipv6: Placed<()>,
    /// The family, by the first address that was named.
    pub ipv4: Option<bool>,
    pub tracks: Tracks,
    pub notify: NotifyScripts,
    pub garp: GarpDraft,
    pub lower_prio_no_advert: Option<bool>,
    pub higher_prio_send_advert: Option<bool>,
    pub source: Placed<IpAddr>,
    pub destination: Placed<IpAddr>,
    pub unicast: Unicast,
    /// A keyword that only makes sense with `unicast_peer`.
    pub unicast_place: Option<Place>,
    pub unicast_ttl_place: Option<Place>,
    pub vmac: Option<VmacDraft>,
    pub vmac_addresses: bool,
    pub vmac_base: Placed<()>,
    pub ipvlan: Placed<IpvlanDraft>,
    pub vrf: Placed<String>,
    pub routes: Vec<Route>,
    pub rules: Vec<Rule>,
    pub hmac: Option<HmacDraft>,
    pub owner_ignore: Placed<bool>,
    pub checksum_as_v2: Option<bool>,
    pub timer_expired: Placed<u8>,
    pub receive_buffer: Option<u32>,
    pub linkbeat_polling: bool,
    /// `lvs_sync_daemon_interface`.
    pub sync_daemon: Placed<String>,
    pub dont_track_primary: bool,
    pub track_source: bool,
    pub promote_secondaries: bool,
    pub smtp_alert: Option<bool>,
    pub notify_priority_changes: Option<bool>,
    pub debug: u8,
    pub split_brain: SplitBrainDraft,
}

/// `auth_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthType {
    Pass,
    Ah,
}

impl InstanceDraft {
    pub(super) fn new(name: &str, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            place,
            lacks_told: false,
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
            positions: HashMap::new(),
            excluded: Vec::new(),
            no_addresses: false,
            native_ipv6: None,
            ipv4: None,
            tracks: Tracks::default(),
            notify: NotifyScripts::default(),
            garp: GarpDraft::default(),
            lower_prio_no_advert: None,
            higher_prio_send_advert: None,
            source: None,
            destination: None,
            unicast: Unicast::default(),
            unicast_place: None,
            unicast_ttl_place: None,
            vmac: None,
            vmac_addresses: false,
            vmac_base: None,
            ipvlan: None,
            vrf: None,
            routes: Vec::new(),
            rules: Vec::new(),
            hmac: None,
            owner_ignore: None,
            checksum_as_v2: None,
            timer_expired: None,
            receive_buffer: None,
            linkbeat_polling: false,
            sync_daemon: None,
            dont_track_primary: false,
            track_source: false,
            promote_secondaries: false,
            smtp_alert: None,
            notify_priority_changes: None,
            debug: 0,
            split_brain: SplitBrainDraft::default(),
        }
    }

    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        cx: &mut Context<'_>,
    ) {
        let name = statement.keyword.name;
        let owner =
            if name.starts_with("garp_") { format!("({}): ", self.name) } else { String::new() };
        if self.garp.leaf(name, &value, &owner, statement, cx)
            || self.election(name, &value, statement)
            || self.split_brain.leaf(statement, &value, &self.name, cx)
        {
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
            "garp_extra_if" | "vmac_garp_intvl" => {
                let owner = format!("({}): ", self.name);
                self.garp.extra = super::garp::extra(statement, &owner, cx).or(self.garp.extra);
            }
            "native_ipv6" => self.native_ipv6(statement, cx),
            "mcast_src_ip" | "unicast_src_ip" => self.source(name, &value, statement, cx),
            "mcast_dst_ip" => self.destination(&value, statement, cx),
            "notify_deleted" => {
                self.notify.report_deleted = true;
                let owner = format!("({}) ", self.name);
                set_script(&mut self.notify.deleted, value, &owner, statement, cx);
            }
            _ => self.script_or_unicast(name, value, statement, cx),
        }
    }

    fn native_ipv6(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        if self.ipv4 == Some(true) {
            let message = format!("({}) Cannot specify native_ipv6 with IPv4 addresses", self.name);
            let problem = Diagnostic::new(Code::BadAddress, message).at(statement.place());
            cx.report(problem.label("the addresses above are IPv4"));
            return;
        }
        self.ipv4 = Some(false);
        self.native_ipv6 = Some(((), statement.place()));
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
            _ => return self.unicast_or_interface(name, &value, statement, cx),
        };
        let owner = format!("({}) ", self.name);
        set_script(slot, value, &owner, statement, cx);
    }

    fn unicast_or_interface(
        &mut self,
        name: &str,
        value: &Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) {
        match name {
            "unicast_ttl" => {
                self.unicast.ttl = value.int();
                self.unicast_ttl_place = Some(statement.place());
            }
            "unicast_fault_no_peer" => self.unicast.fault_without_peer = true,
            "check_unicast_src" => self.unicast.check_source = true,
            "old_unicast_checksum" => self.unicast.old_checksum = Some(value.is_none()),
            _ => return self.interface_of_its_own(name, value, statement, cx),
        }
        if !matches!(name, "unicast_ttl" | "unicast_fault_no_peer") {
            self.unicast_place.get_or_insert_with(|| statement.place());
        }
    }

    fn interface_of_its_own(
        &mut self,
        name: &str,
        value: &Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) {
        let place = || statement.place();
        match name {
            "use_vmac" => self.vmac = Some(vmac::vmac(statement, cx)),
            "use_vmac_addr" => self.vmac_addresses = true,
            "vmac_xmit_base" => self.vmac_base = Some(((), place())),
            "use_ipvlan" => self.ipvlan = Some((vmac::ipvlan(statement, cx), place())),
            "vrf" => self.vrf = value.string().map(|vrf| (vrf, place())),
            "owner_ignore_adverts" => self.owner_ignore = Some((value.bool(), place())),
            "v3_checksum_as_v2" => self.checksum_as_v2 = Some(value.bool()),
            "timer_expired_backup" | "thread_timer_expired" => {
                self.timer_expired = Some((value.int().unwrap_or(254), place()));
            }
            "kernel_rx_buf_size" => self.receive_buffer = value.int(),
            "linkbeat_use_polling" => self.linkbeat_polling = true,
            "lvs_sync_daemon_interface" => {
                self.sync_daemon = value.string().map(|name| (name, place()));
            }
            _ => {}
        }
    }

    pub(super) fn hmac(
        &mut self,
        statement: &Statement<'_>,
        value: &Value<'_>,
        cx: &mut Context<'_>,
    ) {
        if let Some(hmac) = &mut self.hmac {
            hmac.leaf(&self.name, statement, value, cx);
        }
    }

    /// A block within the instance begins.
    pub(super) fn enter(&mut self, statement: &Statement<'_>) {
        match statement.keyword.name {
            "auth_hmac" => {
                self.hmac.get_or_insert_with(|| HmacDraft::new(statement.place_of(0)));
            }
            "unicast_peer" => {
                self.unicast_place.get_or_insert_with(|| statement.place_of(0));
            }
            _ => {}
        }
    }

    fn source(
        &mut self,
        name: &str,
        value: &Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) {
        let Value::Address(address) = value else { return };
        let ipv4 = address.is_ipv4();
        if *self.ipv4.get_or_insert(ipv4) != ipv4 {
            let message = format!(
                "Configuration error: VRRP instance[{}] and src address[{address}] MUST be of the \
                 same family !!! Skipping...",
                self.name
            );
            cx.report(Diagnostic::new(Code::BadAddress, message).at(statement.place_of(1)));
            return;
        }
        self.source = Some((*address, statement.place_of(1)));
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

    /// A value was no good. For most keywords nothing follows; a bad priority is 100. What the
    /// instance cannot do without need not be told once more.
    pub(super) fn invalid(&mut self, name: &str) {
        match name {
            "priority" => self.priority = Some((100, self.place.clone())),
            "interface" | "virtual_router_id" => self.lacks_told = true,
            _ => {}
        }
    }

    pub(super) fn entry(
        &mut self,
        statement: &Statement<'_>,
        known: &Tracked,
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
            "virtual_routes" => self.routes.extend(route::read(statement, cx).map(|one| one.item)),
            "virtual_rules" => self.rules.extend(rule::read(statement, cx).map(|one| one.item)),
            "unicast_peer" => {
                let peers = &mut self.unicast.peers;
                unicast::peer(statement, &self.name, peers, &mut self.ipv4, cx);
            }
            _ => {
                let _is_ours = self.tracks.entry(statement, &self.name, known, cx)
                    || self.split_brain.entry(statement, &self.name, cx);
            }
        }
    }

    /// The first address decides the family of the instance; others must be of the same.
    fn family_fits(&mut self, draft: &AddressDraft, cx: &mut Context<'_>) -> bool {
        let is_ipv4 = draft.net.addr().is_ipv4();
        let fits = *self.ipv4.get_or_insert(is_ipv4) == is_ipv4;
        if !fits {
            let shown = draft.place.marked();
            let message = format!(
                "({}): address family must match VRRP instance [{shown}] - ignoring",
                self.name
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
        let same = self.positions.get(&address).and_then(|at| self.addresses.get(*at));
        if let Some(first) = same {
            let message = format!(
                "({}): VIP duplicates a VIP {} - ignoring",
                self.name,
                draft.place.marked()
            );
            let problem = Diagnostic::new(Code::Duplicate, message).at(draft.place.clone());
            cx.report(problem.related(first.place.clone(), "first given here"));
            return;
        }
        self.positions.insert(address, self.addresses.len());
        self.addresses.push(draft);
    }
}
