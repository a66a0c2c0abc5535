//! What can happen to the stack.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use base::{Duration, IfIndex, Sighting};
use control_plane::model::Vrrp;
use wire::MacAddress;

use crate::arbiter::ProbeId;
use crate::link::Link;
use crate::script::{ExitKind, RunId};

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// An interface appeared or changed.
    Link(Link),
    /// An interface is gone.
    LinkGone(IfIndex),
    /// A packet of VRRP's protocol came in on an interface.
    Packet {
        /// The interface.
        index: IfIndex,
        /// The packet.
        packet: Packet<'a>,
    },
    /// A script that was started has ended.
    ScriptExited {
        /// Which start it was, from [`Output::StartScript`](crate::Output::StartScript).
        run: RunId,
        /// How it ended.
        status: ExitKind,
    },
    /// These starts of scripts have ended, as the kernel says; how, is told with
    /// [`ScriptExited`](Self::ScriptExited) when there is time to learn it. Until then they are not late.
    ScriptsEnded(&'a BTreeSet<RunId>),
    /// The parent process has looked at a tracked file or process.
    Sighted(&'a Sighting),
    /// A probe of [`Output::Probe`](crate::Output::Probe) has its answer. Silence is told by nobody.
    ProbeAnswered {
        /// Which probe.
        probe: ProbeId,
        /// Whether the witness is what it should be.
        good: bool,
    },
    /// Somebody said by ARP or in a neighbour advertisement that he has an address, on an interface of
    /// [`Stack::heard_links`](crate::Stack::heard_links).
    Claimed {
        /// The interface.
        index: IfIndex,
        /// Who.
        mac: MacAddress,
        /// Which address.
        address: IpAddr,
    },
    /// The kernel took an advert of [`Output::SendAdvert`](crate::Output::SendAdvert).
    AdvertLeft {
        /// Name of the instance.
        instance: &'a str,
    },
    /// An address that somebody had removed was put back: neighbours are told again.
    AddressRepaired(IfIndex, IpAddr),
    /// `track_group`s that follow static entries of which some could not be put in place.
    StaticsMissing(&'a BTreeSet<String>),
    /// Of the addresses that `track_src_ip` names, of the old configuration or the new one, those
    /// that are there.
    Sources(&'a BTreeSet<(IfIndex, IpAddr)>),
    /// The wall clock, since 1970. Needed while an instance has `auth_hmac`, whenever it may have been
    /// set: before every other input, to be sure.
    WallClock(Duration),
    /// The time of [`Stack::next_timeout`](crate::Stack::next_timeout) has come.
    Timeout,
    /// Go on with another configuration.
    Reload(&'a Vrrp),
    /// Leave, for good: masters say so with priority 0.
    Stop,
}

/// A packet as a raw socket hands it over.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// The whole IPv4 datagram, header first.
    Ipv4(&'a [u8]),
    /// The payload of an IPv6 datagram; the kernel keeps the header and tells what was in it.
    Ipv6 {
        /// Sender.
        source: Ipv6Addr,
        /// Receiver.
        destination: Ipv6Addr,
        /// Hop limit on arrival.
        hop_limit: u8,
        /// The VRRP message.
        payload: &'a [u8],
    },
}

impl Packet<'_> {
    /// Where it was sent to; `None` when the bytes are no IPv4 datagram.
    pub fn destination(&self) -> Option<IpAddr> {
        match self {
            Self::Ipv4(bytes) => Some(wire::ipv4::parse(bytes)?.destination.into()),
            Self::Ipv6 { destination, .. } => Some((*destination).into()),
        }
    }
}
