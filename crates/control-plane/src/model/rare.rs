//! Settings that few have.

use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

/// Settings that take no memory as long as they are the usual ones. A thousand instances without
/// scripts have no room for a thousand times seven of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rare<T>(Option<Box<T>>);

/// What something is when nobody says anything about it.
pub trait Usual: Default + PartialEq + 'static {
    /// The same for all.
    fn usual() -> &'static Self;
}

impl<T: Usual> Rare<T> {
    /// Whether nothing was said.
    pub fn is_usual(&self) -> bool {
        **self == *T::usual()
    }
}

impl<T: Usual> From<T> for Rare<T> {
    fn from(value: T) -> Self {
        Self((value != *T::usual()).then(|| Box::new(value)))
    }
}

impl<T: Usual> Deref for Rare<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or_else(|| T::usual())
    }
}

impl<T: Usual> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: Usual> PartialEq for Rare<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Usual + Eq> Eq for Rare<T> {}

impl<T: Usual + Hash> Hash for Rare<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Number(u32);

    impl Usual for Number {
        fn usual() -> &'static Self {
            &Self(0)
        }
    }

    #[test]
    fn what_is_usual_takes_no_memory_and_is_the_same_with_and_without() {
        let mut one = Rare::from(Number(0));
        assert!(one.0.is_none() && one.is_usual());
        one.0 = Some(Box::default());
        assert_eq!(one, Rare::default());
        one.0 = None;
        one.deref_mut().0 = 7;
        assert_eq!(*one, Number(7));
        assert!(!one.is_usual() && one != Rare::default());
    }
}
