//! Any bytes as what a mail server says: the verdict does not depend on how they are cut.
//!
//! The first byte says how long the pieces are.

use crate::replies::{Cut, answered};
use control_plane::model::TcpCheck;
use control_plane::model::checks::{CheckerKind, SmtpCheck};

/// One run.
pub fn run(bytes: &[u8]) {
    let Some((&size, answer)) = bytes.split_first() else { return };
    let kind = || {
        CheckerKind::Smtp(Box::new(SmtpCheck {
            connect: TcpCheck::new("127.0.0.2:25".parse().expect("an address")),
            helo_name: "fuzz".to_owned(),
        }))
    };
    let whole = answered(kind(), answer, &Cut::Stream(answer.len()));
    let pieces = answered(kind(), answer, &Cut::Stream(size.into()));
    assert_eq!(whole, pieces);
}
