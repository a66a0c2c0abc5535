//! What the machine wants done.

use std::fmt;

use base::{Instant, Mail};
use control_plane::model::checks::UrlRegex;
use control_plane::model::{Command, TcpCheck};

use crate::event::Event;
use crate::snapshot::ObjectKey;

/// What one turn wants done, in this order. The caller empties it.
pub type Outputs = Vec<Output>;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Begin a probe; its result comes back as [`Input::ProbeDone`](crate::Input::ProbeDone).
    StartProbe {
        /// The name of this one probe, never used again.
        probe: ProbeId,
        /// What to do.
        spec: ProbeSpec,
        /// When the machine gives it up by itself, with an [`Output::AbortProbe`].
        deadline: Instant,
    },
    /// Say this to the server of a probe. A probe that ends meanwhile needs no more of it.
    Send {
        /// The probe of an [`Output::StartProbe`].
        probe: ProbeId,
        /// What to send; one datagram where the probe speaks in datagrams.
        bytes: Vec<u8>,
    },
    /// Search a body for its pattern; the answer comes back as
    /// [`Input::Searched`](crate::Input::Searched).
    Search {
        /// The probe of an [`Output::StartProbe`].
        probe: ProbeId,
        /// What to search for, and between which offsets.
        regex: UrlRegex,
        /// The body, at most 1 MiB of it.
        body: Vec<u8>,
    },
    /// End a probe; its result is no longer wanted.
    AbortProbe(ProbeId),
    /// Write a line about an object's new state to the pipes: [`state_line`](crate::state_line).
    Tell {
        /// Whose state it is.
        object: ObjectKey,
        /// The server is up, the service has its quorum.
        up: bool,
    },
    /// Run the scripts about an object's new state, after those about its earlier ones.
    Notify {
        /// Whose state it is.
        object: ObjectKey,
        /// The scripts, in this order.
        commands: Vec<Command>,
    },
    /// Send a mail.
    Mail(Mail),
    /// A line for the log.
    Log(Event),
}

/// The name of one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u64);

impl fmt::Display for ProbeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "probe {}", self.0)
    }
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeSpec {
    /// Open a TCP connection and close it again.
    Connect(TcpCheck),
    /// Open a way to the server, say so with [`Input::ProbeConnected`](crate::Input::ProbeConnected),
    /// then carry what either side says until [`Output::AbortProbe`].
    Talk {
        /// Where to, from and how.
        to: TcpCheck,
        /// The kind of way.
        over: Transport,
    },
    /// Run a script and end its process group with [`Output::AbortProbe`].
    Run(Command),
}

/// How a probe's bytes travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP connection.
    Tcp,
    /// TLS over TCP. Certificates are not verified.
    Tls {
        /// The server name to send (SNI).
        server_name: Option<String>,
        /// A connection that ends without `close_notify` is broken (`tls_compliant`).
        strict_close: bool,
    },
    /// UDP datagrams.
    Udp,
    /// ICMP or ICMPv6 messages, without the IP header.
    Icmp,
}
