//! Keywords outside every block.

use super::Shape::{Entries, Flag, Int, Nested, OptWord, Word};
use super::{Block, Head, Table, row};

/// Keywords of the file itself.
#[rustfmt::skip] // one row a keyword
pub(super) static ROOT: Table = Table { places: &[Block::Root], rows: &[
    row("linkbeat_use_polling", Flag).doc("Poll link state of all monitored interfaces (MII/ETHTOOL/ioctl) instead of trusting netlink only."),
    row("net_namespace", Word).needs("net_namespace name missing - ignoring").syntax("NAME").range("namespace name").default("none (current)").note("set also by --namespace (wins)").doc("Run every process in the named network namespace; adds it to PID/dump/syslog names."),
    row("net_namespace_ipvs", OptWord).syntax("[NAME]").range("namespace name or empty string \"\" (= default namespace)").default("same as net_namespace").doc("Network namespace in which the checker process manages IPVS."),
    row("namespace_with_ipsets", Flag).doc("Allow ipsets together with net_namespace (only meaningful on kernels older than 3.13)."),
    row("use_pid_dir", Flag).doc("Place PID files in the keepalived run sub-directory."),
    row("instance", Word).needs("instance name missing - ignoring").syntax("NAME").doc("Names this keepalived instance; added to PID file names and log identity, implies use_pid_dir."),
    row("child_wait_time", Int(0, 4294967295)).needed().invalid("Invalid child_wait_time {v}").syntax("SECS").range("integer 0..4294967295").default("5").unit("s").doc("How long the parent waits for children to end before killing them."),
    row("global_defs", Nested(Block::GlobalDefs, Head::Any)).syntax("{ ... }").doc("Block holding global settings."),
    row("track_group", Nested(Block::TrackGroup, Head::Name)).needs("track_group must have a name - skipping").syntax("NAME { ... }").doc("Named set of VRRP instances that static addresses, routes, rules may follow."),
    row("static_ipaddress", Entries(Head::None)).syntax("{ ADDRESS-LINE ... }").doc("Addresses installed at start, removed at stop (unless kept), re-added if deleted."),
    row("static_routes", Entries(Head::None)).syntax("{ ROUTE-LINE ... }").doc("Routes installed at start."),
    row("static_rules", Entries(Head::None)).syntax("{ RULE-LINE ... }").doc("Policy rules installed at start."),
    row("vrrp_sync_group", Nested(Block::SyncGroup, Head::Name)).needs("vrrp_sync_group must have a name - skipping").syntax("NAME { ... }").doc("Group of instances that change state together."),
    row("garp_group", Nested(Block::GarpGroup, Head::Any)).syntax("{ ... }").doc("Rate limits gratuitous ARP / NA jointly or per interface."),
    row("linkbeat_interfaces", Entries(Head::None)).syntax("{ IFNAME [MII|ETHTOOL|IOCTL] ... }").default("method: auto").doc("Interfaces whose link state is polled; unknown interface is a fatal-class error (-t exit 4)."),
    row("vrrp_instance", Nested(Block::Instance, Head::Name)).needs("vrrp_instance must have a name").syntax("NAME { ... }").doc("Defines a VRRP virtual router."),
    row("vrrp_script", Nested(Block::Script, Head::Name)).needed().syntax("NAME { ... }").doc("Defines a script run periodically for tracking."),
    row("vrrp_track_process", Nested(Block::TrackProcess, Head::Name)).needed().syntax("NAME { ... }").doc("Defines a monitored process set for tracking."),
    row("interface_up_down_delays", Entries(Head::None)).syntax("{ IFNAME DOWN_DELAY [UP_DELAY] ... }").default("up 0 when omitted").unit("s").doc("Debounce times before an interface state change is acted on."),
    row("SSL", Nested(Block::Ssl, Head::Any)).syntax("{ ... }").default("no client certificate").doc("TLS client context used by SSL_GET."),
    row("virtual_server_group", Entries(Head::Name)).needed().syntax("NAME { ADDR[-LAST|-ADDR|/LEN] [PORT] or fwmark N [inet|inet6] ... }").doc("Group of addresses or firewall marks sharing one virtual_server definition."),
    row("virtual_server", Nested(Block::VirtualServer, Head::Words)).needed().syntax("ADDR [PORT] or fwmark N or group NAME { ... }").doc("Defines an IPVS virtual service."),
    row("bfd_instance", Nested(Block::Bfd, Head::Name)).needed().syntax("NAME { ... }").doc("Defines a BFD session."),
    row("track_file", Nested(Block::TrackFile, Head::Name)).needed().syntax("NAME { ... }").doc("Defines a file whose number influences priorities or weights."),
    row("vrrp_track_file", Nested(Block::TrackFile, Head::Name)).needed().syntax("NAME { ... }").renamed("track_file").doc("Same as track_file; reported as deprecated."),
] };
