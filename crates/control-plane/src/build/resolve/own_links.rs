//! Names and places of the interfaces that instances make for themselves, and the addresses that
//! move onto them.

use std::collections::HashSet;

use base::Vrid;

use crate::build::global::GlobalDraft;
use crate::build::late;
use crate::diagnostic::{Code, Place};
use crate::lang::Context;
use crate::model::own_link::{OwnLink, OwnLinkKind};
use crate::model::vrrp::{Instance, Vmac};

const DEFAULT_PREFIX: &str = "vrrp";

/// What is shared by all instances: names are given in the order of the file.
struct Naming<'a> {
    prefix: &'a str,
    address_prefix: &'a str,
    taken: HashSet<String>,
}

/// Gives every instance its [`Instance::own_links`]. An instance whose VMAC would have base and MAC
/// of another one's is left out: the kernel takes only one.
pub(super) fn resolve(
    instances: &mut Vec<(Instance, Place)>,
    global: &GlobalDraft,
    cx: &mut Context<'_>,
) {
    let prefix = global.vmac_prefix.as_deref().unwrap_or(DEFAULT_PREFIX);
    let address_prefix = global.vmac_address_prefix.as_deref().unwrap_or(prefix);
    let mut naming = Naming { prefix, address_prefix, taken: HashSet::new() };
    naming.take_given(instances, cx);
    let mut places: HashSet<(String, OwnLinkKind)> = HashSet::new();
    instances.retain_mut(|(instance, place)| {
        if instance.duplicate_of.is_some() {
            return true;
        }
        let links = naming.links_of(instance);
        let is_vmac = |link: &&OwnLink| matches!(link.kind, OwnLinkKind::Vmac(_));
        let at = |link: &OwnLink| (link.base.clone(), link.kind);
        if let Some(double) = links.iter().filter(is_vmac).find(|one| places.contains(&at(one))) {
            let name = &instance.name;
            let message = format!(
                "({name}) another instance has the same VMAC on {}, disabling {name}",
                double.base
            );
            cx.report(late(Code::Duplicate, message, place).label("this one is left out"));
            return false;
        }
        places.extend(links.iter().map(at));
        instance.own_links = links;
        true
    });
}

impl Naming<'_> {
    /// Names that the file gives; the second use of one is no name.
    fn take_given(&mut self, instances: &mut [(Instance, Place)], cx: &mut Context<'_>) {
        let mut owners: Vec<(String, String)> = Vec::new();
        for (instance, place) in instances {
            let (Vmac::Macvlan { name, .. } | Vmac::Ipvlan { name, .. }) = &mut instance.vmac
            else {
                continue;
            };
            let Some(given) = name.clone() else { continue };
            if let Some((_, owner)) = owners.iter().find(|(taken, _)| *taken == given) {
                let message = format!(
                    "({}) VRRP instance {owner} is already using {given} - ignoring name",
                    instance.name
                );
                cx.report(late(Code::Duplicate, message, place));
                *name = None;
            } else {
                owners.push((given.clone(), instance.name.clone()));
                self.taken.insert(given);
            }
        }
    }

    /// The instance's links; its addresses move onto VMACs, while an ipvlan only carries adverts.
    fn links_of(&mut self, instance: &mut Instance) -> Vec<OwnLink> {
        let ipv4 = instance.is_ipv4();
        let mut links: Vec<OwnLink> = self.main(instance, ipv4).into_iter().collect();
        let on_other_interfaces =
            matches!(instance.vmac, Vmac::Macvlan { for_addresses: true, .. });
        let vmac = links.first().filter(|link| matches!(link.kind, OwnLinkKind::Vmac(_)));
        let main = vmac.map(|link| link.name.clone());
        let Instance { interface, vrid, vrf, virtual_addresses, excluded_addresses, .. } = instance;
        for address in virtual_addresses.iter_mut().chain(excluded_addresses) {
            let own = *interface == address.interface;
            let is_ipv4 = address.address().is_ipv4();
            if let Some(main) = main.as_ref().filter(|_| own && is_ipv4 == ipv4) {
                address.interface.clone_from(main);
            } else if address.use_vmac || (on_other_interfaces && !own) {
                let kind = OwnLinkKind::Vmac(virtual_mac(*vrid, is_ipv4));
                let there =
                    links.iter().find(|link| link.base == address.interface && link.kind == kind);
                if let Some(link) = there {
                    address.interface.clone_from(&link.name);
                    continue;
                }
                let name = self.name(self.address_prefix.to_owned(), *vrid, is_ipv4);
                let base = std::mem::replace(&mut address.interface, name.clone());
                links.push(OwnLink {
                    name,
                    base,
                    kind,
                    group: None,
                    vrf: vrf.clone(),
                    transmits: false,
                    ipv4: is_ipv4,
                    ipv6: !is_ipv4,
                });
            }
        }
        links
    }

    /// The link of the instance itself.
    fn main(&mut self, instance: &mut Instance, ipv4: bool) -> Option<OwnLink> {
        let vrid = instance.vrid;
        let (name, kind, group, transmits) = match &mut instance.vmac {
            Vmac::None => return None,
            Vmac::Macvlan { name, mac, transmit_base, group, .. } => {
                let kind = OwnLinkKind::Vmac(mac.unwrap_or_else(|| virtual_mac(vrid, ipv4)));
                (name, kind, group, !*transmit_base)
            }
            Vmac::Ipvlan { name, address, mode, group } => {
                let address = address.or(instance.source);
                (name, OwnLinkKind::Ipvlan { mode: *mode, address }, group, true)
            }
        };
        let name =
            name.get_or_insert_with(|| self.name(self.prefix.to_owned(), vrid, ipv4)).clone();
        Some(OwnLink {
            name,
            base: instance.interface.clone(),
            kind,
            group: group.clone(),
            vrf: instance.vrf.clone(),
            transmits,
            ipv4,
            ipv6: !ipv4,
        })
    }

    /// `vrrp.51`; else for IPv6 `vrrp6.51`; else `vrrp1.51`, `vrrp2.51` and so on.
    fn name(&mut self, prefix: String, vrid: Vrid, ipv4: bool) -> String {
        let vrid = vrid.get();
        let first = format!("{prefix}.{vrid}");
        let sixth = (!ipv4).then(|| format!("{prefix}6.{vrid}"));
        let counted = (1_u32..).map(|number| format!("{prefix}{number}.{vrid}"));
        let mut names = std::iter::once(first).chain(sixth).chain(counted);
        let name = names.find(|name| !self.taken.contains(name)).unwrap_or_default();
        self.taken.insert(name.clone());
        name
    }
}

/// RFC 9568 section 7.3: 00-00-5E-00-01-VRID for IPv4, 00-00-5E-00-02-VRID for IPv6.
fn virtual_mac(vrid: Vrid, ipv4: bool) -> [u8; 6] {
    [0, 0, 0x5e, 0, if ipv4 { 1 } else { 2 }, vrid.get()]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Config, MemorySource, Options};

    fn read(text: &str) -> (Config, Vec<String>) {
        let source = MemorySource::new("/k.conf", text);
        let loaded = crate::load(Path::new("/k.conf"), &source, &Options::default());
        let lines = loaded.diagnostics.log_lines().collect();
        (loaded.config.unwrap(), lines)
    }

    fn instance(name: &str, interface: &str, rest: &str) -> String {
        format!(
            "vrrp_instance {name} {{\n interface {interface}\n virtual_router_id 51\n {rest}\n}}\n"
        )
    }

    /// Names and bases of all links.
    fn links(config: &Config) -> Vec<String> {
        let all = config.vrrp.instances.iter().flat_map(|one| &one.own_links);
        all.map(|link| format!("{}@{}", link.name, link.base)).collect()
    }

    fn places(config: &Config) -> Vec<&str> {
        let all = config.vrrp.instances.iter().flat_map(|one| &one.virtual_addresses);
        all.map(|address| address.interface.as_str()).collect()
    }

    #[test]
    fn names_are_given_in_the_order_of_the_file() {
        let vmac = "use_vmac\n virtual_ipaddress { 10.0.0.1 }";
        let vmac_6 = "version 3\n use_vmac\n virtual_ipaddress { fe80::1 }";
        let text = [
            instance("A", "eth0", vmac_6),
            instance("B", "eth0", vmac),
            instance("C", "eth1", vmac),
            instance("D", "eth1", vmac_6),
            instance("E", "eth2", "use_vmac name lan\n virtual_ipaddress { 10.0.0.2 }"),
        ];
        let (config, _) = read(&text.concat());
        let wanted =
            ["vrrp.51@eth0", "vrrp1.51@eth0", "vrrp2.51@eth1", "vrrp6.51@eth1", "lan@eth2"];
        assert_eq!(links(&config), wanted);
        let mac = |at: usize| config.vrrp.instances[at].own_links[0].kind;
        assert_eq!(mac(0), OwnLinkKind::Vmac([0, 0, 0x5e, 0, 2, 51]));
        assert_eq!(mac(1), OwnLinkKind::Vmac([0, 0, 0x5e, 0, 1, 51]));
    }

    #[test]
    fn addresses_of_the_base_move_onto_the_vmac_and_those_of_the_other_family_stay() {
        let (config, _) = read(&instance(
            "A",
            "eth0",
            "use_vmac\n virtual_ipaddress { 10.0.0.1\n 10.0.0.2 dev eth0\n 10.1.0.1 dev eth1 }
             virtual_ipaddress_excluded { 2001:db8::1 }",
        ));
        assert_eq!(places(&config), ["vrrp.51", "vrrp.51", "eth1"]);
        assert_eq!(config.vrrp.instances[0].excluded_addresses[0].interface, "eth0");
    }

    #[test]
    fn addresses_on_other_interfaces_get_one_vmac_for_each_interface() {
        let addresses = "virtual_ipaddress { 10.0.0.1\n 10.1.0.1 dev eth1\n 10.1.0.2 dev eth1 }";
        let both = format!("use_vmac\n use_vmac_addr\n {addresses}");
        let (config, _) = read(&instance("A", "eth0", &both));
        assert_eq!(links(&config), ["vrrp.51@eth0", "vrrp1.51@eth1"]);
        assert_eq!(places(&config), ["vrrp.51", "vrrp1.51", "vrrp1.51"]);
        let link = &config.vrrp.instances[0].own_links[1];
        assert!(!link.transmits && link.ipv4 && !link.ipv6);
    }

    #[test]
    fn a_single_address_can_have_a_vmac() {
        let addresses = "virtual_ipaddress { 10.0.0.1\n 10.1.0.1 dev eth1 use_vmac }";
        let prefix = "global_defs { vmac_addr_prefix vx\n vmac_prefix vy\n }\n";
        let (config, _) = read(&format!("{prefix}{}", instance("A", "eth0", addresses)));
        assert_eq!(links(&config), ["vx.51@eth1"]);
        assert_eq!(places(&config), ["eth0", "vx.51"]);
    }

    #[test]
    fn the_second_instance_of_a_vmac_is_left_out() {
        let addresses = "virtual_ipaddress { 10.0.0.1\n 10.1.0.1 dev eth1 use_vmac }";
        let vmac = "use_vmac\n virtual_ipaddress { 10.1.0.2 }";
        let (config, lines) =
            read(&format!("{}{}", instance("A", "eth0", addresses), instance("B", "eth1", vmac)));
        assert_eq!(config.vrrp.instances.len(), 1);
        let told = lines.iter().any(|line| line.contains("(B) another instance has the same VMAC"));
        assert!(told, "{lines:?}");
    }

    #[test]
    fn a_name_belongs_to_the_first_who_gives_it() {
        let vmac = "use_vmac vrrp.51\n virtual_ipaddress { 10.1.0.2 }";
        let (config, lines) =
            read(&format!("{}{}", instance("A", "eth0", vmac), instance("B", "eth1", vmac)));
        assert_eq!(links(&config), ["vrrp.51@eth0", "vrrp1.51@eth1"]);
        let told =
            lines.iter().any(|line| line.contains("(B) VRRP instance A is already using vrrp.51"));
        assert!(told, "{lines:?}");
    }

    #[test]
    fn a_mac_of_five_bytes_ends_with_the_vrid() {
        let vmac = "use_vmac 02:00:00:00:01\n vmac_xmit_base\n virtual_ipaddress { 10.1.0.2 }";
        let (config, _) = read(&instance("A", "eth0", vmac));
        let link = &config.vrrp.instances[0].own_links[0];
        assert_eq!(link.kind, OwnLinkKind::Vmac([2, 0, 0, 0, 1, 51]));
        assert!(!link.transmits);
    }

    #[test]
    fn an_ipvlan_carries_adverts_and_the_addresses_stay_on_its_base() {
        let ipvlan = "use_ipvlan 10.0.0.9 private\n virtual_ipaddress { 10.0.0.1 }";
        let (config, _) = read(&instance("A", "eth0", ipvlan));
        let link = &config.vrrp.instances[0].own_links[0];
        assert!(link.transmits && matches!(link.kind, OwnLinkKind::Ipvlan { .. }));
        assert_eq!(places(&config), ["eth0"]);
    }

    #[test]
    fn unicast_without_an_interface_puts_its_addresses_on_the_default_one() {
        let unicast = "unicast_src_ip 10.0.0.8\n unicast_peer { 10.0.0.9 }";
        let own = "virtual_ipaddress { 10.0.0.1\n 10.0.0.2 dev eth7 }";
        let text = format!("vrrp_instance A {{\n virtual_router_id 51\n {unicast}\n {own}\n}}\n");
        assert_eq!(places(&read(&text).0), ["eth0", "eth7"]);
        let global = "global_defs { default_interface lan0\n }\n";
        assert_eq!(places(&read(&format!("{global}{text}")).0), ["lan0", "eth7"]);
    }
}
