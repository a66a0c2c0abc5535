//! Any bytes as datagrams of a name server, of an echoing UDP server, and of a host that is pinged.
//!
//! The first byte says of which, the second parts the datagrams.

use crate::replies::{Cut, answered};
use control_plane::model::TcpCheck;
use control_plane::model::checks::{CheckerKind, DnsCheck, UdpCheck};

/// One run.
pub fn run(bytes: &[u8]) {
    let Some((&[kind, part], answer)) = bytes.split_first_chunk::<2>() else { return };
    let connect = TcpCheck::new("127.0.0.2:53".parse().expect("an address"));
    let kind = match kind % 4 {
        0 | 1 => CheckerKind::Dns(Box::new(DnsCheck {
            connect,
            record_type: 6,
            name: "example.com".to_owned(),
        })),
        2 => CheckerKind::Udp(Box::new(UdpCheck {
            connect,
            payload: vec![1, 2],
            reply: Some(vec![(0x41, 0xff), (0x02, 0x0f)]),
            min_reply_length: 1,
            max_reply_length: 20,
        })),
        _ => CheckerKind::Ping(connect),
    };
    answered(kind, answer, &Cut::Datagrams(part));
}
