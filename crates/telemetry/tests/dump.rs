//! The text against what keepalived was seen to show for the same configuration, states left out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;

use base::{Duration, Priority, Vrid, Weight};
use control_plane::Config;
use control_plane::model::checks::{Checker, CheckerKind, TcpCheck};
use control_plane::model::lvs::{
    CheckDefaults, Lvs, Protocol, RealServer, Scheduler, ServiceAddress, ServiceDefaults,
    VirtualServer,
};
use control_plane::model::tracking::{
    ParamMatch, ScriptId, TrackInterface, TrackProcess, TrackScript, VrrpScript,
};
use control_plane::model::vrrp::{
    AddressScope, Authentication, Instance, NotifyScripts, Preempt, SyncGroup, TrackWeight,
    Unicast, UnicastPeer, Version, VirtualAddress, Vrrp,
};
use control_plane::model::{Command, ScriptUser};
use telemetry::configuration;

fn command(words: &str) -> Command {
    let mut words = words.split(' ').map(str::to_owned);
    let program = words.next().unwrap_or_default();
    let root = ScriptUser { user: "root".into(), group: None };
    Command { program, args: words.collect(), user: Some(root) }
}

fn weight(value: i32, reverse: bool) -> TrackWeight {
    TrackWeight { weight: Weight::new(value).unwrap_or_default(), reverse }
}

fn priority(value: u8) -> Priority {
    Priority::new(value).unwrap_or_default()
}

/// The lines from the one that is `from` to the next title or object of the same depth.
fn part(config: &Config, from: &str) -> Vec<String> {
    let depth = from.len() - from.trim_start().len();
    let ends = |line: &String| line.len() - line.trim_start().len() <= depth;
    let mut lines = configuration(config).skip_while(|line| line != from);
    let first = lines.next();
    first.into_iter().chain(lines.take_while(|line| !ends(line))).collect()
}

fn unicast_instance() -> Config {
    let link = VirtualAddress {
        scope: AddressScope(253),
        label: Some("d33:1".into()),
        broadcast: Some(Ipv4Addr::new(10, 0, 0, 255)),
        ..VirtualAddress::new("10.0.0.100/24".parse().unwrap(), "d33")
    };
    let untracked = VirtualAddress {
        no_track: true,
        ..VirtualAddress::new("10.0.0.101/32".parse().unwrap(), "d33")
    };
    let peer = |address: &str, min_ttl| UnicastPeer {
        address: address.parse().unwrap(),
        min_ttl,
        max_ttl: 255,
    };
    let instance = Instance {
        priority: priority(90),
        version: Version::V3,
        advert_interval: Duration::from_millis(500),
        preempt: Preempt::Never,
        accept: false,
        skip_check_advert_addresses: true,
        source: Some("10.0.0.1".parse().unwrap()),
        lower_prio_no_advert: true,
        higher_prio_send_advert: true,
        receive_buffer: Some(5000),
        debug: 2,
        virtual_addresses: vec![link, untracked],
        excluded_addresses: vec![VirtualAddress::new("10.0.0.102/32".parse().unwrap(), "d33")],
        unicast: Some(Unicast {
            peers: vec![peer("10.0.0.2", 0), peer("10.0.0.3", 200)],
            ttl: Some(100),
            check_source: true,
            ..Unicast::default()
        }),
        track_interfaces: vec![TrackInterface { interface: "lo".into(), weight: weight(5, true) }],
        track_scripts: vec![TrackScript {
            script: ScriptId(0),
            weight: Weight::new(5).unwrap(),
            reverse: true,
        }],
        notify: NotifyScripts {
            backup: Some(command("/usr/bin/true")),
            generic: Some(command("/usr/bin/true all arguments")),
            report_deleted: true,
            ..NotifyScripts::default()
        }
        .into(),
        smtp_alert: true,
        ..Instance::new("VI_1", "d33", Vrid::new(51).unwrap())
    };
    let script = VrrpScript {
        interval: Duration::from_secs(3),
        timeout: Duration::from_millis(500),
        weight: Weight::new(5).unwrap(),
        reverse: true,
        rise: 2,
        fall: 3,
        ..VrrpScript::new("s1", command("/usr/bin/true a"))
    };
    let group = SyncGroup {
        name: "SG".into(),
        members: vec!["VI_1".into()],
        tracking_weight: true,
        ..SyncGroup::default()
    };
    Config {
        vrrp: Vrrp {
            scripts: vec![script],
            instances: vec![instance].into(),
            sync_groups: vec![group],
            ..Vrrp::default()
        },
        ..Config::default()
    }
}

#[test]
fn an_instance_reads_as_keepalived_shows_it() {
    assert_eq!(
        part(&unicast_instance(), " VRRP Instance = VI_1").join("\n"),
        " VRRP Instance = VI_1
   VRRP Version = 3
   Sync group = SG
   Flags:
     Using unicast
   Wantstate = BACKUP
   Interface = d33
   Skip checking advert IP addresses
   Using src_ip = 10.0.0.1 (from configuration)
   Gratuitous ARP delay = 5
   Gratuitous ARP repeat = 5
   Gratuitous ARP refresh = 0
   Gratuitous ARP refresh repeat = 1
   Gratuitous ARP lower priority delay = 5
   Gratuitous ARP lower priority repeat = 5
   Down timer adverts = 3
   Send advert after receive lower priority advert = false
   Send advert after receive higher priority advert = true
   Virtual Router ID = 51
   Priority = 90
   Advert interval = 500 milli-sec
   Accept = disabled
   Preempt = disabled
   Promote_secondaries = disabled
   Kernel rx buffer size = 5000
   Debug level = 2
   Virtual IP (2):
     10.0.0.100/24 brd 10.0.0.255 dev d33 scope link label d33:1
     10.0.0.101 dev d33 scope global no_track
   Unicast TTL = 100
   Check unicast src : yes
   Unicast Peer :
     10.0.0.2 min_ttl 0 max_ttl 255
     10.0.0.3 min_ttl 200 max_ttl 255
   Unicast checksum compatibility = no
   Virtual IP Excluded :
     10.0.0.102 dev d33 scope global
   No sockets allocated
   Tracked interfaces :
     lo weight 5 reverse
   Tracked scripts :
     s1 weight 5 reverse
   Using smtp notification = yes
   Notify deleted = Deleted
   Backup state transition script = '/usr/bin/true', uid:gid 0:0
   Generic state transition script = '/usr/bin/true' 'all' 'arguments', uid:gid 0:0
   Notify priority changes = false"
    );
}

#[test]
fn a_script_names_who_tracks_it() {
    assert_eq!(
        part(&unicast_instance(), " VRRP Script = s1").join("\n"),
        " VRRP Script = s1
   Command = '/usr/bin/true' 'a'
   Interval = 3 sec
   Timeout = 0.5 sec
   Weight = 5 reverse
   Rise = 2
   Fall = 3
   Script uid:gid = 0:0
   Tracking instances :
     VI_1, weight 5 reverse"
    );
}

#[test]
fn a_sync_group_names_its_members() {
    assert_eq!(
        part(&unicast_instance(), " VRRP Sync Group = SG").join("\n"),
        " VRRP Sync Group = SG
   VRRP member instances :
     VI_1
   sync group tracking weight set
   Using smtp notification = no"
    );
}

#[test]
fn a_process_shows_its_limits() {
    let process = TrackProcess {
        name: "tp".into(),
        process: vec!["sleep".into(), "5".into()],
        param_match: Some(ParamMatch::Initial),
        weight: 3,
        reverse: false,
        quorum: 1,
        quorum_max: Some(5),
        fork_delay: Duration::from_secs(1),
        terminate_delay: Duration::from_secs(2),
        full_command: true,
    };
    let vrrp = Vrrp { processes: vec![process], ..Vrrp::default() };
    assert_eq!(
        part(&Config { vrrp, ..Config::default() }, " VRRP Track process = tp").join("\n"),
        " VRRP Track process = tp
   Process = sleep
   Parameters = 5
   Param match = initial
   Min processes = 1
   Max processes = 5
   Weight = 3
   Terminate delay = 2.000000s
   Fork delay = 1.000000s
   Full command = true"
    );
}

#[test]
fn a_password_is_never_shown() {
    let secret = Instance {
        authentication: Authentication::Pass(*b"lll\0\0\0\0\0"),
        virtual_addresses: vec![VirtualAddress::new("fe80::53/128".parse().unwrap(), "lan0")],
        ..Instance::new("VI_1", "lan0", Vrid::new(51).unwrap())
    };
    let config = Config {
        vrrp: Vrrp { instances: vec![secret].into(), ..Vrrp::default() },
        ..Config::default()
    };
    let lines: Vec<String> = configuration(&config).collect();
    assert!(lines.contains(&"   Authentication type = SIMPLE_PASSWORD".to_owned()));
    assert!(lines.contains(&"   Password = ********".to_owned()));
    assert!(!lines.iter().any(|line| line.contains("lll")), "{lines:#?}");
}

#[test]
fn addresses_of_ipv6_show_their_lifetime() {
    let address = |net: &str, lifetime| VirtualAddress {
        preferred_lifetime: lifetime,
        ..VirtualAddress::new(net.parse().unwrap(), "lan0")
    };
    let instance = Instance {
        virtual_addresses: vec![
            address("fe80::53/128", Some(0)),
            address("2001:db8:1::53/64", None),
            address("2001:db8:1::54/64", Some(100)),
        ],
        ..Instance::new("VI_3", "lan0", Vrid::new(53).unwrap())
    };
    let config = Config {
        vrrp: Vrrp { instances: vec![instance].into(), ..Vrrp::default() },
        ..Config::default()
    };
    let lines: Vec<String> =
        configuration(&config).filter(|line| line.contains(" scope ")).collect();
    assert_eq!(
        lines,
        [
            "     fe80::53 dev lan0 scope global deprecated",
            "     2001:db8:1::53/64 dev lan0 scope global preferred_lft forever",
            "     2001:db8:1::54/64 dev lan0 scope global preferred_lft 100",
        ]
    );
}

fn balanced(servers: u8) -> Config {
    let server = |number: u8| {
        let address = format!("10.2.0.{number}:80").parse().unwrap();
        let check = Checker {
            delay_loop: Duration::from_secs(3),
            warmup: Duration::from_secs(3),
            ..Checker::new(CheckerKind::Tcp(TcpCheck {
                connect_timeout: Duration::from_secs(1),
                ..TcpCheck::new(address)
            }))
        };
        RealServer { checkers: vec![check], ..RealServer::new(address) }
    };
    let address = ServiceAddress::Address {
        ip: "10.1.0.100".parse().unwrap(),
        port: 80,
        protocol: Protocol::Tcp,
    };
    let service = VirtualServer {
        scheduler: Scheduler::SourceHashing,
        persistence: Some(Duration::from_secs(300)),
        real_servers: (0..servers).map(server).collect(),
        ..VirtualServer::new(address)
    };
    let lvs = Lvs { virtual_servers: vec![service], ..Lvs::default() };
    Config { lvs: lvs.into(), ..Config::default() }
}

#[test]
fn a_virtual_server_shows_its_servers_and_checks() {
    let config = balanced(1);
    let lines = configuration(&config).skip_while(|line| line != "------< LVS Topology >------");
    assert_eq!(
        lines.collect::<Vec<_>>().join("\n"),
        "------< LVS Topology >------
 System is compiled with LVS v1.2.1
 ------< Virtual server >------
 VS VIP = 10.1.0.100, VPORT = 80
   Address family = inet
   connection timeout = 5.000000
   delay_loop = 60.000000
   lvs_sched = sh
   Hashed = disabled
   sh-port = disabled
   sh-fallback = disabled
   One packet scheduling = disabled
   persistence timeout = 300
   protocol = TCP
   alpha is OFF
   omega is OFF
   Inhibit on failure is OFF
   quorum = 1, hysteresis = 0
   Using smtp notification = no
   default forwarding method = NAT
   ------< Real server >------
   RIP = 10.2.0.0, RPORT = 80, WEIGHT = 1
   forwarding method = NAT
   Alpha is OFF
   connection timeout = 5.000000
   connection limit range = 0 -> 0
   Delay loop = 60.000000
   Inhibit on failure is OFF
   Using smtp notification = yes
------< Health checkers >------
 [10.1.0.100]:tcp:80 -> [10.2.0.0]:tcp:80
   Alpha = no
   Delay loop = 3000000 us
   Warmup = 3000000 us
   Retries = 1
   Delay before retry = 1000000 us
   Default delay before retry = 1000000 us
   Log all failures = no
   Connection
     Dest = [10.2.0.0]:80
     Timeout = 1.000000
   Keepalive method = TCP_CHECK"
    );
}

#[test]
fn a_virtual_server_shows_what_it_says_for_checks_and_a_real_server_what_it_says_otherwise() {
    let mut config = balanced(2);
    let lvs = std::sync::Arc::make_mut(&mut config.lvs);
    let checks = CheckDefaults {
        retry: Some(4),
        warmup: Some(Duration::from_secs(3)),
        ..CheckDefaults::NONE
    };
    let service = &mut lvs.virtual_servers[0];
    service.defaults = ServiceDefaults {
        alpha: true,
        virtualhost: Some("all.example.com".into()),
        checks,
        ..ServiceDefaults::NONE
    };
    let seconds = Duration::from_secs;
    let [first, second] = &mut service.real_servers[..] else { panic!() };
    first.virtualhost = Some("all.example.com".into());
    second.virtualhost = Some("own.example.com".into());
    let own = CheckDefaults {
        retry: Some(5),
        delay_before_retry: Some(seconds(2)),
        connect_timeout: Some(seconds(1)),
        delay_loop: Some(seconds(9)),
        ..checks
    };
    second.defaults = Some(Box::new(own));
    let words =
        ["alpha", "VirtualHost", "connection timeout", "elay", "Retry", "Warmup", "------<"];
    let lines = configuration(&config).skip_while(|line| !line.contains("Virtual server >"));
    let lines = lines.take_while(|line| !line.contains("Health checkers"));
    let lines: Vec<String> =
        lines.filter(|line| words.iter().any(|word| line.contains(word))).collect();
    assert_eq!(
        lines.join("\n"),
        " ------< Virtual server >------
   VirtualHost = all.example.com
   connection timeout = 5.000000
   delay_loop = 60.000000
   alpha is ON
   Retry count = 4
   Warmup = 3.000000
   ------< Real server >------
   connection timeout = 5.000000
   Delay loop = 60.000000
   Retry count = 4
   Warmup = 3.000000
   ------< Real server >------
   connection timeout = 1.000000
   Delay loop = 9.000000
   Retry count = 5
   Retry delay = 2.000000
   Warmup = 3.000000
    VirtualHost = 'own.example.com'"
    );
}

#[test]
fn every_server_has_its_part() {
    let config = balanced(200);
    let count = |text: &str| configuration(&config).filter(|line| line.contains(text)).count();
    assert_eq!(count("< Real server >"), 200);
    assert_eq!(count("Keepalive method"), 200);
    assert_eq!(count("< Virtual server >"), 1);
}

#[test]
fn nothing_configured_shows_global_definitions_alone() {
    let config = Config::default();
    let titles: Vec<String> =
        configuration(&config).filter(|line| line.contains("------<")).collect();
    assert_eq!(titles, ["------< Global definitions >------"]);
    let lines: Vec<String> = configuration(&config).collect();
    for line in [
        " Network namespace = (default)",
        " Network namespace ipvs = (main namespace)",
        " VRRP IPv4 mcast group = 224.0.0.18",
        " VRRP IPv6 mcast group = ff02::12",
        " Max auto priority = Disabled",
        " Min auto priority delay = 1000000 usecs",
        " VRRP realtime limit = 10000",
        " LVS flush on stop = disabled",
        " umask = 0177",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line:?} is missing in {lines:#?}");
    }
}
