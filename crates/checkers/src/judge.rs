//! What follows from one try of a check: its verdict, its server's place, its service's quorum.

use base::{Duration, Instant};
use control_plane::model::{Checker, CheckerKind};

use crate::beat::next_beat;
use crate::event::Event;
use crate::health::{Health, Said, Step};
use crate::layout::{Activity, Check, Progress, Server, adjusted};
use crate::lines::{CheckKind, CheckLine, CheckSaid};
use crate::machine::{Checkers, tell_sorry};
use crate::mail::{self, Since};
use crate::names::ServerId;
use crate::news::{notify_quorum, notify_server};
use crate::output::{Output, Outputs};
use crate::probes::CheckIndex;
use crate::quorum::Turn;
use crate::verdict::{Failure, Passed, Verdict};

/// `misc_dynamic`: this status and above are weights.
const FIRST_WEIGHT_STATUS: u8 = 2;

/// A check and its server before something happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    pub(crate) health: Health,
    adjustment: i64,
    server_up: bool,
}

/// When a service asks whether it still has its quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quorums {
    /// At once.
    Now,
    /// The lists are new, and all of them are asked when all weights are right.
    Later,
}

impl Before {
    pub(crate) const fn of(check: &Check, server: &Server) -> Self {
        let (health, adjustment) = (check.health, check.adjustment);
        Self { health, adjustment, server_up: server.is_up() }
    }
}

impl Checkers {
    /// A try of a check has ended.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        index: CheckIndex,
        verdict: Verdict,
        out: &mut Outputs,
    ) {
        let Some(check) = self.layout.checks.get_mut(index) else { return };
        let url = check.progress.url;
        let Some(server) = self.layout.servers.get(check.server) else { return };
        let before = Before::of(check, server);
        let step = check.step(&verdict);
        if let Ok(Passed::Script(status)) = verdict {
            check.adjustment = adjustment_of(&check.config, status, server.config.weight);
        }
        let lines = words(&check.config, server.id(), before.health, url, &verdict, step.said);
        let until = match check.activity {
            Activity::Probing { due, .. } if verdict.is_ok() => next_beat(due, now, step.next),
            _ => now + step.next,
        };
        self.sleep(index, until);
        self.follow(index, before, &verdict, lines, Quorums::Now, out);
    }

    /// What follows for server and service from what a check has become.
    pub(crate) fn follow(
        &mut self,
        index: CheckIndex,
        before: Before,
        verdict: &Verdict,
        lines: Vec<Event>,
        quorums: Quorums,
        out: &mut Outputs,
    ) {
        let Some(check) = self.layout.checks.get(index) else { return };
        let place = check.server;
        let Some(server) = self.layout.servers.get_mut(place) else { return };
        let has_moved = check.adjustment != before.adjustment;
        let has_turned = check.health != before.health;
        let is_up_by_check = check.health.is_up();
        match (before.health.is_up(), check.health.is_up()) {
            (true, false) => server.failed_checks += 1,
            (false, true) => server.failed_checks = server.failed_checks.saturating_sub(1),
            _ => {}
        }
        let (was_up, is_up, service) = (before.server_up, server.is_up(), server.service);
        if has_moved {
            self.weigh_server(place, was_up, out);
            // One that turns too is out of the sum, or in it, only then.
            if is_up == was_up && quorums == Quorums::Now {
                self.weigh_quorum(service, out);
            }
        }
        out.extend(lines.into_iter().map(Output::Log));
        if is_up != was_up {
            self.server_turned(place, quorums, out);
        }
        if before.health.is_up() != is_up_by_check
            && let (Some(server), Some(check)) =
                (self.layout.servers.get(place), self.layout.checks.get(index))
        {
            let moved = is_up != was_up;
            mail::check_turned(server, &check.config, verdict, moved, &self.names, out);
        }
        if has_turned || has_moved {
            self.report_server(place);
        }
    }

    /// Whether a check runs a script.
    pub(crate) fn is_script(&self, index: CheckIndex) -> bool {
        let check = self.layout.checks.get(index);
        check.is_some_and(|check| matches!(check.config.kind, CheckerKind::Misc(_)))
    }

    /// What the status of a check's script means.
    pub(crate) fn judge_script(&self, index: CheckIndex, status: i32) -> Verdict {
        let is_dynamic = self.layout.checks.get(index).is_some_and(
            |check| matches!(&check.config.kind, CheckerKind::Misc(misc) if misc.dynamic),
        );
        match u8::try_from(status) {
            Ok(0) => Ok(Passed::Script(0)),
            Ok(weight) if is_dynamic && weight >= FIRST_WEIGHT_STATUS => Ok(Passed::Script(weight)),
            _ => Err(Failure::Exited(status)),
        }
    }

    /// A check made a server weigh something else; the quorum is for the caller.
    fn weigh_server(&mut self, place: usize, active: bool, out: &mut Outputs) {
        let Some(server) = self.layout.servers.get_mut(place) else { return };
        let checks = self.layout.checks.get(server.checks.clone()).unwrap_or_default();
        let (from, to) = (server.weight, adjusted(server.config.weight, checks));
        if from == to {
            return;
        }
        server.weight = to;
        out.push(Output::Log(Event::WeightChanged { server: server.id(), from, to, active }));
        if !active {
            return;
        }
        let (id, service_place) = (server.id(), server.service);
        let Some(service) = self.layout.services.get_mut(service_place) else { return };
        let without = service.live_weight.saturating_sub(from.into());
        service.live_weight = without.saturating_add(to.into());
        if !(service.is_sorry() && service.sorry_id() == Some(id)) {
            self.pool.set_destination(id, service.destination(server));
        }
    }

    /// A server went up or down.
    fn server_turned(&mut self, place: usize, quorums: Quorums, out: &mut Outputs) {
        let Some(server) = self.layout.servers.get(place) else { return };
        let service_place = server.service;
        let Some(service) = self.layout.services.get_mut(service_place) else { return };
        let (id, inhibit) = (server.id(), server.config.inhibit_on_failure);
        let weight = u64::from(server.weight);
        if server.is_up() {
            service.live_weight = service.live_weight.saturating_add(weight);
            out.push(Output::Log(Event::ServerAdded { server: id, inhibit }));
        } else {
            service.live_weight = service.live_weight.saturating_sub(weight);
            out.push(Output::Log(Event::ServerRemoved { server: id, inhibit }));
        }
        notify_server(server, out);
        let turn = match quorums {
            Quorums::Now => self.weigh_quorum(service_place, out),
            Quorums::Later => None,
        };
        let Some(server) = self.layout.servers.get(place) else { return };
        let Some(service) = self.layout.services.get(service_place) else { return };
        // With a sorry server a turn has filled the pool anew already.
        let is_filled = turn.is_some() && service.sorry_id().is_some();
        let stands_in = service.is_sorry() && service.sorry_id() == Some(id);
        if !(is_filled || stands_in) {
            self.pool.set_destination(id, service.destination(server));
        }
    }

    /// The live weight of a service is another: does it have its quorum?
    fn weigh_quorum(&mut self, place: usize, out: &mut Outputs) -> Option<Turn> {
        let service = self.layout.services.get_mut(place)?;
        let turn = service.quorum.weigh(service.live_weight)?;
        let line = service.quorum_line();
        out.push(Output::Log(match turn {
            Turn::Gained => Event::QuorumGained(line),
            Turn::Lost => Event::QuorumLost(line),
        }));
        notify_quorum(service, out);
        mail::quorum(service, Since::Turn, &self.names, out);
        self.unreported.services.insert(service.config.address, Some(service.state()));
        if service.sorry_id().is_some() {
            tell_sorry(service, out);
            self.fill_pool(place);
        }
        Some(turn)
    }
}

impl Check {
    /// Take in a verdict.
    fn step(&mut self, verdict: &Verdict) -> Step {
        let CheckerKind::Http(http) = &self.config.kind else {
            return match verdict {
                Ok(_) => self.health.succeeded(&self.config),
                Err(_) => self.health.failed(&self.config),
            };
        };
        if verdict.is_err() {
            self.progress.failed = true;
            let step = self.health.failed(&self.config);
            let next = match self.health {
                Health::Down => step.next.max(self.config.delay_before_retry),
                _ => step.next,
            };
            return Step { next, ..step };
        }
        let all_passed = self.progress.passed(http.urls.len());
        if all_passed || matches!(self.health, Health::Up { .. }) {
            return self.health.succeeded(&self.config);
        }
        let next = if http.fast_recovery { Duration::ZERO } else { self.config.delay_loop };
        Step { next, said: Said::Nothing }
    }
}

impl Progress {
    /// The url succeeded. Whether all of them have, one after the other.
    const fn passed(&mut self, urls: usize) -> bool {
        if self.failed {
            *self = Self { url: 0, failed: false };
            return false;
        }
        self.url += 1;
        let all = self.url >= urls;
        if all {
            self.url = 0;
        }
        all
    }
}

/// What a script's status adds to its server's weight.
fn adjustment_of(check: &Checker, status: u8, weight: u32) -> i64 {
    match (&check.kind, status.checked_sub(FIRST_WEIGHT_STATUS)) {
        (CheckerKind::Misc(misc), Some(wanted)) if misc.dynamic => {
            i64::from(wanted) - i64::from(weight)
        }
        _ => 0,
    }
}

/// What is worth saying about a try.
fn words(
    check: &Checker,
    server: ServerId,
    before: Health,
    url: usize,
    verdict: &Verdict,
    said: Said,
) -> Vec<Event> {
    let Some(kind) = CheckKind::of(check) else { return Vec::new() };
    let mut lines = Vec::new();
    let retry = check.retry;
    match verdict {
        Ok(passed) => {
            if let CheckerKind::Http(http) = &check.kind
                && let Some(url) = http.urls.get(url)
            {
                lines.extend(url_words(before, &url.path, *passed, said));
            }
            // keepalived says nothing about a DNS server that answers again.
            if said == Said::Success && kind != CheckKind::Dns {
                lines.push(CheckSaid::Succeeded);
            }
        }
        Err(failure) => {
            let is_final = matches!(said, Said::Failure { .. });
            let tell_try = check.log_all_failures && before != Health::Down;
            if tell_try && (kind.has_summary() || !is_final) {
                let used = match before {
                    Health::Up { failures } => failures,
                    Health::Presumed { .. } | Health::Down => 0,
                };
                let failure = failure.clone();
                lines.push(CheckSaid::TryFailed { failure, before: used, retry });
            }
            if let Said::Failure { retries } = said {
                lines.push(CheckSaid::Failed { failure: failure.clone(), retries, retry });
            }
        }
    }
    let line = |said| Event::Check(CheckLine { server, kind: kind.clone(), said });
    lines.into_iter().map(line).collect()
}

/// What is worth saying about one url.
fn url_words(
    before: Health,
    path: &str,
    passed: Passed,
    said: Said,
) -> impl Iterator<Item = CheckSaid> {
    let path = || path.to_owned();
    let lengths = match passed {
        Passed::Status { lengths } | Passed::Digest { lengths } | Passed::Regex { lengths }
            if said == Said::Success =>
        {
            lengths
        }
        _ => None,
    };
    let lengths = lengths.map(|(announced, received)| CheckSaid::Lengths {
        path: path(),
        announced,
        received,
    });
    let url = (!before.is_up()).then(|| CheckSaid::UrlPassed { path: path(), passed });
    lengths.into_iter().chain(url)
}
