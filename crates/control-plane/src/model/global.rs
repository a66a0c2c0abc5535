//! `global_defs`, and the settings that stand outside every block.

use std::net::{Ipv4Addr, Ipv6Addr};

use base::Duration;
use serde::{Deserialize, Serialize};

use super::defaults::Defaults;
use super::{Command, ScriptUser};

/// Settings of `global_defs` that outlive the defaults they give to other blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Global {
    /// `router_id`: how this node is called in mail and dumps.
    pub router_id: Option<String>,
    /// Mail settings, kept for the alerts that name them.
    pub mail: Mail,
    /// `script_user`, `enable_script_security`.
    pub scripts: ScriptSecurity,
    /// Namespaces, instance name, PID directory.
    pub launch: Launch,
    /// `startup_script`, `shutdown_script`.
    pub lifecycle: Lifecycle,
    /// `process_name` of the parent.
    pub process_name: Option<String>,
    /// `vrrp_process_name`, `vrrp_priority` and so on.
    pub vrrp_process: ProcessSettings,
    /// `checker_process_name`, `checker_priority` and so on.
    pub checker_process: ProcessSettings,
    /// `bfd_process_name`, `bfd_priority` and so on.
    pub bfd_process: ProcessSettings,
    /// `max_auto_priority`, `min_auto_priority_delay`.
    pub auto_priority: AutoPriority,
    /// `notify_fifo`: events of all processes.
    pub fifo: Option<Fifo>,
    /// `vrrp_notify_fifo`.
    pub vrrp_fifo: Option<Fifo>,
    /// `lvs_notify_fifo`.
    pub lvs_fifo: Option<Fifo>,
    /// `nftables` and its kin.
    pub firewall: Firewall,
    /// SNMP over AgentX.
    pub snmp: Snmp,
    /// D-Bus.
    pub dbus: Option<Dbus>,
    /// Receive buffers of netlink and advert sockets.
    pub buffers: Buffers,
    /// Files that the daemon writes or watches.
    pub files: Files,
    /// How reloads are checked, scheduled and announced.
    pub reload: Reload,
    /// What it says for other blocks; nothing follows from it any more.
    pub defaults: Defaults,
}

/// `notification_email`, `smtp_server` and their kin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// `notification_email`: recipients.
    pub to: Vec<String>,
    /// `notification_email_from`.
    pub from: Option<String>,
    /// `smtp_server`, as written: a host name or an address, with its port.
    pub server: Option<(String, u16)>,
    /// `smtp_connect_timeout`; `None` is 30 s.
    pub connect_timeout: Option<Duration>,
    /// `smtp_helo_name`; `None` is the local host's name.
    pub helo_name: Option<String>,
    /// `no_email_faults`: no mail for transitions to FAULT.
    pub no_faults: bool,
    /// `no_checker_emails`: mail only when a server changes, not for each of its checks.
    pub no_checkers: bool,
}

/// Who runs scripts, and how careful the daemon is about them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptSecurity {
    /// `script_user`; `None`: `keepalived_script` if that user exists, else root.
    pub user: Option<ScriptUser>,
    /// `enable_script_security`: a script that others may change is not run as root.
    pub enforce: bool,
    /// `set_supplementary_groups`: scripts get all groups of their user.
    pub supplementary_groups: bool,
    /// `use_symlink_paths`: the path of a script keeps its symbolic links.
    pub keep_symlinks: bool,
}

/// What is decided once, when the daemon starts; a reload does not change it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)] // another version of the daemon reads it
pub struct Launch {
    /// `net_namespace`.
    pub namespace: Option<String>,
    /// `net_namespace_ipvs`; an empty name is the default namespace, `None` is `namespace`.
    pub ipvs_namespace: Option<String>,
    /// `use_pid_dir`, or implied by `instance`.
    pub use_pid_dir: bool,
    /// `instance`: distinguishes several daemons of one host.
    pub instance: Option<String>,
    /// `child_wait_time`: how long a child may take to end; `None` is 5 s.
    pub child_wait_time: Option<Duration>,
    /// `disable_local_igmp`.
    pub disable_local_igmp: bool,
    /// `random_seed`; `None` takes the system's randomness.
    pub random_seed: Option<u32>,
}

/// Scripts of the parent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// `startup_script`: before any child.
    pub startup: Option<Command>,
    /// `startup_script_timeout`; `None` is 10 s.
    pub startup_timeout: Option<Duration>,
    /// `shutdown_script`: after all children.
    pub shutdown: Option<Command>,
    /// `shutdown_script_timeout`; `None` is 10 s.
    pub shutdown_timeout: Option<Duration>,
}

/// How one process runs: `vrrp_*`, `checker_*`, `bfd_*` of `global_defs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSettings {
    /// `*_process_name`, or what `process_names` gives it.
    pub name: Option<String>,
    /// `*_priority`: nice value, -20 to 19.
    pub nice: Option<i8>,
    /// `*_no_swap`: its memory is locked.
    pub no_swap: bool,
    /// `*_rt_priority`: of SCHED_RR, 1 to 99.
    pub realtime_priority: Option<u8>,
    /// `*_cpu_affinity`: the processors it may run on; empty for all.
    pub cpu_affinity: Vec<u32>,
    /// `*_rlimit_rttime`: processor time between two waits; `None` is 10 ms.
    pub realtime_limit: Option<Duration>,
}

/// `max_auto_priority`: realtime priority that a late process gives itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoPriority {
    /// The highest; 0 is never, and says so once; -1 is never, silently.
    pub max: i8,
    /// `min_auto_priority_delay`: lateness that causes a step; `None` is 1 s.
    pub min_delay: Option<Duration>,
}

/// A named pipe that events are written to, and the program that reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fifo {
    /// Its path.
    pub path: String,
    /// Its owner.
    pub user: Option<ScriptUser>,
    /// `*_fifo_script`: started with the path as its last argument.
    pub script: Option<Command>,
}

/// `nftables*`: tables for `no_accept`, VMACs and virtual server groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firewall {
    /// `nftables [TABLE]`; `None` is `keepalived`.
    pub table: Option<String>,
    /// `nftables_priority`; `None` is -1.
    pub priority: Option<i32>,
    /// `nftables_ifindex`: interfaces by index, not name.
    pub by_ifindex: bool,
    /// `nftables_counters`.
    pub counters: bool,
    /// `nftables_ipvs [TABLE]`: groups are marked by rules; `None` is `keepalived_ipvs`.
    pub ipvs_table: Option<String>,
    /// `nftables_ipvs_priority`; `None` is -1.
    pub ipvs_priority: Option<i32>,
    /// `nftables_ipvs_start_fwmark`; `None` is 1000.
    pub ipvs_first_mark: Option<u32>,
}

/// `snmp_socket`, `enable_snmp_*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snmp {
    /// `snmp_socket`; `None` is `unix:/var/agentx/master`.
    pub socket: Option<String>,
    /// `enable_traps`.
    pub traps: bool,
    /// `enable_snmp_vrrp`.
    pub vrrp: bool,
    /// `enable_snmp_rfcv2`: the MIB of RFC 2787.
    pub rfc_v2: bool,
    /// `enable_snmp_rfcv3`: the MIB of RFC 6527.
    pub rfc_v3: bool,
    /// `enable_snmp_checker`.
    pub checker: bool,
    /// `snmp_vs_stats_update_interval`; `None` is 5 s.
    pub virtual_server_interval: Option<Duration>,
    /// `snmp_rs_stats_update_interval`; `None` is that of virtual servers.
    pub real_server_interval: Option<Duration>,
}

/// `enable_dbus`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dbus {
    /// `dbus_service_name`; `None` is `org.keepalived.Vrrp1`.
    pub service_name: Option<String>,
    /// `dbus_no_interface_name`: stands in paths of instances without an interface.
    pub no_interface_name: Option<String>,
}

/// Receive buffer of a socket; `size` `None` is the system's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffer {
    /// Bytes.
    pub size: Option<u32>,
    /// Beyond the system's limit, if need be.
    pub force: bool,
}

/// `*_rcv_bufs`, `vrrp_rx_bufs_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffers {
    /// `vrrp_netlink_cmd_rcv_bufs`.
    pub vrrp_command: Buffer,
    /// `vrrp_netlink_monitor_rcv_bufs`.
    pub vrrp_monitor: Buffer,
    /// `lvs_netlink_cmd_rcv_bufs`.
    pub lvs_command: Buffer,
    /// `lvs_netlink_monitor_rcv_bufs`.
    pub lvs_monitor: Buffer,
    /// `process_monitor_rcv_bufs`.
    pub process_monitor: Buffer,
    /// `vrrp_rx_bufs_policy`.
    pub advert: AdvertBuffer,
    /// `vrrp_rx_bufs_multiplier`; `None` is 3.
    pub advert_multiplier: Option<u32>,
}

/// `vrrp_rx_bufs_policy`: how large the receive buffer for adverts is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdvertBuffer {
    /// The system's default.
    #[default]
    System,
    /// `MTU`: by the interface's MTU.
    Mtu,
    /// `ADVERT`: by the length of an advert.
    Advert,
    /// That many bytes.
    Bytes(u32),
}

/// Where the daemon writes files, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// `umask`; `None` is 0177.
    pub umask: Option<u32>,
    /// `config_save_dir`: a copy of the configuration at each load.
    pub config_save_dir: Option<String>,
    /// `tmp_config_directory`.
    pub tmp_config_dir: Option<String>,
    /// `data_use_instance`: instance and namespace in names of dump files.
    pub data_use_instance: bool,
    /// `json_version`: 1 or 2; `None` is 1.
    pub json_version: Option<u8>,
    /// `iproute_usr_dir`: the vendor's `rt_tables` and its kin.
    pub iproute_usr_dir: Option<String>,
    /// `iproute_etc_dir`: the host's `rt_tables` and its kin.
    pub iproute_etc_dir: Option<String>,
    /// `state_dump_file`.
    pub state_dump: Option<String>,
    /// `stats_dump_file`.
    pub stats_dump: Option<String>,
    /// `json_dump_file`.
    pub json_dump: Option<String>,
}

/// `reload_*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// `reload_check_config [LOGFILE]`: the file for messages of the check, empty for none.
    pub check: Option<String>,
    /// `reload_time_file`.
    pub time_file: Option<String>,
    /// `reload_repeat`.
    pub repeat: bool,
    /// `reload_file [PATH]`: exists while the configuration is read; empty for the default name.
    pub marker: Option<String>,
}

/// Multicast destinations of adverts: `vrrp_mcast_group4`, `vrrp_mcast_group6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MulticastGroups {
    /// Of IPv4 adverts.
    pub v4: Ipv4Addr,
    /// Of IPv6 adverts.
    pub v6: Ipv6Addr,
}

impl Default for MulticastGroups {
    /// 224.0.0.18 and ff02::12 (RFC 9568 section 5.1.1.2, 5.1.2.2).
    fn default() -> Self {
        Self { v4: Ipv4Addr::new(224, 0, 0, 18), v6: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12) }
    }
}
