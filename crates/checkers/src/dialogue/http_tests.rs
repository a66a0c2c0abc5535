use control_plane::model::TcpCheck;
use control_plane::model::checks::Sni;
use md5::{Digest, Md5};

use super::*;
use crate::verdict::Verdict;

fn check(version: HttpVersion, virtualhost: Option<&str>) -> HttpCheck {
    HttpCheck {
        connect: TcpCheck::new("127.0.0.2:80".parse().unwrap()),
        tls: false,
        virtualhost: virtualhost.map(str::to_owned),
        version,
        sni: Sni::Off,
        fast_recovery: false,
        urls: Vec::new(),
    }
}

fn url(path: &str) -> Url {
    Url { path: path.to_owned(), ..Url::default() }
}

/// The verdict on an answer that comes in one piece, and in single bytes, before the server closes.
fn verdict(url: &Url, answer: &[u8]) -> Verdict {
    let whole = piecewise(url, answer, answer.len());
    assert_eq!(whole, piecewise(url, answer, 1), "{}", String::from_utf8_lossy(answer));
    whole
}

fn piecewise(url: &Url, answer: &[u8], size: usize) -> Verdict {
    let mut http = Http::new(&check(HttpVersion::V1_1, None), url);
    let received = answer.chunks(size.max(1)).map(|piece| http.received(piece));
    let last = received.into_iter().find(|step| *step != Step::More);
    let mut step = last.unwrap_or_else(|| http.closed());
    if let Step::Search(regex, body) = step {
        step = http.searched(search(&regex.pattern, &body));
    }
    match step {
        Step::Over(verdict) => verdict,
        other => panic!("{other:?}"),
    }
}

/// Plain words are patterns here.
fn search(pattern: &str, body: &[u8]) -> Option<bool> {
    (pattern != "(").then(|| String::from_utf8_lossy(body).contains(pattern))
}

fn sent(check: &HttpCheck, url: &Url) -> String {
    String::from_utf8(Http::new(check, url).request()).unwrap()
}

const PLAIN: Verdict = Ok(Passed::Status { lengths: None });

#[test]
fn requests_are_byte_for_byte_those_of_keepalived() {
    assert_eq!(
        sent(&check(HttpVersion::V1_0, None), &url("/a")),
        "GET /a HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: 127.0.0.2:80\r\n\r\n"
    );
    assert_eq!(
        sent(&check(HttpVersion::V1_1, None), &url("/")),
        "GET / HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\n\
         Host: 127.0.0.2:80\r\n\r\n"
    );
    let own = Url { virtualhost: Some("u.example.com".to_owned()), ..url("/") };
    let close = check(HttpVersion::V1_0Close, Some("www.example.com"));
    assert_eq!(
        sent(&close, &own),
        "GET / HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\n\
         Host: u.example.com\r\n\r\n"
    );
    assert!(sent(&close, &url("/")).contains("\r\nHost: www.example.com\r\n"));
}

#[test]
fn status_codes_count_by_their_ranges() {
    let answer = |code: &str| format!("HTTP/1.0 {code}\r\n\r\nbody").into_bytes();
    assert_eq!(verdict(&url("/"), &answer("200 OK")), PLAIN);
    assert_eq!(verdict(&url("/"), &answer("299")), PLAIN, "without a reason");
    assert_eq!(verdict(&url("/"), &answer("302 Found")), Err(Failure::Status));
    let ranges = Url { status_codes: vec![(201, 201), (300, 310)], ..url("/") };
    assert_eq!(verdict(&ranges, &answer("302 Found")), PLAIN);
    assert_eq!(verdict(&ranges, &answer("200 OK")), Err(Failure::Status));
}

#[test]
fn the_digest_is_that_of_the_decoded_body() {
    let digest = Url { digest: Some(Md5::digest(b"hello").into()), ..url("/") };
    let passed = Ok(Passed::Digest { lengths: None });
    assert_eq!(verdict(&digest, b"HTTP/1.0 200 OK\r\n\r\nhello"), passed);
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(verdict(&digest, chunked), passed);
    assert_eq!(verdict(&digest, b"HTTP/1.0 200 OK\r\n\r\nhello!"), Err(Failure::Digest));
    let wrong_status = b"HTTP/1.0 500 No\r\n\r\nhello!";
    assert_eq!(verdict(&digest, wrong_status), Err(Failure::Status), "the status comes first");
    let nothing = Url { digest: Some(Md5::digest(b"").into()), ..url("/") };
    assert_eq!(verdict(&nothing, b"HTTP/1.0 200 OK\r\n\r\n"), passed);
}

#[test]
fn the_pattern_is_tested_last() {
    let regex = UrlRegex { pattern: "lo".to_owned(), ..UrlRegex::default() };
    let digest = Some(Md5::digest(b"hello").into());
    let both = Url { digest, regex: Some(regex.clone()), ..url("/") };
    let passed = Ok(Passed::Regex { lengths: None });
    assert_eq!(verdict(&both, b"HTTP/1.0 200 OK\r\n\r\nhello"), passed);
    assert_eq!(verdict(&both, b"HTTP/1.0 200 OK\r\n\r\nhelllo"), Err(Failure::Digest));
    let alone = Url { regex: Some(regex.clone()), ..url("/") };
    assert_eq!(verdict(&alone, b"HTTP/1.0 200 OK\r\n\r\nhelllo"), passed);
    assert_eq!(verdict(&alone, b"HTTP/1.0 200 OK\r\n\r\nhe"), Err(Failure::Regex));
    let invalid = Some(UrlRegex { pattern: "(".to_owned(), ..UrlRegex::default() });
    let none = Url { regex: invalid, ..url("/") };
    assert_eq!(verdict(&none, b"HTTP/1.0 200 OK\r\n\r\nhe"), PLAIN, "as if there were none");
    let not = Url { regex: Some(UrlRegex { no_match: true, ..regex }), ..url("/") };
    assert_eq!(verdict(&not, b"HTTP/1.0 200 OK\r\n\r\nhelllo"), Err(Failure::Regex));
    assert_eq!(verdict(&not, b"HTTP/1.0 200 OK\r\n\r\nhe"), passed);
}

#[test]
fn while_the_body_is_searched_nothing_else_counts_and_only_a_mebibyte_of_it_is() {
    let regex = UrlRegex { pattern: "lo".to_owned(), ..UrlRegex::default() };
    let mut http =
        Http::new(&check(HttpVersion::V1_0, None), &Url { regex: Some(regex), ..url("/") });
    assert_eq!(http.searched(Some(true)), Step::Ignored, "nothing was asked");
    assert_eq!(http.received(b"HTTP/1.0 200 OK\r\n\r\n"), Step::More);
    assert_eq!(http.received(&vec![b'a'; 2_000_000]), Step::More);
    let Step::Search(_, body) = http.closed() else { panic!("no search") };
    assert_eq!(body.len(), 1024 * 1024);
    assert_eq!(http.received(b"more"), Step::Ignored);
    assert!(http.is_searched());
}

#[test]
fn a_body_of_another_length_than_announced_is_only_told() {
    let lengths = Some((50, 5));
    assert_eq!(
        verdict(&url("/"), b"HTTP/1.0 200 OK\r\nContent-Length: 50\r\n\r\nhello"),
        Ok(Passed::Status { lengths })
    );
    let same = b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    assert_eq!(verdict(&url("/"), same), PLAIN);
}

#[test]
fn a_body_that_ends_in_the_middle_of_a_chunk_is_no_answer() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in ["", "5\r\nhel", "5\r\nhello\r\n", "zz\r\n"] {
        let answer = format!("{head}{body}");
        assert_eq!(verdict(&url("/"), answer.as_bytes()), Err(Failure::Closed), "{body:?}");
    }
}

#[test]
fn what_is_not_http_is_no_data() {
    for answer in ["", "this is not http at all", "HTTP/1.0 200 OK\r\nContent-"] {
        assert_eq!(verdict(&url("/"), answer.as_bytes()), Err(Failure::Closed), "{answer}");
    }
}

#[test]
fn a_strange_line_in_the_header_does_not_matter() {
    let answer = b"HTTP/1.1 200 OK\r\nbad header\xff: x\r\nGood: 1\r\n\r\n";
    assert_eq!(verdict(&url("/"), answer), PLAIN);
}

#[test]
fn a_header_without_end_is_given_up() {
    let mut http = Http::new(&check(HttpVersion::V1_0, None), &url("/"));
    assert_eq!(http.received(b"HTTP/1.0 200 OK\r\n"), Step::More);
    let line = format!("X: {}\r\n", "y".repeat(1000));
    let last = (0..70).map(|_| http.received(line.as_bytes())).find(|step| *step != Step::More);
    assert_eq!(last, Some(Step::failed(Failure::Closed)));
}
