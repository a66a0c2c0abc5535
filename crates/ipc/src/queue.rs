//! What waits to be sent. Pure.

use std::collections::VecDeque;

/// At most so many records wait on one channel.
pub const QUEUE_LIMIT: usize = 1024;

/// Records in order, `K` being the object that a record is the latest about and `F` what travels
/// with it.
#[derive(Debug)]
pub(crate) struct Queue<K, F> {
    waiting: VecDeque<Waiting<K, F>>,
}

#[derive(Debug)]
pub(crate) struct Waiting<K, F> {
    pub(crate) key: Option<K>,
    pub(crate) record: Vec<u8>,
    pub(crate) fds: F,
}

impl<K: PartialEq, F> Queue<K, F> {
    pub(crate) const fn new() -> Self {
        Self { waiting: VecDeque::new() }
    }

    /// Puts a record at the end. An older one about the same object is taken out: so the new state
    /// stays behind whatever was said before it. `false`, and nothing changed, when it is full.
    pub(crate) fn push(&mut self, new: Waiting<K, F>) -> bool {
        let is_older = |waiting: &Waiting<K, F>| new.key.is_some() && waiting.key == new.key;
        let replaced = self.waiting.iter().position(is_older);
        if let Some(index) = replaced {
            self.waiting.remove(index);
        } else if self.waiting.len() >= QUEUE_LIMIT {
            return false;
        }
        self.waiting.push_back(new);
        true
    }

    pub(crate) fn first(&self) -> Option<&Waiting<K, F>> {
        self.waiting.front()
    }

    pub(crate) fn remove_first(&mut self) {
        self.waiting.pop_front();
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: Option<u32>, content: u8) -> Waiting<u32, ()> {
        Waiting { key, record: vec![content], fds: () }
    }

    fn contents(queue: &Queue<u32, ()>) -> Vec<u8> {
        queue.waiting.iter().map(|waiting| waiting.record[0]).collect()
    }

    #[test]
    fn a_newer_state_replaces_the_older_and_goes_to_the_end() {
        let mut queue = Queue::new();
        for (key, content) in [(Some(1), 10), (None, 20), (Some(2), 30), (Some(1), 11)] {
            assert!(queue.push(record(key, content)));
        }
        assert_eq!(contents(&queue), [20, 30, 11]);
    }

    #[test]
    fn messages_without_object_never_replace_each_other() {
        let mut queue = Queue::new();
        assert!(queue.push(record(None, 1)) && queue.push(record(None, 2)));
        assert_eq!(contents(&queue), [1, 2]);
    }

    #[test]
    fn a_full_queue_takes_newer_states_only() {
        let mut queue = Queue::new();
        assert!(queue.push(record(Some(1), 1)));
        for _ in 1..QUEUE_LIMIT {
            assert!(queue.push(record(None, 2)));
        }
        assert!(!queue.push(record(None, 3)));
        assert!(!queue.push(record(Some(2), 4)));
        assert!(queue.push(record(Some(1), 5)));
        assert_eq!(queue.len(), QUEUE_LIMIT);
    }
}
