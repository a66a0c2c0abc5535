//! Entries of `unicast_peer`.

use crate::diagnostic::{Code, Diagnostic};
use crate::lang::Context;
use crate::model::vrrp::UnicastPeer;
use crate::parse::statement::Statement;
use crate::parse::value::{address, integer, pointless_prefix};

/// `ADDR [min_ttl N] [max_ttl N]`.
pub(super) fn peer(
    statement: &Statement<'_>,
    owner: &str,
    peers: &mut Vec<UnicastPeer>,
    ipv4: &mut Option<bool>,
    cx: &mut Context<'_>,
) {
    let Some(word) = statement.word(0) else { return };
    let problem = |code, message: String| Diagnostic::new(code, message).at(statement.place_of(0));
    if let Some(length) = pointless_prefix(word) {
        cx.report(length.at(statement.place_of(0)));
    }
    let Some(address) = address(word) else {
        let message = format!(
            "Configuration error: VRRP instance[{owner}] malformed unicast peer address[{word}]. \
             Skipping..."
        );
        cx.report(problem(Code::BadAddress, message).label("expected an IPv4 or IPv6 address"));
        return;
    };
    let is_ipv4 = address.is_ipv4();
    if *ipv4.get_or_insert(is_ipv4) != is_ipv4 {
        let message = format!(
            "Configuration error: VRRP instance[{owner}] and unicast peer address[{address}] MUST be \
             of the same family !!! Skipping..."
        );
        cx.report(problem(Code::BadAddress, message));
        return;
    }
    if peers.iter().any(|peer| peer.address == address) {
        let message = format!("({owner}) {address} - duplicate unicast_peer");
        cx.report(problem(Code::Duplicate, message));
        return;
    }
    let mut peer = UnicastPeer { address, min_ttl: 0, max_ttl: u8::MAX };
    hop_limits(&mut peer, statement, owner, cx);
    if peer.min_ttl > peer.max_ttl {
        let message = format!(
            "({owner}) {address} - min_ttl {} > max_ttl {} - all packets will be discarded",
            peer.min_ttl, peer.max_ttl
        );
        cx.report(problem(Code::Adjusted, message));
    }
    peers.push(peer);
}

/// What stands behind the address.
fn hop_limits(
    peer: &mut UnicastPeer,
    statement: &Statement<'_>,
    owner: &str,
    cx: &mut Context<'_>,
) {
    let mut at = 1;
    while let Some(option) = statement.word(at) {
        let slot = match option {
            "min_ttl" => &mut peer.min_ttl,
            "max_ttl" => &mut peer.max_ttl,
            _ => {
                let message =
                    format!("({owner}) unknown unicast_peer option '{option}' - ignoring");
                cx.report(Diagnostic::new(Code::BadEntry, message).at(statement.place_of(at)));
                break;
            }
        };
        let value = statement.word(at + 1).unwrap_or_default();
        match integer(value, 0, 255) {
            Ok(number) => *slot = u8::try_from(number).unwrap_or_default(),
            Err(problem) => {
                let outcome = format!("({owner}) {option} '{value}' invalid - ignoring");
                cx.report(problem.at(statement.place_of(at + 1)).outcome(outcome));
            }
        }
        at += 2;
    }
}
