//! Whole networks of virtual routers in virtual time: the real stack on every node, a segment that
//! loses, delays and parts, nodes that freeze, crash and come back, all decided by a seed. The same
//! seed always plays the same story.
//!
//! - [`seed`]: random numbers that can be repeated
//! - [`node`]: one machine: the stack, its parent's memory, its kernel's addresses
//! - [`kernel`]: the addresses in its kernel, with their lifetimes
//! - [`world`]: nodes on a segment, and the order in which things happen
//! - [`chaos`]: what a seed does to a world
//! - `changes`: reloads that change more than numbers
//! - [`faults`]: single faults against what is configured to prevent split brain
//! - [`check`]: what must hold

mod changes;
pub mod chaos;
pub mod check;
pub mod faults;
pub mod kernel;
pub mod node;
pub mod seed;
pub mod world;

pub use chaos::Story;
pub use check::Violation;
pub use faults::Siege;
pub use node::Node;
pub use seed::Seed;
pub use world::World;
