//! Keywords about what is tracked: scripts, files, processes, interfaces.

use control_plane::keywords::Block;

use crate::instance::{INSTANCE, MASTER, TO_MASTER};
use effects::{Sees, gone, new};

use crate::Row;
use crate::trace::Act;

pub(crate) fn rows() -> Vec<Row> {
    [uses(), scripts(), processes(), files(), witnesses()].concat()
}

/// One of `track_…` in the instance, with what it names before it.
fn used(keyword: &'static str, named: &str, line: &str, play: &[(u64, Act)], sees: Sees) -> Row {
    let template = format!("{named}\n{INSTANCE}");
    Row::plain(Block::Instance, keyword, line, &template, play, sees)
}

fn uses() -> Vec<Row> {
    let bfd = "bfd_instance b {\nneighbor_ip 10.9.0.9\n}";
    let process = "vrrp_track_process p {\nprocess x\n}";
    vec![
        used(
            "track_interface",
            "",
            "{\neth1\n}",
            &[(MASTER, Act::Link("eth1", false))],
            new("FAULT"),
        ),
        used(
            "track_script",
            SCRIPT,
            "{\ns\n}",
            &[(0, Act::Scripts(Some(1))), (9_000, Act::End)],
            new("FAULT"),
        ),
        used(
            "track_file",
            FILE,
            "{\nf\n}",
            &[(1_000, Act::File("f", 9)), TO_MASTER[0].clone()],
            new("prio 109"),
        ),
        used("track_process", process, "{\np\n}", &[(1_000, Act::End)], new("has not its quorum")),
        used("track_bfd", bfd, "{\nb\n}", TO_MASTER, new("a BFD session is down")),
    ]
}

const SCRIPT: &str = "vrrp_script s {\nscript /usr/bin/env\n}";
const FILE: &str = "track_file f {\nfile /run/one\n}";

/// A line in the script that the instance tracks.
fn script(keyword: &'static str, line: &str, play: &[(u64, Act)], sees: Sees) -> Row {
    let template =
        format!("vrrp_script s {{\n@\n}}\n{}", INSTANCE.replace('@', "track_script {\ns\n}"));
    let row = Row::plain(Block::Script, keyword, line, &template, play, sees);
    if keyword == "script" { row } else { row.after("script /usr/bin/env") }
}

fn scripts() -> Vec<Row> {
    let fails: &[(u64, Act)] =
        &[(1_500, Act::Scripts(Some(1))), (9_500, Act::Scripts(Some(0))), (20_000, Act::End)];
    let hangs: &[(u64, Act)] = &[(1_500, Act::Scripts(None)), (20_000, Act::End)];
    let from_start: &[(u64, Act)] = &[(0, Act::End)];
    vec![
        script("script", "/usr/bin/env", from_start, new("program: \"/usr/bin/env\", args: []"))
            .instead_of("script '/usr/bin/env more'"),
        script("interval", "3", TO_MASTER, new("[3000] run s")).instead_of("interval 2"),
        script("timeout", "1", hangs, new("[3000] kill Term")).after("interval 2"),
        script("weight", "-7", fails, new("prio 93")),
        script("rise", "3", fails, new("[12000] log VRRP_Script(s) succeeded")),
        script("fall", "3", fails, new("[4000] log VRRP_Script(s) failed")),
        script("init_fail", "", from_start, new("script s is down")),
        script("user", "root", from_start, new("user: Some")),
    ]
}

/// A line in the process that the instance tracks.
fn process(keyword: &'static str, line: &str, play: &[(u64, Act)], sees: Sees) -> Row {
    let template = format!(
        "vrrp_track_process p {{\nprocess x\n@\n}}\n{}",
        INSTANCE.replace('@', "track_process {\np\n}")
    );
    Row::plain(Block::TrackProcess, keyword, line, &template, play, sees)
}

fn processes() -> Vec<Row> {
    let one: &[(u64, Act)] = &[(1_000, Act::Processes("p", 1)), (8_000, Act::End)];
    let two: &[(u64, Act)] = &[(1_000, Act::Processes("p", 2)), (8_000, Act::End)];
    let comes: &[(u64, Act)] = &[
        (1_000, Act::Processes("p", 1)),
        (6_000, Act::Processes("p", 0)),
        (9_000, Act::Processes("p", 1)),
        (20_000, Act::End),
    ];
    let over = "fault is over: process p";
    vec![
        process("weight", "7", one, new("prio 107")),
        process("quorum", "2", one, gone(over)),
        process("quorum_max", "1", two, gone(over)),
        process("delay", "2", comes, new(format!("[11000] log (V) {over}"))),
        process("terminate_delay", "2", comes, new("[8000] log (V) fault: process p")),
        process("fork_delay", "2", comes, new(format!("[11000] log (V) {over}"))),
    ]
}

fn files() -> Vec<Row> {
    let template = format!(
        "track_file f {{\nfile /run/one\n@\n}}\n{}",
        INSTANCE.replace('@', "track_file {\nf\n}")
    );
    let play: &[(u64, Act)] = &[(1_000, Act::File("f", 3)), (MASTER, Act::End)];
    vec![Row::plain(Block::TrackFile, "weight", "5", &template, play, new("prio 115"))]
}

/// A line in the block of the witnesses that the instance asks.
fn arbiter(keyword: &'static str, line: &str, play: &[(u64, Act)], sees: Sees) -> Row {
    let instance = INSTANCE.replace('@', "track_probe {\na\n}");
    let template = format!("vrrp_arbiter a {{\nping 10.9.0.1\n@\n}}\n{instance}");
    Row::plain(Block::Arbiter, keyword, line, &template, play, sees)
}

fn witnesses() -> Vec<Row> {
    let lost: &[(u64, Act)] = &[
        (5_500, Act::Witnesses(Some(false))),
        (12_500, Act::Witnesses(Some(true))),
        (30_000, Act::End),
    ];
    let over = "fault is over: the witnesses";
    vec![
        arbiter("ping", "10.9.0.2", TO_MASTER, new("ask Ping(10.9.0.2)")),
        arbiter("arp", "10.9.0.2 dev eth0", TO_MASTER, new("ask Arp(10.9.0.2")),
        arbiter("tcp", "10.9.0.2 80", TO_MASTER, new("ask Tcp(10.9.0.2:80")),
        arbiter("http", "10.9.0.2 80", TO_MASTER, new("ask Http")),
        arbiter("interval", "3", TO_MASTER, new("[3000] ask")).instead_of("interval 2"),
        arbiter("timeout", "0.3", TO_MASTER, new("within 300")),
        arbiter("rise", "4", lost, new(format!("[16000] log (V) {over}"))),
        arbiter("fall", "4", lost, new("[9000] log (V) fault: the witnesses")),
        arbiter("quorum", "2", TO_MASTER, gone("Entering BACKUP STATE")).after("ping 10.9.0.66"),
    ]
}
