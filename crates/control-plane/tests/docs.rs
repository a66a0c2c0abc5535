//! The documents that are made of the keyword table agree with it. `UPDATE_DOCS=1` writes them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fmt::Write as _;
use std::path::PathBuf;

use control_plane::diagnostic::{Class, Code};
use control_plane::keywords::{self, Block, Missing};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

fn agree(name: &str, wanted: &str) {
    let path = path(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, wanted).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/{name} is not up to date: run the tests of control-plane with UPDATE_DOCS=1"
    );
}

fn heading(block: Block) -> Option<&'static str> {
    match block {
        Block::AddressEntry => {
            Some("entries of virtual_ipaddress, virtual_ipaddress_excluded, static_ipaddress")
        }
        Block::RouteEntry => Some("entries of virtual_routes, static_routes"),
        Block::RuleEntry => Some("entries of virtual_rules, static_rules"),
        Block::Directive => Some("anywhere"),
        other => other.name(),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[test]
fn the_list_of_keywords_is_that_of_the_table() {
    let mut text = String::from(
        "# Keywords\n\nMade of the keyword table of `crates/control-plane` (`UPDATE_DOCS=1 cargo test -p \
         control-plane --test docs`); do not edit.\n\nA keyword in *italics* is read and checked, but has no \
         effect yet.\n",
    );
    for table in keywords::TABLES {
        let Some(&block) = table.places.first() else { continue };
        let places: Vec<&str> = table.places.iter().filter_map(|place| heading(*place)).collect();
        let _ = write!(
            text,
            "\n## {}\n\n| keyword | value | range | default | unit | meaning |\n\
             | --- | --- | --- | --- | --- | --- |\n",
            places.join(", ")
        );
        for row in table.rows {
            let name = match keywords::effect(block, row.name) {
                keywords::Effect::Full => format!("`{}`", row.name),
                keywords::Effect::NotYet(_) => format!("*`{}`*", row.name),
            };
            let old =
                row.renamed.map_or(String::new(), |new| format!(" Old spelling: write {new}."));
            let deprecated = if row.deprecated.is_some() { " Deprecated." } else { "" };
            let since = match row {
                row if row.ours => " Not in keepalived.",
                row if row.since_2_4 => " Since keepalived 2.4.",
                _ => "",
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {}{old}{deprecated}{since} |",
                cell(&name),
                cell(row.syntax),
                cell(row.range),
                cell(row.default),
                cell(row.unit),
                cell(row.doc),
            );
        }
    }
    agree("keywords.md", &text);
}

#[test]
fn the_list_of_differences_names_every_keyword_without_effect() {
    const START: &str = "<!-- keywords: generated -->\n";
    const END: &str = "<!-- keywords: end -->\n";
    let name = "differences.md";
    let text = std::fs::read_to_string(path(name)).unwrap();
    let (before, rest) = match text.split_once(START) {
        Some((before, rest)) => (before.to_owned(), rest.to_owned()),
        None => (format!("{}\n\n", text.trim_end()), END.to_owned()),
    };
    let after = rest.split_once(END).map_or("", |(_, after)| after);
    let mut list = String::from(
        "## Keywords without effect yet\n\nThey are read and checked, and the log says once that nothing \
         follows from them.\n\n| feature | where | keywords |\n| --- | --- | --- |\n",
    );
    for (places, names, reason) in keywords::gaps() {
        let places: Vec<&str> = places.iter().filter_map(|place| heading(*place)).collect();
        let names: Vec<String> = match names {
            ["*"] => vec!["all".to_owned()],
            names => names.iter().map(|name| format!("`{name}`")).collect(),
        };
        let _ = writeln!(list, "| {reason} | {} | {} |", places.join(", "), names.join(", "));
    }
    agree(name, &format!("{before}{START}{list}{END}{after}"));
}

#[test]
fn the_list_of_diagnostics_is_that_of_the_code() {
    let mut text = String::from(
        "# Diagnostics\n\nWhat `-t` and the log say about a configuration. Made of `Code` in \
         `crates/control-plane` (`UPDATE_DOCS=1`); do not edit.\n\n\
         | code | severity | status of -t | meaning |\n| --- | --- | --- | --- |\n",
    );
    for code in Code::ALL {
        let status = match code.class() {
            Class::Note => 0,
            Class::MissingParameter => 2,
            Class::FileNotFound | Class::BadInterface | Class::Fatal => 4,
            Class::Security | Class::Include => 6,
            _ => 5,
        };
        let severity = format!("{:?}", code.severity()).to_lowercase();
        let _ = writeln!(text, "| `{}` | {severity} | {status} | {} |", code.as_str(), code.doc());
    }
    agree("diagnostics.md", &text);
}

#[test]
fn every_gap_names_keywords_that_exist() {
    for (places, names, _) in keywords::gaps() {
        for name in names.iter().filter(|name| **name != "*") {
            assert!(places.iter().any(|place| keywords::find(*place, name).is_some()), "{name}");
        }
    }
}

#[test]
fn no_keyword_stands_twice_in_one_place_and_all_are_described() {
    let mut seen = std::collections::BTreeSet::new();
    for (place, row) in keywords::all() {
        assert!(seen.insert((place, row.name)), "{place:?} {} stands twice", row.name);
        assert!(!row.doc.is_empty(), "{}", row.name);
        let takes_value = !matches!(row.missing, Missing::Allowed);
        assert!(!takes_value || !row.syntax.is_empty(), "{} has no syntax", row.name);
    }
}

/// `KEEPALIVED_KEYWORDS` names a table of keywords: block, keyword, ... The place of each is known.
#[test]
fn every_place_of_the_reference_is_in_the_table() {
    let Ok(file) = std::env::var("KEEPALIVED_KEYWORDS") else {
        skips::skip(skips::Lack::Data, "KEEPALIVED_KEYWORDS names no table of keywords");
        return;
    };
    let text = std::fs::read_to_string(file).unwrap();
    let mut missing = Vec::new();
    let mut places = 0;
    for row in text.lines().skip(1) {
        let fields: Vec<&str> = row.split('\t').collect();
        let (place, name, kind) = (fields[0], fields[1], fields[fields.len() - 1]);
        places += usize::from(kind == "keyword");
        let inner = place.rsplit('/').next().unwrap_or(place);
        let blocks: Vec<Block> = match place {
            "(root)" => vec![Block::Root],
            _ if place.starts_with("(address") => vec![Block::AddressEntry],
            _ if place.starts_with("(route") => vec![Block::RouteEntry],
            _ if place.starts_with("(rule") => vec![Block::RuleEntry],
            _ if place.starts_with("(language") => vec![Block::Directive],
            _ if place.ends_with("HTTP_GET/url") => vec![Block::HttpUrl],
            _ if place.ends_with("SSL_GET/url") => vec![Block::SslUrl],
            _ if place.ends_with("/host") => vec![Block::SmtpHost],
            "vrrp_track_file" => vec![Block::TrackFile],
            _ => keywords::all()
                .map(|(block, _)| block)
                .filter(|block| block.name() == Some(inner))
                .collect(),
        };
        if !blocks.iter().any(|block| keywords::find(*block, name).is_some()) {
            missing.push(format!("{place} {name}"));
        }
    }
    println!("{places} places");
    assert!(missing.is_empty(), "{missing:?}");
}
