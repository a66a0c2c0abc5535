//! Keywords of virtual servers and real servers, and the settings of the whole daemon about them.

use control_plane::keywords::Block;

use crate::network::{failing, service};
use effects::{Sees, gone, new};

use crate::Row;
use crate::trace::{Act, Servers};

const SERVER: &str = "real_server 10.2.0.1 80 {\nweight 1\nTCP_CHECK {\n}\n}";

const HTTP: &str = "real_server 10.2.0.1 80 {\nHTTP_GET {\nurl {\npath /\n}\n}\n}";

/// A virtual server of `address` with `@` before its real server.
fn template(address: &str, server: &str) -> String {
    format!("virtual_server {address} {{\nprotocol TCP\ndelay_loop 10\nwarmup 0\n@\n{server}\n}}\n")
}

fn virtual_row(keyword: &'static str, line: &str, play: &[(u64, Act)], sees: Sees) -> Row {
    Row {
        block: Block::VirtualServer,
        keyword,
        template: template("10.1.0.1 80", SERVER),
        without: String::new(),
        with: format!("{keyword} {line}"),
        play: play.to_vec(),
        sees,
    }
}

fn kernel(keyword: &'static str, line: &str, sees: Sees) -> Row {
    virtual_row(keyword, line, &[(0, Act::End)], sees)
}

/// Settings of the service in the kernel.
fn settings() -> Vec<Row> {
    let flagged = |keyword, scheduler: &str, flag: &str| {
        let mut row = kernel(keyword, "", new(format!("{flag}: true")));
        row.template = row.template.replace('@', &format!("lb_algo {scheduler}\n@"));
        row
    };
    let of_udp = |mut row: Row| {
        row.template = row.template.replace("protocol TCP", "protocol UDP");
        row
    };
    let mut family = kernel("ip_family", "inet6", new("ipv6: true"));
    family.template =
        template("fwmark 7", "real_server fd00::1 80 {\nweight 1\n}").replace("protocol TCP\n", "");
    family.without = "ip_family inet".to_owned();
    let mut protocol = kernel("protocol", "SCTP", new("protocol: Sctp"));
    protocol.template = protocol.template.replace("protocol TCP\n", "");
    protocol.without = "protocol UDP".to_owned();
    vec![
        family,
        protocol,
        kernel("lb_algo", "sed", new("ShortestExpectedDelay")),
        kernel("lvs_sched", "nq", new("NeverQueue")),
        of_udp(kernel("ops", "", new("one_packet: true"))),
        flagged("flag-1", "sh", "flag_1"),
        flagged("flag-2", "sh", "flag_2"),
        flagged("flag-3", "sh", "flag_3"),
        flagged("sh-fallback", "sh", "flag_1"),
        flagged("sh-port", "sh", "flag_2"),
        flagged("mh-fallback", "mh", "flag_1"),
        flagged("mh-port", "mh", "flag_2"),
        kernel("lb_kind", "DR", new("method: DirectRouting")),
        kernel(
            "lvs_method",
            "TUN type gue port 6080 csum",
            new("kind: Gue, port: 6080, checksum: Checksum"),
        ),
        kernel("persistence_timeout", "60", new("persistence: Some(")),
        kernel("persistence_granularity", "255.255.255.0", new("persistence_prefix: Some(24)")),
        kernel("persistence_engine", "sip", new("persistence_engine: Some(\"sip\")")),
        kernel("real_server", "10.2.0.9 80 {\nweight 1\n}", new("+ 10.2.0.9:80")),
        {
            let mut row = kernel("weight", "7", new("weight: 7"));
            row.template = row.template.replace("weight 1\n", "");
            row
        },
    ]
}

/// When checks are made, where their own block says nothing.
fn times(block: Block) -> Vec<Row> {
    let template = match block {
        Block::VirtualServer => {
            format!("virtual_server 10.1.0.1 80 {{\nprotocol TCP\n@\n{SERVER}\n}}\n")
        }
        _ => format!(
            "virtual_server 10.1.0.1 80 {{\nprotocol TCP\n{}\n}}\n",
            SERVER.replace("weight 1", "weight 1\n@")
        ),
    };
    let row = |keyword, without: &str, line: &str, play: &[(u64, Act)], sees| Row {
        block,
        keyword,
        template: template.clone(),
        without: without.to_owned(),
        with: format!("{without}\n{keyword} {line}"),
        play: play.to_vec(),
        sees,
    };
    let steady = "delay_loop 10\nwarmup 0\n";
    let alike = [(1_500, Act::End)];
    vec![
        row("retry", steady, "3", &failing(), new("[14000] - 10.2.0.1:80")),
        row("delay_before_retry", steady, "4", &failing(), new("bad gaps: [4000, ")),
        row("warmup", "delay_loop 10", "0", &alike, new("[1000] try")),
        row("delay_loop", "warmup 0", "7", &[(45_000, Act::End)], new("good gaps: [7000, ")),
        row("connect_timeout", steady, "3.5", &alike, new("within 3500")),
        row("alpha", steady, "", &alike, gone("[0] + 10.2.0.1:80")),
        row("inhibit_on_failure", steady, "", &failing(), new("weight: 0")),
    ]
}

fn quorum() -> Vec<Row> {
    let two = format!("{SERVER}\n{}", SERVER.replace("10.2.0.1", "10.2.0.2"));
    let with_two = |mut row: Row| {
        row.template = template("10.1.0.1 80", &two);
        row
    };
    let mut stop = failing();
    stop.truncate(0);
    stop.push((2_000, Act::Stop));
    let up_and_down = vec![
        (5_000, Act::Servers(Servers::Refuse)),
        (30_000, Act::Servers(Servers::Good)),
        (60_000, Act::End),
    ];
    let sorry = |keyword, line: &str, sees| {
        let mut row = virtual_row(keyword, line, &failing(), sees);
        if keyword != "sorry_server" {
            row.template = row.template.replace('@', "sorry_server 10.3.0.1 80\n@");
        }
        row
    };
    let mut omega = virtual_row("omega", "", &stop, new("script /usr/bin/env [\"down\"]"));
    omega.template = omega.template.replace('@', "quorum_down \"/usr/bin/env down\"\n@");
    let mut suspended = virtual_row(
        "ha_suspend",
        "",
        &[(0, Act::Addresses(&[])), (1_500, Act::End)],
        gone("try connect"),
    );
    suspended.play.push((15_000, Act::End));
    let mut hysteresis =
        with_two(virtual_row("hysteresis", "1", &up_and_down, new("Gained quorum 2+1=3 <= 3")));
    hysteresis.template =
        template("10.1.0.1 80", &format!("quorum 2\n{}", two.replace("weight 1", "weight 3")))
            .replace("@\nquorum 2", "quorum 2\n@");
    hysteresis.sees = new("Lost quorum 2-1=1");
    vec![
        virtual_row(
            "quorum_up",
            "\"/usr/bin/env up\"",
            &up_and_down,
            new("script /usr/bin/env [\"up\"]"),
        ),
        virtual_row(
            "quorum_down",
            "\"/usr/bin/env down\"",
            &failing(),
            new("script /usr/bin/env [\"down\"]"),
        ),
        with_two(virtual_row("quorum", "2", &failing(), new("Lost quorum 2-0=2"))),
        hysteresis,
        omega,
        suspended,
        virtual_row("smtp_alert", "", &failing(), new("mail Virtualserver")),
        sorry("sorry_server", "10.3.0.1 80", new("+ 10.3.0.1:80")),
        {
            let mut row = sorry(
                "sorry_server_inhibit",
                "",
                new("+ 10.3.0.1:80 DesiredDestination { method: Nat, tunnel"),
            );
            // An inhibited sorry server is there from the start, with weight 0.
            row.sees = new("[0] + 10.3.0.1:80");
            row
        },
        sorry(
            "sorry_server_lvs_method",
            "DR",
            new("+ 10.3.0.1:80 DesiredDestination { method: DirectRouting"),
        ),
        {
            let mut row = virtual_row(
                "virtualhost",
                "v.example.com",
                &[(1_500, Act::End)],
                new("Host: v.example.com"),
            );
            row.template = template("10.1.0.1 80", HTTP);
            row
        },
    ]
}

fn real_servers() -> Vec<Row> {
    let row = |keyword, line: &str, play: &[(u64, Act)], sees| Row {
        block: Block::RealServer,
        keyword,
        template: template("10.1.0.1 80", &SERVER.replace("weight 1", "@")).replacen("@\n", "", 1),
        without: String::new(),
        with: format!("{keyword} {line}"),
        play: play.to_vec(),
        sees,
    };
    let start = [(0, Act::End)];
    let back = vec![
        (5_000, Act::Servers(Servers::Refuse)),
        (30_000, Act::Servers(Servers::Good)),
        (60_000, Act::End),
    ];
    let mut host =
        row("virtualhost", "r.example.com", &[(1_500, Act::End)], new("Host: r.example.com"));
    host.template = host.template.replace("TCP_CHECK {\n}", "HTTP_GET {\nurl {\npath /\n}\n}");
    // It counts more than that of the virtual server.
    host.template =
        host.template.replace("protocol TCP\n", "protocol TCP\nvirtualhost v.example.com\n");
    let mut quiet = row("smtp_alert", "off", &failing(), gone("mail Realserver"));
    quiet.without = "smtp_alert on".to_owned();
    vec![
        row("weight", "7", &start, new("weight: 7")),
        row("lvs_method", "DR", &start, new("method: DirectRouting")),
        row("uthreshold", "40", &start, new("upper_threshold: 40")),
        row("lthreshold", "20", &start, new("lower_threshold: 20")),
        row("notify_up", "\"/usr/bin/env up\"", &back, new("script /usr/bin/env [\"up\"]")),
        row(
            "notify_down",
            "\"/usr/bin/env down\"",
            &failing(),
            new("script /usr/bin/env [\"down\"]"),
        ),
        host,
        quiet,
    ]
}

/// Outside virtual servers.
fn daemon() -> Vec<Row> {
    let global = |keyword, line: &str, play: &[(u64, Act)], sees| Row {
        block: Block::GlobalDefs,
        keyword,
        template: format!("global_defs {{\n@\n}}\n{}", service(80, "TCP_CHECK {\n}")),
        without: String::new(),
        with: format!("{keyword} {line}"),
        play: play.to_vec(),
        sees,
    };
    let root = |keyword, line: &str, without: &str, sees| Row {
        block: Block::Root,
        keyword,
        template: "@\n".to_owned(),
        without: without.to_owned(),
        with: format!("{keyword} {line}"),
        play: vec![(0, Act::End)],
        sees,
    };
    let mut group = root("virtual_server_group", "G {\n10.1.0.7 80\n}", "", new("VS [G]:0"));
    group.template =
        "@\nvirtual_server group G {\nprotocol TCP\nreal_server 10.2.0.1 80 {\n}\n}\n".to_owned();
    group.sees = new("Group {");
    // The second check fails when the server is down already.
    let mut second =
        global("no_checker_emails", "", &failing(), gone(": MISC CHECK failed on service"));
    second.template = second
        .template
        .replace("TCP_CHECK {\n}", "TCP_CHECK {\n}\nMISC_CHECK {\nmisc_path /usr/bin/env\n}");
    vec![
        root(
            "virtual_server",
            "10.1.0.1 80 {\nprotocol TCP\nreal_server 10.2.0.1 80 {\n}\n}",
            "",
            new("+ 10.2.0.1:80"),
        ),
        group,
        second,
        global("checker_log_all_failures", "", &failing(), new("[11000] log ")),
        global("smtp_alert_checker", "off", &failing(), gone("mail Realserver")),
        global("rs_init_notifies", "", &[(0, Act::End)], new("[0] pipe RS")),
    ]
}

/// Rows for all of them.
pub(crate) fn rows() -> Vec<Row> {
    [
        settings(),
        times(Block::VirtualServer),
        times(Block::RealServer),
        quorum(),
        real_servers(),
        daemon(),
    ]
    .concat()
}
