//! `vrrp_strict`, `strict_mode`: what an instance may not say then, and what it means without a word.

use base::{Duration, Priority};

use super::instance::report;
use crate::build::instance::InstanceDraft;
use crate::diagnostic::Code;
use crate::lang::Context;
use crate::model::vrrp::HmacMode;

/// Corrects a strict instance; false when there is none to be. What only one other function looks at
/// is corrected there.
pub(super) fn enforce(draft: &mut InstanceDraft, priority: Priority, cx: &mut Context<'_>) -> bool {
    if speaks_unicast(draft, cx) {
        let text = "Unicast peers are not supported in strict mode";
        report(draft, draft.unicast_place.as_ref(), Code::Incomplete, text, cx);
        return false;
    }
    // Whoever hears a lower master is silent (RFC 9568 section 6.4.3 knows no such answer).
    let garp = &draft.garp;
    let wrong = [
        (
            garp.lower_prio_repeat.is_some_and(|count| count > 0),
            "Strict mode requires no repeat garps. resetting",
        ),
        (
            garp.lower_prio_delay.is_some_and(|delay| !delay.is_zero()),
            "Strict mode requires no repeat garp delay. resetting",
        ),
        (
            draft.lower_prio_no_advert == Some(false),
            "Strict mode requires no lower priority advert. resetting",
        ),
        (
            draft.higher_prio_send_advert == Some(true),
            "strict mode requires higher_prio_send_advert to be clear. resetting",
        ),
    ];
    for (_, text) in wrong.into_iter().filter(|(is_wrong, _)| *is_wrong) {
        report(draft, None, Code::Adjusted, text, cx);
    }
    draft.garp.lower_prio_repeat = Some(0);
    draft.garp.lower_prio_delay = Some(Duration::ZERO);
    draft.lower_prio_no_advert = Some(true);
    draft.higher_prio_send_advert = Some(false);
    if priority.is_owner() && draft.owner_ignore.is_none() {
        draft.owner_ignore = Some((true, draft.place.clone()));
    }
    if let Some(hmac) = &mut draft.hmac
        && std::mem::replace(&mut hmac.mode, HmacMode::Enforce) != HmacMode::Enforce
    {
        let place = hmac.place.clone();
        let text = "strict mode requires auth_hmac mode enforce. resetting";
        report(draft, Some(&place), Code::Adjusted, text, cx);
    }
    true
}

/// To peers, although its interface can reach a group.
fn speaks_unicast(draft: &InstanceDraft, cx: &Context<'_>) -> bool {
    let interface = draft.interface.as_ref().map(|(name, _)| name);
    let silent = interface.is_some_and(|name| cx.options.without_multicast.contains(name));
    !silent && (!draft.unicast.peers.is_empty() || draft.unicast.fault_without_peer)
}

/// The first IPv6 address of an instance is link-local (RFC 9568 section 5.2.9).
pub(super) fn check_first_address(draft: &InstanceDraft, strict: bool, cx: &mut Context<'_>) {
    let first = draft.addresses.first().map(|first| first.net.addr());
    if strict
        && matches!(first, Some(std::net::IpAddr::V6(first)) if !first.is_unicast_link_local())
    {
        let text = "the first IPv6 VIP address must be link local";
        report(draft, None, Code::Adjusted, text, cx);
    }
}
