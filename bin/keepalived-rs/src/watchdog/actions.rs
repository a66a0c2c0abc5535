//! What the machine says, done.

use ipc::{Generation, Report, ToChild};
use scheduler::Signal;
use watchdog::{Command, Output, Role};

use super::reading::Read;
use super::{WatchDog, way_back};
use crate::{configuration, plan};

impl WatchDog {
    pub(super) fn act(&mut self, output: Output) {
        match output {
            Output::Log(event) => {
                self.service_manager.on_event(sys::clock::now(), &event);
                let level = if event.is_error() { log::Level::Error } else { log::Level::Info };
                log::log!(level, "{event}");
                if matches!(event, watchdog::Event::Delayed(..)) {
                    self.go_on_in_the_background();
                }
            }
            Output::Load => {
                let input = self.read_for_reload();
                self.feed(sys::clock::now(), input);
            }
            Output::Adopt => self.adopt(),
            Output::Discard => self.read = None,
            Output::Send(role, command) => self.send(role, command),
            Output::Ping(role, number) => self.tell(role, &ToChild::Ping(number)),
            Output::Kill(role, signal) => match role {
                Role::Vrrp => self.vrrp.signal(number(signal)),
                Role::Checkers => self.checkers.signal(number(signal)),
            },
            Output::KillPredecessor(role, signal) => match role {
                Role::Vrrp => self.vrrp.signal_predecessor(number(signal)),
                Role::Checkers => self.checkers.signal_predecessor(number(signal)),
            },
            Output::GoBack => {
                // What came since the last turn is the former program's to do.
                let _held = self.scheduler.hold_signals();
                way_back::take();
            }
            Output::ForgetFormer => self.former = None,
            Output::CloseWayBack => way_back::close(),
            Output::Retire(role) => {
                // From here on nothing is any longer as the former program has left it.
                way_back::close();
                match role {
                    Role::Vrrp => self.vrrp.retire(),
                    Role::Checkers => self.checkers.retire(),
                }
            }
            Output::Begin(role) => {
                way_back::close();
                let generation = self.supervisor.generation();
                let new = (&self.running.config, &self.looked_up);
                let outside = self.outside.all();
                match role {
                    Role::Vrrp => self.vrrp.begin(generation, new, &outside),
                    Role::Checkers => self.checkers.begin(generation, new, &outside),
                }
            }
            Output::Try => {
                if let Some(input) = self.begin_trial() {
                    self.feed(sys::clock::now(), input);
                }
            }
            Output::TryFormer => {
                if let Some(input) = self.begin_trial_of_former() {
                    self.feed(sys::clock::now(), input);
                }
            }
            Output::EndTrial => self.end_trial(),
            Output::TakeOver { reload } => {
                let failed = self.take_over(reload);
                self.feed(sys::clock::now(), failed);
            }
            // `live` has taken these out.
            Output::Fork(_) | Output::Exit(_) => {}
        }
    }

    /// What was read is the configuration now.
    fn adopt(&mut self) {
        let Some(Read { usable, looked_up }) = self.read.take() else { return };
        // Children read nothing from a file system.
        let in_memory = (self.running.config.global.files.tmp_config_dir.is_some())
            .then(|| plan::in_memory(&self.running));
        let former = in_memory.as_ref().map_or(self.shown.as_ref(), Option::as_ref);
        self.vrrp.moves_on(former, &self.looked_up);
        self.checkers.moves_on(former, &self.looked_up);
        self.looked_up = looked_up;
        let former = std::mem::replace(&mut self.running, usable);
        self.saved.adopted(former.config);
        self.supervisor.weigh(configuration::objects(&self.running.config));
        self.fifos.follow(&self.running.config);
        self.look_outside();
        let reload = &self.running.config.global.reload;
        self.reload_file.follow(sys::clock::now(), reload, &mut self.scheduler);
        self.shown = plan::show(&self.running);
    }

    fn send(&mut self, role: Role, command: Command) {
        match command {
            Command::Prepare(number) => {
                let generation = Generation(number);
                let new = self.read.as_ref().map(|read| (&read.usable.config, &read.looked_up));
                let message = ToChild::Prepare { generation };
                match role {
                    Role::Vrrp => self.vrrp.send(&message, new),
                    Role::Checkers => self.checkers.send(&message, new),
                }
            }
            Command::Commit(number) => {
                self.tell_for_saving(role, Report::BeforeReload);
                self.tell(role, &ToChild::Commit { generation: Generation(number) });
                self.tell_for_saving(role, Report::AfterReload);
            }
            Command::Abort(number) => {
                self.tell(role, &ToChild::Abort { generation: Generation(number) });
            }
        }
    }

    fn tell_for_saving(&mut self, role: Role, report: Report) {
        if self.saved.wants_reports() {
            self.tell(role, &ToChild::Report(report));
        }
    }

    fn tell(&mut self, role: Role, message: &ToChild) {
        match role {
            Role::Vrrp => self.vrrp.send(message, None),
            Role::Checkers => self.checkers.send(message, None),
        }
    }

    /// Before the children commit to a configuration they are told of what it names outside.
    fn look_outside(&mut self) {
        self.outside.follow(sys::clock::now(), &self.running.config, &mut self.scheduler);
        let all = self.outside.all();
        self.vrrp.send_outside(&all);
        self.checkers.send_outside(&all);
    }
}

const fn number(signal: watchdog::Signal) -> Signal {
    match signal {
        watchdog::Signal::Term => Signal::TERM,
        watchdog::Signal::Kill => Signal::KILL,
    }
}
