//! A new configuration takes the place of the running one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::Instant;
use control_plane::model::Lvs;

use crate::build::{Built, Prior, build};
use crate::event::Event;
use crate::judge::Quorums;
use crate::layout::{Layout, Service};
use crate::machine::Checkers;
use crate::mail;
use crate::names::ServerId;
use crate::news::notify_server;
use crate::output::{Output, Outputs};
use crate::outside::file_names;
use crate::snapshot::Snapshot;

impl Checkers {
    /// What is the same by identity goes on undisturbed; see [`build`] for what that means.
    pub(crate) fn on_reload(&mut self, now: Instant, config: &Arc<Lvs>, out: &mut Outputs) {
        let known = self.snapshot();
        let prior = Prior::from_layout(&self.layout);
        let Built { layout, moved, ignored } = build(config, &prior, now, &mut self.jitter);
        let orphans = self.probes.renumber(|old| moved.get(&old).copied());
        self.script_runs.renumber(|old| moved.get(&old).copied());
        out.extend(orphans.into_iter().map(Output::AbortProbe));
        out.extend(ignored.into_iter().map(Output::Log));
        self.names = self.names_with(config);
        self.groups.clone_from(&config.groups);
        let old = std::mem::replace(&mut self.layout, layout);
        self.tell_withdrawals(&old, out);
        self.retire_unconfigured(&known, out);
        self.tell_turns(&old, out);
        self.file_names = file_names(config);
        self.judge_files(Quorums::Later, out);
        self.settle(now, out);
        self.report_difference(&known);
        self.start_waiting(now, out);
    }

    /// Say what the new lists lack or weigh otherwise, in the order of the old ones.
    fn tell_withdrawals(&self, old: &Layout, out: &mut Outputs) {
        let kept: BTreeMap<ServerId, u32> =
            self.layout.servers.iter().map(|one| (one.id(), one.weight)).collect();
        let services: BTreeSet<_> =
            self.layout.services.iter().map(|one| one.config.address).collect();
        for service in &old.services {
            let service_gone = !services.contains(&service.config.address);
            if service_gone {
                out.push(Output::Log(Event::ServiceGone(service.config.address)));
                if service.quorum.up {
                    mail::service_leaves(service, mail::REMOVING, &self.names, out);
                }
            }
            for server in old.servers.get(service.servers.clone()).unwrap_or_default() {
                let (id, from, active) = (server.id(), server.weight, server.is_up());
                match kept.get(&id) {
                    Some(&to) if to == from => {}
                    Some(&to) => {
                        out.push(Output::Log(Event::WeightChanged {
                            server: id,
                            from,
                            to,
                            active,
                        }));
                    }
                    None => {
                        if !service_gone {
                            out.push(Output::Log(Event::ServerGone(id)));
                        }
                        if server.is_present() {
                            let inhibited = !active;
                            out.push(Output::Log(Event::ServerWithdrawn { server: id, inhibited }));
                        }
                        if active {
                            mail::server_leaves(server, mail::REMOVING, &self.names, out);
                        }
                    }
                }
            }
        }
    }

    /// Say which servers went up or down because checks came or went.
    fn tell_turns(&self, old: &Layout, out: &mut Outputs) {
        let before: BTreeMap<ServerId, bool> =
            old.servers.iter().map(|one| (one.id(), one.is_up())).collect();
        for server in &self.layout.servers {
            let (id, inhibit) = (server.id(), server.config.inhibit_on_failure);
            match (before.get(&id), server.is_up()) {
                (Some(false), true) => {
                    out.push(Output::Log(Event::ServerAdded { server: id, inhibit }));
                    notify_server(server, out);
                }
                (Some(true), false) => {
                    out.push(Output::Log(Event::ServerRemoved { server: id, inhibit }));
                    notify_server(server, out);
                }
                _ => {}
            }
        }
    }

    /// What `known` has and the configuration lacks is ours until the kernel has lost it.
    pub(crate) fn retire_unconfigured(&mut self, known: &Snapshot, out: &mut Outputs) {
        let services: BTreeSet<_> =
            self.layout.services.iter().map(|one| one.config.address).collect();
        let servers: BTreeSet<_> = self.layout.servers.iter().map(|one| one.id()).collect();
        for &id in known.servers.keys().filter(|id| !servers.contains(id)) {
            self.pool.retire_destination(id);
            self.unreported.servers.insert(id, None);
        }
        self.retire_sorry_servers(known, out);
        let gone = |id: &&_| !services.contains(id);
        let of_servers: BTreeSet<_> = known.servers.keys().map(|id| id.service).collect();
        for &id in known.services.keys().chain(&of_servers).filter(gone) {
            self.pool.retire_service(id);
            self.unreported.services.insert(id, None);
        }
    }

    /// A sorry server that is configured no longer is ours until the kernel has lost it.
    fn retire_sorry_servers(&mut self, known: &Snapshot, out: &mut Outputs) {
        let layout = &self.layout;
        let sorry = layout.services.iter().filter_map(Service::sorry_id);
        let configured: BTreeSet<_> =
            layout.servers.iter().map(|one| one.id()).chain(sorry).collect();
        for (&service, state) in &known.services {
            let Some(address) = state.sorry_server else { continue };
            let server = ServerId { service, server: address };
            if configured.contains(&server) {
                continue;
            }
            self.pool.retire_destination(server);
            if !state.quorum_up {
                out.push(Output::Log(Event::SorryServerRemoved { server, inhibit: false }));
            }
        }
    }

    /// Tell the parent what a reload made other than `known`.
    fn report_difference(&mut self, known: &Snapshot) {
        for server in &self.layout.servers {
            let state = self.layout.server_state(server);
            if known.servers.get(&server.id()) != Some(&state) {
                self.unreported.servers.insert(server.id(), Some(state));
            }
        }
    }
}
