//! The mirror with its two sockets: one for requests, one for events.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};

use base::{Duration, IfIndex, Instant, IpNet};
use neli::ToBytes;
use neli::consts::nl::NlmF;
use neli::consts::rtnl::{RtAddrFamily, RtScope};
use neli::rtnl::{IfaddrmsgBuilder, IfinfomsgBuilder};
use netlink::{
    AttributeWriter, Engine, Error, Events, Malformed, Message, Protocol, ReceiveBuffer, Refusal,
    Reply, Request, Socket, Transport,
};

use crate::address::{self, Address, PROTOCOL_KEEPALIVED, RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR};
use crate::desired::{AddressRequest, DesiredAddress, difference};
use crate::link::{self, Link, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK};
use crate::mirror::{Change, Event, Mirror};
use crate::object::{Ledger, Object, ObjectRequest};
use crate::own_link::LinkRequest;
use crate::route::RTM_DELROUTE;
use crate::rule::RTM_DELRULE;

/// RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR.
const GROUPS: [u32; 3] = [1, 5, 9];

/// RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE.
const OBJECT_GROUPS: [u32; 4] = [7, 8, 11, 19];

/// Datagrams that [`Reflector::drain`] reads from the event socket: about a millisecond.
const TURN_LIMIT: usize = 512;

/// Datagrams read from the event socket in one go before a dump, or where the answer of the kernel has
/// to be known. A change of a thousand addresses is a thousand.
const DRAIN_LIMIT: usize = 16_384;

/// From one dump for lost events to the next at least.
const RESYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Reads of the event socket before a dump, should events come faster than they are read.
const DUMP_DRAINS: usize = 8;

const ENODEV: i32 = 19;
const EEXIST: i32 = 17;
const EADDRNOTAVAIL: i32 = 99;

/// The kernel's links and addresses, kept up to date, and the addresses among them that are ours.
#[derive(Debug)]
pub struct Reflector<T> {
    engine: Engine<T>,
    events: Events<T>,
    mirror: Mirror,
    /// Requests that were planned and not sent yet.
    pending: VecDeque<Work>,
    /// Addresses whose lease is to begin anew.
    renewals: VecDeque<Work>,
    /// Routes and rules of ours.
    ledger: Ledger,
    /// Some of them may have gone since [`Reflector::take_lost`].
    lost: bool,
    more: bool,
    stale: bool,
    /// When a dump that had to wait is due.
    resync_at: Option<Instant>,
    /// No dump for lost events before.
    earliest_resync: Instant,
}

/// What [`Reflector::step`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Addresses added.
    pub added: usize,
    /// Addresses removed.
    pub removed: usize,
    /// Requests that the kernel refused; the others were carried out.
    pub refused: Vec<Refusal>,
    /// A removal may have taken other addresses along: plan once more when nothing is left.
    pub disturbed: bool,
}

impl Reflector<Socket> {
    /// A mirror of the network namespace that the process is in, still empty: call
    /// [`Reflector::resync`].
    ///
    /// # Errors
    /// [`Error::Open`] when there is no socket to be had.
    pub fn open() -> Result<Self, Error> {
        let commands = Socket::commands(Protocol::Route)?;
        let events = Socket::events(Protocol::Route, &GROUPS)?;
        Ok(Self::new(commands, events))
    }

    /// Hear less of what was asked for here: for who adds many addresses.
    ///
    /// # Errors
    /// As [`Socket::drop_echoes_of_addresses`]: a kernel without socket filters. All goes on as before.
    pub fn drop_echoes_of_addresses(&self) -> Result<(), Error> {
        self.events.transport().drop_echoes_of_addresses(self.engine.transport())
    }

    /// Hear of routes and rules that go, too: for who has some.
    ///
    /// # Errors
    /// [`Error::Open`] when the groups cannot be joined.
    pub fn watch_objects(&mut self) -> Result<(), Error> {
        self.events.transport_mut().join(&OBJECT_GROUPS)
    }

    /// Gives the socket for requests and the one for events other receive buffers.
    ///
    /// # Errors
    /// As [`Socket::set_receive_buffer`].
    pub fn set_receive_buffers(
        &self,
        command: Option<ReceiveBuffer>,
        events: Option<ReceiveBuffer>,
    ) -> io::Result<()> {
        self.engine.transport().set_receive_buffer(command)?;
        self.events.transport().set_receive_buffer(events)
    }

    /// The event socket's descriptor: when it is readable, call [`Reflector::drain`].
    pub fn fd(&self) -> RawFd {
        self.events.transport().as_raw_fd()
    }
}

impl<T: Transport> Reflector<T> {
    /// An empty mirror over a socket for requests, and one that has joined the groups of links and
    /// addresses.
    pub fn new(command: T, events: T) -> Self {
        Self {
            engine: Engine::new(command),
            events: Events::new(events),
            mirror: Mirror::default(),
            pending: VecDeque::new(),
            renewals: VecDeque::new(),
            ledger: Ledger::default(),
            lost: false,
            more: false,
            stale: false,
            resync_at: None,
            earliest_resync: Instant::default(),
        }
    }

    /// Dumps links and addresses, and returns how they differ from the mirror.
    ///
    /// # Errors
    /// Any of a dump; the mirror then stays as it was.
    pub fn resync(&mut self) -> Result<Vec<Change>, Error> {
        self.dump()?;
        Ok(self.mirror.take_changes())
    }

    /// Reads the event socket, a bounded number of events, and returns what has changed. After events were
    /// lost it dumps, at most once a second: [`Reflector::next_timeout`] is when to call again.
    ///
    /// # Errors
    /// [`Error::Receive`] of the event socket, or any of a dump, which a later call tries again.
    pub fn drain(&mut self, now: Instant) -> Result<Vec<Change>, Error> {
        self.read_some_events(TURN_LIMIT)?;
        self.resync_at = self.stale.then(|| self.earliest_resync.max(now));
        if self.resync_at == Some(now) {
            self.earliest_resync = now + RESYNC_INTERVAL;
            self.resync_at = Some(self.earliest_resync);
            self.dump()?;
            self.resync_at = None;
        }
        Ok(self.mirror.take_changes())
    }

    /// When a dump that was put off is due: call [`Reflector::drain`] then.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.resync_at
    }

    /// Whether [`Reflector::drain`] has to be called again although the descriptor will not announce
    /// it: it stopped at its bound, or [`Reflector::step`] has read events.
    pub fn has_more(&self) -> bool {
        self.more || self.lost || self.mirror.has_changes()
    }

    /// Links and addresses.
    pub fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    /// All links, by index.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.mirror.links()
    }

    /// The link with this index.
    pub fn link(&self, index: IfIndex) -> Option<&Link> {
        self.mirror.link(index)
    }

    /// The link with this name.
    pub fn link_by_name(&self, name: &str) -> Option<&Link> {
        self.mirror.link_by_name(name)
    }

    /// The addresses of an interface, IPv4 first.
    pub fn addresses(&self, index: IfIndex) -> impl Iterator<Item = &Address> {
        self.mirror.addresses(index)
    }

    /// The address on an interface, whatever its prefix length.
    pub fn address(&self, index: IfIndex, ip: IpAddr) -> Option<&Address> {
        self.mirror.find(index, ip)
    }

    /// Plans what is to be done so that the `desired` addresses are there, in that order, and those
    /// of `managed` that are not desired are gone; everything else is left alone. Nothing is sent:
    /// [`Reflector::step`] carries the plan out. An earlier plan is dropped. Addresses for links that
    /// do not exist are passed over. Returns how many requests it takes.
    ///
    /// # Errors
    /// Any of a dump, where the mirror has to be read anew first.
    pub fn plan(
        &mut self,
        managed: &BTreeSet<(IfIndex, IpNet)>,
        desired: &[DesiredAddress],
    ) -> Result<usize, Error> {
        self.pending.clear();
        if self.stale {
            self.dump()?;
        }
        let requests = difference(&self.mirror, managed, desired);
        self.pending = requests.into_iter().map(Work::Address).collect();
        Ok(self.pending.len())
    }

    /// Adds routes and rules to the plan: `desired` ones come, in that order, after the addresses;
    /// others that are in `managed`, or that were added before, go before the addresses do, but for
    /// `left`: nothing is done about those. Returns how many requests the plan takes now.
    pub fn plan_objects(
        &mut self,
        managed: &[Object],
        desired: &[Object],
        left: &[Object],
    ) -> usize {
        self.ledger.forget(managed);
        let (removals, additions) = self.ledger.difference(managed, desired, left);
        if removals.is_empty() && additions.is_empty() {
            return self.pending.len();
        }
        let addresses = std::mem::take(&mut self.pending);
        self.pending = removals
            .into_iter()
            .map(Work::Object)
            .chain(addresses)
            .chain(additions.into_iter().map(Work::Object))
            .collect();
        self.pending.len()
    }

    /// Whether a route or rule that was planned is there, as far as is known: one that may have gone
    /// is not. See [`Reflector::has_lost`].
    pub fn has_object(&self, object: &Object) -> bool {
        self.ledger.has(object)
    }

    /// Whether routes or rules of ours may have gone since the last [`Reflector::take_lost`]. Until the
    /// next plan is carried out nobody knows.
    pub fn has_lost(&self) -> bool {
        self.lost
    }

    /// Whether routes or rules of ours may have gone since the last call, so that it is time for
    /// another plan.
    pub fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.lost)
    }

    /// How many requests of the plan wait for [`Reflector::step`].
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether the next requests of the plan remove something.
    pub fn removes_next(&self) -> bool {
        self.pending.front().is_some_and(Work::removes)
    }

    /// How many of the next requests, at most so many, are removals like the first, or like the
    /// first are none: the kernel takes a different time for the others.
    pub fn alike(&self, limit: usize) -> usize {
        let removes = self.removes_next();
        self.pending.iter().take(limit).take_while(|work| work.removes() == removes).count()
    }

    /// Carries out at most `limit` requests of the plan. With an empty plan nothing is sent.
    ///
    /// Single requests that fail are in the report, the others are carried out. What was there
    /// already, or gone already, is no failure. After a removal that may take others along the event
    /// socket is read; ask [`Reflector::has_more`] then.
    ///
    /// # Errors
    /// Any of [`Engine::run`]; the plan is then dropped, and the mirror dumped again before the next
    /// one.
    pub fn step(&mut self, limit: usize) -> Result<Report, Error> {
        let requests: Vec<_> = self.pending.drain(..limit.min(self.pending.len())).collect();
        let refusals = self.engine.run(&requests).inspect_err(|_| {
            self.stale = true;
            self.pending.clear();
        })?;
        let mut report = self.account(&requests, refusals);
        report.disturbed = requests.iter().any(Work::may_take_others);
        if report.disturbed {
            self.read_events()?;
        }
        Ok(report)
    }

    /// Lets the leases of these addresses begin anew, as far as the addresses are there:
    /// [`Reflector::step_renewals`] does it. What an earlier call left is dropped.
    pub fn renew(&mut self, leased: impl IntoIterator<Item = DesiredAddress>) {
        let Self { renewals, mirror, .. } = self;
        renewals.clear();
        let present = leased.into_iter().filter(|one| mirror.address(one.index, one.net).is_some());
        renewals.extend(present.map(|one| {
            let dev = mirror.device(one.index).into();
            Work::Address(AddressRequest::Renew(one, dev))
        }));
    }

    /// How many addresses wait for [`Reflector::step_renewals`].
    pub fn pending_renewals(&self) -> usize {
        self.renewals.len()
    }

    /// Renews at most `limit` leases. One that fails is in the report; the kernel will say when its
    /// address goes.
    ///
    /// # Errors
    /// Any of [`Engine::run`]; the other renewals are dropped.
    pub fn step_renewals(&mut self, limit: usize) -> Result<Report, Error> {
        let requests: Vec<_> = self.renewals.drain(..limit.min(self.renewals.len())).collect();
        let refusals = self.engine.run(&requests).inspect_err(|_| self.renewals.clear())?;
        Ok(self.account(&requests, refusals))
    }

    /// Makes, raises and removes interfaces, now. Single requests that fail are returned, the others
    /// are carried out. The mirror knows of the result; ask [`Reflector::has_more`] then.
    ///
    /// # Errors
    /// Any of [`Engine::run`]; the mirror is then dumped again before the next plan.
    pub fn change_links(&mut self, requests: &[LinkRequest]) -> Result<Vec<Refusal>, Error> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let refusals = self.engine.run(requests).inspect_err(|_| self.stale = true)?;
        self.read_events()?;
        Ok(refusals)
    }

    /// Brings the mirror up to what `requests` have done.
    fn account(&mut self, requests: &[Work], refusals: Vec<Refusal>) -> Report {
        let mut report = Report::default();
        let mut refusals = refusals.into_iter().peekable();
        for (index, request) in requests.iter().enumerate() {
            let refusal = refusals.next_if(|refusal| refusal.index == index);
            let errno = refusal.as_ref().map(|refusal| refusal.errno);
            let request = match request {
                Work::Address(request) => request,
                Work::Object(request) => {
                    if !self.ledger.account(request, errno) {
                        report.refused.extend(refusal);
                    }
                    continue;
                }
            };
            let key = request.key();
            match (request, errno) {
                (AddressRequest::Add(desired, dev), None | Some(EEXIST)) => {
                    report.added += usize::from(errno.is_none());
                    self.mirror.own(key, Some(desired.as_added(dev)));
                }
                (AddressRequest::Remove(..), None | Some(EADDRNOTAVAIL | ENODEV)) => {
                    report.removed += usize::from(errno.is_none());
                    self.mirror.own(key, None);
                }
                (AddressRequest::Renew(desired, _), None) => {
                    self.mirror.set_flags(key, desired.kept_flags());
                }
                _ => report.refused.extend(refusal),
            }
        }
        report
    }

    fn read_events(&mut self) -> Result<(), Error> {
        self.read_some_events(DRAIN_LIMIT)
    }

    fn read_some_events(&mut self, limit: usize) -> Result<(), Error> {
        let batch = self.events.read(limit, decode_event)?;
        for event in batch.items {
            self.doubt(&event);
            if let Seen::Mirrored(event) = event {
                self.mirror.apply(event);
            }
        }
        if batch.lost {
            self.lost |= self.ledger.doubt(|_| true);
        }
        self.stale |= batch.lost;
        self.more = batch.more;
        Ok(())
    }

    /// Marks the routes and rules that may have gone with what an event tells of.
    fn doubt(&mut self, event: &Seen) {
        let is_route = |object: &Object| matches!(object, Object::Route(_));
        self.lost |= match event {
            Seen::Mirrored(Event::Link(link)) => {
                let old = self.mirror.link(link.index);
                let same = old.is_some_and(|old| (old.up, old.running) == (link.up, link.running));
                !same && self.ledger.doubt(is_route)
            }
            Seen::Mirrored(Event::LinkGone(_) | Event::AddressGone(_)) => {
                self.ledger.doubt(is_route)
            }
            Seen::Mirrored(Event::Address(_)) => false,
            Seen::RouteGone => self.ledger.doubt(is_route),
            Seen::RuleGone => self.ledger.doubt(|object| !is_route(object)),
        };
    }

    fn dump(&mut self) -> Result<(), Error> {
        self.stale = true;
        // Events from before the dump would undo it where later ones are lost, so they go first.
        for _ in 0..DUMP_DRAINS {
            self.read_events()?;
            if !self.more {
                break;
            }
        }
        let links = self.engine.dump(&Dump::Links, link::decode)?;
        let addresses = self.engine.dump(&Dump::Addresses, address::decode)?;
        self.mirror.replace(links, addresses);
        self.stale = false;
        Ok(())
    }
}

/// What an event means here.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Mirrored(Event),
    /// Somebody, perhaps we, has removed a route with the mark of keepalived.
    RouteGone,
    /// Somebody, perhaps we, has removed a rule.
    RuleGone,
}

/// Offset of `rtm_protocol` in `struct rtmsg`.
const ROUTE_PROTOCOL: usize = 5;

fn decode_event(reply: &Reply<'_>) -> Result<Option<Seen>, Malformed> {
    match reply.kind {
        RTM_DELROUTE => {
            let protocol = reply.payload.get(ROUTE_PROTOCOL);
            return Ok((protocol == Some(&PROTOCOL_KEEPALIVED)).then_some(Seen::RouteGone));
        }
        RTM_DELRULE => return Ok(Some(Seen::RuleGone)),
        _ => {}
    }
    Ok(mirrored(reply)?.map(Seen::Mirrored))
}

fn mirrored(reply: &Reply<'_>) -> Result<Option<Event>, Malformed> {
    Ok(match reply.kind {
        RTM_NEWLINK => link::decode(reply)?.map(Event::Link),
        RTM_DELLINK => link::header(reply)?.map(Event::LinkGone),
        RTM_NEWADDR => address::decode(reply)?.map(Event::Address),
        RTM_DELADDR => address::decode(reply)?.map(Event::AddressGone),
        _ => None,
    })
}

/// One request of a plan.
#[derive(Clone, Debug)]
enum Work {
    Address(AddressRequest),
    Object(ObjectRequest),
}

impl Work {
    fn removes(&self) -> bool {
        match self {
            Self::Address(request) => matches!(request, AddressRequest::Remove(..)),
            Self::Object(request) => request.removes(),
        }
    }

    fn may_take_others(&self) -> bool {
        match self {
            Self::Address(request) => request.may_take_others(),
            Self::Object(_) => false,
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(request) => request.fmt(f),
            Self::Object(request) => request.fmt(f),
        }
    }
}

impl Request for Work {
    fn message(&self) -> Message {
        match self {
            Self::Address(request) => request.message(),
            Self::Object(request) => request.message(),
        }
    }
}

/// The two dumps.
#[derive(Clone, Copy, Debug)]
enum Dump {
    Links,
    Addresses,
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Links => "list the network interfaces",
            Self::Addresses => "list the addresses",
        })
    }
}

impl Request for Dump {
    fn message(&self) -> Message {
        match self {
            Self::Links => {
                let header =
                    IfinfomsgBuilder::default().ifi_family(RtAddrFamily::Unspecified).build();
                let filter = AttributeWriter::new().put(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
                message(RTM_GETLINK, header.ok(), filter)
            }
            Self::Addresses => {
                let header = IfaddrmsgBuilder::default()
                    .ifa_family(RtAddrFamily::Unspecified)
                    .ifa_prefixlen(0)
                    .ifa_scope(RtScope::Universe)
                    .ifa_index(0)
                    .build();
                message(RTM_GETADDR, header.ok(), AttributeWriter::new())
            }
        }
    }
}

const IFLA_EXT_MASK: u16 = 29;
const RTEXT_FILTER_SKIP_STATS: u32 = 8;

fn message(kind: u16, header: Option<impl ToBytes>, attributes: AttributeWriter) -> Message {
    match header {
        Some(header) => Message::new(kind, NlmF::empty(), &header, attributes),
        None => Message::unwritable(kind, "its header cannot be written"),
    }
}

#[cfg(test)]
mod tests;
