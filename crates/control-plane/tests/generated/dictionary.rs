//! Words that the fuzzer puts together: without them it would not find a single keyword.

use std::fmt::Write as _;

use super::{agree, names, values};

/// What the language is made of beside keywords, and what is found at its edges.
const SYNTAX: [&str; 24] = [
    r"{\x0a",
    r"}\x0a",
    r"\x0a",
    r"\x0d\x0a",
    r"\xff",
    r"\x00",
    r"\xc2\xa0",
    r"\x22",
    "'",
    r"\\",
    r"\\\x0a",
    "$A=",
    "${A}",
    "$A",
    "${_PWD}",
    "${_ENV HOME}",
    "${_RANDOM 1 9}",
    "~SEQ(A,9)",
    "~LST(A,b,c)",
    "@lb01 ",
    "@^lb01 ",
    "include a.conf",
    "include *.conf",
    "include conf.d/{c,d}.conf",
];

/// Values that many keywords take.
const VALUES: [&str; 10] = [
    "eth0",
    "10.0.0.1",
    "10.0.0.1/24",
    "fe80::1",
    "2001:db8::1/64",
    "-1",
    "0.5",
    "4294967295",
    "80",
    "/usr/bin/true",
];

#[test]
fn the_fuzzer_knows_every_keyword() {
    let mut text = String::from(
        "# Made of the keyword table (UPDATE_DOCS=1 cargo test -p control-plane --test generated); do not edit.\n",
    );
    let keywords = names(|_, _| true);
    let others = values();
    let words = keywords.union(&others).copied();
    for word in words.chain(SYNTAX).chain(VALUES) {
        let _ = writeln!(text, "\"{word}\"");
    }
    agree("tests/fuzz/config.dict", &text);
}
