//! Plays a configuration in virtual time and writes down all that the machine does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::path::Path;

use base::{Duration, Instant, MailAbout};
use checkers::{
    Checkers, Input, Outcome, Output, Outputs, ProbeId, ProbeSpec, Transport, state_line,
};
use control_plane::{Config, MemorySource, Options, load};
use effects::Played;

/// Something that happens to the director, or in the world around it.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// From now on servers are like this.
    Servers(Servers),
    /// A file has this number.
    File(&'static str, i32),
    /// These addresses are on this host.
    Addresses(&'static [&'static str]),
    /// The daemon ends.
    Stop,
    /// Nothing; the play ends here at the latest.
    End,
}

/// What all servers do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Servers {
    /// They answer every kind of check well: `hello` for a page, `ok!` for a datagram.
    Good,
    /// They refuse connections, and scripts fail.
    Refuse,
    /// They take what comes and say nothing.
    Silent,
    /// They give this answer to a request or a datagram; connections are closed after it.
    Say(&'static str),
    /// A script ends with this status.
    Status(i32),
    /// The page comes, but TLS ends without a goodbye.
    CutOff,
}

/// What the machine did: `[MS] what`, and at the end sums of it.
pub(crate) fn trace(text: &str, play: &[(u64, Act)]) -> Vec<String> {
    let mut stage = Stage::new(text);
    for (at, act) in play {
        stage.run_until(*at);
        stage.act(act);
    }
    stage.finish()
}

struct Stage {
    machine: Checkers,
    now: Instant,
    servers: Servers,
    running: BTreeMap<ProbeId, ProbeSpec>,
    /// What was said on a connection so far.
    heard: BTreeMap<ProbeId, Vec<u8>>,
    /// `no_checker_emails`, which those who send mails obey.
    no_checker_emails: bool,
    lines: Vec<String>,
    table: BTreeSet<String>,
    /// When tries began, and whether servers were good.
    tries: Vec<(u64, bool)>,
}

impl Stage {
    fn new(text: &str) -> Self {
        let Config { lvs, global, .. } = read(text);
        let mut out = Outputs::new();
        let now = Instant::default();
        let machine = Checkers::new(now, &lvs, None, 1, &mut out);
        let mut stage = Self {
            machine,
            now,
            servers: Servers::Good,
            running: BTreeMap::new(),
            heard: BTreeMap::new(),
            no_checker_emails: global.mail.no_checkers,
            lines: Vec::new(),
            table: BTreeSet::new(),
            tries: Vec::new(),
        };
        stage.react(out);
        stage
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Servers(servers) => self.servers = servers.clone(),
            Act::File(name, value) => self.input(Input::FileSeen { name, value: *value }),
            Act::Addresses(addresses) => {
                let all: BTreeSet<IpAddr> =
                    addresses.iter().map(|one| one.parse().unwrap()).collect();
                self.input(Input::Addresses(&all));
            }
            Act::Stop => self.input(Input::Stop),
            Act::End => {}
        }
    }

    fn millis(&self) -> u64 {
        self.now.saturating_since(Instant::default()).as_millis()
    }

    fn say(&mut self, line: &str) {
        self.lines.push(format!("[{}] {line}", self.millis()));
    }

    fn run_until(&mut self, millis: u64) {
        let end = Instant::default() + Duration::from_millis(millis);
        self.play_until(end);
    }

    fn input(&mut self, input: Input<'_>) {
        let mut out = Outputs::new();
        self.machine.handle_input(self.now, input, &mut out);
        self.react(out);
    }

    fn react(&mut self, out: Outputs) {
        let mut todo = VecDeque::from(out);
        while let Some(output) = todo.pop_front() {
            match output {
                Output::StartProbe { probe, spec, deadline } => {
                    let patience = deadline.saturating_since(self.now).as_millis();
                    self.say(&format!("try {} within {patience}", spec_words(&spec)));
                    self.tries.push((self.millis(), self.servers == Servers::Good));
                    self.running.insert(probe, spec.clone());
                    todo.extend(self.started(probe, &spec));
                }
                Output::Send { probe, bytes } => {
                    self.say(&format!("say {}", bytes.escape_ascii()));
                    todo.extend(self.answered(probe, &bytes));
                }
                Output::Search { probe, regex, body } => {
                    self.say(&format!("search {regex:?}"));
                    let found = String::from_utf8_lossy(&body).contains(&regex.pattern);
                    todo.extend(self.told(probe, Input::Searched { probe, found: Some(found) }));
                }
                Output::AbortProbe(probe) => {
                    self.running.remove(&probe);
                }
                Output::Tell { object, up } => {
                    let line = state_line(&object, up, self.machine.names());
                    self.say(&format!("pipe {}", line.trim_end()));
                }
                Output::Notify { commands, .. } => {
                    for command in commands {
                        self.say(&format!("script {} {:?}", command.program, command.args));
                    }
                }
                Output::Mail(mail) if self.no_checker_emails && mail.about == MailAbout::Check => {}
                Output::Mail(mail) => self.say(&format!("mail {}: {}", mail.subject, mail.body)),
                Output::Log(event) => {
                    let line = event.named(self.machine.names()).to_string();
                    self.say(&format!("log {line}"));
                }
            }
        }
        self.look_at_the_table();
    }

    /// What the machine wants after this, if the probe still runs.
    fn told(&mut self, probe: ProbeId, input: Input<'_>) -> Outputs {
        let mut out = Outputs::new();
        if self.running.contains_key(&probe) {
            self.machine.handle_input(self.now, input, &mut out);
        }
        out
    }

    fn started(&mut self, probe: ProbeId, spec: &ProbeSpec) -> Outputs {
        let is_over = |over: &Transport| matches!(over, Transport::Udp | Transport::Icmp);
        let done = |outcome| Input::ProbeDone { probe, outcome };
        match (spec, &self.servers) {
            (ProbeSpec::Run(_), Servers::Silent) => Outputs::new(),
            (ProbeSpec::Run(_), Servers::Status(status)) => {
                let status = *status;
                self.told(probe, done(Outcome::Exited(status)))
            }
            (ProbeSpec::Run(_), Servers::Refuse) => self.told(probe, done(Outcome::Exited(1))),
            (ProbeSpec::Run(_), _) => self.told(probe, done(Outcome::Exited(0))),
            (ProbeSpec::Connect(_), Servers::Silent) => Outputs::new(),
            (ProbeSpec::Talk { over, .. }, Servers::Refuse) if is_over(over) => {
                let mut out = self.told(probe, Input::ProbeConnected { probe });
                let refused = checkers::SocketError { code: 111, text: "refused".to_owned() };
                out.extend(self.told(probe, Input::ProbeEnded { probe, error: Some(refused) }));
                out
            }
            (_, Servers::Refuse) => self.told(probe, done(Outcome::Failed)),
            (ProbeSpec::Connect(_), _) => self.told(probe, done(Outcome::Connected)),
            (ProbeSpec::Talk { to, over }, servers) => {
                let greets = *over == Transport::Tcp && to.target.port() == 25;
                let is_silent = *servers == Servers::Silent;
                let mut out = self.told(probe, Input::ProbeConnected { probe });
                if greets && !is_silent {
                    out.extend(
                        self.told(probe, Input::ProbeReceived { probe, bytes: b"220 hi\r\n" }),
                    );
                }
                out
            }
        }
    }

    fn answered(&mut self, probe: ProbeId, said: &[u8]) -> Outputs {
        let heard = self.heard.entry(probe).or_default();
        heard.extend(said);
        let heard = heard.clone();
        let Some(ProbeSpec::Talk { to, over }) = self.running.get(&probe) else {
            return Outputs::new();
        };
        let is_mail = to.target.port() == 25;
        let page = |body: &str| format!("HTTP/1.0 200 OK\r\n\r\n{body}").into_bytes();
        let (answer, ends) = match (over, &self.servers) {
            (_, Servers::Silent | Servers::Refuse | Servers::Status(_)) => return Outputs::new(),
            (Transport::Udp | Transport::Icmp, Servers::Say(text)) => {
                (text.as_bytes().to_vec(), false)
            }
            (Transport::Udp, _) if to.target.port() == 53 => (name_answer(&heard), false),
            (Transport::Udp, _) => (b"ok!".to_vec(), false),
            (Transport::Icmp, _) => (echo_reply(&heard), false),
            (Transport::Tcp, _) if is_mail => (b"250 ok\r\n".to_vec(), false),
            _ if !heard.ends_with(b"\r\n\r\n") => return Outputs::new(),
            (_, Servers::Say(text)) => (text.as_bytes().to_vec(), true),
            _ => (page("hello"), true),
        };
        let cut = matches!(over, Transport::Tls { strict_close: true, .. })
            && self.servers == Servers::CutOff;
        let mut out = self.told(probe, Input::ProbeReceived { probe, bytes: &answer });
        if ends {
            let error = cut.then(|| checkers::SocketError { code: 0, text: "cut".to_owned() });
            out.extend(self.told(probe, Input::ProbeEnded { probe, error }));
        }
        out
    }

    fn look_at_the_table(&mut self) {
        let mut table = BTreeSet::new();
        for (address, service) in self.machine.desired() {
            table.insert(format!("{address:?} {:?}", service.settings));
            for (server, destination) in &service.destinations {
                table.insert(format!("{server} {destination:?}"));
            }
        }
        let before = std::mem::replace(&mut self.table, table.clone());
        for line in before.difference(&table) {
            self.say(&format!("- {line}"));
        }
        for line in table.difference(&before) {
            self.say(&format!("+ {line}"));
        }
    }

    fn finish(mut self) -> Vec<String> {
        // Starts of tries and the times between them, apart for good and other servers.
        for (good, name) in [(true, "good"), (false, "bad")] {
            let all: Vec<u64> =
                self.tries.iter().filter(|one| one.1 == good).map(|one| one.0).collect();
            let gaps: Vec<u64> = all.windows(2).map(|pair| pair[1] - pair[0]).collect();
            self.lines.push(format!("{name} tries: {}", all.len()));
            self.lines.push(format!("{name} gaps: {gaps:?}"));
        }
        self.lines
    }
}

impl Played for Stage {
    fn now(&mut self) -> &mut Instant {
        &mut self.now
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.machine.next_timeout()
    }

    fn time_out(&mut self) {
        self.input(Input::Timeout);
    }
}

fn read(text: &str) -> Config {
    let source = MemorySource::new("/k.conf", text).with_program("/usr/bin/env");
    let source = source.with("/run/one", "0").with("/run/two", "0");
    let loaded = load(Path::new("/k.conf"), &source, &Options::default());
    loaded.config.unwrap_or_else(|| panic!("{}\n{text}", loaded.diagnostics.render()))
}

fn spec_words(spec: &ProbeSpec) -> String {
    let (to, over) = match spec {
        ProbeSpec::Run(command) => return format!("{command:?}"),
        ProbeSpec::Connect(to) => (to, "connect".to_owned()),
        ProbeSpec::Talk { to, over } => (to, format!("{over:?}")),
    };
    let (bind, interface, mark) = (to.bind.as_deref(), &to.bind_interface, to.mark);
    format!("{over} {} from {bind:?} by {interface:?} mark {mark}", to.target)
}

/// The question as an answer without an error (RFC 1035 section 4.1.1).
fn name_answer(question: &[u8]) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2] |= 0x80;
    answer[3] = 0x80;
    answer
}

/// The echo request as its reply (RFC 792); who receives it has checked sums already.
fn echo_reply(request: &[u8]) -> Vec<u8> {
    let mut reply = request.to_vec();
    reply[0] = 0;
    // The type was 8 in the high byte of the first word, so the sum grows by that much.
    let sum = u16::from_be_bytes([reply[2], reply[3]]);
    let (sum, carry) = sum.overflowing_add(0x0800);
    let sum = sum + u16::from(carry);
    reply[2..4].copy_from_slice(&sum.to_be_bytes());
    reply
}
