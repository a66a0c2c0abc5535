//! How long a virtual address does not answer.

use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::ping::Ping;
use lab::scenario::configuration;
use lab::{Capture, Daemon, Network, Node, Program, wait};
use nix::sys::signal::Signal;

use crate::row::{Place, Promise, Row, Series, Settings};

pub(crate) const ROW: Row = Row {
    name: "failover",
    title: "longest time without an answer of the VIP",
    how: "a pair with `advert_int 1`, pings 10 ms apart. A kill of the VRRP process of the master: ours ten times \
          a turn, keepalived twice a turn, for it needs seconds to come back; a takeover is an advert of the peer.",
    place: Place::Here,
    quick: true,
    run,
};

const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 100, 100);
const OWN: [&str; 2] = ["192.168.100.11/24", "192.168.100.12/24"];
const LIMIT: Duration = Duration::from_secs(15);

/// What happens to the master.
#[derive(Clone, Copy)]
enum Event {
    Stop,
    PowerOff,
    ReloadUnchanged,
}

const EVENTS: [(Event, &str); 3] = [
    (Event::Stop, "clean stop of the master"),
    (Event::PowerOff, "loss of power"),
    (Event::ReloadUnchanged, "reload that changes nothing"),
];

fn run(settings: &Settings) -> Vec<Series> {
    let mut gaps = Series::new("", "ms");
    let rounds = settings.either(3, 1);
    for (event, name) in EVENTS.into_iter().take(settings.either(3, 0)) {
        gaps.add(
            name,
            None,
            settings.turns(rounds, |program| gap(program, event)),
            &[Promise::Ratio(1.0)],
        );
    }
    let ours = &settings.programs[0];
    let kills = settings.turns(settings.either(5, 1), |program| {
        kills(program, if program == ours { 10 } else { 2 })
    });
    let all = |of: fn(&Kill) -> f64| {
        kills.each_ref().map(|turns| turns.iter().flatten().map(of).collect::<Vec<f64>>())
    };
    gaps.add("kill -9 of the VRRP process", None, all(|kill| kill.gap), &[Promise::Worst(20.0)]);
    let mut takeovers = Series::new("takeovers of the peer", "of all kills");
    let sum = all(|kill| f64::from(u8::from(kill.taken_over))).map(|all| vec![all.iter().sum()]);
    let count = |who: usize| all(|_| 1.0)[who].len();
    let label = format!("{} kills, keepalived {}", count(0), count(1));
    takeovers.add(&label, None, sum, &[Promise::Worst(0.0)]);
    vec![gaps, takeovers]
}

/// What a kill of the VRRP process cost.
struct Kill {
    /// The longest time without an answer, ms.
    gap: f64,
    /// Whether the peer sent an advert.
    taken_over: bool,
}

fn kills(program: &Program, count: usize) -> Vec<Kill> {
    let pair = Pair::new();
    let (master, _backup) = pair.start(program);
    let of_peer = Capture::of(&pair.network, &pair.lb02);
    let alone = || pair.lb01.holds(&VIP.to_string()) && !pair.lb02.holds(&VIP.to_string());
    let once = |_| {
        wait::eventually(LIMIT, "lb01 has the VIP alone", alone);
        let ping = Ping::start(&pair.client, VIP);
        sleep(Duration::from_millis(300));
        let from = Instant::now();
        master.vrrp().signal(Signal::SIGKILL);
        // Long enough for a takeover of the backup, which comes after 3.6 s.
        let taken = || of_peer.adverts().iter().any(|(at, _)| *at > from);
        let long = Duration::from_secs(5);
        while from.elapsed() < long && !taken() {
            sleep(Duration::from_millis(50));
        }
        sleep(Duration::from_millis(500));
        Kill { gap: ping.stop().longest_gap().as_secs_f64() * 1e3, taken_over: taken() }
    };
    (0..count).map(once).collect()
}

/// Two directors and a client on one switch.
struct Pair {
    network: Network,
    lb01: Node,
    lb02: Node,
    client: Node,
}

impl Pair {
    fn new() -> Self {
        let network = Network::new();
        let lb01 = network.machine("lb01", "eth0", &OWN[..1]);
        let lb02 = network.machine("lb02", "eth0", &OWN[1..]);
        let client = network.host("client", "eth0", &["192.168.100.20/24"]);
        Self { network, lb01, lb02, client }
    }

    fn start(&self, program: &Program) -> (Daemon<'_>, Daemon<'_>) {
        let master = Daemon::start(program, &self.lb01, configuration("single-lb01"));
        let backup = Daemon::start(program, &self.lb02, configuration("single-lb02"));
        let holds = |node: &Node| node.holds(&VIP.to_string());
        wait::eventually(LIMIT, "lb01 has the VIP alone", || {
            holds(&self.lb01) && !holds(&self.lb02)
        });
        (master, backup)
    }
}

/// The longest gap between answers around the event, in ms.
fn gap(program: &Program, event: Event) -> f64 {
    let pair = Pair::new();
    let (master, _backup) = pair.start(program);
    let ping = Ping::start(&pair.client, VIP);
    sleep(Duration::from_millis(500));
    let _master = match event {
        Event::Stop => {
            master.stop();
            None
        }
        Event::PowerOff => {
            pair.network.power_off(&pair.lb01);
            Some(master)
        }
        Event::ReloadUnchanged => {
            master.reload(configuration("single-lb01"));
            Some(master)
        }
    };
    sleep(Duration::from_secs(5));
    ping.stop().longest_gap().as_secs_f64() * 1e3
}
