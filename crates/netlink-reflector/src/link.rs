//! Network interfaces.

use base::IfIndex;
use neli::consts::rtnl::RtAddrFamily;
use neli::rtnl::Ifinfomsg;
use netlink::{Malformed, Reply};

pub(crate) const RTM_NEWLINK: u16 = 16;
pub(crate) const RTM_DELLINK: u16 = 17;
pub(crate) const RTM_GETLINK: u16 = 18;

pub(crate) const IFLA_ADDRESS: u16 = 1;
pub(crate) const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
pub(crate) const IFLA_LINK: u16 = 5;
pub(crate) const IFLA_MASTER: u16 = 10;
pub(crate) const IFLA_LINKINFO: u16 = 18;
pub(crate) const IFLA_INFO_KIND: u16 = 1;
pub(crate) const IFLA_INFO_DATA: u16 = 2;
/// IFLA_MACVLAN_MODE (4 bytes) and IFLA_IPVLAN_MODE (2 bytes).
pub(crate) const IFLA_MODE: u16 = 1;
pub(crate) const IFLA_IPVLAN_FLAGS: u16 = 2;
pub(crate) const IFLA_GROUP: u16 = 27;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_VRF_TABLE: u16 = 1;

pub(crate) const IFF_UP: u32 = 0x1;
const IFF_BROADCAST: u32 = 0x2;
const IFF_LOOPBACK: u32 = 0x8;
const IFF_POINTOPOINT: u32 = 0x10;
const IFF_RUNNING: u32 = 0x40;
const IFF_NOARP: u32 = 0x80;
const IFF_MULTICAST: u32 = 0x1000;

/// A network interface as the kernel has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// Its number; stays when it is renamed.
    pub index: IfIndex,
    /// Its name.
    pub name: String,
    /// Switched on (`IFF_UP`).
    pub up: bool,
    /// Able to send: carrier and no protocol that holds it back (`IFF_RUNNING`).
    pub running: bool,
    /// Does no ARP (`IFF_NOARP`).
    pub noarp: bool,
    /// Has an address that all others hear (`IFF_BROADCAST`).
    pub broadcast: bool,
    /// The loopback interface (`IFF_LOOPBACK`).
    pub loopback: bool,
    /// Has one peer (`IFF_POINTOPOINT`).
    pub point_to_point: bool,
    /// Can send multicast (`IFF_MULTICAST`).
    pub multicast: bool,
    /// What hardware it is, as the kernel numbers it (`ARPHRD_ETHER` is 1).
    pub hardware: u16,
    /// Its MAC address, where it is one of 6 bytes.
    pub mac: Option<[u8; 6]>,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// The interface it lies upon (macvlan, VLAN), in the same namespace or another.
    pub parent: Option<IfIndex>,
    /// The network namespace of that, where it is another one: by this one's number for it.
    pub parent_namespace: Option<u32>,
    /// The bridge, bond or VRF it belongs to.
    pub master: Option<IfIndex>,
    /// The kind of a virtual interface: `veth`, `macvlan`, `vlan`, ...
    pub kind: Option<String>,
    /// The mode of a macvlan (1 private) or an ipvlan (0 L2).
    pub mode: Option<u32>,
    /// The flags of an ipvlan: 0 bridge, 1 private, 2 VEPA.
    pub ipvlan_flags: Option<u16>,
    /// The routing table of a VRF.
    pub table: Option<u32>,
    /// The group it belongs to; 0 is that of all others.
    pub group: u32,
}

/// The index and family of a link message, whatever else it holds.
pub(crate) fn header(reply: &Reply<'_>) -> Result<Option<IfIndex>, Malformed> {
    let (header, _) = reply.split::<Ifinfomsg>()?;
    // Bridges announce their ports' state as messages of their own family: another thing.
    if *header.ifi_family() != RtAddrFamily::Unspecified {
        return Ok(None);
    }
    Ok(u32::try_from(*header.ifi_index()).ok().and_then(IfIndex::new))
}

/// The link that a message describes; `None` for one that tells only a part.
pub(crate) fn decode(reply: &Reply<'_>) -> Result<Option<Link>, Malformed> {
    let Some(index) = header(reply)? else { return Ok(None) };
    let (header, attributes) = reply.split::<Ifinfomsg>()?;
    let (Some(name), Some(mtu)) = (attributes.text(IFLA_IFNAME), attributes.u32(IFLA_MTU)) else {
        return Ok(None);
    };
    let info = attributes.nested(IFLA_LINKINFO)?;
    let kind = info.as_ref().and_then(|info| info.text(IFLA_INFO_KIND));
    let data = info.as_ref().map(|info| info.nested(IFLA_INFO_DATA)).transpose()?.flatten();
    let of = |wanted: &str| data.as_ref().filter(|_| kind.as_deref() == Some(wanted));
    let ipvlan = of("ipvlan");
    let mode = match ipvlan {
        Some(data) => data.u16(IFLA_MODE).map(u32::from),
        None => of("macvlan").and_then(|data| data.u32(IFLA_MODE)),
    };
    let flag = |bit| header.ifi_flags().bits() & bit != 0;
    Ok(Some(Link {
        index,
        name,
        up: flag(IFF_UP),
        running: flag(IFF_RUNNING),
        noarp: flag(IFF_NOARP),
        broadcast: flag(IFF_BROADCAST),
        loopback: flag(IFF_LOOPBACK),
        point_to_point: flag(IFF_POINTOPOINT),
        multicast: flag(IFF_MULTICAST),
        hardware: u16::from(*header.ifi_type()),
        mac: attributes.get(IFLA_ADDRESS).and_then(|mac| mac.try_into().ok()),
        mtu,
        parent: attributes.u32(IFLA_LINK).and_then(IfIndex::new),
        parent_namespace: attributes.u32(IFLA_LINK_NETNSID),
        master: attributes.u32(IFLA_MASTER).and_then(IfIndex::new),
        mode,
        ipvlan_flags: ipvlan.and_then(|data| data.u16(IFLA_IPVLAN_FLAGS)),
        table: of("vrf").and_then(|data| data.u32(IFLA_VRF_TABLE)),
        group: attributes.u32(IFLA_GROUP).unwrap_or(0),
        kind,
    }))
}
