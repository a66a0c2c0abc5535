//! Keywords of `virtual_server`, `real_server`, `SSL`.

use super::Shape::{Bool, Choice, Custom, Flag, Int, Nested, OptInt, Script, Word};
use super::{Block, Head, Table, row, secs};

/// Keywords of `virtual_server`.
#[rustfmt::skip] // one row a keyword
pub(super) static VIRTUAL_SERVER: Table = Table { places: &[Block::VirtualServer], rows: &[
    row("ip_family", Choice(&["inet", "inet6"])).needed().invalid("unknown address family {v}").syntax("inet|inet6").default("from address; inet for fwmark and group").doc("Family for fwmark or group services."),
    row("retry", Int(1, 4294967295)).needed().invalid("retry value invalid - {v}").syntax("N").range("integer 1..4294967295").default("checker default").unit("count").doc("Default retries for checkers of this service."),
    row("delay_before_retry", secs(0, u64::MAX)).needed().syntax("SECS").range("decimal 0..").default("checker default").unit("s").doc("Default pause between retries."),
    row("warmup", secs(0, u64::MAX)).needed().syntax("SECS").range("decimal 0..").default("delay_loop").unit("s").doc("Default upper bound of the random initial check delay."),
    row("connect_timeout", secs(1, 4294967295)).needed().invalid("virtual server connect_timeout {v} invalid - ignoring").syntax("SECS").range("decimal 0.000001..4294.967295").default("5").unit("s").doc("Default connection timeout of checkers."),
    row("delay_loop", secs(1, u64::MAX)).needed().invalid("virtual server delay loop '{v}' invalid - ignoring").syntax("SECS").range("decimal 0.000001..").default("60").unit("s").doc("Default check period."),
    row("inhibit_on_failure", Flag).doc("Failed real servers stay in the table with weight 0."),
    row("lb_algo", Custom).needed().invalid("Invalid lvs_scheduler '{v}' - ignoring").syntax("rr|wrr|lc|wlc|lblc|sh|mh|dh|fo|ovf|lblcr|sed|nq|twos").default("wlc").note("lvs_sched is the same").doc("IPVS scheduler."),
    row("lvs_sched", Custom).needed().invalid("Invalid lvs_scheduler '{v}' - ignoring").syntax("as lb_algo").default("wlc").note("alias of lb_algo").doc("IPVS scheduler."),
    row("hashed", Flag).doc("Accepted word without effect; error unless the scheduler is sh or mh."),
    row("ops", Flag).doc("One packet scheduling; only UDP or fwmark, else reset with error."),
    row("flag-1", Flag).doc("Scheduler flag 1; scheduler must be set earlier."),
    row("flag-2", Flag).doc("Scheduler flag 2; scheduler must be set earlier."),
    row("flag-3", Flag).doc("Scheduler flag 3; scheduler must be set earlier."),
    row("sh-port", Flag).doc("Source hash uses port; only after scheduler sh."),
    row("sh-fallback", Flag).doc("Source hash falls back on unavailable server; only after scheduler sh."),
    row("mh-port", Flag).doc("Maglev hash uses port; only after scheduler mh."),
    row("mh-fallback", Flag).doc("Maglev hash falls back on unavailable server; only after scheduler mh."),
    row("lb_kind", Custom).needed().invalid("PARSER : unknown [{v}] routing method for virtual server.").syntax("NAT|DR|TUN [type ipip|gue|gre] [port N] [nocsum|csum|remcsum]").range("upper case words; port 1..65535 exactly with gue; checksum words not with ipip; no remcsum with gre").default("NAT (reported when absent)").note("lvs_method is the same").doc("Default forwarding method."),
    row("lvs_method", Custom).needed().invalid("PARSER : unknown [{v}] routing method for virtual server.").syntax("as lb_kind").range("words").default("NAT (reported when absent)").note("alias of lb_kind").doc("Default forwarding method."),
    row("persistence_engine", Word).needed().syntax("NAME").range("sip").doc("IPVS persistence engine."),
    row("persistence_timeout", OptInt(1, 2678400)).invalid("persistence_timeout invalid").syntax("[SECS]").range("integer 1..2678400").default("off; 360 without argument").unit("s").doc("Connection affinity time."),
    row("persistence_granularity", Custom).needed().invalid("Invalid IPv4 persistence_granularity specified - {v}").syntax("MASK").range("IPv4 dotted netmask or IPv6 prefix 1..128").default("host").doc("Client network size for affinity; enables persistence."),
    row("protocol", Custom).needed().invalid("Unknown protocol {v} - ignoring").syntax("TCP|UDP|SCTP").range("case-insensitive word").default("UDP with error; must be absent for pure fwmark services (ignored with error)").doc("Service protocol."),
    row("ha_suspend", Flag).doc("Suspend checkers while the VIP is not present locally; cleared with error for fwmarks."),
    row("smtp_alert", Bool).invalid("Invalid virtual_server smtp_alert parameter {v}").syntax("[BOOL]").default("global smtp_alert_checker, global smtp_alert, else false").doc("Mail on quorum changes; not inherited by real servers."),
    row("virtualhost", Word).needs("virtual server virtualhost missing").syntax("NAME").doc("Default HTTP Host of HTTP_GET / SSL_GET."),
    row("snmp_name", Word).needs("virtual server snmp_name missing or extra parameters").syntax("NAME").doc("Name shown over SNMP."),
    row("alpha", Flag).doc("Checkers start in failed state until first success."),
    row("omega", Flag).doc("At stop run down scripts for servers and quorum."),
    row("quorum_up", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run on quorum gain."),
    row("quorum_down", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run on quorum loss."),
    row("quorum", Int(1, 4294967295)).needed().invalid("Quorum {v} must be in [1, 4294967295]. Setting to 1.").syntax("N").range("integer 1..4294967295, reduced to total weight with error").default("1").unit("weight").doc("Total weight of live servers required."),
    row("hysteresis", Int(0, 4294967295)).needed().invalid("Hysteresis {v} must be in [0, 4294967295] - ignoring").syntax("N").range("integer 0.., below quorum (else set to quorum-1 with error)").default("0").unit("weight").doc("Tolerance added for gain and subtracted for loss."),
    row("weight", Int(1, 2147483647)).needed().invalid("Virtual server weight {v} is outside range 1-2147483647").syntax("N").range("integer 1..2147483647").default("1").doc("Default weight of real servers."),
    row("sorry_server", Custom).needed().invalid("Invalid sorry server IP address {v} - skipping").syntax("ADDR [PORT]").range("address of compatible family").doc("Server used while quorum is lost."),
    row("sorry_server_inhibit", Flag).doc("inhibit_on_failure for the sorry server."),
    row("sorry_server_lvs_method", Custom).needs("sorry_server forwarding used without sorry_server").invalid("sorry_server forwarding used without sorry_server").syntax("as lb_kind").range("words").default("lb_kind").doc("Forwarding method of the sorry server."),
    row("real_server", Nested(Block::RealServer, Head::Words)).needed().syntax("ADDR [PORT] { ... }").default("port of the service").doc("Defines a real server."),
] };

/// Keywords of `real_server`.
#[rustfmt::skip] // one row a keyword
pub(super) static REAL_SERVER: Table = Table { places: &[Block::RealServer], rows: &[
    row("weight", Int(0, 2147483647)).needed().invalid("Real server weight {v} is outside range 0-2147483647").syntax("N").range("integer 0..2147483647").default("virtual server weight (1)").doc("IPVS weight."),
    row("lvs_method", Custom).needed().invalid("PARSER : unknown [{v}] routing method for real server.").syntax("as lb_kind").range("words").default("lb_kind of the service").doc("Forwarding method of this server."),
    row("uthreshold", Int(0, 4294967295)).needed().invalid("Invalid real_server uthreshold '{v}' - ignoring").syntax("N").range("integer 0..4294967295").default("0 (none)").unit("connections").doc("Above this the server gets no new connections."),
    row("lthreshold", Int(0, 4294967295)).needed().invalid("Invalid real_server lthreshold '{v}' - ignoring").syntax("N").range("integer 0..4294967295").default("0 (none)").unit("connections").doc("Below this the server gets connections again."),
    row("inhibit_on_failure", Bool).invalid("Invalid inhibit_on_failure parameter {v}").syntax("[BOOL]").default("virtual server setting").doc("On failure set weight 0, do not remove."),
    row("notify_up", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run when the server becomes healthy."),
    row("notify_down", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run when the server becomes unhealthy."),
    row("alpha", Bool).invalid("Invalid alpha parameter {v}").syntax("[BOOL]").default("virtual server setting").doc("Checkers start in failed state."),
    row("retry", Int(1, 4294967295)).needed().invalid("retry value invalid - {v}").syntax("N").range("integer 1..4294967295").default("virtual server setting").unit("count").doc("Default retries of this server's checkers."),
    row("delay_before_retry", secs(0, u64::MAX)).needed().syntax("SECS").range("decimal 0..").default("virtual server setting").unit("s").doc("Default pause between retries."),
    row("warmup", secs(0, u64::MAX)).needed().syntax("SECS").range("decimal 0..").default("virtual server setting").unit("s").doc("Default bound of random initial delay."),
    row("connect_timeout", secs(1, 4294967295)).needed().invalid("real server connect_timeout {v} invalid - ignoring").syntax("SECS").range("decimal 0.000001..4294.967295").default("virtual server setting").unit("s").doc("Default connection timeout."),
    row("delay_loop", secs(1, u64::MAX)).needed().invalid("real server delay_loop '{v}' invalid - ignoring").syntax("SECS").range("decimal 0.000001..").default("virtual server setting").unit("s").doc("Default check period."),
    row("smtp_alert", Bool).invalid("Invalid real_server smtp_alert parameter {v}").syntax("[BOOL]").default("global smtp_alert_checker, global smtp_alert, else TRUE (virtual server value not used)").doc("Mail when the server changes state."),
    row("virtualhost", Word).needs("real server virtualhost missing").syntax("NAME").default("virtual server setting").doc("Default HTTP Host."),
    row("snmp_name", Word).needs("real server snmp_name missing or extra parameters").syntax("NAME").doc("Name shown over SNMP."),
    row("MISC_CHECK", Nested(Block::MiscCheck, Head::Any)).syntax("{ ... }").doc("External program check."),
    row("SMTP_CHECK", Nested(Block::SmtpCheck, Head::Any)).syntax("{ ... }").doc("SMTP dialogue check."),
    row("TCP_CHECK", Nested(Block::TcpCheck, Head::Any)).syntax("{ ... }").doc("TCP connect check."),
    row("PING_CHECK", Nested(Block::PingCheck, Head::Any)).syntax("{ ... }").doc("ICMP echo check."),
    row("UDP_CHECK", Nested(Block::UdpCheck, Head::Any)).syntax("{ ... }").doc("UDP datagram check."),
    row("HTTP_GET", Nested(Block::HttpGet, Head::Any)).syntax("{ ... }").doc("HTTP request check."),
    row("SSL_GET", Nested(Block::SslGet, Head::Any)).syntax("{ ... }").doc("HTTPS request check."),
    row("DNS_CHECK", Nested(Block::DnsCheck, Head::Any)).syntax("{ ... }").doc("DNS query check."),
    row("FILE_CHECK", Nested(Block::FileCheck, Head::Any)).syntax("{ ... }").doc("Weight and state from a track_file."),
    row("BFD_CHECK", Nested(Block::BfdCheck, Head::Any)).syntax("{ ... }").doc("State from a BFD session."),
] };

/// Keywords of `SSL`.
#[rustfmt::skip] // one row a keyword
pub(super) static SSL: Table = Table { places: &[Block::Ssl], rows: &[
    row("password", Word).needs("SSL password missing").syntax("STRING").doc("Pass phrase of the private key."),
    row("ca", Word).needs("SSL cafile missing").syntax("PATH").doc("CA certificates."),
    row("certificate", Word).needs("SSL certfile missing").syntax("PATH").doc("Client certificate."),
    row("key", Word).needs("SSL keyfile missing").syntax("PATH").doc("Client private key."),
] };
