use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

#[test]
fn what_was_written_is_read_again() {
    let inner = AttributeWriter::new().put(1, 7u16.to_be()).text(2, "eth0");
    let bytes = AttributeWriter::new()
        .put(1, 0xdead_beefu32)
        .put(2, 5u8)
        .put_be32(3, 9)
        .address(4, Ipv4Addr::LOCALHOST.into())
        .address(5, Ipv6Addr::LOCALHOST.into())
        .nested(6, inner)
        .bytes(7, &[1, 2, 3])
        .finish()
        .unwrap();
    assert_eq!(bytes.len() % 4, 0);
    let read = Attributes::parse(&bytes).unwrap();
    assert_eq!(read.u32(1), Some(0xdead_beef));
    assert_eq!(read.u8(2), Some(5));
    assert_eq!(read.get(3), Some(&[0, 0, 0, 9][..]));
    assert_eq!(read.address(4), Some(Ipv4Addr::LOCALHOST.into()));
    assert_eq!(read.address(5), Some(Ipv6Addr::LOCALHOST.into()));
    assert_eq!(read.get(7), Some(&[1, 2, 3][..]));
    assert_eq!(read.get(8), None);
    let inner = read.nested(6).unwrap().unwrap();
    assert_eq!(inner.u16_be(1), Some(7));
    assert_eq!(inner.text(2).as_deref(), Some("eth0"));
    assert_eq!(read.nested(8), Ok(None));
}

#[test]
fn a_nested_attribute_bears_the_flag_and_numbers_the_bytes() {
    let bytes = AttributeWriter::new().nested(3, AttributeWriter::new().put(1, 5u8));
    assert_eq!(bytes.finish().unwrap(), [12, 0, 3, 0x80, 5, 0, 1, 0, 5, 0, 0, 0]);
}

#[test]
fn what_is_too_long_is_remembered_also_from_inside() {
    let long = AttributeWriter::new().bytes(1, &vec![0; MAX_PAYLOAD + 1]).put(2, 5u8);
    assert!(long.clone().finish().is_err());
    assert!(AttributeWriter::new().nested(1, long).finish().is_err());
    let longest = AttributeWriter::new().bytes(1, &vec![0; MAX_PAYLOAD]);
    assert!(longest.clone().finish().is_ok());
    assert!(AttributeWriter::new().nested(1, longest).finish().is_err());
}

#[test]
fn a_value_that_is_too_short_is_none() {
    let bytes = AttributeWriter::new().bytes(1, &[]).bytes(2, &[1, 2, 3]).finish().unwrap();
    let read = Attributes::parse(&bytes).unwrap();
    assert_eq!((read.u8(1), read.u16(1), read.u32(2), read.address(2)), (None, None, None, None));
    assert_eq!(read.text(1).as_deref(), Some(""));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0..8u16) {
        if let Ok(read) = Attributes::parse(&bytes) {
            for kind in [kind, kind | 0x4000] {
                let _ = (read.u8(kind), read.u16(kind), read.u16_be(kind), read.u32(kind));
                let _ = (read.address(kind), read.text(kind), read.nested(kind));
            }
            prop_assert!(read.iter().count() <= bytes.len() / 4);
        }
    }
}
