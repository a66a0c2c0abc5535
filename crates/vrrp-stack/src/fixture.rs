//! A stack on a bench: one interface, a clock that is moved by hand, and a peer made of bytes.

use std::net::{IpAddr, Ipv4Addr};

use base::{Duration, IfIndex, Instant, Priority, Vrid};
use control_plane::model::{
    Command, Instance, NotifyScripts, ScriptId, TrackScript, VirtualAddress, Vrrp, VrrpScript,
};
use wire::vrrp::{Body, GROUP_V4, Password};
use wire::{Advert, AdvertView, ipv4};

use crate::event::{Event, Saying};
use crate::input::{Input, Packet};
use crate::link::Link;
use crate::output::{Output, Outputs};
use crate::script::{ExitKind, RunId};
use crate::snapshot::Snapshot;
use crate::stack::Stack;

/// The address of the node on the bench.
pub(crate) const OURS: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 5);
/// A peer whose address is lower.
pub(crate) const LOW: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
/// A peer whose address is higher.
pub(crate) const HIGH: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 9);

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn eth0() -> Link {
    Link {
        index: IfIndex::new(2).unwrap(),
        name: "eth0".into(),
        up: true,
        mac: [2, 0, 0, 0, 0, 5],
        primary_v4: Some(OURS),
        link_local_v6: Some("fe80::5".parse().unwrap()),
        mtu: 1500,
        arp: true,
    }
}

pub(crate) fn down(link: Link) -> Link {
    Link { up: false, ..link }
}

pub(crate) fn command(program: &str) -> Command {
    Command { program: program.into(), args: Vec::new(), user: None }
}

/// `VI_1`: VRID 51, one address, version 2, scripts for every state.
pub(crate) fn instance(priority: u8) -> Instance {
    let mut instance = Instance::new("VI_1", "eth0", Vrid::new(51).unwrap());
    instance.priority = Priority::new(priority).unwrap();
    instance.virtual_addresses = vec![vip("10.9.0.160/24")];
    instance.notify = NotifyScripts {
        master: Some(command("/bin/master")),
        backup: Some(command("/bin/backup")),
        fault: Some(command("/bin/fault")),
        stop: Some(command("/bin/stop")),
        generic: Some(command("/bin/generic")),
        ..NotifyScripts::default()
    }
    .into();
    instance
}

pub(crate) fn vip(net: &str) -> VirtualAddress {
    VirtualAddress::new(net.parse().unwrap(), "eth0")
}

pub(crate) fn only(instance: Instance) -> Vrrp {
    Vrrp { instances: vec![instance].into(), ..Vrrp::default() }
}

/// The instance tracks one script with that weight.
pub(crate) fn with_script(mut instance: Instance, script: VrrpScript) -> Vrrp {
    let (weight, reverse) = (script.weight, script.reverse);
    instance.track_scripts = vec![TrackScript { script: ScriptId(0), weight, reverse }];
    Vrrp { instances: vec![instance].into(), scripts: vec![script], ..Vrrp::default() }
}

fn is_cause(event: &Event) -> bool {
    let Event::Instance { says, .. } = event else { return false };
    matches!(says, Saying::CauseCome(_) | Saying::CauseGone(_))
}

pub(crate) struct Bench {
    pub(crate) stack: Stack,
    pub(crate) now: Instant,
    pub(crate) out: Outputs,
}

impl Bench {
    pub(crate) fn new(config: &Vrrp) -> Self {
        Self::on(config, &[eth0()], None)
    }

    pub(crate) fn on(config: &Vrrp, links: &[Link], resume: Option<&Snapshot>) -> Self {
        let (now, mut out) = (Instant::from_micros(1_000_000_000), Outputs::new());
        let stack = Stack::new(now, config, links, resume, &mut out);
        Self { stack, now, out }
    }

    /// A stack that has become master in peace; what it said until then is forgotten.
    pub(crate) fn master(config: &Vrrp) -> Self {
        let mut bench = Self::new(config);
        bench.run(Duration::from_secs(4));
        assert_eq!(bench.state(), "MASTER");
        bench.out.clear();
        bench
    }

    pub(crate) fn give(&mut self, input: Input<'_>) {
        self.stack.handle_input(self.now, input, &mut self.out);
    }

    /// Moves the clock on, serving every timer on its way.
    pub(crate) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.stack.next_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.give(Input::Timeout);
        }
        self.now = end;
    }

    /// Moves the clock on without serving anything.
    pub(crate) fn freeze(&mut self, span: Duration) {
        self.now += span;
    }

    pub(crate) fn hear(&mut self, from: Ipv4Addr, priority: u8) {
        self.hear_advert(from, priority, |_| ());
    }

    /// An advert as the configured instance would send it, with a change.
    pub(crate) fn hear_advert(
        &mut self,
        from: Ipv4Addr,
        priority: u8,
        change: impl FnOnce(&mut Advert),
    ) {
        let config = self.stack.routers()[0].config();
        let v3 = config.version == control_plane::model::Version::V3;
        let interval = config.advert_interval;
        let body = if v3 {
            Body::V3 { centis: u16::try_from(interval.as_centis()).unwrap() }
        } else {
            let seconds = u8::try_from(interval.as_secs()).unwrap();
            Body::V2 { seconds, password: Password::None }
        };
        let mut advert = Advert {
            vrid: config.vrid,
            priority: Priority::new(priority).ok(),
            addresses: config.virtual_addresses.iter().map(|vip| vip.address()).collect(),
            body,
        };
        change(&mut advert);
        self.hear_bytes(from, 255, &advert.emit(from.into(), GROUP_V4.into()));
    }

    pub(crate) fn hear_bytes(&mut self, from: Ipv4Addr, ttl: u8, payload: &[u8]) {
        let header = ipv4::Header {
            identification: 1,
            ttl,
            protocol: 112,
            source: from,
            destination: GROUP_V4,
        };
        let bytes = ipv4::emit(&header, payload).unwrap();
        let index = eth0().index;
        self.give(Input::Packet { index, packet: Packet::Ipv4(&bytes) });
    }

    pub(crate) fn state(&self) -> &'static str {
        use crate::state::State;
        match self.stack.routers()[0].state() {
            State::Init => "INIT",
            State::Backup(_) => "BACKUP",
            State::Master(_) => "MASTER",
            State::Fault { .. } => "FAULT",
            State::Stopped => "STOPPED",
        }
    }

    /// Priorities of the adverts since the last look.
    pub(crate) fn adverts(&mut self) -> Vec<u8> {
        let sent = self.take(|output| match output {
            Output::SendAdvert(advert) => Some(advert),
            _ => None,
        });
        let priority =
            |bytes: &[u8]| AdvertView::new(ipv4::parse(bytes).unwrap().payload).unwrap().priority();
        sent.iter().map(|advert| priority(&advert.datagram)).collect()
    }

    /// Addresses announced since the last look.
    pub(crate) fn announced(&mut self) -> Vec<IpAddr> {
        self.take(|output| match output {
            Output::Announce { address, .. } => Some(address),
            _ => None,
        })
    }

    /// Log lines since the last look that keepalived writes too, without those of single
    /// announcements.
    pub(crate) fn log(&mut self) -> Vec<String> {
        self.take(|output| match output {
            Output::Log(Event::Announcing { .. }) => None,
            Output::Log(event) if is_cause(&event) => None,
            Output::Log(event) => Some(event.to_string()),
            _ => None,
        })
    }

    /// Log lines since the last look about what keeps an instance in FAULT.
    pub(crate) fn causes(&mut self) -> Vec<String> {
        self.take(|output| match output {
            Output::Log(event) if is_cause(&event) => Some(event.to_string()),
            _ => None,
        })
    }

    /// Programs of the notifications since the last look, with their arguments.
    pub(crate) fn notified(&mut self) -> Vec<String> {
        let notifications = self.take(|output| match output {
            Output::Notify(notification) => Some(notification),
            _ => None,
        });
        let words = |command: Command| [vec![command.program], command.args].concat().join(" ");
        notifications.into_iter().flat_map(|n| n.commands).map(words).collect()
    }

    /// Scripts that were started since the last look.
    pub(crate) fn started(&mut self) -> Vec<RunId> {
        self.take(|output| match output {
            Output::StartScript { run, .. } => Some(run),
            _ => None,
        })
    }

    pub(crate) fn exit(&mut self, run: RunId, code: i32) {
        self.give(Input::ScriptExited { run, status: ExitKind::Code(code) });
    }

    pub(crate) fn desired(&self) -> Vec<String> {
        self.stack.desired_addresses().iter().map(|address| address.net.to_string()).collect()
    }

    fn take<T>(&mut self, pick: impl Fn(Output) -> Option<T>) -> Vec<T> {
        let (mut picked, mut rest) = (Vec::new(), Vec::new());
        for output in self.out.drain(..) {
            match pick(output.clone()) {
                Some(wanted) => picked.push(wanted),
                None => rest.push(output),
            }
        }
        self.out = rest;
        picked
    }
}
