//! The process that sends mails. It reads its job from standard input, talks to the relay, says on
//! standard output what the log should have, and ends. Whoever started it limits its time.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::Duration;

use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use notify::mail::{Job, Mailbox, Settings, text};

/// Before lines that only `-D` shows.
pub(super) const DETAIL: &str = "detail: ";

/// Sends the mails of standard input; the exit status.
pub(crate) fn run() -> i32 {
    let job: Job = match ipc::blob::read(io::stdin().as_fd()) {
        Ok(job) => job,
        Err(error) => {
            eprintln!("only keepalived-rs itself starts this: {error}");
            return 1;
        }
    };
    let mut relay = Relay { settings: &job.settings, connection: None };
    for (place, mail) in job.mails.iter().enumerate() {
        let seconds = sys::clock::wall().as_secs();
        let message = text::message(&job.settings, mail, seconds);
        match relay.send(&message) {
            Ok(()) => say(&format!("{DETAIL}SMTP alert successfully sent.")),
            Err(Failure::Mail(why)) => say(&format!("Mail '{}' is not sent: {why}", mail.subject)),
            Err(Failure::Relay(why)) => {
                let rest = job.mails.len() - place;
                say(&format!("{why}, {rest} mail(s) are not sent"));
                return 1;
            }
        }
    }
    relay.leave();
    0
}

/// A line for the log. Nobody hears it when the daemon is gone.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

enum Failure {
    /// This mail.
    Mail(String),
    /// The relay: the others will not fare better.
    Relay(String),
}

struct Relay<'a> {
    settings: &'a Settings,
    connection: Option<SmtpConnection>,
}

impl Relay<'_> {
    fn send(&mut self, message: &str) -> Result<(), Failure> {
        let settings = self.settings;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        match transmit(&mut connection, settings, message) {
            Ok(()) => {
                self.connection = Some(connection);
                Ok(())
            }
            Err(why) => {
                // A relay that takes the reset still listens; else the next mail connects anew.
                self.connection = connection.command("RSET\r\n").is_ok().then_some(connection);
                Err(Failure::Mail(why))
            }
        }
    }

    fn connect(&self) -> Result<SmtpConnection, Failure> {
        let Settings { server, port, timeout, helo, .. } = self.settings;
        let name = format!("[{server}]:{port}");
        let addresses = addresses(server, *port).map_err(|error| {
            Failure::Relay(format!("Remote SMTP server {name} has no address: {error}"))
        })?;
        let timeout = Duration::from_micros(timeout.as_micros());
        let hello = ClientId::Domain(helo.clone());
        let connected = SmtpConnection::connect(&*addresses, Some(timeout), &hello, None, None);
        let connection = connected.map_err(|error| {
            Failure::Relay(match kind(&error) {
                Some(io::ErrorKind::TimedOut) => {
                    format!("Timeout opening connection to remote SMTP server {name}")
                }
                Some(io::ErrorKind::WouldBlock) => {
                    format!("Timeout waiting for remote SMTP server {name}")
                }
                _ => format!("Remote SMTP server {name}: {}", reason(&error)),
            })
        })?;
        say(&format!("{DETAIL}Remote SMTP server {name} connected."));
        Ok(connection)
    }

    fn leave(self) {
        if let Some(mut connection) = self.connection {
            // All mails are sent; how the relay takes leave changes nothing.
            let _ = connection.quit();
        }
    }
}

/// One mail to all who take it. The commands are written here because an address may lack its
/// domain (`root`), which the library's own type of an address refuses.
fn transmit(
    connection: &mut SmtpConnection,
    settings: &Settings,
    message: &str,
) -> Result<(), String> {
    let mut command = |line: String| connection.command(line).map_err(|error| reason(&error));
    command(format!("MAIL FROM:<{}>\r\n", settings.from.address))?;
    let mut taken = 0_usize;
    let mut refused = Vec::new();
    for Mailbox { address, .. } in &settings.to {
        match command(format!("RCPT TO:<{address}>\r\n")) {
            Ok(_) => taken += 1,
            Err(why) => refused.push(format!("{address}: {why}")),
        }
    }
    if taken == 0 {
        return Err(refused.join(", "));
    }
    command("DATA\r\n".to_owned())?;
    connection.message(message.as_bytes()).map_err(|error| reason(&error))?;
    for refusal in refused {
        say(&format!("Mail is not sent to {refusal}"));
    }
    Ok(())
}

/// What the system says is wrong; a read that takes too long "would block".
fn kind(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    match error.downcast_ref::<io::Error>() {
        Some(error) => Some(error.kind()),
        None => kind(error.source()?),
    }
}

/// An error with all that led to it, in one line.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = inner.source();
    }
    text.replace(char::is_control, " ")
}

/// The addresses of the relay. `localhost` is this host, whatever the name service says (RFC 6761
/// section 6.3).
fn addresses(server: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match (server, port).to_socket_addrs() {
        Err(_) if server.eq_ignore_ascii_case("localhost") => {
            Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()])
        }
        found => Ok(found?.collect()),
    }
}
