//! keepalived-rs.conf(5).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use control_plane::keywords::{self, Block, Effect, Keyword, Table};

use super::agree;

const FILE: &str = "docs/keepalived-rs.conf.5";
const HEAD: &str = include_str!("head.roff");
const TAIL: &str = include_str!("tail.roff");

#[test]
fn the_man_page_has_every_keyword() {
    agree(FILE, &page());
}

/// Where groff and man are installed, as on every host that can show the page.
#[test]
fn the_man_page_is_shown_without_a_warning() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/keepalived-rs.conf.5");
    let Ok(shown) = Command::new("groff").args(["-ww", "-man", "-Tutf8", path]).output() else {
        skips::skip(skips::Lack::Setup, "no groff (apt-get install groff-base)");
        return;
    };
    let complaints = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert!(shown.status.success() && complaints.is_empty(), "{complaints}");
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("virtual_router_id"), "{text}");
}

fn page() -> String {
    let mut page = String::from(
        ".\\\" Made of the keyword table (UPDATE_DOCS=1 cargo test -p control-plane --test generated); do not edit.\n\
         .TH KEEPALIVED\\-RS.CONF 5 \"\" \"keepalived\\-rs\" \"File formats\"\n",
    );
    page.push_str(HEAD);
    page.push_str(
        "Keywords marked with * are read and checked, but nothing follows from them yet.\n",
    );
    for table in keywords::TABLES {
        write_table(&mut page, table);
    }
    page.push_str(TAIL);
    page
}

fn write_table(page: &mut String, table: &Table) {
    let Some(&place) = table.places.first() else { return };
    let titles: Vec<&str> = table.places.iter().map(|place| title(*place)).collect();
    let _ = writeln!(page, ".SS \"{}\"", escaped(&titles.join(", ")));
    for row in table.rows {
        write_row(page, place, row);
    }
}

fn title(place: Block) -> &'static str {
    match place {
        Block::Root => "Outside every block",
        Block::AddressEntry => "Options of an address",
        Block::RouteEntry => "Options of a route",
        Block::RuleEntry => "Options of a rule",
        Block::Directive => "Anywhere",
        other => other.name().unwrap_or_default(),
    }
}

fn write_row(page: &mut String, place: Block, row: &Keyword) {
    let mark = match keywords::effect(place, row.name) {
        Effect::Full => "",
        Effect::NotYet(_) => " *",
    };
    let value = match (row.syntax.is_empty(), row.name.ends_with('=')) {
        (true, _) => String::new(),
        (false, true) => format!("\\fI{}\\fR", escaped(row.syntax)),
        (false, false) => format!(" \\fI{}\\fR", escaped(row.syntax)),
    };
    let _ = writeln!(page, ".TP\n\\fB{}\\fR{value}{mark}", escaped(row.name));
    let mut seen = BTreeSet::new();
    let facts = [
        ("", row.doc),
        ("Range: ", row.range),
        ("Default: ", row.default),
        ("Unit: ", row.unit),
        ("Note: ", row.note),
    ];
    for (name, fact) in facts {
        // Range and note sometimes say the same.
        if !fact.is_empty() && seen.insert(fact) {
            let end = if fact.ends_with('.') { "" } else { "." };
            let _ = writeln!(page, "{}{end}", text(&format!("{name}{fact}")));
        }
    }
    if let Some(new) = row.renamed {
        let _ = writeln!(page, "Old spelling: write {}.", escaped(new));
    }
    if row.deprecated.is_some() {
        page.push_str("Deprecated.\n");
    }
    if row.ours {
        page.push_str("Not in keepalived.\n");
    } else if row.since_2_4 {
        page.push_str("Since keepalived 2.4.\n");
    }
}

/// A line of text: what groff would take for a request does not begin it.
fn text(line: &str) -> String {
    let line = escaped(line);
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

/// Signs that groff would take for something else.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            '\'' => escaped.push_str("\\(aq"),
            '"' => escaped.push_str("\\(dq"),
            '`' => escaped.push_str("\\(ga"),
            other => escaped.push(other),
        }
    }
    escaped
}
