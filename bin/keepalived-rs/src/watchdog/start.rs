//! From the command line to the first turn of the parent, and its last words.

use std::io;
use std::os::fd::AsFd;

use sys::PidFile;
use sys::process::{Announce, Daemonised};

use super::handover::{self, Origin, Received};
use super::lifecycle::{self, Start};
use super::pid_files::{self, OfChildren};
use super::run_files::RunFiles;
use super::service_manager::ServiceManager;
use super::{Own, WatchDog, remove, way_back};
use crate::cli::Options;
use crate::configuration::{self, Usable};
use crate::log_file::Writer;
use crate::{log_setup, privilege, trial, usage, version};

/// Runs the daemon; the exit status.
pub(crate) fn run(mut options: Options) -> i32 {
    if let Some(received) = handover::receive() {
        sys::memory::give_back_early();
        return go_on(options, received);
    }
    sys::memory::hold();
    let origin = Origin::of_this();
    options.make_absolute();
    let writer = log_setup::start(&options);
    introduce(&options);
    if !privilege::is_enough() {
        log::error!(
            "keepalived-rs needs root, or CAP_NET_ADMIN and CAP_NET_RAW: it programs addresses and \
             LVS tables"
        );
        return 4;
    }
    log::info!("Configuration file {}", options.config.display());
    let usable = match configuration::load_inside(&options) {
        Ok(loaded) => configuration::at_start(&options, loaded),
        Err(why) => {
            log::error!("{why}");
            Err(1)
        }
    };
    let usable = match usable {
        Ok(usable) => usable,
        Err(status) => return i32::from(status),
    };
    let global = &usable.config.global;
    log_setup::name(&global.launch);
    if global.auto_priority.max == 0 {
        log::info!(
            "NOTICE: setting config option max_auto_priority should result in better keepalived \
             performance"
        );
    }
    // `ps -C keepalived` finds the daemon, whatever the file is called. Not worth a failure.
    let _ = sys::process::set_name(global.process_name.as_deref().unwrap_or("keepalived"));
    let mut files = RunFiles::new(&options, &global.launch);
    let made = files.make_directories().map(|()| files.mount(&global.launch));
    let wanted = configuration::wanted(&options, &usable.config);
    let (pid_file, of_children) = match made.and_then(|()| pid_files::claim(&files, &wanted)) {
        Ok(Some(claimed)) => claimed,
        Ok(None) => {
            files.remove_directories();
            return 0;
        }
        Err(why) => {
            log::error!("{why}");
            files.remove_directories();
            return 1;
        }
    };
    sys::process::set_umask(configuration::umask(&usable.config));
    allow_core_dumps(&options);
    run_configured(options, usable, pid_file, Beginning { files, of_children, origin, writer })
}

/// Who this is, and how it was called.
fn introduce(options: &Options) {
    log::info!("Starting Keepalived {} (keepalived-rs {})", version::KEEPALIVED, version::OURS);
    log::info!("Running on {}", version::kernel());
    for line in version::command_line(std::env::args_os()) {
        log::info!("{line}");
    }
    for option in &options.without_effect {
        log::warn!("Option without effect: {option}");
    }
    if !options.unexpected.is_empty() {
        log::warn!("Unexpected argument(s): {}", options.unexpected.join(" "));
    }
}

fn allow_core_dumps(options: &Options) {
    if !options.core_dumps {
        return;
    }
    if let Err(error) = sys::process::allow_core_dumps() {
        log::warn!("no core dumps: {error}");
    }
    if let Some(pattern) = &options.core_pattern
        && let Err(error) = std::fs::write("/proc/sys/kernel/core_pattern", pattern)
    {
        log::warn!("cannot set the core pattern: {error}");
    }
}

/// What a parent has before it is a daemon.
struct Beginning {
    files: RunFiles,
    of_children: OfChildren,
    origin: Origin,
    writer: Option<Writer>,
}

fn run_configured(
    options: Options,
    usable: Usable,
    mut pid_file: PidFile,
    beginning: Beginning,
) -> i32 {
    let Beginning { files, mut of_children, origin, writer } = beginning;
    if options.dump_config {
        for line in telemetry::configuration(&usable.config) {
            log::info!("{line}");
        }
    }
    let announce = if options.foreground {
        None
    } else {
        match sys::process::daemonise() {
            // The lock on the PID file lives on in the daemon, and the directory is in use.
            Ok(Daemonised::Original(status)) => return status,
            Ok(Daemonised::Daemon(announce)) => Some(announce),
            Err(error) => {
                log::error!("cannot become a daemon: {error}");
                of_children.remove();
                remove(pid_file);
                files.remove_directories();
                return 1;
            }
        }
    };
    // Whoever reads the PID file may send a signal. Until somebody listens they wait.
    let written = sys::BlockedSignals::all().and_then(|blocked| {
        pid_file.write(sys::process::own_pid()).map_err(io::Error::other)?;
        Ok((blocked, pid_file.as_fd().try_clone_to_owned()?))
    });
    let status = written.and_then(|(blocked, pid_file)| {
        let own = Own { files: files.clone(), pid_file, origin, writer };
        live(options, usable, own, (announce, blocked), &mut of_children)
    });
    of_children.remove();
    end(status, pid_file, &files)
}

fn end(status: io::Result<i32>, pid_file: PidFile, files: &RunFiles) -> i32 {
    let status = status.unwrap_or_else(|error| {
        log::error!("the parent process cannot go on: {error}");
        1
    });
    remove(pid_file);
    files.remove_directories();
    usage::parent_stopped();
    log::info!("Stopped Keepalived {} (keepalived-rs {})", version::KEEPALIVED, version::OURS);
    status
}

fn live(
    options: Options,
    usable: Usable,
    own: Own,
    (announce, blocked): (Option<Announce>, sys::BlockedSignals),
    of_children: &mut OfChildren,
) -> io::Result<i32> {
    sys::process::adopt_orphans()?;
    let mut told = ServiceManager::of_environment(sys::clock::now());
    let (start, blocked) = lifecycle::startup(&usable.config, &mut told, blocked)?;
    if start == Start::Stop {
        return Ok(0);
    }
    let has_mounted = own.files.is_mounted();
    let launch = usable.config.global.launch.clone();
    let watch_dog = WatchDog::new(options, usable, own, (announce, blocked), of_children)?;
    privilege::of_parent(&launch, has_mounted);
    // What reading has left behind would be in every child.
    sys::memory::give_back_early();
    sys::process::give_back_memory();
    watch_dog.live()
}

/// Goes on in the process of another program, whose children work.
fn go_on(mut options: Options, received: Result<Received, String>) -> i32 {
    let unblock = sys::BlockedSignals::inherited();
    // The children of the new program that failed, before this one has children of its own: a writer of
    // log files.
    let not_ended = received.as_ref().map(|it| way_back::end_strangers(&it.hand_over));
    let not_ended = not_ended.unwrap_or_default();
    if let Ok(received) = &received {
        options.make_absolute_in(&received.hand_over.origin.directory);
    }
    let writer = log_setup::start(&options);
    not_ended.iter().for_each(|line| log::warn!("{line}"));
    let received = match received {
        Ok(received) => received,
        Err(why) => {
            // The children notice, and leave in order.
            log::error!("the upgraded program cannot go on: {why}");
            way_back::take();
            return 1;
        }
    };
    let global = &received.usable.config.global;
    log_setup::name(&global.launch);
    let _ = sys::process::set_name(global.process_name.as_deref().unwrap_or("keepalived"));
    let ours = trial::version(ipc::BUILD);
    if received.hand_over.returned.is_some() {
        log::error!(
            "Upgrade refused, the running program goes on: {ours} is back, the new one failed"
        );
    } else {
        let theirs = trial::version(&received.hand_over.build);
        log::info!("Upgrade: {ours} takes over from {theirs}");
    }
    let files = received.hand_over.files.clone();
    let pid_file = received.pid_file.try_clone();
    let pid_file = match pid_file {
        Ok(file) => PidFile::inherited(file, &files.parent),
        Err(error) => {
            log::error!("the upgraded program cannot go on: {error}");
            way_back::take();
            return 1;
        }
    };
    privilege::of_parent(&received.usable.config.global.launch, files.is_mounted());
    let status = WatchDog::resume(options, received, writer, unblock).and_then(WatchDog::live);
    if let Err(error) = &status {
        log::error!("the upgraded program cannot go on: {error}");
        way_back::take();
    }
    end(status, pid_file, &files)
}
