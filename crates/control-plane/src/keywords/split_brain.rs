//! Keywords against split brain. keepalived does not know them.

use super::Shape::{Custom, Entries, Int, Nested, OptChoice, OptWord, Script};
use super::{Block, Head, Table, row, secs};

/// Defaults of every instance, and an instance's own.
#[rustfmt::skip] // one row a keyword
pub(super) static BOTH: Table = Table { places: &[Block::GlobalDefs, Block::Instance], rows: &[
    row("vip_lease", OptWord).ours().syntax("[SECONDS|auto|off]").range("integer 1..3600, at least two advert intervals").default("off; alone it is auto: the part of the down time that no skew adds, in whole seconds").unit("s").doc("The kernel removes the addresses of a master from which no advert has left for that long."),
    row("conflict_detection", OptChoice(&["off", "report", "yield", "insist"])).ours().invalid("({o}) invalid conflict_detection {v} specified").syntax("[off|report|yield|insist]").default("off; alone it is report").doc("Watch for another node that answers for an address of ours, and what to do about it."),
] };

/// Keywords of `vrrp_instance`.
#[rustfmt::skip] // one row a keyword
pub(super) static INSTANCE: Table = Table { places: &[Block::Instance], rows: &[
    row("heartbeat", Entries(Head::None)).ours().syntax("{ interface IF | unicast SRC DST [dev IF] ... }").default("none").doc("More paths by which adverts leave and are heard; any of them keeps the peace."),
    row("notify_split_brain", Script).ours().needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run when another node holds an address of ours, or another master is heard; no arguments added."),
] };

/// Keywords of instances and groups.
#[rustfmt::skip] // one row a keyword
pub(super) static USES: Table = Table { places: &[Block::Instance, Block::SyncGroup], rows: &[
    row("arbiter", Custom).ours().needs("({o}) arbiter needs the name of a vrrp_arbiter").syntax("NAME [yield|keep]").range("a vrrp_arbiter").default("none; yield").doc("Ask these witnesses before taking over because nobody is heard; what a master does that hears nobody and loses them."),
    row("track_probe", Entries(Head::None)).ours().syntax("{ ARBITER [weight N [reverse|noreverse]] ... }").default("weight 0: FAULT while the witnesses cannot be reached").unit("priority points").doc("Witnesses of a vrrp_arbiter whose reachability affects this instance."),
] };

/// The block of its own.
#[rustfmt::skip] // one row a keyword
pub(super) static ROOT: Table = Table { places: &[Block::Root], rows: &[
    row("vrrp_arbiter", Nested(Block::Arbiter, Head::Name)).ours().needed().syntax("NAME { ... }").doc("Witnesses that are probed without a script."),
] };

/// Keywords of `vrrp_arbiter`.
#[rustfmt::skip] // one row a keyword
pub(super) static ARBITER: Table = Table { places: &[Block::Arbiter], rows: &[
    row("ping", Custom).ours().needs("({o}) ping needs an address").syntax("ADDR").doc("A witness that answers an ICMP echo request."),
    row("arp", Custom).ours().needs("({o}) arp needs an address and an interface").syntax("ADDR dev IF").doc("A witness on the link that answers ARP."),
    row("tcp", Custom).ours().needs("({o}) tcp needs an address and a port").syntax("ADDR PORT").doc("A witness that accepts a TCP connection."),
    row("http", Custom).ours().needs("({o}) http needs an address and a port").syntax("ADDR PORT [PATH]").default("path /").doc("A witness whose web server answers with a status below 400."),
    row("interval", secs(100_000, 3_600_000_000)).ours().needed().syntax("SECS").range("decimal 0.1..3600").default("1").unit("s").doc("From one round of probes to the next."),
    row("timeout", secs(50_000, 3_600_000_000)).ours().needed().syntax("SECS").range("decimal 0.05..3600, at most the interval").default("interval").unit("s").doc("How long an answer may take."),
    row("rise", Int(1, 1000)).ours().needed().syntax("N").range("integer 1..1000").default("1").unit("rounds").doc("Good rounds until a witness counts as reachable."),
    row("fall", Int(1, 1000)).ours().needed().syntax("N").range("integer 1..1000").default("2").unit("rounds").doc("Bad rounds until a witness counts as lost."),
    row("quorum", Int(1, 64)).ours().needed().syntax("N").range("integer 1..64, at most the number of witnesses").default("1").unit("witnesses").doc("So many witnesses have to be reachable."),
] };
