//! Talks netlink to the kernel and never leaves the caller in doubt: requests go out many at a
//! time, every request that the kernel refuses is named in words with its errno, and when an answer
//! was lost the error says that the state is unknown and has to be dumped again.
//!
//! - [`transport`]: what a socket must do, so that a test can be the kernel
//! - [`socket`]: the kernel's socket; the only module that touches the system
//! - [`engine`]: batches, queries, dumps
//! - [`transaction`]: all-or-nothing batches of nfnetlink
//! - [`events`]: multicast notifications
//! - [`attribute`]: attributes, written and read without a panic
//! - [`frame`]: cutting a datagram into messages
//! - [`genl`]: generic netlink and its families
//! - [`error`]: what can go wrong
//! - [`message`]: a request before it is sent
//! - `fake` (feature `fake`): a scripted kernel for tests

pub mod attribute;
pub mod engine;
pub mod error;
pub mod events;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod frame;
pub mod genl;
pub mod message;
pub mod socket;
pub mod transaction;
pub mod transport;

pub use attribute::{AttributeWriter, Attributes};
pub use engine::{Engine, MAX_BATCH};
pub use error::{Error, Malformed, Refusal};
pub use events::{Batch, Events};
pub use frame::Reply;
pub use message::{Message, Request};
pub use socket::{Protocol, ReceiveBuffer, Socket};
pub use transaction::{Aborted, NfHeader};
pub use transport::Transport;
