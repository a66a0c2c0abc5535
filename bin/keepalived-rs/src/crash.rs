//! A panic is a crash like any other: named in the log, wherever that goes, and then SIGABRT. So it has a
//! core where those are allowed, and the parent sees what it is, which an exit status would not tell.

use std::panic::{PanicHookInfo, set_hook, take_hook};

/// So long may the last line take.
const LOG_SECONDS: u32 = 2;

/// Makes it so from here on, in this process and in those that it forks.
pub(crate) fn abort_on_panic() {
    let to_standard_error = take_hook();
    set_hook(Box::new(move |panic| {
        // Where the log itself is what fails, its lock is never free again.
        sys::signal::end_after(LOG_SECONDS);
        to_standard_error(panic);
        // Standard error of a daemon is the null device.
        log::error!("{}", line(panic));
        logging::flush();
        std::process::abort();
    }));
}

fn line(panic: &PanicHookInfo<'_>) -> String {
    let what = panic.payload_as_str().unwrap_or("without words").replace('\n', " ");
    let place = panic.location().map(|place| format!(", {place}")).unwrap_or_default();
    format!("This process has a mistake and ends: {what}{place}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    /// Says to this program that it is the process that panics.
    const VICTIM: &str = "KEEPALIVED_RS_TEST_PANIC";

    #[test]
    fn a_panic_is_in_the_log_and_ends_in_sigabrt() {
        if std::env::var_os(VICTIM).is_some() {
            let options = logging::Options {
                console: true,
                syslog: None,
                file: None,
                detail: logging::Detail::Normal,
                identity: String::new(),
            };
            logging::init(options).unwrap();
            abort_on_panic();
            panic!("two\nlines");
        }
        let own = std::env::current_exe().unwrap();
        let name = "crash::tests::a_panic_is_in_the_log_and_ends_in_sigabrt";
        let mut victim = Command::new(own);
        victim.args(["--exact", name, "--nocapture"]).env(VICTIM, "1").env("RUST_BACKTRACE", "0");
        let ended = victim.output().unwrap();
        assert_eq!(ended.status.signal(), Some(6));
        let said = String::from_utf8_lossy(&ended.stderr);
        let line = "This process has a mistake and ends: two lines, ";
        assert!(said.lines().any(|it| it.contains(line) && it.contains("crash.rs:")), "{said}");
    }
}
