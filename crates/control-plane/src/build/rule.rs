//! Entries of `virtual_rules` and `static_rules`.

use base::IpNet;

use super::words::{Part, Words, c_number, network};
use crate::diagnostic::Code;
use crate::keywords::Block;
use crate::lang::Context;
use crate::model::network::{Rule, RuleAction, StaticItem};
use crate::parse::statement::Statement;

/// The protocol number of routes and rules that keepalived made.
const RTPROT_KEEPALIVED: u8 = 18;
/// What keepalived gives to the first rule that has no preference; each further one gets one less.
const FIRST_PREFERENCE: u32 = 16_384;

/// Reads one entry; an entry that cannot be used is told and left out.
pub(super) fn read(statement: &Statement<'_>, cx: &mut Context<'_>) -> Option<StaticItem<Rule>> {
    let mut draft = Draft {
        words: Words::new(statement, "rule", cx),
        rule: Rule::default(),
        action: None,
        preference: None,
        track_group: None,
        family: None,
    };
    draft.read().ok()?;
    let Draft { rule, track_group, .. } = draft;
    Some(StaticItem { item: rule, track_group })
}

struct Draft<'a, 'c, 's> {
    words: Words<'a, 'c, 's>,
    rule: Rule,
    action: Option<RuleAction>,
    preference: Option<u32>,
    track_group: Option<String>,
    /// `inet`, `inet6`.
    family: Option<bool>,
}

impl Draft<'_, '_, '_> {
    fn read(&mut self) -> Part<()> {
        while let Some(word) = self.words.next_option(Block::RuleEntry) {
            if !self.flag(word)? && !self.option(word)? {
                let message = format!("Unknown rule option {word}");
                return self.words.refuse(Code::BadEntry, message);
            }
        }
        self.finish()
    }

    fn flag(&mut self, word: &str) -> Part<bool> {
        match word {
            "not" => self.rule.invert = true,
            "l3mdev" => self.rule.l3mdev = true,
            "no_track" => self.rule.no_track = true,
            "inet" => self.family = Some(false),
            "inet6" => self.family = Some(true),
            "nop" => self.act(RuleAction::Nop)?,
            "blackhole" => self.act(RuleAction::Blackhole)?,
            "unreachable" => self.act(RuleAction::Unreachable)?,
            "prohibit" => self.act(RuleAction::Prohibit)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn option(&mut self, word: &str) -> Part<bool> {
        match word {
            "from" => self.rule.from = self.selector(word)?,
            "to" => self.rule.to = self.selector(word)?,
            "table" | "lookup" => {
                let table = self.words.named(word)?;
                self.act(RuleAction::Table(table))?;
            }
            "goto" => {
                let target = self.words.u32(word)?;
                self.act(RuleAction::Goto(target))?;
            }
            "type" => self.kind()?,
            "preference" | "priority" | "order" => self.preference = Some(self.words.u32(word)?),
            "tos" | "dsfield" => self.rule.tos = Some(self.words.named(word)?),
            "fwmark" => self.mark()?,
            "realms" => self.rule.realms = Some(self.words.value(word)?.to_owned()),
            "suppress_prefixlength" | "sup_pl" => {
                self.rule.suppress_prefix_length = Some(self.words.u32(word)?);
            }
            "suppress_ifgroup" | "sup_group" => {
                self.rule.suppress_group = Some(self.words.named(word)?);
            }
            "dev" | "iif" => self.rule.input = Some(self.words.interface(word)?),
            "oif" => self.rule.output = Some(self.words.interface(word)?),
            "tunnel-id" => {
                let value = self.words.value(word)?;
                match value.parse() {
                    Ok(id) => self.rule.tunnel = Some(id),
                    Err(_) => {
                        let message = format!("Invalid rule tunnel-id {value}");
                        return self.words.refuse(Code::BadEntry, message);
                    }
                }
            }
            "uidrange" => self.rule.users = Some(self.range(word)?),
            "sport" => self.rule.source_ports = Some(self.range(word)?),
            "dport" => self.rule.destination_ports = Some(self.range(word)?),
            "protocol" => self.rule.protocol = Some(self.words.number(word, 0, 255)?),
            "ipproto" => self.rule.ip_protocol = Some(self.words.named(word)?),
            "track_group" => self.track_group = Some(self.words.value(word)?.to_owned()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn act(&mut self, action: RuleAction) -> Part<()> {
        if self.action.replace(action).is_some() {
            let message = "Cannot specify more than one of \
                           table/nop/goto/blackhole/prohibit/unreachable for rule";
            return self.words.refuse(Code::BadEntry, message.to_owned());
        }
        Ok(())
    }

    fn kind(&mut self) -> Part<()> {
        let word = self.words.value("type")?;
        // Names and numbers of rtnetlink (`FR_ACT_*`).
        let action = match word {
            "blackhole" | "6" => RuleAction::Blackhole,
            "unreachable" | "7" => RuleAction::Unreachable,
            "prohibit" | "8" => RuleAction::Prohibit,
            "nop" | "3" => RuleAction::Nop,
            _ => {
                let message = format!("Invalid rule type {word}");
                return self.words.refuse(Code::BadEntry, message);
            }
        };
        self.act(action)
    }

    /// `ADDR[/LEN]` or `all`.
    fn selector(&mut self, option: &str) -> Part<Option<IpNet>> {
        let word = self.words.value(option)?;
        if matches!(word, "all" | "any" | "default") {
            return Ok(None);
        }
        match network(word) {
            Some(net) => Ok(Some(net)),
            None => {
                let message = format!("Invalid rule {option} address {word}");
                self.words.refuse(Code::BadAddress, message)
            }
        }
    }

    /// `fwmark N[/MASK]`.
    fn mark(&mut self) -> Part<()> {
        let word = self.words.value("fwmark")?;
        let (mark, mask) =
            word.split_once('/').map_or((word, None), |(mark, mask)| (mark, Some(mask)));
        let mask = mask.map(c_number);
        match (c_number(mark), mask) {
            (Some(mark), None) => self.rule.mark = Some((mark, None)),
            (Some(mark), Some(Some(mask))) => self.rule.mark = Some((mark, Some(mask))),
            _ => {
                return self
                    .words
                    .refuse(Code::BadEntry, format!("Invalid rule fwmark {word} specified"));
            }
        }
        Ok(())
    }

    /// `A-B`.
    fn range<T: std::str::FromStr + PartialOrd>(&mut self, option: &str) -> Part<(T, T)> {
        let word = self.words.value(option)?;
        let ends = word.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        match ends {
            Some((first, last)) if first <= last => Ok((first, last)),
            _ => {
                let message = format!("invalid {option} range {word}");
                self.words.refuse(Code::BadEntry, message)
            }
        }
    }

    fn finish(&mut self) -> Part<()> {
        self.words.complete();
        let by_device = self.rule.l3mdev;
        let Some(action) =
            self.action.take().or(if by_device { Some(RuleAction::Nop) } else { None })
        else {
            let message = "No action specified for rule - ignoring".to_owned();
            return self.words.refuse(Code::BadEntry, message);
        };
        self.rule.action = action;
        self.family()?;
        self.rule.preference = match self.preference {
            Some(preference) => preference,
            None => {
                let used = self.words.cx.rules_without_preference;
                self.words.cx.rules_without_preference = used.saturating_add(1);
                let preference = FIRST_PREFERENCE.saturating_sub(used);
                let message = format!(
                    "Rule has no preference specified - setting to {preference}. This is probably \
                     not what you want."
                );
                self.words.report(Code::Doubtful, message);
                preference
            }
        };
        if let RuleAction::Goto(target) = self.rule.action
            && target <= self.rule.preference
        {
            let message = format!(
                "Invalid rule - preference {} >= goto target {target}",
                self.rule.preference
            );
            return self.words.refuse(Code::BadEntry, message);
        }
        let foreign = self.rule.protocol.is_some_and(|protocol| protocol != RTPROT_KEEPALIVED);
        if foreign && !self.rule.no_track {
            let message = "Rule cannot be tracked if protocol is not RTPROT_KEEPALIVED(18), \
                           resetting protocol";
            self.words.report(Code::Adjusted, message.to_owned());
            self.rule.protocol = None;
        }
        Ok(())
    }

    fn family(&mut self) -> Part<()> {
        let of = |net: IpNet| net.addr().is_ipv6();
        let (from, to) = (self.rule.from.map(of), self.rule.to.map(of));
        let all = [from, to, self.family];
        let ipv6 = all.iter().flatten().copied().next().unwrap_or(false);
        if all.iter().flatten().any(|one| *one != ipv6) {
            let message = "rule specification has mixed IPv4 and IPv6".to_owned();
            return self.words.refuse(Code::BadEntry, message);
        }
        self.rule.ipv6 = ipv6;
        Ok(())
    }
}
