//! Keywords that one kind of check has.

use control_plane::keywords::Block;

use crate::network::{failing, in_check, service};
use effects::{Sees, gone, new};

use crate::Row;
use crate::trace::{Act, Servers};

fn row(block: Block, keyword: &'static str, line: &str, sees: Sees) -> Row {
    in_check(block, keyword, line, &[(1_500, Act::End)], sees)
}

/// A row with servers that say this from the start.
fn said(block: Block, keyword: &'static str, line: &str, answer: Servers, sees: Sees) -> Row {
    in_check(block, keyword, line, &[(0, Act::Servers(answer)), (1_500, Act::End)], sees)
}

fn misc() -> Vec<Row> {
    let misc = Block::MiscCheck;
    let mut path = row(misc, "misc_path", "", new("args: [\"x\"]"));
    path.template = service(80, "MISC_CHECK {\n@\n}");
    path.without = "misc_path /usr/bin/env".to_owned();
    path.with = "misc_path \"/usr/bin/env x\"".to_owned();
    vec![
        path,
        row(misc, "misc_timeout", "3", new("within 3000")),
        said(misc, "misc_dynamic", "", Servers::Status(9), new("weight: 7")),
        row(misc, "user", "nobody", new("user: \"nobody\"")),
    ]
}

fn mail() -> Vec<Row> {
    let mut host = row(Block::SmtpCheck, "host", "{\nconnect_ip 10.9.9.9\n}", new("10.9.9.9:25"));
    host.without = "connect_ip 10.9.9.8".to_owned();
    vec![host, row(Block::SmtpCheck, "helo_name", "me.example.com", new("HELO me.example.com"))]
}

fn datagrams() -> Vec<Row> {
    let udp = Block::UdpCheck;
    let down = "- 10.2.0.1:80";
    let short = |keyword, line, sees| {
        let mut row = said(udp, keyword, line, Servers::Say("ok!"), sees);
        row.template = service(80, "UDP_CHECK {\nrequire_reply 6f\n@\n}");
        row
    };
    let mut reply = said(udp, "require_reply", "6f 6c", Servers::Say("ok!"), new(down));
    reply.template = service(80, "UDP_CHECK {\n@\n}");
    vec![
        row(udp, "payload", "4142", new("say AB")),
        row(udp, "payload", "41 42 3", new(r"say AB\x03")),
        reply,
        short("min_reply_length", "4", new(down)),
        short("max_reply_length", "2", new(down)),
        row(Block::DnsCheck, "type", "MX", new(r"\x00\x0f\x00\x01")),
        row(Block::DnsCheck, "name", "www.example.com", new(r"\x03www\x07example\x03com")),
    ]
}

/// In both kinds of pages.
fn pages(get: Block, url: Block) -> Vec<Row> {
    let down = "- 10.2.0.1:80";
    let digest_of_hello = "5d41402abc4b2a76b9719d911017c592";
    let bad = Servers::Say("HTTP/1.0 404 No\r\n\r\nhello");
    let mut with_pattern = [
        row(url, "regex_no_match", "", new("no_match: true")),
        row(url, "regex_options", "caseless dotall", new("[\"caseless\", \"dotall\"]")),
        row(url, "regex_min_offset", "3", new("min_offset: 3")),
        row(url, "regex_max_offset", "9", new("max_offset: Some(9)")),
        row(url, "regex_stack", "32768 65536", new("stack: Some((32768, 65536))")),
    ];
    for row in &mut with_pattern {
        row.template = row.template.replace('@', "regex hell\n@");
    }
    // The body has the pattern, so that it must not have it turns the verdict.
    let mut no_match = with_pattern[0].clone();
    no_match.sees = new(down);
    let mut path = row(url, "path", "", new("GET /elsewhere HTTP"));
    path.template = path.template.replace("path /\n", "");
    (path.without, path.with) = ("path /".to_owned(), "path /elsewhere".to_owned());
    let second = "{\npath /second\n}";
    let mut recovery = in_check(
        get,
        "fast_recovery",
        "",
        &[
            (0, Act::Servers(Servers::Refuse)),
            (5_000, Act::Servers(Servers::Good)),
            (60_000, Act::End),
        ],
        new("good gaps: [0, 0, "),
    );
    recovery.template = recovery.template.replace('@', &format!("url {second}\n@"));
    let mut of_checker = row(get, "virtualhost", "www.example.com", new("Host: www.example.com"));
    // The nearest counts: that of the real server is there too, and for a url that of the check.
    of_checker.template =
        of_checker.template.replace("weight 1\n", "weight 1\nvirtualhost server.example.com\n");
    let mut of_url = row(url, "virtualhost", "url.example.com", new("Host: url.example.com"));
    of_url.template =
        of_url.template.replacen("url {\n", "virtualhost www.example.com\nurl {\n", 1);
    let mut rows = vec![
        in_check(get, "url", second, &[(60_000, Act::End)], new("GET /second HTTP")),
        of_checker,
        row(get, "http_protocol", "1.1", new(r"HTTP/1.1\r\nUser-Agent")),
        recovery,
        path,
        said(url, "digest", &"0".repeat(32), Servers::Good, new(down)),
        row(url, "digest", digest_of_hello, gone(down)),
        said(url, "status_code", "404", bad, gone(down)),
        of_url,
        row(url, "regex", "goodbye", new(down)),
        no_match,
    ];
    // What is right stays up; that is seen beside one that is wrong.
    rows[6].without = format!("digest {}", "1".repeat(32));
    rows.extend(with_pattern);
    rows.push(row(get, "http_protocol", "1.0C", new(r"Client\r\nConnection: close\r\n")));
    rows
}

fn secret_pages() -> Vec<Row> {
    let ssl = Block::SslGet;
    let name = |keyword, line: &str, sees| {
        let mut row = row(ssl, keyword, line, sees);
        row.template = row.template.replace('@', "virtualhost v.example.com\n@");
        row
    };
    let cut = |block| said(block, "tls_compliant", "", Servers::CutOff, new("- 10.2.0.1:80"));
    vec![
        name("enable_sni", "", new("server_name: Some(\"v.example.com\")")),
        name("sni_name", "n.example.com", new("server_name: Some(\"n.example.com\")")),
        cut(ssl),
        cut(Block::SslUrl),
    ]
}

fn files() -> Vec<Row> {
    let template = |check: &str| {
        format!(
            "track_file one {{\nfile /run/one\nweight 1\n}}\ntrack_file two {{\nfile /run/two\nweight 1\n}}\n{}",
            service(80, check).replace("weight 1\n", "weight 10\n")
        )
    };
    let play = vec![(100, Act::File("one", 1)), (100, Act::File("two", 5)), (200, Act::End)];
    let file = |keyword, check: &str, without: &str, with: &str, sees| Row {
        block: Block::FileCheck,
        keyword,
        template: template(check),
        without: without.to_owned(),
        with: with.to_owned(),
        play: play.clone(),
        sees,
    };
    vec![
        file(
            "track_file",
            "FILE_CHECK {\n@\n}",
            "track_file one",
            "track_file two",
            new("weight: 15"),
        ),
        file("weight", "FILE_CHECK {\ntrack_file one\n@\n}", "", "weight 3", new("weight: 13")),
    ]
}

/// The blocks themselves: with one there are tries of its kind.
fn kinds() -> Vec<Row> {
    let kind = |keyword, check: &str, sees| Row {
        block: Block::RealServer,
        keyword,
        template: service(80, "@"),
        without: String::new(),
        with: format!("{keyword} {{\n{check}\n}}"),
        play: failing(),
        sees,
    };
    let mut file = kind("FILE_CHECK", "track_file one\nweight 0", new("- 10.2.0.1:80"));
    file.template = format!("track_file one {{\nfile /run/one\n}}\n{}", file.template);
    file.play = vec![(100, Act::File("one", 1)), (200, Act::End)];
    vec![
        file,
        kind("TCP_CHECK", "", new("try connect")),
        kind("PING_CHECK", "", new("try Icmp")),
        kind("UDP_CHECK", "", new("try Udp")),
        kind("DNS_CHECK", "", new("try Udp 10.2.0.1:80")),
        kind("SMTP_CHECK", "", new("try Tcp")),
        kind("HTTP_GET", "url {\npath /\n}", new("try Tcp")),
        kind("SSL_GET", "url {\npath /\n}", new("try Tls")),
        kind("MISC_CHECK", "misc_path /usr/bin/env", new("/usr/bin/env")),
    ]
}

/// Rows for each kind.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = [misc(), mail(), datagrams(), secret_pages(), files(), kinds()].concat();
    rows.extend(pages(Block::HttpGet, Block::HttpUrl));
    rows.extend(pages(Block::SslGet, Block::SslUrl));
    rows
}
