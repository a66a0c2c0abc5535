//! Protected nodes and single faults, thousands of times. A failing seed prints its account.

use base::Duration;
use simulator::Siege;
use simulator::faults::{Parts, Peace};
use simulator::world::World;

fn tell(world: &World) {
    for note in &world.account {
        println!("{:>14} node {} {}", note.at.as_micros(), note.node, note.what);
    }
}

/// Plays the stories of these seeds. To repeat one: `SEED=17 cargo test -p simulator --test
/// split_brain environment`; to play many: `SEEDS=100000` beside it, with `--release`.
fn play(seeds: std::ops::Range<u64>, parts: Parts) {
    for seed in seeds {
        let mut siege = Siege::new(seed, parts);
        let played = siege.play();
        if played.is_err() {
            tell(&siege.world);
        }
        assert_eq!(played.err(), None, "seed {seed} with {parts:?}");
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

const NONE: Parts = Parts { lease: false, heartbeat: false, arbiter: false };

#[test]
fn with_all_parts_no_single_fault_makes_two_holders() {
    play(0..120, Parts::ALL);
}

/// Each alone, so that none hides what another lets through.
#[test]
fn each_part_alone_answers_its_own_faults() {
    play(0..50, NONE);
    play(0..50, Parts { lease: true, ..NONE });
    play(0..50, Parts { heartbeat: true, ..NONE });
    play(0..50, Parts { arbiter: true, ..NONE });
}

#[test]
fn the_seeds_of_the_environment_make_no_two_holders() {
    let (from, count) = (number("SEED", 0), number("SEEDS", 1));
    let seeds = from..from.saturating_add(count);
    play(seeds.clone(), Parts::ALL);
    for parts in [
        Parts { lease: true, ..NONE },
        Parts { heartbeat: true, ..NONE },
        Parts { arbiter: true, ..NONE },
    ] {
        play(seeds.clone(), parts);
    }
}

/// An hour each with `HOURS`; ten minutes otherwise.
#[test]
fn no_lease_ends_by_itself_on_a_slow_machine_with_reloads_respawns_and_upgrades() {
    let minutes = 10 + number("HOURS", 0).saturating_mul(60);
    for seed in 0..2 {
        let mut peace = Peace::new(seed);
        let lasted = peace.last(Duration::from_secs(minutes * 60));
        if lasted.is_err() {
            tell(&peace.world);
        }
        assert_eq!(lasted.err(), None, "seed {seed}");
    }
}
