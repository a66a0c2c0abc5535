//! A mail about something that happened. Machines decide that it is due and what it says; who gets
//! it, and from whom, is the configuration's.

use serde::{Deserialize, Serialize};

/// A mail that an object asks for (`smtp_alert`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mail {
    /// What kind of news it is.
    pub about: MailAbout,
    /// The subject, without the name of this node: `VRRP Instance VI_1 - Entering MASTER state`.
    pub subject: String,
    /// The text between keepalived's arrows: `VRRP Instance is now owning VRRP VIPs`.
    pub body: String,
}

/// Kinds of news, because a configuration may want some and not others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MailAbout {
    /// An object has another state.
    State,
    /// An instance or a group is in FAULT: not with `no_email_faults`.
    Fault,
    /// A check has another result and its server stays as it was: not with `no_checker_emails`.
    Check,
}
