//! Checks that depend on the director itself, beside Debian's keepalived: `ha_suspend`, FILE_CHECK.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::TcpStream;
use std::time::Duration;

use lab::director::{Cluster, INTERFACE};
use lab::service::{Service, Switch, request};
use lab::{Daemon, Node, Program, uml, wait};

const SERVER: &str = "192.168.216.204";
const LIMIT: Duration = Duration::from_secs(30);

fn page(stream: &mut TcpStream, good: bool) -> io::Result<()> {
    request(stream)?;
    let status = if good { "200 OK" } else { "500 Bad" };
    write!(stream, "HTTP/1.0 {status}\r\n\r\nhello")
}

/// What is logged of the server and its checks, without times.
fn lines(daemon: &Daemon<'_>) -> BTreeSet<String> {
    let text = daemon.log().text();
    let about = text.lines().filter(|line| line.contains(SERVER));
    about.map(|line| line[line.find(": ").map_or(0, |place| place + 2)..].to_owned()).collect()
}

fn weights(node: &Node) -> Vec<String> {
    node.ipvs().into_iter().filter(|line| line.starts_with("-a")).collect()
}

#[test]
fn checks_rest_while_the_address_of_their_service_is_elsewhere_as_with_keepalived() {
    uml::with_ipvs(
        "checks_rest_while_the_address_of_their_service_is_elsewhere_as_with_keepalived",
        suspension,
    );
}

fn suspension() {
    let Some(debian) = Program::debian() else { return };
    let cluster = Cluster::new(INTERFACE);
    let [lb01, lb02] = &cluster.directors;
    let switch = Switch::default();
    let _service = Service::tcp(&cluster.servers[0], 80, &switch, page);
    let configuration = format!(
        "virtual_server 10.9.0.1 80 {{
            lvs_sched rr
            lvs_method NAT
            protocol TCP
            delay_loop 1
            warmup 0
            retry 0
            ha_suspend
            real_server {SERVER} 80 {{
                HTTP_GET {{
                    delay_before_retry 1
                    url {{
                        path /
                    }}
                }}
            }}
        }}
        "
    );
    let ours = Daemon::start_with(&Program::ours(), lb01, &configuration, &["-C", "-D"]);
    let theirs = Daemon::start_with(&debian, lb02, &configuration, &["-C", "-D"]);
    let both = |what: &str, wanted: &[&str]| {
        let wanted: Vec<String> = wanted.iter().map(|line| (*line).to_owned()).collect();
        for (node, whose) in [(lb01, "our"), (lb02, "their")] {
            wait::becomes(LIMIT, &format!("{whose} table {what}"), &wanted, || weights(node));
        }
    };
    let up = format!("-a -t 10.9.0.1:80 -r {SERVER}:80 -m -w 1");
    switch.set(false);
    both("before the address is here", &[&up]);
    for node in [lb01, lb02] {
        node.sh("ip addr add 10.9.0.1/32 dev lo");
    }
    both("with a failed server", &[]);
    for node in [lb01, lb02] {
        node.sh("ip addr del 10.9.0.1/32 dev lo");
    }
    for daemon in [&ours, &theirs] {
        daemon.log().wait("Suspending healthchecker", LIMIT);
    }
    switch.set(true);
    for node in [lb01, lb02] {
        node.sh("ip addr add 10.9.0.1/32 dev lo");
    }
    both("with a server that is back", &[&up]);
    assert_eq!(lines(&ours), lines(&theirs));
    assert!(ours.stop().1.success());
    assert!(theirs.stop().1.success());
}

#[test]
fn a_number_in_a_file_weighs_its_server_or_takes_it_down_as_with_keepalived() {
    uml::with_ipvs(
        "a_number_in_a_file_weighs_its_server_or_takes_it_down_as_with_keepalived",
        tracked_files,
    );
}

fn tracked_files() {
    let Some(debian) = Program::debian() else { return };
    let cluster = Cluster::new(INTERFACE);
    let [lb01, lb02] = &cluster.directors;
    let server = |port: u16, weight: u32, check: &str| {
        format!(
            "virtual_server 10.9.0.1 {port} {{
                lvs_sched rr
                lvs_method NAT
                protocol TCP
                real_server {SERVER} {port} {{
                    weight {weight}
                    FILE_CHECK {{
                        track_file drain
                        {check}
                    }}
                }}
            }}
            "
        )
    };
    let configuration = [
        "track_file drain {\nfile /run/drain\ninit_file 0\nweight 1\n}\n".to_owned(),
        server(80, 1, "weight 0"),
        server(81, 1, "weight 0 reverse"),
        server(82, 10, "weight 2"),
        server(83, 10, "weight 2 reverse"),
        server(84, 5, ""),
    ]
    .concat();
    let ours = Daemon::start_with(&Program::ours(), lb01, &configuration, &["-C", "-D"]);
    let theirs = Daemon::start_with(&debian, lb02, &configuration, &["-C", "-D"]);
    for (number, wanted) in [
        ("0", [Some(1), None, Some(10), Some(10), Some(5)]),
        ("3", [None, Some(1), Some(16), Some(4), Some(8)]),
        ("-2", [None, Some(1), Some(6), Some(14), Some(3)]),
        ("0", [Some(1), None, Some(10), Some(10), Some(5)]),
    ] {
        let lines = wanted.iter().zip(80..).filter_map(|(weight, port)| {
            let weight = (*weight)?;
            Some(format!("-a -t 10.9.0.1:{port} -r {SERVER}:{port} -m -w {weight}"))
        });
        let lines: Vec<String> = lines.collect();
        for node in [lb01, lb02] {
            node.sh(&format!("echo {number} >/run/drain"));
        }
        wait::becomes(LIMIT, &format!("our table with {number}"), &lines, || weights(lb01));
        // 2.2.7 does not look at a 0 that is there from the start, and has no server without one.
        let known = |mut lines: Vec<String>| {
            lines.retain(|line| !line.contains(":81 "));
            lines
        };
        let (what, lines) = (format!("their table with {number}"), known(lines));
        wait::becomes(LIMIT, &what, &lines, || known(weights(lb02)));
    }
    let turns = |daemon: &Daemon<'_>| -> BTreeSet<String> {
        let about = |line: &String| !line.contains("healthchecker") && !line.contains("]:tcp:81");
        lines(daemon).into_iter().filter(about).collect()
    };
    assert_eq!(turns(&ours), turns(&theirs));
    assert!(ours.stop().1.success());
    assert!(theirs.stop().1.success());
}
