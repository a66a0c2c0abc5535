//! Sockets of a process, seen from outside.

use std::fs;

use rustix::net::{AddressFamily, RawProtocol, sockopt};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::process::Process;

/// A socket that a process has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenSocket {
    /// Address family, as the kernel counts.
    pub family: u16,
    /// Protocol of the family, as the kernel counts.
    pub protocol: u32,
    /// Bytes of receive buffer that it was given: the kernel shows twice as many.
    pub receive_buffer: usize,
}

/// The sockets that a process has open now.
pub fn of(process: &Process) -> Vec<OpenSocket> {
    let pid = Pid::from_raw(process.host_pid).expect("a process");
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).expect("the process is there");
    let folder = format!("/proc/{}/fd", process.host_pid);
    let numbers = fs::read_dir(folder).expect("the process is there").flatten();
    let numbers = numbers.filter(|entry| {
        fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
    });
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<_> = numbers
        .filter_map(|number| {
            let socket = pidfd_getfd(&pidfd, number, PidfdGetfdFlags::empty()).ok()?;
            let family: AddressFamily = sockopt::socket_domain(&socket).ok()?;
            let protocol = sockopt::socket_protocol(&socket).ok().flatten();
            Some(OpenSocket {
                family: family.as_raw(),
                protocol: protocol.map_or(0, |one| RawProtocol::from(one.as_raw()).get()),
                receive_buffer: sockopt::socket_recv_buffer_size(&socket).ok()? / 2,
            })
        })
        .collect();
    found.sort();
    found
}

/// The most bytes of receive buffer that the system gives without force. Known outside of nodes only.
pub fn limit() -> usize {
    let limit = fs::read_to_string("/proc/sys/net/core/rmem_max").expect("the system's limit");
    limit.trim().parse().expect("bytes")
}
