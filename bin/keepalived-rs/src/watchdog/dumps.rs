//! The files that signals ask for. The children say what they are; this process alone writes files,
//! so that no disk ever holds up an advert.

use std::path::{Path, PathBuf};

use base::{Duration, Instant};
use control_plane::Config;
use ipc::Report;
use telemetry::{CheckersLive, Clock, Moment, VrrpLive};

use crate::temporary;

/// A difference between the clocks beyond this is a wall clock that was set.
const CLOCK_SET: Duration = Duration::from_millis(100);

/// Where the files go.
pub(super) struct Dumps {
    directory: PathBuf,
    /// The wall clock at the timers' zero. Kept, so that a moment in the past is written the same in
    /// every file, to the microsecond.
    zero: Duration,
}

impl Dumps {
    pub(super) fn new() -> Self {
        Self { directory: temporary::directory(), zero: wall_at_zero() }
    }

    pub(super) fn clock(&mut self, at: Instant) -> Clock {
        let zero = wall_at_zero();
        if zero.saturating_sub(self.zero).max(self.zero.saturating_sub(zero)) > CLOCK_SET {
            self.zero = zero;
        }
        let wall = self.zero + at.saturating_since(Instant::from_micros(0));
        Clock { moment: Moment { at, wall }, calendar }
    }

    /// The parent's own data dump.
    pub(super) fn parent(&self, config: &Config) {
        write(&self.data(config, "_parent"), telemetry::parent_data(config));
        // There is no process that would write this one.
        if !config.bfd.is_empty() {
            write(&self.data(config, "_bfd"), telemetry::bfd_data(config));
        }
    }

    /// A file of the checker process.
    pub(super) fn checkers(&mut self, config: &Config, live: &CheckersLive) {
        let clock = self.clock(live.at);
        write(&self.data(config, "_check"), telemetry::checkers_data(config, live, clock));
    }

    /// A file of the VRRP process.
    pub(super) fn vrrp(&mut self, report: Report, config: &Config, live: &VrrpLive) {
        let clock = self.clock(live.at);
        match report {
            // Where those go is not decided here.
            Report::BeforeReload | Report::AfterReload => {}
            Report::Data => {
                write(&self.data(config, ""), telemetry::vrrp_data(config, live, clock));
            }
            Report::Statistics | Report::StatisticsCleared => {
                let named = config.global.files.stats_dump.as_deref();
                let path = self.directory.join(named.unwrap_or("keepalived.stats"));
                write(&path, telemetry::statistics(config, live));
            }
            Report::Json => match telemetry::json(config, live, clock) {
                Ok(None) => {}
                Ok(Some(line)) => {
                    let named = config.global.files.json_dump.as_deref();
                    let path = self.directory.join(named.unwrap_or("keepalived.json"));
                    write(&path, std::iter::once(line));
                }
                Err(error) => log::error!("no keepalived.json: {error}"),
            },
        }
    }

    /// `keepalived.data`, or `state_dump_file`, with the process's suffix and, where asked for,
    /// namespace and instance before the extension.
    fn data(&self, config: &Config, suffix: &str) -> PathBuf {
        let name = config.global.files.state_dump.as_deref().unwrap_or("keepalived.data");
        // An absolute path replaces the directory.
        let path = self.directory.join(name);
        let mut file = path.file_stem().unwrap_or_default().to_owned();
        file.push(suffix);
        if config.global.files.data_use_instance {
            let launch = &config.global.launch;
            let parts = [launch.namespace.as_deref(), launch.instance.as_deref()];
            let parts: Vec<&str> = parts.into_iter().flatten().collect();
            if !parts.is_empty() {
                file.push(format!(".{}", parts.join("_")));
            }
        }
        if let Some(extension) = path.extension() {
            file.push(".");
            file.push(extension);
        }
        path.with_file_name(file)
    }
}

fn wall_at_zero() -> Duration {
    let wall = sys::clock::wall();
    wall.saturating_sub(sys::clock::now().saturating_since(Instant::from_micros(0)))
}

pub(super) fn write(path: &Path, lines: impl Iterator<Item = String>) {
    match sys::files::replace(path, lines) {
        Ok(()) => log::debug!("wrote {}", path.display()),
        Err(error) => log::error!("cannot write {}: {error}", path.display()),
    }
}

/// `Fri Nov 20 06:17:29` and the year.
fn calendar(second: u64) -> (String, i32) {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let time = sys::clock::local_time_at(i64::try_from(second).unwrap_or(i64::MAX));
    let day = DAYS.get(usize::from(time.weekday)).copied().unwrap_or_default();
    let month = MONTHS.get(usize::from(time.month)).copied().unwrap_or_default();
    let text = format!(
        "{day} {month} {:>2} {:02}:{:02}:{:02}",
        time.day, time.hour, time.minute, time.second
    );
    (text, time.year)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(config: &Config, suffix: &str) -> String {
        let dumps = Dumps { directory: "/tmp".into(), zero: Duration::ZERO };
        dumps.data(config, suffix).display().to_string()
    }

    #[test]
    fn files_have_keepaliveds_names() {
        let config = Config::default();
        assert_eq!(name(&config, ""), "/tmp/keepalived.data");
        assert_eq!(name(&config, "_check"), "/tmp/keepalived_check.data");
    }

    #[test]
    fn namespace_and_instance_stand_before_the_extension_where_asked_for() {
        let mut config = Config::default();
        config.global.launch.instance = Some("INS".into());
        assert_eq!(name(&config, ""), "/tmp/keepalived.data");
        config.global.files.data_use_instance = true;
        assert_eq!(name(&config, "_parent"), "/tmp/keepalived_parent.INS.data");
        config.global.launch.namespace = Some("ops1".into());
        assert_eq!(name(&config, ""), "/tmp/keepalived.ops1_INS.data");
    }

    #[test]
    fn a_moment_in_the_past_reads_the_same_in_every_file() {
        let mut dumps = Dumps::new();
        let at = sys::clock::now();
        let first = dumps.clock(at).moment;
        assert_eq!(dumps.clock(at).moment, first);
        dumps.zero = dumps.zero.saturating_sub(Duration::from_secs(60));
        let (wall, later) = (first.wall, dumps.clock(at).moment.wall);
        assert!(later.saturating_sub(wall) < CLOCK_SET, "the clock that was set is followed");
    }

    #[test]
    fn a_configured_file_is_the_base_of_all_names() {
        let mut config = Config::default();
        config.global.files.state_dump = Some("/run/lb/my.state".into());
        assert_eq!(name(&config, "_check"), "/run/lb/my_check.state");
    }
}
