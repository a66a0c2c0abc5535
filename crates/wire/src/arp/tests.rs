use super::*;

#[test]
fn a_gratuitous_arp_is_the_one_that_keepalived_sends() {
    let frame = gratuitous([0x5e, 0x78, 0x1e, 0xb2, 0x34, 0xfe], Ipv4Addr::new(10, 9, 0, 204));
    let expected: &[u8] = b"\xff\xff\xff\xff\xff\xff\x5e\x78\x1e\xb2\x34\xfe\x08\x06\x00\x01\x08\x00\
        \x06\x04\x00\x01\x5e\x78\x1e\xb2\x34\xfe\x0a\x09\x00\xcc\xff\xff\xff\xff\xff\xff\x0a\x09\x00\xcc";
    assert_eq!(frame, expected);
}

#[test]
fn whoever_sends_arp_says_what_he_has_unless_he_only_asks() {
    let (mac, ours, other) = ([2, 0, 0, 0, 0, 1], [10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    assert_eq!(sender(&gratuitous(mac, ours)), Some((mac, ours)));
    assert_eq!(sender(&request(mac, ours, other)), Some((mac, ours)));
    assert_eq!(sender(&request(mac, Ipv4Addr::UNSPECIFIED, other)), None, "a probe");
    let frame = gratuitous(mac, ours);
    for length in 0..frame.len() {
        assert_eq!(sender(&frame[..length]), None, "cut off after {length} bytes");
    }
    let mut other_kind = frame;
    other_kind[15] = 6;
    assert_eq!(sender(&other_kind), None);
}
