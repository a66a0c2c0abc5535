//! Every keyword without its value, with a value that is none, and as an empty block: the outcome
//! is keepalived's.
//!
//! The observations are not part of the project. `KEEPALIVED_KEYWORD_ERRORS` names a file with the
//! columns block, keyword, what was given, exit code.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::path::Path;

use control_plane::{MemorySource, Options, load};

/// Disagreements that are meant, by block and keyword; `docs/differences.md` says why.
const EXPLAINED: &[(&str, &str, &str)] = &[
    // The name is looked up when mail is sent, not when the file is read.
    ("global_defs", "smtp_server", "zz"),
    // keepalived takes a word for 0.
    ("virtual_server/real_server/HTTP_GET/url", "regex_min_offset", "zz"),
    ("virtual_server/real_server/HTTP_GET/url", "regex_max_offset", "zz"),
    ("virtual_server/real_server/SSL_GET/url", "regex_min_offset", "zz"),
    ("virtual_server/real_server/SSL_GET/url", "regex_max_offset", "zz"),
    // keepalived falls.
    ("(root)", "bfd_instance", "no argument"),
    ("(root)", "bfd_instance", "empty block"),
    ("bfd_instance", "neighbor_ip", "no argument"),
    ("bfd_instance", "neighbour_ip", "no argument"),
];

const GLOBAL: &str = "global_defs {\n script_user root\n enable_script_security\n}\n";

/// An instance with one more line, and further text before it.
fn instance(before: &str, line: &str) -> String {
    format!(
        "{GLOBAL}{before}vrrp_instance V {{\n interface eth0\n virtual_router_id 5\n \
         virtual_ipaddress {{\n 10.9.0.77\n }}\n{line}\n}}\n"
    )
}

fn server(line: &str, real: &str) -> String {
    format!(
        "{GLOBAL}virtual_server 10.0.0.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n{line}\n \
         real_server 10.0.0.2 80 {{\n{real}\n }}\n}}\n"
    )
}

/// The smallest valid configuration in which the line can stand in its block.
fn around(block: &str, keyword: &str, line: &str) -> Option<String> {
    let own = |base: &'static str| if base.starts_with(keyword) { "" } else { base };
    let check = |name: &str, base: &str| {
        let text = server("", &format!("  {name} {{\n{base}\n{line}\n  }}"));
        format!(
            "track_file tf {{\n file /tmp/x\n}}\nbfd_instance b {{\n neighbor_ip 10.9.0.9\n}}\n{text}"
        )
    };
    Some(match block {
        "(root)" => format!("{line}\n{}", instance("", "")),
        "global_defs" => format!(
            "global_defs {{\n script_user root\n enable_script_security\n{line}\n}}\n{}",
            instance("", "").replace(GLOBAL, "")
        ),
        "vrrp_instance" => instance("", line),
        "vrrp_instance/authentication" => instance("", &format!("authentication {{\n{line}\n}}")),
        "vrrp_instance/auth_hmac" => {
            let key = "key 1 0123456789abcdef0123456789abcdef";
            let active = own("active_key 1");
            let key = if keyword == "key" { "" } else { key };
            instance("", &format!("auth_hmac {{\n{key}\n{active}\n{line}\n}}"))
        }
        "vrrp_sync_group" => {
            let group = own("group { V W }");
            format!(
                "{}{}vrrp_sync_group S {{\n{group}\n{line}\n}}\n",
                instance("", ""),
                instance("", "")
                    .replace(GLOBAL, "")
                    .replace("instance V", "instance W")
                    .replace("id 5", "id 6")
                    .replace(".77", ".78")
            )
        }
        "track_group" => {
            format!("{}track_group T {{\n{}\n{line}\n}}\n", instance("", ""), own("group { V }"))
        }
        "garp_group" => {
            let interface = if keyword.starts_with("interface") { "" } else { "interface eth0" };
            format!(
                "{}garp_group {{\n{}\n{interface}\n{line}\n}}\n",
                instance("", ""),
                own("garp_interval 1")
            )
        }
        "vrrp_script" => instance(
            &format!("vrrp_script s {{\n{}\n{line}\n}}\n", own("script /usr/bin/env")),
            "track_script {\n s\n}",
        ),
        "vrrp_track_process" => instance(
            &format!("vrrp_track_process s {{\n{}\n{line}\n}}\n", own("process x")),
            "track_process {\n s\n}",
        ),
        "track_file" | "vrrp_track_file" => instance(
            &format!("track_file s {{\n{}\n{line}\n}}\n", own("file /tmp/x")),
            "track_file {\n s\n}",
        ),
        "bfd_instance" => {
            let neighbour =
                if keyword.starts_with("neighbo") { "" } else { "neighbor_ip 10.9.0.9" };
            instance(&format!("bfd_instance s {{\n{neighbour}\n{line}\n}}\n"), "track_bfd {\n s\n}")
        }
        "SSL" => format!("{}SSL {{\n{line}\n}}\n", instance("", "")),
        "virtual_server" => server(line, "TCP_CHECK {\n}"),
        "virtual_server/real_server" => server("", line),
        _ => {
            let name = block.strip_prefix("virtual_server/real_server/")?;
            match name {
                "MISC_CHECK" => check(name, own("misc_path /usr/bin/env")),
                "HTTP_GET" | "SSL_GET" => check(name, own("url {\n path /\n}")),
                "HTTP_GET/url" | "SSL_GET/url" => {
                    let text = format!("url {{\n{}\n{line}\n}}", own("path /"));
                    server("", &format!("{} {{\n{text}\n}}", name.split('/').next()?))
                }
                "SMTP_CHECK/host" => {
                    server("", &format!("SMTP_CHECK {{\n host {{\n{line}\n }}\n}}"))
                }
                "FILE_CHECK" => check(name, own("track_file tf")),
                "BFD_CHECK" => check(name, own("name b")),
                _ => check(name, ""),
            }
        }
    })
}

fn exit_code(text: &str) -> u8 {
    let source =
        MemorySource::new("/k.conf", text).with_program("/usr/bin/env").with("/tmp/other", "");
    let options = Options {
        interfaces: Some(BTreeSet::from(["eth0".to_owned(), "eth1".to_owned(), "lo".to_owned()])),
        ..Options::default()
    };
    load(Path::new("/k.conf"), &source, &options).diagnostics.exit_code()
}

#[test]
fn the_outcome_of_every_wrong_keyword_is_that_of_keepalived() {
    let Ok(path) = std::env::var("KEEPALIVED_KEYWORD_ERRORS") else {
        skips::skip(skips::Lack::Data, "KEEPALIVED_KEYWORD_ERRORS names no file of observations");
        return;
    };
    let table = std::fs::read_to_string(path).unwrap();
    let (mut rows, mut different) = (0, Vec::new());
    for row in table.lines().skip(1) {
        let fields: Vec<&str> = row.split('\t').collect();
        let [block, keyword, given, code, ..] = fields[..] else { continue };
        let line = match given {
            "no argument" => keyword.to_owned(),
            "empty block" => format!("{keyword} {{\n}}"),
            "zz, empty block" => format!("{keyword} zz {{\n}}"),
            _ => format!("{keyword} {given}"),
        };
        let text = around(block, keyword, &line).unwrap();
        rows += 1;
        let ours = exit_code(&text);
        let explained =
            EXPLAINED.iter().any(|one| (one.0, one.1, one.2) == (block, keyword, given));
        if ours.to_string() != code && !explained {
            different.push(format!("{block} {keyword} ({given}): keepalived {code}, ours {ours}"));
        }
    }
    println!("{rows} rows");
    assert!(different.is_empty(), "{} of {rows}:\n{}", different.len(), different.join("\n"));
}
