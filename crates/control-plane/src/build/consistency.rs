//! Whether the settings of a virtual server and its servers fit each other: families, ports,
//! duplicates, quorum.

use std::collections::HashSet;

use super::late;
use super::real::RealDraft;
use super::server::{DEFAULT_PERSISTENCE, ServerDraft, SorryDraft, Target};
use crate::diagnostic::{Code, Diagnostic};
use crate::lang::Context;
use crate::model::lvs::{ForwardingMethod, Protocol};

impl ServerDraft {
    pub(super) fn report(&self, code: Code, message: String, cx: &mut Context<'_>) {
        cx.report(late(code, message, &self.place));
    }

    /// Whether a server may stay, whose block has ended: only a tunnel leads to another family. As
    /// in keepalived, the method that counts is the one that has been read by now.
    pub(super) fn takes_family(&mut self, real: &RealDraft, cx: &mut Context<'_>) -> bool {
        let method = real.method.or(self.method).unwrap_or_default().0;
        if method == ForwardingMethod::Tunnel {
            return true;
        }
        let address = real.address;
        let own = match self.target {
            Target::Address(own, _) => own.is_ipv6(),
            // Marks and groups have no family of their own: the first server gives them one.
            Target::Mark(_) | Target::Group(..) => {
                *self.ipv6.get_or_insert_with(|| address.is_ipv6())
            }
        };
        if own == address.is_ipv6() {
            return true;
        }
        let message = format!(
            "Address family of virtual server and real server {address} don't match - skipping \
             real server."
        );
        cx.report(Diagnostic::new(Code::BadAddress, message).at(real.address_place()));
        false
    }

    /// Everything was read: the family of the service, and whether the sorry server has it.
    pub(super) fn settle_family(&mut self, cx: &mut Context<'_>) {
        let own = match self.target {
            Target::Address(own, _) => Some(own.is_ipv6()),
            Target::Mark(_) | Target::Group(..) => self.ipv6,
        };
        let through_tunnel = |sorry: &SorryDraft| {
            sorry.method.or(sorry.around).unwrap_or_default().0 == ForwardingMethod::Tunnel
        };
        let misfit = self.sorry.take_if(|sorry| {
            !through_tunnel(sorry) && own.is_some_and(|own| own != sorry.address.is_ipv6())
        });
        if let Some(sorry) = misfit {
            let message = format!(
                "Address family of virtual server and sorry server {} don't match - skipping \
                 sorry server.",
                sorry.address
            );
            cx.report(Diagnostic::new(Code::BadAddress, message).at(sorry.place));
        }
        // Behind tunnels only: the kernel takes either, keepalived takes that of the first.
        let sorry = self.sorry.as_ref().filter(|sorry| !through_tunnel(sorry));
        let left = sorry.map(|sorry| sorry.address);
        let left = left.or_else(|| self.real_servers.first().map(|real| real.address));
        self.ipv6 = own.or_else(|| left.map(|address| address.is_ipv6()));
    }

    pub(super) fn check_settings(&mut self, cx: &mut Context<'_>) {
        if self.scheduler.is_none() {
            let message = format!("Virtual server {self}: no scheduler set, setting default 'wlc'");
            self.report(Code::Adjusted, message, cx);
        }
        if self.method.is_none() && self.real_servers.iter().any(|real| real.method.is_none()) {
            let message =
                format!("Virtual server {self}: no forwarding method set, setting default NAT");
            self.report(Code::Adjusted, message, cx);
        }
        if self.one_packet && self.protocol.is_some_and(|protocol| protocol != Protocol::Udp) {
            let message =
                format!("Virtual server {self}: one packet scheduling requires UDP - resetting");
            self.report(Code::Adjusted, message, cx);
            self.one_packet = false;
        }
        if matches!(self.target, Target::Address(_, 0)) && self.persistence.is_none() {
            let message = format!(
                "Virtual server {self}: zero port only valid for persistent services - setting"
            );
            self.report(Code::Adjusted, message, cx);
            self.persistence = Some(DEFAULT_PERSISTENCE);
        }
        if self.ha_suspend && matches!(self.target, Target::Mark(_)) {
            let message = format!(
                "Virtual server {self}: cannot use ha_suspend with fwmarks - clearing ha_suspend"
            );
            self.report(Code::Adjusted, message, cx);
            self.ha_suspend = false;
        }
        self.check_inhibit(cx);
        // The quorum is that of what is left, and two servers may become one by their ports.
        self.settle_ports(cx);
        self.drop_duplicates(cx);
        self.check_sorry_port(cx);
        self.check_quorum(cx);
    }

    /// A sorry server that is one of the real servers is inhibited as that one is.
    fn check_inhibit(&mut self, cx: &mut Context<'_>) {
        let Some(sorry) = &self.sorry else { return };
        let (address, port) = (sorry.address, sorry.port.unwrap_or(0));
        let same = |real: &&RealDraft| real.address == address && real.port.unwrap_or(0) == port;
        let Some(real) = self.real_servers.iter().find(same) else { return };
        let inhibit = real.inhibit.unwrap_or(self.inhibit);
        if inhibit == sorry.inhibit {
            return;
        }
        let done = if inhibit { "setting" } else { "clearing" };
        let message = format!(
            "Virtual server {self}: real server {} matches sorry server, but inhibit setting \
             differs, {done} on sorry server",
            self.real_name(real, port)
        );
        self.report(Code::Adjusted, message, cx);
        if let Some(sorry) = &mut self.sorry {
            sorry.inhibit = inhibit;
        }
    }

    fn drop_duplicates(&mut self, cx: &mut Context<'_>) {
        let mut seen = HashSet::with_capacity(self.real_servers.len());
        let mut written = HashSet::with_capacity(self.real_servers.len());
        let mut kept = Vec::with_capacity(self.real_servers.len());
        for real in std::mem::take(&mut self.real_servers) {
            let is_written_twice = !written.insert((real.address, real.port.unwrap_or(0)));
            if seen.insert((real.address, real.settled)) {
                kept.push(real);
                continue;
            }
            let server = self.real_name(&real, real.settled);
            let message =
                format!("VS {self}: real server {server} is duplicated - removing second rs");
            // keepalived compares what is written; the kernel then refuses the second.
            let code = if is_written_twice { Code::Duplicate } else { Code::Ineffective };
            cx.report(late(code, message, &real.place));
        }
        self.real_servers = kept;
    }

    /// DR and tunnels cannot change the port of a packet. What a group says of it, is known later.
    fn check_sorry_port(&mut self, cx: &mut Context<'_>) {
        let own = self.port();
        let Some(sorry) = &self.sorry else { return };
        let method = sorry.method.or(self.method).unwrap_or_default().0;
        let (Some(port), false) = (sorry.port, method == ForwardingMethod::Nat) else { return };
        let message = match self.target {
            Target::Address(..) if port != own => {
                format!(
                    "WARNING - virtual server {self} and sorry server ports don't match - resetting"
                )
            }
            Target::Mark(_) if port != 0 => {
                format!(
                    "WARNING - virtual server {self}, sorry server has port specified - clearing"
                )
            }
            _ => return,
        };
        self.report(Code::Adjusted, message, cx);
        if let Some(sorry) = &mut self.sorry {
            sorry.port = Some(own);
        }
    }

    fn check_quorum(&mut self, cx: &mut Context<'_>) {
        let weight = |real: &RealDraft| u64::from(real.weight.unwrap_or(self.weight));
        let total: u64 = self.real_servers.iter().map(weight).sum();
        if u64::from(self.quorum) > total {
            let message = format!(
                "Warning - quorum {} for {self} exceeds total weight of real servers {total}, \
                 reducing quorum to {total}",
                self.quorum
            );
            // A total of 0 is what administrators use to drain everything: not a mistake.
            if total > 0 {
                self.report(Code::Adjusted, message, cx);
            }
            self.quorum = u32::try_from(total).unwrap_or(u32::MAX).max(1);
        }
        if self.hysteresis >= self.quorum {
            let less = self.quorum.saturating_sub(1);
            let message = format!(
                "Virtual server {self}: hysteresis {} >= quorum {}; setting hysteresis to {less}",
                self.hysteresis, self.quorum
            );
            self.report(Code::Adjusted, message, cx);
            self.hysteresis = less;
        }
    }

    fn settle_ports(&mut self, cx: &mut Context<'_>) {
        let mut reals = std::mem::take(&mut self.real_servers);
        for real in &mut reals {
            real.settled = self.settled_port(real, cx);
        }
        self.real_servers = reals;
    }

    /// The port of a real server in IPVS. DR and tunnels cannot change the port of a packet.
    fn settled_port(&self, real: &RealDraft, cx: &mut Context<'_>) -> u16 {
        let own = self.port();
        let Some(port) = real.port else { return own };
        let method = real.method.or(self.method).unwrap_or_default().0;
        if method == ForwardingMethod::Nat {
            return if port == 0 { own } else { port };
        }
        let server = self.real_name(real, port);
        match self.target {
            Target::Address(..) if port != own => {
                let message = format!(
                    "WARNING - virtual server {self} and real server {server} ports don't match - \
                     resetting"
                );
                cx.report(late(Code::Adjusted, message, &real.place));
                own
            }
            Target::Mark(_) if port != 0 => {
                let message = format!(
                    "WARNING - fwmark virtual server {self}, real server {server} has port \
                     specified - clearing"
                );
                cx.report(late(Code::Adjusted, message, &real.place));
                0
            }
            _ => port,
        }
    }
}
