//! From statements to the model. Blocks are collected as drafts while the file is read, in which
//! what was not said stays open; when everything has been read, defaults are filled in and the
//! checks across settings are made ([`finish`](Builder::finish)).

mod address;
mod check;
mod consistency;
mod daemon;
mod garp;
mod global;
mod group;
mod hmac;
mod host;
mod http;
mod instance;
mod real;
mod resolve;
mod route;
mod rule;
mod script;
mod security;
mod server;
mod server_group;
mod services;
mod split_brain;
mod track;
mod tracked;
mod unicast;
mod vmac;
mod words;

use crate::diagnostic::{Code, Diagnostic, Place};
use crate::keywords::{Block, Keyword};
use crate::lang::Context;
use crate::model::lvs::TlsClient;
use crate::model::{Arbiter, Command, Config};
use crate::parse::statement::Statement;
use crate::parse::value::Value;

use global::GlobalDraft;
use group::SyncGroupDraft;
use host::HostDraft;
use instance::InstanceDraft;
use script::ScriptDraft;
use server::ServerDraft;
use server_group::GroupDraft;
use services::Servers;
use split_brain::ArbiterDraft;
use tracked::{Tracked, TrackedDraft};

/// Collects what statements say.
#[derive(Default)]
pub(crate) struct Builder {
    global: GlobalDraft,
    tracked: Tracked,
    host: HostDraft,
    instances: Vec<InstanceDraft>,
    sync_groups: Vec<SyncGroupDraft>,
    servers: Servers,
    tls: TlsClient,
    arbiters: Vec<Arbiter>,
    /// The block that is open, outside of the lists above while it is.
    script: Option<ScriptDraft>,
    instance: Option<Box<InstanceDraft>>,
    sync_group: Option<SyncGroupDraft>,
    server: Option<Box<ServerDraft>>,
    server_group: Option<GroupDraft>,
    in_tracked: Option<TrackedDraft>,
    arbiter: Option<ArbiterDraft>,
}

impl Builder {
    /// The name of the block that is open, for messages.
    pub(crate) fn object(&self, block: Block) -> String {
        let name = match block {
            Block::Instance | Block::Authentication | Block::AuthHmac => {
                self.instance.as_ref().map(|draft| draft.name.clone())
            }
            Block::Script => self.script.as_ref().map(|draft| draft.name.clone()),
            Block::SyncGroup => self.sync_group.as_ref().map(|draft| draft.name.clone()),
            Block::TrackFile | Block::TrackProcess | Block::Bfd => {
                self.in_tracked.as_ref().map(|draft| draft.name().to_owned())
            }
            Block::Arbiter => self.arbiter.as_ref().map(|draft| draft.name.clone()),
            Block::TrackGroup => self.host.group.as_ref().map(|group| group.name.clone()),
            _ => self.server.as_ref().map(|draft| draft.innermost()),
        };
        name.unwrap_or_default()
    }

    /// A block begins. False when it cannot be used; it is skipped then.
    pub(crate) fn enter(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) -> bool {
        let name = statement.word(1).unwrap_or_default();
        match (statement.block, statement.keyword.name) {
            (Block::Root, "vrrp_instance") => return self.enter_instance(name, statement, cx),
            (Block::Root, "vrrp_script") => {
                self.script = Some(ScriptDraft::new(name, statement.place()));
            }
            (Block::Root, "vrrp_sync_group") => return self.enter_sync_group(name, statement, cx),
            (Block::Root, "virtual_server") => {
                let server = ServerDraft::open(statement, cx);
                self.server = server.map(|server| Box::new(self.servers.numbered(server)));
                return self.server.is_some();
            }
            (Block::Root, "virtual_server_group") => {
                self.server_group = Some(GroupDraft::new(name, statement.place_of(1)));
            }
            (
                Block::Root,
                "track_file" | "vrrp_track_file" | "vrrp_track_process" | "bfd_instance",
            ) => {
                self.in_tracked = TrackedDraft::open(statement, &self.tracked, cx);
                return self.in_tracked.is_some();
            }
            (Block::Root, "track_group" | "garp_group") => return self.host.enter(statement, cx),
            (Block::Root, "vrrp_arbiter") => {
                self.arbiter = Some(ArbiterDraft::new(name, statement.place_of(1)));
            }
            (Block::Instance, _) => {
                if let Some(draft) = &mut self.instance {
                    draft.enter(statement);
                }
            }
            (
                Block::Root
                | Block::GlobalDefs
                | Block::SyncGroup
                | Block::TrackGroup
                | Block::GarpGroup,
                _,
            ) => {}
            _ => return self.server.as_mut().is_some_and(|server| server.enter(statement, cx)),
        }
        true
    }

    fn enter_instance(
        &mut self,
        name: &str,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        if let Some(first) = self.instances.iter().find(|draft| draft.name == name) {
            let message = format!("vrrp instance {name} already defined");
            let problem = Diagnostic::new(Code::Duplicate, message).at(statement.place_of(1));
            cx.report(problem.related(first.place.clone(), "first defined here"));
            return false;
        }
        self.instance = Some(Box::new(InstanceDraft::new(name, statement.place_of(1))));
        true
    }

    fn enter_sync_group(
        &mut self,
        name: &str,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        if let Some(first) = self.sync_groups.iter().find(|draft| draft.name == name) {
            let message = format!("vrrp sync group {name} already defined");
            let problem = Diagnostic::new(Code::Duplicate, message).at(statement.place_of(1));
            cx.report(problem.related(first.place.clone(), "first defined here"));
            return false;
        }
        self.sync_group = Some(SyncGroupDraft::new(name, statement.place_of(1)));
        true
    }

    /// A keyword with its value.
    pub(crate) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        cx: &mut Context<'_>,
    ) {
        match statement.block {
            Block::Root => self.global.root(statement, value),
            Block::GlobalDefs => self.global.leaf(statement, value, cx),
            Block::Instance => {
                if let Some(draft) = &mut self.instance {
                    draft.leaf(statement, value, cx);
                }
            }
            Block::Authentication => {
                if let Some(draft) = &mut self.instance {
                    draft.authentication(statement, value, cx);
                }
            }
            Block::Script => {
                if let Some(draft) = &mut self.script {
                    draft.leaf(statement, value, cx);
                }
            }
            Block::AuthHmac => {
                if let Some(draft) = &mut self.instance {
                    draft.hmac(statement, &value, cx);
                }
            }
            Block::SyncGroup => {
                if let Some(draft) = &mut self.sync_group {
                    draft.leaf(statement, value, cx);
                }
            }
            Block::TrackFile | Block::TrackProcess | Block::Bfd => {
                if let Some(draft) = &mut self.in_tracked {
                    draft.leaf(statement, &value, cx);
                }
            }
            Block::GarpGroup => self.host.leaf(statement, &value, cx),
            Block::Arbiter => {
                if let Some(draft) = &mut self.arbiter {
                    draft.leaf(statement, &value, cx);
                }
            }
            Block::Ssl => match statement.keyword.name {
                "password" => self.tls.password = value.string(),
                "ca" => self.tls.ca = value.string(),
                "certificate" => self.tls.certificate = value.string(),
                _ => self.tls.key = value.string(),
            },
            _ => {
                if let Some(server) = &mut self.server {
                    server.leaf(statement, value, &self.tracked, cx);
                }
            }
        }
    }

    /// A keyword with a value that is no good; most keep their default.
    pub(crate) fn invalid(&mut self, statement: &Statement<'_>) {
        if let (Block::Instance, Some(draft)) = (statement.block, &mut self.instance) {
            draft.invalid(statement.keyword.name);
        }
    }

    /// An entry of a list.
    pub(crate) fn entry(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        match statement.block {
            Block::GlobalDefs => self.global.entry(statement),
            Block::Instance => {
                if let Some(draft) = &mut self.instance {
                    draft.entry(statement, &self.tracked, cx);
                }
            }
            Block::SyncGroup => {
                if let Some(draft) = &mut self.sync_group {
                    draft.entry(statement, &self.tracked, cx);
                }
            }
            Block::Root if statement.keyword.name == "virtual_server_group" => {
                if let Some(group) = &mut self.server_group {
                    group.entry(statement, cx);
                }
            }
            _ => self.host.entry(statement, cx),
        }
    }

    /// A block ends, after so many entries if it is a list.
    pub(crate) fn leave(
        &mut self,
        keyword: &'static Keyword,
        outside: Block,
        entries: usize,
        cx: &mut Context<'_>,
    ) {
        let name = keyword.name;
        if entries == 0 && self.empty_list(outside, name, cx) {
            return;
        }
        match (outside, name) {
            (Block::Root, "vrrp_instance") => {
                self.instances.extend(self.instance.take().map(|draft| *draft));
            }
            (Block::Root, "vrrp_script") => {
                let draft = self.script.take();
                self.tracked.scripts.extend(draft.and_then(|draft| draft.close(cx)));
            }
            (Block::Root, "vrrp_sync_group") => self.sync_groups.extend(self.sync_group.take()),
            (Block::Root, "virtual_server") => {
                if let Some(server) = self.server.take() {
                    self.servers.close(*server, &self.tracked, cx);
                }
            }
            (Block::Root, "virtual_server_group") => {
                if let Some(group) = self.server_group.take() {
                    self.servers.close_group(group, cx);
                }
            }
            (Block::Root, "track_group" | "garp_group") => self.host.leave(name, cx),
            (Block::Root, "vrrp_arbiter") => {
                let draft = self.arbiter.take();
                self.arbiters.extend(draft.and_then(|draft| draft.close(&self.arbiters, cx)));
            }
            (Block::Root, _) => {
                if let Some(draft) = self.in_tracked.take() {
                    draft.close(&mut self.tracked, cx);
                }
            }
            _ => {
                if let Some(server) = &mut self.server {
                    server.leave(name, cx);
                }
            }
        }
    }

    /// Lists that must not be empty. False when the block is none of these.
    fn empty_list(&self, outside: Block, name: &str, cx: &mut Context<'_>) -> bool {
        let message = match (outside, name) {
            (Block::GlobalDefs, "notification_email") => {
                "Warning - empty notification_email block".to_owned()
            }
            (Block::TrackGroup, _) => {
                format!("Warning - track group {} has empty group block", self.object(outside))
            }
            (Block::SyncGroup, "group") => {
                format!("Warning - sync group {} has empty group block", self.object(outside))
            }
            (Block::GarpGroup, _) => "Warning - empty garp_group interfaces block".to_owned(),
            _ => return false,
        };
        cx.report(Diagnostic::new(Code::Doubtful, message).late());
        true
    }

    /// Everything was read: defaults, references, checks across settings.
    pub(crate) fn finish(self, cx: &mut Context<'_>) -> Config {
        resolve::resolve(self, cx)
    }
}

/// A setting of which the first counts, and a second one is an error.
fn set_once<T>(
    slot: &mut Option<T>,
    value: Option<T>,
    again: impl FnOnce() -> Diagnostic,
    cx: &mut Context<'_>,
) {
    match (slot.is_some(), value) {
        (true, Some(_)) => cx.report(again()),
        (false, Some(value)) => *slot = Some(value),
        (_, None) => {}
    }
}

/// A script of which the first counts.
fn set_script(
    slot: &mut Option<Command>,
    value: Value<'_>,
    owner: &str,
    statement: &Statement<'_>,
    cx: &mut Context<'_>,
) {
    let kind = statement.keyword.name;
    let command = value.command();
    let words = |command: &Command| {
        let mut words = vec![command.program.as_str()];
        words.extend(command.args.iter().map(String::as_str));
        words.join(" ")
    };
    let text = command.as_ref().map(words).unwrap_or_default();
    let again = || {
        let message = format!("{owner}{kind} script already specified - ignoring {text}");
        Diagnostic::new(Code::Repeated, message).at(statement.place())
    };
    set_once(slot, command, again, cx);
}

/// A diagnostic about an object as a whole, found when everything had been read.
fn late(code: Code, message: String, place: &Place) -> Diagnostic {
    Diagnostic::new(code, message).at(place.clone()).late()
}
