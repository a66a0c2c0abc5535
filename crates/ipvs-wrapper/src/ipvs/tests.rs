use netlink::fake::{Asked, Fake, Queued, attribute, done, error, message};
use proptest::prelude::*;

use super::*;
use crate::request::command;
use crate::table::{Destination, Forwarding, Protocol, Service, ServiceKey};

const GENL_ID_CTRL: u16 = 0x10;
const IPVS: u16 = 28;

fn genl(command: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
    [vec![command, 1, 0, 0], attributes.concat()].concat()
}

/// Answers what every start asks: family, version, an empty table. `None` for anything else.
fn start(asked: &Asked, version: u32) -> Option<Vec<Queued>> {
    let sequence = asked.sequence;
    let one = |kind, payload: Vec<u8>| {
        Some(vec![Ok(message(kind, 0, sequence, &payload)), Ok(error(sequence, 0, None))])
    };
    match (asked.kind, asked.payload[0]) {
        (GENL_ID_CTRL, _) => one(GENL_ID_CTRL, genl(1, &[attribute(1, &IPVS.to_ne_bytes())])),
        (IPVS, command::GET_INFO) => one(IPVS, genl(14, &[attribute(1, &version.to_ne_bytes())])),
        (IPVS, command::GET_SERVICE) => Some(vec![Ok(done(sequence))]),
        _ => None,
    }
}

/// A kernel that starts well and then does as `rest` says.
fn kernel(mut rest: impl FnMut(&[Asked]) -> Vec<Queued> + 'static) -> Fake {
    Fake::new(move |asked| start(&asked[0], 0x01_02_01).unwrap_or_else(|| rest(asked)))
}

fn desired() -> Table {
    let key = ServiceKey::address(Protocol::Tcp, [10, 8, 0, 1].into(), 80);
    let mut pool = Pool::new(Service::new(key, "wlc"));
    for n in 1..=200 {
        let address = ([10, 9, 0, n], 80).into();
        pool.insert(Destination::new(address, Forwarding::DirectRouting, 1));
    }
    let mut table = Table::default();
    table.insert(pool);
    table
}

#[test]
fn a_kernel_without_ipvs_is_told_with_the_name_of_the_module() {
    let fake = Fake::new(|asked| vec![Ok(error(asked[0].sequence, 2, None))]);
    let error = Ipvs::open(fake).unwrap_err();
    assert!(matches!(error, Error::NoIpvs));
    assert_eq!(
        error.to_string(),
        "the kernel has no IPVS: load it with 'modprobe ip_vs', or use a kernel with CONFIG_IP_VS"
    );
}

#[test]
fn an_ipvs_that_is_too_old_is_refused() {
    let fake = Fake::new(|asked| start(&asked[0], 0x01_02_00).unwrap());
    let error = Ipvs::open(fake).unwrap_err();
    assert_eq!(error.to_string(), "IPVS version 1.2.0 is too old, 1.2.1 is needed");
}

#[test]
fn a_change_is_written_in_batches_and_not_again() {
    let fake = kernel(|asked| vec![Ok(error(asked.last().unwrap().sequence, 0, None))]);
    let mut ipvs = Ipvs::open(fake).unwrap();
    assert_eq!(ipvs.info().version_text(), "1.2.1");
    let before = ipvs.engine.transport().sent.len();
    let managed = Managed::all_of(&desired());
    assert_eq!(ipvs.reconcile(&managed, &desired()).unwrap().done, 201);
    let sizes: Vec<_> = ipvs.engine.transport().sent[before..].iter().map(Vec::len).collect();
    assert_eq!(sizes, [128, 73]);
    assert_eq!(ipvs.reconcile(&managed, &desired()).unwrap().done, 0);
    assert_eq!(ipvs.engine.transport().sent.len(), before + 2, "no system call");
}

#[test]
fn the_servers_of_a_service_that_cannot_be_added_are_not_complained_about() {
    let fake = kernel(|asked| {
        let answers = asked.iter().map(|request| match request.payload[0] {
            command::NEW_SERVICE => error(request.sequence, ENOENT, None),
            _ => error(request.sequence, ESRCH, None),
        });
        answers.map(Ok).collect()
    });
    let mut ipvs = Ipvs::open(fake).unwrap();
    let report = ipvs.reconcile(&Managed::all_of(&desired()), &desired()).unwrap();
    assert_eq!(report.done, 0);
    let texts: Vec<_> = report.refused.iter().map(Refusal::to_string).collect();
    assert_eq!(
        texts,
        ["cannot add IPVS service tcp 10.8.0.1:80 scheduler wlc: No such file or directory \
          (os error 2); try 'modprobe ip_vs_wlc'"]
    );
    assert_eq!(*ipvs.table(), Table::default());
}

#[test]
fn after_lost_answers_the_table_is_read_before_it_is_used() {
    let mut lost = false;
    let fake = kernel(move |asked| match std::mem::replace(&mut lost, true) {
        false => vec![Err(105)],
        true => vec![Ok(error(asked.last().unwrap().sequence, 0, None))],
    });
    let mut ipvs = Ipvs::open(fake).unwrap();
    let managed = Managed::all_of(&desired());
    assert!(ipvs.reconcile(&managed, &desired()).is_err());
    let before = ipvs.engine.transport().sent.len();
    assert_eq!(ipvs.reconcile(&managed, &desired()).unwrap().done, 201);
    let sent = &ipvs.engine.transport().sent[before..];
    assert_eq!(sent[0][0].payload[0], command::GET_SERVICE);
    assert_eq!(sent.len(), 3);
}

proptest! {
    #[test]
    fn no_reply_makes_it_panic(payloads in prop::collection::vec(
        prop::collection::vec(any::<u8>(), 0..120), 0..4,
    )) {
        let fake = Fake::new(move |asked| {
            let asked = &asked[0];
            if asked.payload[0] != command::GET_SERVICE {
                return start(asked, 0x01_02_01).unwrap_or_default();
            }
            let sequence = asked.sequence;
            let entries = payloads.iter().map(|payload| message(IPVS, 2, sequence, payload));
            entries.chain([done(sequence)]).map(Ok).collect()
        });
        let _ = Ipvs::open(fake);
    }

    #[test]
    fn no_service_or_server_makes_it_panic(
        inner in prop::collection::vec((0..14u16, prop::collection::vec(any::<u8>(), 0..20)), 0..14),
    ) {
        let list: Vec<_> = inner.iter().map(|(kind, value)| attribute(*kind, value)).collect();
        let fake = Fake::new(move |asked| {
            let asked = &asked[0];
            let kind = match asked.payload[0] {
                command::GET_SERVICE => 1u16,
                command::GET_DEST => 2,
                _ => return start(asked, 0x01_02_01).unwrap_or_default(),
            };
            let payload = genl(1, &[attribute(kind, &list.concat())]);
            vec![Ok(message(IPVS, 2, asked.sequence, &payload)), Ok(done(asked.sequence))]
        });
        prop_assert!(Ipvs::open(fake).is_ok());
    }
}
