//! VRRP as one pure machine: which addresses this node has to have now, and what it has to say for
//! it. There is no clock, no socket and no process in here: time and everything that happens is
//! an [`Input`], everything to be done is an [`Output`] or a desired state, and the same inputs
//! always give the same outputs.
//!
//! - [`stack`]: [`Stack`], all virtual routers and scripts of a configuration
//! - [`router`]: one virtual router, RFC 9568 section 6.4
//! - [`state`], [`timing`]: its states with their timers, and how long those run
//! - [`script`]: one tracking script
//! - [`mod@arbiter`]: witnesses that tell a node whether it is cut off
//! - `lease`: addresses that last while adverts leave
//! - [`announce`]: the pace of gratuitous ARP
//! - `routers`: all of them, and which have something to do
//! - `observed`: files and processes that are tracked
//! - `wall`: the wall clock
//! - `group`: routers that change state together
//! - [`host`]: what was changed on the host and has to be put back
//! - [`addresses`]: addresses that are to be installed, removed, guarded
//! - [`reload`]: what another configuration would change
//! - [`snapshot`]: what a successor needs to go on
//! - [`view`]: what it shows to somebody who asks
//! - [`input`], [`output`], [`event`], [`complaint`], [`notification`], [`link`], [`statistics`]: the words it speaks

pub mod addresses;
pub mod announce;
pub mod arbiter;
mod buffers;
pub mod complaint;
mod debounce;
mod dismissed;
mod envelope;
pub mod event;
mod group;
pub mod host;
pub mod input;
mod lease;
pub mod link;
mod link_news;
mod links;
pub mod notification;
mod observed;
pub mod output;
pub mod reload;
pub mod router;
mod routers;
pub mod script;
pub mod snapshot;
pub mod stack;
mod startup;
pub mod state;
pub mod statistics;
pub mod timing;
pub mod view;
mod wall;

pub use addresses::DesiredAddress;
pub use arbiter::{ArbiterSaying, ProbeId};
pub use complaint::Complaint;
pub use event::{Event, Level, Saying, ScriptSaying};
pub use host::{HostFact, HostKey, HostMemory, Scope, Setting};
pub use input::{Input, Packet};
pub use link::Link;
pub use notification::{Notification, NotifyObject, NotifyState};
pub use observed::ProcessSnapshot;
pub use output::{KillSignal, OutgoingAdvert, Output, Outputs, SocketKey};
pub use reload::Change;
pub use router::VirtualRouter;
pub use script::{ExitKind, RunId, ScriptSnapshot, Verdict};
pub use snapshot::{Identity, InstanceSnapshot, ObjectKey, ObjectState, Snapshot};
pub use stack::{Stack, Surroundings};
pub use state::State;
pub use statistics::{SplitBrainStatistics, Statistics, StrayStatistics};
pub use view::{InstanceView, ScriptView, SplitBrainView, View};

#[cfg(test)]
mod fixture;
