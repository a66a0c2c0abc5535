//! Everything that can be set on the command line.

use std::path::{Path, PathBuf};

use logging::Facility;

/// What a run of the daemon is told on its command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `-f`.
    pub(crate) config: PathBuf,
    /// `-n`.
    pub(crate) foreground: bool,
    /// `-l`.
    pub(crate) log_console: bool,
    /// `-D`, counted.
    pub(crate) log_detail: u8,
    /// `-G`.
    pub(crate) no_syslog: bool,
    /// `-g`: names of log files are made of this one.
    pub(crate) log_file: Option<PathBuf>,
    /// `-S`.
    pub(crate) facility: Facility,
    /// `-C` leaves it out.
    pub(crate) run_vrrp: bool,
    /// `-P` leaves it out.
    pub(crate) run_checkers: bool,
    /// `--all`.
    pub(crate) run_all: bool,
    /// `-R`.
    pub(crate) dont_respawn: bool,
    /// `-d`.
    pub(crate) dump_config: bool,
    /// `-p`; `None` is the default, which the configuration may move.
    pub(crate) pid_file: Option<PathBuf>,
    /// `-r`.
    pub(crate) vrrp_pid_file: Option<PathBuf>,
    /// `-c`.
    pub(crate) checkers_pid_file: Option<PathBuf>,
    /// `-i`.
    pub(crate) config_id: Option<String>,
    /// `-e`.
    pub(crate) all_include_checks: bool,
    /// `--any-interface`.
    pub(crate) any_interface: bool,
    /// `-u`: bits that new files do not get; beats the keyword.
    pub(crate) umask: Option<u32>,
    /// `-V`: addresses stay at the end.
    pub(crate) keep_addresses: bool,
    /// `-I`: the IPVS table stays at the end.
    pub(crate) keep_ipvs: bool,
    /// `-a`.
    pub(crate) watch_addresses: bool,
    /// `-s`: beats the keyword.
    pub(crate) namespace: Option<String>,
    /// `-m`, `-M`.
    pub(crate) core_dumps: bool,
    /// `-M`.
    pub(crate) core_pattern: Option<String>,
    /// `--ignore-sigint`.
    pub(crate) ignore_sigint: bool,
    /// The value of `-t`.
    pub(crate) test_log: Option<PathBuf>,
    /// Options that are accepted and have no effect, with why.
    pub(crate) without_effect: Vec<&'static str>,
    /// An option has a value that is left out: a test of the configuration fails for it.
    pub(crate) wrong_value: bool,
    /// Words that are no options.
    pub(crate) unexpected: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: "/etc/keepalived/keepalived.conf".into(),
            foreground: false,
            log_console: false,
            log_detail: 0,
            no_syslog: false,
            log_file: None,
            facility: Facility::Daemon,
            run_vrrp: true,
            run_checkers: true,
            run_all: false,
            dont_respawn: false,
            dump_config: false,
            pid_file: None,
            vrrp_pid_file: None,
            checkers_pid_file: None,
            config_id: None,
            all_include_checks: false,
            any_interface: false,
            umask: None,
            keep_addresses: false,
            keep_ipvs: false,
            watch_addresses: false,
            namespace: None,
            core_dumps: false,
            core_pattern: None,
            ignore_sigint: false,
            test_log: None,
            without_effect: Vec::new(),
            wrong_value: false,
            unexpected: Vec::new(),
        }
    }
}

impl Options {
    /// Makes file names independent of the working directory, which a daemon leaves.
    pub(crate) fn make_absolute(&mut self) {
        if let Ok(directory) = std::env::current_dir() {
            self.make_absolute_in(&directory);
        }
    }

    /// The same for a daemon that was started in `directory`.
    pub(crate) fn make_absolute_in(&mut self, directory: &Path) {
        let pid_files = [&mut self.pid_file, &mut self.vrrp_pid_file, &mut self.checkers_pid_file];
        let files = pid_files.into_iter().chain([&mut self.log_file]).flatten();
        for file in files.chain([&mut self.config]) {
            // An empty name stays what it is: opening it says what is wrong.
            if let Ok(absolute) = std::path::absolute(directory.join(&*file))
                && !file.as_os_str().is_empty()
            {
                *file = absolute;
            }
        }
    }
}
