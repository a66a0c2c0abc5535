//! Forks: what a child needs to begin, and the last that it does with what is its parent's.

use base::Sighting;
use scheduler::Scheduler;
use sys::timer_fd::TimerFd;
use sys::{Forked, PidFile};
use watchdog::{Input, Role};

use super::slot::Slot;
use super::{WatchDog, remove, way_back};
use crate::kind::{Birth, Checkers, End, Kind, Vrrp};
use crate::{log_setup, scheduling, usage};

impl WatchDog {
    pub(super) fn vrrp_place(&mut self) -> Place<'_, Vrrp> {
        Place {
            slot: &mut self.vrrp,
            scheduler: &mut self.scheduler,
            outside: self.outside.all(),
            generation: self.supervisor.generation(),
        }
    }

    pub(super) fn checkers_place(&mut self) -> Place<'_, Checkers> {
        Place {
            slot: &mut self.checkers,
            scheduler: &mut self.scheduler,
            outside: self.outside.all(),
            generation: self.supervisor.generation(),
        }
    }

    pub(super) fn fork<K: Kind>(mut self, place: fn(&mut Self) -> Place<'_, K>) -> Self {
        let input = match place(&mut self).fork() {
            Ok(Forking::Parent(pid)) => Input::Forked(K::ROLE, pid),
            Ok(Forking::Child { channel, life, blocked }) => {
                self.become_child::<K>(channel, life, blocked)
            }
            Err(why) => Input::ForkFailed(K::ROLE, why),
        };
        self.feed(sys::clock::now(), input);
        self
    }

    /// In the new process: lets go of everything that is the parent's and never comes back.
    fn become_child<K: Kind>(
        self,
        channel: crate::kind::ToParentChannel<K>,
        life: TimerFd,
        blocked: sys::BlockedSignals,
    ) -> ! {
        way_back::close();
        let Self {
            options,
            scheduler,
            announce,
            vrrp,
            checkers,
            pid: parent,
            running,
            shown,
            outside,
            reload_file,
            pid_file,
            trial,
            former,
            fifos,
            log_files,
            looked_up,
            ..
        } = self;
        let config = running.config;
        let global = &config.global;
        // Dropped in a copy these close descriptors; the parent has its own.
        drop((scheduler, announce, shown, outside, reload_file, pid_file, trial, former, fifos));
        drop(log_files);
        let pid_files = (vrrp.into_pid_file(), checkers.into_pid_file());
        let (own, settings) = match K::ROLE {
            Role::Vrrp => (pid_files.0, &global.vrrp_process),
            Role::Checkers => (pid_files.1, &global.checker_process),
        };
        log_setup::child(K::ROLE, &global.launch);
        scheduling::apply(settings);
        if let Some(name) = &settings.name {
            // Not worth a failure.
            let _ = sys::process::set_name(name);
        }
        let end = match sys::process::die_with_parent(parent) {
            Ok(()) => {
                K::run(&options, Birth { channel, unblock: blocked, life, config, looked_up })
            }
            // It died between the fork and here; there is nobody to work for.
            Err(error) => {
                log::error!("{error}");
                End::Status(1)
            }
        };
        leave(end, own)
    }
}

/// The end of a child, with the PID file that may be its own.
fn leave(end: End, pid_file: Option<PidFile>) -> ! {
    if end == End::Status(0) {
        usage::child_stopped();
    }
    let status = match end {
        End::Status(status) => {
            // One that has not begun has a predecessor there, which may still do its work.
            if let Some(file) = pid_file.filter(|file| file.names(sys::process::own_pid())) {
                remove(file);
            }
            status
        }
        End::Retired => 0,
    };
    log_setup::finish();
    std::process::exit(status)
}

/// A place for a child, and what a child needs to begin.
pub(super) struct Place<'a, K: Kind> {
    slot: &'a mut Slot<K>,
    scheduler: &'a mut Scheduler,
    outside: Vec<Sighting>,
    generation: u64,
}

impl<K: Kind> Place<'_, K> {
    fn fork(self) -> Result<Forking<K>, String> {
        self.slot.claim_pid_file().unwrap_or_else(|error| log::error!("{error}"));
        let (ours, theirs) = Slot::<K>::channel().map_err(|error| error.to_string())?;
        let life = TimerFd::new().map_err(|error| error.to_string())?;
        let child = match self.scheduler.fork().map_err(|error| error.to_string())? {
            Forked::Child(blocked) => {
                return Ok(Forking::Child { channel: theirs, life, blocked });
            }
            Forked::Parent(child) => child,
        };
        drop(theirs);
        let pid = child.pid();
        let Self { slot, scheduler, outside, generation } = self;
        slot.adopt(child, (ours, life), generation, &outside, scheduler)?;
        Ok(Forking::Parent(pid))
    }
}

/// Which side of a fork this is.
pub(super) enum Forking<K: Kind> {
    Parent(i32),
    Child { channel: crate::kind::ToParentChannel<K>, life: TimerFd, blocked: sys::BlockedSignals },
}
