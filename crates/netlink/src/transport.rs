//! What a netlink socket must do.

use std::io;

/// One netlink socket, or a test that plays the kernel.
///
/// The kernel works on a request inside `send`: when `send` returns, the answers are in the queue.
/// So nothing here ever has to wait.
pub trait Transport {
    /// Sends one datagram, whole or not at all.
    fn send(&mut self, datagram: &[u8]) -> io::Result<()>;

    /// Takes one datagram out of the receive queue, into the front of `buffer`, and returns its
    /// full length: more than `buffer.len()` when it was cut. `WouldBlock` when there is none,
    /// `ENOBUFS` once after the kernel has dropped messages.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        (**self).send(datagram)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).receive(buffer)
    }
}
