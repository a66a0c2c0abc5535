//! Which table a keyword belongs in, and what a table lacks.

use std::collections::BTreeSet;

use control_plane::keywords::{self, Block, Effect};

/// Where the effect of a keyword is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `keyword_effects` of `vrrp-stack`: routers, trackers, and what concerns the daemon as a whole.
    Vrrp,
    /// `keyword_effects` of `checkers`: services, servers, checks.
    Checkers,
    /// Words of addresses, routes and rules, which are compared with keepalived's outcome in the kernel.
    Entries,
    /// The language itself: files, definitions, conditions; tests of `control-plane`.
    Language,
}

impl Table {
    /// The one that `name` in `block` belongs in.
    pub fn of(block: Block, name: &str) -> Self {
        match block {
            Block::Root | Block::GlobalDefs if is_of_checkers(name) => Self::Checkers,
            Block::Root | Block::GlobalDefs => Self::Vrrp,
            Block::TrackGroup | Block::SyncGroup | Block::GarpGroup | Block::Instance => Self::Vrrp,
            Block::Authentication | Block::AuthHmac | Block::Script => Self::Vrrp,
            Block::TrackProcess | Block::TrackFile | Block::Arbiter | Block::Bfd => Self::Vrrp,
            Block::Ssl | Block::VirtualServer | Block::RealServer => Self::Checkers,
            Block::MiscCheck | Block::SmtpCheck | Block::SmtpHost | Block::TcpCheck => {
                Self::Checkers
            }
            Block::PingCheck | Block::UdpCheck | Block::HttpGet | Block::HttpUrl => Self::Checkers,
            Block::SslGet | Block::SslUrl | Block::DnsCheck => Self::Checkers,
            Block::FileCheck | Block::BfdCheck => Self::Checkers,
            Block::AddressEntry | Block::RouteEntry | Block::RuleEntry => Self::Entries,
            Block::Directive => Self::Language,
        }
    }

    /// What is wrong with the places that this table has: keywords with an effect that are missing, and
    /// words that are no keywords. Empty when nothing is.
    pub fn gaps(self, tested: &BTreeSet<(Block, &str)>) -> Vec<String> {
        let ours = keywords::all().map(|(block, keyword)| (block, keyword.name));
        let ours = ours.filter(|(block, name)| Self::of(*block, name) == self);
        let effective = ours.filter(|(block, name)| keywords::effect(*block, name) == Effect::Full);
        let missing = effective.filter(|place| !tested.contains(place));
        let unknown = tested.iter().filter(|(block, name)| keywords::find(*block, name).is_none());
        missing
            .map(|(block, name)| format!("{name} in {block:?}: without a test"))
            .chain(unknown.map(|(block, name)| format!("{name} in {block:?}: no keyword")))
            .collect()
    }
}

/// Of what stands in no block or in `global_defs`.
fn is_of_checkers(name: &str) -> bool {
    let of_process = ["lvs_", "checker_"].iter().any(|start| name.starts_with(start));
    let rest = ["rs_init_notifies", "no_checker_emails", "smtp_alert_checker"];
    let blocks = ["SSL", "virtual_server", "virtual_server_group"];
    of_process || rest.contains(&name) || blocks.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lacks_what_it_does_not_name_and_names_nothing_that_is_no_keyword() {
        let all: BTreeSet<(Block, &str)> = keywords::all()
            .map(|(block, keyword)| (block, keyword.name))
            .filter(|(block, name)| Table::of(*block, name) == Table::Vrrp)
            .collect();
        assert_eq!(Table::Vrrp.gaps(&all), Vec::<String>::new());
        let mut other = all;
        other.remove(&(Block::Instance, "priority"));
        other.insert((Block::Instance, "no_such_word"));
        let gaps = ["priority in Instance: without a test", "no_such_word in Instance: no keyword"];
        assert_eq!(Table::Vrrp.gaps(&other), gaps);
    }
}
