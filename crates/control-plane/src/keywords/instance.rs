//! Keywords of `vrrp_instance`.

use super::Shape::{
    Address, Bool, Choice, Custom, Entries, Flag, Int, Nested, OptChoice, OptInt, OptScript,
    Script, Word,
};
use super::{Block, Head, Table, row, secs};

/// Keywords of `vrrp_instance`.
#[rustfmt::skip] // one row a keyword
pub(super) static INSTANCE: Table = Table { places: &[Block::Instance], rows: &[
    row("use_vmac", Custom).syntax("[[name] VMACNAME] [MAC] [netlink_notify_msg] [group G]").range("literal word name optional; MAC 5 octets (VRID appended) or 6, not multicast, not RFC range; G known group").default("off; name from vmac_prefix and VRID").doc("Sends adverts from a private macvlan holding the virtual router MAC."),
    row("use_vmac_addr", Flag).doc("Also creates VMACs for addresses placed on other interfaces."),
    row("vmac_xmit_base", Flag).default("off (forced on for some types)").doc("Send adverts through the base interface while using a VMAC."),
    row("use_ipvlan", Custom).syntax("[[name] IPVLANNAME] [ADDR] [bridge|private|vepa] [group G]").range("literal word name optional; one of each").default("off; bridge").once().doc("Sends adverts from an ipvlan (L2) interface."),
    row("unicast_peer", Entries(Head::None)).syntax("{ ADDR [min_ttl N] [max_ttl N] ... }").default("none (multicast)").doc("Peers to exchange unicast adverts with; its presence selects unicast."),
    row("unicast_fault_no_peer", Flag).default("off (empty unicast_peer falls back to multicast)").doc("Unicast instance without any peer goes to FAULT."),
    row("check_unicast_src", Flag).default("vrrp_check_unicast_src (always on once TTL limits exist)").doc("Drop unicast adverts not sent by a listed peer."),
    row("old_unicast_checksum", OptChoice(&["never"])).invalid("({o}) Unknown old_unicast_chksum mode {v} - ignoring").syntax("[never]").range("optional word").default("automatic: switches when a peer is seen using it").doc("VRRPv3 unicast pseudo header uses the multicast group as destination; never disables automatic switching."),
    row("native_ipv6", Flag).default("off (set when first address or source is IPv6)").doc("Forces the IPv6 family for this instance."),
    row("state", Choice(&["MASTER", "BACKUP"])).needed().invalid("({o}) unknown state '{v}', defaulting to BACKUP").syntax("MASTER|BACKUP").range("exact upper case").default("BACKUP").doc("Wanted initial state; MASTER without priority keyword sets priority 255."),
    row("interface", Word).needed().syntax("IFNAME").range("at most 15 characters, not loopback").default("mandatory unless a VMAC/ipvlan base or unicast source decides").doc("Interface carrying adverts."),
    row("vrf", Word).needed().syntax("IFNAME").range("VRF device").once().doc("VRF for the VMAC/ipvlan or for unicast without interface."),
    row("dont_track_primary", Flag).doc("Disregard faults of the instance's own interface."),
    row("track_interface", Entries(Head::None)).syntax("{ IF [weight N [reverse|noreverse]] ... }").default("weight 0 = FAULT when down").unit("priority points").doc("Interfaces whose state affects this instance."),
    row("track_script", Entries(Head::None)).syntax("{ SCRIPT [weight N [reverse|noreverse]] ... }").default("weight of the script").unit("priority points").doc("Scripts whose result affects this instance."),
    row("track_file", Entries(Head::None)).syntax("{ FILE [weight N [reverse|noreverse]] ... }").default("weight of the file").unit("multiplier").doc("Files whose number affects this instance."),
    row("track_process", Entries(Head::None)).syntax("{ PROC [weight N [reverse|noreverse]] ... }").default("weight of the process").unit("priority points").doc("Processes whose quorum affects this instance."),
    row("track_bfd", Entries(Head::None)).syntax("{ BFD [weight N [reverse|noreverse]] ... }").default("weight of the session").unit("priority points").doc("BFD sessions affecting this instance."),
    row("mcast_src_ip", Address).needed().invalid("Configuration error: VRRP instance[{o}] malformed src address[{v}]. Skipping...").syntax("ADDR").range("address of the instance's family").default("first interface address").note("same handler as unicast_src_ip").doc("Source address of adverts."),
    row("unicast_src_ip", Address).needed().invalid("Configuration error: VRRP instance[{o}] malformed src address[{v}]. Skipping...").syntax("ADDR").range("address of the instance's family").default("first interface address").note("same handler as mcast_src_ip").doc("Source address of adverts."),
    row("mcast_dst_ip", Address).needed().invalid("({o}) malformed mcast dest address {v}. Skipping...").syntax("ADDR").range("multicast address").default("vrrp_mcast_group4/6").doc("Destination of this instance's adverts."),
    row("track_src_ip", Flag).doc("Instance is FAULT while its source address is absent."),
    row("virtual_router_id", Int(1, 255)).needed().invalid("({o}): VRID '{v}' not valid - must be between 1 & 255").syntax("N").range("integer 1..255").default("mandatory").doc("VRID, unique per family, interface and destination."),
    row("unicast_ttl", Int(0, 255)).needed().invalid("({o}): TTL '{v}' not valid - must be between 0 & 255").syntax("N").range("integer 0..255").default("255").unit("hops").doc("TTL of unicast adverts; error without unicast_peer."),
    row("version", Int(2, 3)).needed().invalid("({o}): Version must be either 2 or 3").syntax("N").range("2 or 3").default("vrrp_version, 3 for IPv6").doc("Protocol version."),
    row("priority", Int(1, 255)).needed().invalid("({o}) Priority not valid! must be between 1 & 255. Using default 100").syntax("N").range("integer 1..255 (bad value becomes 100)").default("100 (255 with state MASTER)").doc("Election priority; 255 = address owner."),
    row("advert_int", secs(10000, 255000000)).needed().invalid("({o}) Advert interval ({v}) not valid! Must be > 0 - ignoring").syntax("SECS").range("decimal 0.01..255; v2 whole seconds, v3 at most 40.95 in 10 ms steps").default("1").unit("s").doc("Advertisement interval."),
    row("virtual_ipaddress", Entries(Head::None)).syntax("{ ADDRESS-LINE ... }").default("required unless no_virtual_ipaddress (v2: warning)").doc("Addresses advertised and owned while MASTER."),
    row("virtual_ipaddress_excluded", Entries(Head::None)).syntax("{ ADDRESS-LINE ... }").doc("Addresses owned while MASTER but not carried in adverts."),
    row("no_virtual_ipaddress", Flag).since_2_4().doc("States that the absence of addresses is intended."),
    row("promote_secondaries", Flag).doc("Sets the promote_secondaries sysctl of the interface while in use."),
    row("linkbeat_use_polling", Flag).deprecated("({o}) 'linkbeat_use_polling' in vrrp instance deprecated - use linkbeat_interfaces block").doc("Poll link state of the instance interface."),
    row("v3_checksum_as_v2", Bool).invalid("({o}) invalid v3_checksum_as_v2 {v} specified").syntax("[BOOL]").default("global v3_checksum_as_v2").since_2_4().doc("VRRPv3 IPv4 checksum without pseudo header."),
    row("virtual_routes", Entries(Head::None)).syntax("{ ROUTE-LINE ... }").doc("Routes present while MASTER."),
    row("virtual_rules", Entries(Head::None)).syntax("{ RULE-LINE ... }").doc("Policy rules present while MASTER."),
    row("accept", Flag).default("on").doc("Non-owner master accepts packets for its addresses."),
    row("no_accept", Flag).default("off (on with strict)").doc("Non-owner master drops packets for its addresses via firewall rules."),
    row("skip_check_adv_addr", Bool).invalid("({o}) invalid skip_check_adv_addr {v} specified").syntax("[BOOL]").default("vrrp_skip_check_adv_addr").doc("Skip address-list check for adverts from the same master."),
    row("strict_mode", Bool).invalid("({o}) invalid strict_mode {v} specified").syntax("[BOOL]").default("vrrp_strict").doc("RFC conformance for this instance."),
    row("preempt", Flag).default("on").doc("Allow taking over from a lower priority master."),
    row("nopreempt", Flag).doc("Higher priority backup leaves a lower priority master alone; ineffective with state MASTER."),
    row("preempt_delay", secs(0, 1000000000)).needed().syntax("SECS").range("decimal 0..1000").default("0").unit("s").doc("Wait before preempting a lower priority master."),
    row("debug", Int(0, 4)).needed().invalid("({o}) Debug value '{v}' not valid; must be between 0-4").syntax("N").range("integer 0..4").default("0").doc("Accepted; only shown in the data dump."),
    row("notify_backup", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run when entering BACKUP; no arguments added."),
    row("notify_master", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run when entering MASTER."),
    row("notify_fault", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run when entering FAULT."),
    row("notify_stop", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run when the instance stops with keepalived."),
    row("notify_deleted", OptScript).syntax("[SCRIPT [USER [GROUP]]]").range("optional quoted command").default("off (FAULT is reported)").once().doc("Instance removed on reload reports DELETED, not FAULT; optional script."),
    row("notify", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run on any change with arguments INSTANCE name STATE priority appended."),
    row("notify_master_rx_lower_pri", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run when a master hears a lower priority advert."),
    row("smtp_alert", Bool).invalid("Invalid vrrp_instance smtp_alert parameter {v}").syntax("[BOOL]").default("smtp_alert_vrrp, smtp_alert, else false").doc("Mail on state changes."),
    row("notify_priority_changes", Bool).invalid("({o}) Invalid value '{v}' for notify_priority_changes specified").syntax("[BOOL]").default("vrrp_notify_priority_changes").doc("Emit priority changes to FIFOs."),
    row("lvs_sync_daemon_interface", Word).needed().syntax("IFNAME").deprecated("({o}) Specifying lvs_sync_daemon_interface against a vrrp is deprecated. Please use global lvs_sync_daemon").doc("Runs IPVS sync on the interface following this instance."),
    row("garp_master_delay", Int(0, 4294)).needed().invalid("({o}): garp_master_delay '{v}' invalid - ignoring").syntax("SECS").range("integer 0..4294").default("vrrp_garp_master_delay").unit("s").doc("Delay before second GARP/NA burst."),
    row("garp_master_refresh", Int(0, 4294967295)).needed().invalid("({o}): Invalid garp_master_refresh '{v}' - ignoring").syntax("SECS").range("integer 0..").default("vrrp_garp_master_refresh").unit("s").doc("Period of GARP/NA bursts while master."),
    row("garp_master_repeat", Int(0, 4294967295)).needed().invalid("({o}): garp_master_repeat '{v}' invalid - ignoring").syntax("N").range("integer 1.. (0 becomes 1)").default("vrrp_garp_master_repeat").unit("count").doc("Messages per burst on becoming master."),
    row("garp_master_refresh_repeat", Int(0, 4294967295)).needed().invalid("({o}): garp_master_refresh_repeat '{v}' invalid - ignoring").syntax("N").range("integer 1.. (0 becomes 1)").default("vrrp_garp_master_refresh_repeat").unit("count").doc("Messages per periodic burst."),
    row("garp_lower_prio_delay", Int(0, 4294)).needed().invalid("({o}): garp_lower_prio_delay '{v}' invalid - ignoring").syntax("SECS").range("integer 0..4294").default("vrrp_garp_lower_prio_delay").unit("s").doc("Delay of second burst after lower priority advert."),
    row("garp_lower_prio_repeat", Int(0, 2147483647)).needed().invalid("({o}): Invalid garp_lower_prio_repeat '{v}'").syntax("N").range("integer 0..2147483647").default("vrrp_garp_lower_prio_repeat").unit("count").doc("Messages per burst after lower priority advert."),
    row("down_timer_adverts", Int(1, 100)).needed().invalid("({o}): Invalid down_timer_adverts [1:100] '{v}'").syntax("N").range("integer 1..100").default("vrrp_down_timer_adverts").unit("adverts").doc("Missed advert intervals before the master is deemed down."),
    row("timer_expired_backup", OptInt(1, 254)).invalid("({o}) timer_expired_backup highest_other_priority not valid! must be between 1 & 254").syntax("[N]").range("integer 1..254").default("off; 254 without argument").unit("priority").since_2_4().doc("Master that was scheduled too late steps down to BACKUP; needs nopreempt; N = highest peer priority."),
    row("thread_timer_expired", OptInt(1, 254)).invalid("({o}) timer_expired_backup highest_other_priority not valid! must be between 1 & 254").syntax("[N]").range("integer 1..254").unit("priority").deprecated("({o}) thread_timer_expired - please replace with keyword 'timer_expired_backup'").since_2_4().doc("Same as timer_expired_backup."),
    row("garp_extra_if", Custom).needs("({o}): garp_extra_if specified without time - ignoring").invalid("({o}): garp_extra_if '{v}' invalid - ignoring").syntax("[all] SECS").range("integer 0..86400").default("vrrp_garp_extra_if").unit("s").doc("Periodic GARP on VMAC, or all, other interfaces holding addresses."),
    row("vmac_garp_intvl", Custom).needs("({o}): vmac_garp_intvl specified without time - ignoring").invalid("({o}): vmac_garp_intvl '{v}' invalid - ignoring").syntax("[all] SECS").range("as garp_extra_if").default("0").unit("s").deprecated("Keyword \"vmac_garp_intvl\" is deprecated - please use \"garp_extra_if\"").doc("Same as garp_extra_if."),
    row("lower_prio_no_advert", Bool).invalid("({o}) invalid lower_prio_no_advert {v} specified").syntax("[BOOL]").default("vrrp_lower_prio_no_advert").doc("Master does not answer lower priority adverts."),
    row("higher_prio_send_advert", Bool).invalid("({o}) invalid higher_prio_send_advert {v} specified").syntax("[BOOL]").default("vrrp_higher_prio_send_advert").doc("Master sends one advert when yielding to higher priority."),
    row("owner_ignore_adverts", Bool).invalid("({o}) invalid owner_ignore_adverts {v} specified").syntax("[BOOL]").default("vrrp_owner_ignore_adverts").since_2_4().doc("Address owner disregards received adverts."),
    row("kernel_rx_buf_size", Int(0, 4294967295)).needs("({o}) invalid kernel_rx_buf_size specified").invalid("({o}) invalid kernel_rx_buf_size specified").syntax("BYTES").range("integer 0..").default("vrrp_rx_bufs_policy").unit("bytes").doc("Receive buffer of the advert socket."),
    row("authentication", Nested(Block::Authentication, Head::Any)).syntax("{ ... }").doc("RFC2338 style authentication."),
    row("auth_hmac", Nested(Block::AuthHmac, Head::Any)).syntax("{ ... }").since_2_4().doc("Keepalived-specific HMAC-SHA256 trailer authentication with replay protection."),
] };

/// Keywords of `authentication`.
#[rustfmt::skip] // one row a keyword
pub(super) static AUTHENTICATION: Table = Table { places: &[Block::Authentication], rows: &[
    row("auth_type", Choice(&["PASS", "AH"])).needed().invalid("({o}) unknown authentication type '{v}'").syntax("PASS|AH").range("exact word").doc("Simple password or IPsec AH authentication."),
    row("auth_pass", Word).needed().syntax("PASSWORD").range("1..8 characters, longer truncated with error").default("mandatory with auth_type").doc("Shared password, zero padded to 8 bytes."),
] };

/// Keywords of `auth_hmac`.
#[rustfmt::skip] // one row a keyword
pub(super) static AUTH_HMAC: Table = Table { places: &[Block::AuthHmac], rows: &[
    row("key", Custom).needs("({o}) auth_hmac key needs an id and a value").invalid("({o}) auth_hmac key needs an id and a value").syntax("ID SECRET").range("ID 1..255; SECRET hex:DIGITS, file:PATH or text; 32..64 bytes").default("mandatory").since_2_4().doc("Defines a key; several allow rollover."),
    row("active_key", Int(1, 255)).needed().invalid("({o}) auth_hmac active_key '{v}' must be between 1 and 255").syntax("ID").range("integer 1..255, id of a defined key").default("mandatory (else auth_hmac disabled with error)").since_2_4().doc("Key used for sending."),
    row("time_window", Int(1, 300)).needed().invalid("({o}) auth_hmac time_window '{v}' must be between 1 and 300 seconds").syntax("SECS").range("integer 1..300").default("three advert intervals, at least 5").unit("s").since_2_4().doc("Accepted clock difference of received adverts."),
    row("anti_replay", Choice(&["time", "monotonic"])).needed().invalid("({o}) auth_hmac anti_replay '{v}' must be time or monotonic").syntax("time|monotonic").default("time").since_2_4().doc("time: clock window plus growing sequence; monotonic: growing sequence only."),
    row("mode", Choice(&["enforce", "permissive", "receive-only"])).needed().invalid("({o}) auth_hmac mode '{v}' must be enforce, permissive or receive-only").syntax("enforce|permissive|receive-only").default("enforce").since_2_4().doc("enforce: send and require; permissive: tolerate missing trailers; receive-only: send none."),
] };
