use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use checkers::{Input, Outputs};
use control_plane::model::lvs::GroupEntry;
use control_plane::model::{RealServer, VirtualServer};
use netlink::fake::{Asked, Fake, Queued, attribute, done, error, message};

use super::*;

const CONTROL: u16 = 0x10;
const FAMILY: u16 = 28;
const ENOMEM: i32 = 12;
const EINVAL: i32 = 22;
const ENOBUFS: i32 = 105;

const NEW_SERVICE: u8 = 1;
const DEL_SERVICE: u8 = 3;
const GET_SERVICE: u8 = 4;
const NEW_DEST: u8 = 5;
const DEL_DEST: u8 = 7;
const GET_DEST: u8 = 8;
const GET_INFO: u8 = 15;
const FLUSH: u8 = 17;

const T0: Instant = Instant::from_micros(1_000_000);
const SECOND: Duration = Duration::from_secs(1);

/// A kernel with a table of one service, whose attributes are kept as they came.
#[derive(Default)]
struct Table {
    service: Option<Vec<u8>>,
    servers: Vec<Vec<u8>>,
    /// Refusals to come: the last part of a server's address, with what error, how often.
    refusals: Vec<(u8, i32, u32)>,
    /// The next answer is lost.
    loses: bool,
    /// Requests: how often the services were listed, removed, and everything was.
    lists: u32,
    removals: u32,
    flushes: u32,
}

type Shared = Rc<RefCell<Table>>;

impl Table {
    fn answer(&mut self, asked: &Asked) -> Vec<Queued> {
        let (sequence, command) = (asked.sequence, asked.payload[0]);
        let attributes = attributes(&asked.payload[4..]);
        let ack = |errno| vec![Ok(error(sequence, errno, None))];
        let one = |kind, payload: Vec<u8>| {
            vec![Ok(message(kind, 0, sequence, &payload)), Ok(error(sequence, 0, None))]
        };
        let list = |all: Vec<Vec<u8>>| {
            let entries = all.into_iter().map(|one| message(FAMILY, 2, sequence, &genl(&one)));
            entries.chain([done(sequence)]).map(Ok).collect()
        };
        match (asked.kind, command) {
            (CONTROL, _) => one(CONTROL, genl(&attribute(1, &FAMILY.to_ne_bytes()))),
            (_, GET_INFO) => one(FAMILY, genl(&attribute(1, &0x01_02_01_u32.to_ne_bytes()))),
            (_, GET_SERVICE) => {
                self.lists += 1;
                list(self.service.iter().cloned().collect())
            }
            (_, DEL_SERVICE) => {
                self.removals += 1;
                ack(0)
            }
            (_, FLUSH) => {
                self.flushes += 1;
                ack(0)
            }
            (_, GET_DEST) => list(self.servers.clone()),
            (_, NEW_SERVICE) => {
                self.service = Some(attributes[0].clone());
                ack(0)
            }
            (_, NEW_DEST) => {
                let server = attributes[1].clone();
                let host = host(&server);
                let refusal = self.refusals.iter_mut().find(|one| one.0 == host && one.2 > 0);
                if let Some((_, errno, left)) = refusal {
                    *left -= 1;
                    return ack(*errno);
                }
                self.servers.push(server);
                ack(0)
            }
            (_, DEL_DEST) => {
                let gone = host(&attributes[1]);
                self.servers.retain(|server| host(server) != gone);
                ack(0)
            }
            _ => ack(0),
        }
    }

    fn hosts(&self) -> Vec<u8> {
        let mut hosts: Vec<u8> = self.servers.iter().map(|server| host(server)).collect();
        hosts.sort_unstable();
        hosts
    }
}

/// The attributes of a message, each with its head.
fn attributes(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while let [low, high, ..] = bytes {
        let length = usize::from(u16::from_ne_bytes([*low, *high]));
        all.push(bytes[..length].to_vec());
        bytes = &bytes[length.next_multiple_of(4).min(bytes.len())..];
    }
    all
}

/// The last part of a server's IPv4 address, of 10.9.0.0/24.
fn host(server: &[u8]) -> u8 {
    let at = server.windows(3).position(|part| part == [10, 9, 0]).expect("an address");
    server[at + 3]
}

fn genl(attributes: &[u8]) -> Vec<u8> {
    [&[1, 1, 0, 0], attributes].concat()
}

/// A kernel, the wrapper over it, and a machine that wants four servers.
fn world(refusals: &[(u8, i32, u32)]) -> (Shared, Kernel<Fake>, Checkers) {
    let table = Shared::default();
    table.borrow_mut().refusals = refusals.to_vec();
    let kernel = Rc::clone(&table);
    let fake = Fake::new(move |asked| {
        let mut table = kernel.borrow_mut();
        let answers = asked.iter().map(|one| (one.wants_ack(), table.answer(one)));
        let is_dump = |asked: &Asked| asked.flags & 0x300 == 0x300;
        let answers: Vec<_> = answers.collect();
        // Without being asked the kernel answers only when it refuses.
        let granted = |queued: &Queued| queued.as_ref().is_ok_and(|one| one[16..20] == [0; 4]);
        let kept = answers.into_iter().zip(asked).flat_map(|((wanted, answers), asked)| {
            let all = wanted || is_dump(asked);
            answers.into_iter().filter(move |one| all || !granted(one))
        });
        let kept: Vec<_> = kept.collect();
        if std::mem::take(&mut table.loses) { vec![Err(ENOBUFS)] } else { kept }
    });
    let mut kernel = Kernel::over(Ipvs::open(fake).unwrap(), None);
    let config = config(4);
    kernel.configure(&config, None);
    let machine = Checkers::new(T0, &config.lvs, None, 1, &mut Outputs::new());
    (table, kernel, machine)
}

fn config(servers: u8) -> Config {
    let ip = [10, 8, 0, 1].into();
    let protocol = control_plane::model::Protocol::Tcp;
    let mut service = VirtualServer::new(ServiceAddress::Address { ip, port: 80, protocol });
    let server = |n| RealServer::new(([10, 9, 0, n], 80).into());
    service.real_servers = (1..=servers).map(server).collect();
    let lvs = Lvs { virtual_servers: vec![service], ..Lvs::default() };
    Config { lvs: Arc::new(lvs), ..Config::default() }
}

#[test]
fn what_the_kernel_has_no_memory_for_is_asked_for_again_and_the_rest_is_there() {
    let (table, mut kernel, mut machine) = world(&[(2, ENOMEM, 2), (4, ENOMEM, 1)]);
    assert!(!kernel.reconcile(T0, &mut machine));
    assert_eq!(table.borrow().hosts(), [1, 3]);
    assert_eq!(kernel.state.next_timeout(), Some(T0 + SECOND), "it is looked at again");
    assert!(!kernel.reconcile(T0 + SECOND, &mut machine));
    assert_eq!(table.borrow().hosts(), [1, 3, 4]);
    assert!(kernel.reconcile(T0 + SECOND.saturating_mul(2), &mut machine));
    assert_eq!(table.borrow().hosts(), [1, 2, 3, 4]);
    assert_eq!(kernel.state.next_timeout(), None);
}

#[test]
fn a_refusal_names_the_request() {
    let (_table, mut kernel, machine) = world(&[(2, ENOMEM, 9)]);
    let said = [
        "cannot add server 10.9.0.2:80 weight 1 to IPVS service tcp 10.8.0.1:80: Cannot allocate \
         memory (os error 12)",
    ];
    assert_eq!(kernel.compare(&machine), said);
}

#[test]
fn what_the_kernel_never_takes_is_tried_each_second_and_holds_up_nothing_else() {
    let (table, mut kernel, mut machine) = world(&[(3, EINVAL, u32::MAX)]);
    for second in 0..5 {
        assert!(!kernel.reconcile(T0 + SECOND.saturating_mul(second), &mut machine));
        assert_eq!(table.borrow().hosts(), [1, 2, 4]);
    }
    assert_eq!(table.borrow().lists, 1, "the table is not read again for it");
    let config = config(2);
    kernel.configure(&config, Some(&machine));
    let now = T0 + SECOND.saturating_mul(5);
    machine.handle_input(now, Input::Reload(&config.lvs), &mut Outputs::new());
    assert!(kernel.reconcile(now, &mut machine), "nobody wants it any more");
    assert_eq!(table.borrow().hosts(), [1, 2]);
}

#[test]
fn after_answers_that_are_lost_the_table_is_read_and_right() {
    let (table, mut kernel, mut machine) = world(&[]);
    table.borrow_mut().loses = true;
    assert!(!kernel.reconcile(T0, &mut machine));
    assert!(kernel.reconcile(T0 + SECOND, &mut machine));
    assert_eq!(table.borrow().hosts(), [1, 2, 3, 4], "each of them once");
}

#[test]
fn what_somebody_removes_is_put_back_though_the_kernel_refuses_at_first() {
    let (table, mut kernel, mut machine) = world(&[]);
    assert!(kernel.reconcile(T0, &mut machine));
    table.borrow_mut().servers.truncate(1);
    table.borrow_mut().refusals = vec![(2, ENOMEM, 1)];
    let look = kernel.next_timeout().unwrap();
    kernel.reconcile(look, &mut machine);
    assert!(kernel.reconcile(look, &mut machine), "the refused one is due at once");
    assert_eq!(table.borrow().hosts(), [1, 2, 3, 4]);
}

#[test]
fn a_service_of_two_virtual_servers_stays_when_one_of_them_goes() {
    let group = |last| {
        let entry = GroupEntry::Addresses {
            first: [10, 8, 0, 1].into(),
            last: [10, 8, 0, last].into(),
            port: 80,
        };
        ServerGroup::new("G", vec![entry])
    };
    let both = |last: u8, plain: bool| {
        let one = config(2).lvs.virtual_servers[0].clone();
        let address = ServiceAddress::Group {
            group: GroupId::of("G"),
            protocol: control_plane::model::Protocol::Tcp,
            ipv6: false,
        };
        let mut virtual_servers = vec![VirtualServer { address, ..one.clone() }];
        if plain {
            virtual_servers.push(one);
        }
        let groups = vec![group(last)];
        let lvs = Lvs { virtual_servers, groups, ..Lvs::default() };
        Config { lvs: Arc::new(lvs), ..Config::default() }
    };
    let (table, mut kernel, mut machine) = world(&[]);
    let mut at = T0;
    let mut reload = |config: &Config, kernel: &mut Kernel<Fake>, machine: &mut Checkers| {
        at += SECOND;
        kernel.configure(config, Some(machine));
        machine.handle_input(at, Input::Reload(&config.lvs), &mut Outputs::new());
        assert!(kernel.reconcile(at, machine));
    };
    reload(&both(1, true), &mut kernel, &mut machine);
    reload(&both(1, false), &mut kernel, &mut machine);
    assert_eq!((table.borrow().hosts(), table.borrow().removals), (vec![1, 2], 0));
    assert!(!kernel.is_shared(), "from now on a part of it can be compared");
    reload(&both(1, true), &mut kernel, &mut machine);
    reload(&config(2), &mut kernel, &mut machine);
    assert_eq!((table.borrow().hosts(), table.borrow().removals), (vec![1, 2], 0));
}

#[test]
fn a_table_that_is_left_alone_is_not_emptied_at_the_stop() {
    for (alone, flushes) in [(true, 0), (false, 1)] {
        let (table, mut kernel, mut machine) = world(&[]);
        let mut config = config(4);
        Arc::make_mut(&mut config.lvs).flush_on_stop = FlushOnStop::All;
        kernel.configure(&config, Some(&machine));
        assert!(kernel.reconcile(T0, &mut machine));
        if alone {
            kernel.leave_alone();
        }
        kernel.leave();
        assert_eq!(table.borrow().flushes, flushes);
    }
}
