//! An advert as it lies in memory.

use super::{AdvertError, Family};

const HEADER_LEN: usize = 8;

/// Bytes that hold at least an advert's fixed header.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version| Type  | Virtual Rtr ID|   Priority    |  IPvX count   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | v2: auth type |  v2: seconds  |           Checksum            |
/// | v3: 0 | Max Adver Int (cs)    |                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   addresses, in v2 followed by 8 bytes of authentication      |
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AdvertView<'a> {
    header: [u8; HEADER_LEN],
    rest: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> AdvertView<'a> {
    /// Bytes before the addresses.
    pub const HEADER_LEN: usize = HEADER_LEN;
    /// Bytes of authentication data in version 2, there whatever the type.
    pub const AUTH_LEN: usize = 8;

    /// A view on `bytes`, or [`AdvertError::Length`] when not even the header is there.
    pub fn new(bytes: &'a [u8]) -> Result<Self, AdvertError> {
        match bytes.split_first_chunk() {
            Some((header, rest)) => Ok(Self { header: *header, rest, bytes }),
            None => Err(AdvertError::Length { needed: Self::HEADER_LEN, got: bytes.len() }),
        }
    }

    /// Protocol version, 0 to 15.
    pub const fn version(&self) -> u8 {
        self.header[0] >> 4
    }

    /// Type, 0 to 15; an advert is 1.
    pub const fn kind(&self) -> u8 {
        self.header[0] & 0x0f
    }

    /// Virtual router id.
    pub const fn vrid(&self) -> u8 {
        self.header[1]
    }

    /// Priority; 0 says that the sender leaves.
    pub const fn priority(&self) -> u8 {
        self.header[2]
    }

    /// Number of addresses.
    pub const fn count(&self) -> u8 {
        self.header[3]
    }

    /// Version 2: type of authentication.
    pub const fn auth_type(&self) -> u8 {
        self.header[4]
    }

    /// Version 2: advertisement interval in seconds.
    pub const fn seconds(&self) -> u8 {
        self.header[5]
    }

    /// Version 3: Max Adver Int in hundredths of a second, 12 bits.
    pub const fn centis(&self) -> u16 {
        u16::from_be_bytes([self.header[4] & 0x0f, self.header[5]])
    }

    /// Everything behind the header.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// All the bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How long an advert with this header is.
    pub fn expected_len(&self, family: Family) -> usize {
        let auth = if self.version() == 2 { Self::AUTH_LEN } else { 0 };
        Self::HEADER_LEN + usize::from(self.count()) * family.address_len() + auth
    }
}
