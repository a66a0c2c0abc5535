//! Keywords of groups of instances and interfaces.

use super::Shape::{Bool, Entries, Flag, List, Script, Word};
use super::{Block, Head, Table, row, secs};

/// Keywords of `vrrp_sync_group`.
#[rustfmt::skip] // one row a keyword
pub(super) static SYNC_GROUP: Table = Table { places: &[Block::SyncGroup], rows: &[
    row("group", List).syntax("{ INSTANCE ... }").doc("Members of the group."),
    row("track_interface", Entries(Head::None)).syntax("{ IF [weight N [reverse|noreverse]] ... }").default("weight 0 (down = FAULT)").unit("priority points").doc("Interfaces tracked for every member."),
    row("track_script", Entries(Head::None)).syntax("{ SCRIPT [weight N [reverse|noreverse]] ... }").default("script's own weight").unit("priority points").doc("Scripts tracked for every member."),
    row("track_file", Entries(Head::None)).syntax("{ FILE [weight N [reverse|noreverse]] ... }").default("file's own weight").unit("priority points").doc("Files tracked for every member."),
    row("track_process", Entries(Head::None)).syntax("{ PROC [weight N [reverse|noreverse]] ... }").default("process's own weight").unit("priority points").doc("Processes tracked for every member."),
    row("track_bfd", Entries(Head::None)).syntax("{ BFD [weight N [reverse|noreverse]] ... }").default("bfd_instance's own weight").unit("priority points").doc("BFD sessions tracked for every member."),
    row("notify_backup", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run when the group becomes BACKUP; no arguments added."),
    row("notify_master", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run when the group becomes MASTER."),
    row("notify_fault", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run when the group enters FAULT."),
    row("notify_stop", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run when keepalived stops."),
    row("notify", Script).needed().syntax("SCRIPT [USER [GROUP]]").once().doc("Run on any change with arguments GROUP name STATE 0 appended."),
    row("smtp_alert", Bool).invalid("Invalid vrrp_group smtp_alert parameter {v}").syntax("[BOOL]").default("smtp_alert_vrrp, smtp_alert, else false").doc("Mail on group changes."),
    row("global_tracking", Flag).deprecated("({o}) global_tracking is deprecated. Use track_interface/script/file on the sync group").doc("Treated as sync_group_tracking_weight."),
    row("sync_group_tracking_weight", Flag).doc("Keep tracker weights of members; otherwise weighted trackers act as FAULT triggers."),
    row("notify_priority_changes", Bool).invalid("({o}) Invalid value '{v}' for sync group notify_priority_changes specified").syntax("[BOOL]").default("vrrp_notify_priority_changes").doc("Emit priority change events of members to FIFOs."),
] };

/// Keywords of `track_group`.
#[rustfmt::skip] // one row a keyword
pub(super) static TRACK_GROUP: Table = Table { places: &[Block::TrackGroup], rows: &[
    row("group", List).syntax("{ INSTANCE ... }").doc("Members of the group."),
] };

/// Keywords of `garp_group`.
#[rustfmt::skip] // one row a keyword
pub(super) static GARP_GROUP: Table = Table { places: &[Block::GarpGroup], rows: &[
    row("garp_interval", secs(0, 4294967295)).needed().syntax("SECS").range("decimal 0..4294.967295").unit("s").doc("Gap between gratuitous ARPs for this group."),
    row("gna_interval", secs(0, 4294967295)).needed().syntax("SECS").range("decimal 0..4294.967295").unit("s").doc("Gap between unsolicited NAs for this group."),
    row("interface", Word).needed().invalid("WARNING - interface {v} specified for garp_group doesn't exist").syntax("IF").doc("Gives the limits to one interface."),
    row("interfaces", List).syntax("{ IF ... }").doc("Interfaces sharing one common limit."),
] };
