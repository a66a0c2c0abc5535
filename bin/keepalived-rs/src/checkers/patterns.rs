//! The patterns that bodies of web servers have to match.

use std::collections::HashMap;

use control_plane::model::checks::UrlRegex;
use control_plane::model::{CheckerKind, Lvs};
use sys::regex::{Matcher, Pattern};

/// Every pattern of the configuration, compiled.
pub(super) struct Patterns {
    /// `None`: there is no such pattern.
    compiled: HashMap<UrlRegex, Option<Pattern>>,
    matcher: Option<Matcher>,
}

impl Patterns {
    /// Compiles the patterns of a configuration, and says which are none.
    pub(super) fn new(config: &Lvs) -> Self {
        let mut compiled = HashMap::new();
        for regex in all(config) {
            compiled.entry(regex.clone()).or_insert_with(|| compile(regex));
        }
        // One stack for all, the largest that one of them asks for.
        let stack = all(config).filter_map(|regex| regex.stack).reduce(|a, b| {
            let (first, most) = (a.0.max(b.0), a.1.max(b.1));
            (first, most)
        });
        let bytes = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let matcher = Matcher::new(stack.map(|(first, most)| (bytes(first), bytes(most))))
            .or_else(|error| {
                log::warn!("regex_stack: {error}, the default is used");
                Matcher::new(None)
            })
            .inspect_err(|error| log::error!("regex: {error}, nothing is searched"));
        Self { compiled, matcher: matcher.ok() }
    }

    /// Whether a body has what the pattern describes; `None`: there is no such pattern.
    pub(super) fn search(&mut self, regex: &UrlRegex, body: &[u8]) -> Option<bool> {
        let pattern = self.compiled.get_mut(regex)?.as_mut()?;
        let bytes = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let (first, last) = (bytes(regex.min_offset), regex.max_offset.map(bytes));
        let found = self.matcher.as_mut()?.is_found(pattern, body, first, last);
        // As with keepalived, what cannot be searched to its end has not matched.
        Some(found.unwrap_or_else(|error| {
            log::info!("regex '{}': {error}", regex.pattern);
            false
        }))
    }
}

fn compile(regex: &UrlRegex) -> Option<Pattern> {
    let options = regex.options.iter().map(String::as_str);
    Pattern::new(&regex.pattern, options, regex.max_offset.is_some())
        .inspect_err(|error| log::info!("Invalid regex: '{}' {error}", regex.pattern))
        .ok()
}

fn all(config: &Lvs) -> impl Iterator<Item = &UrlRegex> {
    let servers = config.virtual_servers.iter().flat_map(|service| &service.real_servers);
    let urls = servers.flat_map(|server| &server.checkers).flat_map(|check| match &check.kind {
        CheckerKind::Http(http) => http.urls.as_slice(),
        _ => &[],
    });
    urls.filter_map(|url| url.regex.as_ref())
}

#[cfg(test)]
mod tests {
    use base::Duration;
    use control_plane::model::checks::{Checker, HttpCheck, HttpVersion, Sni, Url};
    use control_plane::model::{Protocol, RealServer, ServiceAddress, TcpCheck, VirtualServer};

    use super::*;

    fn config(regexes: Vec<UrlRegex>) -> Lvs {
        let target = "127.0.0.2:80".parse().unwrap();
        let url = |regex| Url { regex: Some(regex), ..Url::default() };
        let http = HttpCheck {
            connect: TcpCheck::new(target),
            tls: false,
            virtualhost: None,
            version: HttpVersion::V1_0,
            sni: Sni::Off,
            fast_recovery: false,
            urls: regexes.into_iter().map(url).collect(),
        };
        let check = Checker {
            delay_loop: Duration::from_secs(1),
            ..Checker::new(CheckerKind::Http(Box::new(http)))
        };
        let server = RealServer { checkers: vec![check], ..RealServer::new(target) };
        let (ip, port) = (target.ip(), target.port());
        let address = ServiceAddress::Address { ip, port, protocol: Protocol::Tcp };
        let service = VirtualServer { real_servers: vec![server], ..VirtualServer::new(address) };
        Lvs { virtual_servers: vec![service], ..Lvs::default() }
    }

    fn regex(pattern: &str) -> UrlRegex {
        UrlRegex { pattern: pattern.to_owned(), ..UrlRegex::default() }
    }

    #[test]
    fn a_body_is_searched_with_options_and_between_offsets() {
        let caseless = UrlRegex { options: vec!["caseless".to_owned()], ..regex("HELLO") };
        let late = UrlRegex { min_offset: 1, ..regex("h") };
        let early = UrlRegex { max_offset: Some(1), ..regex("l") };
        let none = regex("(");
        let all = vec![caseless.clone(), late.clone(), early.clone(), none.clone()];
        let mut patterns = Patterns::new(&config(all));
        assert_eq!(patterns.search(&caseless, b"hello"), Some(true));
        assert_eq!(patterns.search(&late, b"hello"), Some(false));
        assert_eq!(patterns.search(&early, b"hello"), Some(false));
        assert_eq!(patterns.search(&none, b"hello"), None);
        assert_eq!(patterns.search(&regex("unknown"), b"hello"), None);
    }

    #[test]
    fn the_largest_regex_stack_is_that_of_all_patterns() {
        let body = format!("{}c", "ab".repeat(100_000));
        let deep = regex("^(?:(a)|(b))*c$");
        let mut small = Patterns::new(&config(vec![deep.clone()]));
        assert_eq!(small.search(&deep, body.as_bytes()), Some(false));
        let with_stack = UrlRegex { stack: Some((32 * 1024, 64 << 20)), ..regex("a") };
        let mut large = Patterns::new(&config(vec![deep.clone(), with_stack]));
        assert_eq!(large.search(&deep, body.as_bytes()), Some(true));
    }
}
