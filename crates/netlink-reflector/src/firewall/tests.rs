use netlink::fake::{Asked, Fake, Queued, error, message};

use super::*;

const ENOENT: i32 = 2;

/// Types of nf_tables messages.
const NEWTABLE: u16 = 0xa00;
const GETTABLE: u16 = 0xa01;
const DELTABLE: u16 = 0xa02;
const NEWSETELEM: u16 = 0xa0c;
const DELSETELEM: u16 = 0xa0e;

/// Grants everything; without a table when it is asked for one.
fn grant(asked: &[Asked]) -> Vec<Queued> {
    let answers = asked.iter().filter(|asked| asked.wants_ack()).map(|asked| match asked.kind {
        GETTABLE => error(asked.sequence, ENOENT, None),
        _ => error(asked.sequence, 0, None),
    });
    answers.map(Ok).collect()
}

fn firewall(kernel: impl FnMut(&[Asked]) -> Vec<Queued> + 'static) -> Firewall<Fake> {
    Firewall::new(Fake::new(kernel), Options::default())
}

fn addresses(texts: &[&str]) -> BTreeSet<(IfIndex, IpAddr)> {
    texts.iter().map(|text| (IfIndex::new(2).unwrap(), text.parse().unwrap())).collect()
}

/// What was sent from the datagram `from` on, batch begin and end left out.
fn kinds(firewall: &Firewall<Fake>, from: usize) -> Vec<Vec<u16>> {
    let sent = firewall.engine.transport().sent[from..].iter();
    sent.map(|datagram| {
        datagram.iter().map(|asked| asked.kind).filter(|kind| *kind >= 0xa00).collect()
    })
    .collect()
}

/// Of a kernel that has a table of that name.
fn old_table(asked: &[Asked]) -> Vec<Queued> {
    match asked[0].kind {
        GETTABLE => {
            let sequence = asked[0].sequence;
            let found = message(NEWTABLE, 0, sequence, &[2, 0, 0, 0]);
            vec![Ok(found), Ok(error(sequence, 0, None))]
        }
        _ => grant(asked),
    }
}

#[test]
fn without_addresses_an_old_table_is_looked_for_once() {
    let mut firewall = firewall(grant);
    assert!(!firewall.reconcile(&BTreeSet::new(), &Vmacs::default()).unwrap());
    assert_eq!(kinds(&firewall, 0), [[GETTABLE], [GETTABLE]], "one for each family");
    assert!(!firewall.reconcile(&BTreeSet::new(), &Vmacs::default()).unwrap());
    assert_eq!(kinds(&firewall, 2), [] as [Vec<u16>; 0]);
}

#[test]
fn an_old_table_goes_when_there_are_no_addresses() {
    let mut firewall = firewall(old_table);
    assert!(firewall.reconcile(&BTreeSet::new(), &Vmacs::default()).unwrap());
    assert_eq!(kinds(&firewall, 0), [[GETTABLE], [DELTABLE], [GETTABLE], [DELTABLE]]);
}

#[test]
fn a_kernel_without_nf_tables_is_no_trouble_while_there_are_no_addresses() {
    let mut firewall = firewall(|asked| vec![Ok(error(asked[0].sequence, 22, None))]);
    assert!(!firewall.reconcile(&BTreeSet::new(), &Vmacs::default()).unwrap());
    let error = firewall.reconcile(&addresses(&["10.0.0.1"]), &Vmacs::default()).unwrap_err();
    assert!(error.to_string().starts_with("cannot carry out a batch of"), "{error}");
}

#[test]
fn a_change_touches_only_the_sets() {
    let mut firewall = firewall(grant);
    firewall
        .reconcile(&addresses(&["10.0.0.1", "10.0.0.2", "2001:db8::1"]), &Vmacs::default())
        .unwrap();
    let before = firewall.engine.transport().sent.len();
    let next = addresses(&["10.0.0.2", "10.0.0.3", "2001:db8::1", "fe80::1"]);
    assert!(firewall.reconcile(&next, &Vmacs::default()).unwrap());
    assert_eq!(kinds(&firewall, before), [[NEWSETELEM], [DELSETELEM], [NEWSETELEM]]);
    assert!(!firewall.reconcile(&next, &Vmacs::default()).unwrap());
}

#[test]
fn what_went_wrong_is_made_anew_the_next_time() {
    let mut lost = 0;
    let mut firewall = firewall(move |asked| {
        lost += usize::from(asked.len() > 1);
        if lost == 1 { vec![] } else { grant(asked) }
    });
    let drop = addresses(&["10.0.0.1"]);
    assert!(matches!(firewall.reconcile(&drop, &Vmacs::default()), Err(FirewallError::Netlink(_))));
    let before = firewall.engine.transport().sent.len();
    assert!(firewall.reconcile(&drop, &Vmacs::default()).unwrap());
    let again = &kinds(&firewall, before)[0];
    assert_eq!(again[..3], [NEWTABLE, DELTABLE, NEWTABLE], "in the place of what may be there");
}

#[test]
fn one_family_does_not_suffer_from_the_other() {
    let mut firewall = firewall(|asked| {
        let is_ipv4 = asked.get(1).is_some_and(|asked| asked.payload[0] == 2);
        if is_ipv4 { vec![Ok(error(asked[0].sequence, 95, None))] } else { grant(asked) }
    });
    let drop = addresses(&["10.0.0.1", "2001:db8::1"]);
    assert!(firewall.reconcile(&drop, &Vmacs::default()).is_err());
    assert_eq!(firewall.ipv4, Known::Nothing);
    assert!(matches!(&firewall.ipv6, Known::Present(present) if present.drop.len() == 1));
}

#[test]
fn a_table_of_which_nothing_is_known_goes_when_it_is_to_have_another_name() {
    let mut firewall = firewall(old_table);
    let other = Options { table: "other".to_owned(), ..Options::default() };
    firewall.configure(other.clone()).unwrap();
    assert_eq!(kinds(&firewall, 0), [[GETTABLE], [DELTABLE], [GETTABLE], [DELTABLE]]);
    firewall.configure(other).unwrap();
    assert_eq!(kinds(&firewall, 4), [] as [Vec<u16>; 0]);
}
