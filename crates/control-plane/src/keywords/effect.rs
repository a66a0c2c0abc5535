//! Keywords that are read and checked, but from which nothing follows yet. `docs/differences.md`
//! has this list for people; the reader says it of each that a configuration uses.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Block;

/// Whether the daemon does what a keyword says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does.
    Full,
    /// It is read and checked; nothing follows from it yet. Why, in a few words.
    NotYet(&'static str),
}

/// Places, keywords (`*` is all of the place), and why nothing follows from them.
type Gap = (&'static [Block], &'static [&'static str], &'static str);

const GLOBAL: &[Block] = &[Block::GlobalDefs];

/// What is missing. A line goes when its feature comes.
static NOT_YET: &[Gap] = &[
    (
        GLOBAL,
        &[
            "snmp_socket",
            "enable_traps",
            "enable_snmp_vrrp",
            "enable_snmp_keepalived",
            "enable_snmp_rfc",
            "enable_snmp_rfcv2",
            "enable_snmp_rfcv3",
            "enable_snmp_checker",
            "snmp_vs_stats_update_interval",
            "snmp_rs_stats_update_interval",
        ],
        "SNMP",
    ),
    (&[Block::VirtualServer, Block::RealServer], &["snmp_name"], "SNMP"),
    (GLOBAL, &["enable_dbus", "dbus_service_name", "dbus_no_interface_name"], "D-Bus"),
    (&[Block::Root], &["bfd_instance"], "BFD: no BFD process, every tracked session is down"),
    (&[Block::Bfd], &["*"], "BFD"),
    (&[Block::RealServer], &["BFD_CHECK"], "BFD"),
    (&[Block::BfdCheck], &["*"], "BFD"),
    (
        GLOBAL,
        &[
            "bfd_priority",
            "bfd_no_swap",
            "bfd_rt_priority",
            "bfd_cpu_affinity",
            "bfd_rlimit_rttime",
            "bfd_rlimit_rtime",
        ],
        "scheduling of processes",
    ),
    (GLOBAL, &["bfd_process_name"], "BFD"),
];

static INDEX: LazyLock<HashMap<(Block, &'static str), &'static str>> = LazyLock::new(|| {
    let mut index = HashMap::new();
    for (places, names, reason) in NOT_YET {
        let in_place = |(block, _): &(Block, _)| places.contains(block);
        for (block, row) in super::all().filter(in_place) {
            if names.contains(&row.name) || *names == ["*"] {
                index.insert((block, row.name), *reason);
            }
        }
    }
    index
});

/// Whether the daemon does what a keyword says.
pub fn effect(place: Block, name: &str) -> Effect {
    INDEX.get(&(place, name)).map_or(Effect::Full, |reason| Effect::NotYet(reason))
}

/// Every gap with its places and keywords, in order.
pub fn gaps() -> impl Iterator<Item = (&'static [Block], &'static [&'static str], &'static str)> {
    NOT_YET.iter().copied()
}
