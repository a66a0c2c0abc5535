//! The kernel's IPVS synchronisation daemons, which follow an instance (`lvs_sync_daemon`).

use control_plane::Config;
use control_plane::model::global::Launch;
use control_plane::model::lvs;
use ipvs_wrapper::{Daemon, Role, SyncDaemons};
use netlink::Protocol;
use vrrp_stack::{Stack, State};

use crate::ipvs_place;

/// What was last asked of the kernel.
pub(super) struct SyncDaemon {
    kernel: Kernel,
    running: Vec<Daemon>,
}

/// The way to the kernel.
enum Kernel {
    /// Not needed so far.
    Here,
    /// In another network namespace, to which there is no way: why.
    None(String),
    Open(SyncDaemons<netlink::Socket>),
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
        Self { kernel, running: Vec::new() }
    }

    /// Brings the daemons to what the configuration and the state of its instance want; nothing is
    /// sent while that stays the same. What is refused is said, and tried again at the next change.
    pub(super) fn follow(&mut self, config: &Config, stack: &Stack) {
        let wanted = config.lvs.sync_daemon.as_ref().map(|daemon| wanted(daemon, stack));
        let wanted = wanted.unwrap_or_default();
        if wanted == self.running {
            return;
        }
        if let Err(error) = self.change(&wanted) {
            log::error!("IPVS: {error}");
        }
        self.running = wanted;
    }

    /// Stops what was started.
    pub(super) fn leave(&mut self) {
        if !self.running.is_empty() {
            self.running = Vec::new();
            if let Err(error) = self.change(&[]) {
                log::error!("IPVS: {error}");
            }
        }
    }

    fn change(&mut self, wanted: &[Daemon]) -> Result<(), String> {
        if let Kernel::Here = self.kernel {
            self.kernel = Kernel::Open(SyncDaemons::connect().map_err(|error| error.to_string())?);
        }
        let kernel = match &mut self.kernel {
            Kernel::Open(kernel) => kernel,
            Kernel::None(error) => return Err(format!("no sync daemon: {error}")),
            Kernel::Here => return Ok(()),
        };
        for refusal in kernel.reconcile(wanted).map_err(|error| error.to_string())? {
            log::error!("IPVS: {refusal}");
        }
        Ok(())
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
    use super::*;

    #[test]
    fn no_way_to_the_kernel_is_said_at_each_change() {
        let nowhere = Some("no-such-namespace".to_owned());
        let mut daemon = SyncDaemon::new(&Launch { ipvs_namespace: nowhere, ..Launch::default() });
        for _ in 0..2 {
            let error = daemon.change(&[]).unwrap_err();
            assert!(error.contains("net_namespace_ipvs no-such-namespace"), "{error}");
        }
    }
}
