//! What systemd hears of the daemon: readiness, reloads, the stop, signs of life, and a line for people.

use base::{Duration, Instant};
use sys::service_manager::{self, Word};
use vrrp_stack::State;
use watchdog::Event;

/// How often the line for people is looked at, while somebody listens.
const STATUS_INTERVAL: Duration = Duration::from_secs(2);

/// How often a stop says that it goes on.
const STOP_INTERVAL: Duration = Duration::from_secs(5);

/// What a stop asks for each time: should the parent hang, this is when systemd ends it.
const STOP_EXTENSION: Duration = Duration::from_secs(15);

/// Something that is due again and again.
#[derive(Clone, Copy, Debug)]
struct Every {
    interval: Duration,
    at: Instant,
}

impl Every {
    fn new(now: Instant, interval: Duration) -> Self {
        Self { interval, at: now + interval }
    }

    /// Whether it is due; then the next time is set.
    fn take(&mut self, now: Instant) -> bool {
        let due = self.at <= now;
        if due {
            self.at = now + self.interval;
        }
        due
    }
}

/// What is told, and when.
#[derive(Debug, Default)]
pub(super) struct ServiceManager {
    alive: Option<Every>,
    status: Option<Every>,
    stop: Option<Every>,
    /// The last line for people.
    told: String,
    /// Why the last reload was refused.
    refused: Option<String>,
    /// It could not be told, which was logged.
    failed: bool,
}

impl ServiceManager {
    /// As the environment asks for it.
    pub(super) fn of_environment(now: Instant) -> Self {
        if !service_manager::listens() {
            return Self::default();
        }
        let alive = service_manager::alive_interval().map(|interval| Every { interval, at: now });
        let status = Some(Every::new(now, STATUS_INTERVAL));
        Self { alive, status, ..Self::default() }
    }

    /// When [`Self::on_timeout`] has something to say.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        [self.alive, self.status, self.stop].into_iter().flatten().map(|every| every.at).min()
    }

    /// All processes are up.
    pub(super) fn up(&mut self, state: String) {
        let mut words = vec![Word::Ready];
        words.extend(self.new_status(state));
        self.tell(&words);
    }

    /// What the machine has logged.
    pub(super) fn on_event(&mut self, now: Instant, event: &Event) {
        let words = self.words(now, event);
        self.tell(&words);
    }

    /// `is_well`: no process is frozen. `state`: what all of them do.
    pub(super) fn on_timeout(
        &mut self,
        now: Instant,
        is_well: bool,
        state: impl FnOnce() -> String,
    ) {
        let words = self.due(now, is_well, state);
        self.tell(&words);
    }

    /// A script of the start or the stop, for which everything waits, may take this long.
    pub(super) fn await_script(&mut self, kind: &str, limit: Duration) {
        let words = [
            Word::Longer(limit + STOP_EXTENSION),
            Word::Status(format!("Waiting for the {kind} script")),
        ];
        self.tell(&words);
    }

    /// This process is about to become another program, which may take a while to speak.
    pub(super) fn become_another(&mut self) {
        let mut words = vec![Word::Status("Upgrading".to_owned())];
        words.extend(self.alive.map(|_| Word::Alive));
        self.tell(&words);
    }

    /// It has not become another program.
    pub(super) fn stay(&mut self) {
        let words = [self.again()];
        self.tell(&words);
    }

    fn words(&mut self, now: Instant, event: &Event) -> Vec<Word> {
        match event {
            Event::Reloading => vec![Word::Reloading, Word::Status("Reloading".to_owned())],
            Event::Reloaded => {
                self.refused = None;
                vec![Word::Ready, self.again()]
            }
            Event::Refused(why) => {
                self.refused = Some(why.clone());
                vec![Word::Ready, self.again()]
            }
            Event::Stopping => {
                self.status = None;
                self.stop = service_manager::listens().then(|| Every::new(now, STOP_INTERVAL));
                vec![
                    Word::Stopping,
                    Word::Longer(STOP_EXTENSION),
                    Word::Status("Stopping".to_owned()),
                ]
            }
            _ => Vec::new(),
        }
    }

    fn due(&mut self, now: Instant, is_well: bool, state: impl FnOnce() -> String) -> Vec<Word> {
        let mut words = Vec::new();
        if self.alive.as_mut().is_some_and(|every| every.take(now)) && is_well {
            words.push(Word::Alive);
        }
        if self.status.as_mut().is_some_and(|every| every.take(now)) {
            words.extend(self.new_status(state()));
        }
        if self.stop.as_mut().is_some_and(|every| every.take(now)) {
            words.push(Word::Longer(STOP_EXTENSION));
        }
        words
    }

    /// The line for people, when it is another one than before.
    fn new_status(&mut self, state: String) -> Option<Word> {
        (state != self.told).then(|| {
            self.told = state;
            self.again()
        })
    }

    fn again(&self) -> Word {
        Word::Status(match &self.refused {
            Some(why) => format!("{}; the last reload was refused: {why}", self.told),
            None => self.told.clone(),
        })
    }

    fn tell(&mut self, words: &[Word]) {
        match service_manager::tell(words) {
            Ok(()) => self.failed = false,
            Err(error) => {
                if !std::mem::replace(&mut self.failed, true) {
                    log::warn!("cannot tell the service manager ({words:?}): {error}");
                }
            }
        }
    }
}

/// What the processes do, in one line.
pub(super) fn state(
    vrrp: Option<&vrrp_stack::Snapshot>,
    checks: Option<&checkers::Snapshot>,
) -> String {
    let mut parts = Vec::new();
    if let Some(known) = vrrp {
        let [mut master, mut backup, mut fault] = [0_usize; 3];
        for instance in &known.instances {
            match instance.state {
                State::Master(_) => master += 1,
                State::Backup(_) => backup += 1,
                State::Init | State::Fault { .. } | State::Stopped => fault += 1,
            }
        }
        let counts = [(master, "MASTER"), (backup, "BACKUP"), (fault, "FAULT")];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        parts.extend(counts.map(|(count, name)| format!("{count} {name}")));
    }
    if let Some(known) = checks {
        let up = known.servers.values().filter(|server| server.is_up()).count();
        parts.push(format!("{up} of {} real servers up", known.servers.len()));
    }
    if parts.is_empty() { "Running".to_owned() } else { format!("Running: {}", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Instant = Instant::from_micros(1_000_000);

    fn at(seconds: u64) -> Instant {
        T0 + Duration::from_secs(seconds)
    }

    fn manager() -> ServiceManager {
        ServiceManager {
            alive: Some(Every { interval: Duration::from_secs(15), at: T0 }),
            status: Some(Every::new(T0, STATUS_INTERVAL)),
            ..ServiceManager::default()
        }
    }

    fn running() -> String {
        "Running: 1 MASTER".to_owned()
    }

    #[test]
    fn signs_of_life_come_at_their_interval_and_not_while_a_process_is_frozen() {
        let mut it = ServiceManager { status: None, ..manager() };
        let mut alive = Vec::new();
        for (second, is_well) in [(0, true), (14, true), (15, true), (30, false), (45, true)] {
            let words = it.due(at(second), is_well, running);
            alive.extend(words.contains(&Word::Alive).then_some(second));
        }
        assert_eq!(alive, [0, 15, 45]);
        assert_eq!(it.next_timeout(), Some(at(60)));
    }

    #[test]
    fn a_line_is_told_when_it_changes_and_names_a_reload_that_was_refused() {
        let mut it = ServiceManager { alive: None, ..manager() };
        assert_eq!(it.due(at(1), true, running), []);
        let line = |text: &str| Word::Status(text.to_owned());
        assert_eq!(it.due(at(2), true, running), [line("Running: 1 MASTER")]);
        assert_eq!(it.due(at(4), true, running), []);
        let refused = Event::Refused("line 3".to_owned());
        let why = "Running: 1 MASTER; the last reload was refused: line 3";
        assert_eq!(it.words(at(4), &refused), [Word::Ready, line(why)]);
        let reloaded = [Word::Ready, line("Running: 1 MASTER")];
        assert_eq!(it.words(at(5), &Event::Reloaded), reloaded);
        assert_eq!(it.due(at(6), true, || "Running".to_owned()), [line("Running")]);
    }

    #[test]
    fn a_stop_asks_for_more_time_as_long_as_it_goes_on() {
        let mut it = ServiceManager { stop: Some(Every::new(T0, STOP_INTERVAL)), ..manager() };
        (it.alive, it.status) = (None, None);
        let more = [Word::Longer(STOP_EXTENSION)];
        assert_eq!(it.due(at(4), true, running), []);
        for second in [5, 10, 15] {
            assert_eq!(it.due(at(second), true, running), more);
        }
        assert!(STOP_EXTENSION > STOP_INTERVAL);
    }

    #[test]
    fn nobody_listens_and_nothing_is_due() {
        assert_eq!(ServiceManager::default().next_timeout(), None);
    }

    #[test]
    fn servers_are_counted() {
        assert_eq!(state(None, None), "Running");
        let (vrrp, checks) = (vrrp_stack::Snapshot::default(), checkers::Snapshot::default());
        assert_eq!(state(Some(&vrrp), Some(&checks)), "Running: 0 of 0 real servers up");
    }
}
