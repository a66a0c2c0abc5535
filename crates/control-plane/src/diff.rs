//! What a reload changes, object by object. An object is the same when its name, or what the
//! kernel knows it by, is the same.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::lvs::{RealServer, ServiceAddress, VirtualServer};
use crate::model::vrrp::{Instance, VirtualAddress};
use crate::model::{Config, Lvs, Vrrp, VrrpScript};

/// Whether something came, went, or is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is still there, with other settings.
    Changed,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change {
    /// What happened to it.
    pub kind: Kind,
    /// What it is: `VIP 10.0.0.1/32`, `vrrp_instance VI_1`.
    pub object: String,
    /// What it belongs to, if it belongs to something: `VI_1`.
    pub of: Option<String>,
}

impl fmt::Display for Change {
    /// `VIP 10.0.0.1/32 added to VI_1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, link) = match self.kind {
            Kind::Added => ("added", "to"),
            Kind::Removed => ("removed", "from"),
            Kind::Changed => ("changed", "in"),
        };
        write!(f, "{} {verb}", self.object)?;
        match &self.of {
            Some(of) => write!(f, " {link} {of}"),
            None => Ok(()),
        }
    }
}

/// What differs between two configurations, in the order of the objects; empty when they mean the
/// same.
pub fn diff(old: &Config, new: &Config) -> Vec<Change> {
    let mut changes = Vec::new();
    if old.global != new.global {
        push(&mut changes, Kind::Changed, "global_defs".to_owned(), None);
    }
    compare(
        &mut changes,
        None,
        (&old.vrrp.scripts, &new.vrrp.scripts),
        |script| script.name.clone(),
        |name| format!("vrrp_script {name}"),
        |_, _: &VrrpScript, _| false,
    );
    compare(
        &mut changes,
        None,
        (&old.vrrp.instances, &new.vrrp.instances),
        |instance| instance.name.clone(),
        |name| format!("vrrp_instance {name}"),
        instance,
    );
    compare(
        &mut changes,
        None,
        (&old.vrrp.sync_groups, &new.vrrp.sync_groups),
        |group| group.name.clone(),
        |name| format!("vrrp_sync_group {name}"),
        |_, _, _| false,
    );
    if rest_of_vrrp(old) != rest_of_vrrp(new) {
        push(&mut changes, Kind::Changed, "VRRP settings".to_owned(), None);
    }
    compare(
        &mut changes,
        None,
        (&old.lvs.virtual_servers, &new.lvs.virtual_servers),
        |server| server.address,
        |address| format!("virtual_server {}", service(address)),
        virtual_server,
    );
    if rest_of_lvs(old) != rest_of_lvs(new) {
        push(&mut changes, Kind::Changed, "LVS settings".to_owned(), None);
    }
    compare(
        &mut changes,
        None,
        (&old.bfd, &new.bfd),
        |bfd| bfd.name.clone(),
        |name| format!("bfd_instance {name}"),
        |_, _, _| false,
    );
    changes
}

fn rest_of_vrrp(config: &Config) -> Vrrp {
    let mut vrrp = config.vrrp.clone();
    vrrp.scripts.clear();
    vrrp.instances.clear();
    vrrp.sync_groups.clear();
    vrrp
}

fn rest_of_lvs(config: &Config) -> Lvs {
    let mut lvs = config.lvs.clone();
    lvs.virtual_servers.clear();
    lvs
}

fn push(changes: &mut Vec<Change>, kind: Kind, object: String, of: Option<&str>) {
    changes.push(Change { kind, object, of: of.map(str::to_owned) });
}

/// Compares two lists by the identity of their items. `details` looks into two items that are not
/// equal, and returns whether it told all that differs.
fn compare<T: PartialEq, K: Ord>(
    changes: &mut Vec<Change>,
    of: Option<&str>,
    (old, new): (&[T], &[T]),
    identity: impl Fn(&T) -> K,
    name: impl Fn(&K) -> String,
    details: impl Fn(&mut Vec<Change>, &T, &T) -> bool,
) {
    let index = |list| -> BTreeMap<K, &T> {
        let list: &[T] = list;
        list.iter().map(|item| (identity(item), item)).collect()
    };
    let (before, after) = (index(old), index(new));
    for (key, item) in &before {
        match after.get(key) {
            None => push(changes, Kind::Removed, name(key), of),
            Some(other) if item != other => {
                if !details(changes, item, other) {
                    push(changes, Kind::Changed, name(key), of);
                }
            }
            Some(_) => {}
        }
    }
    for key in after.keys().filter(|key| !before.contains_key(key)) {
        push(changes, Kind::Added, name(key), of);
    }
}

fn instance(changes: &mut Vec<Change>, old: &Instance, new: &Instance) -> bool {
    let lists = [
        ("VIP", &old.virtual_addresses, &new.virtual_addresses),
        ("excluded VIP", &old.excluded_addresses, &new.excluded_addresses),
    ];
    for (kind, old_list, new_list) in lists {
        compare(
            changes,
            Some(&old.name),
            (old_list, new_list),
            |address: &VirtualAddress| (address.net, address.interface.clone()),
            |(net, _)| format!("{kind} {net}"),
            |_, _, _| false,
        );
    }
    let bare = |instance: &Instance| Instance {
        virtual_addresses: Vec::new(),
        excluded_addresses: Vec::new(),
        ..instance.clone()
    };
    bare(old) == bare(new)
}

fn virtual_server(changes: &mut Vec<Change>, old: &VirtualServer, new: &VirtualServer) -> bool {
    compare(
        changes,
        Some(&service(&old.address)),
        (&old.real_servers, &new.real_servers),
        |server: &RealServer| server.address,
        |address| format!("real_server {address}"),
        |_, _, _| false,
    );
    let bare = |server: &VirtualServer| {
        let mut server = server.clone();
        server.real_servers.clear();
        server
    };
    bare(old) == bare(new)
}

/// A service as keepalived names it.
fn service(address: &ServiceAddress) -> String {
    match address {
        ServiceAddress::Address { ip, port, protocol } => {
            format!("[{ip}]:{}:{port}", protocol.name())
        }
        ServiceAddress::Mark { mark, .. } => format!("FWM {mark}"),
        ServiceAddress::Group { group, protocol, .. } => {
            format!("[group {}]:{}", group.0, protocol.name())
        }
    }
}
