//! Any bytes as what one process hands to another: refused or understood, never more memory than
//! the bytes can stand for, and what was understood is written and read back as the same.

use std::fmt::Debug;
use std::os::fd::AsFd;

use control_plane::Config;
use ipc::{ToChild, blob};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    let memory = sys::memfd::create_sealed("fuzz", bytes).expect("memory to hand over");
    let Ok(value) = blob::read::<T>(memory.as_fd()) else { return };
    let written = blob::write("fuzz", &value).expect("what was read can be written");
    let again = blob::read::<T>(written.as_fd()).expect("what was written can be read");
    assert_eq!(again, value);
}

/// One run.
pub fn run(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 4 {
        0 => there_and_back::<ToChild>(bytes),
        1 => there_and_back::<Vec<vrrp_stack::ObjectState>>(bytes),
        2 => there_and_back::<Vec<checkers::ServerState>>(bytes),
        _ => there_and_back::<Config>(bytes),
    }
}
