//! What `-v` prints.

/// The keepalived that this one stands in for.
pub(crate) const KEEPALIVED: &str = "v2.4.3";

/// Our own version.
pub(crate) const OURS: &str = env!("CARGO_PKG_VERSION");

/// The first line is keepalived's, because monitoring reads the version from it.
pub(crate) fn text() -> String {
    format!(
        "Keepalived {KEEPALIVED} (keepalived-rs {OURS})\n\n\
         keepalived-rs {OURS}, a drop-in replacement of keepalived {KEEPALIVED}\n\
         configure options: --enable-json\n"
    )
}
