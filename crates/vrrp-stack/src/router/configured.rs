//! A router's share of the configuration.

use std::hash::{Hash, Hasher};
use std::ops::Deref;

use base::Shared;
use control_plane::model::Instance;

/// One instance of those of a configuration, which all its routers hold together: with a thousand
/// of them a copy for each would be most of what the process has in memory.
#[derive(Clone, Debug)]
pub(crate) struct Configured {
    all: Shared<Vec<Instance>>,
    /// A place in `all`, which nobody changes.
    at: usize,
}

impl Configured {
    /// Every instance, in order.
    pub(crate) fn all(all: &Shared<Vec<Instance>>) -> impl Iterator<Item = Self> + use<> {
        let all = all.clone();
        (0..all.len()).map(move |at| Self { all: all.clone(), at })
    }
}

impl Deref for Configured {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.all[self.at]
    }
}

impl PartialEq for Configured {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Configured {}

impl Hash for Configured {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
