//! One page of a web server as a check reads it, for the tool that says which digest a check would
//! compute.

use super::body::{Body, Found};
use super::http::{Header, LONGEST_HEADER, parse};

pub use super::http::request;

/// An answer so far.
#[derive(Clone, Debug, Default)]
pub struct Page {
    header: Vec<u8>,
    body: Option<Body>,
}

/// What [`Page::push`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It goes on.
    More,
    /// Its last chunk has come.
    End,
    /// That is not HTTP.
    NotHttp,
}

impl Page {
    /// The next bytes of the connection.
    pub fn push(&mut self, bytes: &[u8]) -> Pushed {
        let found = match &mut self.body {
            Some(body) => body.push(bytes),
            None => {
                self.header.extend(bytes);
                match parse(&self.header) {
                    Header::Partial if self.header.len() < LONGEST_HEADER => return Pushed::More,
                    Header::Partial | Header::Wrong => return Pushed::NotHttp,
                    Header::Whole { length, chunked, .. } => {
                        let rest = self.header.split_off(length.min(self.header.len()));
                        self.body.insert(Body::new(chunked, true)).push(&rest)
                    }
                }
            }
        };
        match found {
            Found::More => Pushed::More,
            Found::End | Found::Broken => Pushed::End,
        }
    }

    /// The header; empty until all of it is here.
    pub fn header(&self) -> &[u8] {
        if self.body.is_some() { &self.header } else { &[] }
    }

    /// The body since the last call, chunks taken apart; at most 1 MiB of it.
    pub fn take_body(&mut self) -> Vec<u8> {
        self.body.as_mut().map(Body::take_kept).unwrap_or_default()
    }

    /// MD5 of the body; `None` before the header has ended.
    pub fn digest(&self) -> Option<[u8; 16]> {
        self.body.as_ref().map(Body::digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_body_without_chunks() {
        let mut page = Page::default();
        assert_eq!(page.push(b"HTTP/1.1 200 OK\r\nTransfer-Enco"), Pushed::More);
        assert_eq!((page.header(), page.digest()), (&[][..], None));
        assert_eq!(page.push(b"ding: chunked\r\n\r\n5\r\nhe"), Pushed::More);
        assert_eq!(page.header(), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(page.take_body(), b"he");
        assert_eq!(page.push(b"llo\r\n0\r\n\r\n"), Pushed::End);
        assert_eq!(page.take_body(), b"llo");
        let first = page.digest().and_then(|digest| digest.first().copied());
        assert_eq!(first, Some(0x5d), "5d414... is the digest of hello");
    }

    #[test]
    fn what_is_not_http_is_said() {
        assert_eq!(Page::default().push(b"this is not http"), Pushed::NotHttp);
    }
}
