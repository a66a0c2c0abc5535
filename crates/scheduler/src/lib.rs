//! The loop of a process: it sleeps until a descriptor is ready, a timer is due or a signal came, and
//! then says what, in one list per turn. The caller handles the list and asks for the next turn;
//! there are no callbacks, no threads, and the clock is read once a turn.
//!
//! - [`Scheduler`]: the loop
//! - [`timers`]: deadlines in order, pure
//! - [`signals`]: signals as a readable descriptor

mod scheduler;
pub mod signals;
pub mod timers;

pub use scheduler::{Event, Interest, Scheduler, Token};
pub use signals::Signals;
pub use sys::Signal;
pub use timers::{TimerId, Timers};
