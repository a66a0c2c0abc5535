//! Every keyword has an effect that can be seen. The tables of rows lie beside the machines that show
//! it, in `keyword_effects` of their tests; what a row is, and which table a keyword belongs in, is said
//! here once, so that none falls between two of them.
//!
//! - [`Row`]: a configuration that is played with and without a keyword, and what that must change
//! - [`Elsewhere`]: a keyword whose effect another test sees, in the kernel, in files, in a process
//! - [`Table`]: where a keyword belongs, and [`Table::gaps`], what a table lacks
//! - [`Played`]: a machine in virtual time

mod elsewhere;
mod played;
mod row;
mod source;
mod table;

pub use elsewhere::Elsewhere;
pub use played::Played;
pub use row::{Row, Sees, gone, new};
pub use table::Table;
