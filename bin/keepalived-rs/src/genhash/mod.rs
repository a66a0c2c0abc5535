//! `genhash` (`-T`, `--genhash`, or this program by that name): fetches one page and says the digest
//! that `digest` of an HTTP check wants of it.
//!
//! - `options`: its command line
//! - `report`: what `-v` shows

mod options;
mod report;

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;

use base::{Duration, Instant};
use checkers::page::{Page, Pushed, request};
use control_plane::model::lvs;
use scheduler::{Event, Interest, Scheduler, TimerId};
use sys::tcp::{Connect, connect_start};

use crate::checkers::stream::{End, Ready, Stream};
use crate::checkers::tls::TlsClient;
use options::{Asked, Options};
use report::{Section, dump, end_line};

const SILENCE: TimerId = TimerId(0);
const PROGRESS: TimerId = TimerId(1);

/// How often a slow fetch says how far it is, on standard error.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Why there is no digest. keepalived's genhash says so and leaves with status 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// Refused, unreachable, or no TLS.
    Connection,
    ConnectTimeout,
    WriteTimeout,
    ReadTimeout,
    /// The server closed without an answer, or what it said is not HTTP.
    NoData,
}

impl Failure {
    const fn text(self) -> &'static str {
        match self {
            Self::Connection => "Connection failed",
            Self::ConnectTimeout => "Timeout connecting",
            Self::WriteTimeout => "Timeout WEB write",
            Self::ReadTimeout => "Timeout WEB read",
            Self::NoData => "no data received from remote webserver",
        }
    }
}

/// Whether a program of this name is the tool.
pub(crate) fn is_name(program: Option<&OsString>) -> bool {
    let name = program.and_then(|path| Path::new(path).file_name());
    name.is_some_and(|name| name == "genhash")
}

/// Runs the tool with its own arguments; the exit status. `name` is how it was called.
pub(crate) fn run(name: &str, args: impl IntoIterator<Item = OsString>) -> i32 {
    let options = match options::parse(name, args) {
        Ok(Asked::Fetch(options)) => options,
        Ok(Asked::Help(text)) | Err(text) => {
            eprint!("{text}");
            return 1;
        }
    };
    let mut out = io::stdout().lock();
    match fetch(&options, &mut out) {
        Ok(Ok(())) => 0,
        Ok(Err(Failure::NoData)) => {
            eprintln!("{}", Failure::NoData.text());
            0
        }
        Ok(Err(failure)) => i32::from(writeln!(out, "{}", failure.text()).is_err()),
        Err(error) => {
            eprintln!("{name}: {error}");
            1
        }
    }
}

fn fetch(options: &Options, out: &mut impl Write) -> io::Result<Result<(), Failure>> {
    let mut fetch = Fetch::start(options)?;
    let Some(fetch) = &mut fetch else { return Ok(Err(Failure::Connection)) };
    match fetch.go_on(out)? {
        Ok(digest) => {
            if options.verbose {
                writeln!(out)?;
                write!(out, "{}", Section::Hash.line())?;
                write!(out, "{}", dump(&digest))?;
                write!(out, "{}", Section::FinalHash.line())?;
            }
            let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(out, "{digits}")?;
            if options.verbose {
                let took = sys::clock::now().saturating_since(fetch.began);
                write!(out, "\n{}", end_line(&options.url, took))?;
            }
            Ok(Ok(()))
        }
        Err(failure) => Ok(Err(failure)),
    }
}

/// One page on its way.
struct Fetch<'a> {
    options: &'a Options,
    scheduler: Scheduler,
    stream: Stream,
    began: Instant,
    /// The way is open, and the request is said.
    is_open: bool,
    page: Page,
    /// The header was shown.
    header_shown: bool,
    received: usize,
}

impl<'a> Fetch<'a> {
    /// Begins to connect; `None`: the kernel knows at once that this will not be.
    fn start(options: &'a Options) -> io::Result<Option<Self>> {
        let target = SocketAddr::new(options.server, options.port);
        let wanted = Connect { fwmark: options.mark, ..Connect::to(target) };
        let tls = if options.tls {
            let name = options.sni.then_some(options.virtualhost.as_deref()).flatten();
            let client = TlsClient::new(&lvs::TlsClient::default())?;
            Some(client.connection(name, options.server, false)?)
        } else {
            None
        };
        let mut scheduler = Scheduler::new(&[])?;
        let Ok(socket) = connect_start(&wanted) else { return Ok(None) };
        let stream = Stream::new(socket, tls);
        scheduler.register(stream.as_fd(), Interest::Both)?;
        Ok(Some(Self {
            options,
            scheduler,
            stream,
            began: sys::clock::now(),
            is_open: false,
            page: Page::default(),
            header_shown: false,
            received: 0,
        }))
    }

    fn go_on(&mut self, out: &mut impl Write) -> io::Result<Result<[u8; 16], Failure>> {
        let mut events = Vec::new();
        let mut now = self.began;
        self.scheduler.arm(PROGRESS, Some(now + PROGRESS_INTERVAL));
        self.scheduler.arm(SILENCE, Some(now + self.options.timeout));
        loop {
            now = self.scheduler.turn(&mut events)?.max(now);
            for event in events.drain(..) {
                match event {
                    Event::Timer(PROGRESS) => {
                        let seconds = now.saturating_since(self.began).as_secs();
                        eprintln!("{} bytes after {seconds} s", self.received);
                        self.scheduler.arm(PROGRESS, Some(now + PROGRESS_INTERVAL));
                    }
                    Event::Timer(_) => return Ok(Err(self.timed_out())),
                    Event::Io { token, readable, ended, .. } => {
                        self.scheduler.arm(SILENCE, Some(now + self.options.timeout));
                        if let Some(over) = self.progress(token, Ready { readable, ended }, out)? {
                            return Ok(over);
                        }
                    }
                    Event::Signal(_) => {}
                }
            }
        }
    }

    fn timed_out(&self) -> Failure {
        match (self.is_open, self.options.tls) {
            (true, _) => Failure::ReadTimeout,
            (false, true) => Failure::Connection,
            (false, false) if self.options.timeout.is_zero() => Failure::WriteTimeout,
            (false, false) => Failure::ConnectTimeout,
        }
    }

    /// The connection is ready; how the fetch ended, if it did.
    fn progress(
        &mut self,
        token: scheduler::Token,
        ready: Ready,
        out: &mut impl Write,
    ) -> io::Result<Option<Result<[u8; 16], Failure>>> {
        let progress = self.stream.progress(ready);
        if progress.opened {
            self.is_open = true;
            if self.stream.send(&request(&self.options.check(), &self.options.page())).is_err() {
                return Ok(Some(Err(Failure::Connection)));
            }
        }
        self.received += progress.received.len();
        let pushed = self.page.push(&progress.received);
        if self.options.verbose {
            self.show(out)?;
        }
        if progress.again {
            self.scheduler.still_ready(token);
        }
        let ended = match (pushed, progress.end) {
            (Pushed::NotHttp, _) => return Ok(Some(Err(Failure::NoData))),
            (_, Some(End::NotConnected(_) | End::NoTls(_))) => {
                return Ok(Some(Err(Failure::Connection)));
            }
            (Pushed::End, _) => true,
            (Pushed::More, end) => end.is_some(),
        };
        Ok(ended.then(|| self.page.digest().ok_or(Failure::NoData)))
    }

    /// `-v`: what has come, as far as it was not shown yet.
    fn show(&mut self, out: &mut impl Write) -> io::Result<()> {
        if !self.header_shown && !self.page.header().is_empty() {
            self.header_shown = true;
            let header = self.page.header();
            write!(out, "{}{}", Section::Header.line(), dump(header))?;
            write!(out, "{}", Section::HeaderText.line())?;
            out.write_all(header)?;
            write!(out, "\n{}", Section::Body.line())?;
        }
        let body = self.page.take_body();
        write!(out, "{}", dump(&body))
    }
}
