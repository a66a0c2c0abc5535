//! What befalls the daemons: their processes are killed, frozen, told to leave, given a new
//! configuration, alone or several at once.

use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::director::{Cluster, DIRECTORS, INTERFACE, VIP};
use lab::process::Process;
use lab::scenario::configuration;
use lab::{Daemon, Node, Program, wait};
use nix::sys::signal::Signal;

use crate::dice::Dice;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// One that lived this long is replaced at once, however many died before it.
const WELL: Duration = Duration::from_millis(1100);

/// One that lived this long has answered its first question: its silence is noticed after 2.5 s.
const TRUSTED: Duration = Duration::from_millis(1500);

/// So many deaths in a row put a successor off for a tenth of a second in all.
const IN_A_ROW: usize = 3;

/// Three advertisement intervals and the skew of priority 50 (RFC 3768, 6.1): a node is lost.
const NODE_BOUND: Duration = Duration::from_millis(3805);

/// The skew alone: a VRRP process that leaves by itself says goodbye.
const GOODBYE_BOUND: Duration = Duration::from_millis(805);

/// A killed VRRP process has a successor that listens after so long, at the latest.
const HEARING: Duration = Duration::from_secs(1);

/// What two clocks, a switch and a kernel in a kernel add to either; and a request's own patience.
const SLACK: Duration = Duration::from_millis(700);

/// When the VIP goes back to the better node, both may have it for a moment.
const RETURN_BOUND: Duration = Duration::from_millis(500);

const NAMES: [&str; 2] = ["lvs-dr-master", "lvs-dr-backup"];

/// Another address of the instance, not in its adverts, that a reload brings or takes away.
const EXTRA: &str = "192.168.216.251";

/// One trouble. None but the last four may be seen by a client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// A child is killed, one that has lived for a while.
    Kill,
    /// Children of a node are killed one after another, most of them younger than a second, some
    /// before they are up.
    Row,
    /// Both children of a node are killed at once.
    Both,
    /// A child is killed right after SIGHUP.
    InReload,
    /// SIGHUP, and nobody waits for what comes of it.
    Reload,
    /// A VRRP process stands still until its parent kills it.
    FrozenVrrp,
    /// A checker process stands still until its parent kills it.
    FrozenChecker,
    /// A child stands still for a moment and goes on.
    Stall,
    /// A child gets SIGTERM that its parent knows nothing of.
    Leave,
    /// The parent is killed.
    Daemon,
    /// The parent and one of its children, or both, are killed at once.
    DaemonAndChildren,
    /// The node has no power any more.
    Node,
}

/// What befalls the two daemons in a bout of so many kills, in any order.
pub(crate) fn bout(kills: usize, dice: &mut Dice) -> Vec<Trouble> {
    use Trouble::{
        Both, Daemon, DaemonAndChildren, FrozenChecker, FrozenVrrp, InReload, Kill, Leave, Node,
        Reload, Row, Stall,
    };
    let mut all = vec![Daemon, DaemonAndChildren, Node, FrozenVrrp, FrozenChecker];
    // The four that are no kills, or kill as many as they need: see `Account::kills`.
    let mut left = kills.saturating_sub(all.len() + 1);
    all.extend([Leave, Stall, Reload, Reload]);
    while left > 0 {
        let (next, cost) = [(Kill, 1), (InReload, 1), (Both, 2), (Row, IN_A_ROW)][dice.below(4)];
        let (next, cost) = if cost > left { (Kill, 1) } else { (next, cost) };
        all.push(next);
        left -= cost;
    }
    dice.shuffle(&mut all);
    all
}

/// When something may be lost.
pub(crate) struct Window {
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

/// How often what happened.
#[derive(Default)]
pub(crate) struct Account {
    children: usize,
    young: usize,
    frozen: usize,
    daemons: usize,
    daemons_and_children: usize,
    nodes: usize,
    stalls: usize,
    leaves: usize,
    reloads: usize,
}

impl Account {
    /// Everything that was killed, but what a node's loss killed.
    pub(crate) fn kills(&self) -> usize {
        self.children + self.frozen + self.daemons + self.daemons_and_children + self.nodes
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} kills: {} of children ({} younger than a second), {} of frozen children, {} of \
             daemons, {} of daemons and children at once, {} of nodes; {} stalls, {} children told \
             to leave, {} reloads",
            self.kills(),
            self.children,
            self.young,
            self.frozen,
            self.daemons,
            self.daemons_and_children,
            self.nodes,
            self.stalls,
            self.leaves,
            self.reloads
        )
    }
}

/// The two directors and what befell them.
pub(crate) struct Chaos<'node> {
    cluster: &'node Cluster,
    daemons: [Daemon<'node>; 2],
    /// What each runs by now, or will when its reload is over: 1 or 2, the weight of its servers.
    versions: [usize; 2],
    /// The last time a child of each began to be replaced.
    disturbed: [Instant; 2],
    /// When this bout began.
    pub(crate) began: Instant,
    /// A checker process that stands still: its node can be reloaded once it is replaced.
    frozen: [Option<Process>; 2],
    dice: Dice,
    pub(crate) windows: Vec<Window>,
    pub(crate) account: Account,
}

/// The configuration of a director; a reload changes something of both its children.
fn text(which: usize, version: usize) -> String {
    let text = configuration(NAMES[which]).replace("weight 1", &format!("weight {version}"));
    if version == 1 {
        return text;
    }
    let end = "    virtual_ipaddress {";
    assert!(text.contains(end));
    text.replace(end, &format!("    virtual_ipaddress_excluded {{\n        {EXTRA}\n    }}\n{end}"))
}

impl<'node> Chaos<'node> {
    pub(crate) fn start(cluster: &'node Cluster, dice: Dice) -> Self {
        let daemon = |which: usize| {
            Daemon::start(&Program::ours(), &cluster.directors[which], &text(which, 1))
        };
        let chaos = Self {
            cluster,
            daemons: [daemon(0), daemon(1)],
            versions: [1; 2],
            disturbed: [Instant::now(); 2],
            began: Instant::now(),
            frozen: [None, None],
            dice,
            windows: Vec::new(),
            account: Account::default(),
        };
        chaos.wait_for_order();
        chaos
    }

    fn node(&self, which: usize) -> &'node Node {
        &self.cluster.directors[which]
    }

    /// The VIP on the first node alone, every table full.
    fn wait_for_order(&self) {
        let [lb01, lb02] = &self.cluster.directors;
        let vip = VIP.to_string();
        wait::eventually(LIMIT, "the VIP is on lb01 alone", || {
            lb01.holds(&vip) && !lb02.holds(&vip)
        });
        for node in [lb01, lb02] {
            wait::eventually(LIMIT, "its table is full", || weights(node).len() == 2);
        }
    }

    /// Waits until all that was broken is mended, and everything is as the last reload wanted it.
    pub(crate) fn settle(&mut self) {
        for which in 0..2 {
            if let Some(frozen) = self.frozen[which].take() {
                wait::eventually(LIMIT, "a frozen checker is replaced", || !frozen.is_alive());
                self.disturbed[which] = Instant::now();
            }
            self.calm(which, WELL);
        }
        self.wait_for_order();
        for which in 0..2 {
            let (node, version) = (self.node(which), self.versions[which]);
            wait::becomes(LIMIT, "the weights of the last reload", &vec![version; 2], || {
                weights(node)
            });
            let extra = which == 0 && version == 2;
            wait::becomes(LIMIT, "the address of the last reload", &extra, || node.holds(EXTRA));
            wait::becomes(LIMIT, "its processes", &3, || node.processes().len());
        }
    }

    /// Ends both daemons.
    pub(crate) fn stop(self) {
        for daemon in self.daemons {
            assert!(daemon.stop().1.success());
        }
    }

    /// Until every child of that node has lived for so long.
    fn calm(&self, which: usize, life: Duration) {
        sleep(life.saturating_sub(self.disturbed[which].elapsed()));
    }

    /// A moment of any length below 150 ms, often none.
    fn pause(&mut self) {
        if !self.dice.once_in(3) {
            sleep(Duration::from_millis(self.dice.below(150) as u64));
        }
    }

    /// Any child of that node, up or not; one that is being replaced is waited for.
    fn child(&mut self, which: usize) -> Process {
        let parent = self.daemons[which].parent().host_pid;
        let node = self.node(which);
        let (children, _) = wait::until(LIMIT, "a child", || {
            let mut all = node.processes();
            all.retain(|process| process.host_parent == parent);
            (!all.is_empty()).then_some(all)
        });
        children[self.dice.below(children.len())].clone()
    }

    fn kill(&mut self, which: usize, victim: &Process) {
        let signal = [Signal::SIGKILL, Signal::SIGSEGV, Signal::SIGABRT][self.dice.below(3)];
        victim.signal(signal);
        println!(
            "{:.2}: killed {} of lb0{}",
            self.began.elapsed().as_secs_f64(),
            victim.name,
            which + 1
        );
        if self.disturbed[which].elapsed() < Duration::from_secs(1) {
            self.account.young += 1;
        }
        self.disturbed[which] = Instant::now();
        self.account.children += 1;
    }

    pub(crate) fn trouble(&mut self, trouble: Trouble) {
        let which = self.dice.below(2);
        self.pause();
        println!("{:.2}: {trouble:?} on lb0{}", self.began.elapsed().as_secs_f64(), which + 1);
        match trouble {
            Trouble::Kill => {
                self.calm(which, WELL);
                let victim = self.child(which);
                self.kill(which, &victim);
            }
            Trouble::Row => {
                self.calm(which, WELL);
                for _ in 0..IN_A_ROW {
                    let victim = self.child(which);
                    self.kill(which, &victim);
                    if self.dice.once_in(4) {
                        self.reload(which);
                    }
                    self.pause();
                }
            }
            Trouble::Both => {
                self.calm(which, WELL);
                let both = [self.daemons[which].vrrp(), self.daemons[which].checker()];
                both.iter().for_each(|victim| self.kill(which, victim));
            }
            Trouble::InReload => {
                self.calm(which, WELL);
                let victim = self.child(which);
                self.reload(which);
                sleep(Duration::from_millis(self.dice.below(30) as u64));
                self.kill(which, &victim);
            }
            Trouble::Reload => self.reload(which),
            Trouble::FrozenVrrp => self.freeze_vrrp(which),
            Trouble::FrozenChecker => self.freeze_checker(which),
            Trouble::Stall => self.stall(which),
            Trouble::Leave => self.leave(which),
            Trouble::Daemon => self.lose_daemon(which),
            Trouble::DaemonAndChildren => self.lose_daemon_and_children(which),
            Trouble::Node => self.lose_node(which),
        }
    }

    /// The other configuration and SIGHUP; not while a process stands still that would have to answer.
    fn reload(&mut self, which: usize) {
        if self.frozen[which].as_ref().is_some_and(Process::is_alive) {
            return;
        }
        self.versions[which] = 3 - self.versions[which];
        self.daemons[which].reload(&text(which, self.versions[which]));
        self.account.reloads += 1;
    }

    /// Whether no reload is under way: each has begun and ended.
    fn is_reloading(&self, which: usize) -> bool {
        let log = self.daemons[which].log();
        let ended = log.count("Reload complete") + log.count("Reload refused");
        log.count("Reloading ...") != ended
    }

    fn wait_for_reload(&self, which: usize) {
        self.calm(which, TRUSTED);
        wait::eventually(LIMIT, "the reload is over", || !self.is_reloading(which));
    }

    fn freeze_vrrp(&mut self, which: usize) {
        self.wait_for_reload(which);
        let victim = self.daemons[which].vrrp();
        victim.signal(Signal::SIGSTOP);
        wait::eventually(LIMIT, "a frozen VRRP process is killed", || !victim.is_alive());
        self.disturbed[which] = Instant::now();
        // Of the 3.8 s of its peer 2.5 are over: where a kernel in a busy machine takes more than the
        // rest to start its successor, the VIP goes and comes back. That takes a moment.
        self.windows.push(Window {
            from: self.disturbed[which],
            to: self.disturbed[which] + SLACK + GOODBYE_BOUND,
        });
        self.account.frozen += 1;
    }

    /// Ten seconds and more: other troubles, the node's own too, come in the meantime.
    fn freeze_checker(&mut self, which: usize) {
        self.wait_for_reload(which);
        let victim = self.daemons[which].checker();
        victim.signal(Signal::SIGSTOP);
        self.frozen[which] = Some(victim);
        self.account.frozen += 1;
    }

    fn stall(&mut self, which: usize) {
        self.wait_for_reload(which);
        let victim = self.child(which);
        if self.frozen[which].as_ref() == Some(&victim) {
            return;
        }
        victim.signal(Signal::SIGSTOP);
        sleep(Duration::from_millis(self.dice.below(1500) as u64));
        victim.signal(Signal::SIGCONT);
        self.account.stalls += 1;
    }

    /// It takes its leave as in a stop: a VRRP process says goodbye, a checker process removes its
    /// services.
    fn leave(&mut self, which: usize) {
        self.calm(which, WELL);
        let victim = self.child(which);
        let is_vrrp = victim == self.daemons[which].vrrp();
        let from = self.daemons[which].log().len();
        let (at, bound) = (Instant::now(), self.goodbye_bound(which));
        victim.signal(Signal::SIGTERM);
        let role = if is_vrrp { "VRRP" } else { "checker" };
        println!("the {role} process of lb0{} is told to leave", which + 1);
        self.allow(at, bound);
        wait::eventually(LIMIT, "it leaves", || !victim.is_alive());
        self.disturbed[which] = Instant::now();
        self.account.leaves += 1;
        self.daemons[which].log().wait_since(from, "died: Respawning", LIMIT);
        self.wait_for_order();
        if which == 0 && is_vrrp {
            self.allow_return(from);
        }
    }

    /// How long the other node takes to hear of it when the VRRP process of this one says goodbye. If the other's process has
    /// just died too, whose successor does not listen yet, nobody hears it: then it is as if a node were lost.
    fn goodbye_bound(&self, which: usize) -> Duration {
        let is_heard = self.disturbed[1 - which].elapsed() > HEARING;
        if is_heard { GOODBYE_BOUND } else { NODE_BOUND }
    }

    /// Something may be lost from then on for that bound.
    fn allow(&mut self, from: Instant, bound: Duration) {
        self.windows.push(Window { from: from - SLACK, to: from + bound + SLACK });
    }

    /// lb01 takes the VIP back some time after its start, at a moment that only its log knows.
    fn allow_return(&mut self, from: usize) {
        let line = self.daemons[0].log().wait_since(from, "Entering MASTER STATE", LIMIT);
        let (from, to) = (line.at - RETURN_BOUND, line.at + RETURN_BOUND);
        self.windows.push(Window { from, to });
    }

    fn lose_daemon(&mut self, which: usize) {
        // A daemon whose VRRP process has just been killed has nobody to say goodbye.
        self.calm(which, WELL);
        let (at, bound) = (Instant::now(), self.goodbye_bound(which));
        self.daemons[which].parent().signal(Signal::SIGKILL);
        self.allow(at, bound);
        self.account.daemons += 1;
        self.bring_back(which, at, "a daemon");
    }

    fn lose_daemon_and_children(&mut self, which: usize) {
        let daemon = &self.daemons[which];
        let mut victims = vec![daemon.vrrp(), daemon.checker()];
        match self.dice.below(3) {
            0 => victims.truncate(1),
            1 => drop(victims.remove(0)),
            _ => {}
        }
        victims.push(daemon.parent());
        self.dice.shuffle(&mut victims);
        let at = Instant::now();
        victims.iter().for_each(|victim| victim.signal(Signal::SIGKILL));
        self.allow(at, NODE_BOUND);
        self.account.daemons_and_children += victims.len();
        self.bring_back(which, at, "a daemon with a child");
    }

    fn lose_node(&mut self, which: usize) {
        let node = self.node(which);
        let at = self.cluster.network.power_off(node);
        self.allow(at, NODE_BOUND);
        self.account.nodes += 1;
        let gone = || node.processes().is_empty();
        wait::eventually(LIMIT, "nothing runs on the lost one", gone);
        let vip = VIP.to_string();
        let other = self.node(1 - which);
        wait::eventually(LIMIT, "the other node has the VIP", || other.holds(&vip));
        self.cluster.network.power_on(node, INTERFACE, &DIRECTORS[which..=which]);
        self.bring_back(which, at, "a node");
    }

    /// The other node takes over; then the daemon starts again, and gets back what is its own.
    fn bring_back(&mut self, which: usize, lost: Instant, what: &str) {
        let vip = VIP.to_string();
        let (node, other) = (self.node(which), self.node(1 - which));
        wait::eventually(LIMIT, "the other node has the VIP", || other.holds(&vip));
        if let Some(frozen) = self.frozen[which].take() {
            frozen.signal(Signal::SIGKILL);
        }
        wait::eventually(LIMIT, "nothing runs on the lost one", || node.processes().is_empty());
        self.daemons[which].wait_end(LIMIT);
        println!("{what} was lost and is back after {:?}", lost.elapsed());
        // Nobody remembers an address that is left there and that the file does not name any more.
        node.sh(&format!("ip address del {EXTRA}/32 dev {INTERFACE} 2>/dev/null || true"));
        self.daemons[which] =
            Daemon::start(&Program::ours(), node, &text(which, self.versions[which]));
        // Before it handles its signals a reload would end it, as it ends every program.
        self.daemons[which].wait_log("Startup complete", LIMIT);
        if which == 0 {
            // What a killed one left in the kernel is no sign of life.
            self.allow_return(0);
        }
        self.wait_for_order();
        self.disturbed[which] = Instant::now();
    }
}

/// The weights of the real servers in the node's table.
fn weights(node: &Node) -> Vec<usize> {
    let table = node.proc_net("ip_vs");
    let servers = table.lines().filter(|line| line.starts_with("  -> "));
    servers.filter_map(|line| line.split_whitespace().nth(3)?.parse().ok()).collect()
}
