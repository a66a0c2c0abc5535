//! What is said to a witness, and which answer is one: bytes alone, without a socket.

use control_plane::model::Witness;

/// Echo request and reply of ICMP (RFC 792) and ICMPv6 (RFC 4443 section 4.1).
const ECHO_V4: (u8, u8) = (8, 0);
const ECHO_V6: (u8, u8) = (128, 129);

/// What the first bytes of an answer mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The witness is alive.
    Good,
    /// It is not what it should be.
    Bad,
    /// More bytes, or another packet, are needed.
    NotYet,
}

/// What is sent once the way to the witness is open; nothing to one that only has to accept.
pub fn request(witness: &Witness, tag: u32) -> Option<Vec<u8>> {
    match witness {
        Witness::Ping(address) => {
            let [a, b, c, d] = tag.to_be_bytes();
            let kind = if address.is_ipv4() { ECHO_V4.0 } else { ECHO_V6.0 };
            // The kernel fills the checksum of ICMPv6 in.
            let sum =
                if address.is_ipv4() { checksum([[kind, 0], [a, b], [c, d]]) } else { [0; 2] };
            Some(vec![kind, 0, sum[0], sum[1], a, b, c, d])
        }
        Witness::Http(address, path) => Some(
            format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nUser-Agent: keepalived-rs\r\n\r\n")
                .into_bytes(),
        ),
        Witness::Tcp(_) | Witness::Arp(..) => None,
    }
}

/// What has come back so far: a whole ICMP message, or all that a web server has said.
pub fn answer(witness: &Witness, tag: u32, bytes: &[u8]) -> Answer {
    match witness {
        Witness::Ping(address) => {
            let kind = if address.is_ipv4() { ECHO_V4.1 } else { ECHO_V6.1 };
            let is_ours =
                bytes.first() == Some(&kind) && bytes.get(4..8) == Some(&tag.to_be_bytes());
            if is_ours { Answer::Good } else { Answer::NotYet }
        }
        Witness::Http(..) => status(bytes),
        Witness::Tcp(_) | Witness::Arp(..) => Answer::NotYet,
    }
}

/// `HTTP/1.1 200 OK` (RFC 9112 section 4).
fn status(bytes: &[u8]) -> Answer {
    const START: &[u8] = b"HTTP/1.";
    let known = bytes.len().min(START.len());
    if bytes.get(..known) != START.get(..known) {
        return Answer::Bad;
    }
    match bytes.get(9..12) {
        None => Answer::NotYet,
        Some(code) if code.iter().all(u8::is_ascii_digit) && code < b"400" => Answer::Good,
        Some(_) => Answer::Bad,
    }
}

/// RFC 1071, of a message that has no more words than these.
fn checksum(words: [[u8; 2]; 3]) -> [u8; 2] {
    let sum: u32 = words.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let [_, _, high, low] = (!((folded & 0xffff) + (folded >> 16))).to_be_bytes();
    [high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_is_answered_by_its_own_tag_alone() {
        let witness = Witness::Ping("192.0.2.1".parse().unwrap());
        let request = request(&witness, 0x0102_0304).unwrap();
        assert_eq!(wire::checksum::internet(&request), 0, "it sums up");
        assert_eq!(answer(&witness, 0x0102_0304, &[0, 0, 9, 9, 1, 2, 3, 4]), Answer::Good);
        assert_eq!(answer(&witness, 0x0102_0304, &[0, 0, 9, 9, 1, 2, 3, 5]), Answer::NotYet);
        assert_eq!(answer(&witness, 0x0102_0304, &request), Answer::NotYet);
    }

    #[test]
    fn a_web_server_is_alive_with_a_status_below_400() {
        let witness = Witness::Http("192.0.2.1:80".parse().unwrap(), "/alive".into());
        let text = String::from_utf8(request(&witness, 0).unwrap()).unwrap();
        assert!(text.starts_with("GET /alive HTTP/1.0\r\nHost: 192.0.2.1:80\r\n"), "{text}");
        let answer = |text: &str| answer(&witness, 0, text.as_bytes());
        assert_eq!(answer("HTTP/1.1 200 OK\r\n"), Answer::Good);
        assert_eq!(answer("HTTP/1.1 399"), Answer::Good);
        assert_eq!(answer("HTTP/1.1 404 Not Found"), Answer::Bad);
        assert_eq!(answer("HTTP/1.1 5"), Answer::NotYet);
        assert_eq!(answer(""), Answer::NotYet);
        assert_eq!(answer("SSH-2.0"), Answer::Bad);
    }
}
