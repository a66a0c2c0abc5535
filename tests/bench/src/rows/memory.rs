//! The memory that a running daemon holds.

use std::thread::sleep;
use std::time::Duration;

use lab::{Daemon, Network, Program};

use super::instances;
use crate::cost;
use crate::row::{Place, Promise, Row, Series, Settings};

pub(crate) const ROW: Row = Row {
    name: "memory",
    title: "proportional memory of all processes",
    how: "`Pss` of every process of the daemon, two seconds after all instances are master; what \
          processes share is shared out between them.",
    place: Place::Here,
    quick: true,
    run,
};

fn run(settings: &Settings) -> Vec<Series> {
    let mut series = Series::new("", "KiB");
    for (count, size) in [(1, 1.0), (1000, 1000.0)] {
        let values = settings.turns(settings.either(3, 1), |program| held(program, count));
        series.add(&format!("{count} instances"), Some(size), values, &[Promise::Ratio(1.0)]);
    }
    vec![series]
}

fn held(program: &Program, count: usize) -> f64 {
    let network = Network::new();
    let node = instances::machine(&network);
    let text = instances::configuration(count, Duration::from_secs(1));
    let daemon = Daemon::start_exactly_with(program, &node, &text, &["-n", "-l"]);
    daemon.log().wait_count("Entering MASTER STATE", count, Duration::from_secs(30));
    sleep(Duration::from_secs(2));
    cost::memory(&node)
}
