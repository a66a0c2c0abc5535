//! What a server may answer to a check, driven through the whole machine: one check, one try.

use std::sync::Arc;

use base::{Duration, Instant};
use checkers::{Checkers, Input, Output, ProbeId, ServerState, Snapshot};
use control_plane::model::GroupNames;
use control_plane::model::checks::{Checker, CheckerKind};
use control_plane::model::lvs::{Lvs, Protocol, RealServer, ServiceAddress, VirtualServer};

/// More steps than one try may ever take.
const STEPS: usize = 100_000;

/// How the answer comes.
pub(crate) enum Cut {
    /// In pieces of so many bytes, then the connection is closed.
    Stream(usize),
    /// As datagrams, parted by this byte; the first two bytes of each become those of the question.
    Datagrams(u8),
}

/// One try of a check whose server answers this; what is known of the server after it.
pub(crate) fn answered(kind: CheckerKind, answer: &[u8], cut: &Cut) -> ServerState {
    let target = "127.0.0.2:80".parse().expect("an address");
    let check = Checker {
        delay_loop: Duration::from_secs(3),
        warmup: Duration::ZERO,
        ..Checker::new(kind)
    };
    let server = RealServer { checkers: vec![check], ..RealServer::new(target) };
    let address =
        ServiceAddress::Address { ip: target.ip(), port: target.port(), protocol: Protocol::Tcp };
    let service = VirtualServer { real_servers: vec![server], ..VirtualServer::new(address) };
    let config = Arc::new(Lvs { virtual_servers: vec![service], ..Lvs::default() });
    let mut out = Vec::new();
    let mut machine = Checkers::new(Instant::default(), &config, None, 1, &mut out);
    let now = machine.next_timeout().expect("the first check");
    machine.handle_input(now, Input::Timeout, &mut out);
    let mut run = Run { machine, now, probe: None, sent: Vec::new(), over: false };
    run.take(&mut out);
    let probe = run.probe.expect("a probe starts");
    run.input(Input::ProbeConnected { probe });
    match cut {
        Cut::Stream(size) => {
            for piece in answer.chunks((*size).max(1)) {
                run.input(Input::ProbeReceived { probe, bytes: piece });
            }
            run.input(Input::ProbeEnded { probe, error: None });
            assert!(run.over, "a closed connection ends a try");
        }
        Cut::Datagrams(part) => {
            for datagram in answer.split(|byte| byte == part) {
                let mut datagram = datagram.to_vec();
                if let (Some(first), Some(id)) = (datagram.get_mut(..2), run.sent.get(..2)) {
                    first.copy_from_slice(id);
                }
                run.input(Input::ProbeReceived { probe, bytes: &datagram });
            }
        }
    }
    let give_up = run.now + Duration::from_secs(60);
    for _ in 0..STEPS {
        let Some(at) = run.machine.next_timeout().filter(|at| !run.over && *at <= give_up) else {
            break;
        };
        run.now = at;
        run.input(Input::Timeout);
    }
    assert!(run.over, "a try ends in time");
    let Snapshot { mut servers, .. } = run.machine.snapshot();
    servers.pop_first().expect("one server").1
}

struct Run {
    machine: Checkers,
    now: Instant,
    probe: Option<ProbeId>,
    /// What was said to the server last.
    sent: Vec<u8>,
    over: bool,
}

impl Run {
    fn input(&mut self, input: Input<'_>) {
        let mut out = Vec::new();
        self.machine.handle_input(self.now, input, &mut out);
        self.take(&mut out);
    }

    fn take(&mut self, out: &mut Vec<Output>) {
        for output in std::mem::take(out) {
            match output {
                Output::StartProbe { probe, .. } if self.probe.is_none() => {
                    self.probe = Some(probe);
                }
                Output::Send { bytes, .. } => self.sent = bytes,
                Output::AbortProbe(probe) => self.over |= self.probe == Some(probe),
                Output::Search { probe, body, .. } => {
                    assert!(body.len() <= 1024 * 1024);
                    let found = Some(body.contains(&b'x'));
                    self.input(Input::Searched { probe, found });
                }
                Output::Log(event) => {
                    assert!(!event.named(&GroupNames::NONE).to_string().is_empty());
                }
                _ => {}
            }
        }
    }
}
