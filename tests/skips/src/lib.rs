//! A test that lacks something says so and is skipped. In CI it fails: there `tests/lab/setup` has
//! installed everything, and a proof that is not made must not look like one that is. What no setup
//! can install is on a list, and `.ci/run` shows at its end what was skipped for that.

mod lack;

pub use lack::{Lack, skip};
