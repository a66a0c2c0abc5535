//! `make bench`: ours side by side with Debian's keepalived, both in turns in one run, one row for
//! each promise of `docs/SPECIFICATION.md`. Prints a table with medians, ranges and ratios, and leaves
//! it with a plot of each scaling curve in `target/bench/`.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "what the bench cannot do must end it with the reason"
)]

mod advertiser;
mod cost;
mod floor;
mod options;
mod place;
mod plot;
mod report;
mod row;
mod rows;
mod samples;
mod stand_in;
mod target;
mod text;

use std::process::ExitCode;

use options::Options;
use row::Settings;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    if options.list {
        for row in rows::ALL {
            println!("{:16} {}", row.name, row.title);
        }
        return ExitCode::SUCCESS;
    }
    if let Some([program, file]) = &options.measure {
        rows::configuration::measure(program, file);
        return ExitCode::SUCCESS;
    }
    let Some(mut settings) = Settings::new(options.quick) else { return ExitCode::SUCCESS };
    if options.inside {
        settings.partly = place::say;
        for row in options.rows() {
            place::answer(row, &settings);
        }
        return ExitCode::SUCCESS;
    }
    let mut report = report::Report::new(&options.folder, options.quick);
    for row in options.rows() {
        eprintln!("{}: {} ...", row.name, row.title);
        report.add(row, place::run(row, &settings, &options));
    }
    report.finish();
    ExitCode::SUCCESS
}
