//! Scripts of the administrator that are told about states.

use std::fmt;

use base::Priority;
use control_plane::model::vrrp::SyncGroup;
use control_plane::model::{Command, Instance, NotifyScripts};

/// A state to tell, and the commands that tell it, in the order in which they are started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Whose state.
    pub object: NotifyObject,
    /// Which state.
    pub state: NotifyState,
    /// Effective priority; 0 for groups.
    pub priority: u8,
    /// `notify_<state>`, then `notify` with its four arguments; none when nothing is configured.
    pub commands: Vec<Command>,
}

/// Whose state is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotifyObject {
    /// A `vrrp_instance`, by name.
    Instance(String),
    /// A `vrrp_sync_group`, by name.
    Group(String),
}

impl NotifyObject {
    /// keepalived's word for the kind: the generic script's first argument.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Instance(_) => "INSTANCE",
            Self::Group(_) => "GROUP",
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Instance(name) | Self::Group(name) => name,
        }
    }
}

/// A state as scripts know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotifyState {
    /// RFC 9568's Active.
    Master,
    /// RFC 9568's Backup.
    Backup,
    /// Something that it needs is missing.
    Fault,
    /// The daemon stops.
    Stop,
    /// A reload has removed the instance (`notify_deleted`).
    Deleted,
    /// It is MASTER and heard a lower priority (`notify_master_rx_lower_pri`).
    MasterRxLowerPri,
    /// Its effective priority changed while it was MASTER (`notify_priority_changes`; FIFOs only).
    MasterPriority,
    /// Its effective priority changed while it was BACKUP (`notify_priority_changes`; FIFOs only).
    BackupPriority,
}

/// keepalived's word, as scripts and FIFOs get it.
impl fmt::Display for NotifyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
            Self::Deleted => "DELETED",
            Self::MasterRxLowerPri => "MASTER_RX_LOWER_PRI",
            Self::MasterPriority => "MASTER_PRIORITY",
            Self::BackupPriority => "BACKUP_PRIORITY",
        })
    }
}

impl NotifyState {
    /// Whether `notify` hears of it, as keepalived's does.
    const fn is_for_general_script(self) -> bool {
        !matches!(self, Self::MasterRxLowerPri | Self::MasterPriority | Self::BackupPriority)
    }
}

impl Notification {
    /// What FIFOs get: `INSTANCE "VI_1" MASTER 150`, with its end.
    pub fn line(&self) -> String {
        let Self { object, state, priority, .. } = self;
        format!("{} \"{}\" {state} {priority}\n", object.kind(), object.name())
    }

    /// The notification of an instance's state.
    pub fn of_instance(config: &Instance, state: NotifyState, priority: Priority) -> Self {
        let object = NotifyObject::Instance(config.name.clone());
        Self::new(object, &config.notify, state, priority.get())
    }

    /// The notification of a group's state.
    pub fn of_group(config: &SyncGroup, state: NotifyState) -> Self {
        Self::new(NotifyObject::Group(config.name.clone()), &config.notify, state, 0)
    }

    fn new(
        object: NotifyObject,
        scripts: &NotifyScripts,
        state: NotifyState,
        priority: u8,
    ) -> Self {
        let own = match state {
            NotifyState::Master => &scripts.master,
            NotifyState::Backup => &scripts.backup,
            NotifyState::Fault => &scripts.fault,
            NotifyState::Stop => &scripts.stop,
            NotifyState::Deleted => &scripts.deleted,
            NotifyState::MasterRxLowerPri => &scripts.master_rx_lower_pri,
            NotifyState::MasterPriority | NotifyState::BackupPriority => &None,
        };
        let arguments = [object.kind(), object.name(), &state.to_string(), &priority.to_string()]
            .map(String::from);
        let general = scripts.generic.clone().filter(|_| state.is_for_general_script());
        let generic = general.map(|mut command| {
            command.args.extend(arguments);
            command
        });
        let commands = own.iter().cloned().chain(generic).collect();
        Self { object, state, priority, commands }
    }
}
