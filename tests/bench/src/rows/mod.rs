//! The rows, one file each.

pub(crate) mod configuration;

mod announce;
mod checker_killed;
mod checks;
mod failover;
mod instances;
mod lateness;
mod lease;
mod memory;
mod servers;
mod start;
mod takeover;

use crate::row::Row;

/// All rows, in the order of the table.
pub(crate) const ALL: &[Row] = &[
    takeover::ROW,
    announce::ROW,
    failover::ROW,
    instances::ROW,
    lateness::ROW,
    memory::ROW,
    lease::ROW,
    configuration::ROW,
    servers::ROW,
    checker_killed::ROW,
    checks::COST,
    checks::HELD,
    start::ROW,
];
