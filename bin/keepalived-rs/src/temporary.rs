//! Where files go whose place nobody has named: dumps, the log files of `-g`.

use std::ffi::OsString;
use std::path::PathBuf;

/// `TMPDIR` if that is the absolute path of a directory, else `/tmp`.
pub(crate) fn directory() -> PathBuf {
    usable(std::env::var_os("TMPDIR"))
}

fn usable(named: Option<OsString>) -> PathBuf {
    let named = named.map(PathBuf::from);
    let usable = named.filter(|path| path.is_absolute() && path.is_dir());
    usable.unwrap_or_else(|| PathBuf::from("/tmp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_absolute_path_of_a_directory_is_taken() {
        let of = |named: &str| usable(Some(named.into())).display().to_string();
        assert_eq!(of("/usr"), "/usr");
        // Tests run in the directory of their crate.
        for named in ["src", ".", "", "/usr/no/such/directory", "/etc/passwd"] {
            assert_eq!(of(named), "/tmp", "{named}");
        }
        assert_eq!(usable(None), PathBuf::from("/tmp"));
    }
}
