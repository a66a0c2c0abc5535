//! Any bytes as the answer of a web server: the verdict does not depend on how they are cut.
//!
//! The first byte says what is wanted of the answer, the second how long the pieces are.

use crate::replies::{Cut, answered};
use control_plane::model::TcpCheck;
use control_plane::model::checks::{CheckerKind, HttpCheck, HttpVersion, Sni, Url, UrlRegex};

/// MD5 of `hello`.
const HELLO: [u8; 16] = [
    0x5d, 0x41, 0x40, 0x2a, 0xbc, 0x4b, 0x2a, 0x76, 0xb9, 0x71, 0x9d, 0x91, 0x10, 0x17, 0xc5, 0x92,
];

/// One run.
pub fn run(bytes: &[u8]) {
    let Some((&[wanted, size], answer)) = bytes.split_first_chunk::<2>() else { return };
    let url = Url {
        path: "/".to_owned(),
        digest: (wanted & 1 != 0).then_some(HELLO),
        regex: (wanted & 2 != 0)
            .then(|| UrlRegex { no_match: wanted & 4 != 0, ..UrlRegex::default() }),
        ..Url::default()
    };
    let check = HttpCheck {
        connect: TcpCheck::new("127.0.0.2:80".parse().expect("an address")),
        tls: false,
        virtualhost: None,
        version: HttpVersion::V1_1,
        sni: Sni::Off,
        fast_recovery: false,
        urls: vec![url],
    };
    let kind = || CheckerKind::Http(Box::new(check.clone()));
    let whole = answered(kind(), answer, &Cut::Stream(answer.len()));
    let pieces = answered(kind(), answer, &Cut::Stream(size.into()));
    assert_eq!(whole, pieces);
}
