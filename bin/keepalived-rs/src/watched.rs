//! A process that was started is watched, or it is ended: one whose end nobody would hear of is worse
//! than none.

use std::io;
use std::os::fd::AsFd;

use scheduler::{Interest, Scheduler, Token};
use sys::{Child, Signal};

/// Watches for its end. When that cannot be done it is killed, with its group if it leads one.
pub(crate) fn watch(child: &Child, scheduler: &mut Scheduler) -> io::Result<Token> {
    scheduler.register(child.as_fd(), Interest::Read).inspect_err(|_| end(child))
}

/// Kills it, with its group if it leads one.
pub(crate) fn end(child: &Child) {
    for ended in [child.signal(Signal::KILL), child.signal_group(Signal::KILL)] {
        ended.unwrap_or_else(|error| log::error!("process {} stays: {error}", child.pid()));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_that_is_ended_takes_its_group_with_it() {
        let mut script = Command::new("/bin/sh");
        script.args(["-c", "sleep 60; true"]).process_group(0);
        let mut started = script.spawn().unwrap();
        let child = Child::known(started.id().cast_signed()).unwrap();
        let mut scheduler = Scheduler::new(&[]).unwrap();
        watch(&child, &mut scheduler).unwrap();
        end(&child);
        let mut events = Vec::new();
        scheduler.turn(&mut events).unwrap();
        assert_eq!(started.wait().unwrap().signal(), Some(9));
        end(&child);
    }
}
