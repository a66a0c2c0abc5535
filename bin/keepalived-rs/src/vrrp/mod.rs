//! The VRRP process: turns packets, kernel events, script exits and orders into inputs of the
//! [`Stack`], and its outputs into system calls, in an order in which adverts are always first.

mod announcer;
mod crowd;
mod kernel;
mod leave;
mod linkbeat;
mod neighbours;
mod news;
mod objects;
mod own_links;
mod pace;
mod probes;
mod script_work;
mod scripts;
mod settings;
mod sockets;
mod sources;
mod static_tracks;
mod sync_daemon;
mod turn;
mod unread;
mod untracked;
mod wishes;

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use base::Instant;
use control_plane::Config;
use control_plane::model::Witness;
use control_plane::model::own_link::{OwnLink, OwnLinkKind};
use ipc::{Generation, Report, ToParent};
use logging::RateLimit;
use scheduler::{Event, Interest, Scheduler, Signal, TimerId, Token};
use sys::PacketSocket;
use telemetry::VrrpLive;
use vrrp_stack::{HostFact, Input, ObjectState, Outputs, ProbeId, Snapshot, Stack, Surroundings};

use crate::cli::Options;
use crate::fifos::Fifos;
use crate::kind::{self, Birth, End, VrrpState};
use crate::lateness::Lateness;
use crate::log_setup;
use crate::looked_up::LookedUp;
use crate::mail::Mailer;
use crate::parent::{self, Going, Order, Parent, Start};
use crate::{privilege, scheduling};
use announcer::{Courier, Unannounced};
use crowd::Crowd;
use kernel::Kernel;
use neighbours::Neighbours;
use probes::Probes;
use script_work::ScriptWork;
use scripts::Scripts;
pub(crate) use scripts::commands;
use sockets::Sockets;
use sources::Sources;
use sync_daemon::SyncDaemon;
use unread::Unread;

const STACK: TimerId = TimerId(0);
const KERNEL: TimerId = TimerId(1);
const SCRIPTS: TimerId = TimerId(2);
const PROBES: TimerId = TimerId(3);
const SETTLED: TimerId = TimerId(4);

/// That long after much has happened, nothing of it is needed any longer.
const SETTLING: base::Duration = base::Duration::from_secs(1);

/// So many addresses make a reload a turn of its own, before what it changes in the kernel.
const MANY: usize = 1_000;

/// Lines that somebody on the network can trigger: so many in so long, then a count.
const PEER_LINES: u32 = 100;
const PEER_LINES_INTERVAL: base::Duration = base::Duration::from_secs(10);

/// Runs the VRRP process.
pub(crate) fn run(options: &Options, birth: Birth<kind::Vrrp>) -> End {
    let lived = begin(birth).and_then(|begun| match begun {
        Some(begun) => Vrrp::new(options, begun)?.live(),
        None => Ok(End::Status(0)),
    });
    match lived {
        Ok(end) => end,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            log::error!("the VRRP process lacks a privilege: {error}");
            End::Status(4)
        }
        Err(error) => {
            log::error!("the VRRP process cannot go on: {error}");
            End::Status(1)
        }
    }
}

/// Everything that takes time, and the word to begin.
struct Begun {
    scheduler: Scheduler,
    parent: Parent<VrrpState>,
    kernel: Kernel,
    kernel_token: Token,
    arp: Arc<PacketSocket>,
    sync_daemon: SyncDaemon,
    start: Start<Snapshot>,
}

fn begin(birth: Birth<kind::Vrrp>) -> io::Result<Option<Begun>> {
    let Birth { channel, unblock, life, config, looked_up } = birth;
    let mut scheduler = Scheduler::new(&parent::signals())?;
    drop(unblock);
    let mut parent = Parent::new(channel, life, &mut scheduler)?;
    let mut kernel = Kernel::open().map_err(io::Error::other)?;
    let arp = Arc::new(PacketSocket::open()?);
    let kernel_token = scheduler.register(kernel.fd(), Interest::Read)?;
    let sync_daemon = SyncDaemon::new(&config.global.launch);
    privilege::of_vrrp();
    parent.say_warm();
    let forked = (config, looked_up);
    let Some(start) = parent.await_start(forked, &mut scheduler)? else { return Ok(None) };
    // What has changed while it waited is no news to a stack that has not begun.
    kernel.drain(sys::clock::now());
    Ok(Some(Begun { scheduler, parent, kernel, kernel_token, arp, sync_daemon, start }))
}

struct Vrrp {
    scheduler: Scheduler,
    parent: Parent<VrrpState>,
    kernel: Kernel,
    kernel_token: Token,
    sockets: Sockets,
    sources: Sources,
    arp: Arc<PacketSocket>,
    scripts: Scripts,
    /// Until it has been given back.
    has_code_of_start: bool,
    script_work: ScriptWork,
    mailer: Mailer,
    sync_daemon: SyncDaemon,
    probes: Probes,
    neighbours: Neighbours,
    lateness: Lateness,
    unread: Unread,
    crowd: Crowd,
    fifos: Fifos,
    stack: Stack,
    outputs: Outputs,
    config: Config,
    /// Virtual addresses, which are no sources of adverts.
    ours: BTreeSet<IpAddr>,
    /// Some instance has `auth_hmac`.
    signs: bool,
    peer_lines: RateLimit,
    /// A configuration that is to be compared with the one in force.
    to_compare: Option<(Generation, Rc<Config>)>,
    unannounced: Unannounced,
    courier: Courier,
    /// The stack's wishes that announcements have been brought to.
    announced_at: u64,
    /// The stack's wishes that sockets have been brought to.
    sockets_at: Option<u64>,
    /// An address of an interface may be a virtual one now, or no longer: to be looked at in a turn of
    /// its own.
    links_changed: bool,
    /// A new configuration that the parent has not been told of yet: once the kernel is programmed, so
    /// that a successor knows that it has something to remove.
    reached: Option<Generation>,
    options: Options,
    going: Option<Going>,
}

impl Vrrp {
    fn new(options: &Options, begun: Begun) -> io::Result<Self> {
        let Begun { scheduler, mut parent, mut kernel, kernel_token, arp, mut sync_daemon, start } =
            begun;
        let Start { generation, config, looked_up, known, outside, former, leave } = start;
        let ((config, found), then) = match former {
            Some(former) => (former, Some((config, looked_up))),
            None => ((config, looked_up), None),
        };
        if let Some(known) = &known {
            kernel.resume(&known.host);
            sync_daemon.resume(&config);
        }
        let is_first = known.is_none();
        kernel.configure(&config, found.names);
        make_links(&mut kernel, &mut parent);
        let ours = virtual_addresses(&config);
        if guards(&config) && config.global.firewall.table.is_none() {
            log::info!(
                "use_vmac or no_accept/strict specified, but no firewall configured - using nftables"
            );
        }
        let now = sys::clock::now();
        let mut outputs = Outputs::new();
        let links = kernel.links(&ours);
        let known = known.as_ref();
        let mut sources = Sources::default();
        sources.keep(&config);
        let present = sources.look(&kernel);
        let held = known.map(|_| kernel.held(&links, &ours));
        let around = Surroundings {
            seen: &outside,
            wall: sys::clock::wall(),
            sources: present.as_ref(),
            held: held.as_ref(),
        };
        let stack = Stack::new_in(now, &config.vrrp, &links, known, around, &mut outputs);
        let scripts = Scripts::found(&config, found.scripts);
        parent.say(&ToParent::Ready { generation });
        let mut process = Self {
            scripts,
            script_work: ScriptWork::default(),
            has_code_of_start: true,
            mailer: Mailer::new(&config, found.sender),
            sync_daemon,
            probes: Probes::default(),
            neighbours: Neighbours::default(),
            crowd: Crowd::new(&config, now),
            lateness: Lateness::new(&config.global, &config.global.vrrp_process),
            unread: Unread::default(),
            fifos: fifos(Fifos::default(), &config),
            courier: Courier::new(Arc::clone(&arp)),
            arp,
            sockets: Sockets::new(),
            sources,
            peer_lines: RateLimit::new(PEER_LINES, PEER_LINES_INTERVAL),
            scheduler,
            parent,
            kernel,
            kernel_token,
            stack,
            outputs,
            signs: signs(&config),
            config,
            ours,
            to_compare: None,
            unannounced: Unannounced::default(),
            announced_at: 0,
            sockets_at: None,
            links_changed: false,
            reached: None,
            options: options.clone(),
            going: leave.then_some(Going::Leave),
        };
        process.stack.tell_details(log::log_enabled!(log::Level::Debug));
        process.report_duplicates();
        if let Some((new, found)) = then {
            process.commit(now, generation, new, found);
        }
        // A successor has nothing new to say.
        if is_first && process.options.watch_addresses {
            process.kernel.addresses().for_each(|one| process.report_address(one, "added to"));
        }
        Ok(process)
    }

    fn live(mut self) -> io::Result<End> {
        logging::gather();
        let mut events = Vec::new();
        let mut now = sys::clock::now();
        self.scheduler.set_timer(SETTLED, now + SETTLING);
        let mut read_before: Option<(Generation, Rc<Config>)> = None;
        loop {
            self.carry_out(now);
            if let Some((generation, new)) = read_before.take() {
                self.compare(generation, &new);
            }
            match self.going {
                Some(Going::Leave) => return self.leave(),
                // What scripts have led to is known to the successor only if it was done.
                Some(Going::Retire) if self.is_settled() => return self.retire(),
                Some(Going::Retire) | None => {}
            }
            read_before = self.to_compare.take();
            // What carrying out has led to is not left until something else happens.
            let busy = !self.outputs.is_empty()
                || read_before.is_some()
                || self.script_work.is_busy()
                || self.parent.is_busy()
                || self.links_changed
                || !self.unannounced.is_empty()
                || self.kernel.is_busy()
                || self.kernel.has_renewals();
            let next = if busy { Some(now) } else { self.stack.next_timeout() };
            self.scheduler.arm(STACK, next);
            self.scheduler.be_exact_at(self.stack.takes_over_at());
            self.scheduler.gather(self.crowd.pause(now));
            let (kernel, sync_daemon) =
                (self.kernel.next_timeout(), self.sync_daemon.next_timeout());
            self.scheduler.arm(KERNEL, kernel.into_iter().chain(sync_daemon).min());
            self.scheduler.arm(SCRIPTS, self.scripts.next_timeout());
            self.scheduler.arm(PROBES, self.probes.next_timeout());
            log_setup::flush(now, &mut self.scheduler);
            now = self.scheduler.turn(&mut events)?;
            self.parent.show_life(now);
            self.lateness.learn(self.scheduler.lateness());
            self.tell_wall_clock(now);
            if std::mem::take(&mut self.links_changed) {
                self.look_at_links(now);
            }
            self.unread.begin_turn();
            for event in events.drain(..) {
                self.on_event(now, event);
            }
        }
    }

    fn input(&mut self, now: Instant, input: Input<'_>) {
        self.stack.handle_input(now, input, &mut self.outputs);
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            // A backup that was held up hears its master before its time is over.
            Event::Timer(STACK) if self.unread.put_off() => {}
            Event::Timer(STACK) => {
                // The loop tells of descriptors first: what has ended is not late.
                let ended = self.script_work.take_ended();
                if !ended.is_empty() {
                    self.input(now, Input::ScriptsEnded(&ended));
                }
                self.input(now, Input::Timeout);
            }
            Event::Timer(KERNEL) => self.on_kernel(now),
            Event::Timer(SETTLED) => {
                sys::process::give_back_memory();
                // Once: what the start alone has needed is then as far away as code that never ran. Later it could be
                // code that the next advert needs. With `vrrp_no_swap` all stays.
                if std::mem::take(&mut self.has_code_of_start) {
                    sys::memory::forget_code();
                }
            }
            Event::Timer(PROBES) => self.probes.on_timeout(now, &mut self.scheduler),
            Event::Timer(_) => self.scripts.on_timeout(now, &mut self.scheduler),
            Event::Signal(Signal::TERM) => self.going = Some(Going::Leave),
            Event::Signal(signal) => {
                if let Some(report) = parent::report_for(signal) {
                    self.report(now, report);
                }
            }
            Event::Io { token, .. } if self.sockets.owns(token) => {
                let Self { sockets, scheduler, stack, outputs, crowd, .. } = self;
                let more = sockets.drain(token, scheduler, |index, packet| {
                    crowd.hear();
                    stack.handle_input(now, Input::Packet { index, packet }, outputs);
                });
                self.unread.learn(more);
            }
            Event::Io { token, .. } if self.neighbours.owns(token) => self.on_neighbour(now, token),
            Event::Io { token, .. } if self.probes.owns(token) => {
                if let Some((probe, good)) = self.probes.ready(token, &mut self.scheduler) {
                    self.input(now, Input::ProbeAnswered { probe, good });
                }
            }
            Event::Io { token, .. } if token == self.kernel_token => self.on_kernel(now),
            Event::Io { token, .. } if token == self.parent.token() => self.on_parent(now),
            Event::Io { token, .. } => {
                let run = self.scripts.check_of(token);
                self.script_work.collect(token, run);
            }
        }
    }

    /// The wall clock may be set at any time, so it is told anew in each turn.
    fn tell_wall_clock(&mut self, now: Instant) {
        if self.signs {
            self.input(now, Input::WallClock(sys::clock::wall()));
        }
    }

    /// Neighbours say what they have.
    fn on_neighbour(&mut self, now: Instant, token: Token) {
        for (index, mac, address) in self.neighbours.drain(token, &mut self.scheduler) {
            let probes = match address {
                IpAddr::V4(address) => self.probes.resolved(index, address),
                IpAddr::V6(_) => Vec::new(),
            };
            for probe in probes {
                self.input(now, Input::ProbeAnswered { probe, good: true });
            }
            self.input(now, Input::Claimed { index, mac, address });
        }
    }

    /// Asks a witness.
    fn ask(&mut self, now: Instant, probe: ProbeId, witness: Witness, timeout: base::Duration) {
        let known = match &witness {
            Witness::Arp(address, interface) => {
                let link =
                    self.kernel.links(&self.ours).into_iter().find(|one| one.name == *interface);
                let sent = link.is_some_and(|link| {
                    let sender = link.primary_v4.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED);
                    let frame = wire::arp::request(link.mac, sender, *address);
                    self.probes.resolve(probe, link.index, *address, now + timeout);
                    self.arp.send(link.index, &frame).is_ok_and(|sent| sent)
                });
                (!sent).then_some(false)
            }
            _ => self.probes.start(now, probe, witness, timeout, &mut self.scheduler),
        };
        if let Some(good) = known {
            self.input(now, Input::ProbeAnswered { probe, good });
        }
    }

    fn look_for_sources(&mut self, now: Instant) {
        if let Some(sources) = self.sources.look(&self.kernel) {
            self.input(now, Input::Sources(&sources));
        }
    }

    fn on_parent(&mut self, now: Instant) {
        while let Some(order) = self.parent.next_order() {
            match order {
                // Reading it has taken its time: what is due comes before the comparison.
                Order::Prepare(generation, new) => self.to_compare = Some((generation, new)),
                Order::Commit(generation, new, found) => {
                    // Nobody else holds it: it was compared in a turn of its own.
                    self.commit(now, generation, Rc::unwrap_or_clone(new), found);
                }
                Order::Report(report) => self.report(now, report),
                Order::Outside(seen) => {
                    for sighting in &seen {
                        self.input(now, Input::Sighted(sighting));
                    }
                }
                Order::Go(going) => {
                    self.going = self.going.max(Some(going));
                    return;
                }
            }
        }
    }

    fn report(&mut self, now: Instant, report: Report) {
        let links = self.kernel.link_views(&self.ours);
        let sockets = self.sockets.views(&self.stack, |index| self.kernel.link(index, &self.ours));
        let (stack, worst_lateness) = (self.stack.view(), self.scheduler.worst_lateness());
        let live = VrrpLive { at: now, stack, links, sockets, worst_lateness };
        self.parent.report_live(report, &live);
        if report == Report::StatisticsCleared {
            self.stack.clear_statistics();
        }
    }

    fn commit(&mut self, now: Instant, generation: Generation, new: Config, found: LookedUp) {
        let ours = std::mem::replace(&mut self.ours, virtual_addresses(&new));
        self.signs = signs(&new);
        self.scripts.follow(&new, found.scripts, self.script_work.commands());
        self.mailer.reload(&new);
        self.fifos = fifos(std::mem::take(&mut self.fifos), &new);
        // Links of their own have to be there when instances begin.
        let polled = self.kernel.configure(&new, found.names);
        self.sources.add(&new);
        self.on_kernel(now);
        self.stack.tell_details(log::log_enabled!(log::Level::Debug));
        self.input(now, Input::Reload(&new.vrrp));
        self.sources.keep(&new);
        self.look_for_sources(now);
        self.kernel.disturbed();
        if self.ours.len() > MANY {
            self.kernel.wait();
        }
        self.scheduler.set_timer(SETTLED, now + SETTLING);
        scheduling::change(&self.config.global.vrrp_process, &new.global.vrrp_process);
        self.crowd = Crowd::new(&new, now);
        self.lateness.reload(&new.global, &new.global.vrrp_process);
        self.config = new;
        // A source of adverts may have become a virtual address, or the other way round.
        self.links_changed = polled || ours != self.ours;
        self.reached = Some(generation);
    }

    /// Looks at all interfaces anew.
    fn look_at_links(&mut self, now: Instant) {
        for link in self.kernel.links(&self.ours) {
            self.input(now, Input::Link(link));
        }
    }

    /// Says what a configuration that was read in an earlier turn would change.
    fn compare(&mut self, generation: Generation, new: &Config) {
        let changes = self.stack.plan(&new.vrrp);
        self.parent.say_prepared(generation, changes);
    }
}

/// Makes missing links of our own; the parent hears of settings before they are changed. Whether there
/// was something to do.
fn make_links(kernel: &mut Kernel, parent: &mut Parent<VrrpState>) -> bool {
    let Some(facts) = kernel.make_links() else { return false };
    parent.report_first(facts.into_iter().map(host_state));
    kernel.adjust();
    kernel.say_what_was_done();
    true
}

const fn host_state(fact: HostFact) -> VrrpState {
    VrrpState(ObjectState::Host(fact))
}

/// The pipes that the configuration wants, of which some may be open.
fn fifos(mut open: Fifos, config: &Config) -> Fifos {
    open.follow(config.global.fifo.iter().chain(&config.global.vrrp_fifo));
    open
}

/// Whether packets have to be dropped for some instance.
fn guards(config: &Config) -> bool {
    let is_vmac = |link: &OwnLink| matches!(link.kind, OwnLinkKind::Vmac(_));
    let mut instances = config.vrrp.instances.iter();
    instances.any(|one| !one.accept || one.own_links.iter().any(is_vmac))
}

fn signs(config: &Config) -> bool {
    config.vrrp.instances.iter().any(|instance| instance.hmac.is_some())
}

fn virtual_addresses(config: &Config) -> BTreeSet<IpAddr> {
    let instances = config.vrrp.instances.iter();
    let all = instances.flat_map(|one| one.virtual_addresses.iter().chain(&one.excluded_addresses));
    all.map(|vip| vip.address()).collect()
}
