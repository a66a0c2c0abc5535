//! Any bytes as what the kernel says of its IPVS table: reading ends, nothing of somebody else's is touched,
//! and what the kernel took is not sent again.
//!
//! The bytes are pieces, each after its length in a byte. With an odd first byte the kernel answers as one
//! does, and the pieces are the attributes of what it lists, an empty one being the end of a list; of the
//! answer to a change a piece is one byte, the error. With an even one they are whole datagrams.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use ipvs_wrapper::{
    Daemon, Destination, Forwarding, Ipvs, Managed, Pool, Protocol, Role, Service, ServiceKey,
    SyncDaemons, Table,
};
use netlink::Transport;

/// Numbers of the kernel: `nlmsg_type`, and `cmd` of generic netlink.
const ERROR: u16 = 2;
const DONE: u16 = 3;
const CONTROLLER: u16 = 0x10;
const IPVS: u16 = 28;
const GET_SERVICE: u8 = 4;
const GET_DESTINATION: u8 = 8;
const GET_DAEMON: u8 = 11;
const GET_CONFIG: u8 = 13;
const GET_INFO: u8 = 15;

/// The headers of a message: netlink's and generic netlink's.
const HEADER: usize = 16;
const GENERIC: usize = 4;

/// What both sockets hear of the same kernel.
#[derive(Default)]
struct State {
    pieces: VecDeque<Vec<u8>>,
    answers: VecDeque<Vec<u8>>,
    is_sane: bool,
    /// Messages that were sent.
    sent: usize,
}

#[derive(Clone)]
struct Kernel(Rc<RefCell<State>>);

impl Transport for Kernel {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        let mut rest = datagram;
        while let Some((kind, sequence, command, after)) = asked(rest) {
            state.sent += 1;
            state.answer(kind, sequence, command, after.is_empty());
            rest = after;
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next = self.0.borrow_mut().answers.pop_front();
        let Some(datagram) = next else { return Err(io::ErrorKind::WouldBlock.into()) };
        let fits = datagram.len().min(buffer.len());
        buffer[..fits].copy_from_slice(&datagram[..fits]);
        Ok(datagram.len())
    }
}

/// Type, number and command of the first request, and what comes after it.
fn asked(bytes: &[u8]) -> Option<(u16, u32, u8, &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?);
    let length = usize::try_from(length).ok()?.next_multiple_of(4);
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let sequence = u32::from_ne_bytes(bytes.get(8..12)?.try_into().ok()?);
    Some((kind, sequence, *bytes.get(HEADER)?, bytes.get(length..).unwrap_or_default()))
}

impl State {
    fn answer(&mut self, kind: u16, sequence: u32, command: u8, is_last: bool) {
        if !self.is_sane {
            if let Some(mut raw) = self.pieces.pop_front() {
                // An answer counts only with the number of its request.
                if let Some(slot) = raw.get_mut(8..12) {
                    slot.copy_from_slice(&sequence.to_ne_bytes());
                }
                self.answers.push_back(raw);
            }
            return;
        }
        let one = |kind, attributes: &[u8]| message(kind, sequence, &generic(attributes));
        let error = |errno: u8| {
            let code = -i32::from(errno);
            message(ERROR, sequence, &[code.to_ne_bytes().as_slice(), &[0; HEADER]].concat())
        };
        match (kind, command) {
            (CONTROLLER, _) => {
                self.answers.extend([one(kind, &attribute(1, &IPVS.to_ne_bytes())), error(0)]);
            }
            (_, GET_INFO) => {
                let version = attribute(1, &0x01_02_01_u32.to_ne_bytes());
                self.answers.extend([one(kind, &version), error(0)]);
            }
            (_, GET_SERVICE | GET_DESTINATION | GET_DAEMON) => {
                while let Some(piece) = self.pieces.pop_front().filter(|piece| !piece.is_empty()) {
                    self.answers.push_back(one(kind, &piece));
                }
                self.answers.push_back(message(DONE, sequence, &[0; 4]));
            }
            (_, GET_CONFIG) => {
                let piece = self.pieces.pop_front().unwrap_or_default();
                self.answers.extend([one(kind, &piece), error(0)]);
            }
            _ => {
                let piece = self.pieces.pop_front().unwrap_or_default();
                let errno = piece.first().copied().unwrap_or(0);
                if errno != 0 || is_last {
                    self.answers.push_back(error(errno));
                }
            }
        }
    }
}

fn generic(attributes: &[u8]) -> Vec<u8> {
    [&[1, 1, 0, 0], attributes].concat()
}

fn message(kind: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + payload.len()).expect("pieces are short");
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend([0, 0]);
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(GENERIC), 0);
    bytes
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).expect("values are short");
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// What should be in the table.
fn desired() -> Table {
    let mut table = Table::default();
    for (last, scheduler) in [(1, "rr"), (2, "wlc")] {
        let key = ServiceKey::address(Protocol::Tcp, [10, 8, 0, last].into(), 80);
        let mut pool = Pool::new(Service::new(key, scheduler));
        for server in 1..=2 {
            let address = ([10, 9, 0, server], 80).into();
            pool.insert(Destination::new(address, Forwarding::DirectRouting, 1));
        }
        table.insert(pool);
    }
    table
}

/// One run.
pub fn run(bytes: &[u8]) {
    let Some((first, mut rest)) = bytes.split_first() else { return };
    let mut pieces = VecDeque::new();
    while let Some((length, after)) = rest.split_first() {
        let (piece, after) = after.split_at(usize::from(*length).min(after.len()));
        pieces.push_back(piece.to_vec());
        rest = after;
    }
    let state = State { pieces, is_sane: first & 1 != 0, ..State::default() };
    let kernel = Kernel(Rc::new(RefCell::new(state)));
    table(&kernel);
    daemons(&kernel);
}

fn table(kernel: &Kernel) {
    let Ok(mut ipvs) = Ipvs::open(kernel.clone()) else { return };
    let sent = || kernel.0.borrow().sent;
    let before = sent();
    let nothing = ipvs.reconcile(&Managed::default(), &Table::default());
    assert!(nothing.is_ok_and(|report| report.done == 0));
    assert_eq!(sent(), before, "nothing is ours, nothing is wanted, and yet it asks");

    let desired = desired();
    let managed = Managed::all_of(&desired);
    let found = ipvs.table().clone();
    let _ = ipvs.timeouts();
    if let Ok(report) = ipvs.reconcile(&managed, &desired)
        && !report.drifted
    {
        let gone = |key: &&ServiceKey| ipvs.table().pool(key).is_none();
        assert_eq!(found.pools.keys().find(gone), None, "a service went that was to stay");
        if report.refused.is_empty() {
            let again = ipvs.reconcile(&managed, &desired);
            assert!(again.is_ok_and(|report| report.done == 0), "it is sent again");
        }
        for refusal in report.refused {
            assert!(!refusal.to_string().is_empty());
        }
    }
    // A stop.
    let _ = ipvs.resync();
    let _ = ipvs.restore(&desired);
    let _ = ipvs.reconcile(&managed, &Table::default());
    ipvs.compact();
}

fn daemons(kernel: &Kernel) {
    let mut daemons = SyncDaemons::over(kernel.clone());
    let _ = daemons.list();
    let master = Daemon {
        role: Role::Master,
        interface: "eth0".to_owned(),
        id: 7,
        max_length: None,
        port: None,
        ttl: None,
        group: None,
    };
    let _ = daemons.reconcile(&[master]);
}
