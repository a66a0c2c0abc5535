//! What an instance is now, among the lines of what it is set to be.

use control_plane::model::{InitialState, Instance};
use vrrp_stack::{InstanceView, State};

use crate::layout::Lines;
use crate::live::{Clock, LinkView, state_name, state_number};

/// An instance's state, and the clock to write its moments with.
pub(crate) struct Live<'a> {
    pub(crate) view: &'a InstanceView,
    pub(crate) clock: Clock,
    /// Of the socket that it hears adverts with.
    pub(crate) descriptor: Option<i32>,
    /// All interfaces.
    pub(crate) links: &'a [LinkView],
}

impl Live<'_> {
    pub(crate) const fn is_master(&self) -> bool {
        self.view.known.state.is_master()
    }

    /// The interface of that name.
    pub(crate) fn link(&self, name: &str) -> Option<&LinkView> {
        self.links.iter().find(|link| link.name == name)
    }

    /// The highest priority that is heard of others: 0 while it is master.
    pub(crate) fn highest_other(&self) -> u8 {
        match self.view.known.state {
            State::Backup(backup) => backup.active.map_or(0, |one| one.priority),
            _ => 0,
        }
    }

    /// `State`, and whom a backup hears.
    pub(crate) fn state(&self, lines: &mut Lines) {
        let state = self.view.known.state;
        lines.item(3, "State", state_name(state));
        if let State::Backup(backup) = state
            && let Some(active) = backup.active
        {
            lines.item(3, "Master router", active.address);
            lines.item(3, "Master priority", active.priority);
        }
    }

    /// Faults and timers.
    pub(crate) fn timers(&self, lines: &mut Lines) {
        let view = self.view;
        lines.item(3, "Number of config faults", view.config_faults);
        lines.item(3, "Number of tracker faults", view.faults);
        let flags = match &*view.interface_faults {
            [] => "(none)".to_owned(),
            faults => faults.join(", "),
        };
        lines.at(3, format!("Flags of interface faults - {flags}"));
        lines.item(3, "Number of track scripts init", view.awaited);
        if let Some(when) = view.known.last_transition {
            lines.item(3, "Last transition", self.clock.epoch_and_date(when));
        }
        let next = view.next_timeout.map(|when| self.clock.epoch_and_date(when));
        lines.item(3, "Read timeout", next.as_deref().unwrap_or("DISABLED"));
        lines.item(3, "Master down timer", format!("{} usecs", view.down_interval.as_micros()));
    }

    /// When a master spoke last.
    pub(crate) fn last_advert(&self, lines: &mut Lines) {
        if self.is_master() {
            let when = self.view.known.last_advert_at;
            lines.optional(3, "Last advert sent", when.map(|when| self.clock.epoch(when)));
        }
    }
}

/// `Wantstate`: what it is, unless it only waits for first results of scripts.
pub(crate) fn wanted_name(one: &Instance, live: Option<&Live<'_>>) -> &'static str {
    match live.map(|live| live.view.known.state) {
        Some(state) if !is_undecided(state) => state_name(state),
        _ => match one.wanted_state {
            InitialState::Master => "MASTER",
            InitialState::Backup => "BACKUP",
        },
    }
}

/// The same as a number.
pub(crate) const fn wanted_number(one: &Instance, state: State) -> u8 {
    match one.wanted_state {
        _ if !is_undecided(state) => state_number(state),
        InitialState::Master => 2,
        InitialState::Backup => 1,
    }
}

const fn is_undecided(state: State) -> bool {
    matches!(state, State::Init | State::Fault { told: false } | State::Stopped)
}
