//! Routes and rules that are ours, and what is known of them.
//!
//! The kernel says little about their end: IPv4 routes go without a word with their interface or
//! their source address. So there is no mirror of all routes, which may be a million on a router, but
//! a ledger of ours. What may have gone is doubted, and added again: the kernel says of what is there
//! that it exists, which is as good as an addition.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use netlink::{Message, Request};

use crate::route::Route;
use crate::rule::Rule;

const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const EEXIST: i32 = 17;
const ENODEV: i32 = 19;

/// A route or a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// A route.
    Route(Box<Route>),
    /// A rule.
    Rule(Box<Rule>),
}

/// `route 192.0.2.0/24 via 10.0.0.254`, `rule 100: from all lookup 5`.
impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(route) => write!(f, "route {route}"),
            Self::Rule(rule) => write!(f, "rule {rule}"),
        }
    }
}

/// One request about a route or a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ObjectRequest {
    Add(Object),
    Remove(Object),
}

impl ObjectRequest {
    pub(crate) const fn removes(&self) -> bool {
        matches!(self, Self::Remove(_))
    }
}

impl fmt::Display for ObjectRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(object) => write!(f, "add {object}"),
            Self::Remove(object) => write!(f, "remove {object}"),
        }
    }
}

impl Request for ObjectRequest {
    fn message(&self) -> Message {
        match self {
            Self::Add(Object::Route(route)) => route.addition(),
            Self::Add(Object::Rule(rule)) => rule.addition(),
            Self::Remove(Object::Route(route)) => route.removal(),
            Self::Remove(Object::Rule(rule)) => rule.removal(),
        }
    }
}

/// What is known of an object of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    There,
    Gone,
    /// It was there, and may have gone.
    Doubtful,
}

/// Our objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    known: BTreeMap<Object, Knowledge>,
}

impl Ledger {
    /// What is to be done first, and what last, so that `desired` is there, in that order, and no
    /// other of `managed` and of what we have added before, but for `left`, which is left alone. Rules
    /// go before routes.
    pub(crate) fn difference(
        &self,
        managed: &[Object],
        desired: &[Object],
        left: &[Object],
    ) -> (Vec<ObjectRequest>, Vec<ObjectRequest>) {
        let mut rest: BTreeSet<&Object> = desired.iter().collect();
        let ours: BTreeSet<&Object> = managed.iter().chain(self.known.keys()).collect();
        let left: BTreeSet<&Object> = left.iter().collect();
        let stays = |object: &Object| rest.contains(object) || left.contains(object);
        let surplus: Vec<&Object> =
            ours.into_iter().rev().filter(|object| !stays(object)).collect();
        let removals = surplus
            .into_iter()
            .filter(|object| self.known.get(*object) != Some(&Knowledge::Gone))
            .map(|object| ObjectRequest::Remove(object.clone()))
            .collect();
        let missing = desired.iter().filter(|object| {
            rest.remove(object) && self.known.get(*object) != Some(&Knowledge::There)
        });
        (removals, missing.cloned().map(ObjectRequest::Add).collect())
    }

    /// Takes in what has become of a request. `false`: it is a refusal to be told.
    pub(crate) fn account(&mut self, request: &ObjectRequest, errno: Option<i32>) -> bool {
        match (request, errno) {
            (ObjectRequest::Add(object), None | Some(EEXIST)) => {
                self.known.insert(object.clone(), Knowledge::There);
            }
            (ObjectRequest::Remove(object), None | Some(ENOENT | ESRCH | ENODEV)) => {
                self.known.insert(object.clone(), Knowledge::Gone);
            }
            _ => return false,
        }
        true
    }

    /// Forgets what is gone and neither managed any longer.
    pub(crate) fn forget(&mut self, managed: &[Object]) {
        let managed: BTreeSet<&Object> = managed.iter().collect();
        self.known.retain(|object, known| *known != Knowledge::Gone || managed.contains(object));
    }

    /// Whether an object of ours is there, as far as is known.
    pub(crate) fn has(&self, object: &Object) -> bool {
        self.known.get(object) == Some(&Knowledge::There)
    }

    /// Objects like this may have gone. Whether we had one.
    pub(crate) fn doubt(&mut self, is_like: impl Fn(&Object) -> bool) -> bool {
        let mut had = false;
        for (object, known) in &mut self.known {
            if *known == Knowledge::There && is_like(object) {
                *known = Knowledge::Doubtful;
                had = true;
            }
        }
        had
    }
}

#[cfg(test)]
mod tests;
