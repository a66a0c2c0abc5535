//! Plays a configuration in virtual time and writes down all that the stack does.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use base::{Duration, IfIndex, Instant, Priority, Sighting, Vrid};
use control_plane::{Config, MemorySource, Options, load};
use effects::Played;
use vrrp_stack::{ExitKind, Input, Link, Output, Outputs, Packet, RunId, Stack, Surroundings};
use wire::trailer::{self, Sequence};
use wire::vrrp::{Body, Checksum, GROUP_V4, Password};
use wire::{Advert, AdvertView, ipv4};

/// Something that happens to the node, or in the world around it.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// An advert of somebody arrives.
    Hear(Heard),
    /// An advert of version 2 with a trailer of that key, made that many seconds ago.
    Sealed(u8, u64),
    /// An interface goes down or comes up.
    Link(&'static str, bool),
    /// From now on scripts end with this status; `None`: they do not end.
    Scripts(Option<i32>),
    /// From now on witnesses answer so, but for 10.9.0.66, which is dead; `None`: not at all.
    Witnesses(Option<bool>),
    /// A file has this number.
    File(&'static str, i32),
    /// So many processes of that name run.
    Processes(&'static str, u32),
    /// The configuration is another one: this becomes that.
    Reload(&'static str, &'static str),
    /// Nobody serves the stack for so many milliseconds.
    Freeze(u64),
    /// Static entries of these groups are missing.
    Missing(&'static str),
    /// These sources of adverts are on eth0.
    Sources(&'static [&'static str]),
    /// The daemon ends.
    Stop,
    /// Nothing; the play ends here at the latest.
    End,
}

/// An advert of somebody else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) vrid: u8,
    pub(crate) version: u8,
    pub(crate) priority: u8,
    pub(crate) ttl: u8,
    pub(crate) centis: u16,
    pub(crate) address: &'static str,
    /// The checksum has no pseudo header.
    pub(crate) short_sum: bool,
    /// The pseudo header of the checksum names the multicast group.
    pub(crate) old_sum: bool,
}

/// What `VRID 51` of the templates may hear.
pub(crate) const HEARD: Heard = Heard {
    from: "10.9.0.9",
    to: "224.0.0.18",
    vrid: 51,
    version: 3,
    priority: 150,
    ttl: 255,
    centis: 100,
    address: "10.9.0.77",
    short_sum: false,
    old_sum: false,
};

/// An advert of that priority.
pub(crate) const fn hear(priority: u8) -> Act {
    Act::Hear(Heard { priority, ..HEARD })
}

/// What the stack did: `[MS] what`.
pub(crate) fn trace(text: &str, play: &[(u64, Act)]) -> Vec<String> {
    let mut stage = Stage::new(text);
    for (at, act) in play {
        stage.run_until(*at);
        stage.act(act);
    }
    stage.run_until(stage.millis());
    stage.lines
}

struct Stage {
    text: String,
    stack: Stack,
    now: Instant,
    scripts: Option<i32>,
    witnesses: Option<bool>,
    lines: Vec<String>,
    last_state: String,
}

/// Ten seconds after the boot.
const START: Instant = Instant::from_micros(10_000_000);

/// The wall clock then.
const WALL: Duration = Duration::from_secs(1_795_155_190);

/// The keys of `auth_hmac`: one letter, so many times.
pub(crate) const KEYS: [(u8, &str); 2] =
    [(7, "77777777777777777777777777777777"), (8, "88888888888888888888888888888888")];

impl Stage {
    fn new(text: &str) -> Self {
        let config = read(text);
        let mut out = Outputs::new();
        let links = [link("eth0", 2, "10.9.0.5"), link("eth1", 3, "10.8.0.5")];
        let around = Surroundings { wall: WALL, ..Surroundings::default() };
        let stack = Stack::new_in(START, &config.vrrp, &links, None, around, &mut out);
        let mut stage = Self {
            text: text.to_owned(),
            stack,
            now: START,
            scripts: Some(0),
            witnesses: Some(true),
            lines: Vec::new(),
            last_state: String::new(),
        };
        stage.react(out);
        stage
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Hear(heard) => {
                let bytes = datagram(heard);
                let packet = Packet::Ipv4(&bytes);
                self.input(Input::Packet { index: IfIndex::new(2).unwrap(), packet });
            }
            Act::Sealed(id, seconds) => {
                let wall = WALL + self.now.saturating_since(START);
                let bytes = sealed(*id, wall.saturating_sub(Duration::from_secs(*seconds)));
                let packet = Packet::Ipv4(&bytes);
                self.input(Input::Packet { index: IfIndex::new(2).unwrap(), packet });
            }
            Act::Link(name, up) => {
                let (number, own) = if *name == "eth0" { (2, "10.9.0.5") } else { (3, "10.8.0.5") };
                self.input(Input::Link(Link { up: *up, ..link(name, number, own) }));
            }
            Act::Scripts(status) => self.scripts = *status,
            Act::Witnesses(answer) => self.witnesses = *answer,
            Act::File(name, value) => {
                let sighting = Sighting::File { name: (*name).into(), value: *value };
                self.input(Input::Sighted(&sighting));
            }
            Act::Processes(name, count) => {
                let sighting = Sighting::Processes { name: (*name).into(), count: *count };
                self.input(Input::Sighted(&sighting));
            }
            Act::Reload(from, to) => {
                self.text = self.text.replace(from, to);
                let config = read(&self.text);
                self.input(Input::Reload(&config.vrrp));
            }
            Act::Freeze(millis) => self.now += Duration::from_millis(*millis),
            Act::Missing(group) => {
                let groups: BTreeSet<String> = [(*group).to_owned()].into();
                self.input(Input::StaticsMissing(&groups));
            }
            Act::Sources(addresses) => {
                let index = IfIndex::new(2).unwrap();
                let all = addresses.iter().map(|one| (index, one.parse().unwrap())).collect();
                self.input(Input::Sources(&all));
            }
            Act::Stop => self.input(Input::Stop),
            Act::End => {}
        }
    }

    fn millis(&self) -> u64 {
        self.now.saturating_since(START).as_millis()
    }

    fn say(&mut self, line: &str) {
        self.lines.push(format!("[{}] {line}", self.millis()));
    }

    fn run_until(&mut self, millis: u64) {
        let end = START + Duration::from_millis(millis);
        self.play_until(end);
    }

    fn input(&mut self, input: Input<'_>) {
        let mut out = Outputs::new();
        self.stack.handle_input(self.now, input, &mut out);
        self.react(out);
    }

    fn react(&mut self, out: Outputs) {
        let (mut ended, mut answered) = (Vec::new(), Vec::new());
        let mut announced: BTreeMap<IpAddr, u32> = BTreeMap::new();
        for output in out {
            match output {
                Output::SendAdvert(advert) => {
                    let line = advert_words(&advert);
                    self.say(&line);
                }
                Output::Announce { index, address, .. } => {
                    *announced.entry(address).or_default() += 1;
                    self.say(&format!("announce {address} on {index}"));
                }
                Output::StartScript { run, name, command } => {
                    self.say(&format!("run {name}: {command:?}"));
                    ended.extend(self.scripts.map(|status| (run, status)));
                }
                Output::KillScript { signal, .. } => self.say(&format!("kill {signal:?}")),
                Output::Notify(notification) => {
                    self.say(&format!("line {}", notification.line().trim_end()));
                    for command in &notification.commands {
                        self.say(&format!("script {} {:?}", command.program, command.args));
                    }
                    if let Some(mail) = &notification.mail {
                        self.say(&format!("mail {}", mail.subject));
                    }
                }
                Output::Log(event) => self.say(&format!("log {event}")),
                Output::Probe { probe, witness, timeout } => {
                    self.say(&format!("ask {witness:?} within {}", timeout.as_millis()));
                    let is_dead = format!("{witness:?}").contains("10.9.0.66");
                    let answer = self.witnesses.filter(|_| !is_dead);
                    answered.extend(answer.map(|good| (probe, good)));
                }
                Output::ProbeAddress { address, .. } => self.say(&format!("who has {address}")),
            }
        }
        for (address, times) in announced {
            self.say(&format!("{address} in one burst: {times}"));
        }
        self.look();
        for (run, status) in ended {
            self.ended(run, status);
        }
        for (probe, good) in answered {
            self.input(Input::ProbeAnswered { probe, good });
        }
    }

    fn ended(&mut self, run: RunId, status: i32) {
        self.input(Input::ScriptExited { run, status: ExitKind::Code(status) });
    }

    /// What the kernel is to have, and how each instance stands, when that has changed.
    fn look(&mut self) {
        let addresses = self.stack.desired_addresses();
        let dropped = self.stack.dropped_addresses();
        let counts = |router: &vrrp_stack::VirtualRouter| {
            let errors = router.statistics().address_list_errors;
            format!("{} {:?} lists {errors}", router.config().name, router.priority())
        };
        let routers: Vec<String> = self.stack.routers().iter().map(counts).collect();
        let sockets = self.stack.desired_sockets();
        let state = format!("kernel {addresses:?} dropped {dropped:?} {routers:?} {sockets:?}");
        if state != self.last_state {
            self.say(&state);
            self.last_state = state;
        }
    }
}

impl Played for Stage {
    fn now(&mut self) -> &mut Instant {
        &mut self.now
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.stack.next_timeout()
    }

    fn time_out(&mut self) {
        self.input(Input::Timeout);
    }
}

fn link(name: &str, number: u32, own: &str) -> Link {
    Link {
        index: IfIndex::new(number).unwrap(),
        name: name.into(),
        up: true,
        mac: [2, 0, 0, 0, 0, 5],
        primary_v4: Some(own.parse().unwrap()),
        link_local_v6: Some("fe80::5".parse().unwrap()),
        mtu: 1500,
        arp: true,
    }
}

fn read(text: &str) -> Config {
    let source = MemorySource::new("/k.conf", text).with_program("/usr/bin/env");
    let source = source.with("/run/one", "0");
    let loaded = load(Path::new("/k.conf"), &source, &Options::default());
    loaded.config.unwrap_or_else(|| panic!("{}\n{text}", loaded.diagnostics.render()))
}

fn datagram(heard: &Heard) -> Vec<u8> {
    let Heard { from, to, vrid, version, priority, ttl, centis, address, .. } = *heard;
    let body = match version {
        2 => Body::V2 { seconds: u8::try_from(centis / 100).unwrap(), password: Password::None },
        _ => Body::V3 { centis },
    };
    let advert = Advert {
        vrid: Vrid::new(vrid).unwrap(),
        priority: Priority::new(priority).ok(),
        addresses: vec![address.parse().unwrap()],
        body,
    };
    let (source, destination) = (from.parse().unwrap(), to.parse().unwrap());
    let kind = match (heard.short_sum, heard.old_sum) {
        (true, _) => Checksum::AsV2,
        (_, true) => Checksum::Towards(GROUP_V4.into()),
        _ => Checksum::Standard,
    };
    let payload = advert.emit_with(IpAddr::V4(source), IpAddr::V4(destination), kind);
    let header = ipv4::Header { identification: 1, ttl, protocol: 112, source, destination };
    ipv4::emit(&header, &payload).unwrap()
}

/// An advert of version 2, priority 150, with a trailer of that time.
fn sealed(id: u8, at: Duration) -> Vec<u8> {
    let heard = Heard { version: 2, ..HEARD };
    let plain = datagram(&heard);
    let datagram = ipv4::parse(&plain).unwrap();
    let (_, key) = KEYS.iter().find(|(one, _)| *one == id).unwrap();
    let (source, number) = (IpAddr::V4(datagram.source), Sequence::at(at));
    let payload = trailer::emit(datagram.payload, source, id, key.as_bytes(), number);
    let header = ipv4::Header {
        identification: 1,
        ttl: 255,
        protocol: 112,
        source: datagram.source,
        destination: datagram.destination,
    };
    ipv4::emit(&header, &payload).unwrap()
}

fn advert_words(advert: &vrrp_stack::OutgoingAdvert) -> String {
    let (mut payload, mut kind) = (&advert.datagram[..], "plain");
    if advert.source.is_ipv4() {
        let datagram = ipv4::parse(&advert.datagram).unwrap();
        payload = datagram.payload;
        if datagram.protocol == wire::ah::PROTOCOL {
            (kind, payload) = ("sealed", &payload[24..]);
        }
    }
    let view = AdvertView::new(payload).unwrap();
    let every = if view.version() == 2 { u16::from(view.seconds()) } else { view.centis() };
    format!(
        "advert of {} from {} to {} by {} ttl {} v{} vrid {} prio {} every {every} {kind} {} bytes {}",
        advert.instance,
        advert.source,
        advert.destination,
        advert.socket.index,
        advert.hop_limit,
        view.version(),
        view.vrid(),
        view.priority(),
        payload.len(),
        payload.escape_ascii()
    )
}
