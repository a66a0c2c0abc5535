//! Mails of `smtp_alert`, as keepalived sends them.

use std::time::Duration;

use lab::director::{Cluster, INTERFACE};
use lab::relay::Relay;
use lab::service::{Service, Switch};
use lab::{Daemon, Network, Node, Program, uml, wait};

const SLACK: Duration = Duration::from_secs(8);

/// Relay and recipients.
const MAIL: &str = "global_defs {
    router_id LAB1
    notification_email { admin@example.com root }
    notification_email_from keepalived@example.com
    smtp_server 127.0.0.1 2525
    smtp_connect_timeout 5
                retry 2
    smtp_alert
}
";

fn vrrp(vrid: u8, last: &str) -> String {
    let instance = |name: &str, vrid: u8, address: u8| {
        format!(
            "vrrp_instance {name} {{
                interface eth0
                virtual_router_id {vrid}
                virtual_ipaddress {{ 10.9.0.{address} }}
            }}
            "
        )
    };
    let group = format!("vrrp_sync_group G1 {{ group {{ VI_1 {last} }} }}\n");
    [MAIL, &instance("VI_1", vrid, vrid), &instance(last, vrid + 1, vrid + 1), &group].concat()
}

#[test]
fn the_states_of_instances_and_groups_are_mailed_as_by_keepalived() {
    let Some(debian) = Program::debian() else { return };
    let network = Network::new();
    let nodes =
        [("ours", "10.9.0.1/24", Program::ours(), 51), ("theirs", "10.9.0.2/24", debian, 61)];
    let nodes = nodes.map(|(name, address, program, vrid)| {
        let node = network.machine(name, "eth0", &[address]);
        let relay = Relay::start(&node, 2525, &Switch::default());
        (node, relay, program, vrid)
    });
    let daemons = nodes
        .each_ref()
        .map(|(node, _, program, vrid)| Daemon::start(program, node, &vrrp(*vrid, "VI_2")));
    let [ours, theirs] = nodes.each_ref().map(|(_, relay, ..)| relay);
    // Three objects: BACKUP and MASTER, FAULT, BACKUP and MASTER again.
    both_have(ours, theirs, 6, "after the start");
    nodes.iter().for_each(|(node, ..)| link(node, "down"));
    both_have(ours, theirs, 9, "after a fault");
    nodes.iter().for_each(|(node, ..)| link(node, "up"));
    both_have(ours, theirs, 15, "after the fault");
    let [mine, other] = [ours, theirs].map(|relay| {
        let mut letters = relay.letters();
        // Their connections overtake each other.
        letters.sort();
        letters
    });
    assert_eq!(mine, other, "headers, text, sender and recipients");
    println!("{mine:#?}");
    let [ours_runs, theirs_runs] = daemons;
    drop(theirs_runs);
    assert!(ours_runs.stop().1.success());
    let news = ours.news();
    assert!(
        news.contains(&"[LAB1] VRRP Instance VI_1 - Stopping => VRRP Instance stopping <=".into()),
        "keepalived ends before it has sent these: {news:#?}"
    );
}

fn link(node: &Node, state: &str) {
    node.sh(&format!("ip link set eth0 {state}"));
}

fn both_have(ours: &Relay, theirs: &Relay, many: usize, when: &str) {
    wait::eventually(SLACK, &format!("{many} mails {when}"), || {
        ours.letters().len() >= many && theirs.letters().len() >= many
    });
    assert_eq!(ours.news(), theirs.news(), "{when}");
}

#[test]
fn a_relay_that_says_nothing_delays_no_advert_and_is_given_up() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &["10.9.0.1/24"]);
    let switch = Switch::default();
    switch.set(false);
    let relay = Relay::start(&node, 2525, &switch);
    let daemon = Daemon::start(&Program::ours(), &node, &vrrp(51, "VI_2"));
    daemon.wait_log("Timeout waiting for remote SMTP server [127.0.0.1]:2525", SLACK);
    wait::eventually(SLACK, "it is master all the same", || node.holds("10.9.0.51"));
    switch.set(true);
    link(&node, "down");
    wait::eventually(SLACK, "the mails of the fault come", || {
        relay.news().iter().any(|news| news.contains("Group G1 - Entering FAULT state"))
    });
    assert!(daemon.stop().1.success());
}

#[test]
fn who_gets_mail_and_about_what_is_configured() {
    let network = Network::new();
    let node = network.machine("one", "eth0", &["10.9.0.1/24"]);
    let relay = Relay::start(&node, 2525, &Switch::default());
    let configuration = "global_defs {
        notification_email { nobody@example.com \"Ops, team <ops@example.com>\" }
        smtp_server localhost 2525
        smtp_helo_name lb1.example.com
        no_email_faults
    }
    vrrp_instance LOUD {
        interface eth0
        virtual_router_id 51
        virtual_ipaddress { 10.9.0.51 }
        smtp_alert
    }
    vrrp_instance QUIET {
        interface eth0
        virtual_router_id 52
        virtual_ipaddress { 10.9.0.52 }
    }
    ";
    let daemon = Daemon::start(&Program::ours(), &node, configuration);
    wait::eventually(SLACK, "MASTER is told", || relay.letters().len() == 2);
    daemon.wait_log("Mail is not sent to nobody@example.com: ", SLACK);
    link(&node, "down");
    daemon.wait_log("(LOUD) Entering FAULT STATE", SLACK);
    link(&node, "up");
    wait::eventually(SLACK, "BACKUP is told, FAULT is not", || relay.letters().len() == 3);
    let host = node.sh("hostname").trim().to_owned();
    let letters = relay.letters();
    for (letter, state) in letters.iter().zip(["BACKUP", "MASTER", "BACKUP"]) {
        let subject = format!("[{host}] VRRP Instance LOUD - Entering {state} state");
        assert_eq!(letter.header("Subject"), subject);
        assert_eq!(letter.header("To"), "nobody@example.com, \"Ops, team\" <ops@example.com>");
        assert_eq!(letter.recipients, ["ops@example.com"]);
        assert_eq!(letter.sender, format!("root@{host}"));
    }
    let greetings = relay.greetings();
    assert!(!greetings.is_empty());
    assert!(greetings.iter().all(|line| line == "EHLO lb1.example.com"), "{greetings:?}");
}

const SERVER: &str = "192.168.216.204";

fn checked() -> String {
    let service = |port: u16, check: &str| {
        format!(
            "virtual_server 10.9.0.1 {port} {{
                lvs_sched rr
                lvs_method NAT
                protocol TCP
                delay_loop 1
                delay_before_retry 1
                warmup 0
                connect_timeout 5
                retry 2
                real_server {SERVER} {port} {{ {check} }}
            }}
            "
        )
    };
    [
        MAIL,
        &service(80, "TCP_CHECK { }"),
        &service(81, "HTTP_GET { url { path / status_code 200 } }"),
        &service(25, "SMTP_CHECK { }"),
        &service(53, "UDP_CHECK { require_reply }"),
        &service(99, "PING_CHECK { }"),
        &service(
            98,
            "alpha\nMISC_CHECK { misc_path \"/usr/bin/test -e /run/good\"\nmisc_timeout 20 }",
        ),
    ]
    .concat()
}

#[test]
fn the_states_of_servers_and_quorums_are_mailed_as_by_keepalived() {
    uml::with_ipvs(
        "the_states_of_servers_and_quorums_are_mailed_as_by_keepalived",
        servers_and_quorums,
    );
}

fn servers_and_quorums() {
    let Some(debian) = Program::debian() else { return };
    let cluster = Cluster::new(INTERFACE);
    let [lb01, lb02] = &cluster.directors;
    let web = &cluster.servers[0];
    let always = Switch::default();
    let serve = || {
        [
            Service::tcp(web, 80, &always, |_, _| Ok(())),
            Service::tcp(web, 81, &always, |stream, _| {
                lab::service::request(stream)?;
                std::io::Write::write_all(stream, b"HTTP/1.0 200 OK\r\n\r\nhello")
            }),
            Service::udp(web, 53, &always, |_, _| Some(b"ok".to_vec())),
        ]
    };
    let turn = |good: bool| {
        let ignore = u8::from(!good);
        web.sh(&format!("echo {ignore} >/proc/sys/net/ipv4/icmp_echo_ignore_all"));
        let script = if good { "touch /run/good" } else { "rm /run/good" };
        for node in [lb01, lb02] {
            node.sh(script);
        }
    };
    turn(true);
    let mut services = Some(serve());
    let smtp = Relay::start(web, 25, &always);
    let relays = [lb01, lb02].map(|node| Relay::start(node, 2525, &always));
    let configuration = checked();
    let daemons = [(Program::ours(), lb01), (debian, lb02)]
        .map(|(program, node)| Daemon::start_with(&program, node, &configuration, &["-C"]));
    let compare = |many: usize, when: &str| {
        let both_have = || relays.iter().all(|relay| relay.letters().len() >= many);
        wait::eventually(Duration::from_secs(60), &format!("{many} mails {when}"), both_have);
        let [ours, theirs] = relays.each_ref().map(|relay| {
            // 2.2.7 and 2.4.3 differ here.
            relay.news().join("\n").replace("HTTP/SSL request", "HTTP request")
        });
        assert_eq!(ours, theirs, "{when}");
        println!("{when}:\n{ours}");
    };
    compare(7, "at the start");
    drop(services.take());
    drop(smtp);
    turn(false);
    compare(19, "after all failed");
    let _services = serve();
    let _smtp = Relay::start(web, 25, &always);
    turn(true);
    compare(31, "after all came back");
    drop(daemons);
}
