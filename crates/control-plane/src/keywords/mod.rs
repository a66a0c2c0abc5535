//! The one table of keywords. The parser reads it to know what may stand where and what a value
//! must look like; the documentation and the editors' highlighting are made of it.

mod check;
mod effect;
mod entries;
mod global;
mod groups;
mod instance;
mod root;
mod server;
mod split_brain;
mod tracking;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use effect::{Effect, effect, gaps};

/// Where a keyword may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Block {
    /// Outside every block.
    Root,
    /// `global_defs`.
    GlobalDefs,
    /// `track_group`.
    TrackGroup,
    /// `vrrp_sync_group`.
    SyncGroup,
    /// `garp_group`.
    GarpGroup,
    /// `vrrp_instance`.
    Instance,
    /// `authentication` of an instance.
    Authentication,
    /// `auth_hmac` of an instance.
    AuthHmac,
    /// `vrrp_script`.
    Script,
    /// `vrrp_track_process`.
    TrackProcess,
    /// `track_file`, `vrrp_track_file`.
    TrackFile,
    /// `bfd_instance`.
    Bfd,
    /// `vrrp_arbiter`.
    Arbiter,
    /// `SSL`.
    Ssl,
    /// `virtual_server`.
    VirtualServer,
    /// `real_server`.
    RealServer,
    /// `MISC_CHECK`.
    MiscCheck,
    /// `SMTP_CHECK`.
    SmtpCheck,
    /// `host` of an `SMTP_CHECK`.
    SmtpHost,
    /// `TCP_CHECK`.
    TcpCheck,
    /// `PING_CHECK`.
    PingCheck,
    /// `UDP_CHECK`.
    UdpCheck,
    /// `HTTP_GET`.
    HttpGet,
    /// `url` of an `HTTP_GET`.
    HttpUrl,
    /// `SSL_GET`.
    SslGet,
    /// `url` of an `SSL_GET`.
    SslUrl,
    /// `DNS_CHECK`.
    DnsCheck,
    /// `FILE_CHECK`.
    FileCheck,
    /// `BFD_CHECK`.
    BfdCheck,
    /// A line of `virtual_ipaddress` and the like.
    AddressEntry,
    /// A line of `virtual_routes` and the like.
    RouteEntry,
    /// A line of `virtual_rules` and the like.
    RuleEntry,
    /// Anywhere: `include`, definitions, conditions.
    Directive,
}

impl Block {
    /// What a block is called in a message; `None` for what is no block.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Root => "no block at all",
            Self::GlobalDefs => "global_defs",
            Self::TrackGroup => "track_group",
            Self::SyncGroup => "vrrp_sync_group",
            Self::GarpGroup => "garp_group",
            Self::Instance => "vrrp_instance",
            Self::Authentication => "authentication",
            Self::AuthHmac => "auth_hmac",
            Self::Script => "vrrp_script",
            Self::TrackProcess => "vrrp_track_process",
            Self::TrackFile => "track_file",
            Self::Bfd => "bfd_instance",
            Self::Arbiter => "vrrp_arbiter",
            Self::Ssl => "SSL",
            Self::VirtualServer => "virtual_server",
            Self::RealServer => "real_server",
            Self::MiscCheck => "MISC_CHECK",
            Self::SmtpCheck => "SMTP_CHECK",
            Self::SmtpHost => "host of SMTP_CHECK",
            Self::TcpCheck => "TCP_CHECK",
            Self::PingCheck => "PING_CHECK",
            Self::UdpCheck => "UDP_CHECK",
            Self::HttpGet => "HTTP_GET",
            Self::HttpUrl => "url of HTTP_GET",
            Self::SslGet => "SSL_GET",
            Self::SslUrl => "url of SSL_GET",
            Self::DnsCheck => "DNS_CHECK",
            Self::FileCheck => "FILE_CHECK",
            Self::BfdCheck => "BFD_CHECK",
            Self::AddressEntry | Self::RouteEntry | Self::RuleEntry | Self::Directive => {
                return None;
            }
        })
    }
}

/// What stands between a block's keyword and its brace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Nothing; more words are an error.
    None,
    /// Nothing; more words are ignored.
    Any,
    /// One name.
    Name,
    /// Words that the block itself understands.
    Words,
}

impl Head {
    /// Whether words must stand there.
    pub const fn needs_words(self) -> bool {
        matches!(self, Self::Name | Self::Words)
    }
}

/// What a keyword takes. The parser checks it before anybody sees the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing; more words are ignored.
    Flag,
    /// `on true yes off false no`, or nothing for true.
    Bool,
    /// A whole number within these bounds.
    Int(i64, i64),
    /// The same, or nothing.
    OptInt(i64, i64),
    /// A whole number within these bounds, then perhaps `reverse` or `noreverse`.
    Weight(i64, i64),
    /// A decimal number that means a time.
    Time(TimeShape),
    /// One word.
    Word,
    /// One word or nothing.
    OptWord,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words or nothing.
    OptChoice(&'static [&'static str]),
    /// An IPv4 or IPv6 address.
    Address,
    /// A command, then perhaps user and group.
    Script,
    /// The same, or nothing.
    OptScript,
    /// Words that only the keyword itself understands.
    Custom,
    /// A block of keywords.
    Nested(Block, Head),
    /// A block with one entry a line.
    Entries(Head),
    /// A block in which each word is an entry.
    List,
}

/// Bounds of a time and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeShape {
    /// Smallest, microseconds.
    pub min: u64,
    /// Largest, microseconds; `u64::MAX` is no bound.
    pub max: u64,
    /// Microseconds of one unit: 1,000,000 for seconds, 1,000 for milliseconds.
    pub unit: u64,
    /// Digits after the point that keep their meaning.
    pub decimals: u8,
}

/// What happens when a keyword lacks its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing is missing.
    Allowed,
    /// The daemon does not start.
    Fatal,
    /// An error of that text (when it is empty, a later check speaks); the line is ignored.
    Ignored(&'static str),
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    /// The keyword.
    pub name: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// When it has no value.
    pub missing: Missing,
    /// What is said of a bad value, beside what is wrong with it. `{v}` is the value, `{o}` the
    /// name of the block.
    pub invalid: &'static str,
    /// How its value is written, for people.
    pub syntax: &'static str,
    /// Bounds, for people.
    pub range: &'static str,
    /// Default, for people.
    pub default: &'static str,
    /// Unit, for people.
    pub unit: &'static str,
    /// What keepalived says of a keyword that should not be used any more.
    pub deprecated: Option<&'static str>,
    /// The new spelling of a keyword whose old one keepalived takes silently.
    pub renamed: Option<&'static str>,
    /// Aliases and the like.
    pub note: &'static str,
    /// Unknown to keepalived 2.2.
    pub since_2_4: bool,
    /// Unknown to every keepalived.
    pub ours: bool,
    /// The first one counts; a second one is an error.
    pub once: bool,
    /// One sentence.
    pub doc: &'static str,
}

impl Keyword {
    /// Whether the keyword opens a block.
    pub const fn opens_block(&self) -> bool {
        matches!(self.shape, Shape::Nested(..) | Shape::Entries(_) | Shape::List)
    }
}

/// Rows that stand in the same places.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Where.
    pub places: &'static [Block],
    /// The rows.
    pub rows: &'static [Keyword],
}

/// The whole table.
pub static TABLES: &[&Table] = &[
    &root::ROOT,
    &global::GLOBAL,
    &instance::INSTANCE,
    &instance::AUTHENTICATION,
    &instance::AUTH_HMAC,
    &groups::SYNC_GROUP,
    &groups::TRACK_GROUP,
    &groups::GARP_GROUP,
    &tracking::SCRIPT,
    &tracking::TRACK_PROCESS,
    &tracking::TRACK_FILE,
    &tracking::BFD,
    &split_brain::BOTH,
    &split_brain::INSTANCE,
    &split_brain::USES,
    &split_brain::ROOT,
    &split_brain::ARBITER,
    &server::SSL,
    &server::VIRTUAL_SERVER,
    &server::REAL_SERVER,
    &check::CONNECTION,
    &check::RETRIES,
    &check::OLD_RETRIES,
    &check::MISC,
    &check::SMTP,
    &check::UDP,
    &check::HTTP,
    &check::HTTP_ONLY,
    &check::SSL_ONLY,
    &check::URL,
    &check::SSL_URL,
    &check::DNS,
    &check::FILE,
    &check::BFD_CHECK,
    &entries::ADDRESS,
    &entries::ROUTE,
    &entries::RULE,
    &entries::DIRECTIVE,
];

static INDEX: LazyLock<HashMap<(Block, &'static str), &'static Keyword>> =
    LazyLock::new(|| all().map(|(place, row)| ((place, row.name), row)).collect());

/// Every keyword with every place it may stand in.
pub fn all() -> impl Iterator<Item = (Block, &'static Keyword)> {
    TABLES.iter().flat_map(|table| {
        let rows = table.rows;
        table.places.iter().flat_map(move |&place| rows.iter().map(move |row| (place, row)))
    })
}

/// The keyword of that name in that place.
pub fn find(place: Block, name: &str) -> Option<&'static Keyword> {
    INDEX.get(&(place, name)).copied()
}

/// A row with the least that it must say.
const fn row(name: &'static str, shape: Shape) -> Keyword {
    Keyword {
        name,
        shape,
        missing: Missing::Allowed,
        invalid: "",
        syntax: "",
        range: "",
        default: "",
        unit: "",
        deprecated: None,
        renamed: None,
        note: "",
        since_2_4: false,
        ours: false,
        once: false,
        doc: "",
    }
}

/// Seconds, with up to six decimals; bounds in microseconds.
const fn secs(min: u64, max: u64) -> Shape {
    Shape::Time(TimeShape { min, max, unit: 1_000_000, decimals: 6 })
}

/// Seconds, with up to three decimals; bounds in microseconds.
const fn secs3(min: u64, max: u64) -> Shape {
    Shape::Time(TimeShape { min, max, unit: 1_000_000, decimals: 3 })
}

/// Milliseconds, with up to three decimals; bounds in microseconds.
const fn millis(min: u64, max: u64) -> Shape {
    Shape::Time(TimeShape { min, max, unit: 1_000, decimals: 3 })
}

impl Keyword {
    const fn needed(mut self) -> Self {
        self.missing = Missing::Fatal;
        self
    }

    const fn needs(mut self, message: &'static str) -> Self {
        self.missing = Missing::Ignored(message);
        self
    }

    const fn invalid(mut self, message: &'static str) -> Self {
        self.invalid = message;
        self
    }

    const fn syntax(mut self, syntax: &'static str) -> Self {
        self.syntax = syntax;
        self
    }

    const fn range(mut self, range: &'static str) -> Self {
        self.range = range;
        self
    }

    const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    const fn deprecated(mut self, instead: &'static str) -> Self {
        self.deprecated = Some(instead);
        self
    }

    const fn renamed(mut self, to: &'static str) -> Self {
        self.renamed = Some(to);
        self
    }

    const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    const fn since_2_4(mut self) -> Self {
        self.since_2_4 = true;
        self
    }

    const fn ours(mut self) -> Self {
        self.ours = true;
        self
    }

    const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }
}
