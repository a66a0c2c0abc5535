//! The packets that VRRP lives on, as bytes and as meaning: adverts of versions 2 and 3 with their
//! IPv4 datagram, gratuitous ARP and unsolicited neighbour advertisements. No byte string that
//! comes from a network makes anything here panic, and what is emitted here parses here.
//!
//! - [`ah`]: an advert inside an authentication header
//! - [`checksum`]: the Internet checksum, with and without a pseudo header
//! - [`ipv4`]: the datagram around an advert
//! - [`trailer`]: keepalived's HMAC behind an advert
//! - [`vrrp`]: adverts: a view on bytes, the meaning, and why bytes were refused
//! - [`arp`]: gratuitous ARP
//! - [`ndp`]: unsolicited neighbour advertisements
//! - [`echo`]: requests and replies of ICMP and ICMPv6

pub mod ah;
pub mod arp;
pub mod checksum;
pub mod echo;
pub mod ipv4;
pub mod ndp;
pub mod trailer;
pub mod vrrp;

pub use vrrp::{Advert, AdvertError, AdvertView, Body, Carrier, Family, Password, Version};

/// A hardware address of an Ethernet-like interface.
pub type MacAddress = [u8; 6];
