//! A second pair of hands for bursts of announcements.
//!
//! To add a thousand addresses keeps the kernel busy for about as long as to announce them, and it does both
//! within the calls that ask for it. While this thread sends, the process's own adds the next addresses and
//! sends its adverts. The thread decides nothing, and is there for as long as there is something to send.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use base::IfIndex;
use sys::PacketSocket;
use sys::scheduling::Rank;

use super::{Frame, send};

/// Frames that lie ready for the thread at most: a few milliseconds of work.
const ROOM: usize = 512;

/// Frames that are no longer to be stopped once it has begun with them: 0.1 ms of work.
const AT_ONCE: usize = 16;

/// Frames after which it sleeps for the shortest time: who waits for its processor gets it, and to a kernel with
/// `vrrp_rlimit_rttime` it does not compute without an end.
const IN_A_ROW: usize = 512;
const BREATH: Duration = Duration::from_micros(1);

/// It waits so long for more before it ends.
const IDLE: Duration = Duration::from_millis(100);

/// Bytes. It needs few of them, and with `vrrp_no_swap` all are memory.
const STACK: usize = 64 * 1024;

/// Failures that are told at most.
const FAILURES: usize = 32;

/// Sends frames, and returns those that could not leave.
type Carry = Arc<dyn Fn(&[Frame]) -> Vec<(IpAddr, io::Error)> + Send + Sync>;

/// The thread, and what lies ready for it.
pub(in crate::vrrp) struct Courier {
    shared: Arc<Shared>,
    carry: Carry,
}

#[derive(Default)]
struct Shared {
    ready: Mutex<Ready>,
    more: Condvar,
    /// Held while frames leave, from before they are taken.
    leaving: Mutex<()>,
}

#[derive(Default)]
struct Ready {
    frames: VecDeque<Frame>,
    hand: Hand,
    failures: Vec<(IpAddr, io::Error)>,
}

/// Whether there is a thread that looks at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Hand {
    #[default]
    None,
    /// It begins, an ordinary thread yet, for which a real-time one must not wait.
    Coming,
    /// It has the rank of the thread that made it.
    There(Rank),
    /// It may not have that rank: there is to be none.
    Refused,
}

impl Courier {
    /// One that sends through `socket`.
    pub(in crate::vrrp) fn new(socket: Arc<PacketSocket>) -> Self {
        Self::with(Arc::new(move |frames| send(&socket, frames)))
    }

    fn with(carry: Carry) -> Self {
        Self { shared: Arc::default(), carry }
    }

    /// Takes frames from the front as long as not more than `most` lie ready. None is taken before there is a thread
    /// of this one's rank.
    pub(in crate::vrrp) fn take(&self, frames: &mut VecDeque<Frame>, most: usize) {
        let Ok(rank) = Rank::of_this_thread() else { return };
        let mut ready = self.shared.ready();
        match ready.hand {
            Hand::There(its) if its == rank => {}
            Hand::None => {
                ready.hand = Hand::Coming;
                if let Err(error) = self.begin(rank) {
                    log::debug!("addresses are added and announced in turns: {error}");
                    ready.hand = Hand::None;
                }
                return;
            }
            Hand::There(_) | Hand::Coming | Hand::Refused => return,
        }
        let room = most.min(ROOM).saturating_sub(ready.frames.len()).min(frames.len());
        ready.frames.extend(frames.drain(..room));
        drop(ready);
        self.shared.more.notify_one();
    }

    fn begin(&self, rank: Rank) -> io::Result<()> {
        let (shared, carry) = (Arc::clone(&self.shared), Arc::clone(&self.carry));
        let mut taken = Vec::with_capacity(AT_ONCE);
        let run = move || {
            let has_rank = rank.take().is_ok();
            shared.ready().hand = if has_rank { Hand::There(rank) } else { Hand::Refused };
            while has_rank && shared.take(&mut taken, &carry) {}
        };
        thread::Builder::new().stack_size(STACK).spawn(run).map(drop)
    }

    /// Whether frames lie ready, or are just leaving.
    pub(in crate::vrrp) fn is_busy(&self) -> bool {
        matches!(self.shared.ready().hand, Hand::There(_))
    }

    /// What is not wanted has left when this comes back, or does not leave. Frames that are just leaving are waited
    /// for: 0.1 ms.
    pub(in crate::vrrp) fn retain(&self, wanted: impl Fn(IfIndex, IpAddr) -> bool) {
        let mut ready = self.shared.ready();
        if !matches!(ready.hand, Hand::There(_)) {
            return;
        }
        ready.frames.retain(|frame| wanted(frame.index, frame.address));
        // With `ready` still held, so that it does not begin with others first.
        drop(self.shared.leaving());
    }

    /// What it has not begun with, for somebody else to send.
    pub(in crate::vrrp) fn give_back(&self) -> VecDeque<Frame> {
        let mut ready = self.shared.ready();
        drop(self.shared.leaving());
        std::mem::take(&mut ready.frames)
    }

    /// Why some of what it has sent since the last call has not left, [`FAILURES`] of them at most; later, when it is
    /// just at it.
    pub(in crate::vrrp) fn failures(&self) -> Vec<(IpAddr, io::Error)> {
        let ready = self.shared.ready.try_lock();
        ready.map(|mut ready| std::mem::take(&mut ready.failures)).unwrap_or_default()
    }
}

impl Shared {
    fn ready(&self) -> MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leaving(&self) -> MutexGuard<'_, ()> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's work, until it has slept. `false`: it is to end.
    fn take(&self, taken: &mut Vec<Frame>, carry: &Carry) -> bool {
        for _ in 0..IN_A_ROW / AT_ONCE {
            let mut ready = self.ready();
            if ready.frames.is_empty() {
                let idle = |ready: &mut Ready| ready.frames.is_empty();
                let waited = self.more.wait_timeout_while(ready, IDLE, idle);
                (ready, _) = waited.unwrap_or_else(PoisonError::into_inner);
                if ready.frames.is_empty() {
                    ready.hand = Hand::None;
                    return false;
                }
            }
            let count = ready.frames.len().min(AT_ONCE);
            // Before they are taken: whoever finds them gone can wait until they have left.
            let leaving = self.leaving();
            taken.extend(ready.frames.drain(..count));
            drop(ready);
            let failures = carry(taken);
            taken.clear();
            drop(leaving);
            if !failures.is_empty() {
                let mut ready = self.ready();
                let free = FAILURES.saturating_sub(ready.failures.len());
                ready.failures.extend(failures.into_iter().take(free));
            }
        }
        thread::sleep(BREATH);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;
    use crate::vrrp::announcer;

    const LIMIT: Duration = Duration::from_secs(20);

    fn frames(count: u32) -> VecDeque<Frame> {
        let index = IfIndex::new(2).unwrap();
        let all: Vec<_> =
            (0..count).map(|n| (index, [0; 6], IpAddr::from(Ipv4Addr::from(n)))).collect();
        announcer::frames(&all, |_| false)
    }

    /// Hands over as soon as there is a thread that takes.
    fn hand_over(courier: &Courier, frames: &mut VecDeque<Frame>, most: usize) {
        let (begin, before) = (std::time::Instant::now(), frames.len());
        courier.take(frames, most);
        while frames.len() == before && !courier.is_busy() {
            assert!(begin.elapsed() < LIMIT, "no thread comes");
            thread::sleep(Duration::from_millis(1));
        }
        if frames.len() == before {
            courier.take(frames, most);
        }
    }

    fn number(address: IpAddr) -> u32 {
        match address {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(_) => unreachable!("only IPv4 is sent here"),
        }
    }

    /// A courier whose calls say what they send, and come back when they are told to.
    fn held() -> (Courier, Receiver<Vec<u32>>, Sender<()>) {
        let (said, heard) = channel();
        let (go, gone) = channel();
        let (said, gone) = (Mutex::new(said), Mutex::new(gone));
        let courier = Courier::with(Arc::new(move |frames| {
            let numbers = frames.iter().map(|frame| number(frame.address)).collect();
            said.lock().unwrap().send(numbers).unwrap();
            let _ = gone.lock().unwrap().recv_timeout(LIMIT);
            Vec::new()
        }));
        (courier, heard, go)
    }

    #[test]
    fn everything_that_was_taken_leaves_once_in_its_order_and_the_rest_stays() {
        let (courier, heard, go) = held();
        let mut all = frames(700);
        hand_over(&courier, &mut all, usize::MAX);
        assert_eq!(all.len(), 700 - ROOM);
        let taken = u32::try_from(ROOM).unwrap();
        (0..taken).for_each(|_| go.send(()).unwrap());
        let mut sent = Vec::new();
        while sent.len() < ROOM {
            sent.extend(heard.recv_timeout(LIMIT).unwrap());
        }
        assert_eq!(sent, (0..taken).collect::<Vec<_>>());
        heard.recv_timeout(Duration::from_millis(1)).unwrap_err();
    }

    #[test]
    fn no_more_than_is_wanted_lies_ready() {
        let (courier, heard, go) = held();
        let mut all = frames(100);
        hand_over(&courier, &mut all, 60);
        assert_eq!(all.len(), 40);
        heard.recv_timeout(LIMIT).unwrap();
        courier.take(&mut all, 60);
        assert_eq!(all.len(), 40 - AT_ONCE, "what has left makes room");
        drop(go);
    }

    #[test]
    fn what_is_not_wanted_does_not_leave_once_that_was_said() {
        let (courier, heard, go) = held();
        hand_over(&courier, &mut frames(100), usize::MAX);
        assert_eq!(heard.recv_timeout(LIMIT).unwrap().len(), AT_ONCE);
        thread::scope(|scope| {
            let told = scope.spawn(|| courier.retain(|_, address| number(address) >= 90));
            // It comes back only when what was under way has left.
            thread::sleep(Duration::from_millis(50));
            assert!(!told.is_finished());
            (0..100).for_each(|_| go.send(()).unwrap());
            told.join().unwrap();
        });
        let sent: Vec<u32> = heard.recv_timeout(LIMIT).unwrap();
        assert_eq!(sent, (90..100).collect::<Vec<_>>());
        heard.recv_timeout(Duration::from_millis(1)).unwrap_err();
    }

    #[test]
    fn what_was_not_begun_with_is_given_back() {
        let (courier, heard, go) = held();
        hand_over(&courier, &mut frames(100), usize::MAX);
        heard.recv_timeout(LIMIT).unwrap();
        go.send(()).unwrap();
        go.send(()).unwrap();
        let back = courier.give_back();
        let first = number(back[0].address);
        assert_eq!((first as usize % AT_ONCE, back.len() + first as usize), (0, 100));
    }

    #[test]
    fn a_thread_that_has_nothing_to_do_ends_and_another_comes_with_the_next_burst() {
        let (said, heard) = channel();
        let said = Mutex::new(said);
        let courier = Courier::with(Arc::new(move |frames| {
            said.lock().unwrap().send(thread::current().id()).unwrap();
            vec![(frames[0].address, io::ErrorKind::NetworkDown.into())]
        }));
        let mut threads = Vec::new();
        for _ in 0..2 {
            hand_over(&courier, &mut frames(1), usize::MAX);
            threads.push(heard.recv_timeout(LIMIT).unwrap());
            let begin = std::time::Instant::now();
            while courier.is_busy() {
                assert!(begin.elapsed() < LIMIT, "the thread does not end");
                thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(courier.failures().len(), 1);
        }
        assert_ne!(threads[0], threads[1]);
    }
}
