//! Parts of dumps as keepalived was seen to write them: global definitions, addresses, routes, rules.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use control_plane::{Config, MemorySource, Options, load};

fn config(text: &str) -> Config {
    let source = MemorySource::new("/k.conf", text);
    load(Path::new("/k.conf"), &source, &Options::default()).config.unwrap()
}

/// The lines of one section, without its title.
fn section(text: &str, title: &str) -> Vec<String> {
    let title = format!("------< {title} >------");
    let config = config(text);
    let mut lines = telemetry::configuration(&config).skip_while(|line| *line != title).skip(1);
    let mut found = Vec::new();
    while let Some(line) = lines.next().filter(|line| !line.starts_with("------<")) {
        found.push(line.trim_start().to_owned());
    }
    found
}

#[test]
fn static_addresses_have_their_groups() {
    let text = "track_group TG1 { group { VI_1 } }
        static_ipaddress {
            10.3.0.1/24 brd + dev lan0 scope global track_group TG1
            10.3.0.2/32 dev lan0 scope link no_track
        }
        vrrp_instance VI_1 {
            interface lan0
            virtual_router_id 51
            virtual_ipaddress { 10.1.0.100 }
        }";
    assert_eq!(
        section(text, "Static Addresses"),
        [
            "10.3.0.1/24 brd 10.3.0.255 dev lan0 scope global track_group TG1",
            "10.3.0.2 dev lan0 scope link no_track"
        ]
    );
}

#[test]
fn routes_are_written_as_by_keepalived() {
    let text = "static_routes {
        192.0.2.0/24 via 10.2.0.2 dev rsnet metric 50
        src 10.9.9.1 192.0.4.0/24 via 10.9.9.2 dev dum0 table 100 tos 16 mtu lock 1400 advmss 1300 window 1000 hoplimit 30 realms 3/5 initcwnd 10 initrwnd 12 quickack 1 congctl cubic reordering 5 cwnd 12 ssthresh 44 features ecn fastopen_no_cookie 1
        192.0.5.0/24 nexthop via 10.9.9.2 dev dum0 weight 2 nexthop via 10.9.9.3 dev dum0 weight 3 onlink
        2001:db8:5::/64 via 2001:db8::2 dev dum0 pref high expires 1000
        append 192.0.6.0/24 via 10.9.9.2 dev dum0 no_track
        192.0.8.0/24 encap ip id 5 dst 10.9.9.4 src 10.9.9.1 ttl 20 tos 4 via 10.9.9.2 dev dum0
    }";
    assert_eq!(
        section(text, "Static Routes"),
        [
            "prepend 192.0.2.0/24 via inet 10.2.0.2 dev rsnet proto 18 metric 50",
            "prepend 192.0.4.0/24 src 10.9.9.1 tos 16 via inet 10.9.9.2 dev dum0 table 100 proto 18 \
             realms 3/5 congctl cubic features ecn mtu lock 1400 window 1000 ssthresh 44 cwnd 12 \
             advmss 1300 reordering 5 hoplimit 30 initcwnd 10 initrwnd 12 quickack 1 \
             fastopen_no_cookie 1",
            "prepend 192.0.5.0/24 proto 18 nexthop via inet 10.9.9.2 dev dum0 weight 2 nexthop via \
             inet 10.9.9.3 dev dum0 weight 3 onlink",
            "prepend 2001:db8:5::/64 via inet6 2001:db8::2 dev dum0 proto 18 expires 1000sec pref \
             high",
            "append 192.0.6.0/24 via inet 10.9.9.2 dev dum0 no_track",
            "prepend 192.0.8.0/24 encap ip id 5 dst 10.9.9.4 src 10.9.9.1 tos 4 ttl 20 via inet \
             10.9.9.2 dev dum0 proto 18",
        ]
    );
}

#[test]
fn rules_are_written_as_by_keepalived() {
    let text = "static_rules {
        from 192.0.2.0/24 table 100 preference 100
        to 192.0.3.0/24 blackhole preference 101
        not from 192.0.4.0/24 to 1.2.3.0/24 tos 16 fwmark 0x5/0xff iif dum0 oif dum1 table 100 realms 3/4 preference 102 suppress_prefixlength 8 uidrange 5-10 ipproto 6 sport 5-10
        from 192.0.5.0/24 goto 200 preference 110
        from 192.0.8.0/24 nop preference 200
        from 192.0.9.0/24 unreachable preference 240 no_track
        from 192.0.9.0/24 prohibit preference 241 tunnel-id 55
    }";
    assert_eq!(
        section(text, "Static Rules"),
        [
            "from 192.0.2.0/24 priority 100 tos 0x0 protocol 18 lookup 100",
            "from all to 192.0.3.0/24 priority 101 tos 0x0 protocol 18 type blackhole",
            "not from 192.0.4.0/24 to 1.2.3.0/24 priority 102 tos 0x10 fwmark 0x5/0xff iif dum0 oif \
             dum1 suppress_prefixlen 8 uidrange 5-10 protocol 18 ipproto 6 sport 5-10 realms 3/4 \
             lookup 100",
            "from 192.0.5.0/24 priority 110 tos 0x0 protocol 18 goto 200",
            "from 192.0.8.0/24 priority 200 tos 0x0 protocol 18 nop",
            "from 192.0.9.0/24 priority 240 tos 0x0 type unreachable no_track",
            "from 192.0.9.0/24 priority 241 tos 0x0 tunnel-id 55 protocol 18 type prohibit",
        ]
    );
}

#[test]
fn an_instance_shows_its_routes_and_rules() {
    let text = "vrrp_instance VI_1 {
        interface lan0
        virtual_router_id 51
        virtual_ipaddress { 10.1.0.100 }
        virtual_routes {
            198.51.100.0/24 via 10.1.0.2
        }
        virtual_rules {
            from 198.51.100.0/24 table 100 preference 200
        }
    }";
    let lines = section(text, "VRRP Topology").join("\n");
    let routes =
        "Virtual Routes :\nprepend 198.51.100.0/24 via inet 10.1.0.2 proto 18 [dev lan0]\n";
    let rules =
        "Virtual Rules :\nfrom 198.51.100.0/24 priority 200 tos 0x0 protocol 18 lookup 100\n";
    assert!(lines.contains(&format!("{routes}{rules}")), "{lines}");
}

/// What keepalived 2.4.3 wrote of these settings, but for the version of its nftables library.
#[test]
fn the_global_definitions_are_complete() {
    let text = "global_defs {
        router_id LAB1
        notification_email { admin@example.com }
        notification_email_from keepalived@example.com
        smtp_server 127.0.0.1 2525
        smtp_connect_timeout 5
        smtp_alert true
        process_names
        script_user root
        enable_script_security
        dynamic_interfaces
        default_interface lan0
        vrrp_version 2
        vrrp_garp_master_refresh 60
        vrrp_notify_priority_changes
        checker_log_all_failures
        rs_init_notifies
        max_auto_priority -1
        lvs_timeouts tcp 900 tcpfin 60 udp 300
    }";
    let wanted = "Network namespace = (default)
Network namespace ipvs = (main namespace)
VRRP process name = keepalived_vrrp
LVS process name = keepalived_lvs
BFD process name = keepalived_bfd
Replace symlinks in script paths
Don't set supplementary groups for all scripts
Router ID = LAB1
Smtp server = 127.0.0.1
Smtp server port = 2525
Smtp server connection timeout = 5
Email notification from = keepalived@example.com
Email notification to:
admin@example.com
Default smtp_alert = on
Default smtp_alert_vrrp = unset
Default smtp_alert_checker = unset
Checkers log all failures = true
No test config before reload
Dynamic interfaces = true
Allow interface changes = false
LVS TCP timeout = 900
LVS TCP FIN timeout = 60
LVS TCP timeout = 300
Default interface = lan0
Disable local IGMP = no
Use VRRPv2 checksum for VRRPv3 IPv4 = no
LVS flush = false
LVS flush on stop = disabled
FIFO write vrrp states on reload = false
VRRP notify priority changes = true
VRRP IPv4 mcast group = 224.0.0.18
VRRP IPv6 mcast group = ff02::12
Gratuitous ARP delay = 5
Gratuitous ARP repeat = 5
Gratuitous ARP refresh timer = 60
Gratuitous ARP refresh repeat = 1
Gratuitous ARP lower priority delay = 5
Gratuitous ARP lower priority repeat = 5
Num adverts before down = 3
Gratuitous ARP for each secondary VMAC = 0s
Send advert after receive lower priority advert = true
Send advert after receive higher priority advert = false
Gratuitous ARP interval = 0.000000
Gratuitous NA interval = 0.000000
VRRP default protocol version = 2
nftables without counters
VRRP check unicast_src = false
VRRP skip check advert addresses = false
VRRP strict mode = false
Max auto priority = Disabled
Min auto priority delay = 1000000 usecs
VRRP process priority = 0
VRRP don't swap = false
VRRP realtime priority = 0
VRRP realtime limit = 10000
Checker process priority = 0
Checker don't swap = false
Checker realtime priority = 0
Checker realtime limit = 10000
BFD process priority = 0
BFD don't swap = false
BFD realtime priority = 0
BFD realtime limit = 10000
SNMP vrrp disabled
SNMP checker disabled
SNMP traps disabled
SNMP socket = default (unix:/var/agentx/master)
SNMP VS stats update interval = 5.000000
SNMP RS stats update interval = 5.000000
DBus disabled
DBus service name =
DBus no interface name = none
Script security enabled
Default script uid:gid 0:0
vrrp_netlink_cmd_rcv_bufs = 0
vrrp_netlink_cmd_rcv_bufs_force = 0
vrrp_netlink_monitor_rcv_bufs = 0
vrrp_netlink_monitor_rcv_bufs_force = 0
process_monitor_rcv_bufs = 0
process_monitor_rcv_bufs_force = 0
lvs_netlink_cmd_rcv_bufs = 0
lvs_netlink_cmd_rcv_bufs_force = 0
lvs_netlink_monitor_rcv_bufs = 0
lvs_netlink_monitor_rcv_bufs_force = 0
rs_init_notifies = 1
no_checker_emails = 0
rx_bufs_multiples = 3
umask = 0177
json_version 1
iproute usr directory /etc/iproute2
iproute etc directory /etc/iproute2";
    let seen = section(text, "Global definitions");
    let seen: Vec<&str> = seen.iter().map(|line| line.trim_end()).collect();
    assert_eq!(seen.join("\n"), wanted);
}

#[test]
fn a_small_configuration_shows_its_defaults() {
    let with = |line: &str| config(&format!("global_defs {{\n {line}\n}}"));
    let shown = |lines: Vec<String>| -> Vec<String> {
        let wanted = |line: &String| {
            line.starts_with(" Default interface") || line.starts_with(" Default script")
        };
        lines.into_iter().filter(wanted).collect()
    };
    let [interface, root] = [" Default interface = eth0", " Default script uid:gid 0:0"];
    assert_eq!(shown(telemetry::configuration(&config("")).collect()), [interface, root]);
    assert_eq!(shown(telemetry::parent_data(&config("")).collect()), [root]);
    let named = with("default_interface lan0");
    let lan0 = " Default interface = lan0";
    assert_eq!(shown(telemetry::configuration(&named).collect()), [lan0, root]);
    assert_eq!(shown(telemetry::parent_data(&named).collect()), [root]);
    assert_eq!(shown(telemetry::bfd_data(&named).collect()), [root]);
    // Nobody is the default then.
    let guarded = with("enable_script_security");
    assert_eq!(shown(telemetry::configuration(&guarded).collect()), [interface]);
}
