//! What the stack wants done.

use std::net::IpAddr;

use base::{Duration, IfIndex};
use control_plane::model::{Command, Witness};
use wire::{Family, MacAddress};

use crate::arbiter::ProbeId;
use crate::event::Event;
use crate::input::Packet;
use crate::notification::Notification;
use crate::script::RunId;

/// One thing to do. The driver's order within a turn: adverts, then the kernel is brought to
/// [`Stack::desired_addresses`](crate::Stack::desired_addresses), then announcements, then scripts,
/// then log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send an advert.
    SendAdvert(OutgoingAdvert),
    /// Send one gratuitous ARP (IPv4) or unsolicited neighbour advertisement (IPv6).
    Announce {
        /// On this interface.
        index: IfIndex,
        /// From its hardware address.
        mac: MacAddress,
        /// For this address.
        address: IpAddr,
    },
    /// Start a tracking script; tell its end with [`Input::ScriptExited`](crate::Input::ScriptExited).
    StartScript {
        /// Names this start.
        run: RunId,
        /// The script's name, for messages.
        name: String,
        /// What to run.
        command: Command,
    },
    /// Send a signal to the process group of a script.
    KillScript {
        /// Which start.
        run: RunId,
        /// Which signal.
        signal: KillSignal,
    },
    /// Ask a witness; tell its answer with [`Input::ProbeAnswered`](crate::Input::ProbeAnswered).
    Probe {
        /// Names this probe.
        probe: ProbeId,
        /// Whom to ask, and how.
        witness: Witness,
        /// Nobody waits for an answer after that.
        timeout: Duration,
    },
    /// Ask the neighbours whether anybody has an address of ours (RFC 5227 section 2.1.1; for IPv6
    /// RFC 4862 section 5.4.2).
    ProbeAddress {
        /// On this interface.
        index: IfIndex,
        /// From its hardware address.
        mac: MacAddress,
        /// For this address.
        address: IpAddr,
    },
    /// Tell the administrator's scripts about a state.
    Notify(Notification),
    /// Write a log line.
    Log(Event),
}

/// An advert, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingAdvert {
    /// The socket that it leaves by.
    pub socket: SocketKey,
    /// IPv4: the datagram with its header, for a socket with `IP_HDRINCL`. IPv6: the payload.
    pub datagram: Vec<u8>,
    /// Sender.
    pub source: IpAddr,
    /// Receiver: the multicast group, or a unicast peer.
    pub destination: IpAddr,
    /// TTL or hop limit; in IPv4 it stands in the datagram already.
    pub hop_limit: u8,
    /// Name of the instance.
    pub instance: String,
    /// The stack wants to hear that it left: [`Input::AdvertLeft`](crate::Input::AdvertLeft).
    pub leased: bool,
}

/// How a script is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillSignal {
    /// SIGTERM.
    Term,
    /// SIGKILL.
    Kill,
}

/// What one or several calls of [`Stack::handle_input`](crate::Stack::handle_input) asked for, in
/// that order. One input adds a bounded number of announcements; the rest is due at once.
pub type Outputs = Vec<Output>;

/// A socket that has to be open for adverts to be heard and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketKey {
    /// Interface, or VRF; [`Self::ANYWHERE`] for none.
    pub index: IfIndex,
    /// Family.
    pub family: Family,
    /// The multicast group that it joins; `None` is for unicast.
    pub group: Option<IpAddr>,
    /// 112 for VRRP, 51 for VRRP inside an authentication header.
    pub protocol: u8,
    /// Adverts leave by it from the address of another interface: that of a VMAC.
    pub foreign_source: bool,
}

impl SocketKey {
    /// Stands for no interface at all: nobody speaks VRRP on the loopback interface.
    pub const ANYWHERE: IfIndex = IfIndex::LOOPBACK;

    /// The interface, or VRF, that it is bound to.
    pub fn bound_to(&self) -> Option<IfIndex> {
        (self.index != Self::ANYWHERE).then_some(self.index)
    }

    /// Whether a packet that came out of this socket is meant for it. The kernel gives a unicast
    /// packet to every raw socket of the interface, so each takes its own.
    pub fn takes(&self, packet: &Packet<'_>) -> bool {
        let Some(destination) = packet.destination() else { return false };
        match self.group {
            Some(group) => destination == group,
            None => !destination.is_multicast(),
        }
    }
}
