//! The handle to the kernel's IPVS table.

use std::collections::BTreeSet;
use std::io;

use netlink::{Engine, ReceiveBuffer, Refusal, Socket, Transport, genl};

use crate::difference::{Managed, difference};
use crate::error::Error;
use crate::reply::{self, Info};
use crate::request::{Addressed, Ask};
use crate::table::{Pool, Table};
use crate::timeouts::Timeouts;

pub(crate) const FAMILY: &str = "IPVS";
const NEEDED_VERSION: u32 = 0x01_02_01;

/// Somebody else's changes are met by reading the table and comparing again, once.
const ROUNDS: usize = 2;

const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const EEXIST: i32 = 17;

/// The IPVS table of the network namespace that its socket was opened in: its picture here, and the way to
/// change it.
#[derive(Debug)]
pub struct Ipvs<T> {
    engine: Engine<T>,
    family: u16,
    info: Info,
    actual: Table,
    stale: bool,
}

/// What [`Ipvs::reconcile`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests that the kernel carried out; 0 when nothing differed.
    pub done: usize,
    /// Requests that it refused; the others were carried out.
    pub refused: Vec<Refusal>,
    /// The kernel's table was not what it was thought to be. After a comparison of a part, the whole
    /// is to be compared.
    pub drifted: bool,
}

impl Ipvs<Socket> {
    /// Gives the socket another receive buffer.
    ///
    /// # Errors
    /// As [`Socket::set_receive_buffer`].
    pub fn set_receive_buffer(&self, wanted: Option<ReceiveBuffer>) -> io::Result<()> {
        self.engine.transport().set_receive_buffer(wanted)
    }
}

impl<T: Transport> Ipvs<T> {
    /// Finds IPVS in the kernel and reads the table. `transport` is a socket for generic netlink.
    ///
    /// # Errors
    /// [`Error::NoIpvs`] when the kernel lacks it, [`Error::TooOld`], or what netlink says.
    pub fn open(transport: T) -> Result<Self, Error> {
        let mut engine = Engine::new(transport);
        let family = genl::family(&mut engine, FAMILY).map_err(|error| match error {
            netlink::Error::NoFamily(_) => Error::NoIpvs,
            other => other.into(),
        })?;
        let ask = Addressed { family, ask: Ask::GetInfo };
        let info = engine.query(&ask, reply::info)?;
        let Some(info) = info.first().copied() else {
            return Err(netlink::Error::NoReply(ask.to_string()).into());
        };
        if info.version < NEEDED_VERSION {
            return Err(Error::TooOld { found: info.version_text() });
        }
        let mut ipvs = Self { engine, family, info, actual: Table::default(), stale: true };
        ipvs.resync()?;
        Ok(ipvs)
    }

    /// Version and size of the connection table.
    pub fn info(&self) -> Info {
        self.info
    }

    /// The table as it was when it was last read, with our own changes since.
    pub fn table(&self) -> &Table {
        &self.actual
    }

    /// Makes the picture of the table as small as it can be: trees that grew entry by entry are half
    /// empty.
    pub fn compact(&mut self) {
        for pool in self.actual.pools.values_mut() {
            pool.destinations = std::mem::take(&mut pool.destinations).into_iter().collect();
        }
    }

    /// Reads the kernel's table.
    ///
    /// # Errors
    /// What netlink says.
    pub fn dump(&mut self) -> Result<Table, Error> {
        let family = self.family;
        let services = Addressed { family, ask: Ask::GetServices };
        let services = self.engine.dump(&services, reply::service)?;
        let mut table = Table::default();
        for service in services {
            let key = service.key;
            let mut pool = Pool::new(service);
            let ask = Addressed { family, ask: Ask::GetDestinations(&key) };
            match self.engine.dump(&ask, |reply| reply::destination(reply, &key)) {
                Ok(destinations) => {
                    // All at once, for a tree without room to spare.
                    let found = destinations.into_iter().map(|found| (found.address, found));
                    pool.destinations = found.collect();
                    table.insert(pool);
                }
                // it went between the two dumps
                Err(netlink::Error::Refused(Refusal { errno: ESRCH, .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(table)
    }

    /// Reads the kernel's table again, to see what somebody else has done.
    ///
    /// # Errors
    /// What netlink says; the picture is then void, and read before it is used.
    pub fn resync(&mut self) -> Result<(), Error> {
        self.stale = true;
        // Two of them need not be in memory.
        self.actual = Table::default();
        self.actual = self.dump()?;
        self.stale = false;
        Ok(())
    }

    /// Removes all services, also those of somebody else.
    ///
    /// # Errors
    /// What netlink says.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.command(Ask::Flush)?;
        self.actual = Table::default();
        Ok(())
    }

    /// How long connections are remembered.
    ///
    /// # Errors
    /// What netlink says.
    pub fn timeouts(&mut self) -> Result<Timeouts, Error> {
        let ask = Addressed { family: self.family, ask: Ask::GetTimeouts };
        let found = self.engine.query(&ask, reply::timeouts)?;
        found.first().copied().ok_or_else(|| netlink::Error::NoReply(ask.to_string()).into())
    }

    /// Changes how long connections are remembered.
    ///
    /// # Errors
    /// What netlink says.
    pub fn set_timeouts(&mut self, timeouts: &Timeouts) -> Result<(), Error> {
        self.command(Ask::SetTimeouts(timeouts))
    }

    fn command(&mut self, ask: Ask<'_>) -> Result<(), Error> {
        let refusals = self.engine.run(&[Addressed { family: self.family, ask }])?;
        refusals
            .into_iter()
            .next()
            .map_or(Ok(()), |refusal| Err(netlink::Error::Refused(refusal).into()))
    }

    /// Makes the kernel's table `desired`: adds what is missing, changes what differs, removes what
    /// is managed and not desired, leaves everything else alone. Sends nothing when nothing differs.
    /// Both may be parts of the whole, and only these are then looked at.
    ///
    /// Single requests that fail are in the report, the others are carried out. Where the kernel's
    /// table turns out to be other than it was thought to be, it is read and compared once more.
    ///
    /// # Errors
    /// What netlink says; the table is then read before it is used again.
    pub fn reconcile(&mut self, managed: &Managed, desired: &Table) -> Result<Report, Error> {
        let mut report = Report::default();
        for _ in 0..ROUNDS {
            if self.stale {
                self.resync()?;
            }
            let asks = difference(&self.actual, managed, desired);
            if asks.is_empty() {
                break;
            }
            if !self.carry_out(&asks, &mut report)? {
                break;
            }
            report.drifted = true;
        }
        Ok(report)
    }

    /// Adds what is `desired` and was missing when the table was read last. What somebody has set
    /// otherwise stays as it is.
    ///
    /// # Errors
    /// What netlink says; the table is then read before it is used again.
    pub fn restore(&mut self, desired: &Table) -> Result<Report, Error> {
        let nothing = Managed::default();
        let mut asks = difference(&self.actual, &nothing, desired);
        asks.retain(|ask| matches!(ask, Ask::NewService(_) | Ask::NewDestination(..)));
        let mut report = Report::default();
        if !asks.is_empty() {
            report.drifted = self.carry_out(&asks, &mut report)?;
        }
        Ok(report)
    }

    /// Sends the requests. Whether the answers say that the kernel's table was another one.
    fn carry_out(&mut self, asks: &[Ask<'_>], report: &mut Report) -> Result<bool, Error> {
        let family = self.family;
        let requests: Vec<_> = asks.iter().map(|ask| Addressed { family, ask: *ask }).collect();
        let refusals = self.engine.run(&requests).inspect_err(|_| self.stale = true)?;
        report.done += requests.len() - refusals.len();
        let outcome = Outcome::of(asks, refusals);
        // Only then: a request that is refused for ever must not read a large table each time.
        self.stale |= outcome.drifted;
        for ask in &outcome.done {
            self.actual.apply(ask);
        }
        report.refused = outcome.refused;
        Ok(outcome.drifted)
    }
}

/// What became of the requests of one batch.
struct Outcome<'a> {
    /// Carried out.
    done: Vec<Ask<'a>>,
    /// Refused, without those that only follow from another.
    refused: Vec<Refusal>,
    /// The kernel's table was not what it was thought to be.
    drifted: bool,
}

impl<'a> Outcome<'a> {
    fn of(asks: &[Ask<'a>], refusals: Vec<Refusal>) -> Self {
        let mut outcome = Self { done: Vec::new(), refused: Vec::new(), drifted: false };
        let mut without_service = BTreeSet::new();
        let mut refusals = refusals.into_iter().peekable();
        for (index, ask) in asks.iter().enumerate() {
            let Some(mut refusal) = refusals.next_if(|refusal| refusal.index == index) else {
                outcome.done.push(*ask);
                continue;
            };
            match (ask, refusal.errno) {
                (Ask::NewService(service), ENOENT) => {
                    without_service.insert(service.key);
                    refusal.hint = Some(format!("try 'modprobe ip_vs_{}'", service.scheduler));
                }
                (Ask::NewService(_) | Ask::NewDestination(..), EEXIST) => outcome.drifted = true,
                (Ask::NewService(service), _) => {
                    without_service.insert(service.key);
                }
                // a server of a service that could not be added: said once is enough
                (Ask::NewDestination(key, _), ESRCH) if without_service.contains(key) => continue,
                (Ask::DelService(_) | Ask::DelDestination(..), ENOENT | ESRCH) => {
                    // gone already, which is what was wanted
                    outcome.drifted = true;
                    continue;
                }
                (_, ENOENT | ESRCH) => outcome.drifted = true,
                _ => {}
            }
            outcome.refused.push(refusal);
        }
        outcome
    }
}

#[cfg(test)]
mod tests;
