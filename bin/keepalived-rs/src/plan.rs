//! `--plan`: what a reload would change, without doing it.
//!
//! The running daemon keeps its configuration in sealed memory whose descriptor root finds in
//! `/proc/PID/fd`. The plan is made from that and the file, by the same machines that would reload;
//! the daemon is not asked and does not notice.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base::Instant;
use control_plane::Config;

use crate::cli::Options;
use crate::configuration::{self, Usable};
use crate::watchdog::RunFiles;

/// What the memory is called.
const NAME: &str = "keepalived-running";

/// The configuration in force, where `--plan` finds it as long as the descriptor is open: in memory,
/// or in a file without a name below `tmp_config_directory`. Without it only `--plan` does not work.
pub(crate) fn show(running: &Usable) -> Option<OwnedFd> {
    let Some(directory) = &running.config.global.files.tmp_config_dir else {
        return in_memory(running);
    };
    let shown = (&running.config, &running.errors);
    match ipc::blob::write_unnamed(Path::new(directory), &shown) {
        Ok(file) => Some(file),
        Err(error) => {
            log::warn!("Cannot open config directory {directory} for writing: {error}");
            in_memory(running)
        }
    }
}

/// A configuration in sealed memory.
pub(crate) fn in_memory(running: &Usable) -> Option<OwnedFd> {
    ipc::blob::write(NAME, &(&running.config, &running.errors))
        .inspect_err(|error| log::warn!("--plan will not work: {error}"))
        .ok()
}

/// `running` once more, in memory of its own without gaps, and what [`show`] gives. What reading the files
/// has left behind between its parts is free then, and what a child allocates lands there and not in
/// between, so that it shares the configuration with the parent to its end.
///
/// `running` as it is when there is no memory for it: all this saves memory only.
///
/// # Errors
/// What was written cannot be read.
pub(crate) fn compact(running: Usable) -> io::Result<(Option<OwnedFd>, Usable)> {
    let Some(memory) = in_memory(&running) else { return Ok((show(&running), running)) };
    let is_elsewhere = running.config.global.files.tmp_config_dir.is_some();
    let other = is_elsewhere.then(|| show(&running)).flatten();
    let launch = running.config.global.launch.clone();
    // First, so that it is read into the place that it had.
    drop(running);
    let prepared = ipc::blob::read(memory.as_fd()).map_err(io::Error::other)?;
    Ok((Some(other.unwrap_or(memory)), Usable::of(prepared, launch)))
}

/// Prints the plan. The exit status: 0, or that of `-t` when the reload would be refused, or 1 when
/// there is nothing to compare with.
pub(crate) fn run(options: &Options) -> i32 {
    let loaded = match configuration::load_inside(options) {
        Ok(loaded) => loaded,
        Err(why) => return no_plan(&why),
    };
    let rendered = loaded.diagnostics.render();
    let refused = i32::from(loaded.diagnostics.exit_code()).max(1);
    let launch = loaded.config.as_ref().map(|config| config.global.launch.clone());
    let files = RunFiles::new(options, &launch.unwrap_or_default());
    let directory = loaded.config.as_ref().and_then(|new| new.global.files.tmp_config_dir.clone());
    let running = match find(&files.parent, directory.as_deref().map(Path::new)) {
        Ok(running) => running,
        Err(why) => return no_plan(&why),
    };
    eprint!("{rendered}");
    match configuration::again(options, &running, loaded) {
        Ok(new) => {
            let lines = plan(&running.config, &new.config);
            if lines.is_empty() {
                println!("nothing changes");
            }
            lines.iter().for_each(|line| println!("{line}"));
            0
        }
        Err(why) => {
            println!("refused, the running configuration stays in force: {why}");
            refused
        }
    }
}

fn no_plan(why: &str) -> i32 {
    eprintln!("keepalived-rs: no plan: {why}");
    1
}

/// The lines that the log of a reload has, in its order.
fn plan(old: &Config, new: &Config) -> Vec<String> {
    let start = Instant::from_micros(0);
    let checkers = checkers::Checkers::new(start, &old.lvs, None, 0, &mut checkers::Outputs::new());
    let stack =
        vrrp_stack::Stack::new(start, &old.vrrp, &[], None, &mut vrrp_stack::Outputs::new());
    let of_servers = checkers.plan(&new.lvs);
    let of_addresses = stack.plan(&new.vrrp);
    let names = checkers.names_with(&new.lvs);
    let servers = of_servers
        .iter()
        .map(|change| format!("{}: {}", watchdog::Role::Checkers, change.named(&names)));
    let addresses = of_addresses.iter().map(|change| format!("{}: {change}", watchdog::Role::Vrrp));
    servers.chain(addresses).collect()
}

fn find(pid_file: &Path, directory: Option<&Path>) -> Result<Usable, String> {
    let pid: u32 = fs::read_to_string(pid_file)
        .map_err(|error| format!("{}: {error}; does the daemon run?", pid_file.display()))?
        .trim()
        .parse()
        .map_err(|_| format!("{} holds no number", pid_file.display()))?;
    let process = PathBuf::from(format!("/proc/{pid}"));
    if !same_file(&process.join("exe"), Path::new("/proc/self/exe")) {
        return Err(format!("process {pid} runs another program than this one"));
    }
    let failed = |error: io::Error| format!("cannot look at process {pid}: {error}");
    let shown = shown_by(&process.join("fd"), directory).map_err(failed)?;
    let (config, errors): (Config, BTreeSet<String>) = match shown {
        Some(Shown::Memory(memory)) => ipc::blob::read(memory.as_fd()),
        Some(Shown::File(file)) => ipc::blob::read_unnamed(file.as_fd()),
        None => return Err(format!("process {pid} shows no configuration")),
    }
    .map_err(|error| error.to_string())?;
    Ok(Usable { config, errors })
}

fn same_file(one: &Path, other: &Path) -> bool {
    let file = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    file(one).is_some() && file(one) == file(other)
}

enum Shown {
    Memory(File),
    File(File),
}

fn shown_by(descriptors: &Path, directory: Option<&Path>) -> io::Result<Option<Shown>> {
    let memory = format!("/memfd:{NAME} (deleted)");
    let directory = directory.and_then(|path| fs::canonicalize(path).ok());
    for entry in fs::read_dir(descriptors)? {
        let path = entry?.path();
        // One that was closed meanwhile is not the one.
        let Ok(target) = fs::read_link(&path) else { continue };
        if target.as_os_str() == memory.as_str() {
            return File::open(path).map(|memory| Some(Shown::Memory(memory)));
        }
        // Files without a name are shown as `#NUMBER (deleted)`.
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let is_unnamed = name.starts_with('#') && name.ends_with(" (deleted)");
        if is_unnamed && directory.is_some() && target.parent() == directory.as_deref() {
            return File::open(path).map(|file| Some(Shown::File(file)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use base::Vrid;
    use control_plane::model::{Instance, VirtualAddress};

    use super::*;

    /// What this process shows, one test at a time: it is found by the number of the process.
    static SHOWN: Mutex<()> = Mutex::new(());

    fn config(vips: &[&str]) -> Config {
        let mut one = Instance::new("VI_1", "lan0", Vrid::new(51).unwrap());
        let address = |net: &&str| VirtualAddress::new(net.parse().unwrap(), "lan0");
        one.virtual_addresses = vips.iter().map(address).collect();
        let mut config = Config::default();
        config.vrrp.instances = vec![one].into();
        config
    }

    #[test]
    fn a_plan_names_what_changes_and_nothing_else() {
        let old = config(&["10.0.0.1/24", "10.0.0.2/24"]);
        assert_eq!(plan(&old, &old), [""; 0]);
        let lines = plan(&old, &config(&["10.0.0.1/24", "10.0.0.3/24"]));
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines.iter().all(|line| line.starts_with("VRRP: ")), "{lines:?}");
    }

    #[test]
    fn what_a_daemon_shows_is_found_by_its_number() {
        let _alone = SHOWN.lock().unwrap();
        let usable = Usable { config: config(&["10.0.0.1/24"]), errors: BTreeSet::new() };
        let shown = show(&usable).unwrap();
        let pid_file = std::env::temp_dir().join(format!("plan-test-{}", std::process::id()));
        fs::write(&pid_file, format!("{}\n", std::process::id())).unwrap();
        let found = find(&pid_file, None);
        fs::remove_file(&pid_file).unwrap();
        assert_eq!(found.map(|found| found.config), Ok(usable.config));
        drop(shown);
    }

    #[test]
    fn a_configuration_that_is_shown_in_a_file_is_compacted_too() {
        let _alone = SHOWN.lock().unwrap();
        for directory in [None, Some(std::env::temp_dir()), Some("/nosuch".into())] {
            let mut config = config(&["10.0.0.1/24"]);
            let directory = directory.map(|path| path.display().to_string());
            config.global.files.tmp_config_dir = directory;
            let errors = BTreeSet::from(["one".to_owned()]);
            let usable = Usable { config: config.clone(), errors: errors.clone() };
            let (shown, compacted) = compact(usable).unwrap();
            assert_eq!((compacted.config, compacted.errors), (config, errors));
            assert!(shown.is_some());
        }
    }

    #[test]
    fn without_a_daemon_there_is_no_plan() {
        let why = find(Path::new("/nosuch/keepalived.pid"), None).err().unwrap();
        assert!(why.contains("does the daemon run?"), "{why}");
    }
}
