use super::*;

const MAC: MacAddress = [0x5e, 0x78, 0x1e, 0xb2, 0x34, 0xfe];

#[test]
fn an_unsolicited_advertisement_is_the_one_that_keepalived_sends() {
    let frame = unsolicited(MAC, "fe80::208".parse().unwrap(), false);
    let expected: &[u8] = b"\x33\x33\x00\x00\x00\x01\x5e\x78\x1e\xb2\x34\xfe\x86\xdd\x60\x00\x00\x00\
        \x00\x20\x3a\xff\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x08\
        \xff\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x88\x00\xa3\x65\x20\x00\x00\x00\
        \xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x08\x02\x01\x5e\x78\x1e\xb2\x34\xfe";
    assert_eq!(frame, expected);
}

#[test]
fn a_forwarding_host_sets_the_router_flag() {
    let host = unsolicited(MAC, Ipv6Addr::LOCALHOST, false);
    let router = unsolicited(MAC, Ipv6Addr::LOCALHOST, true);
    assert_eq!((host[58], router[58]), (OVERRIDE, OVERRIDE | ROUTER));
}

/// As Linux asks for fe80::5c78:1eff:feb2:34fe before it takes the address.
#[test]
fn a_probe_is_the_one_of_duplicate_address_detection() {
    let frame = probe(MAC, "fd00:216::250".parse().unwrap());
    assert_eq!(frame[..14], *b"\x33\x33\xff\x00\x02\x50\x5e\x78\x1e\xb2\x34\xfe\x86\xdd");
    assert_eq!(frame[14..22], *b"\x60\x00\x00\x00\x00\x18\x3a\xff");
    assert_eq!(frame[22..38], [0; 16], "from nobody");
    let group: Ipv6Addr = "ff02::1:ff00:250".parse().unwrap();
    assert_eq!(frame[38..54], group.octets());
    assert_eq!(frame[54..56], [135, 0]);
    let (source, destination) = (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(group));
    assert_eq!(with_pseudo_header(source, destination, ICMPV6, &frame[54..]), 0, "it sums up");
    assert_eq!(frame.len(), 14 + 40 + 24);
    assert_eq!(claim(&frame), None, "who asks does not say that he has it");
}

#[test]
fn whoever_advertises_an_address_has_it() {
    let address: Ipv6Addr = "fd00:216::250".parse().unwrap();
    let frame = unsolicited(MAC, address, false);
    assert_eq!(claim(&frame), Some((MAC, address)));
    let mut without = frame;
    without[78] = 9; // another option
    without[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    assert_eq!(claim(&without), Some(([2, 0, 0, 0, 0, 1], address)), "then the sender's");
    assert_eq!(claim(&frame[..78]).map(|one| one.1), Some(address), "without any option");
}

#[test]
fn what_is_no_advertisement_of_the_link_claims_nothing() {
    let frame = unsolicited(MAC, "fd00:216::250".parse().unwrap(), false);
    for (at, value) in [(12, 8), (20, 17), (21, 254), (54, 135), (55, 1), (62, 0xff)] {
        let mut other = frame;
        other[at] = value;
        assert_eq!(claim(&other), None, "byte {at}");
    }
    let mut endless = frame;
    endless[78..80].copy_from_slice(&[9, 0]);
    assert!(claim(&endless).is_some(), "an option of no length ends the list");
    for length in 0..78 {
        assert_eq!(claim(&frame[..length]), None, "{length} bytes");
    }
}
