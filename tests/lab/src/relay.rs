//! A mail server that keeps what it is given.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use crate::node::Node;
use crate::service::{Service, Switch};

/// A mail as it came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Letter {
    /// `MAIL FROM`.
    pub sender: String,
    /// `RCPT TO`, those that were taken.
    pub recipients: Vec<String>,
    /// Its lines, headers first, without the date. A header of several lines is one.
    pub lines: Vec<String>,
}

impl Letter {
    /// A header's text.
    pub fn header(&self, name: &str) -> &str {
        let of_name = |line: &String| line.strip_prefix(name)?.strip_prefix(": ").map(str::len);
        let found = self.lines.iter().find_map(|line| Some((line, of_name(line)?)));
        found.map_or("", |(line, length)| &line[line.len() - length..])
    }

    /// Subject and text, in one line.
    pub fn news(&self) -> String {
        let text = self.lines.iter().find(|line| line.starts_with("=> "));
        format!("{} {}", self.header("Subject"), text.map_or("", String::as_str))
    }
}

/// A running mail server. It refuses recipients that begin with `nobody`; while its switch is off
/// it says nothing at all.
#[derive(Debug)]
pub struct Relay {
    letters: Arc<Mutex<Vec<Letter>>>,
    greetings: Arc<Mutex<Vec<String>>>,
    _service: Service,
}

impl Relay {
    /// Serves on all addresses of `node`.
    pub fn start(node: &Node, port: u16, switch: &Switch) -> Self {
        let letters = Arc::new(Mutex::new(Vec::new()));
        let greetings = Arc::new(Mutex::new(Vec::new()));
        let (box_of_all, heard) = (Arc::clone(&letters), Arc::clone(&greetings));
        let service = Service::tcp(node, port, switch, move |stream, good| {
            if good {
                return serve(stream, &box_of_all, &heard);
            }
            // Silent until the client gives up.
            stream.set_read_timeout(None)?;
            io::copy(stream, &mut io::sink()).map(drop)
        });
        Self { letters, greetings, _service: service }
    }

    /// Everything that came, in order.
    pub fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `EHLO` or `HELO` of each connection, with the name that the client gave itself.
    pub fn greetings(&self) -> Vec<String> {
        self.greetings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// [`Letter::news`] of everything, sorted.
    pub fn news(&self) -> Vec<String> {
        let mut news: Vec<String> = self.letters().iter().map(Letter::news).collect();
        news.sort();
        news
    }
}

fn serve(
    stream: &mut TcpStream,
    letters: &Mutex<Vec<Letter>>,
    greetings: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut say = |reply: &str| write!(stream, "{reply}\r\n");
    let (mut sender, mut recipients) = (String::new(), Vec::new());
    say("220 relay of the lab")?;
    while let Some(line) = lines.next() {
        let line = line?;
        let address = || line.split_once('<').map_or("", |(_, text)| text.trim_end_matches('>'));
        match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" | "HELO" => {
                greetings.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
            }
            "MAIL" => address().clone_into(&mut sender),
            "RCPT" if address().starts_with("nobody") => {
                say("550 no such user")?;
                continue;
            }
            "RCPT" => recipients.push(address().to_owned()),
            "DATA" => {
                say("354 go ahead")?;
                let lines = text(&mut lines)?;
                let recipients = std::mem::take(&mut recipients);
                let letter = Letter { sender: sender.clone(), recipients, lines };
                letters.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
            }
            "QUIT" => return say("221 bye"),
            _ => {}
        }
        say("250 fine")?;
    }
    Ok(())
}

fn text(lines: &mut impl Iterator<Item = io::Result<String>>) -> io::Result<Vec<String>> {
    let mut kept: Vec<String> = Vec::new();
    for line in lines {
        let line = line?;
        if line == "." {
            break;
        }
        match (line.strip_prefix(' '), kept.last_mut()) {
            (Some(more), Some(header)) => {
                header.push(' ');
                header.push_str(more);
            }
            _ if line.starts_with("Date: ") => {}
            _ => kept.push(line),
        }
    }
    Ok(kept)
}
