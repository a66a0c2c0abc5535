//! What `global_defs` says for others: instances, groups and servers have taken it already. It is kept
//! because dumps show it.

use base::Duration;
use serde::{Deserialize, Serialize};

/// Defaults for other blocks, `None` where nothing was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defaults {
    /// `smtp_alert`.
    pub smtp_alert: Option<bool>,
    /// `smtp_alert_vrrp`.
    pub smtp_alert_vrrp: Option<bool>,
    /// `smtp_alert_checker`.
    pub smtp_alert_checker: Option<bool>,
    /// `checker_log_all_failures`.
    pub log_all_failures: bool,
    /// `default_interface`.
    pub interface: Option<String>,
    /// `v3_checksum_as_v2`.
    pub checksum_as_v2: bool,
    /// `vrrp_notify_priority_changes`.
    pub notify_priority_changes: bool,
    /// `vrrp_garp_*`.
    pub garp: GarpDefaults,
    /// `vrrp_down_timer_adverts`.
    pub down_timer_adverts: Option<u8>,
    /// `vrrp_lower_prio_no_advert`.
    pub lower_prio_no_advert: bool,
    /// `vrrp_higher_prio_send_advert`.
    pub higher_prio_send_advert: bool,
    /// `vrrp_version`.
    pub version: Option<u8>,
    /// `vrrp_check_unicast_src`.
    pub check_unicast_source: bool,
    /// `vrrp_skip_check_adv_addr`.
    pub skip_check: bool,
    /// `vrrp_strict`.
    pub strict: bool,
}

/// `vrrp_garp_*` of `global_defs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GarpDefaults {
    /// `vrrp_garp_master_delay`.
    pub delay: Option<Duration>,
    /// `vrrp_garp_master_repeat`.
    pub repeat: Option<u32>,
    /// `vrrp_garp_master_refresh`.
    pub refresh: Option<Duration>,
    /// `vrrp_garp_master_refresh_repeat`.
    pub refresh_repeat: Option<u32>,
    /// `vrrp_garp_lower_prio_delay`.
    pub lower_prio_delay: Option<Duration>,
    /// `vrrp_garp_lower_prio_repeat`.
    pub lower_prio_repeat: Option<u32>,
    /// `vrrp_garp_interval`.
    pub interval: Option<Duration>,
    /// `vrrp_gna_interval`.
    pub gna_interval: Option<Duration>,
    /// `vrrp_garp_extra_if`, `vrrp_vmac_garp_intvl`.
    pub extra: Option<Duration>,
}
