//! Which processes a `vrrp_track_process` means.

use control_plane::model::tracking::{ParamMatch, TrackProcess};

/// Bytes of a program's name that the kernel keeps.
const COMM: usize = 15;

/// A process as `/proc` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// Its name, at most 15 bytes.
    pub(super) comm: Vec<u8>,
    /// When it was started, in ticks since the boot: with its number it is unique.
    pub(super) started: u64,
    /// It has ended, and nobody has collected it.
    pub(super) is_over: bool,
}

impl Process {
    /// Reads `/proc/PID/stat`.
    pub(super) fn parse(stat: &[u8]) -> Option<Self> {
        // The name may hold blanks and parentheses itself.
        let open = stat.iter().position(|byte| *byte == b'(')?;
        let close = stat.iter().rposition(|byte| *byte == b')')?;
        let comm = stat.get(open + 1..close)?.to_vec();
        let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
        let mut words = rest.split_ascii_whitespace();
        let is_over = matches!(words.next()?, "Z" | "X" | "x");
        // The state is the 3rd field of the file, the start the 22nd.
        let started = words.nth(18)?.parse().ok()?;
        Some(Self { comm, started, is_over })
    }
}

/// Whether the command line is needed to tell.
pub(super) fn wants_command_line(config: &TrackProcess) -> bool {
    config.full_command || config.param_match.is_some()
}

/// Whether a process is meant. `words` is its command line, empty for a kernel thread and where
/// nobody [wants](wants_command_line) it.
pub(super) fn matches(config: &TrackProcess, process: &Process, words: &[&[u8]]) -> bool {
    let Some((program, parameters)) = config.process.split_first() else { return false };
    let program = program.as_bytes();
    let same_program = if config.full_command {
        words.first().is_some_and(|first| *first == program)
    } else {
        process.comm == program.get(..COMM).unwrap_or(program)
    };
    same_program
        && !process.is_over
        && config.param_match.is_none_or(|how| {
            let theirs = words.get(1..).unwrap_or_default();
            parameters_match(how, parameters, theirs)
        })
}

fn parameters_match(how: ParamMatch, ours: &[String], theirs: &[&[u8]]) -> bool {
    let same = |ours: &[String]| {
        theirs.len() >= ours.len()
            && ours.iter().zip(theirs).all(|(ours, theirs)| ours.as_bytes() == *theirs)
    };
    match how {
        ParamMatch::Exact => theirs.len() == ours.len() && same(ours),
        ParamMatch::Initial => same(ours),
        ParamMatch::Partial => match ours.split_last() {
            None => true,
            Some((last, first)) => {
                let begins = |word: &&[u8]| word.starts_with(last.as_bytes());
                same(first) && theirs.get(first.len()).is_some_and(begins)
            }
        },
    }
}

/// The words of `/proc/PID/cmdline`.
pub(super) fn words(command_line: &[u8]) -> Vec<&[u8]> {
    let text = command_line.strip_suffix(b"\0").unwrap_or(command_line);
    if text.is_empty() { Vec::new() } else { text.split(|byte| *byte == 0).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracked(words: &[&str]) -> TrackProcess {
        let process = words.iter().map(|word| (*word).to_owned()).collect();
        TrackProcess { process, ..TrackProcess::new("p".to_owned()) }
    }

    const STAT: &[u8] = b"1234 (a (b) c) S 1 1234 1234 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 \
        98765 1000 100 18446744073709551615";

    #[test]
    fn a_name_with_blanks_and_parentheses_is_read_whole() {
        let process = Process::parse(STAT).unwrap();
        assert_eq!(process.comm, b"a (b) c");
        assert_eq!((process.started, process.is_over), (98765, false));
        assert_eq!(Process::parse(b"1234 (a"), None);
        assert_eq!(Process::parse(b""), None);
    }

    #[test]
    fn a_process_that_has_ended_does_not_count() {
        let text = String::from_utf8_lossy(STAT).replace(") S", ") Z");
        let process = Process::parse(text.as_bytes()).unwrap();
        assert!(!matches(&tracked(&["a (b) c"]), &process, &[]));
    }

    fn process(comm: &str) -> Process {
        Process { comm: comm.as_bytes().to_vec(), started: 0, is_over: false }
    }

    #[test]
    fn a_long_name_is_compared_as_far_as_the_kernel_keeps_it() {
        let config = tracked(&["a-very-long-program"]);
        assert!(matches(&config, &process("a-very-long-pro"), &[]));
        assert!(!matches(&config, &process("a-very-long"), &[]));
    }

    #[test]
    fn with_full_command_the_first_word_of_the_command_line_counts() {
        let mut config = tracked(&["/usr/sbin/nginx"]);
        config.full_command = true;
        let words: [&[u8]; 2] = [b"/usr/sbin/nginx", b"-g"];
        assert!(matches(&config, &process("nginx"), &words));
        assert!(!matches(&config, &process("nginx"), &[]), "a kernel thread has none");
    }

    #[test]
    fn parameters_are_compared_as_asked_for() {
        let has = |how: Option<ParamMatch>, ours: &[&str], theirs: &[&[u8]]| {
            let ours = [&["p"], ours].concat();
            let mut config = tracked(&ours);
            config.param_match = how;
            matches(&config, &process("p"), &[&[b"p".as_slice()], theirs].concat())
        };
        let [exact, initial, partial] =
            [ParamMatch::Exact, ParamMatch::Initial, ParamMatch::Partial].map(Some);
        assert!(has(None, &["-a"], &[b"-b"]), "they do not matter");
        assert!(has(exact, &["-a"], &[b"-a"]));
        assert!(has(exact, &[], &[]));
        assert!(!has(exact, &["-a"], &[b"-a", b"-b"]));
        assert!(!has(exact, &["-a", "-b"], &[b"-a"]));
        assert!(has(initial, &["-a"], &[b"-a", b"-b"]));
        assert!(!has(initial, &["-a"], &[b"-ab"]));
        assert!(has(partial, &["-a", "-b"], &[b"-a", b"-bc", b"-d"]));
        assert!(!has(partial, &["-a", "-b"], &[b"-ax", b"-bc"]));
        assert!(!has(partial, &["-a"], &[]));
    }

    #[test]
    fn a_command_line_is_split_at_its_zero_bytes() {
        assert_eq!(words(b"a\0\0b\0"), [b"a".as_slice(), b"", b"b"]);
        assert!(words(b"").is_empty());
    }
}
