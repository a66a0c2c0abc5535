//! What `-v` prints, and the lines by which a log begins.

use std::ffi::OsString;
use std::fs;

/// The keepalived that this one stands in for.
pub(crate) const KEEPALIVED: &str = "v2.4.3";

/// Our own version.
pub(crate) const OURS: &str = env!("CARGO_PKG_VERSION");

/// What of keepalived's build options is here, by its names.
const CONFIG_OPTIONS: &str = "NFTABLES LVS REGEX VRRP VRRP_AUTH VRRP_VMAC JSON OLD_CHKSUM_COMPAT LOG_FILE \
                              INIT=systemd SYSTEMD_NOTIFY";

/// What of the kernel is used, by the same names.
const SYSTEM_OPTIONS: &str = "MEMFD_CREATE IPVS_DEST_ATTR_ADDR_FAMILY IPVS_SYNCD_ATTRIBUTES IPVS_64BIT_STATS \
                              IPVS_TUN_TYPE IPVS_TUN_CSUM IPVS_TUN_GRE VRRP_IPVLAN SO_MARK";

/// Columns of a line of the command line in the log.
const COLUMNS: usize = 80;

/// The first line is keepalived's, because monitoring reads the version from it; so is the order.
pub(crate) fn text() -> String {
    let mut text = format!(
        "Keepalived {KEEPALIVED} (keepalived-rs {OURS})\n\n\
         Copyright(C) 2026 the keepalived-rs authors; MIT OR Apache-2.0\n\
         keepalived-rs {OURS}, a drop-in replacement of keepalived {KEEPALIVED}\n\n\
         Built without kernel headers, with the kernel interfaces of the crate libc\n\
         Running on {}\n",
        kernel()
    );
    if let Some(name) = distribution(&fs::read_to_string("/etc/os-release").unwrap_or_default()) {
        text.push_str(&format!("Distro: {name}\n"));
    }
    text.push_str(&format!(
        "\nconfigure options: --enable-json --enable-log-file --enable-regex --disable-snmp \
         --disable-dbus --disable-bfd\n\n\
         Config options:  {CONFIG_OPTIONS}\n\n\
         System options:  {SYSTEM_OPTIONS}\n"
    ));
    text
}

/// `Linux 6.1.176 #1 Sat Jul  4 15:38:16 UTC 2026`.
pub(crate) fn kernel() -> String {
    let of = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        text.trim().to_owned()
    };
    format!("{} {} {}", of("ostype"), of("osrelease"), of("version"))
}

/// `PRETTY_NAME` of os-release(5).
fn distribution(os_release: &str) -> Option<String> {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches(['"', '\'']).to_owned())
}

/// The command line in quotes, in lines of [`COLUMNS`].
pub(crate) fn command_line(words: impl Iterator<Item = OsString>) -> Vec<String> {
    let mut lines = vec!["Command line:".to_owned()];
    for word in words {
        let word = format!("'{}'", word.to_string_lossy());
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= COLUMNS || line.ends_with(':') => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(format!("{:14}{word}", "")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_the_lines_that_tools_read() {
        let text = text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("Keepalived v2.4.3 ("), "{text}");
        let at = |start: &str| lines.iter().position(|line| line.starts_with(start));
        let order = [
            "Copyright(C) ",
            "Built with",
            "Running on Linux ",
            "configure options: ",
            "Config options: ",
            "System options: ",
        ];
        let places: Vec<usize> = order.iter().filter_map(|start| at(start)).collect();
        assert!(places.len() == order.len() && places.is_sorted(), "{text}");
        assert!(text.contains(" --enable-json"), "{text}");
    }

    #[test]
    fn a_distribution_has_its_pretty_name() {
        let text = "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(distribution(text).as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(distribution(""), None);
    }

    /// As keepalived 2.4.3 wrote them.
    #[test]
    fn a_command_line_is_quoted_and_wrapped() {
        let of = |text: &str| command_line(text.split(' ').map(OsString::from)).join("\n");
        assert_eq!(
            of("/usr/sbin/keepalived -n -l -D -G -f /run/kdemo/keepalived.conf"),
            "Command line: '/usr/sbin/keepalived' '-n' '-l' '-D' '-G' '-f'\n              \
             '/run/kdemo/keepalived.conf'"
        );
        assert_eq!(
            of("keepalived -n -l -D -G -f n4.conf -p d4/p -r d4/r -c d4/c -b d4/b"),
            "Command line: 'keepalived' '-n' '-l' '-D' '-G' '-f' 'n4.conf' '-p' 'd4/p' '-r'\n\
             \x20             'd4/r' '-c' 'd4/c' '-b' 'd4/b'"
        );
    }
}
