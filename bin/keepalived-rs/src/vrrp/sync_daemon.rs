//! The kernel's IPVS synchronisation daemons, which follow an instance (`lvs_sync_daemon`).

use base::Instant;
use control_plane::Config;
use control_plane::model::global::Launch;
use control_plane::model::lvs;
use ipvs_wrapper::{Daemon, Error, Role, SyncDaemons};
use netlink::Protocol;
use vrrp_stack::{Stack, State};

use crate::convergence::Convergence;
use crate::ipvs_place;

/// The kernel's daemons, and what is wanted of them.
pub(super) struct SyncDaemon {
    kernel: Kernel,
    course: Course,
}

/// The way to the kernel.
enum Kernel {
    /// Not needed so far.
    Here,
    /// In another network namespace, to which there is no way: why.
    None(String),
    Open(SyncDaemons<netlink::Socket>),
}

/// When the kernel is asked for what. Pure.
#[derive(Default)]
struct Course {
    wanted: Vec<Daemon>,
    /// Daemons of ours, or of a predecessor, may be running: without a wish they are to be stopped.
    may_run: bool,
    state: Convergence,
}

impl Course {
    /// Whether the kernel is to be brought to these daemons now.
    fn is_due(&mut self, now: Instant, wanted: Vec<Daemon>) -> bool {
        if wanted != self.wanted {
            self.wanted = wanted;
            self.state.disturbed();
        }
        (self.may_run || !self.wanted.is_empty()) && self.state.is_due(now, 0)
    }

    /// It was asked, and refused so much; what of it is worth a line.
    fn asked(&mut self, now: Instant, refused: Vec<String>) -> &[String] {
        self.may_run = !self.wanted.is_empty() || !refused.is_empty();
        self.state.compared(now, 0, refused)
    }

    /// When to ask again although nothing has changed.
    fn next_timeout(&self) -> Option<Instant> {
        self.state.next_timeout()
    }
}

impl SyncDaemon {
    /// To be called before the process gives up its privileges.
    pub(super) fn new(launch: &Launch) -> Self {
        let kernel = if launch.ipvs_namespace.is_some() {
            let socket = ipvs_place::socket(launch, Protocol::Generic);
            socket.map_or_else(Kernel::None, |socket| Kernel::Open(SyncDaemons::over(socket)))
        } else {
            Kernel::Here
        };
        Self { kernel, course: Course::default() }
    }

    /// A predecessor went by this configuration.
    pub(super) fn resume(&mut self, config: &Config) {
        self.course.may_run = config.lvs.sync_daemon.is_some();
    }

    /// Brings the daemons to what the configuration and the state of its instance want; nothing is
    /// sent while that stays the same. What is refused is said once, and tried again each second.
    pub(super) fn follow(&mut self, now: Instant, config: &Config, stack: &Stack) {
        let wanted = config.lvs.sync_daemon.as_ref().map(|daemon| wanted(daemon, stack));
        if self.course.is_due(now, wanted.unwrap_or_default()) {
            self.change(now);
        }
    }

    /// When [`Self::follow`] is to be called although nothing has changed.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.course.next_timeout()
    }

    /// Stops what was started.
    pub(super) fn leave(&mut self, now: Instant) {
        if self.course.is_due(now, Vec::new()) {
            self.change(now);
        }
    }

    fn change(&mut self, now: Instant) {
        let refused =
            self.kernel.reconcile(&self.course.wanted).unwrap_or_else(|error| vec![error]);
        for refusal in self.course.asked(now, refused) {
            log::error!("IPVS: {refusal}");
        }
    }
}

impl Kernel {
    /// What was refused of it.
    fn reconcile(&mut self, wanted: &[Daemon]) -> Result<Vec<String>, String> {
        if let Self::Here = self {
            *self = Self::Open(SyncDaemons::connect().map_err(|error| error.to_string())?);
        }
        let kernel = match self {
            Self::Open(kernel) => kernel,
            Self::None(error) => return Err(format!("no sync daemon: {error}")),
            Self::Here => return Ok(Vec::new()),
        };
        match kernel.reconcile(wanted) {
            Ok(refused) => Ok(refused.iter().map(ToString::to_string).collect()),
            // Nothing runs in a kernel without IPVS.
            Err(Error::NoIpvs) if wanted.is_empty() => Ok(Vec::new()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Master with a master, backup with anything else that lives, both without an instance.
fn wanted(config: &lvs::SyncDaemon, stack: &Stack) -> Vec<Daemon> {
    let daemon = |role, id| Daemon {
        role,
        interface: config.interface.clone(),
        id,
        max_length: config.max_length,
        port: config.port,
        ttl: config.ttl,
        group: config.group,
    };
    let Some(name) = &config.instance else {
        let id = config.id.unwrap_or(0);
        return vec![daemon(Role::Master, id), daemon(Role::Backup, id)];
    };
    let Some(router) = stack.routers().iter().find(|router| router.config().name == *name) else {
        return Vec::new();
    };
    let role = match router.state() {
        State::Stopped | State::Init => return Vec::new(),
        state if state.is_master() => Role::Master,
        _ => Role::Backup,
    };
    vec![daemon(role, config.id.unwrap_or_else(|| router.config().vrid.get()))]
}

#[cfg(test)]
mod tests {
    use base::Duration;

    use super::*;

    const T0: Instant = Instant::from_micros(0);

    fn master() -> Vec<Daemon> {
        let daemon = Daemon {
            role: Role::Master,
            interface: "eth0".to_owned(),
            id: 7,
            max_length: None,
            port: None,
            ttl: None,
            group: None,
        };
        vec![daemon]
    }

    #[test]
    fn what_was_refused_is_tried_again_each_second_and_said_once() {
        let mut course = Course::default();
        assert!(course.is_due(T0, master()));
        assert_eq!(course.asked(T0, vec!["no".to_owned()]), ["no"]);
        assert!(!course.is_due(T0, master()));
        let later = course.next_timeout().unwrap();
        assert_eq!(later, T0 + Duration::from_secs(1));
        assert!(course.is_due(later, master()));
        assert_eq!(course.asked(later, vec!["no".to_owned()]), [] as [&str; 0]);
        let later = course.next_timeout().unwrap();
        assert!(course.is_due(later, master()));
        course.asked(later, Vec::new());
        assert_eq!(course.next_timeout(), None);
        assert!(!course.is_due(later, master()));
    }

    #[test]
    fn the_kernel_is_not_asked_for_nothing_unless_a_predecessor_may_have_left_something() {
        let mut course = Course::default();
        assert!(!course.is_due(T0, Vec::new()));
        course.may_run = true;
        assert!(course.is_due(T0, Vec::new()));
        course.asked(T0, Vec::new());
        assert!(!course.is_due(T0, Vec::new()));
        assert!(course.is_due(T0, master()));
        course.asked(T0, Vec::new());
        assert!(course.is_due(T0, Vec::new()), "what was started is stopped");
    }

    #[test]
    fn no_way_to_the_kernel_is_a_refusal() {
        let nowhere = Some("no-such-namespace".to_owned());
        let mut daemon = SyncDaemon::new(&Launch { ipvs_namespace: nowhere, ..Launch::default() });
        let error = daemon.kernel.reconcile(&master()).unwrap_err();
        assert!(error.contains("net_namespace_ipvs no-such-namespace"), "{error}");
        assert!(daemon.course.is_due(T0, master()));
        daemon.change(T0);
        assert!(daemon.next_timeout().is_some());
    }
}
