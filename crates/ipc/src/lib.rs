//! Messages between the processes of one daemon: typed by direction, a record each, never waiting,
//! every size and queue bounded. What comes in is checked before it is believed, and a process of
//! another build is refused with a clear message.
//!
//! - [`Channel`]: one end of the way between two processes
//! - [`message`]: what the parent and its children say to each other
//! - [`blob`]: what is too large for a record, in sealed memory, handed over by descriptor
//! - [`envelope`]: what another version of this program can read
//! - [`last_words`]: what a child leaves to its successor of another version

pub mod blob;
mod channel;
mod codec;
pub mod envelope;
mod identity;
pub mod last_words;
pub mod message;
mod queue;

pub use blob::BlobError;
pub use channel::{Channel, Received};
pub use channel::{ReceiveError, SendError};
pub use codec::{CodecError, RECORD_LIMIT};
pub use envelope::EnvelopeError;
pub use identity::{BUILD, BuildId};
pub use last_words::{Heard, LastWords};
pub use message::{Coalesce, Generation, Report, ToChild, ToParent};
pub use queue::QUEUE_LIMIT;
