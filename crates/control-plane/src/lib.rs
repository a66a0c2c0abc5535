//! keepalived's configuration language, from text to a typed [`Config`], with every mistake told at
//! its place. Nothing here touches the system: files come through a [`Source`].
//!
//! - [`load()`]: the way in
//! - [`model`]: what a configuration means
//! - [`keywords`]: the one table of keywords
//! - [`diagnostic`]: what is wrong, where, and what follows from it
//! - [`source`]: where files come from

mod build;
pub mod diagnostic;
pub mod keywords;
mod lang;
mod load;
pub mod model;
mod parse;
pub mod source;

pub use diagnostic::{Code, Diagnostic, Diagnostics};
pub use load::{Loaded, Options, load, merged};
pub use model::Config;
pub use source::{FsSource, MemorySource, Source};
