//! Signals as a readable descriptor.

use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::SigId;
use signal_hook::{flag, low_level};
use sys::Signal;

/// The signals that this process handles. Each is a flag that its handler raises; one socket wakes
/// the loop. Several of one signal between two turns are one.
///
/// Dropping it removes the handlers' actions: a signal is then ignored, not deadly. The rule at a
/// fork: the new process uninstalls its copy first and then makes its own; otherwise a signal to
/// one process would wake the other. [`crate::Scheduler::fork`] does that.
#[derive(Debug)]
pub struct Signals {
    wake: UnixStream,
    /// Kept so that `wake` is never at its end, not even without any signal.
    _waker: UnixStream,
    handled: Vec<Handled>,
}

#[derive(Debug)]
struct Handled {
    signal: Signal,
    raised: Arc<AtomicBool>,
    actions: [SigId; 2],
}

impl Signals {
    /// Installs handlers.
    ///
    /// # Errors
    /// The system's; `InvalidInput` for a signal that nobody can handle.
    pub fn new(signals: &[Signal]) -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let mut handled = Vec::with_capacity(signals.len());
        for &signal in signals {
            refuse_fatal(signal)?;
            let raised = Arc::new(AtomicBool::new(false));
            // In this order: whoever is woken finds the flag raised.
            let raise = flag::register(signal.number(), Arc::clone(&raised))?;
            let wake = low_level::pipe::register(signal.number(), waker.try_clone()?)?;
            handled.push(Handled { signal, raised, actions: [raise, wake] });
        }
        Ok(Self { wake, _waker: waker, handled })
    }

    /// The signals since the last call, in the order they were named to [`Self::new`]. `woken`: the
    /// descriptor was reported readable; without that its emptying would be a system call for nothing.
    pub fn pending(&mut self, woken: bool) -> impl Iterator<Item = Signal> + '_ {
        if woken {
            self.drain();
        }
        self.handled
            .iter()
            .filter(|handled| {
                // Looked at first: a plain read costs nothing, an exchange does.
                handled.raised.load(Ordering::SeqCst)
                    && handled.raised.swap(false, Ordering::SeqCst)
            })
            .map(|handled| handled.signal)
    }

    /// Removes the handlers' actions now.
    pub(crate) fn uninstall(&mut self) {
        for action in self.handled.drain(..).flat_map(|handled| handled.actions) {
            low_level::unregister(action);
        }
    }

    /// Empties the socket, so that the next signal wakes again. The bound is the socket's own room.
    fn drain(&mut self) {
        let mut wakes = [0; 256];
        loop {
            match self.wake.read(&mut wakes) {
                Ok(0) => return,
                Err(error) if error.kind() != ErrorKind::Interrupted => return,
                _ => {}
            }
        }
    }
}

/// signal-hook panics for these.
fn refuse_fatal(signal: Signal) -> io::Result<()> {
    if signal_hook::consts::FORBIDDEN.contains(&signal.number()) {
        return Err(io::Error::new(ErrorKind::InvalidInput, format!("{signal} cannot be handled")));
    }
    Ok(())
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.uninstall();
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
