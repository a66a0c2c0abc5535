//! keepalived's configuration language, from text to a typed [`Config`](model::Config).
//!
//! - [`model`]: what a configuration means

pub mod model;

pub use model::Config;
