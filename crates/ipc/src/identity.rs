//! Who is at the other end: the first record on a channel, in both directions.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of this build, as its binary contains it.
pub const BUILD: &str = concat!("keepalived-rs build ", env!("CARGO_PKG_VERSION"));

/// Which build wrote the messages. Two builds may lay out the same type differently, so the layout
/// of every message is trusted only between equal ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BuildId {
    version: String,
    layout: u64,
}

impl BuildId {
    /// This build, for a channel whose messages have the types `Here` and `There`, in either order.
    pub(crate) fn this<Here, There>() -> Self {
        Self { version: BUILD.to_owned(), layout: shape::<Here>() ^ shape::<There>() }
    }

    #[cfg(test)]
    pub(crate) fn other() -> Self {
        Self { version: "0.0.1".to_owned(), layout: 1 }
    }
}

/// A number that changes with a type's name and its size in memory: not proof, but what a rebuilt
/// binary with another set of messages nearly always differs in. The processes of one daemon are
/// forked, not executed, so a difference means that somebody broke that rule.
fn shape<T>() -> u64 {
    let name = std::any::type_name::<T>().bytes();
    let size = size_of::<T>().to_le_bytes();
    // FNV-1a: the same in every build, which the standard library's hasher does not promise.
    name.chain(size).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:016x})", self.version, self.layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_channel_have_the_same_identity() {
        assert_eq!(BuildId::this::<u8, String>(), BuildId::this::<String, u8>());
    }

    #[test]
    fn other_messages_are_another_identity() {
        assert_ne!(BuildId::this::<u8, String>(), BuildId::this::<u16, String>());
    }
}
