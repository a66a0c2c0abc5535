//! What each fuzz target does with its bytes. `tests/fuzz` puts these functions below a fuzzer, which is a
//! workspace of its own and is rarely built; here they are compiled with everything else, and
//! `tests/short_runs.rs` runs each over seeds and what becomes of them, so that a target that broke, or a
//! panic that is easy to reach, is seen at once.
//!
//! - [`config`]: the configuration language
//! - [`advert`]: packets of VRRP
//! - [`netlink`], [`ipvs`]: the kernel
//! - [`http`], [`smtp`], [`dns`]: servers that are checked
//! - [`ipc`]: the other process

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a fuzz target says that something is wrong"
)]

pub mod advert;
pub mod config;
pub mod dns;
pub mod http;
pub mod ipc;
pub mod ipvs;
pub mod netlink;
mod replies;
pub mod smtp;

/// A fuzz target: its name, which is that of its module, and one run of it.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const ALL: [Target; 8] = [
    ("advert", advert::run),
    ("config", config::run),
    ("dns", dns::run),
    ("http", http::run),
    ("ipc", ipc::run),
    ("ipvs", ipvs::run),
    ("netlink", netlink::run),
    ("smtp", smtp::run),
];
