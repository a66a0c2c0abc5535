//! Gratuitous ARPs and unsolicited neighbour advertisements, on their way out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base::IfIndex;
use sys::PacketSocket;
use wire::MacAddress;

/// Sends one message for each address, from its interface's hardware address. One that cannot leave
/// is left out: the next burst says it again. `is_router` is asked once for each interface with IPv6.
pub(super) fn send(
    socket: &PacketSocket,
    addresses: &[(IfIndex, MacAddress, IpAddr)],
    is_router: impl Fn(IfIndex) -> bool,
) {
    let mut routers = BTreeMap::new();
    // One after another in one piece of memory; a list of lists would cost more than the sending.
    let mut bytes = Vec::with_capacity(addresses.len() * wire::ndp::FRAME_LEN);
    let mut ends = Vec::with_capacity(addresses.len());
    for (index, mac, address) in addresses {
        match address {
            IpAddr::V4(address) => bytes.extend(wire::arp::gratuitous(*mac, *address)),
            IpAddr::V6(address) => {
                let router = *routers.entry(*index).or_insert_with(|| is_router(*index));
                bytes.extend(wire::ndp::unsolicited(*mac, *address, router));
            }
        }
        ends.push(bytes.len());
    }
    let mut from = 0;
    let frames: Vec<(&[u8], IfIndex)> = ends
        .iter()
        .zip(addresses)
        .filter_map(|(end, (index, ..))| {
            let frame = bytes.get(std::mem::replace(&mut from, *end)..*end)?;
            Some((frame, *index))
        })
        .collect();
    let mut rest = &frames[..];
    let mut done = 0;
    while !rest.is_empty() {
        let sent = socket.send_many(rest);
        done += sent;
        rest = rest.get(sent..).unwrap_or_default();
        if let [(frame, index), others @ ..] = rest {
            if let Err(error) = socket.send(*index, frame)
                && let Some((_, _, address)) = addresses.get(done)
            {
                log::debug!("cannot announce {address}: {error}");
            }
            done += 1;
            rest = others;
        }
    }
}
