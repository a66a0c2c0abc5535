//! `Health checkers`: each check with its server and what is special to its kind.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use control_plane::model::checks::{CheckerKind, HttpVersion, Sni, Url, UrlRegex};
use control_plane::model::{
    Checker, Config, GroupNames, RealServer, ServiceAddress, TcpCheck, VirtualServer,
};

use checkers::health::Health;
use checkers::{CheckState, ScriptRun};

use crate::layout::{Lines, owner, quoted, reversed, seconds, yes_no};
use crate::live::{CheckersLive, Clock};
use crate::servers::named;

/// Every check of every server; with states if there are any.
pub(crate) fn lines<'a>(
    config: &'a Config,
    live: Option<(&'a CheckersLive, Clock)>,
) -> impl Iterator<Item = Lines> + use<'a> {
    let known = Rc::new((Expressions::new(config), GroupNames::of(&config.lvs)));
    config.lvs.virtual_servers.iter().flat_map(move |service| {
        let known = Rc::clone(&known);
        service.real_servers.iter().flat_map(move |server| {
            let known = Rc::clone(&known);
            let state = live.and_then(|(live, _)| live.server(service.address, server.address));
            // Sessions of BFD are not among the states.
            let states = state.map(|state| state.checks.iter()).unwrap_or_default();
            let mut states = states.enumerate();
            server.checkers.iter().map(move |check| {
                let has_state = !matches!(check.kind, CheckerKind::Bfd(_));
                let state = has_state.then(|| states.next()).flatten();
                let mut lines = one(
                    config,
                    (&known.0, &known.1),
                    (service, server, check),
                    state.map(|(_, state)| state),
                );
                if let (CheckerKind::Misc(_), Some((live, clock)), Some((place, _))) =
                    (&check.kind, live, state)
                {
                    let run = live.script_run(service.address, server.address, place);
                    last_run(&mut lines, run, clock);
                }
                lines
            })
        })
    })
}

/// The last lines of a MISC_CHECK.
fn last_run(lines: &mut Lines, run: Option<ScriptRun>, clock: Clock) {
    lines.item(3, "Last ran", clock.epoch_and_year(run.map(|run| run.started)));
    lines.item(3, "Last status", run.map_or(0, |run| run.status));
}

fn one(
    config: &Config,
    (expressions, groups): (&Expressions<'_>, &GroupNames),
    (service, server, check): (&VirtualServer, &RealServer, &Checker),
    state: Option<&CheckState>,
) -> Lines {
    let mut lines = Lines::default();
    let health = state.map(|state| state.health);
    let around = Around { virtualhost: server.virtualhost.as_deref(), expressions };
    let (service, server) = names(groups, service.address, server);
    lines.at(1, format!("{service} -> {server}"));
    if let Some(health) = health {
        lines.item(3, "Enabled", "yes");
        lines.item(3, "Up", yes_no(health.is_up()));
        lines.item(3, "Has run", yes_no(!matches!(health, Health::Presumed { .. })));
        lines.item(3, "Current weight", state.map_or(0, |state| state.adjustment));
    }
    if matches!(check.kind, CheckerKind::File(_) | CheckerKind::Bfd(_)) {
        // They have no rhythm of their own.
        lines.item(3, "Log all failures", yes_no(check.log_all_failures));
        kind(&mut lines, config, &around, &check.kind);
        return lines;
    }
    lines.item(3, "Alpha", yes_no(check.alpha));
    lines.item(3, "Delay loop", format!("{} us", check.delay_loop.as_micros()));
    lines.item(3, "Warmup", format!("{} us", check.warmup.as_micros()));
    lines.item(3, "Retries", check.retry);
    if check.retry > 0 {
        let delay = check.delay_before_retry.as_micros();
        lines.item(3, "Delay before retry", format!("{delay} us"));
    }
    if let Some(health) = health
        && check.retry > 0
    {
        let failures = if let Health::Up { failures } = health { failures } else { 0 };
        lines.item(3, "Retries iterations", failures);
    }
    lines.item(3, "Default delay before retry", format!("{} us", default_delay(&check.kind)));
    lines.item(3, "Log all failures", yes_no(check.log_all_failures));
    kind(&mut lines, config, &around, &check.kind);
    lines
}

/// `delay_before_retry` of a kind of check when nobody says anything, in microseconds; DNS_CHECK has
/// `delay_loop`.
const fn default_delay(kind: &CheckerKind) -> u32 {
    match kind {
        CheckerKind::Http(_) => 3_000_000,
        CheckerKind::Dns(_) => 0,
        _ => 1_000_000,
    }
}

fn names(groups: &GroupNames, service: ServiceAddress, server: &RealServer) -> (String, String) {
    let (name, protocol) = match service {
        ServiceAddress::Address { ip, port, protocol } => {
            (named((ip, port).into(), Some(protocol)), Some(protocol))
        }
        ServiceAddress::Mark { mark, .. } => (format!("FWM {mark}"), None),
        ServiceAddress::Group { protocol, .. } => (groups.get(&service).to_owned(), Some(protocol)),
    };
    (name, named(server.address, protocol))
}

/// What a check shows of things around it.
struct Around<'a> {
    /// The `virtualhost` of its server, that is shown there.
    virtualhost: Option<&'a str>,
    expressions: &'a Expressions<'a>,
}

/// How many URLs have the same regular expression.
struct Expressions<'a>(HashMap<(&'a str, BTreeSet<&'a str>), usize>);

impl<'a> Expressions<'a> {
    fn new(config: &'a Config) -> Self {
        let mut counts = HashMap::new();
        for (_, _, check) in all(config) {
            let CheckerKind::Http(http) = &check.kind else { continue };
            for regex in http.urls.iter().filter_map(|url| url.regex.as_ref()) {
                *counts.entry(Self::key(regex)).or_default() += 1;
            }
        }
        Self(counts)
    }

    /// Whether a match is good or bad does not make it another one.
    fn key(regex: &UrlRegex) -> (&str, BTreeSet<&str>) {
        (&regex.pattern, regex.options.iter().map(AsRef::as_ref).collect())
    }

    fn of(&self, regex: &UrlRegex) -> usize {
        self.0.get(&Self::key(regex)).copied().unwrap_or(0)
    }
}

/// What is special to a kind.
fn kind(lines: &mut Lines, config: &Config, around: &Around<'_>, kind: &CheckerKind) {
    let method = |lines: &mut Lines, name: &str| lines.item(3, "Keepalive method", name);
    match kind {
        CheckerKind::Tcp(tcp) => {
            connection(lines, tcp);
            method(lines, "TCP_CHECK");
        }
        CheckerKind::Http(http) => {
            connection(lines, &http.connect);
            let name = if http.tls { "SSL_GET" } else { "HTTP_GET" };
            let version = match http.version {
                HttpVersion::V1_0 => "1.0",
                HttpVersion::V1_0Close => "1.0C",
                HttpVersion::V1_1 => "1.1",
            };
            method(lines, &format!("{name}, http protocol {version}"));
            let own = http.virtualhost.as_deref().filter(|one| Some(*one) != around.virtualhost);
            lines.optional(3, "Virtualhost", own);
            let sni = if http.sni == Sni::Off { "unset" } else { "set" };
            lines.at(3, format!("Enable SNI {sni}"));
            lines.at(
                3,
                format!("Fast recovery {}", if http.fast_recovery { "set" } else { "unset" }),
            );
            http.urls.iter().for_each(|one| url(lines, one, around.expressions));
        }
        CheckerKind::Smtp(smtp) => {
            connection(lines, &smtp.connect);
            method(lines, "SMTP_CHECK");
            lines.item(3, "helo", &smtp.helo_name);
        }
        CheckerKind::Dns(dns) => {
            connection(lines, &dns.connect);
            method(lines, "DNS_CHECK");
            lines.item(3, "Type", record_type(dns.record_type));
            lines.item(3, "Name", &dns.name);
        }
        CheckerKind::Udp(udp) => {
            connection(lines, &udp.connect);
            method(lines, "UDP_CHECK");
            lines.item(3, "Payload len", udp.payload.len());
            lines.item(3, "Require reply", yes_no(udp.reply.is_some()));
            if let Some(reply) = &udp.reply {
                lines.item(5, "Min reply length", udp.min_reply_length);
                lines.item(5, "Max reply length", udp.max_reply_length);
                lines.item(5, "Reply data len", reply.len());
                let masked = reply.iter().any(|(_, mask)| *mask != 0xff);
                lines.item(5, "Reply data mask", yes_no(masked));
            }
        }
        CheckerKind::Ping(ping) => {
            connection(lines, ping);
            method(lines, "PING_CHECK");
        }
        CheckerKind::Misc(misc) => {
            method(lines, "MISC_CHECK");
            lines.item(3, "script", quoted(&misc.command));
            lines.item(3, "timeout", misc.timeout.as_secs());
            lines.item(3, "dynamic", if misc.dynamic { "YES" } else { "NO" });
            lines.optional(
                3,
                "uid:gid",
                misc.command.user.as_ref().or(config.global.scripts.user.as_ref()).map(owner),
            );
        }
        CheckerKind::File(file) => {
            method(lines, "FILE_CHECK");
            let tracked = config.lvs.files.get(file.file.0);
            lines.optional(5, "Tracked file", tracked.map(|file| &file.name));
            lines.item(5, "Reloaded", "No");
        }
        CheckerKind::Bfd(bfd) => {
            method(lines, "BFD_CHECK");
            lines.optional(3, "Name", config.bfd.get(bfd.0).map(|session| &session.name));
            lines.at(3, "Alpha is OFF");
        }
    }
}

fn record_type(number: u16) -> String {
    control_plane::model::checks::DNS_TYPES
        .iter()
        .find(|(_, value)| *value == number)
        .map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}

/// Every check with its service and server.
fn all(config: &Config) -> impl Iterator<Item = (&VirtualServer, &RealServer, &Checker)> {
    config.lvs.virtual_servers.iter().flat_map(|service| {
        let servers = service.real_servers.iter();
        servers.flat_map(move |server| {
            server.checkers.iter().map(move |check| (service, server, check))
        })
    })
}

/// `Checker track files`: each file with the servers whose weight it moves.
pub(crate) fn files(config: &Config) -> impl Iterator<Item = Lines> + use<'_> {
    let groups = GroupNames::of(&config.lvs);
    config.lvs.files.iter().enumerate().map(move |(place, file)| {
        let mut lines = Lines::default();
        lines.item(1, "Track file", &file.name);
        lines.item(3, "File", &file.path);
        lines.item(3, "Weight", format!("{}{}", file.weight, reversed(file.reverse)));
        let trackers = all(config).filter_map(|(service, server, check)| {
            let CheckerKind::File(one) = &check.kind else { return None };
            let (service, server) = names(&groups, service.address, server);
            let weight = format!("{}{}", one.weight, reversed(one.reverse));
            (one.file.0 == place).then(|| format!("{service} -> {server}, weight {weight}"))
        });
        lines.list("Tracking instances", trackers);
        lines
    })
}

/// `Checker track BFDs`: each session with the servers that it takes down.
pub(crate) fn sessions(config: &Config) -> impl Iterator<Item = Lines> + use<'_> {
    config.bfd.iter().enumerate().filter(|(_, one)| one.for_checkers).map(move |(place, one)| {
        let mut lines = Lines::default();
        lines.item(1, "Checker Track BFD", &one.name);
        lines.at(3, "Tracking RS :");
        for (service, server, check) in all(config) {
            if matches!(&check.kind, CheckerKind::Bfd(of) if of.0 == place) {
                lines.at(3, names(&GroupNames::NONE, service.address, server).1);
            }
        }
        lines
    })
}

fn connection(lines: &mut Lines, tcp: &TcpCheck) {
    lines.at(3, "Connection");
    let (ip, port) = (tcp.target.ip(), tcp.target.port());
    lines.item(5, "Dest", format!("[{ip}]:{port}"));
    if let Some(bind) = tcp.bind.as_deref() {
        lines.item(5, "Bind to", format!("[{}]:{}", bind.ip(), bind.port()));
    }
    lines.optional(5, "Bind i/f", tcp.bind_interface.as_ref());
    if tcp.mark != 0 {
        lines.item(5, "Mark", tcp.mark);
    }
    lines.item(5, "Timeout", seconds(tcp.connect_timeout));
}

fn url(lines: &mut Lines, url: &Url, expressions: &Expressions<'_>) {
    lines.item(3, "Checked url", &url.path);
    let digest = url.digest.map(|bytes| bytes.map(|byte| format!("{byte:02x}")).concat());
    lines.optional(5, "digest", digest);
    lines.at(5, format!("tls_compliant {}", if url.tls_compliant { "set" } else { "unset" }));
    if !url.status_codes.is_empty() {
        lines.at(5, "HTTP Status Code(s)");
        for &(first, last) in &url.status_codes {
            let code = if first == last { first.to_string() } else { format!("{first}-{last}") };
            lines.at(7, code);
        }
    }
    lines.optional(5, "Virtual host", url.virtualhost.as_ref());
    if let Some(regex) = &url.regex {
        lines.item(5, "Regex", format!("\"{}\"", regex.pattern));
        let options: String = regex.options.iter().map(|one| format!(" {one}")).collect();
        if regex.no_match {
            lines.at(5, "Regex no match");
        }
        lines.at(5, format!("Regex options:{options}"));
        lines.item(5, "Regex ref count", expressions.of(regex));
    }
}
