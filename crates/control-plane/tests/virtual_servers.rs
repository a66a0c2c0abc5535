//! What a virtual server becomes when its settings are looked at together. What is said of it is in
//! the golden files `families-of-servers`, `ports-of-servers`, `rules-of-groups`, `tunnel-options`;
//! each was compared with keepalived.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::path::Path;
use std::sync::Arc;

use control_plane::model::lvs::{Lvs, ServiceAddress};
use control_plane::model::{Checker, CheckerKind};
use control_plane::{MemorySource, Options, load};

fn lvs(text: &str) -> Arc<Lvs> {
    let source = MemorySource::new("/k.conf", text);
    load(Path::new("/k.conf"), &source, &Options::default()).config.unwrap().lvs
}

/// The targets of all checks, and the servers in the IPVS table.
fn targets(head: &str, real: &str, check: &str) -> (Vec<String>, Vec<String>) {
    let lvs = lvs(&format!(
        "virtual_server_group G {{\n10.1.0.1 80\n}}\n\
         virtual_server {head}\nreal_server {real} {{\n{check}\n}}\n}}\n"
    ));
    let servers = || lvs.virtual_servers.iter().flat_map(|service| &service.real_servers);
    let target = |check: &Checker| match &check.kind {
        CheckerKind::Tcp(one) | CheckerKind::Ping(one) => one.target.to_string(),
        CheckerKind::Http(http) => http.connect.target.to_string(),
        CheckerKind::Udp(udp) => udp.connect.target.to_string(),
        CheckerKind::Smtp(smtp) => smtp.connect.target.to_string(),
        CheckerKind::Dns(dns) => dns.connect.target.to_string(),
        other => panic!("{other:?}"),
    };
    let targets = servers().flat_map(|server| &server.checkers).map(target).collect();
    (targets, servers().map(|server| server.address.to_string()).collect())
}

#[test]
fn a_check_goes_to_the_port_that_is_written_whatever_ipvs_must_be_told() {
    let mark = "fwmark 5 {\nlvs_method DR";
    let address = "10.1.0.1 80 {\nprotocol TCP\nlvs_method DR";
    let nat = "10.1.0.1 80 {\nprotocol TCP\nlvs_method NAT";
    let group = "group G {\nprotocol TCP\nlvs_method DR";
    let url = "url {\npath /\n}\n";
    let http = format!("HTTP_GET {{\n{url}}}\nSSL_GET {{\n{url}}}");
    for (head, real, check, wanted, place) in [
        (mark, "10.2.0.2 81", "TCP_CHECK {\n}", "10.2.0.2:81", "10.2.0.2:0"),
        (mark, "10.2.0.2 81", "UDP_CHECK {\n}", "10.2.0.2:81", "10.2.0.2:0"),
        (mark, "10.2.0.2 81", "SMTP_CHECK {\n}", "10.2.0.2:81", "10.2.0.2:0"),
        (mark, "10.2.0.2 81", "DNS_CHECK {\n}", "10.2.0.2:81", "10.2.0.2:0"),
        (mark, "10.2.0.2", "SMTP_CHECK {\n}", "10.2.0.2:25", "10.2.0.2:0"),
        (mark, "10.2.0.2", "DNS_CHECK {\n}", "10.2.0.2:53", "10.2.0.2:0"),
        (mark, "10.2.0.2", "TCP_CHECK {\nconnect_port 7\n}", "10.2.0.2:7", "10.2.0.2:0"),
        (mark, "10.2.0.2 81", &http, "10.2.0.2:81", "10.2.0.2:0"),
        (address, "10.2.0.2 8080", "TCP_CHECK {\n}", "10.2.0.2:8080", "10.2.0.2:80"),
        (address, "10.2.0.2", "TCP_CHECK {\n}", "10.2.0.2:80", "10.2.0.2:80"),
        (group, "10.2.0.2 8080", "TCP_CHECK {\n}", "10.2.0.2:8080", "10.2.0.2:8080"),
        (nat, "10.2.0.2 8080", "TCP_CHECK {\n}", "10.2.0.2:8080", "10.2.0.2:8080"),
        (nat, "10.2.0.2 0", "TCP_CHECK {\n}", "10.2.0.2:80", "10.2.0.2:80"),
    ] {
        let (targets, servers) = targets(head, real, check);
        assert!(!targets.is_empty() && targets.iter().all(|one| one == wanted), "{targets:?}");
        assert_eq!(servers, [place], "{head} {real} {check}");
    }
}

#[test]
fn servers_that_become_one_by_their_ports_count_once_for_the_quorum() {
    let lvs = lvs("virtual_server fwmark 5 {\nlvs_method DR\nquorum 2\n\
         real_server 10.2.0.2 80 {\n}\nreal_server 10.2.0.2 443 {\n}\n}\n");
    let service = &lvs.virtual_servers[0];
    assert_eq!(service.real_servers.len(), 1);
    assert_eq!(service.quorum, 1, "a quorum of 2 could never be reached");
}

#[test]
fn a_mark_has_the_family_of_its_first_server_that_is_not_behind_a_tunnel() {
    let family = |lines: &str| {
        let lvs = lvs(&format!("virtual_server fwmark 5 {{\nlvs_method TUN\n{lines}\n}}\n"));
        match lvs.virtual_servers[0].address {
            ServiceAddress::Mark { ipv6, .. } => ipv6,
            other => panic!("{other:?}"),
        }
    };
    let (six, four) = ("real_server 2001:db8::2 {\n}", "real_server 10.2.0.2 {\n}");
    let direct = "real_server 10.2.0.3 {\nlvs_method DR\n}";
    let sorry = "sorry_server 10.2.0.9\nsorry_server_lvs_method DR";
    assert!(family(six));
    assert!(!family(four));
    assert!(!family(&format!("{six}\n{direct}")));
    assert!(!family(&format!("{six}\n{sorry}")));
    assert!(family(&format!("ip_family inet6\n{four}")));
}
