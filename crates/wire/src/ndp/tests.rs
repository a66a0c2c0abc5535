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
