//! `vrrp_rx_bufs_policy`, `kernel_rx_buf_size`: how much may wait in the sockets that adverts are
//! heard with.

use std::collections::BTreeMap;

use control_plane::model::global::{AdvertBuffer, Buffers};

use crate::output::SocketKey;
use crate::router::SMALLEST_MTU;
use crate::stack::Stack;

/// keepalived's `vrrp_rx_bufs_multiplier`.
const MULTIPLIER: u32 = 3;

impl Stack {
    /// Bytes of receive buffer of sockets for which somebody asks: what their instances want
    /// together. The others have what the system gives.
    pub fn receive_buffers(&self, buffers: &Buffers) -> BTreeMap<SocketKey, u32> {
        let mut sizes: BTreeMap<SocketKey, u32> = BTreeMap::new();
        let factor = buffers.advert_multiplier.unwrap_or(MULTIPLIER);
        for router in self.routers() {
            let Some(home) = router.home_index(&self.links) else { continue };
            let mtu = router.home(&self.links).map_or(SMALLEST_MTU, |link| link.mtu);
            let by_policy = match buffers.advert {
                AdvertBuffer::System => 0,
                AdvertBuffer::Mtu => mtu.saturating_mul(factor),
                AdvertBuffer::Advert => router.datagram_length(mtu).saturating_mul(factor),
                AdvertBuffer::Bytes(bytes) => bytes,
            };
            let bytes = router.config().receive_buffer.unwrap_or(by_policy);
            let hearing = router.socket(home);
            let sending = router.sending_socket(&self.links).filter(|socket| *socket != hearing);
            for socket in std::iter::once(hearing).chain(sending).filter(|_| bytes > 0) {
                let size = sizes.entry(socket).or_default();
                *size = size.saturating_add(bytes);
            }
        }
        sizes
    }
}

#[cfg(test)]
mod tests {
    use base::Vrid;
    use control_plane::model::vrrp::Unicast;
    use control_plane::model::{Authentication, Instance, Version, Vrrp};

    use super::*;
    use crate::fixture::*;

    /// The sizes for instances with these changes, under a policy.
    fn sizes<const N: usize>(
        advert: AdvertBuffer,
        advert_multiplier: Option<u32>,
        changes: [fn(&mut Instance); N],
    ) -> Vec<u32> {
        let instances = changes.iter().zip(1..).map(|(change, number)| {
            let mut one = instance(100);
            (one.name, one.vrid) = (format!("VI_{number}"), Vrid::new(number).unwrap());
            change(&mut one);
            one
        });
        let config = Vrrp { instances: instances.collect(), ..Vrrp::default() };
        let buffers = Buffers { advert, advert_multiplier, ..Buffers::default() };
        Bench::new(&config).stack.receive_buffers(&buffers).into_values().collect()
    }

    #[test]
    fn a_socket_gets_what_its_instances_want_together() {
        use AdvertBuffer::{Bytes, Mtu, System};
        let own: fn(&mut Instance) = |one| one.receive_buffer = Some(20_000);
        let plain: fn(&mut Instance) = |_| ();
        assert_eq!(sizes(System, None, [plain, plain]), [0; 0], "what the system gives");
        assert_eq!(sizes(System, None, [own, plain]), [20_000]);
        assert_eq!(sizes(Mtu, None, [plain, own]), [24_500], "three times 1500");
        assert_eq!(sizes(Mtu, Some(1), [plain, plain]), [3_000]);
        assert_eq!(sizes(Bytes(5_000), Some(9), [plain, plain]), [10_000], "as they are");
        let most: fn(&mut Instance) = |one| one.receive_buffer = Some(u32::MAX);
        assert_eq!(sizes(System, None, [most, most]), [u32::MAX]);
        let anywhere: fn(&mut Instance) = |one| {
            (one.interface, one.unicast) = (String::new(), Some(Unicast::default()));
            one.receive_buffer = Some(7_000);
        };
        assert_eq!(sizes(System, None, [anywhere]), [7_000], "unicast without an interface");
    }

    #[test]
    fn an_advert_is_counted_as_keepalived_counts_it() {
        let length = |change| sizes(AdvertBuffer::Advert, Some(1), [change])[0];
        assert_eq!(length(|_| ()), 40, "IP header, version 2 with its authentication data");
        assert_eq!(length(|one| one.version = Version::V3), 32);
        assert_eq!(length(|one| one.virtual_addresses.push(vip("10.9.0.161/24"))), 44);
        assert_eq!(length(|one| one.authentication = Authentication::Ah([1; 8])), 64);
        let six = |one: &mut Instance| {
            one.version = Version::V3;
            one.virtual_addresses = vec![vip("fe80::7/64"), vip("2001:db8::1/64")];
        };
        assert_eq!(length(six), 40, "of IPv6 without its header");
    }
}
