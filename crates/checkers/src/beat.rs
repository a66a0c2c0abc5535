//! When checks come: each keeps its own beat, and one turn of the process serves those that are close.

use base::{Duration, Instant};
use control_plane::model::Checker;

use crate::kinds::silence;

/// No check is later than this for the sake of others.
const MOST_SLACK: Duration = Duration::from_millis(5);

/// A time may be exceeded by this part of it.
const SLACK_OF: u64 = 200;

/// A try that took more than this part of the time to the next has lost its beat.
const BEAT_OF: u64 = 8;

/// How late this check may be, so that one turn serves many checks.
pub(crate) fn slack(check: &Checker) -> Duration {
    let times = [check.delay_loop, check.delay_before_retry, silence(&check.kind)];
    let shortest = times.into_iter().filter(|time| !time.is_zero()).min();
    let slack = shortest.map_or(0, |time| time.as_micros() / SLACK_OF);
    Duration::from_micros(slack).min(MOST_SLACK)
}

/// When the try after one that was `due` and has succeeded `now` comes: `pause` after it was due, so that a
/// check that is asked for once a second is made once a second, whatever the server and we need for it.
pub(crate) fn next_beat(due: Instant, now: Instant, pause: Duration) -> Instant {
    let taken = now.saturating_since(due);
    if taken.as_micros() <= pause.as_micros() / BEAT_OF { due + pause } else { now + pause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_keeps_its_beat_unless_its_server_is_slow() {
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        let pause = Duration::from_secs(1);
        assert_eq!(next_beat(at(10), at(30), pause), at(1_010));
        assert_eq!(next_beat(at(10), at(135), pause), at(1_010));
        assert_eq!(next_beat(at(10), at(136), pause), at(1_136), "too slow for it");
    }

    #[test]
    fn slack_is_a_small_part_of_the_shortest_time() {
        use control_plane::model::TcpCheck;
        use control_plane::model::checks::CheckerKind;
        let target = "127.0.0.1:80".parse().unwrap();
        let check = |delay_loop, delay_before_retry| Checker {
            delay_loop,
            delay_before_retry,
            ..Checker::new(CheckerKind::Tcp(TcpCheck::new(target)))
        };
        let [second, tenth] = [Duration::from_secs(1), Duration::from_millis(100)];
        assert_eq!(slack(&check(second, second)), MOST_SLACK);
        assert_eq!(slack(&check(tenth, Duration::ZERO)), Duration::from_micros(500));
        assert_eq!(slack(&check(Duration::from_micros(1), second)), Duration::ZERO);
    }
}
