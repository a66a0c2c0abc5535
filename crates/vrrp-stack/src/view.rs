//! The stack as it is shown to somebody who asks: more than a successor needs, and nothing of it
//! decides anything.

use std::net::IpAddr;

use base::{Duration, IfIndex, Instant, Sighting};
use serde::{Deserialize, Serialize};

use crate::arbiter::ArbiterTracker;
use crate::observed::ProcessSnapshot;
use crate::router::VirtualRouter;
use crate::script::ScriptSnapshot;
use crate::snapshot::InstanceSnapshot;
use crate::stack::Stack;
use crate::statistics::StrayStatistics;

/// The stack at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// One entry an instance, in the order of the configuration.
    pub instances: Vec<InstanceView>,
    /// One entry a script that is tracked.
    pub scripts: Vec<ScriptView>,
    /// One entry a `vrrp_track_process`.
    pub processes: Vec<ProcessSnapshot>,
    /// What was seen last of files and processes.
    pub seen: Vec<Sighting>,
    /// Interfaces whose newest state does not count yet (`interface_up_down_delays`).
    #[serde(default)]
    pub delayed: Vec<IfIndex>,
    /// Packets that could not be given to any instance.
    #[serde(default)]
    pub stray: StrayStatistics,
}

/// An instance at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceView {
    /// What a successor would know.
    pub known: InstanceSnapshot,
    /// Where its adverts come from.
    pub source: Option<IpAddr>,
    /// What it tracks that keeps it in FAULT, first script results that are awaited not counted.
    pub faults: usize,
    /// What is wrong with its configuration.
    pub config_faults: usize,
    /// What is wrong with its own interface, in few words.
    pub interface_faults: Vec<String>,
    /// First script results that are awaited.
    pub awaited: usize,
    /// How long a backup of this priority waits for a master (RFC 9568 section 6.1,
    /// Active_Down_Interval).
    pub down_interval: Duration,
    /// When it has something to do by itself.
    pub next_timeout: Option<Instant>,
    /// What it does against split brain, as it is now.
    pub split_brain: SplitBrainView,
}

/// What an instance does against split brain, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitBrainView {
    /// The lease of its addresses has ended: it is master without them.
    pub lease_ended: bool,
    /// Paths that are silent while another one is not.
    pub lost_paths: Vec<String>,
    /// It would be master if its witnesses could be reached.
    pub held: bool,
    /// How many times another node was seen to hold its addresses.
    pub doubles: u64,
}

/// A script at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptView {
    /// What a successor would know.
    pub known: ScriptSnapshot,
    /// Whether it runs now.
    pub running: bool,
}

impl Stack {
    /// The stack as it is now.
    pub fn view(&self) -> View {
        View {
            instances: self.routers.iter().map(VirtualRouter::view).collect(),
            scripts: self
                .scripts
                .values()
                .map(|one| ScriptView { known: one.snapshot(), running: one.run().is_some() })
                .collect(),
            processes: self.observed.snapshots().collect(),
            seen: self.observed.seen(),
            delayed: self.debounce.waiting().collect(),
            stray: self.stray_statistics().clone(),
        }
    }

    /// What is known of the witnesses of every arbiter, in the order of the configuration.
    pub fn arbiters(&self) -> &[ArbiterTracker] {
        self.arbiters.all()
    }

    /// All counters start again (`--signum=STATS_CLEAR`).
    pub fn clear_statistics(&mut self) {
        self.routers.act_all(VirtualRouter::clear_statistics);
        self.stray = StrayStatistics::default();
    }
}

#[cfg(test)]
mod tests {
    use control_plane::model::{Command, Instance, VrrpScript};

    use super::*;
    use crate::fixture::*;

    #[test]
    fn a_master_shows_its_source_and_when_it_speaks_next() {
        let bench = Bench::master(&only(instance(100)));
        let view = bench.stack.view();
        let shown = &view.instances[0];
        assert_eq!(shown.source, Some(OURS.into()));
        assert_eq!((shown.faults, shown.awaited), (0, 0));
        assert_eq!(shown.down_interval, Duration::from_micros(3_609_375));
        assert_eq!(shown.next_timeout, bench.stack.next_timeout());
        assert_eq!(shown.known.statistics.become_master, 1);
    }

    #[test]
    fn a_script_that_has_not_ended_is_awaited_and_one_that_failed_is_a_fault() {
        let program = Command { program: "/bin/check".into(), args: Vec::new(), user: None };
        let script =
            VrrpScript { weight: base::Weight::default(), ..VrrpScript::new("s", program) };
        let mut bench = Bench::new(&with_script(instance(100), script));
        let view = bench.stack.view();
        assert_eq!((view.instances[0].faults, view.instances[0].awaited), (0, 1));
        assert!(view.scripts[0].running);
        let run = bench.started()[0];
        bench.exit(run, 1);
        let view = bench.stack.view();
        assert_eq!((view.instances[0].faults, view.instances[0].awaited), (1, 0));
        assert!(!view.scripts[0].running);
    }

    #[test]
    fn faults_of_the_interface_are_told_apart_from_those_of_trackers() {
        let bench = Bench::new(&only(Instance { interface: "gone0".into(), ..instance(100) }));
        let view = bench.stack.view();
        let shown = &view.instances[0];
        assert_eq!((shown.faults, shown.config_faults), (0, 0));
        assert_eq!(shown.interface_faults, ["interface missing"]);
        let doubled = Instance { duplicate_of: Some("VI_0".into()), ..instance(100) };
        let view = Bench::new(&only(doubled)).stack.view();
        let shown = &view.instances[0];
        assert_eq!((shown.faults, shown.config_faults), (0, 1));
        assert!(shown.interface_faults.is_empty());
    }

    #[test]
    fn cleared_counters_start_again_and_the_state_stays() {
        let mut bench = Bench::master(&only(instance(100)));
        bench.hear_bytes(HIGH, 255, &[0x21, 99, 100, 1]);
        bench.hear_bytes(HIGH, 255, &[0x21]);
        let stray = StrayStatistics { unreadable: 2, ..StrayStatistics::default() };
        assert_eq!(bench.stack.view().stray, stray);
        bench.stack.clear_statistics();
        assert_eq!(bench.stack.view().stray, StrayStatistics::default());
        let shown = &bench.stack.view().instances[0];
        assert_eq!(shown.known.statistics, crate::Statistics::default());
        assert_eq!(bench.state(), "MASTER");
        let told = bench.stack.take_changes();
        assert!(!told.is_empty(), "a successor must not bring the old counters back");
    }
}
