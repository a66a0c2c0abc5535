//! When a helper starts, and with which mails.
//!
//! ```text
//!           Send                 nobody sends              Ended
//!   mail ---------> waiting -----------------> Start(batch) ------> the next batch
//!                                                  |
//!                                                  | PATIENCE is over
//!                                                  v
//!                                                 Kill
//! ```

use std::collections::VecDeque;

use base::{Duration, Instant, Mail};

/// At most so many mails wait. Beyond it the oldest is dropped: the latest state is the one that
/// must be heard.
pub const MAX_WAITING: usize = 1024;

/// At most so many mails in one job.
pub const MAX_BATCH: usize = 64;

/// How long a helper may take for its job. It gives up a dead relay by itself, much earlier.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// One helper. Never used again in the life of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// What happens to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// This mail is to be sent.
    Send(Mail),
    /// The helper ended, or could not be started.
    Ended(RunId),
    /// The process stops: everything must be over at `by`. Mails may still be sent.
    Finish {
        /// When the rest is dropped and the helper is ended.
        by: Instant,
    },
    /// The end of a turn, or [`MailQueue::next_timeout`] has come.
    Timeout,
}

/// What a queue wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Start a helper with these mails; answer with [`Input::Ended`].
    Start {
        /// The helper.
        id: RunId,
        /// What it sends, in this order.
        mails: Vec<Mail>,
    },
    /// End the helper: it takes too long, or the time to finish is over.
    Kill(RunId),
    /// So many mails will never be sent. To be logged.
    Dropped(usize),
}

/// What a queue wants done, in order.
pub type Outputs = Vec<Output>;

/// All mails of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailQueue {
    waiting: VecDeque<Mail>,
    /// The helper that runs, and until when it may.
    running: Option<(RunId, Instant)>,
    /// Mails dropped since that was last told.
    dropped: usize,
    next_id: u64,
    finish_by: Option<Instant>,
}

impl MailQueue {
    /// Acts on an input; what is to be done is added to `out`. Mails of one turn go out together,
    /// with the [`Input::Timeout`] at its end.
    pub fn handle_input(&mut self, now: Instant, input: Input, out: &mut Outputs) {
        match input {
            Input::Send(mail) => {
                self.waiting.push_back(mail);
                if self.waiting.len() > MAX_WAITING {
                    self.waiting.pop_front();
                    self.dropped += 1;
                }
                return;
            }
            Input::Ended(id) => {
                self.running.take_if(|(running, _)| *running == id);
            }
            Input::Finish { by } => self.finish_by = Some(by),
            Input::Timeout => {}
        }
        if let Some((id, until)) = self.running
            && until <= now
        {
            // Its end will be told; until then it is not killed again.
            self.running = Some((id, now + PATIENCE));
            out.push(Output::Kill(id));
        }
        if self.finish_by.is_some_and(|by| by <= now) {
            self.dropped += std::mem::take(&mut self.waiting).len();
            out.extend(self.running.take().map(|(id, _)| Output::Kill(id)));
        }
        if self.dropped > 0 {
            out.push(Output::Dropped(std::mem::take(&mut self.dropped)));
        }
        self.start(now, out);
    }

    /// When [`Input::Timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.is_idle() {
            return None;
        }
        self.running.map(|(_, until)| until).into_iter().chain(self.finish_by).min()
    }

    /// Whether nothing is sent or waits.
    pub fn is_idle(&self) -> bool {
        self.running.is_none() && self.waiting.is_empty()
    }

    fn start(&mut self, now: Instant, out: &mut Outputs) {
        if self.running.is_some() || self.waiting.is_empty() {
            return;
        }
        let id = RunId(self.next_id);
        self.next_id += 1;
        self.running = Some((id, now + PATIENCE));
        let size = self.waiting.len().min(MAX_BATCH);
        out.push(Output::Start { id, mails: self.waiting.drain(..size).collect() });
    }
}

#[cfg(test)]
mod tests {
    use base::MailAbout;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros(seconds * 1_000_000)
    }

    fn mail(number: usize) -> Mail {
        Mail { about: MailAbout::State, subject: number.to_string(), body: String::new() }
    }

    fn feed(queue: &mut MailQueue, second: u64, input: Input) -> Outputs {
        let mut out = Outputs::new();
        queue.handle_input(at(second), input, &mut out);
        out
    }

    fn send(queue: &mut MailQueue, numbers: std::ops::Range<usize>) {
        for number in numbers {
            assert_eq!(feed(queue, 0, Input::Send(mail(number))), []);
        }
    }

    fn batch(numbers: std::ops::Range<usize>) -> Vec<Mail> {
        numbers.map(mail).collect()
    }

    #[test]
    fn the_mails_of_a_turn_go_out_together_and_in_order() {
        let mut queue = MailQueue::default();
        send(&mut queue, 0..3);
        let start = Output::Start { id: RunId(0), mails: batch(0..3) };
        assert_eq!(feed(&mut queue, 0, Input::Timeout), [start]);
        assert_eq!(feed(&mut queue, 0, Input::Timeout), [], "once");
    }

    #[test]
    fn one_helper_runs_at_a_time() {
        let mut queue = MailQueue::default();
        send(&mut queue, 0..MAX_BATCH + 2);
        let first = Output::Start { id: RunId(0), mails: batch(0..MAX_BATCH) };
        assert_eq!(feed(&mut queue, 0, Input::Timeout), [first]);
        let rest = Output::Start { id: RunId(1), mails: batch(MAX_BATCH..MAX_BATCH + 2) };
        assert_eq!(feed(&mut queue, 1, Input::Ended(RunId(0))), [rest]);
        assert_eq!(feed(&mut queue, 2, Input::Ended(RunId(1))), []);
        assert!(queue.is_idle());
    }

    #[test]
    fn too_many_drop_the_oldest_and_that_is_told_once() {
        let mut queue = MailQueue::default();
        send(&mut queue, 0..MAX_WAITING + 5);
        let start = Output::Start { id: RunId(0), mails: batch(5..5 + MAX_BATCH) };
        assert_eq!(feed(&mut queue, 0, Input::Timeout), [Output::Dropped(5), start]);
    }

    #[test]
    fn a_helper_that_does_not_end_is_ended() {
        let mut queue = MailQueue::default();
        send(&mut queue, 0..1);
        feed(&mut queue, 0, Input::Timeout);
        assert_eq!(queue.next_timeout(), Some(at(300)));
        assert_eq!(feed(&mut queue, 300, Input::Timeout), [Output::Kill(RunId(0))]);
        assert_eq!(feed(&mut queue, 301, Input::Timeout), [], "its end will come");
        assert_eq!(feed(&mut queue, 302, Input::Ended(RunId(0))), []);
        assert!(queue.is_idle());
    }

    #[test]
    fn the_end_of_the_process_drops_what_waits() {
        let mut queue = MailQueue::default();
        send(&mut queue, 0..MAX_BATCH + 1);
        feed(&mut queue, 0, Input::Timeout);
        assert_eq!(feed(&mut queue, 1, Input::Finish { by: at(2) }), []);
        assert_eq!(queue.next_timeout(), Some(at(2)));
        let over = feed(&mut queue, 2, Input::Timeout);
        assert_eq!(over, [Output::Kill(RunId(0)), Output::Dropped(1)]);
        assert!(queue.is_idle());
    }
}
