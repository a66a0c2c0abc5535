//! The split deployment: checks and IPVS on one host (`--check`), VRRP on others (`--vrrp`). Two gateways
//! hold the address that the way to the service goes by; the director behind them knows no VRRP.
//! All read the same file, and each takes its own part of it.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use lab::load::{self, Load};
use lab::web::Web;
use lab::{Daemon, Network, Node, Program, left, uml, wait};

const LIMIT: Duration = Duration::from_secs(30);

/// The gateways' virtual address.
const GATEWAY: &str = "192.168.216.250";

/// The service, which lies behind the gateways.
const SERVICE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 8, 0, 1), 80);

const CLIENTS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 168, 216, 31), Ipv4Addr::new(192, 168, 216, 32)];

const OWN: [&str; 2] = ["192.168.216.10/24", "192.168.216.11/24"];
const DIRECTOR: [&str; 1] = ["192.168.216.20/24"];
const SERVICE_OWN: &str = "10.8.0.1/32";

const FULL: [&str; 3] = [
    "-A -t 10.8.0.1:80 -s rr",
    "-a -t 10.8.0.1:80 -r 192.168.216.41:80 -g -w 1",
    "-a -t 10.8.0.1:80 -r 192.168.216.42:80 -g -w 1",
];

fn configuration(priority: u8) -> String {
    let server = |host| {
        format!(
            "real_server 192.168.216.{host} 80 {{
                TCP_CHECK {{
                    connect_timeout 1
                    retry 1
                    delay_before_retry 1
                }}
            }}"
        )
    };
    format!(
        "vrrp_instance GATEWAY {{
            interface eth0
            virtual_router_id 60
            priority {priority}
            advert_int 1
            virtual_ipaddress {{
                {GATEWAY}
            }}
        }}
        virtual_server 10.8.0.1 80 {{
            delay_loop 1
            lb_algo rr
            lb_kind DR
            protocol TCP
            {}
            {}
        }}",
        server(41),
        server(42)
    )
}

#[test]
fn gateways_and_director_do_their_part_on_hosts_of_their_own() {
    uml::with_ipvs("gateways_and_director_do_their_part_on_hosts_of_their_own", split);
}

fn split() {
    let program = Program::ours();
    let network = Network::new();
    let gateways = ["gw01", "gw02"];
    let gateways =
        [0, 1].map(|place| network.machine(gateways[place], "eth0", &OWN[place..=place]));
    for gateway in &gateways {
        gateway.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 \
                      net.ipv4.conf.eth0.send_redirects=0
                    ip route add 10.8.0.1 via 192.168.216.20");
    }
    let director = network.machine("lb01", "eth0", &DIRECTOR);
    director.sh(&format!("ip addr add {SERVICE_OWN} dev lo"));
    let servers = [("web1", "192.168.216.41/24"), ("web2", "192.168.216.42/24")];
    let servers = servers.map(|(name, address)| real_server(&network, name, address));
    let clients = CLIENTS.map(|address| format!("{address}/24"));
    let client = network.host("client", "eth0", &clients.each_ref().map(String::as_str));
    client.sh(&format!("ip route add 10.8.0.1 via {GATEWAY}"));

    let mut webs = servers.each_ref().map(|server| Some(Web::start(server, 80)));
    let [gw01, gw02] = &gateways;
    let second = Daemon::start_with(&program, gw02, &configuration(90), &["--vrrp"]);
    let first = Daemon::start_with(&program, gw01, &configuration(100), &["--vrrp"]);
    let checks = Daemon::start_with(&program, &director, &configuration(100), &["--check"]);
    let full = FULL.map(String::from).to_vec();
    wait::becomes(LIMIT, "the table", &full, || director.ipvs());
    wait::eventually(LIMIT, "a gateway", || gw01.holds(GATEWAY) && !gw02.holds(GATEWAY));
    assert!(!director.holds(GATEWAY), "the director runs no VRRP");
    for gateway in &gateways {
        assert_eq!(gateway.ipvs(), [""; 0], "the gateways program no services");
    }

    let load = Load::start(&client, &CLIENTS, SERVICE);
    wait::eventually(LIMIT, "both servers answer by the gateway", || {
        let requests = load.requests();
        load::answered_by(&requests, "web1") && load::answered_by(&requests, "web2")
    });

    webs[0] = None;
    let reduced = vec![full[0].clone(), full[2].clone()];
    wait::becomes(LIMIT, "the dead server leaves the director", &reduced, || director.ipvs());
    assert!(gw01.holds(GATEWAY), "which is none of the gateways' business");

    // A gateway goes; the director does not notice, and the clients only for a moment.
    assert!(first.stop().1.success());
    wait::eventually(LIMIT, "the other gateway", || gw02.holds(GATEWAY));
    let taken_over = std::time::Instant::now();
    wait::eventually(LIMIT, "answers by the other gateway", || {
        load::answered_by(&load.since(taken_over), "web2")
    });
    assert_eq!(director.ipvs(), reduced);

    webs[0] = Some(Web::start(&servers[0], 80));
    wait::becomes(LIMIT, "the server is back", &full, || director.ipvs());
    // The daemon of the director is replaced; the gateways stay.
    assert!(checks.stop().1.success());
    assert_eq!(director.ipvs(), [""; 0]);
    assert!(gw02.holds(GATEWAY));
    let checks = Daemon::start_with(&program, &director, &configuration(100), &["--check"]);
    wait::becomes(LIMIT, "the table again", &full, || director.ipvs());
    let again = std::time::Instant::now();
    wait::eventually(LIMIT, "answers again", || load::answered_by(&load.since(again), "web1"));
    load.stop();
    assert!(checks.stop().1.success());
    assert!(second.stop().1.success());
    left::nothing(gw01, &OWN[..1]);
    left::nothing(gw02, &OWN[1..]);
    director.sh(&format!("ip addr del {SERVICE_OWN} dev lo"));
    left::nothing(&director, &DIRECTOR);
}

/// With the service's address on its loopback, and silence about it on the wire.
fn real_server(network: &Network, name: &str, address: &str) -> Node {
    let node = network.host(name, "eth0", &[address]);
    node.sh(&format!(
        "echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore
         echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce
         ip addr add {SERVICE_OWN} dev lo"
    ));
    node
}
