//! `max_auto_priority`: a process whose timers are served late puts itself before others.

use base::Duration;
use control_plane::model::global::{Global, ProcessSettings};

use crate::scheduling;

/// keepalived's `min_auto_priority_delay`.
const PATIENCE: Duration = Duration::from_secs(1);

/// How late the timers of a process may be, and how far it may raise itself.
pub(crate) struct Lateness {
    /// Timers that are late by less are fine.
    patience: Duration,
    /// The highest real-time priority that it takes; 0 is none.
    most: u8,
    /// The one that it has; 0 is none.
    priority: u8,
    own: ProcessSettings,
}

impl Lateness {
    /// A process that runs as `own` says.
    pub(crate) fn new(global: &Global, own: &ProcessSettings) -> Self {
        Self {
            patience: global.auto_priority.min_delay.unwrap_or(PATIENCE),
            most: u8::try_from(global.auto_priority.max).unwrap_or(0),
            priority: own.realtime_priority.unwrap_or(0),
            own: own.clone(),
        }
    }

    /// Another configuration has come, and the process runs as it says: what it has raised itself
    /// beyond that stays unless it is too much now.
    pub(crate) fn reload(&mut self, global: &Global, own: &ProcessSettings) {
        let before = std::mem::replace(self, Self::new(global, own));
        if before.own != *own {
            if before.priority > self.priority {
                scheduling::restore(own);
            }
            return;
        }
        let raised = before.priority;
        if raised <= self.most {
            self.priority = raised.max(self.priority);
        } else if raised > self.priority {
            scheduling::restore(own);
        }
    }

    /// The timer that was served last came that late.
    pub(crate) fn learn(&mut self, late: Duration) {
        if late < self.patience {
            return;
        }
        let (seconds, micros) = (late.as_secs(), late.as_micros() % 1_000_000);
        log::info!("A thread timer expired {seconds}.{micros:06} seconds ago");
        if self.priority < self.most {
            self.priority += 1;
            log::info!("Set realtime priority {}", self.priority);
            scheduling::raise(&self.own, self.priority);
        }
    }
}
