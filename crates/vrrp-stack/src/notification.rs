//! Scripts of the administrator that are told about states.

use std::fmt;

use base::{Mail, MailAbout, Priority};
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
    /// The mail that tells it, with `smtp_alert`.
    pub mail: Option<Mail>,
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
    /// One of the paths of its adverts is silent while another one is not.
    HeartbeatLost,
    /// That path speaks again.
    HeartbeatFound,
    /// Another node is master too, or holds an address of ours (`notify_split_brain`).
    SplitBrain,
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
            Self::HeartbeatLost => "HEARTBEAT_LOST",
            Self::HeartbeatFound => "HEARTBEAT_FOUND",
            Self::SplitBrain => "SPLIT_BRAIN",
        })
    }
}

impl NotifyState {
    /// Whether `notify` hears of it, as keepalived's does.
    const fn is_for_general_script(self) -> bool {
        !matches!(
            self,
            Self::MasterRxLowerPri | Self::MasterPriority | Self::BackupPriority | Self::SplitBrain
        )
    }
}

impl Notification {
    /// What FIFOs get: `INSTANCE "VI_1" MASTER 150`, with its end.
    pub fn line(&self) -> String {
        let Self { object, state, priority, .. } = self;
        format!("{} \"{}\" {state} {priority}\n", object.kind(), object.name())
    }

    /// Without scripts and mail.
    pub(crate) fn for_pipes(self) -> Self {
        Self { commands: Vec::new(), mail: None, ..self }
    }

    /// The notification of an instance's state.
    pub fn of_instance(config: &Instance, state: NotifyState, priority: Priority) -> Self {
        let object = NotifyObject::Instance(config.name.clone());
        let mail = config.smtp_alert.then(|| mail_of(&object, state)).flatten();
        let mut told = Self { mail, ..Self::new(object, &config.notify, state, priority.get()) };
        if state == NotifyState::SplitBrain {
            told.commands.extend(config.split_brain.notify.clone());
        }
        told
    }

    /// The notification of a group's state.
    pub fn of_group(config: &SyncGroup, state: NotifyState) -> Self {
        let object = NotifyObject::Group(config.name.clone());
        let mail = config.smtp_alert.then(|| mail_of(&object, state)).flatten();
        Self { mail, ..Self::new(object, &config.notify, state, 0) }
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
            NotifyState::MasterPriority
            | NotifyState::BackupPriority
            | NotifyState::HeartbeatLost
            | NotifyState::HeartbeatFound
            | NotifyState::SplitBrain => &None,
        };
        let arguments = [object.kind(), object.name(), &state.to_string(), &priority.to_string()]
            .map(String::from);
        let general = scripts.generic.clone().filter(|_| state.is_for_general_script());
        let generic = general.map(|mut command| {
            command.args.extend(arguments);
            command
        });
        let commands = own.iter().cloned().chain(generic).collect();
        Self { object, state, priority, commands, mail: None }
    }
}

/// What a mail says of a state, in keepalived's words; `None` for what is no state.
fn mail_of(object: &NotifyObject, state: NotifyState) -> Option<Mail> {
    let news = match state {
        NotifyState::Master | NotifyState::Backup | NotifyState::Fault => {
            format!("Entering {state} state")
        }
        NotifyState::Stop => "Stopping".to_owned(),
        NotifyState::Deleted => "Deleted".to_owned(),
        NotifyState::HeartbeatLost => "Heartbeat lost".to_owned(),
        NotifyState::HeartbeatFound => "Heartbeat found".to_owned(),
        NotifyState::SplitBrain => "Split brain".to_owned(),
        NotifyState::MasterRxLowerPri
        | NotifyState::MasterPriority
        | NotifyState::BackupPriority => return None,
    };
    let (kind, body) = match object {
        NotifyObject::Instance(_) => ("Instance", instance_body(state).to_owned()),
        NotifyObject::Group(_) => {
            ("Group", format!("All VRRP group instances are now in {state} state"))
        }
    };
    let about = if state == NotifyState::Fault { MailAbout::Fault } else { MailAbout::State };
    Some(Mail { about, subject: format!("VRRP {kind} {} - {news}", object.name()), body })
}

const fn instance_body(state: NotifyState) -> &'static str {
    match state {
        NotifyState::Master => "VRRP Instance is now owning VRRP VIPs",
        NotifyState::Stop => "VRRP Instance stopping",
        NotifyState::Deleted => "VRRP Deleted at reload",
        NotifyState::HeartbeatLost => "One path of the adverts is silent, another one is not",
        NotifyState::HeartbeatFound => "Adverts come by all paths again",
        NotifyState::SplitBrain => "Another node holds VRRP VIPs of this instance too",
        _ => "VRRP Instance is no longer owning VRRP VIPs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(state: NotifyState) -> Option<(String, String)> {
        let object = NotifyObject::Instance("VI_1".to_owned());
        mail_of(&object, state).map(|mail| (mail.subject, mail.body))
    }

    #[test]
    fn a_mail_says_what_keepalived_says() {
        let of = |subject: &str, body: &str| {
            Some((format!("VRRP Instance VI_1 - {subject}"), body.to_owned()))
        };
        let now = "VRRP Instance is now owning VRRP VIPs";
        let no_longer = "VRRP Instance is no longer owning VRRP VIPs";
        assert_eq!(words(NotifyState::Master), of("Entering MASTER state", now));
        assert_eq!(words(NotifyState::Backup), of("Entering BACKUP state", no_longer));
        assert_eq!(words(NotifyState::Fault), of("Entering FAULT state", no_longer));
        assert_eq!(words(NotifyState::Stop), of("Stopping", "VRRP Instance stopping"));
        assert_eq!(words(NotifyState::Deleted), of("Deleted", "VRRP Deleted at reload"));
    }

    #[test]
    fn what_is_no_state_sends_no_mail() {
        assert_eq!(words(NotifyState::MasterRxLowerPri), None);
        assert_eq!(words(NotifyState::MasterPriority), None);
    }

    #[test]
    fn a_fault_is_marked_as_one() {
        let group = NotifyObject::Group("G1".to_owned());
        let mail = mail_of(&group, NotifyState::Fault).unwrap();
        assert_eq!(mail.about, MailAbout::Fault);
        assert_eq!(mail.subject, "VRRP Group G1 - Entering FAULT state");
        assert_eq!(mail.body, "All VRRP group instances are now in FAULT state");
    }
}
