//! The reflector and the firewall against the kernel, each test in a network namespace of its own.
//! They need root; without it they say that they are skipped.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this is test code")]

mod addresses;
mod firewall;
mod links;
mod marks;
mod namespace;
mod own_links;
