//! Reading an entry word by word: routes and rules are lists of options with values.

use std::net::IpAddr;

use base::IpNet;

use crate::diagnostic::{Code, Diagnostic};
use crate::keywords::Block;
use crate::lang::Context;
use crate::model::network::{Encap, Named};
use crate::parse::statement::Statement;
use crate::parse::value::integer;

/// The words of an entry, one after another.
pub(super) struct Words<'a, 'c, 's> {
    pub statement: &'a Statement<'a>,
    pub cx: &'c mut Context<'s>,
    /// "route" or "rule", for messages.
    pub what: &'static str,
    at: usize,
    /// Every word was read: what is wrong now is wrong with the entry as a whole.
    complete: bool,
}

/// The entry cannot be used; that was told.
pub(super) struct Unusable;

/// Result of reading a part of an entry.
pub(super) type Part<T> = Result<T, Unusable>;

impl<'a, 'c, 's> Words<'a, 'c, 's> {
    pub(super) const fn new(
        statement: &'a Statement<'a>,
        what: &'static str,
        cx: &'c mut Context<'s>,
    ) -> Self {
        Self { statement, cx, what, at: 0, complete: false }
    }

    /// The next word, which is an option.
    pub(super) fn next_option(&mut self, block: Block) -> Option<&'a str> {
        let option = self.next()?;
        let (statement, at) = (self.statement, self.at - 1);
        self.cx.tell_effect(block, option, || statement.place_of(at));
        Some(option)
    }

    /// The next word.
    pub(super) fn next(&mut self) -> Option<&'a str> {
        let word = self.statement.word(self.at)?;
        self.at += 1;
        Some(word)
    }

    /// Every word was read.
    pub(super) const fn complete(&mut self) {
        self.complete = true;
    }

    /// The word that would come next.
    pub(super) fn peek(&self) -> Option<&'a str> {
        self.statement.word(self.at)
    }

    /// Whether the next word is this one; if so, it is used up.
    pub(super) fn skip(&mut self, word: &str) -> bool {
        let same = self.peek() == Some(word);
        self.at += usize::from(same);
        same
    }

    /// Tells what is wrong with the last word.
    pub(super) fn report(&mut self, code: Code, message: String) {
        let place = if self.peek().is_none() && self.complete {
            self.statement.place()
        } else {
            self.statement.place_of(self.at.saturating_sub(1))
        };
        self.cx.report(Diagnostic::new(code, message).at(place));
    }

    /// Tells what is wrong with the last word; the entry is left out.
    pub(super) fn refuse<T>(&mut self, code: Code, message: String) -> Part<T> {
        self.report(code, message);
        Err(Unusable)
    }

    /// The value of an option.
    pub(super) fn value(&mut self, option: &str) -> Part<&'a str> {
        match self.next() {
            Some(word) => Ok(word),
            None => {
                let first = self.statement.word(0).unwrap_or_default();
                let message = format!(
                    "*** Configuration line starting `{first}` is missing a parameter after \
                     keyword `{option}` at word position {}",
                    self.at + 1
                );
                self.refuse(Code::MissingValue, message)
            }
        }
    }

    /// A number as the value of an option.
    pub(super) fn number<T: TryFrom<i64>>(&mut self, option: &str, min: i64, max: i64) -> Part<T> {
        let word = self.value(option)?;
        let number = match integer(word, min, max) {
            Ok(number) => T::try_from(number).ok(),
            Err(problem) => {
                let outcome = format!("Invalid {option} {word} specified for {}", self.what);
                let place = self.statement.place_of(self.at - 1);
                self.cx.report(problem.at(place).outcome(outcome));
                None
            }
        };
        number.ok_or(Unusable)
    }

    /// A 32-bit number as the value of an option.
    pub(super) fn u32(&mut self, option: &str) -> Part<u32> {
        self.number(option, 0, u32::MAX.into())
    }

    /// The name of an interface as the value of an option.
    pub(super) fn interface(&mut self, option: &str) -> Part<String> {
        let name = self.value(option)?;
        let place = self.statement.place_of(self.at - 1);
        let user = if self.what == "route" { "VROUTE nexthop" } else { "rule" };
        self.cx.needs_interface(name, place, || {
            format!("WARNING - interface {name} for {user} doesn't exist")
        });
        Ok(name.to_owned())
    }

    /// An address as the value of an option.
    pub(super) fn address(&mut self, option: &str) -> Part<IpAddr> {
        let word = self.value(option)?;
        match word.parse() {
            Ok(address) => Ok(address),
            Err(_) => {
                let message = format!("Invalid {} {option} address {word}", self.what);
                self.refuse(Code::BadAddress, message)
            }
        }
    }

    /// An address with or without a prefix length as the value of an option.
    pub(super) fn network(&mut self, option: &str) -> Part<IpNet> {
        let word = self.value(option)?;
        match network(word) {
            Some(net) => Ok(net),
            None => {
                let message = format!("Invalid {} {option} address {word}", self.what);
                self.refuse(Code::BadAddress, message)
            }
        }
    }

    /// A number, or a name that the machine knows.
    pub(super) fn named(&mut self, option: &str) -> Part<Named> {
        let word = self.value(option)?;
        if let Some(number) = c_number(word) {
            return Ok(Named::Number(number));
        }
        let is_name = word.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
        if is_name {
            return Ok(Named::Name(word.to_owned()));
        }
        let message = format!("Invalid {option} {word} specified for {}", self.what);
        self.refuse(Code::BadEntry, message)
    }

    /// `encap ip|ip6|mpls|ila ...`.
    pub(super) fn encap(&mut self) -> Part<Encap> {
        match self.value("encap")? {
            "ip" => self.encap_ip(false),
            "ip6" => self.encap_ip(true),
            "mpls" => {
                let word = self.value("mpls")?;
                let labels: Option<Vec<u32>> = word
                    .split('/')
                    .map(|label| label.parse().ok().filter(|label| *label < 1 << 20))
                    .collect();
                match labels {
                    Some(labels) => Ok(Encap::Mpls(labels)),
                    None => self.refuse(Code::BadEntry, format!("Invalid mpls labels {word}")),
                }
            }
            "ila" => {
                let word = self.value("ila")?;
                let parts: Vec<&str> = word.split(':').collect();
                let number = parts.iter().try_fold(0_u64, |sum, part| {
                    Some(sum << 16 | u64::from(u16::from_str_radix(part, 16).ok()?))
                });
                match number.filter(|_| parts.len() == 4) {
                    Some(locator) => Ok(Encap::Ila(locator)),
                    None => self.refuse(Code::BadEntry, format!("Invalid ila locator {word}")),
                }
            }
            other => self.refuse(Code::BadEntry, format!("Unknown encap type {other}")),
        }
    }

    fn encap_ip(&mut self, ipv6: bool) -> Part<Encap> {
        let (mut id, mut destination, mut source) = (None, None, None);
        let (mut tos, mut ttl, mut flags) = (None, None, None);
        while let Some(option) = self.peek() {
            match option {
                "id" => {
                    self.next();
                    let word = self.value("id")?;
                    id = word.parse().ok();
                }
                "dst" => {
                    self.next();
                    destination = Some(self.address("dst")?);
                }
                "src" => {
                    self.next();
                    source = Some(self.address("src")?);
                }
                "tos" | "dsfield" | "tc" => {
                    self.next();
                    tos = Some(self.named("tos")?);
                }
                "ttl" | "hoplimit" => {
                    self.next();
                    ttl = Some(self.number("ttl", 0, 255)?);
                }
                "flags" => {
                    self.next();
                    let word = self.value("flags")?;
                    flags = c_number(word).and_then(|flags| u16::try_from(flags).ok());
                }
                _ => break,
            }
        }
        Ok(Encap::Ip { id, destination, source, tos, ttl, flags, ipv6 })
    }
}

/// `ADDR[/LEN]`; `default`, `all` and `any` are not known here.
pub(super) fn network(word: &str) -> Option<IpNet> {
    if word.contains('/') {
        return word.parse().ok();
    }
    word.parse::<IpAddr>().ok().map(IpNet::from)
}

/// Decimal, or hexadecimal with `0x`, as `/etc/iproute2` and the kernel's tools write numbers.
pub(super) fn c_number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}
