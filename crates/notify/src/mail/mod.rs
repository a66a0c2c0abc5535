//! Mails to the administrator. Pure.
//!
//! One helper process sends what waits, oldest first, then ends. So a relay that is slow or dead
//! costs nobody anything but that process, mails arrive in the order of their events, and there is
//! never more than one connection.
//!
//! - [`Settings`]: to whom, from whom, through which relay
//! - [`MailQueue`]: when a helper starts, and with what
//! - [`text`]: how a mail reads

mod queue;
mod settings;
pub mod text;

use base::Mail;
use serde::{Deserialize, Serialize};

pub use queue::{Input, MAX_BATCH, MAX_WAITING, MailQueue, Output, Outputs, PATIENCE, RunId};
pub use settings::{Host, Mailbox, Settings};

/// What a helper process is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// By whom and to whom.
    pub settings: Settings,
    /// At most [`MAX_BATCH`], in this order.
    pub mails: Vec<Mail>,
}
