//! `global_defs`.

use base::Duration;
use serde::{Deserialize, Serialize};

use super::ScriptUser;

/// Settings of `global_defs` that outlive the defaults they give to other blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Global {
    /// `router_id`: how this node is called in mail and dumps.
    pub router_id: Option<String>,
    /// Mail settings, kept for the alerts that name them.
    pub mail: Mail,
    /// `script_user`, `enable_script_security`.
    pub scripts: ScriptSecurity,
}

/// `notification_email`, `smtp_server` and their kin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// `notification_email`: recipients.
    pub to: Vec<String>,
    /// `notification_email_from`.
    pub from: Option<String>,
    /// `smtp_server`, as written: a host name or an address, with its port.
    pub server: Option<(String, u16)>,
    /// `smtp_connect_timeout`; `None` is 30 s.
    pub connect_timeout: Option<Duration>,
}

/// Who runs scripts, and how careful the daemon is about them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptSecurity {
    /// `script_user`; `None`: `keepalived_script` if that user exists, else root.
    pub user: Option<ScriptUser>,
    /// `enable_script_security`: a script that others may change is not run as root.
    pub enforce: bool,
}
