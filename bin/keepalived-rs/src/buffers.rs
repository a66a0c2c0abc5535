//! `vrrp_netlink_cmd_rcv_bufs` and its kin: receive buffers of netlink sockets.

use std::io;

use control_plane::model::global::Buffer;
use netlink::ReceiveBuffer;

/// What a socket is to get; `None` is what it has without settings. keepalived takes 0 for that.
pub(crate) fn wanted(buffer: Buffer) -> Option<ReceiveBuffer> {
    let bytes = buffer.size.filter(|bytes| *bytes > 0)?;
    Some(ReceiveBuffer { bytes, force: buffer.force })
}

/// Says what the system refused.
pub(crate) fn check(whose: &str, result: io::Result<()>) {
    if let Err(error) = result {
        log::warn!("receive buffers of the {whose} netlink sockets: {error}");
    }
}
