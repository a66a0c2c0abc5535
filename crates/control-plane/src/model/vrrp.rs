//! `vrrp_instance`, `vrrp_script` and what hangs on them.

use std::net::IpAddr;

use base::{Duration, IpNet, Priority, Vrid, Weight};
use serde::{Deserialize, Serialize};

use super::Command;

/// Everything the VRRP stack is configured with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vrrp {
    /// `vrrp_script` blocks; [`ScriptId`] counts in here.
    pub scripts: Vec<VrrpScript>,
    /// `vrrp_instance` blocks, in the order of the file.
    pub instances: Vec<Instance>,
}

/// Which `vrrp_script`, as an index into [`Vrrp::scripts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ScriptId(pub usize);

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

/// `vrrp_instance NAME { ... }`: one virtual router (RFC 9568 section 5.2.3) on one interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// `state`: what it would like to be. Only an owner starts as MASTER at once.
    pub wanted_state: InitialState,
    /// `interface`: where adverts are sent and heard.
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
    pub notify: NotifyScripts,
    /// How addresses are announced to switches and neighbours.
    pub garp: Garp,
    /// `lower_prio_no_advert`: a lower advert is not answered with one of our own.
    pub lower_prio_no_advert: bool,
    /// `higher_prio_send_advert`: one more advert before yielding to a higher one.
    pub higher_prio_send_advert: bool,
}

impl Instance {
    /// Whether the instance lives on IPv4 or, else, on IPv6: by its first address.
    pub fn is_ipv4(&self) -> bool {
        self.virtual_addresses.first().is_none_or(|first| first.address().is_ipv4())
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
}

/// What a backup does about a master of lower priority (RFC 9568 section 6.1, Preempt_Mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Preempt {
    /// `nopreempt`: leave it.
    Never,
    /// Take over once `preempt_delay` (default none) has passed since the start.
    After(Duration),
}

/// One entry of `virtual_ipaddress`.
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
    pub broadcast: Option<std::net::Ipv4Addr>,
}

impl VirtualAddress {
    /// The address itself.
    pub fn address(&self) -> IpAddr {
        self.net.addr()
    }
}

/// `scope` as the kernel counts it: 0 global, 253 link, 254 host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AddressScope(pub u8);

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
        }
    }
}
