//! Who gets mail, from whom, through which relay.

use base::{Duration, Mail, MailAbout};
use control_plane::model::Global;
use serde::{Deserialize, Serialize};

/// `smtp_connect_timeout` where nothing is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the configuration wants of mails, with what this host adds where it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// `router_id`: in brackets before each subject.
    pub router: String,
    /// `smtp_server`: a name, looked up for each job, or an address.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// `smtp_connect_timeout`: for the connection and for each answer.
    pub timeout: Duration,
    /// `smtp_helo_name`.
    pub helo: String,
    /// `notification_email_from`.
    pub from: Mailbox,
    /// `notification_email`.
    pub to: Vec<Mailbox>,
    no_faults: bool,
    no_checks: bool,
}

/// What is known of this host.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// The host's name.
    pub name: &'a str,
    /// The user that this process runs as.
    pub user: &'a str,
}

/// An address, and the name to show for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// `Ops, team` of `Ops, team <ops@example.com>`.
    pub name: Option<String>,
    /// `ops@example.com`; may lack its domain, which the relay then adds.
    pub address: String,
}

impl Settings {
    /// `None`: nobody is to get mail, or no relay is named.
    pub fn new(global: &Global, host: Host<'_>) -> Option<Self> {
        let mail = &global.mail;
        let (server, port) = mail.server.clone()?;
        if mail.to.is_empty() {
            return None;
        }
        let from = mail.from.clone().unwrap_or_else(|| format!("{}@{}", host.user, host.name));
        Some(Self {
            router: global.router_id.clone().unwrap_or_else(|| host.name.to_owned()),
            server,
            port,
            timeout: mail.connect_timeout.unwrap_or(TIMEOUT),
            helo: mail.helo_name.clone().unwrap_or_else(|| host.name.to_owned()),
            from: Mailbox::parse(&from),
            to: mail.to.iter().map(|one| Mailbox::parse(one)).collect(),
            no_faults: mail.no_faults,
            no_checks: mail.no_checkers,
        })
    }

    /// Whether a mail is wanted.
    pub const fn want(&self, mail: &Mail) -> bool {
        match mail.about {
            MailAbout::State => true,
            MailAbout::Fault => !self.no_faults,
            MailAbout::Check => !self.no_checks,
        }
    }
}

impl Mailbox {
    /// Reads `address` or `name <address>`. Every text is one or the other.
    pub fn parse(text: &str) -> Self {
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        let named = clean.trim().strip_suffix('>').and_then(|text| text.rsplit_once('<'));
        let (name, address) = named.unwrap_or(("", clean.as_str()));
        let name = name.trim().trim_matches('"').to_owned();
        Self { name: (!name.is_empty()).then_some(name), address: address.trim().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use control_plane::model::global;

    use super::*;

    const HOST: Host<'_> = Host { name: "lb1", user: "root" };

    fn global() -> Global {
        let mail = global::Mail {
            to: vec!["admin@example.com".to_owned()],
            server: Some(("127.0.0.1".to_owned(), 2525)),
            ..global::Mail::default()
        };
        Global { mail, ..Global::default() }
    }

    fn mail(about: MailAbout) -> Mail {
        Mail { about, subject: String::new(), body: String::new() }
    }

    #[test]
    fn what_the_configuration_does_not_say_comes_from_the_host() {
        let settings = Settings::new(&global(), HOST).unwrap();
        assert_eq!(settings.from, Mailbox::parse("root@lb1"));
        assert_eq!((settings.router.as_str(), settings.helo.as_str()), ("lb1", "lb1"));
        assert_eq!(settings.timeout, Duration::from_secs(30));
    }

    #[test]
    fn without_a_relay_or_without_recipients_there_is_no_mail() {
        let mut nobody = global();
        nobody.mail.to.clear();
        assert_eq!(Settings::new(&nobody, HOST), None);
        let mut nowhere = global();
        nowhere.mail.server = None;
        assert_eq!(Settings::new(&nowhere, HOST), None);
    }

    #[test]
    fn faults_and_checks_are_left_out_on_demand() {
        let mut global = global();
        let settings = Settings::new(&global, HOST).unwrap();
        let all = [MailAbout::State, MailAbout::Fault, MailAbout::Check];
        assert!(all.iter().all(|about| settings.want(&mail(*about))));
        global.mail.no_faults = true;
        global.mail.no_checkers = true;
        let settings = Settings::new(&global, HOST).unwrap();
        assert_eq!(all.map(|about| settings.want(&mail(about))), [true, false, false]);
    }

    #[test]
    fn an_address_may_have_a_name_before_it() {
        let team = Mailbox::parse("Ops, team <ops@example.com>");
        assert_eq!(team.name.as_deref(), Some("Ops, team"));
        assert_eq!(team.address, "ops@example.com");
        assert_eq!(Mailbox::parse("\"Ops, team\" <ops@example.com>"), team);
        let bare = Mailbox { name: None, address: "root".to_owned() };
        assert_eq!(Mailbox::parse(" root "), bare);
        assert_eq!(Mailbox::parse("<root>"), bare);
    }

    #[test]
    fn an_address_cannot_bring_a_second_line() {
        let evil = Mailbox::parse("a@b>\r\nDATA <c");
        assert!(!evil.address.contains(['\r', '\n']), "{evil:?}");
    }
}
