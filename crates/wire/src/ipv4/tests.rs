use super::*;

#[test]
fn a_datagram_that_says_more_than_there_is_is_refused() {
    let header = Header {
        identification: 1,
        ttl: 255,
        protocol: 112,
        source: Ipv4Addr::new(10, 9, 0, 1),
        destination: Ipv4Addr::new(224, 0, 0, 18),
    };
    let bytes = emit(&header, &[1, 2, 3, 4]).unwrap();
    for cut in 0..bytes.len() {
        assert_eq!(parse(&bytes[..cut]), None, "cut to {cut} bytes");
    }
}

#[test]
fn padding_behind_the_total_length_is_cut_off() {
    let header = Header {
        identification: 7,
        ttl: 64,
        protocol: 112,
        source: Ipv4Addr::new(10, 0, 0, 1),
        destination: Ipv4Addr::new(10, 0, 0, 2),
    };
    let mut bytes = emit(&header, &[9; 8]).unwrap();
    bytes.resize(46, 0);
    let datagram = parse(&bytes).unwrap();
    assert_eq!((datagram.payload, datagram.ttl), (&[9; 8][..], 64));
}

#[test]
fn options_are_skipped_and_a_short_header_is_refused() {
    let mut bytes = vec![0; 28];
    (bytes[0], bytes[3], bytes[24]) = (0x46, 28, 42);
    assert_eq!(parse(&bytes).unwrap().payload, &[42, 0, 0, 0]);
    bytes[0] = 0x44;
    assert_eq!(parse(&bytes), None, "a header has at least 20 bytes");
    bytes[0] = 0x65;
    assert_eq!(parse(&bytes), None, "this is version 6");
}

#[test]
fn what_does_not_fit_into_a_datagram_is_not_sent() {
    let any = Ipv4Addr::LOCALHOST;
    let header = Header { identification: 1, ttl: 1, protocol: 1, source: any, destination: any };
    assert_eq!(emit(&header, &vec![0; 65_536 - 20]), None);
}

#[test]
fn the_header_of_a_datagram_is_as_long_as_it_says() {
    let mut datagram = vec![0x46];
    datagram.resize(24, 0);
    datagram.push(7);
    assert_eq!(payload(&datagram), [7], "six words with an option");
    assert_eq!(payload(&[0x4f, 0]), [0; 0], "a header that is not all here");
    assert_eq!(payload(&[]), [0; 0]);
}
