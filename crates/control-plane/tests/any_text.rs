//! No text makes the reader fall, hang or grow without end.

use std::path::Path;
use std::time::{Duration, Instant};

use control_plane::{MemorySource, Options, keywords, load};
use proptest::prelude::*;

fn read(text: Vec<u8>) -> u8 {
    let source = MemorySource::new("/k.conf", text).with("/inc.conf", "include k.conf\nbogus {\n");
    let loaded = load(Path::new("/k.conf"), &source, &Options::default());
    // Rendering looks at places, which must be within their lines.
    let _ = loaded.diagnostics.render();
    let _ = loaded.diagnostics.log_lines().count();
    loaded.diagnostics.exit_code()
}

/// Words that the language has, so that texts get deeper than their first line.
fn word() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = keywords::all().map(|(_, row)| row.name).collect();
    prop_oneof![
        4 => proptest::sample::select(names).prop_map(str::to_owned),
        2 => proptest::sample::select(vec![
            "{", "}", "\"", "'", "#", "!", "@", "@^", "$A", "${A}", "$A=$B", "$B=${A}${A}", "$M= \\",
            "~SEQ(A,3)", "~LST(A,1,2)", "~SEQ(A,1,0,5)", "include inc.conf", "include {a,b{c,d}}*.conf",
            "${_RANDOM 1 9}", "${_ENV X}", "\\", "\u{a0}", "\u{feff}", "fwmark", "group", "weight",
        ])
        .prop_map(str::to_owned),
        2 => proptest::sample::select(vec![
            "10.0.0.1", "10.0.0.1/24", "2001:db8::1", "80", "0", "-1", "1.5", "99999999999999999999", "eth0",
            "MASTER", "PASS", "TCP", "rr", "DR", "on", "zz", "00:11:22:33:44:55", "hex:00", "1-5", "/usr/bin/env",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,12}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    let separator =
        proptest::sample::select(vec![" ", " ", " ", "\n", "\n", "\t", " {\n", "\n}\n", "\r\n"]);
    proptest::collection::vec((word(), separator), 0..120)
        .prop_map(|parts| parts.into_iter().map(|(word, separator)| word + separator).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn words_of_the_language_in_any_order_are_read(text in text()) {
        read(text.into_bytes());
    }

    #[test]
    fn bytes_in_any_order_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        read(bytes);
    }
}

#[test]
fn texts_made_to_hurt_come_to_an_end() {
    let deep = "vrrp_instance A {\n".repeat(10_000);
    let many = "bogus\n".repeat(100_000);
    let product = "~SEQ(A,1000) ~SEQ(B,1000) ~SEQ(C,1000) router_id $A$B$C\n".to_owned();
    let doubling: String =
        (0..60).map(|n| format!("$A{}=${{A{n}}}${{A{n}}}${{A{n}}}\n", n + 1)).collect();
    let empty_doubling = format!("$A0=\n{doubling}router_id ${{A60}}\n");
    let full_doubling = format!("$A0=xxxxxxxxxx\n{doubling}router_id ${{A60}}\n");
    let braces = format!("include {}\n", "{a,b}".repeat(100));
    let quotes = "\"".repeat(1_000);
    let lines = format!("$M= \\\n{}\n\n~SEQ(N,100000) $M\n", "router_id x \\\n".repeat(900));
    for text in [deep, many, product, empty_doubling, full_doubling, braces, quotes, lines] {
        let start = Instant::now();
        read(text.clone().into_bytes());
        let took = start.elapsed();
        println!("{took:?} for {text:.30}");
        assert!(took < Duration::from_secs(120), "{took:?} for {:.60}", text);
    }
}
