//! Whether adverts come so thick that they are heard in company: to be woken for each of them is most
//! of what it costs to hear it.

use base::{Duration, Instant};
use control_plane::Config;
use control_plane::model::global::AdvertBuffer;

/// They are counted for so long.
const WINDOW: Duration = Duration::from_millis(64);

/// The longest pause: what an advert may be heard late, and news of links with it.
const LONGEST: Duration = Duration::from_millis(5);

/// That part of the shortest interval is the pause.
const PART: u64 = 20;

/// So many come in a pause, or it is not worth it.
const COMPANY: u64 = 3;

/// More than so many a pause are a flood, which might not have room meanwhile in a socket of the
/// system's default size.
const FLOOD: u64 = 64;

/// How thick adverts come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crowd {
    pause: Duration,
    since: Instant,
    heard: u64,
    is_worth_it: bool,
}

impl Crowd {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        let instances = &config.vrrp.instances;
        // Sockets of a size that somebody asks for may hold no more than a few packets.
        let is_asked_for = config.global.buffers.advert != AdvertBuffer::System
            || instances.iter().any(|instance| instance.receive_buffer.is_some());
        let intervals = instances.iter().map(|instance| instance.advert_interval);
        let shortest = intervals.min().filter(|_| !is_asked_for).unwrap_or_default();
        let pause = Duration::from_micros(shortest.as_micros() / PART).min(LONGEST);
        Self { pause, since: now, heard: 0, is_worth_it: false }
    }

    /// A packet was read.
    pub(super) const fn hear(&mut self) {
        self.heard += 1;
    }

    /// How long the loop may wait for company before it looks who is there; to be asked each turn.
    pub(super) fn pause(&mut self, now: Instant) -> Duration {
        let elapsed = now.saturating_since(self.since);
        if elapsed >= WINDOW {
            let together = self.heard.saturating_mul(self.pause.as_micros()) / elapsed.as_micros();
            self.is_worth_it = (COMPANY..=FLOOD).contains(&together);
            (self.since, self.heard) = (now, 0);
        }
        if self.is_worth_it { self.pause } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use control_plane::model::{Instance, Vrrp};

    use super::*;

    const START: Instant = Instant::from_micros(1_000_000);

    fn config(interval: Duration) -> Config {
        let vrid = base::Vrid::new(1).expect("1 to 255");
        let instance = Instance { advert_interval: interval, ..Instance::new("a", "b", vrid) };
        let vrrp = Vrrp { instances: vec![instance].into(), ..Vrrp::default() };
        Config { vrrp, ..Config::default() }
    }

    fn pause_at(packets: u64, interval: Duration) -> Duration {
        pause_of(&config(interval), packets)
    }

    /// The pause after a second of so many packets.
    fn pause_of(config: &Config, packets: u64) -> Duration {
        let mut crowd = Crowd::new(config, START);
        let mut pause = Duration::ZERO;
        for packet in 1..=packets {
            crowd.hear();
            pause = crowd.pause(START + Duration::from_micros(packet * 1_000_000 / packets));
        }
        pause
    }

    #[test]
    fn adverts_that_come_thick_are_heard_in_company_a_small_part_of_their_interval_late() {
        assert_eq!(pause_at(1_000, Duration::from_secs(1)), Duration::from_millis(5));
        assert_eq!(pause_at(25_000, Duration::from_millis(10)), Duration::from_micros(500));
    }

    #[test]
    fn adverts_that_would_be_alone_and_floods_are_heard_at_once() {
        assert_eq!(pause_at(250, Duration::from_secs(1)), Duration::ZERO);
        assert_eq!(pause_at(100, Duration::from_millis(10)), Duration::ZERO);
        assert_eq!(pause_at(400_000, Duration::from_secs(1)), Duration::ZERO);
    }

    #[test]
    fn sockets_of_a_size_that_somebody_asks_for_do_not_have_to_hold_a_crowd() {
        let plain = config(Duration::from_secs(1));
        assert_ne!(pause_of(&plain, 1_000), Duration::ZERO);
        for advert in [AdvertBuffer::Mtu, AdvertBuffer::Advert, AdvertBuffer::Bytes(4_000)] {
            let mut small = plain.clone();
            small.global.buffers.advert = advert;
            assert_eq!(pause_of(&small, 1_000), Duration::ZERO, "{advert:?}");
        }
        let mut small = plain.clone();
        let own = Instance { receive_buffer: Some(4_000), ..small.vrrp.instances[0].clone() };
        small.vrrp.instances = vec![own].into();
        assert_eq!(pause_of(&small, 1_000), Duration::ZERO, "of one instance");
    }

    #[test]
    fn the_pauses_end_when_the_crowd_is_gone() {
        let mut crowd = Crowd::new(&config(Duration::from_secs(1)), START);
        (0..100).for_each(|_| crowd.hear());
        assert_eq!(crowd.pause(START + WINDOW), LONGEST);
        crowd.hear();
        assert_eq!(crowd.pause(START + WINDOW + Duration::from_secs(1)), Duration::ZERO);
    }
}
