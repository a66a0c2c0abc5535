use super::*;

fn route(last: u8) -> Object {
    let net = format!("192.168.{last}.0/24").parse().unwrap();
    Object::Route(Box::new(Route { destination: Some(net), table: 254, ..Route::default() }))
}

fn rule(priority: u32) -> Object {
    Object::Rule(Box::new(Rule { priority, ..Rule::default() }))
}

/// What has to be done, in words.
fn plan(ledger: &Ledger, managed: &[Object], desired: &[Object]) -> Vec<String> {
    let (first, last) = ledger.difference(managed, desired, &[]);
    first.iter().chain(&last).map(ObjectRequest::to_string).collect()
}

fn carry_out(ledger: &mut Ledger, managed: &[Object], desired: &[Object]) {
    let (first, last) = ledger.difference(managed, desired, &[]);
    for request in first.iter().chain(&last) {
        assert!(ledger.account(request, None));
    }
}

#[test]
fn rules_go_before_routes_and_what_comes_keeps_its_order() {
    let ledger = Ledger::default();
    let managed = [route(1), rule(5), route(2), route(3), rule(6)];
    assert_eq!(
        plan(&ledger, &managed, &[route(3), route(2), rule(6)]),
        [
            "remove rule 5: from all nop",
            "remove route 192.168.1.0/24",
            "add route 192.168.3.0/24",
            "add route 192.168.2.0/24",
            "add rule 6: from all nop",
        ]
    );
}

#[test]
fn nothing_is_asked_for_twice() {
    let mut ledger = Ledger::default();
    let (managed, desired) = ([route(1), route(2)], [route(2)]);
    carry_out(&mut ledger, &managed, &desired);
    assert_eq!(plan(&ledger, &managed, &desired), [""; 0]);
}

#[test]
fn what_was_added_goes_also_when_nobody_names_it_any_longer() {
    let mut ledger = Ledger::default();
    carry_out(&mut ledger, &[route(1)], &[route(1)]);
    assert_eq!(plan(&ledger, &[], &[]), ["remove route 192.168.1.0/24"]);
    carry_out(&mut ledger, &[], &[]);
    ledger.forget(&[]);
    assert_eq!(ledger, Ledger::default());
}

#[test]
fn what_is_in_doubt_is_added_again() {
    let mut ledger = Ledger::default();
    carry_out(&mut ledger, &[], &[route(1), rule(5)]);
    assert!(ledger.doubt(|object| matches!(object, Object::Rule(_))));
    assert_eq!(plan(&ledger, &[], &[route(1), rule(5)]), ["add rule 5: from all nop"]);
    assert!(!ledger.doubt(|object| matches!(object, Object::Rule(_))), "already in doubt");
}

#[test]
fn what_is_there_or_gone_already_is_no_failure_and_all_else_is() {
    let mut ledger = Ledger::default();
    assert!(ledger.account(&ObjectRequest::Add(route(1)), Some(EEXIST)));
    assert!(ledger.account(&ObjectRequest::Remove(route(2)), Some(ESRCH)));
    assert!(ledger.account(&ObjectRequest::Remove(rule(2)), Some(ENOENT)));
    assert!(!ledger.account(&ObjectRequest::Add(route(3)), Some(101)));
    assert!(!ledger.account(&ObjectRequest::Remove(route(1)), Some(1)));
    let plan = plan(&ledger, &[], &[route(1), route(3)]);
    assert_eq!(plan, ["add route 192.168.3.0/24"]);
}

#[test]
fn what_is_left_alone_is_neither_removed_nor_added_again() {
    let mut ledger = Ledger::default();
    let both = [route(1), route(2)];
    carry_out(&mut ledger, &both, &both);
    ledger.doubt(|_| true);
    let (first, last) = ledger.difference(&both[..1], &both[..1], &both[1..]);
    assert_eq!((first.len(), last.len()), (0, 1), "the one that is not left alone is added again");
    let (first, _) = ledger.difference(&both, &[], &[]);
    assert_eq!(first.len(), 2, "in the end both go");
}

/// `ttl-propagate`: what the kernel's IPv4 and IPv6 tables take and forget, and those of MPLS keep.
#[test]
fn the_message_of_a_route_says_whether_mpls_passes_the_hop_limit_on() {
    const TTL_PROPAGATE: u16 = 26;
    let attribute = |value: u8| {
        let head = [5u16.to_ne_bytes(), TTL_PROPAGATE.to_ne_bytes()].concat();
        [head, vec![value]].concat()
    };
    let says = |ttl_propagate, value| {
        let route = Route { table: 254, ttl_propagate, ..Route::default() };
        let message = route.addition();
        message.payload().unwrap().windows(5).any(|part| part == attribute(value))
    };
    assert!(says(Some(false), 0) && !says(Some(false), 1));
    assert!(says(Some(true), 1));
    assert!(!says(None, 0) && !says(None, 1));
}
