//! Reloads that change more than numbers: sync groups come and go, intervals, versions and scripts
//! change, on one node now and on the others later.

use base::{Duration, Priority, Weight};
use control_plane::model::{ScriptId, TrackScript, Version, Vrrp};

use crate::chaos::{Story, group, script};
use crate::check::{self, Violation};
use crate::node::Life;

/// Intervals that version 3 allows and a story has time for.
const INTERVALS: [u64; 3] = [10, 30, 100];
/// The longest of them, and the one of version 2.
pub(crate) const LONGEST: Duration = Duration::from_secs(1);

impl Story {
    /// A reload that makes a node another one than its peers, for a time.
    pub(crate) fn change_shape(&mut self, node: usize) {
        let mut config = self.world.nodes[node].config.clone();
        let what = match self.seed.below(4) {
            0 if config.sync_groups.is_empty() => {
                config.sync_groups = vec![group(&mut config.instances)];
                "reloads with a sync group"
            }
            0 => {
                config.sync_groups.clear();
                "reloads without its sync group"
            }
            1 => {
                let version = if self.seed.percent(50) { Version::V2 } else { Version::V3 };
                self.speak(&mut config, version);
                "reloads with another version"
            }
            2 => {
                let version = version_of(&config);
                self.speak(&mut config, version);
                "reloads with another interval"
            }
            _ => {
                let weight = [None, Some(0), Some(0), Some(-60), Some(40)][self.seed.index(5)];
                config.scripts = weight.map(script).into_iter().collect();
                for (at, script) in config.scripts.iter_mut().enumerate() {
                    script.command.program = format!("/bin/check-{at}-{}", self.seed.below(3));
                }
                track(&mut config);
                "reloads with another script"
            }
        };
        self.world.act(node, what, |node, now| node.reload(now, config));
    }

    /// An interval that this version allows, for all instances of a node.
    fn speak(&mut self, config: &mut Vrrp, version: Version) {
        let interval = match version {
            Version::V2 => LONGEST,
            Version::V3 => Duration::from_centis(INTERVALS[self.seed.index(INTERVALS.len())]),
        };
        for instance in &mut config.instances {
            (instance.version, instance.advert_interval) = (version, interval);
        }
    }

    /// Peers that speak different versions, or of which one only keeps instances together, or of which
    /// two own the same addresses while their intervals differ, are a mistake of the administrator. He
    /// has noticed. Intervals of version 3 may differ.
    pub(crate) fn agree(&mut self) {
        let version = if self.seed.percent(50) { Version::V2 } else { Version::V3 };
        let grouped = self.seed.percent(50);
        let mut is_owned = false;
        for node in 0..self.world.nodes.len() {
            let mut config = self.world.nodes[node].config.clone();
            config.instances.extend(self.removed[node].pop());
            self.speak(&mut config, version);
            level(&mut config);
            let owns = config.instances.iter().any(|one| one.priority.is_owner());
            for one in config.instances.iter_mut().filter(|one| is_owned && one.priority.is_owner())
            {
                one.priority = Priority::MAX_BACKUP;
            }
            is_owned |= owns;
            config.sync_groups =
                if grouped { vec![group(&mut config.instances)] } else { Vec::new() };
            self.world.act(node, "agrees", |node, now| node.reload(now, config));
        }
    }

    /// A reload that changes no state of anybody: another interval where that may be, another refresh,
    /// no group any longer.
    pub(crate) fn change_unnoticed(&mut self) -> Result<(), Violation> {
        let node = self.seed.index(self.world.nodes.len());
        if !matches!(self.world.nodes[node].life, Life::Running(_)) {
            return Ok(());
        }
        let mut config = self.world.nodes[node].config.clone();
        let version = version_of(&config);
        match self.seed.below(3) {
            0 if version == Version::V3 => self.speak(&mut config, version),
            1 => config.sync_groups.clear(),
            _ => {
                for instance in &mut config.instances {
                    instance.garp.refresh = Duration::from_secs(self.seed.below(3));
                }
            }
        }
        let pause = self.seed.span(Duration::ZERO, LONGEST);
        self.pass(pause, true)?;
        self.world.act(node, "reloads unnoticed", |node, now| node.reload(now, config));
        let before = self.world.account.len();
        self.pass(LONGEST.saturating_mul(5), true)?;
        check::unchanged(&self.world, before)
    }
}

/// All instances of a node speak and track as its first does.
pub(crate) fn level(config: &mut Vrrp) {
    let Some(first) = config.instances.first().cloned() else { return };
    for instance in &mut config.instances {
        (instance.version, instance.advert_interval) = (first.version, first.advert_interval);
    }
    track(config);
}

/// All instances of a node track its script, if it has one.
fn track(config: &mut Vrrp) {
    let weight = config.scripts.first().map(|script| script.weight);
    let track = |weight: Weight| TrackScript { script: ScriptId(0), weight, reverse: false };
    for instance in &mut config.instances {
        instance.track_scripts = weight.map(track).into_iter().collect();
    }
}

fn version_of(config: &Vrrp) -> Version {
    config.instances.first().map_or(Version::V3, |instance| instance.version)
}
