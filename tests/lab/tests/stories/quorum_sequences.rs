//! Servers go one after the other and come back, beside Debian's keepalived: quorum, hysteresis, sorry
//! servers and inhibited servers, with the table at each step, and in their order the lines of the log and of the pipe
//! and the scripts.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

use lab::director::{Cluster, INTERFACE};
use lab::service::{Service, Switch, request};
use lab::{Daemon, Node, Program, uml, wait};

const SERVER: &str = "192.168.216.204";

/// Ports of the three servers of each service.
const PORTS: [u16; 3] = [9001, 9002, 9003];

/// A check a second on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// The services: the port, what is set, and the weights of the servers.
const SERVICES: [(u16, &str, [u32; 3]); 7] = [
    (80, "quorum 2", [1, 1, 1]),
    (81, "quorum 2\nsorry_server 10.9.9.9 80", [1, 1, 1]),
    (82, "quorum 2\nsorry_server 10.9.9.9 80\nsorry_server_inhibit\ninhibit_on_failure", [1, 1, 1]),
    (83, "quorum 3\nhysteresis 1", [1, 2, 2]),
    (84, "quorum 3\nhysteresis 1\nsorry_server 10.9.9.9 80\nomega", [2, 2, 1]),
    (85, "inhibit_on_failure\nomega", [1, 2, 3]),
    (86, "quorum 4\nsorry_server 192.168.216.204 9003", [1, 2, 3]),
];

/// Which server turns, and to what.
const STEPS: [(usize, bool); 10] = [
    (0, false),
    (1, false),
    (2, false),
    (0, true),
    (1, true),
    (2, true),
    (2, false),
    (1, false),
    (2, true),
    (1, true),
];

fn service((port, settings, weights): (u16, &str, [u32; 3])) -> String {
    let server = |(at, weight): (&u16, u32)| {
        format!(
            "real_server {SERVER} {at} {{
                weight {weight}
                notify_up \"/scripts/told.sh {port} server {at} up\"
                notify_down \"/scripts/told.sh {port} server {at} down\"
                HTTP_GET {{\nurl {{\npath /\n}}\n}}
            }}
            "
        )
    };
    let servers: String = PORTS.iter().zip(weights).map(server).collect();
    format!(
        "virtual_server 10.9.0.1 {port} {{
            lvs_sched rr
            lvs_method NAT
            protocol TCP
            delay_loop 1
            warmup 0
            connect_timeout 5
            retry 1
            delay_before_retry 1
            {settings}
            quorum_up \"/scripts/told.sh {port} quorum up\"
            quorum_down \"/scripts/told.sh {port} quorum down\"
            {servers}
        }}
        "
    )
}

fn page(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    request(stream)?;
    let status = if good { "200 OK" } else { "500 Bad" };
    write!(stream, "HTTP/1.0 {status}\r\n\r\nhello")
}

/// What one daemon did with one service, in order.
fn about(text: &str, port: u16) -> Vec<String> {
    let name = format!("[10.9.0.1]:tcp:{port}");
    let is_meant = |line: &&str| {
        line.contains(&name)
            && !line.contains("healthchecker")
            && !line.contains("Executing")
            && !line.contains("child")
    };
    let without_time = |line: &str| {
        let start = line.find(": ").map_or(0, |place| place + 2);
        line[start..].to_owned()
    };
    text.lines().filter(is_meant).map(without_time).collect()
}

/// What scripts were told, sorted: two that run beside each other may write in any order.
fn told(node: &Node) -> Vec<String> {
    let text = node.try_sh("cat /run/told").stdout;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The lines of `one` that are not in `other`; what is there twice counts twice.
fn surplus(one: &[String], other: &[String]) -> Vec<String> {
    let mut left = one.to_vec();
    for line in other {
        if let Some(place) = left.iter().position(|own| own == line) {
            left.remove(place);
        }
    }
    left
}

#[test]
fn servers_that_go_one_by_one_and_come_back_lead_to_the_same_sequences_as_with_keepalived() {
    uml::with_ipvs(
        "servers_that_go_one_by_one_and_come_back_lead_to_the_same_sequences_as_with_keepalived",
        sequences,
    );
}

fn sequences() {
    let Some(debian) = Program::debian() else { return };
    let cluster = Cluster::new(INTERFACE);
    let [lb01, lb02] = &cluster.directors;
    let web = &cluster.servers[0];
    let switches = [Switch::default(), Switch::default(), Switch::default()];
    let _services = [0, 1, 2].map(|n| Service::tcp(web, PORTS[n], &switches[n], page));
    let configuration = "global_defs {\nscript_user root\nenable_script_security\n\
         lvs_notify_fifo /run/lvs.fifo\nlvs_notify_fifo_script /scripts/read.sh\n}\n"
        .to_owned()
        + &SERVICES.map(service).concat();
    for node in [lb01, lb02] {
        node.write_script("scripts", "told.sh", "#!/bin/sh\necho \"$@\" >>/run/told\n");
        node.write_script("scripts", "read.sh", "#!/bin/sh\nexec cat \"$1\" >>/run/piped\n");
    }
    let ours = Daemon::start_with(&Program::ours(), lb01, &configuration, &["-C"]);
    let theirs = Daemon::start_with(&debian, lb02, &configuration, &["-C"]);
    for daemon in [&ours, &theirs] {
        let succeeded = SERVICES.len() * PORTS.len();
        daemon.log().wait_count("succeed on service.", succeeded, LIMIT);
    }
    let same = |what: &str| {
        let state = |node: &Node| [node.ipvs(), told(node)].concat();
        wait::becomes(LIMIT, &format!("{what}, lines of one alone"), &[vec![], vec![]], || {
            let [mine, theirs] = [lb01, lb02].map(state);
            [surplus(&mine, &theirs), surplus(&theirs, &mine)]
        });
        println!("{what}:\n{}", lb01.ipvs().join("\n"));
    };
    same("start");
    for (server, good) in STEPS {
        let before = [&ours, &theirs].map(|daemon| daemon.log().len());
        switches[server].set(good);
        // Each service has noticed.
        let words = if good { "succeed on service." } else { "HTTP_CHECK on service" };
        for (daemon, from) in [&ours, &theirs].into_iter().zip(before) {
            wait::eventually(LIMIT, "every service has noticed", || {
                let text = daemon.log().text_since(from);
                let port = format!(":{}", PORTS[server]);
                let lines =
                    text.lines().filter(|line| line.contains(words) && line.contains(&port));
                lines.count() >= SERVICES.len()
            });
        }
        same(&format!("server {} becomes {}", PORTS[server], if good { "good" } else { "bad" }));
    }
    let piped = |node: &Node| node.sh("tr -d '\\0' </run/piped");
    let pipes = [piped(lb01), piped(lb02)];
    let logs = [ours, theirs].map(|daemon| {
        let from = daemon.log().len();
        // The log outlives its daemon only here.
        let log = daemon.log().clone();
        assert!(daemon.stop().1.success());
        (log.text(), log.text_since(from))
    });
    for (port, ..) in SERVICES {
        let [mine, keepaliveds] = logs.each_ref().map(|(text, _)| about(text, port));
        assert_eq!(mine, keepaliveds, "the log about {port}");
        assert!(mine.len() > STEPS.len(), "{mine:?}");
        let [mine, keepaliveds] = pipes.each_ref().map(|text| about(text, port));
        assert_eq!(mine, keepaliveds, "the pipe about {port}");
        assert!(mine.len() >= STEPS.len(), "{mine:?}");
    }
    assert_eq!(told(lb01), told(lb02), "after the stop");
    assert_eq!([lb01.ipvs(), lb02.ipvs()], [[""; 0], [""; 0]]);
}
