//! The end of a turn: what the stack has put out becomes packets, requests to the kernel, scripts,
//! mails, reports and lines, in this order.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use base::{Duration, IfIndex, Instant};
use ipc::ToParent;
use vrrp_stack::{Input, Level, Notification, Output};
use wire::MacAddress;

use super::script_work::{Due, Work};
use super::scripts::{exit_kind, kill_signal};
use super::{SETTLED, SETTLING, Vrrp, announcer, host_state, make_links, script_work};
use crate::kind::VrrpState;

/// So many outputs of one turn are much; adverts are what it always does.
const MUCH: usize = 256;

fn announcement(output: &Output) -> Option<(IfIndex, MacAddress, IpAddr)> {
    match output {
        Output::Announce { index, mac, address } => Some((*index, *mac, *address)),
        _ => None,
    }
}

impl Vrrp {
    /// The end of a turn: adverts, kernel, announcements, scripts, mails, parent, log.
    pub(super) fn carry_out(&mut self, now: Instant) {
        make_links(&mut self.kernel, &mut self.parent);
        self.kernel.raise_links(&self.stack);
        let wanted = self.stack.wants_generation();
        let sockets = (self.sockets_at != Some(wanted)).then(|| self.stack.desired_sockets());
        if let Some(sockets) = &sockets {
            self.sockets.open_missing(sockets, &mut self.scheduler);
            self.sockets.set_sizes(self.stack.receive_buffers(&self.config.global.buffers));
        }
        let outputs = std::mem::take(&mut self.outputs);
        let is_news = |output: &&Output| !matches!(output, Output::SendAdvert(_));
        if outputs.len() > MUCH && outputs.iter().filter(is_news).count() > MUCH {
            self.scheduler.set_timer(SETTLED, now + SETTLING);
        }
        self.send_adverts(now, &outputs);
        self.unannounced.extend(outputs.iter().filter_map(announcement));
        // Before an address goes, and with what this turn wanted to announce before it stepped back.
        self.forget_announcements();
        // Closed after the last advert of an instance has left.
        if let Some(sockets) = &sockets {
            self.neighbours.follow(&self.stack.heard_links(), &mut self.scheduler);
            self.sockets.close_surplus(sockets, &mut self.scheduler);
            self.sockets_at = Some(wanted);
        }
        if self.kernel.reconcile(now, &self.stack) {
            self.stack.forget_retired();
        }
        if let Some(generation) = self.reached.take() {
            self.parent.say(&ToParent::Reloaded { generation });
        }
        self.kernel.renew(&mut self.stack);
        if let Some(groups) = self.kernel.take_missing() {
            self.input(now, Input::StaticsMissing(&groups));
        }
        if self.kernel.has_more() {
            self.scheduler.still_ready(self.kernel_token);
        }
        self.announce_all(now);
        self.sync_daemon.follow(now, &self.config, &self.stack);
        for output in outputs {
            self.act_on(now, output);
        }
        // Lines are out before what follows takes its time.
        logging::flush();
        self.work_on_scripts(now);
        self.mailer.turn(now, &mut self.scheduler);
        self.kernel.say_what_was_done();
        let changes = self.stack.take_changes();
        self.parent.report(changes.into_iter().map(VrrpState));
        let facts = self.kernel.take_facts();
        self.parent.report(facts.into_iter().map(host_state));
        self.parent.flush(&mut self.scheduler);
    }

    /// What may come after adverts, addresses and announcements.
    fn act_on(&mut self, now: Instant, output: Output) {
        match output {
            Output::SendAdvert(_) | Output::Announce { .. } => {}
            Output::StartScript { run, name, command } => {
                self.script_work.start(Due { run, name, command });
            }
            Output::Probe { probe, witness, timeout } => self.ask(now, probe, witness, timeout),
            Output::ProbeAddress { index, mac, address } => self.ask_for(index, mac, address),
            Output::KillScript { run, .. } if self.script_work.forget(run) => {
                self.input(now, Input::ScriptExited { run, status: exit_kind(None) });
            }
            Output::KillScript { run, signal } => {
                self.script_work.signal(run, kill_signal(signal));
            }
            Output::Notify(notification) => {
                self.fifos.write(notification.line().as_bytes());
                let Notification { object, commands, mail, .. } = notification;
                self.scripts.notify(object, commands, now, &mut self.scheduler);
                mail.into_iter().for_each(|mail| self.mailer.send(mail));
            }
            Output::Log(event) => self.log(now, &event),
        }
    }

    /// Asks whether anybody else has an address.
    fn ask_for(&self, index: IfIndex, mac: MacAddress, address: IpAddr) {
        let sent = match address {
            IpAddr::V4(address) => {
                self.arp.send(index, &wire::arp::request(mac, Ipv4Addr::UNSPECIFIED, address))
            }
            IpAddr::V6(address) => self.arp.send(index, &wire::ndp::probe(mac, address)),
        };
        if let Err(error) = sent {
            log::debug!("cannot ask who has {address}: {error}");
        }
    }

    /// The stack hears which instances' adverts left.
    fn send_adverts(&mut self, now: Instant, outputs: &[Output]) {
        let adverts: Vec<_> = outputs
            .iter()
            .filter_map(|output| match output {
                Output::SendAdvert(advert) => Some(advert),
                _ => None,
            })
            .collect();
        let mut left = BTreeSet::new();
        self.sockets.send(&adverts, |advert| {
            if advert.leased {
                left.insert(advert.instance.as_str());
            }
        });
        for instance in left {
            self.input(now, Input::AdvertLeft { instance });
        }
    }

    /// What announces an address that the kernel has not got yet waits until it has.
    fn announce_all(&mut self, now: Instant) {
        let is_busy = self.kernel.is_busy();
        let has = |index, address| self.kernel.has(index, address);
        let ready = self.unannounced.take_ready(has, is_busy);
        let mut frames = announcer::frames(&ready, |index| self.kernel.is_ipv6_router(index));
        // What one call sends is not worth the trouble, and a short burst is over before the courier has come. While
        // addresses are added, it sends all that it can; afterwards both send.
        let is_long = frames.len() + self.unannounced.len() > announcer::SHORT;
        if frames.len() > sys::MANY && (is_long || self.courier.is_busy()) {
            let half = frames.len() / 2;
            self.courier.take(&mut frames, if is_busy { usize::MAX } else { half });
        }
        let mut failed = announcer::send(&self.arp, frames.make_contiguous());
        failed.extend(self.courier.failures());
        for (address, error) in failed {
            log::debug!("cannot announce {address}: {error}");
        }
        if log::log_enabled!(log::Level::Debug) {
            for (index, _, address) in ready {
                let interface = self.kernel.name(index);
                self.log(now, &vrrp_stack::Event::Announcing { interface, address });
            }
        }
    }

    /// What is no longer held is not announced, although it may be there for some turns.
    fn forget_announcements(&mut self) {
        let wanted = self.stack.wants_generation();
        if self.announced_at == wanted {
            return;
        }
        self.announced_at = wanted;
        if self.unannounced.is_empty() && !self.courier.is_busy() {
            return;
        }
        let held = self.stack.desired_addresses().into_iter();
        let held: BTreeSet<_> = held.map(|one| (one.index, one.net.addr())).collect();
        let is_held = |index, address| held.contains(&(index, address));
        self.unannounced.retain(is_held);
        self.courier.retain(is_held);
    }

    /// Scripts that have ended, are to end, or are due, as many as fit in a turn. When the process is
    /// to end, none starts any more, all signals are sent, and the end of each is learnt.
    fn work_on_scripts(&mut self, now: Instant) {
        let Self { script_work, scripts, scheduler, stack, outputs, going, .. } = self;
        let leaving = going.is_some();
        let limit = if leaving { Duration::MAX } else { script_work::TURN };
        script_work.step(limit, sys::clock::now, |work| {
            let ended = match work {
                Work::Collect(token) => scripts.exited(token, now, scheduler),
                Work::Signal(run, signal) => {
                    scripts.signal_check(run, signal);
                    None
                }
                Work::Start(_) if leaving => None,
                Work::Start(Due { run, name, command }) => {
                    let started = scripts.start_check(run, &command, scheduler);
                    let failed = |error| log::debug!("VRRP_Script({name}): {error}");
                    started.map_err(failed).is_err().then_some((run, None))
                }
            };
            if let Some((run, exit)) = ended {
                let exited = Input::ScriptExited { run, status: exit_kind(exit) };
                stack.handle_input(now, exited, outputs);
            }
        });
    }

    pub(super) fn log(&mut self, now: Instant, event: &vrrp_stack::Event) {
        let level = match (event.detail(), event.level()) {
            (true, _) => log::Level::Debug,
            (_, Level::Info) => log::Level::Info,
            (_, Level::Warning) => log::Level::Warn,
            (_, Level::Error) => log::Level::Error,
        };
        if level > log::max_level() {
            return;
        }
        if !event.is_peer_triggered() {
            log::log!(level, "{event}");
        } else if let Some(line) = self.peer_lines.line(now, || event.to_string()) {
            log::log!(level, "{line}");
        }
    }
}
