//! Groups of virtual servers that are one service of the kernel each, found by a firewall mark
//! (`nftables_ipvs`): which group has which mark, and the firewall that gives it to packets.

use std::collections::{BTreeMap, BTreeSet};

use checkers::{Snapshot, StateChange};
use control_plane::model::global::Firewall;
use control_plane::model::lvs::{GroupEntry, Lvs, ServerGroup};
use control_plane::model::{Protocol, ServiceAddress};
use netlink::Socket;
use netlink_reflector::firewall::marks::{MarkMap, MarkTables, Marked, Ported, without_overlaps};

/// `nftables_ipvs_start_fwmark` where nothing is said.
const FIRST_MARK: u32 = 1000;

/// `nftables_ipvs_priority` where nothing is said.
const PRIORITY: i32 = -1;

/// The marks of groups.
pub(super) type Assigned = BTreeMap<ServiceAddress, u32>;

/// The firewall's part of the table.
pub(super) struct Marks {
    assigned: Assigned,
    wanted: MarkMap,
    priority: i32,
    /// The name of the first configuration that had one; it stays.
    table: Option<String>,
    /// A predecessor may have left such tables.
    left_behind: bool,
    way: Way,
    /// What the parent has not been told.
    changes: Vec<StateChange>,
}

/// The way to the firewall.
enum Way {
    /// Not needed so far.
    Here,
    /// Not needed so far, and in another network namespace.
    Elsewhere(Option<Result<Socket, String>>),
    Open(MarkTables<Socket>),
}

impl Marks {
    /// With a socket, if the firewall is that of another network namespace.
    pub(super) fn new(elsewhere: Option<Result<Socket, String>>) -> Self {
        Self {
            assigned: Assigned::new(),
            wanted: MarkMap::new(),
            priority: PRIORITY,
            table: None,
            left_behind: false,
            way: elsewhere.map_or(Way::Here, |socket| Way::Elsewhere(Some(socket))),
            changes: Vec::new(),
        }
    }

    /// What a predecessor had given and made.
    pub(super) fn recall(&mut self, known: &Snapshot) {
        self.assigned = known.marks.clone();
        self.table = known.mark_table.clone();
        self.left_behind = self.table.is_some() && !self.assigned.is_empty();
    }

    /// For a successor.
    pub(super) fn complete(&self, known: &mut Snapshot) {
        known.marks = self.assigned.clone();
        known.mark_table = self.table.clone();
    }

    /// Which marks are given.
    pub(super) const fn assigned(&self) -> &Assigned {
        &self.assigned
    }

    /// This is the configuration from now on.
    pub(super) fn configure(&mut self, config: &Lvs, firewall: &Firewall) {
        let assigned = assign(config, firewall, &self.assigned);
        let gone = self.assigned.keys().filter(|one| !assigned.contains_key(one));
        let gone = gone.map(|one| StateChange::Mark(*one, None));
        let is_new = |(one, mark): &(&ServiceAddress, &u32)| self.assigned.get(one) != Some(*mark);
        let new = assigned.iter().filter(is_new);
        let changes: Vec<_> =
            gone.chain(new.map(|(one, mark)| StateChange::Mark(*one, Some(*mark)))).collect();
        self.changes.extend(changes);
        let (wanted, left_out) = without_overlaps(packets(&config.groups, &assigned));
        for Marked { first, last, port, .. } in left_out {
            log::warn!("nftables_ipvs: {first}-{last} port {port} is in another group already");
        }
        (self.assigned, self.wanted) = (assigned, wanted);
        self.priority = firewall.ipvs_priority.unwrap_or(PRIORITY);
        if self.table.is_none()
            && let Some(name) = &firewall.ipvs_table
        {
            self.table = Some(name.clone());
            self.changes.push(StateChange::MarkTable(name.clone()));
        }
    }

    /// What the parent has to know for a successor, since the last call.
    pub(super) fn take_changes(&mut self) -> Vec<StateChange> {
        std::mem::take(&mut self.changes)
    }

    /// Brings the firewall to what is configured, or to nothing when there are no services. Says what
    /// went wrong; it is to be called again then.
    pub(super) fn reconcile(&mut self, has_services: bool) -> Option<String> {
        let nothing = MarkMap::new();
        let is_wanted = has_services && !self.wanted.is_empty();
        if (is_wanted || self.left_behind)
            && let Err(error) = self.open()
        {
            return Some(format!("nftables_ipvs: {error}"));
        }
        let Way::Open(tables) = &mut self.way else { return None };
        tables.set_priority(self.priority);
        let wanted = if is_wanted { &self.wanted } else { &nothing };
        tables.reconcile(wanted).err().map(|error| format!("nftables_ipvs: {error}"))
    }

    /// Whether somebody has removed the tables.
    pub(super) fn look(&mut self) -> bool {
        let Way::Open(tables) = &mut self.way else { return false };
        tables.look().unwrap_or_else(|error| {
            log::error!("nftables_ipvs: {error}");
            true
        })
    }

    fn open(&mut self) -> Result<(), String> {
        let Some(table) = self.table.as_deref() else { return Ok(()) };
        let open = |socket| Way::Open(MarkTables::new(socket, table, self.priority));
        self.way = match &mut self.way {
            Way::Open(_) => return Ok(()),
            Way::Here => Way::Open(
                MarkTables::open(table, self.priority).map_err(|error| error.to_string())?,
            ),
            Way::Elsewhere(Some(Err(error))) => return Err(error.clone()),
            Way::Elsewhere(socket) => match socket.take() {
                Some(Ok(socket)) => open(socket),
                _ => return Ok(()),
            },
        };
        Ok(())
    }
}

/// Whether packets to the group can be told by addresses and ports: one with a mark of its own, or with
/// a service on all ports, is programmed entry by entry.
fn is_markable(group: &ServerGroup) -> bool {
    let has_port =
        |entry: &GroupEntry| matches!(entry, GroupEntry::Addresses { port, .. } if *port != 0);
    !group.entries.is_empty() && group.entries.iter().all(has_port)
}

/// Marks for the virtual servers of groups, in the order of the file. One that has a mark keeps it, so
/// that a reload does not send packets of one group to another, unless the configuration names that mark
/// for something else now.
fn assign(config: &Lvs, firewall: &Firewall, before: &Assigned) -> Assigned {
    if firewall.ipvs_table.is_none() {
        return Assigned::new();
    }
    let first = firewall.ipvs_first_mark.unwrap_or(FIRST_MARK);
    let is_meant = |address: &ServiceAddress| match address {
        ServiceAddress::Group { group, .. } => config.group(*group).is_some_and(is_markable),
        _ => false,
    };
    let addresses = config.virtual_servers.iter().map(|one| one.address);
    let meant: Vec<ServiceAddress> = addresses.filter(is_meant).collect();
    let kept = meant.iter().filter_map(|one| Some((*one, *before.get(one)?)));
    let mut used: BTreeSet<u32> = own_marks(config).collect();
    let is_free = |(_, mark): &(ServiceAddress, u32)| *mark >= first && !used.contains(mark);
    let mut assigned: Assigned = kept.filter(is_free).collect();
    used.extend(assigned.values());
    let mut next = first;
    for address in meant {
        if assigned.contains_key(&address) {
            continue;
        }
        while used.contains(&next) {
            let Some(following) = next.checked_add(1) else { return assigned };
            next = following;
        }
        used.insert(next);
        assigned.insert(address, next);
    }
    assigned
}

/// Marks that the configuration names itself.
fn own_marks(config: &Lvs) -> impl Iterator<Item = u32> {
    let services = config.virtual_servers.iter().filter_map(|one| match one.address {
        ServiceAddress::Mark { mark, .. } => Some(mark),
        _ => None,
    });
    let entries = config.groups.iter().flat_map(|group| &group.entries);
    services.chain(entries.filter_map(|entry| match entry {
        GroupEntry::Mark { mark, .. } => Some(*mark),
        GroupEntry::Addresses { .. } => None,
    }))
}

/// Which packets get which mark.
fn packets(groups: &[ServerGroup], assigned: &Assigned) -> Vec<(Marked, u32)> {
    let mut packets = Vec::new();
    for (address, mark) in assigned {
        let ServiceAddress::Group { group, protocol, .. } = address else { continue };
        let protocol = match protocol {
            Protocol::Tcp => Ported::Tcp,
            Protocol::Udp => Ported::Udp,
            Protocol::Sctp => Ported::Sctp,
        };
        let entries = groups.iter().filter(|found| found.id == *group).flat_map(|one| &one.entries);
        packets.extend(entries.filter_map(|entry| match *entry {
            GroupEntry::Addresses { first, last, port } => {
                Some((Marked { protocol, port, first, last }, *mark))
            }
            GroupEntry::Mark { .. } => None,
        }));
    }
    packets
}

#[cfg(test)]
mod tests {
    use control_plane::model::VirtualServer;
    use control_plane::model::lvs::GroupId;

    use super::*;

    fn group(name: &str, port: u16) -> ServerGroup {
        let [first, last] = ["10.1.1.1", "10.1.1.9"].map(|text| text.parse().unwrap());
        ServerGroup::new(name, vec![GroupEntry::Addresses { first, last, port }])
    }

    fn of(name: &str) -> ServiceAddress {
        let group = GroupId::of(name);
        ServiceAddress::Group { group, protocol: Protocol::Tcp, ipv6: false }
    }

    fn config(names: &[&str]) -> Lvs {
        let mut groups: Vec<_> = ["A", "B", "C"].map(|name| group(name, 80)).into();
        groups.push(group("every-port", 0));
        groups.push(ServerGroup::new("own", vec![GroupEntry::Mark { mark: 1001, ipv6: None }]));
        let virtual_servers = names.iter().map(|name| VirtualServer::new(of(name))).collect();
        Lvs { virtual_servers, groups, ..Lvs::default() }
    }

    fn firewall(first: Option<u32>) -> Firewall {
        Firewall {
            ipvs_table: Some("keepalived_ipvs".into()),
            ipvs_first_mark: first,
            ..Firewall::default()
        }
    }

    /// `nftables_ipvs`.
    #[test]
    fn groups_are_numbered_in_the_order_of_the_file_past_marks_in_use() {
        let all = config(&["C", "own", "every-port", "A", "none", "B"]);
        let assigned = assign(&all, &firewall(None), &Assigned::new());
        let wanted = [("C", 1000), ("A", 1002), ("B", 1003)].map(|(name, mark)| (of(name), mark));
        assert_eq!(assigned, wanted.into());
        assert_eq!(assign(&all, &Firewall::default(), &assigned), Assigned::new());
    }

    /// `nftables_ipvs_start_fwmark`.
    #[test]
    fn a_group_keeps_its_mark_over_reloads() {
        let before = assign(&config(&["A", "B"]), &firewall(None), &Assigned::new());
        let after = assign(&config(&["C", "B"]), &firewall(None), &before);
        assert_eq!(after, [(of("C"), 1000), (of("B"), 1002)].into());
        let moved = assign(&config(&["C", "B"]), &firewall(Some(2000)), &after);
        assert_eq!(moved, [(of("C"), 2000), (of("B"), 2001)].into());
    }

    #[test]
    fn a_mark_that_the_configuration_names_now_is_no_longer_that_of_a_group() {
        let before = assign(&config(&["A", "B"]), &firewall(None), &Assigned::new());
        assert_eq!(before, [(of("A"), 1000), (of("B"), 1002)].into());
        let mut all = config(&["A", "B"]);
        all.groups.push(ServerGroup::new("now", vec![GroupEntry::Mark { mark: 1000, ipv6: None }]));
        let after = assign(&all, &firewall(None), &before);
        assert_eq!(after, [(of("A"), 1003), (of("B"), 1002)].into());
    }

    #[test]
    fn what_changed_is_told_once() {
        let mut marks = Marks::new(None);
        marks.configure(&config(&["A"]), &firewall(None));
        let told = [
            StateChange::Mark(of("A"), Some(1000)),
            StateChange::MarkTable("keepalived_ipvs".into()),
        ];
        assert_eq!(marks.take_changes(), told);
        marks.configure(&config(&["A"]), &firewall(None));
        assert_eq!(marks.take_changes(), []);
        marks.configure(&config(&[]), &firewall(None));
        assert_eq!(marks.take_changes(), [StateChange::Mark(of("A"), None)]);
    }

    /// `nftables_ipvs`, `nftables_ipvs_priority`.
    #[test]
    fn the_tables_have_name_and_priority_of_the_configuration() {
        let mut marks = Marks::new(None);
        marks.configure(&config(&["A"]), &firewall(None));
        assert_eq!((marks.table.as_deref(), marks.priority), (Some("keepalived_ipvs"), -1));
        let other = Firewall {
            ipvs_table: Some("other".into()),
            ipvs_priority: Some(7),
            ..Firewall::default()
        };
        marks.configure(&config(&["A"]), &other);
        let kept = (Some("keepalived_ipvs"), 7);
        assert_eq!((marks.table.as_deref(), marks.priority), kept, "a name stays over reloads");
    }

    #[test]
    fn a_successor_goes_on_with_the_table_of_its_predecessor() {
        let mut marks = Marks::new(None);
        marks.configure(&config(&["A"]), &firewall(None));
        let known: Snapshot = marks.take_changes().into_iter().collect();
        let mut complete = Snapshot::default();
        marks.complete(&mut complete);
        assert_eq!(known, complete);

        let mut successor = Marks::new(None);
        successor.recall(&known);
        let other = Firewall { ipvs_table: Some("other".into()), ..Firewall::default() };
        successor.configure(&config(&["A"]), &other);
        assert_eq!(successor.table.as_deref(), Some("keepalived_ipvs"));
        assert_eq!(successor.take_changes(), []);
        assert!(successor.left_behind, "and removes it, should there be no marks any more");
    }

    #[test]
    fn packets_of_a_group_are_those_to_its_addresses() {
        let all = config(&["A"]);
        let found = packets(&all.groups, &[(of("A"), 1000)].into());
        let [first, last] = ["10.1.1.1", "10.1.1.9"].map(|text| text.parse().unwrap());
        assert_eq!(found, [(Marked { protocol: Ported::Tcp, port: 80, first, last }, 1000)]);
    }
}
