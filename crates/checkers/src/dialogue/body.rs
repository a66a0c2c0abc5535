//! The body of an HTTP answer: chunks are taken apart (RFC 9112 section 7.1), bytes are counted and
//! digested, and nothing is kept but what a pattern is to be searched in.

use md5::{Digest, Md5};

/// Bytes of a body that are searched.
const LONGEST_SEARCHED: usize = 1024 * 1024;

/// Digits of a chunk's length that are believed: more is no length that can be received.
const LONGEST_SIZE: u8 = 15;

/// What of a body has come so far.
#[derive(Clone, Debug)]
pub(super) struct Body {
    digest: Md5,
    /// What a pattern is to be searched in, where there is one.
    kept: Option<Vec<u8>>,
    length: u64,
    framing: Framing,
}

/// Where a piece of the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// With the connection.
    Close,
    Chunked(Chunk),
}

/// The place in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// In the length's digits, so many so far.
    Size { size: u64, digits: u8 },
    /// In what follows the length, up to the end of the line.
    Extension { size: u64 },
    /// In the data, so much is left.
    Data { left: u64 },
    /// In the line end after the data.
    AfterData,
    /// The last chunk has come; what follows is no body.
    Over,
    /// That is not how chunks look.
    Broken,
}

/// What [`Body::push`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The body goes on.
    More,
    /// The last chunk.
    End,
    /// Chunks that are none.
    Broken,
}

impl Body {
    /// `keep`: it is to be searched.
    pub(super) fn new(chunked: bool, keep: bool) -> Self {
        let size = Chunk::Size { size: 0, digits: 0 };
        let framing = if chunked { Framing::Chunked(size) } else { Framing::Close };
        let kept = keep.then(Vec::new);
        Self { digest: Md5::new(), kept, length: 0, framing }
    }

    /// Bytes of the body itself so far.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Whether it may end with the connection: its chunks, if any, are whole.
    pub(super) const fn may_end(&self) -> bool {
        matches!(self.framing, Framing::Close | Framing::Chunked(Chunk::Over))
    }

    pub(super) fn digest(&self) -> [u8; 16] {
        self.digest.clone().finalize().into()
    }

    /// What was kept since the last call.
    pub(super) fn take_kept(&mut self) -> Vec<u8> {
        self.kept.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The next bytes of the connection.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Found {
        // Each round takes at least one byte.
        while let Framing::Chunked(chunk) = self.framing {
            let Some((&first, rest)) = bytes.split_first() else { return Found::More };
            let next = match chunk {
                Chunk::Data { left } => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (data, rest) = bytes.split_at(here);
                    self.take(data);
                    bytes = rest;
                    match left.saturating_sub(data.len() as u64) {
                        0 => Chunk::AfterData,
                        left => Chunk::Data { left },
                    }
                }
                Chunk::Over => return Found::End,
                Chunk::Broken => return Found::Broken,
                line => {
                    bytes = rest;
                    line.step(first)
                }
            };
            self.framing = Framing::Chunked(next);
            match next {
                Chunk::Over => return Found::End,
                Chunk::Broken => return Found::Broken,
                _ => {}
            }
        }
        self.take(bytes);
        Found::More
    }

    fn take(&mut self, data: &[u8]) {
        self.digest.update(data);
        if let Some(kept) = &mut self.kept {
            let room = LONGEST_SEARCHED.saturating_sub(kept.len());
            kept.extend(data.iter().take(room));
        }
        self.length = self.length.saturating_add(data.len() as u64);
    }
}

impl Chunk {
    /// One byte outside the data.
    fn step(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                if digits == LONGEST_SIZE {
                    return Self::Broken;
                }
                Self::Size { size: size * 16 + u64::from(digit), digits: digits + 1 }
            }
            (Self::Size { digits: 0, .. }, _) => Self::Broken,
            (Self::Size { size, .. } | Self::Extension { size }, b'\n') => match size {
                0 => Self::Over,
                left => Self::Data { left },
            },
            (Self::Size { size, .. }, b'\r' | b';' | b' ' | b'\t') => Self::Extension { size },
            (Self::Size { .. }, _) => Self::Broken,
            (Self::AfterData, b'\r') => Self::AfterData,
            (Self::AfterData, b'\n') => Self::Size { size: 0, digits: 0 },
            (Self::AfterData, _) => Self::Broken,
            (other, _) => other,
        }
    }
}

/// A digest has no equality of its own; what it has digested so far has.
impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.framing == other.framing
            && self.length == other.length
            && self.kept == other.kept
            && self.digest() == other.digest()
    }
}

impl Eq for Body {}

#[cfg(test)]
mod tests {
    use super::*;

    fn md5(text: &[u8]) -> [u8; 16] {
        Md5::digest(text).into()
    }

    #[test]
    fn chunks_in_any_cut_give_the_same_body() {
        let text = b"5\r\nhello\r\nA;name=value\r\n, and more\r\n0\r\n\r\n";
        for cut in 1..text.len() {
            let mut body = Body::new(true, false);
            let found: Vec<Found> = text.chunks(cut).map(|piece| body.push(piece)).collect();
            assert_eq!(found.iter().find(|one| **one != Found::More), Some(&Found::End), "{cut}");
            assert!(body.may_end());
            assert_eq!((body.length(), body.digest()), (15, md5(b"hello, and more")), "{cut}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_broken_and_an_unfinished_one_not_the_end() {
        for text in ["hello\r\n", "\r\n", "5\r\nhelloX", "ffffffffffffffff1\r\n"] {
            assert_eq!(Body::new(true, false).push(text.as_bytes()), Found::Broken, "{text}");
        }
        let mut body = Body::new(true, false);
        assert_eq!(body.push(b"5\r\nhel"), Found::More);
        assert!(!body.may_end());
    }

    #[test]
    fn without_chunks_every_byte_is_body() {
        let mut body = Body::new(false, false);
        assert_eq!(body.push(b"0\r\n\r\n"), Found::More);
        assert!(body.may_end());
        assert_eq!((body.length(), body.digest()), (5, md5(b"0\r\n\r\n")));
    }
}
