//! `make demo`: a pair of directors under load loses a server, a process and a director, and gets
//! them back; printed as it happens, with a table at the end.
#![allow(clippy::expect_used, reason = "what the demo cannot do must end it with the reason")]

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lab::director::{CLIENTS, Cluster, DIRECTORS, SERVICE, VIP};
use lab::load::{Load, Request, failed};
use lab::web::Web;
use lab::{Daemon, Node, Program, left, uml, wait};
use nix::sys::signal::Signal;

/// The interface of the samples in `conf/samples`.
const INTERFACE: &str = "eth0";

/// Nothing in the story takes longer.
const LIMIT: Duration = Duration::from_secs(20);

/// How long the story stays at each of its points, so that requests show what it means.
const PAUSE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    if uml::has_ipvs() {
        Story::begin().tell();
        return ExitCode::SUCCESS;
    }
    println!("The running kernel has no IPVS: booting User-Mode Linux, about three seconds.\n");
    let own = env::current_exe().expect("the path of this program");
    match uml::run(&own, &[], |line| println!("{line}")) {
        Some(0) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// One line of the table at the end.
struct Chapter {
    title: &'static str,
    reaction: String,
    requests: usize,
    failed: usize,
    last_failure: Option<Duration>,
}

struct Story {
    start: Instant,
    vip: String,
    chapters: Vec<Chapter>,
}

impl Story {
    fn begin() -> Self {
        Self { start: Instant::now(), vip: VIP.to_string(), chapters: Vec::new() }
    }

    fn say(&self, text: &str) {
        println!("{:6.2} s  {text}", self.start.elapsed().as_secs_f64());
    }

    fn tell(mut self) {
        let program = Program::ours();
        self.say("the network: directors lb01 and lb02, real servers web1 and web2, one client");
        let cluster = Cluster::new(INTERFACE);
        let [lb01, lb02] = &cluster.directors;
        let mut webs = cluster.servers.each_ref().map(|node| Some(Web::start(node, 80)));
        self.say(&format!("{} starts on both directors", program.path().display()));
        let backup = Daemon::start(&program, lb02, &sample("lvs-dr-backup.conf"));
        let mut master = Daemon::start(&program, lb01, &sample("lvs-dr-master.conf"));
        wait::eventually(LIMIT, "lb01 has the VIP", || lb01.holds(&self.vip));
        for node in [lb01, lb02] {
            wait::eventually(LIMIT, "both servers in the table", || servers(node) == 2);
        }
        self.say(&format!("{VIP} is on lb01, both tables hold both servers"));
        for line in lb01.ipvs() {
            println!("          {line}");
        }
        let load = Load::start(&cluster.client, &CLIENTS, SERVICE);
        self.say("four clients ask for a page 10 times a second each, a new connection every time");

        let begin = self.pause(&load);
        self.close("all is well", "", begin, &load);

        let begin = Instant::now();
        self.say("web1 dies");
        webs[0] = None;
        let took = wait::eventually(LIMIT, "web1 leaves", || servers(lb01) == 1);
        self.say(&format!("web1 has left the table of lb01 after {}", seconds(took)));
        self.pause(&load);
        self.close("real server dies", &format!("out after {}", seconds(took)), begin, &load);

        let begin = Instant::now();
        self.say("web1 is started again");
        webs[0] = Some(Web::start(&cluster.servers[0], 80));
        let took = wait::eventually(LIMIT, "web1 is back", || servers(lb01) == 2);
        self.say(&format!("web1 is in the table again after {}", seconds(took)));
        self.pause(&load);
        self.close("real server returns", &format!("in after {}", seconds(took)), begin, &load);

        let begin = Instant::now();
        self.say("kill -9 of the VRRP process of lb01");
        master.vrrp().signal(Signal::SIGKILL);
        self.pause(&load);
        let moved =
            if lb01.holds(&self.vip) && !lb02.holds(&self.vip) { "VIP stays" } else { "VIP moved" };
        self.say(moved);
        self.close("VRRP process killed", moved, begin, &load);

        self.say("lb01 loses its power");
        let begin = cluster.network.power_off(lb01);
        wait::eventually(LIMIT, "lb02 takes over", || lb02.holds(&self.vip));
        let took = begin.elapsed();
        self.say(&format!("lb02 has the VIP after {}", seconds(took)));
        self.pause(&load);
        self.close(
            "active director dies",
            &format!("VIP on lb02 after {}", seconds(took)),
            begin,
            &load,
        );
        drop(master);

        let begin = Instant::now();
        self.say("lb01 boots");
        cluster.network.power_on(lb01, INTERFACE, &DIRECTORS[..1]);
        master = Daemon::start(&program, lb01, &sample("lvs-dr-master.conf"));
        let took = wait::eventually(LIMIT, "lb01 has the VIP", || lb01.holds(&self.vip));
        self.say(&format!("lb01 has the VIP again after {}", seconds(took)));
        self.pause(&load);
        self.close(
            "director returns",
            &format!("VIP on lb01 after {}", seconds(took)),
            begin,
            &load,
        );

        let requests = load.stop();
        self.say("both daemons are stopped");
        assert!(backup.stop().1.success() && master.stop().1.success(), "a clean stop");
        left::nothing(lb01, &DIRECTORS[..1]);
        left::nothing(lb02, &DIRECTORS[1..]);
        self.say("nothing is left: no address, no IPVS entry, no PID file, no process\n");
        self.table(&requests);
    }

    /// Lets requests come for a while. Returns when it began.
    fn pause(&self, load: &Load) -> Instant {
        let begin = Instant::now();
        std::thread::sleep(PAUSE);
        let requests = load.since(begin);
        let by =
            |name: &str| requests.iter().filter(|one| one.result.as_deref() == Ok(name)).count();
        self.say(&format!(
            "  {} requests since then: {} from web1, {} from web2, {} failed",
            requests.len(),
            by("web1"),
            by("web2"),
            failed(&requests).len()
        ));
        begin
    }

    fn close(&mut self, title: &'static str, reaction: &str, begin: Instant, load: &Load) {
        let requests: Vec<Request> =
            load.requests().into_iter().filter(|one| one.end >= begin).collect();
        let failures = failed(&requests);
        self.chapters.push(Chapter {
            title,
            reaction: reaction.to_owned(),
            requests: requests.len(),
            failed: failures.len(),
            last_failure: failures.iter().map(|one| one.end - begin).max(),
        });
    }

    fn table(&self, requests: &[Request]) {
        println!(
            "{:22} {:24} {:>8} {:>8}  last failed request",
            "what happened", "reaction", "requests", "failed"
        );
        for Chapter { title, reaction, requests, failed, last_failure } in &self.chapters {
            let last = last_failure.map(|after| format!("{} after it", seconds(after)));
            let last = last.as_deref().unwrap_or("none");
            println!("{title:22} {reaction:24} {requests:>8} {failed:>8}  {last}");
        }
        println!("\n{} requests in all, {} failed", requests.len(), failed(requests).len());
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// A file of `conf/samples`, as it is.
fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf/samples").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| {
        eprintln!("{}: {error}", path.display());
        std::process::exit(1)
    })
}

/// Real servers in the node's table.
fn servers(node: &Node) -> usize {
    node.proc_net("ip_vs").matches("  -> ").count().saturating_sub(1)
}
