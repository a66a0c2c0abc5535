//! `vrrp_instance`, `vrrp_sync_group` and what the VRRP process keeps beside them.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use base::{Duration, IpNet, Priority, Shared, Vrid, Weight};
use serde::{Deserialize, Serialize};

use super::Command;
use super::global::MulticastGroups;
use super::network::{Route, Rule, StaticItem};
use super::own_link::OwnLink;
use super::rare::{Rare, Usual};
use super::split_brain::{Arbiter, SplitBrain};
use super::tracking::{
    TrackBfd, TrackFile, TrackFileUse, TrackInterface, TrackProcess, TrackProcessUse, TrackScript,
    VrrpScript,
};

/// Everything the VRRP stack is configured with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vrrp {
    /// `vrrp_script` blocks; [`ScriptId`](super::ScriptId) counts in here.
    pub scripts: Vec<VrrpScript>,
    /// `vrrp_instance` blocks, in the order of the file. Who acts by them holds them, too.
    pub instances: Shared<Vec<Instance>>,
    /// `vrrp_sync_group` blocks, in the order of the file.
    pub sync_groups: Vec<SyncGroup>,
    /// `track_file` blocks; [`FileId`](super::FileId) counts in here.
    pub files: Vec<TrackFile>,
    /// `vrrp_track_process` blocks; [`ProcessId`](super::ProcessId) counts in here.
    pub processes: Vec<TrackProcess>,
    /// `static_ipaddress`.
    pub static_addresses: Vec<StaticItem<VirtualAddress>>,
    /// `static_routes`.
    pub static_routes: Vec<StaticItem<Route>>,
    /// `static_rules`.
    pub static_rules: Vec<StaticItem<Rule>>,
    /// `track_group` blocks.
    pub track_groups: Vec<TrackGroup>,
    /// `garp_group` blocks.
    pub garp_groups: Vec<GarpGroup>,
    /// `linkbeat_interfaces`.
    pub linkbeat: Vec<Linkbeat>,
    /// `linkbeat_use_polling`, of every interface.
    pub linkbeat_polling: bool,
    /// `interface_up_down_delays`.
    pub link_delays: Vec<LinkDelay>,
    /// `vrrp_startup_delay`.
    pub startup_delay: Duration,
    /// `vrrp_delay_after_boot`.
    pub delay_after_boot: Duration,
    /// `log_unknown_vrids`.
    pub log_unknown_vrids: bool,
    /// `dynamic_interfaces`: interfaces may come later than the daemon.
    pub dynamic_interfaces: bool,
    /// `dynamic_interfaces allow_if_changes`.
    pub dynamic_base_interfaces: bool,
    /// `vrrp_mcast_group4`, `vrrp_mcast_group6`.
    pub multicast: MulticastGroups,
    /// `fifo_write_vrrp_states_on_reload`.
    pub fifo_states_on_reload: bool,
    /// `vrrp_arbiter` blocks; [`ArbiterId`](super::ArbiterId) counts in here.
    pub arbiters: Vec<Arbiter>,
}

/// `vrrp_instance NAME { ... }`: one virtual router (RFC 9568 section 5.2.3) on one interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// `state`: what it would like to be. Only an owner starts as MASTER at once.
    pub wanted_state: InitialState,
    /// `interface`: where adverts are sent and heard. Empty for unicast that any interface serves.
    pub interface: String,
    /// `virtual_router_id`.
    pub vrid: Vrid,
    /// `priority`, before tracking.
    pub priority: Priority,
    /// Protocol version: `version`, `vrrp_version`, or what the addresses need.
    pub version: Version,
    /// `advert_int`: whole seconds in version 2, hundredths in version 3.
    pub advert_interval: Duration,
    /// `down_timer_adverts`: adverts missed before the master counts as gone; default 3.
    pub down_timer_adverts: u8,
    /// `authentication`; only version 2 has any.
    pub authentication: Authentication,
    /// `nopreempt`, `preempt_delay`.
    pub preempt: Preempt,
    /// Strict or `no_accept`: packets to the addresses are dropped unless this node owns them.
    pub accept: bool,
    /// Strict RFC behaviour, `vrrp_strict` or `strict_mode`.
    pub strict: bool,
    /// `skip_check_adv_addr`: an unchanged list of the same master is not compared again.
    pub skip_check_advert_addresses: bool,
    /// `virtual_ipaddress`: announced in adverts, in this order.
    pub virtual_addresses: Vec<VirtualAddress>,
    /// `track_script`.
    pub track_scripts: Vec<TrackScript>,
    /// `notify*`.
    pub notify: Rare<NotifyScripts>,
    /// How addresses are announced to switches and neighbours.
    pub garp: Garp,
    /// `lower_prio_no_advert`: a lower advert is not answered with one of our own.
    pub lower_prio_no_advert: bool,
    /// `higher_prio_send_advert`: one more advert before yielding to a higher one.
    pub higher_prio_send_advert: bool,
    /// `native_ipv6`, or known from a source or peer: IPv6, whatever the addresses are.
    pub native_ipv6: bool,
    /// `virtual_ipaddress_excluded`: held while MASTER, not announced in adverts.
    pub excluded_addresses: Vec<VirtualAddress>,
    /// `virtual_routes`.
    pub routes: Vec<Route>,
    /// `virtual_rules`.
    pub rules: Vec<Rule>,
    /// `mcast_src_ip`, `unicast_src_ip`: the source of adverts.
    pub source: Option<IpAddr>,
    /// `track_src_ip`: FAULT while the source address is absent.
    pub track_source: bool,
    /// An earlier instance has its interface, family, kind and virtual router id: FAULT for good.
    pub duplicate_of: Option<String>,
    /// `mcast_dst_ip`; `None` is the multicast group of `global_defs`.
    pub destination: Option<IpAddr>,
    /// `unicast_peer`; `None` is multicast.
    pub unicast: Option<Unicast>,
    /// `use_vmac`, `use_ipvlan`.
    pub vmac: Vmac,
    /// `vrf`.
    pub vrf: Option<String>,
    /// The interfaces that it makes: its own first, then those of single addresses.
    pub own_links: Vec<OwnLink>,
    /// `dont_track_primary`: the state of the own interface does not matter.
    pub dont_track_primary: bool,
    /// `track_interface`.
    pub track_interfaces: Vec<TrackInterface>,
    /// `track_file`.
    pub track_files: Vec<TrackFileUse>,
    /// `track_process`.
    pub track_processes: Vec<TrackProcessUse>,
    /// `track_bfd`.
    pub track_bfds: Vec<TrackBfd>,
    /// `auth_hmac`.
    pub hmac: Option<Hmac>,
    /// `owner_ignore_adverts`.
    pub owner_ignore_adverts: bool,
    /// `v3_checksum_as_v2`: version 3 over IPv4 without pseudo header in the checksum.
    pub checksum_as_v2: bool,
    /// `timer_expired_backup`: a master that was late steps down; the peers' highest priority.
    pub timer_expired_backup: Option<Priority>,
    /// `kernel_rx_buf_size`, bytes.
    pub receive_buffer: Option<u32>,
    /// `promote_secondaries`.
    pub promote_secondaries: bool,
    /// `linkbeat_use_polling` of this instance.
    pub linkbeat_polling: bool,
    /// `smtp_alert`, with the defaults of `global_defs`.
    pub smtp_alert: bool,
    /// `notify_priority_changes`, with the default of `global_defs`.
    pub notify_priority_changes: bool,
    /// `debug`: 0 to 4, only shown in dumps.
    pub debug: u8,
    /// What it does against split brain.
    pub split_brain: SplitBrain,
}

impl Instance {
    /// An instance that says nothing but what it must: everything else is keepalived's default.
    pub fn new(name: impl Into<String>, interface: impl Into<String>, vrid: Vrid) -> Self {
        Self {
            name: name.into(),
            wanted_state: InitialState::Backup,
            interface: interface.into(),
            vrid,
            priority: Priority::DEFAULT,
            version: Version::V2,
            advert_interval: Duration::from_secs(1),
            down_timer_adverts: 3,
            authentication: Authentication::None,
            preempt: Preempt::After(Duration::ZERO),
            accept: true,
            strict: false,
            skip_check_advert_addresses: false,
            virtual_addresses: Vec::new(),
            track_scripts: Vec::new(),
            notify: Rare::default(),
            garp: Garp::default(),
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            native_ipv6: false,
            excluded_addresses: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            source: None,
            track_source: false,
            duplicate_of: None,
            destination: None,
            unicast: None,
            vmac: Vmac::None,
            vrf: None,
            own_links: Vec::new(),
            dont_track_primary: false,
            track_interfaces: Vec::new(),
            track_files: Vec::new(),
            track_processes: Vec::new(),
            track_bfds: Vec::new(),
            hmac: None,
            owner_ignore_adverts: false,
            checksum_as_v2: false,
            timer_expired_backup: None,
            receive_buffer: None,
            promote_secondaries: false,
            linkbeat_polling: false,
            smtp_alert: false,
            notify_priority_changes: false,
            debug: 0,
            split_brain: SplitBrain::default(),
        }
    }

    /// Whether the instance lives on IPv4 or, else, on IPv6: by its first address.
    pub fn is_ipv4(&self) -> bool {
        let by_address = self.virtual_addresses.first().is_none_or(|vip| vip.address().is_ipv4());
        by_address && !self.native_ipv6
    }

    /// The name of the interface that `use_vmac` or `use_ipvlan` gives the instance, if one does. One
    /// that is left out of the run got no name; it is shown as keepalived's default, `vrrp.VRID`.
    pub fn vmac_name(&self) -> Option<Cow<'_, str>> {
        let (Vmac::Macvlan { name, .. } | Vmac::Ipvlan { name, .. }) = &self.vmac else {
            return None;
        };
        let default = || Cow::Owned(format!("vrrp.{}", self.vrid));
        Some(name.as_deref().map_or_else(default, Cow::Borrowed))
    }
}

/// `state MASTER|BACKUP`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum InitialState {
    /// `state MASTER`.
    Master,
    /// `state BACKUP`.
    #[default]
    Backup,
}

/// VRRP's protocol version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Version {
    /// RFC 3768, IPv4 only.
    #[default]
    V2,
    /// RFC 9568.
    V3,
}

/// `auth_type`, `auth_pass` (RFC 2338 section 5.3.6; dropped from the protocol since).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Authentication {
    /// None.
    #[default]
    None,
    /// `PASS`: the password in clear, padded with zero bytes, cut after eight.
    Pass([u8; 8]),
    /// `AH`: an IPsec authentication header (RFC 2402) with that key.
    Ah([u8; 8]),
}

/// `auth_hmac`: keepalived's own HMAC-SHA256 trailer with replay protection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hmac {
    /// `key ID SECRET`.
    pub keys: Vec<HmacKey>,
    /// `active_key`: the one for sending.
    pub active: u8,
    /// `time_window`; default three advert intervals, at least 5 s.
    pub time_window: Duration,
    /// `anti_replay monotonic`: sequence numbers only, no clock.
    pub monotonic: bool,
    /// `mode`.
    pub mode: HmacMode,
}

/// A key of `auth_hmac`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HmacKey {
    /// 1 to 255.
    pub id: u8,
    /// Its bytes, 32 to 64: of the text, of `hex:DIGITS`, or in the file of `file:PATH`.
    pub secret: Vec<u8>,
}

/// `mode` of `auth_hmac`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HmacMode {
    /// Send and require.
    #[default]
    Enforce,
    /// Send; adverts without a trailer are accepted.
    Permissive,
    /// Do not send.
    ReceiveOnly,
}

/// What a backup does about a master of lower priority (RFC 9568 section 6.1, Preempt_Mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Preempt {
    /// `nopreempt`: leave it.
    Never,
    /// Take over once `preempt_delay` (default none) has passed since the start.
    After(Duration),
}

/// `unicast_peer` and its kin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unicast {
    /// Where adverts go to.
    pub peers: Vec<UnicastPeer>,
    /// `unicast_ttl`; default 255.
    pub ttl: Option<u8>,
    /// `check_unicast_src`: adverts of others than the peers are dropped.
    pub check_source: bool,
    /// `unicast_fault_no_peer`: without a peer the instance is in FAULT.
    pub fault_without_peer: bool,
    /// `old_unicast_checksum`; `None` switches when a peer is seen using it.
    pub old_checksum: Option<bool>,
}

/// One entry of `unicast_peer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UnicastPeer {
    /// Its address.
    pub address: IpAddr,
    /// `min_ttl`: adverts that came with less are dropped.
    pub min_ttl: u8,
    /// `max_ttl`: adverts that came with more are dropped.
    pub max_ttl: u8,
}

/// `use_vmac`, `use_ipvlan`: an interface of the instance's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Vmac {
    /// The plain interface.
    #[default]
    None,
    /// `use_vmac`: a private macvlan with the virtual router's MAC.
    Macvlan {
        /// Its name; default is made of `vmac_prefix` and VRID.
        name: Option<String>,
        /// Its MAC; default 00:00:5e:00:01/02:VRID (RFC 9568 section 7.3).
        mac: Option<[u8; 6]>,
        /// `vmac_xmit_base`: adverts leave by the base interface.
        transmit_base: bool,
        /// `use_vmac_addr`: also one for addresses on other interfaces.
        for_addresses: bool,
        /// `netlink_notify_msg`.
        netlink_notify: bool,
        /// `group`: the interface group, as written.
        group: Option<String>,
    },
    /// `use_ipvlan`.
    Ipvlan {
        /// Its name.
        name: Option<String>,
        /// Its address.
        address: Option<IpAddr>,
        /// `bridge` (default), `private`, `vepa`.
        mode: IpvlanMode,
        /// `group`: the interface group, as written.
        group: Option<String>,
    },
}

/// How ipvlan interfaces of one base see each other.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum IpvlanMode {
    /// Directly.
    #[default]
    Bridge,
    /// Not at all.
    Private,
    /// By way of the switch.
    Vepa,
}

/// One entry of `virtual_ipaddress`, `virtual_ipaddress_excluded`, `static_ipaddress`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VirtualAddress {
    /// Address and prefix length; /32 or /128 when the file names none.
    pub net: IpNet,
    /// `dev`, or the interface of the instance.
    pub interface: String,
    /// `label` (IPv4 only; at most 15 bytes).
    pub label: Option<String>,
    /// `scope`.
    pub scope: AddressScope,
    /// `brd` (IPv4 only); `None` sets none.
    pub broadcast: Option<Ipv4Addr>,
    /// `peer`: the other end of a point-to-point link.
    pub peer: Option<IpAddr>,
    /// `home`, `-nodad`, `mngtmpaddr`, `noprefixroute`, `autojoin`.
    pub flags: AddressFlags,
    /// `preferred_lft`, seconds; `None` is for ever.
    pub preferred_lifetime: Option<u32>,
    /// `no_track`: it is not put back when somebody removes it.
    pub no_track: bool,
    /// `use_vmac`: on a VMAC of its own.
    pub use_vmac: bool,
}

impl VirtualAddress {
    /// An address without options.
    pub fn new(net: IpNet, interface: impl Into<String>) -> Self {
        Self {
            net,
            interface: interface.into(),
            label: None,
            scope: AddressScope::default(),
            broadcast: None,
            peer: None,
            flags: AddressFlags::default(),
            preferred_lifetime: None,
            no_track: false,
            use_vmac: false,
        }
    }

    /// The address itself.
    pub fn address(&self) -> IpAddr {
        self.net.addr()
    }
}

/// `scope` as the kernel counts it: 0 global, 253 link, 254 host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AddressScope(pub u8);

/// Flags of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AddressFlags {
    /// `home` (IPv6).
    pub home: bool,
    /// `-nodad` (IPv6).
    pub no_dad: bool,
    /// `mngtmpaddr` (IPv6).
    pub manage_temporary: bool,
    /// `noprefixroute`.
    pub no_prefix_route: bool,
    /// `autojoin`.
    pub auto_join: bool,
}

/// `notify_master`, `notify_backup`, `notify_fault`, `notify_stop`, `notify`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NotifyScripts {
    /// `notify_master`.
    pub master: Option<Command>,
    /// `notify_backup`.
    pub backup: Option<Command>,
    /// `notify_fault`.
    pub fault: Option<Command>,
    /// `notify_stop`.
    pub stop: Option<Command>,
    /// `notify`: gets kind, name, state and priority as further arguments.
    pub generic: Option<Command>,
    /// `notify_deleted` was given: an instance that a reload removes reports DELETED, not FAULT.
    pub report_deleted: bool,
    /// `notify_deleted SCRIPT`.
    pub deleted: Option<Command>,
    /// `notify_master_rx_lower_pri`.
    pub master_rx_lower_pri: Option<Command>,
}

impl Usual for NotifyScripts {
    fn usual() -> &'static Self {
        const NONE: &NotifyScripts = &NotifyScripts {
            master: None,
            backup: None,
            fault: None,
            stop: None,
            generic: None,
            report_deleted: false,
            deleted: None,
            master_rx_lower_pri: None,
        };
        NONE
    }
}

/// `garp_*` of the instance, `vrrp_garp_*` of `global_defs` where it says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Garp {
    /// `garp_master_delay`: from the first burst to the second; default 5 s, 0 is no second one.
    pub delay: Duration,
    /// `garp_master_repeat`: messages per address in a burst; default 5.
    pub repeat: u32,
    /// `garp_master_refresh`: from then on, every so often; default 0, never.
    pub refresh: Duration,
    /// `garp_master_refresh_repeat`: messages per address in a refresh; default 1.
    pub refresh_repeat: u32,
    /// `garp_lower_prio_delay`: the second burst after a lower advert; default as `delay`.
    pub lower_prio_delay: Duration,
    /// `garp_lower_prio_repeat`: messages after a lower advert; default as `repeat`.
    pub lower_prio_repeat: u32,
    /// `garp_interval`: least time between two messages on the interface; default none.
    pub interval: Duration,
    /// `gna_interval`: the same for neighbour advertisements (IPv6); default none.
    pub gna_interval: Duration,
    /// `garp_extra_if`: every so often on other interfaces that hold addresses; default 0, never.
    pub extra_interval: Duration,
    /// `garp_extra_if all`: on all of them, not on VMACs only.
    pub extra_all: bool,
}

impl Default for Garp {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(5),
            repeat: 5,
            refresh: Duration::ZERO,
            refresh_repeat: 1,
            lower_prio_delay: Duration::from_secs(5),
            lower_prio_repeat: 5,
            interval: Duration::ZERO,
            gna_interval: Duration::ZERO,
            extra_interval: Duration::ZERO,
            extra_all: false,
        }
    }
}

/// `vrrp_sync_group NAME { ... }`: instances that change state together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SyncGroup {
    /// Its name.
    pub name: String,
    /// `group`: names of instances that exist.
    pub members: Vec<String>,
    /// `notify*`.
    pub notify: NotifyScripts,
    /// `smtp_alert`, with the defaults of `global_defs`.
    pub smtp_alert: bool,
    /// `notify_priority_changes`, with the default of `global_defs`.
    pub notify_priority_changes: bool,
    /// `sync_group_tracking_weight`: members keep weights of what they track.
    pub tracking_weight: bool,
    /// `track_interface`, for every member.
    pub track_interfaces: Vec<TrackInterface>,
    /// `track_script`, for every member.
    pub track_scripts: Vec<TrackScript>,
    /// `track_file`, for every member.
    pub track_files: Vec<TrackFileUse>,
    /// `track_process`, for every member.
    pub track_processes: Vec<TrackProcessUse>,
    /// `track_bfd`, for every member.
    pub track_bfds: Vec<TrackBfd>,
}

/// `track_group NAME { ... }`: instances that static addresses, routes and rules follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrackGroup {
    /// Its name.
    pub name: String,
    /// `group`.
    pub members: Vec<String>,
}

/// `garp_group { ... }`: limits for gratuitous messages of some interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GarpGroup {
    /// `garp_interval`.
    pub garp_interval: Option<Duration>,
    /// `gna_interval`.
    pub gna_interval: Option<Duration>,
    /// `interface`, `interfaces`.
    pub interfaces: Vec<String>,
}

/// One entry of `linkbeat_interfaces`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Linkbeat {
    /// Which interface.
    pub interface: String,
    /// How it is asked.
    pub method: LinkbeatMethod,
}

/// How the link state is polled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LinkbeatMethod {
    /// The first that works.
    #[default]
    Auto,
    /// MII registers.
    Mii,
    /// ETHTOOL.
    Ethtool,
    /// Interface flags.
    Ioctl,
}

/// One entry of `interface_up_down_delays`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LinkDelay {
    /// Which interface.
    pub interface: String,
    /// How long it must be down to count as down.
    pub down: Duration,
    /// How long it must be up to count as up.
    pub up: Duration,
}

/// A weight of a tracked object, and whether success and failure change places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TrackWeight {
    /// What is added on success (above 0) or taken on failure (below 0); 0 makes failure a fault.
    pub weight: Weight,
    /// `reverse`.
    pub reverse: bool,
}
