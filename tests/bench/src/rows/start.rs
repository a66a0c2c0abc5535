//! From the start of the program to a service that works.

use std::thread::sleep;
use std::time::Duration;

use lab::nlmon::Monitor;
use lab::{Capture, Daemon, Network, Program};

use crate::row::{Place, Promise, Row, Series, Settings};

pub(crate) const ROW: Row = Row {
    name: "start",
    title: "start to ready",
    how: "one instance of priority 255 and one virtual server with one real server: from the execution of the \
          program to its first advert and its first IPVS destination, whichever comes later.",
    place: Place::Ipvs,
    quick: true,
    run,
};

const CONFIGURATION: &str = "
vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 255
    advert_int 1
    virtual_ipaddress {
        192.168.100.100/24
    }
}
virtual_server 192.168.100.100 80 {
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 192.168.100.20 80 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
}
";

const LIMIT: Duration = Duration::from_secs(20);

fn run(settings: &Settings) -> Vec<Series> {
    let mut series = Series::new("", "ms");
    let times = settings.turns(settings.either(9, 3), start);
    series.add("1 instance, 1 virtual server", None, times, &[Promise::Ratio(1.0)]);
    vec![series]
}

fn start(program: &Program) -> f64 {
    let network = Network::new();
    let node = network.machine("lb01", "eth0", &["192.168.100.11/24"]);
    let sent = Capture::of(&network, &node);
    let asked = Monitor::start(&node);
    let (_daemon, start) = Daemon::start_timed(program, &node, CONFIGURATION, &["-n", "-l"]);
    loop {
        let advert = sent.adverts().first().map(|(at, _)| *at);
        let destination =
            asked.timed_changes().into_iter().find(|(_, one)| one.is_new_destination());
        if let (Some(advert), Some((destination, _))) = (advert, destination) {
            return (advert.max(destination) - start).as_secs_f64() * 1e3;
        }
        assert!(start.elapsed() < LIMIT, "{program:?} is not ready");
        sleep(Duration::from_millis(20));
    }
}
