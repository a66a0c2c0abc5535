//! What the checkers hear of this host beside their servers: numbers in files (`FILE_CHECK`), and
//! which addresses are here (`ha_suspend`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use base::Instant;
use control_plane::model::checks::FileCheck;
use control_plane::model::lvs::GroupEntry;
use control_plane::model::{CheckerKind, Lvs, ServiceAddress};

use crate::event::Event;
use crate::health::Health;
use crate::judge::{Before, Quorums};
use crate::layout::Activity;
use crate::machine::Checkers;
use crate::output::{Output, Outputs};
use crate::probes::CheckIndex;
use crate::verdict::{Failure, Passed};

/// Names of files that may be remembered before a configuration asks for them: far more than anybody
/// has.
const MOST_FILES: usize = 100_000;

/// What is known of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Numbers in files, by the name of the `track_file`. One that is not here is 0.
    pub files: BTreeMap<String, i32>,
    /// Addresses of this host, at least those of services with `ha_suspend`.
    pub addresses: BTreeSet<IpAddr>,
}

/// What a number in a file means to a check: whether the server is up, and what is added to its
/// weight.
const fn meaning(check: &FileCheck, value: i32) -> (bool, i64) {
    if check.weight == 0 {
        return ((value == 0) != check.reverse, 0);
    }
    let product = (value as i64).saturating_mul(check.weight as i64);
    let sum = if check.reverse { -product } else { product };
    if sum <= i32::MIN as i64 {
        return (false, 0);
    }
    (true, if sum > i32::MAX as i64 { i32::MAX as i64 } else { sum })
}

impl Checkers {
    /// There is another number in a file.
    pub(crate) fn on_file(&mut self, name: &str, value: i32, out: &mut Outputs) {
        if self.outside.files.len() >= MOST_FILES && !self.outside.files.contains_key(name) {
            return;
        }
        self.outside.files.insert(name.to_owned(), value);
        for index in 0..self.layout.checks.len() {
            if self.file_of(index).is_some_and(|(_, file)| file == name) {
                self.judge_file(index, Quorums::Now, out);
            }
        }
    }

    /// Judge all checks of files by what is known.
    pub(crate) fn judge_files(&mut self, quorums: Quorums, out: &mut Outputs) {
        for index in 0..self.layout.checks.len() {
            self.judge_file(index, quorums, out);
        }
    }

    /// A check's settings and its file's name, if it is a check of a file.
    fn file_of(&self, index: CheckIndex) -> Option<(FileCheck, &str)> {
        let CheckerKind::File(check) = self.layout.checks.get(index)?.config.kind else {
            return None;
        };
        Some((check, self.file_names.get(check.file.0)?))
    }

    fn judge_file(&mut self, index: CheckIndex, quorums: Quorums, out: &mut Outputs) {
        let Some((settings, file)) = self.file_of(index) else { return };
        let value = self.outside.files.get(file).copied().unwrap_or(0);
        let (up, adjustment) = meaning(&settings, value);
        let file = file.to_owned();
        let Some(check) = self.layout.checks.get_mut(index) else { return };
        let Some(server) = self.layout.servers.get(check.server) else { return };
        let before = Before::of(check, server);
        check.health = if up { Health::Up { failures: 0 } } else { Health::Down };
        check.adjustment = adjustment;
        let line = (before.health.is_up() != up).then_some(Event::FileTurned {
            server: server.id(),
            file,
            up,
        });
        let verdict = if up { Ok(Passed::Answered) } else { Err(Failure::File) };
        self.follow(index, before, &verdict, line.into_iter().collect(), quorums, out);
    }

    /// These addresses of services with `ha_suspend` are on this host now, and no others.
    pub(crate) fn on_addresses(
        &mut self,
        now: Instant,
        addresses: &BTreeSet<IpAddr>,
        out: &mut Outputs,
    ) {
        self.outside.addresses.clone_from(addresses);
        self.suspend_absent(now, false, out);
        self.start_waiting(now, out);
    }

    /// Checks of a service rest while its address is elsewhere (`ha_suspend`). `at_start`: the lists
    /// are new.
    pub(crate) fn suspend_absent(&mut self, now: Instant, at_start: bool, out: &mut Outputs) {
        for place in 0..self.layout.services.len() {
            let Some(service) = self.layout.services.get(place) else { continue };
            let (rests, servers) = (self.is_elsewhere(place), service.servers.clone());
            for server in servers {
                let Some(checks) = self.layout.servers.get(server) else { continue };
                for index in checks.checks.clone() {
                    if rests {
                        self.suspend(index, at_start, out);
                    } else {
                        self.resume(now, index, at_start, out);
                    }
                }
            }
        }
    }

    fn is_elsewhere(&self, place: usize) -> bool {
        let Some(service) = self.layout.services.get(place) else { return false };
        let here = &self.outside.addresses;
        service.config.ha_suspend
            && match service.config.address {
                ServiceAddress::Address { ip, .. } => !here.contains(&ip),
                ServiceAddress::Mark { .. } => false,
                ServiceAddress::Group { group, .. } => {
                    let found = self.groups.iter().find(|found| found.id == group);
                    !found.into_iter().flat_map(|group| &group.entries).any(|entry| match entry {
                        GroupEntry::Addresses { first, last, .. } => {
                            here.range(*first..=*last).next().is_some()
                        }
                        GroupEntry::Mark { .. } => false,
                    })
                }
            }
    }

    fn suspend(&mut self, index: CheckIndex, at_start: bool, out: &mut Outputs) {
        let Some(check) = self.layout.checks.get(index) else { return };
        let server = check.server;
        match check.activity {
            Activity::Idle => return,
            Activity::Probing { probe, .. } => {
                self.probes.finish(probe);
                out.push(Output::AbortProbe(probe));
            }
            Activity::Sleeping { .. } | Activity::Waiting { .. } => {}
        }
        self.unschedule(index);
        if let Some(check) = self.layout.checks.get_mut(index) {
            check.activity = Activity::Idle;
        }
        if let Some(server) = self.layout.servers.get(server) {
            out.push(Output::Log(Event::CheckerSuspended { server: server.id(), at_start }));
        }
    }

    /// At random within the delay of the check, so that the checks are spread.
    fn resume(&mut self, now: Instant, index: CheckIndex, at_start: bool, out: &mut Outputs) {
        let Some(check) = self.layout.checks.get(index) else { return };
        if check.activity != Activity::Idle || matches!(check.config.kind, CheckerKind::File(_)) {
            return;
        }
        let server = check.server;
        let delay = self.jitter.below(check.config.delay_loop);
        self.sleep(index, now + delay);
        // Of new lists, all that are active are told together.
        if !at_start && let Some(server) = self.layout.servers.get(server) {
            out.push(Output::Log(Event::CheckerActivated(server.id())));
        }
    }
}

/// Names of a configuration's files, by their place.
pub(crate) fn file_names(config: &Lvs) -> Vec<String> {
    config.files.iter().map(|file| file.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use control_plane::model::FileId;

    use super::*;

    const fn check(weight: i32, reverse: bool) -> FileCheck {
        FileCheck { file: FileId(0), weight, reverse }
    }

    #[test]
    fn without_weight_a_number_other_than_0_is_a_failure_and_reverse_turns_that() {
        for (value, reverse, up) in [(0, false, true), (5, false, false), (0, true, false)] {
            assert_eq!(meaning(&check(0, reverse), value), (up, 0), "{value} {reverse}");
        }
        assert_eq!(meaning(&check(0, true), -1), (true, 0));
    }

    #[test]
    fn with_weight_the_product_is_added_within_32_bits_and_the_lowest_is_down() {
        assert_eq!(meaning(&check(3, false), 5), (true, 15));
        assert_eq!(meaning(&check(3, true), 5), (true, -15));
        assert_eq!(meaning(&check(-3, false), 5), (true, -15));
        assert_eq!(meaning(&check(i32::MAX, false), i32::MAX), (true, i32::MAX.into()));
        assert_eq!(meaning(&check(1, false), i32::MIN), (false, 0));
        assert_eq!(meaning(&check(1, false), i32::MIN + 1), (true, i64::from(i32::MIN) + 1));
        assert_eq!(meaning(&check(i32::MAX, true), i32::MAX), (false, 0));
    }
}
