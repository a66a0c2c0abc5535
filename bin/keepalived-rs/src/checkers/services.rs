//! Which services of the kernel a virtual server is: one, or those of the entries of its group.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use control_plane::model::lvs::{GroupEntry, ServerGroup};
use control_plane::model::{Protocol, ServiceAddress};
use ipvs_wrapper::{Family, ServiceKey};

use super::marks::Assigned;

/// Services of one entry of a group at most: a range of IPv6 addresses may be written that no kernel
/// can hold. keepalived ranges end within the last part of the address, which is 65,536.
const LONGEST_RANGE: usize = 1 << 16;

/// What the services of a virtual server follow from, beside its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) groups: Vec<ServerGroup>,
    /// Groups that are one service.
    pub(super) marks: Assigned,
}

impl Places {
    /// The services; none for a group that does not exist.
    pub(super) fn keys(&self, address: &ServiceAddress) -> Vec<ServiceKey> {
        let Some(mark) = self.marks.get(address) else { return keys(address, &self.groups) };
        let entries = keys(address, &self.groups);
        let families: BTreeSet<Family> = entries.iter().map(ServiceKey::family).collect();
        families
            .into_iter()
            .map(|family| ServiceKey::FirewallMark { family, mark: *mark })
            .collect()
    }
}

/// The services; none for a group that does not exist.
fn keys(address: &ServiceAddress, groups: &[ServerGroup]) -> Vec<ServiceKey> {
    match *address {
        ServiceAddress::Address { ip, port, protocol } => {
            vec![ServiceKey::address(wrapped(protocol), ip, port)]
        }
        ServiceAddress::Mark { mark, ipv6 } => vec![marked(mark, ipv6)],
        ServiceAddress::Group { group, protocol, ipv6 } => {
            let found = groups.iter().find(|found| found.id == group);
            let entries = found.into_iter().flat_map(|group| &group.entries);
            entries.flat_map(|entry| entry_keys(entry, protocol, ipv6)).collect()
        }
    }
}

fn entry_keys(entry: &GroupEntry, protocol: Protocol, group_is_ipv6: bool) -> Vec<ServiceKey> {
    match *entry {
        GroupEntry::Addresses { first, last, port } => {
            let key = |ip| ServiceKey::address(wrapped(protocol), ip, port);
            range(first, last).into_iter().map(key).collect()
        }
        GroupEntry::Mark { mark, ipv6 } => vec![marked(mark, ipv6.unwrap_or(group_is_ipv6))],
    }
}

fn range(first: IpAddr, last: IpAddr) -> Vec<IpAddr> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => (first.to_bits()..=last.to_bits())
            .take(LONGEST_RANGE)
            .map(|bits| Ipv4Addr::from_bits(bits).into())
            .collect(),
        (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits()..=last.to_bits())
            .take(LONGEST_RANGE)
            .map(|bits| Ipv6Addr::from_bits(bits).into())
            .collect(),
        _ => vec![first],
    }
}

const fn marked(mark: u32, ipv6: bool) -> ServiceKey {
    let family = if ipv6 { Family::Inet6 } else { Family::Inet };
    ServiceKey::FirewallMark { family, mark }
}

const fn wrapped(protocol: Protocol) -> ipvs_wrapper::Protocol {
    match protocol {
        Protocol::Tcp => ipvs_wrapper::Protocol::Tcp,
        Protocol::Udp => ipvs_wrapper::Protocol::Udp,
        Protocol::Sctp => ipvs_wrapper::Protocol::Sctp,
    }
}

#[cfg(test)]
mod tests {
    use control_plane::model::lvs::GroupId;

    use super::*;

    fn words(entries: Vec<GroupEntry>, ipv6: bool) -> Vec<String> {
        let groups = [ServerGroup::new("G1", entries)];
        let address =
            ServiceAddress::Group { group: GroupId::of("G1"), protocol: Protocol::Udp, ipv6 };
        keys(&address, &groups).iter().map(ToString::to_string).collect()
    }

    fn addresses(first: &str, last: &str, port: u16) -> GroupEntry {
        GroupEntry::Addresses { first: first.parse().unwrap(), last: last.parse().unwrap(), port }
    }

    #[test]
    fn a_group_is_the_services_of_its_entries() {
        let entries = vec![
            addresses("10.8.0.5", "10.8.0.7", 81),
            addresses("2001:db8::1", "2001:db8::2", 0),
            GroupEntry::Mark { mark: 5, ipv6: None },
            GroupEntry::Mark { mark: 6, ipv6: Some(true) },
        ];
        assert_eq!(
            words(entries, false),
            [
                "udp 10.8.0.5:81",
                "udp 10.8.0.6:81",
                "udp 10.8.0.7:81",
                "udp [2001:db8::1]:0",
                "udp [2001:db8::2]:0",
                "fwmark 5",
                "fwmark 6 (IPv6)",
            ]
        );
    }

    #[test]
    fn a_group_with_a_mark_is_one_service_a_family() {
        let entries = vec![
            addresses("10.8.0.5", "10.8.0.7", 81),
            addresses("2001:db8::1", "2001:db8::2", 81),
            addresses("10.8.0.9", "10.8.0.9", 443),
        ];
        let address = ServiceAddress::Group {
            group: GroupId::of("G1"),
            protocol: Protocol::Udp,
            ipv6: false,
        };
        let groups = vec![ServerGroup::new("G1", entries)];
        let places = Places { groups, marks: [(address, 1000)].into() };
        let words: Vec<String> = places.keys(&address).iter().map(ToString::to_string).collect();
        assert_eq!(words, ["fwmark 1000", "fwmark 1000 (IPv6)"]);
    }

    #[test]
    fn a_mark_has_the_family_of_its_group() {
        let mark = GroupEntry::Mark { mark: 5, ipv6: None };
        assert_eq!(words(vec![mark], true), ["fwmark 5 (IPv6)"]);
    }

    #[test]
    fn a_range_that_no_kernel_holds_is_cut() {
        assert_eq!(words(vec![addresses("2001:db8::", "2001:db8::1:0:0", 1)], true).len(), 65_536);
        assert_eq!(words(vec![addresses("10.0.0.9", "10.0.0.8", 1)], true), [""; 0]);
    }

    #[test]
    fn a_group_that_does_not_exist_is_nothing() {
        let address = ServiceAddress::Group {
            group: GroupId::of("G3"),
            protocol: Protocol::Tcp,
            ipv6: false,
        };
        assert_eq!(keys(&address, &[]), []);
    }
}
