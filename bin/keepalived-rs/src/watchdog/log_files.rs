//! `-g`: the parent sees to it that the process that writes log files is there. One that was killed or
//! that a full memory has cost is replaced, and reads on where it has ended.

use std::os::fd::AsFd;

use base::{Duration, Instant};
use scheduler::{Interest, Scheduler, Token};

use super::LOG_FILES;
use crate::log_file::Writer;

/// The pause before the next one: whatever ends them, they are not started without a pause.
const PAUSE: Duration = Duration::from_secs(1);

/// The writer, watched.
#[derive(Default)]
pub(super) struct LogFiles {
    writer: Option<(Writer, Option<Token>)>,
}

impl LogFiles {
    pub(super) fn new(writer: Option<Writer>, scheduler: &mut Scheduler) -> Self {
        let watched = writer.map(|writer| {
            let token = watch(&writer, scheduler);
            (writer, token)
        });
        Self { writer: watched }
    }

    /// Whether the event was the end of the writer.
    pub(super) fn on_event(
        &mut self,
        now: Instant,
        event: Token,
        scheduler: &mut Scheduler,
    ) -> bool {
        let Some((_, watched)) = &mut self.writer else { return false };
        let Some(token) = watched.take_if(|token| *token == event) else { return false };
        scheduler.deregister(token);
        log::error!("The process that writes log files has died: starting another one");
        scheduler.set_timer(LOG_FILES, now + PAUSE);
        true
    }

    /// The pause is over.
    pub(super) fn on_timeout(&mut self, scheduler: &mut Scheduler) {
        let Some((writer, watched)) = &mut self.writer else { return };
        match writer.start_again() {
            Ok(()) => *watched = watch(writer, scheduler),
            Err(error) => {
                log::error!("no process that writes log files: {error}");
                scheduler.set_timer(LOG_FILES, sys::clock::now() + PAUSE);
            }
        }
    }
}

fn watch(writer: &Writer, scheduler: &mut Scheduler) -> Option<Token> {
    let token = scheduler.register(writer.as_fd(), Interest::Read);
    token.inspect_err(|error| log::error!("the writer of log files is not watched: {error}")).ok()
}
