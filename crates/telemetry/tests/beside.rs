//! Dumps beside those that keepalived 2.4.3 wrote of the same configuration, line by line. What may
//! differ is listed here. The variable `KEEPALIVED_DUMPS` names the folder with `rich.conf` and them;
//! without it these tests say that they skip.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod exporter;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use base::{Duration, IfIndex, Instant, Sighting};
use control_plane::{Config, MemorySource, Options, load};
use skips::{Lack, skip};
use telemetry::{
    Below, CheckersLive, Clock, LinkKind, LinkView, Macvlan, Moment, SocketView, VrrpLive,
};
use vrrp_stack::{ExitKind, Input, Link, Output, Outputs, Stack};

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("KEEPALIVED_DUMPS").map(PathBuf::from);
    if folder.is_none() {
        skip(Lack::Data, "KEEPALIVED_DUMPS names no folder with keepalived's dumps");
    }
    folder
}

fn config(folder: &Path) -> Config {
    let text = fs::read_to_string(folder.join("rich.conf")).unwrap();
    let source = MemorySource::new("/rich.conf", text)
        .with_program("/usr/bin/test")
        .with_program("/run/kdemo/notify.sh")
        .with_program("/run/kdemo/misc.sh")
        .with("/run/kdemo/load", "0");
    load(Path::new("/rich.conf"), &source, &Options::default()).config.unwrap()
}

/// Values that depend on the moment, the machine, or the state of it.
const MOVES: [&str; 36] = [
    "Last transition",
    "Last ran",
    "Read timeout",
    "Master down timer",
    "Last advert sent",
    "Using src_ip",
    "fd_in",
    "index",
    "IPv4 address",
    "IPv6 address",
    "MAC =",
    "Multicast address ff02::12, ifindex",
    "Effective priority",
    "Total priority",
    "Bfd is",
    "Sent:",
    "quorum_state_up",
    "set =",
    "alive",
    "VS alive",
    "Alive:",
    "num failed checkers",
    "RS set",
    "Enabled",
    "Up =",
    "Has run",
    "Retries iterations",
    "local state",
    "remote state",
    "\"last_transition",
    "\"advert_sent\"",
    "\"become_master\"",
    "\"release_master\"",
    "\"pri_zero_sent\"",
    "\"vroutes\"",
    "\"current_processes\"",
];

/// Lines that only one of the two has: sign and beginning, without indentation; and why.
const DIFFER: [(&str, &[&str]); 8] = [
    ("checker_log_all_failures counts", &["-Log all failures = no", "+Log all failures = yes"]),
    (
        "a FILE_CHECK or BFD_CHECK has no rhythm: keepalived shows numbers that were never set",
        &[
            "-Alpha = no",
            "-Default delay before retry = 1000000 us",
            "-Delay loop = 1844",
            "-Warmup = 1844",
            "-Delay before retry = 1844",
            "-Retries = 4294967295",
            "-Retries iterations",
        ],
    ),
    (
        "what keepalived notes for itself",
        &[
            "-Current weight = 0",
            "-ICMP seq no",
            "-Status = 0",
            "-GARP next time",
            "-GNA next time",
            "-Reset ",
            "-Original ",
            "-rp_filter",
        ],
    ),
    ("a library that is not used", &["-libnftnl version"]),
    ("keepalived shows default_interface too early", &["-Default interface", "+Default interface"]),
    ("ours", &["+------< Scheduler >------", "+Worst timer lateness"]),
    (
        "ours too",
        &[
            "+------< Refused Packets >------",
            "+Unreadable = 0",
            "+Sent to another address = 0",
            "+Unknown VRID = 0",
        ],
    ),
    (
        "nobody speaks BFD here",
        &[
            "-------< BFD Data >------",
            "-fd_in",
            "-fd_out",
            "-thread_",
            "-sands_",
            "-send error",
            "-local d",
            "-remote d",
            "-remote min",
            "-local tx",
            "-remote tx",
            "-!poll, !final",
            "-last seen",
            "-Enabled",
            "-Up",
            "-Has run",
            "-\"effective_priority\":147",
            "+\"effective_priority\":132",
        ],
    ),
];

/// A line without what moves.
fn steady(line: &str) -> String {
    let text = line.trim_start();
    match MOVES.iter().find(|word| text.starts_with(**word)) {
        Some(word) => format!("{}{word} …", &line[..line.len() - text.len()]),
        None => line.trim_end().to_owned(),
    }
}

/// What has to be taken from `theirs` and added to make `ours`: the shortest way.
fn difference(theirs: &[String], ours: &[String]) -> Vec<String> {
    let (rows, columns) = (theirs.len(), ours.len());
    let mut common = vec![vec![0_u32; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row][column] = if theirs[row] == ours[column] {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column, mut found) = (0, 0, Vec::new());
    while row < rows || column < columns {
        if row < rows && column < columns && theirs[row] == ours[column] {
            (row, column) = (row + 1, column + 1);
        } else if column == columns
            || row < rows && common[row + 1][column] >= common[row][column + 1]
        {
            found.push(format!("-{}", theirs[row]));
            row += 1;
        } else {
            found.push(format!("+{}", ours[column]));
            column += 1;
        }
    }
    found
}

/// The beginning of [`DIFFER`] that explains a line of a difference.
fn explained(line: &str) -> Option<&'static str> {
    let (sign, text) = line.split_at(1);
    let line = format!("{sign}{}", text.trim_start());
    DIFFER.iter().flat_map(|(_, lines)| *lines).copied().find(|one| line.starts_with(one))
}

/// Asserts that all is explained; what was needed for it.
fn compare(theirs: &[String], ours: &[String]) -> Vec<&'static str> {
    let found = difference(theirs, ours);
    let open: Vec<&String> = found.iter().filter(|line| explained(line).is_none()).collect();
    assert!(open.is_empty(), "{open:#?}");
    found.iter().filter_map(|line| explained(line)).collect()
}

fn compare_file(
    folder: &Path,
    file: &str,
    ours: impl Iterator<Item = String>,
) -> Vec<&'static str> {
    let theirs = fs::read_to_string(folder.join(file)).unwrap();
    let theirs: Vec<String> = theirs.lines().map(steady).collect();
    let ours: Vec<String> = ours.map(|line| steady(&line)).collect();
    compare(&theirs, &ours)
}

#[test]
fn all_that_differs_from_keepaliveds_dumps_is_explained() {
    let Some(folder) = folder() else { return };
    let mut config = config(&folder);
    let live = vrrp(&config);
    let mut used = Vec::new();
    let mut file = |name: &str, ours: Vec<String>| {
        used.extend(compare_file(&folder, name, ours.into_iter()));
    };
    file("keepalived_parent.data", telemetry::parent_data(&config).collect());
    file("keepalived_bfd.data", telemetry::bfd_data(&config).collect());
    file("keepalived.data", telemetry::vrrp_data(&config, &live, clock(&live)).collect());
    let mut out = checkers::Outputs::new();
    let machine = checkers::Checkers::new(Instant::from_micros(0), &config.lvs, None, 1, &mut out);
    let checks = CheckersLive { known: machine.snapshot(), ..CheckersLive::default() };
    file(
        "keepalived_check.data",
        telemetry::checkers_data(&config, &checks, clock(&live)).collect(),
    );
    file("keepalived.stats", telemetry::statistics(&config, &live).collect());
    for (version, name) in [(None, "keepalived.json"), (Some(2), "keepalived.v2.json")] {
        config.global.files.json_version = version;
        let ours = telemetry::json(&config, &live, clock(&live)).unwrap().unwrap();
        let theirs = fs::read_to_string(folder.join(name)).unwrap();
        let [theirs, ours] = [theirs, ours].map(|text| -> Vec<String> {
            text.trim_end().split_inclusive(',').map(steady).collect()
        });
        used.extend(compare(&theirs, &ours));
    }
    // What monitoring makes of both.
    config.global.files.json_version = None;
    let data: Vec<String> = telemetry::vrrp_data(&config, &live, clock(&live)).collect();
    let statistics: Vec<String> = telemetry::statistics(&config, &live).collect();
    let ours = exporter::read(&data.join("\n"), &statistics.join("\n")).unwrap();
    let of = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let scripts = exporter::scripts(&data.join("\n")).unwrap();
    assert_eq!(scripts, exporter::scripts(&of("keepalived.data")).unwrap());
    let theirs = exporter::read(&of("keepalived.data"), &of("keepalived.stats")).unwrap();
    for (name, theirs) in theirs {
        let ours = &ours[&name];
        assert_eq!(ours.state, theirs.state);
        assert_eq!(ours.wanted, theirs.wanted);
        assert_eq!(ours.interface, theirs.interface);
        assert_eq!((ours.garp_delay, ours.vrid), (theirs.garp_delay, theirs.vrid));
        assert_eq!(ours.vips, theirs.vips);
        assert!(ours.counters.keys().eq(theirs.counters.keys()));
    }
    for one in DIFFER.iter().flat_map(|(_, lines)| *lines) {
        assert!(used.contains(one), "{one}: no difference any more");
    }
}

fn clock(live: &VrrpLive) -> Clock {
    let wall = Duration::from_secs(1_795_155_440);
    let moment = Moment { at: live.at, wall };
    Clock { moment, calendar: |second| (format!("second {second}"), 2026) }
}

fn link(index: u32, name: &str, v4: Option<[u8; 4]>) -> Link {
    Link {
        index: IfIndex::new(index).unwrap(),
        name: name.into(),
        up: true,
        mac: [2, 0, 0, 0, 0, 1],
        primary_v4: v4.map(Ipv4Addr::from),
        link_local_v6: Some("fe80::1".parse().unwrap()),
        mtu: 1500,
        arp: name != "lan0",
    }
}

/// The machine that the dumps were made on, eleven seconds after its start.
fn vrrp(config: &Config) -> VrrpLive {
    let links = [
        Link { mac: [0; 6], mtu: 65_536, ..link(1, "lo", Some([127, 0, 0, 1])) },
        link(2, "lan0", Some([10, 1, 0, 1])),
        link(3, "rsnet", Some([10, 2, 0, 1])),
        link(4, "rsv2", None),
        link(5, "rsv3", None),
        link(6, "vrrp.51", None),
    ];
    let (mut now, mut out) = (Instant::from_micros(0), Outputs::new());
    let mut stack = Stack::new(now, &config.vrrp, &links, None, &mut out);
    for seen in [
        Sighting::File { name: "load".into(), value: 0 },
        Sighting::Processes { name: "shells".into(), count: 2 },
    ] {
        stack.handle_input(now, Input::Sighted(&seen), &mut out);
    }
    let end = now + Duration::from_secs(11);
    loop {
        for output in std::mem::take(&mut out) {
            if let Output::StartScript { run, .. } = output {
                let input = Input::ScriptExited { run, status: ExitKind::Code(0) };
                stack.handle_input(now, input, &mut out);
            }
        }
        let Some(due) = stack.next_timeout().filter(|due| *due <= end) else { break };
        now = due;
        stack.handle_input(now, Input::Timeout, &mut out);
    }
    let socket = |descriptor, interface: &str, name: &str, ipv6, multicast| SocketView {
        descriptor,
        interface: interface.into(),
        ipv6,
        authenticated: false,
        multicast,
        receive_buffer: 0,
        instances: vec![name.into()],
    };
    let mut links = links.map(LinkView::from);
    let [lo, .., vmac] = &mut links;
    lo.kind = LinkKind {
        hardware: 772,
        broadcast: false,
        loopback: true,
        multicast: false,
        ..LinkKind::default()
    };
    vmac.kind.macvlan = Some(Macvlan { mode: 1, below: Below::Here("lan0".to_owned()) });
    for link in links.iter_mut().filter(|link| link.name.starts_with("rsv")) {
        link.vrf = Some("rsnet".to_owned());
    }
    VrrpLive {
        at: end,
        stack: stack.view(),
        links: links.into(),
        sockets: vec![
            socket(20, "lan0", "VI_1", false, true),
            socket(22, "rsnet", "VI_2", false, false),
            socket(24, "lan0", "VI_3", true, true),
        ],
        worst_lateness: Duration::from_micros(1_234),
    }
}
