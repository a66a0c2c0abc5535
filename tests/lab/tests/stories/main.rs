//! The stories that need no quiet machine: a few of them run at once, whatever file they stand in, for they mostly
//! wait. Stories that count milliseconds or lost pings are programs of their own, which run one after another.
#![allow(clippy::expect_used, reason = "test code")]

mod checks;
mod checks_matrix;
mod checks_of_servers;
mod checks_of_the_host;
mod command_line;
mod distribution_default;
mod disturbed_children;
mod dual_master;
mod errors;
mod fifos;
mod firewall;
mod genhash;
mod global_keywords;
mod hostile;
mod init_settings;
mod install;
mod interfaces;
mod interop;
mod ipvlan;
mod ipvs_changes;
mod ipvs_namespace;
mod ipvs_tables;
mod kernel_objects;
mod keywords_of_checks;
mod log_files;
mod log_rotation;
mod mail;
mod many_reloads;
mod namespace;
mod never_waits;
mod nginx;
mod no_track;
mod notify;
mod operations;
mod options;
mod privilege;
mod quorum_sequences;
mod reload;
mod scripts;
mod service_manager;
mod settings;
mod single;
mod small_keywords;
mod split_deployment;
mod sync_daemon;
mod tracking;
mod two_node_logs;
mod vmac;
mod vmac_duties;
mod vrrp_kinds;

/// One instance that is master at once, with one address.
const OWNER: &str = "vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 255
    virtual_ipaddress { 10.9.0.51 }
}
";
