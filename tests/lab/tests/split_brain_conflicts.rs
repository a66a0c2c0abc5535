//! Others who hold an address of ours: what follows by `report`, `yield` and `insist`, over IPv4 and
//! IPv6, and who is told.
#![allow(clippy::expect_used, reason = "test code")]

use std::time::Duration;

use lab::overlap;
use lab::relay::Relay;
use lab::service::Switch;
use lab::{Capture, Daemon, Network, Node, Program, wait};

const VIP: &str = "192.168.216.250";
const VIP_V6: &str = "fd00:216::250";

/// Three advertisement intervals and the skew of priority 100 (RFC 3768, 6.1).
const DOWN_INTERVAL: Duration = Duration::from_millis(3609);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(6);

const FILTER: &str = "nft 'table inet f { chain i { type filter hook input priority 0; \
                      meta l4proto 112 drop; }; }'";

fn instance(priority: u8, lines: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n state BACKUP\n interface eth0\n virtual_router_id 51\n \
         priority {priority}\n advert_int 1\n virtual_ipaddress {{\n {VIP}/24\n }}\n {lines}\n}}\n"
    )
}

fn pair(network: &Network) -> [Node; 2] {
    [("lb01", 1), ("lb02", 2)].map(|(name, last)| {
        let node = network.machine(name, "eth0", &[&format!("192.168.216.{last}/24")]);
        node.sh(&format!("ip addr add fd00:216::{last}/64 dev eth0 nodad"));
        node
    })
}

/// Multicast is filtered: the backup takes over, hears by ARP that it was wrong, and gives way.
#[test]
fn a_node_that_yields_gives_a_double_up_that_it_does_not_hear() {
    let network = Network::new();
    let [lb01, lb02] = pair(&network);
    let program = Program::ours();
    let text = |priority| instance(priority, "conflict_detection yield");
    let master = Daemon::start(&program, &lb01, &text(150));
    wait::eventually(DOWN_INTERVAL + SLACK, "the VIP is on lb01", || lb01.holds(VIP));
    let backup = Daemon::start(&program, &lb02, &text(100));
    // Whom it has heard before tells it that it is the lower one.
    backup.wait_log("master set to 192.168.216.1", SLACK);
    let (held, ()) = overlap::watch([&lb01, &lb02], VIP, || {
        lb01.sh(FILTER);
        lb02.sh(FILTER);
        backup.wait_log("Entering MASTER STATE", DOWN_INTERVAL + SLACK);
        backup.wait_log("another node answers for", SLACK);
        wait::eventually(SLACK, "lb02 gives way", || !lb02.holds(VIP));
        wait::stays(Duration::from_secs(5), "lb01 keeps it", || {
            lb01.holds(VIP) && !lb02.holds(VIP)
        });
    });
    println!("multicast filtered, yield: {held}");
    assert!(held.both < Duration::from_secs(3), "{held}");
    assert_eq!(held.neither, Duration::ZERO, "{held}");
    assert!(master.stop().1.success());
    assert!(backup.stop().1.success());
}

/// Somebody who knows nothing of VRRP has the address: the master announces it again, but not as
/// often as he does.
#[test]
fn a_master_that_insists_announces_the_address_again_a_bounded_number_of_times() {
    let network = Network::new();
    let [lb01, intruder] = pair(&network);
    let text = instance(150, "garp_master_delay 0\n conflict_detection insist");
    let master = Daemon::start(&Program::ours(), &lb01, &text);
    wait::eventually(DOWN_INTERVAL + SLACK, "the VIP is on lb01", || lb01.holds(VIP));
    // After the takeover's own announcements, and its first look around.
    wait::stays(Duration::from_secs(2), "nobody else has it", || {
        !master.log().contains("another node answers")
    });
    let said = Capture::of(&network, &lb01);
    intruder.sh(&format!("ip addr add {VIP}/24 dev eth0"));
    let announce = || intruder.sh(&format!("arping -q -c 1 -A -I eth0 {VIP}"));
    announce();
    let line = master.wait_log(&format!("another node answers for {VIP} with"), SLACK);
    println!("{}", line.text);
    wait::eventually(SLACK, "it is announced again", || !said.gratuitous_arps().is_empty());
    for _ in 0..4 {
        announce();
    }
    let most = 5;
    wait::stays(Duration::from_secs(2), "each claim is no new burst", || {
        said.gratuitous_arps().len() <= most
    });
    assert_eq!(said.gratuitous_arps().len(), most, "garp_master_repeat");
    assert_eq!(master.log().count("another node answers"), 1, "told again after ten seconds");
    assert!(lb01.holds(VIP));
    assert!(master.stop().1.success());
}

/// Over IPv6 nobody answers ARP: neighbour advertisements say who has the address.
#[test]
fn an_ipv6_address_that_another_node_has_is_named() {
    let network = Network::new();
    let [lb01, lb02] = pair(&network);
    let holds = |node: &Node| node.sh("ip -6 -o addr show dev eth0").contains(VIP_V6);
    let program = Program::ours();
    let text = |priority: u8| {
        format!(
            "vrrp_instance VI_6 {{\n state BACKUP\n interface eth0\n virtual_router_id 52\n version 3\n \
             priority {priority}\n advert_int 1\n conflict_detection\n virtual_ipaddress {{\n \
             fe80::216:250\n {VIP_V6}/64\n }}\n}}\n"
        )
    };
    let master = Daemon::start(&program, &lb01, &text(150));
    wait::eventually(DOWN_INTERVAL + SLACK, "the VIP is on lb01", || holds(&lb01));
    let backup = Daemon::start(&program, &lb02, &text(100));
    backup.wait_log("Entering BACKUP STATE", SLACK);
    lb01.sh(FILTER);
    lb02.sh(FILTER);
    backup.wait_log("Entering MASTER STATE", DOWN_INTERVAL + SLACK);
    // The first address that is answered for is named.
    let claimed = "another node answers for fe80::216:250 with";
    let line = backup.wait_log(claimed, SLACK);
    println!("{}", line.text);
    assert!(line.text.contains("yet no advert is heard on eth0"), "{}", line.text);
    let theirs = master.wait_log(claimed, SLACK);
    println!("{}", theirs.text);
    lb01.sh("nft flush ruleset");
    lb02.sh("nft flush ruleset");
    wait::eventually(DOWN_INTERVAL + SLACK, "lb01 alone has it", || holds(&lb01) && !holds(&lb02));
    assert!(master.stop().1.success());
    assert!(backup.stop().1.success());
}

/// A double is told by script, named pipe and mail, and counted; its end is announced and notified once.
#[test]
fn a_double_is_told_everywhere_and_its_healing_once() {
    let network = Network::new();
    let [lb01, lb02] = pair(&network);
    let relay = Relay::start(&lb01, 2525, &Switch::default());
    for script in ["split", "master"] {
        lb01.write_script("scripts", script, &format!("#!/bin/sh\necho {script} >>/run/told\n"));
    }
    lb01.write_script("scripts", "read", "#!/bin/sh\nexec cat \"$1\" >>/run/lines\n");
    let global = "global_defs {\n router_id LB01\n script_user root\n notification_email { root@localhost }\n \
                  notification_email_from lb01@localhost\n smtp_server 127.0.0.1 2525\n smtp_alert\n \
                  notify_fifo /run/fifo\n notify_fifo_script /scripts/read\n \
                  stats_dump_file /run/stats\n}\n";
    let lines = "conflict_detection\n garp_master_delay 0\n notify_split_brain /scripts/split\n \
                 notify_master /scripts/master";
    let program = Program::ours();
    let master = Daemon::start(&program, &lb01, &format!("{global}{}", instance(150, lines)));
    wait::eventually(DOWN_INTERVAL + SLACK, "the VIP is on lb01", || lb01.holds(VIP));
    let backup = Daemon::start(&program, &lb02, &instance(100, ""));
    backup.wait_log("Entering BACKUP STATE", SLACK);
    // The backup does not hear the master; the master hears it.
    lb02.sh(FILTER);
    master.wait_log("split brain: 192.168.216.2 is master too", DOWN_INTERVAL + SLACK);
    let file = |name: &str| lb01.try_sh(&format!("cat /run/{name}")).stdout;
    wait::becomes(SLACK, "scripts", &"master\nsplit\n".to_owned(), || file("told"));
    wait::eventually(SLACK, "the pipe", || {
        file("lines").contains("INSTANCE \"VI_1\" SPLIT_BRAIN 150\n")
    });
    wait::eventually(SLACK, "a mail", || {
        relay.news().iter().any(|news| news.contains("Split brain"))
    });
    let signal =
        format!("kill -$({} --signum=STATS) $(cat /run/keepalived.pid)", program.path().display());
    lb01.sh(&signal);
    wait::eventually(SLACK, "the counter", || file("stats").contains("Doubles Seen: 1\n"));

    let said = Capture::of(&network, &lb01);
    let from = master.log().len();
    lb02.sh("nft flush ruleset");
    master.log().wait_since(from, "split brain is over: 192.168.216.2 is silent", SLACK);
    wait::becomes(SLACK, "notified again", &"master\nsplit\nmaster\n".to_owned(), || file("told"));
    wait::stays(
        Duration::from_secs(3),
        "one burst, and what lower masters are answered with",
        || said.gratuitous_arps().len() <= 15,
    );
    assert!(said.gratuitous_arps().len() >= 5, "the winner announces");
    assert_eq!(file("told").matches("master").count(), 2, "once");
    assert!(master.stop().1.success());
    assert!(backup.stop().1.success());
}
