//! What is said to a witness, and which answer is one: bytes alone, without a socket.

use control_plane::model::Witness;
use wire::echo;

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
            Some(echo::request(address.is_ipv6(), tag.to_be_bytes()).to_vec())
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
            let is_ours = echo::is_reply(address.is_ipv6(), tag.to_be_bytes(), bytes);
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
