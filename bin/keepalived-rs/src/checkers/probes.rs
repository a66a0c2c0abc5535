//! The probes that are on their way: one socket each, until the kernel has decided.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use checkers::{Outcome, ProbeId, ProbeSpec};
use scheduler::{Interest, Scheduler, Token};
use sys::tcp::{Connect, connect_result, connect_start};

/// Sockets of probes that are undecided.
pub(super) struct Probes {
    by_token: HashMap<Token, (ProbeId, OwnedFd)>,
    tokens: HashMap<ProbeId, Token>,
}

impl Probes {
    pub(super) fn new() -> Self {
        Self { by_token: HashMap::new(), tokens: HashMap::new() }
    }

    /// Begins a probe. What the kernel knows at once comes back at once.
    pub(super) fn start(
        &mut self,
        probe: ProbeId,
        spec: &ProbeSpec,
        scheduler: &mut Scheduler,
    ) -> Option<Outcome> {
        let started = connection(spec)
            .and_then(|wanted| connect_start(&wanted))
            .and_then(|socket| Ok((scheduler.register(socket.as_fd(), Interest::Write)?, socket)));
        match started {
            Ok((token, socket)) => {
                self.by_token.insert(token, (probe, socket));
                self.tokens.insert(probe, token);
                None
            }
            Err(error) => {
                log::debug!("{probe}: {error}");
                Some(Outcome::Failed)
            }
        }
    }

    /// What the kernel has decided about the probe behind `token`, if it is one of ours.
    pub(super) fn decided(
        &mut self,
        token: Token,
        scheduler: &mut Scheduler,
    ) -> Option<(ProbeId, Outcome)> {
        let (probe, socket) = self.by_token.remove(&token)?;
        scheduler.deregister(token);
        self.tokens.remove(&probe);
        let outcome = match connect_result(socket.as_fd()) {
            Ok(()) => Outcome::Connected,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Outcome::TimedOut,
            Err(_) => Outcome::Failed,
        };
        Some((probe, outcome))
    }

    /// Gives a probe up.
    pub(super) fn abort(&mut self, probe: ProbeId, scheduler: &mut Scheduler) {
        if let Some(token) = self.tokens.remove(&probe) {
            scheduler.deregister(token);
            self.by_token.remove(&token);
        }
    }
}

fn connection(spec: &ProbeSpec) -> io::Result<Connect> {
    let ProbeSpec::TcpConnect { target, bind, bind_interface, mark } = spec;
    let interface = match bind_interface {
        Some(name) => Some(sys::interface_index(name)?),
        None => None,
    };
    Ok(Connect { target: *target, bind: *bind, interface, fwmark: (*mark != 0).then_some(*mark) })
}
