//! The whole way from a macro to standard error, in a process of its own.

use std::process::Command;

use logging::{Detail, Options};

/// Set in the process that only logs.
const ROLE: &str = "LOGGING_TEST_ROLE";

#[test]
fn lines_of_the_chosen_detail_go_to_standard_error() {
    if std::env::var_os(ROLE).is_some() {
        let options = || Options {
            console: true,
            syslog: None,
            file: None,
            detail: Detail::Detailed,
            identity: "Keepalived".to_owned(),
        };
        logging::init(options()).unwrap();
        log::info!("(VI_1) Entering {} STATE", "MASTER");
        log::debug!("what -D adds");
        log::trace!("what a second -D adds");
        assert!(logging::init(options()).is_err(), "a second logger");
        assert_eq!(logging::lost(), 0);
        return;
    }
    let this = std::env::current_exe().unwrap();
    let mut logging = Command::new(this);
    logging.args(["--exact", "lines_of_the_chosen_detail_go_to_standard_error"]).env(ROLE, "1");
    let output = logging.env_remove("RUST_LOG").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    // `Fri Nov 20 06:11:37 2026: `
    let (stamp, first) = lines[0].split_once(": ").unwrap();
    assert_eq!(first, "(VI_1) Entering MASTER STATE");
    assert_eq!(stamp.len(), 24, "{stamp}");
    assert!(lines[1].ends_with(": what -D adds"), "{text}");
}
