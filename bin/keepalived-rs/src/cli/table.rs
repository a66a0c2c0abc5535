//! Every option there is: one row each, from which the parser, the help text and the test of the
//! manual page are made.

use std::ffi::OsString;

use logging::Facility;

use super::Options;
use crate::log_file;

/// Whether an option takes a value, and what it is called in the help text.
#[derive(Clone, Copy)]
pub(super) enum Value {
    None,
    Required(&'static str),
    /// Only attached: `-tFILE`, `--config-test=FILE`.
    Attached(&'static str),
}

/// What an option does.
#[derive(Clone, Copy)]
pub(super) enum Effect {
    Set(fn(&mut Options)),
    /// An error is what keepalived prints before it leaves with status 1.
    Take(fn(&mut Options, OsString) -> Result<(), String>),
    Test,
    Plan,
    Version,
    Help,
    Genhash,
    SignalNumber,
}

/// One option.
pub(super) struct Flag {
    pub(super) short: Option<char>,
    pub(super) long: &'static str,
    pub(super) value: Value,
    pub(super) doc: &'static str,
    pub(super) effect: Effect,
}

impl Flag {
    /// `-f, --use-file=FILE`.
    pub(super) fn synopsis(&self) -> String {
        let short = self.short.map(|c| format!("-{c}, ")).unwrap_or_default();
        let value = match self.value {
            Value::None => String::new(),
            Value::Required(name) => format!("={name}"),
            Value::Attached(name) => format!("[={name}]"),
        };
        format!("{short}--{}{value}", self.long)
    }
}

const fn flag(short: char, long: &'static str, doc: &'static str, set: fn(&mut Options)) -> Flag {
    Flag { short: Some(short), long, value: Value::None, doc, effect: Effect::Set(set) }
}

const fn long(long: &'static str, doc: &'static str, set: fn(&mut Options)) -> Flag {
    Flag { short: None, long, value: Value::None, doc, effect: Effect::Set(set) }
}

const fn taking(
    short: char,
    long: &'static str,
    value: Value,
    doc: &'static str,
    take: fn(&mut Options, OsString) -> Result<(), String>,
) -> Flag {
    Flag { short: Some(short), long, value, doc, effect: Effect::Take(take) }
}

const fn other(
    short: Option<char>,
    long: &'static str,
    value: Value,
    doc: &'static str,
    effect: Effect,
) -> Flag {
    Flag { short, long, value, doc, effect }
}

const FILE: Value = Value::Required("FILE");

/// Every option there is, in keepalived's order.
pub(super) const FLAGS: &[Flag] = &[
    taking('f', "use-file", FILE, "Use this configuration file", |o, v| {
        o.config = v.into();
        Ok(())
    }),
    flag('P', "vrrp", "Only run the VRRP stack", |o| o.run_checkers = false),
    flag('C', "check", "Only run the health checkers", |o| o.run_vrrp = false),
    flag('B', "no_bfd", "Do not run BFD instances (none are run yet)", |_| ()),
    long("all", "Start every enabled process even if it has nothing configured", |o| {
        o.run_all = true;
    }),
    flag('l', "log-console", "Log to the console too", |o| o.log_console = true),
    flag('D', "log-detail", "More log lines; twice: even more", |o| {
        o.log_detail = o.log_detail.saturating_add(1);
    }),
    taking(
        'S',
        "log-facility",
        Value::Required("0-7|local0-local7|user|daemon"),
        "syslog facility, default daemon",
        facility,
    ),
    flag('G', "no-syslog", "Do not log to syslog", |o| o.no_syslog = true),
    taking(
        'g',
        "log-file",
        Value::Attached("FILE"),
        "Log to this file too, each process to one of its own; default keepalived.log in $TMPDIR",
        |o, v| {
            let default = v.is_empty();
            o.log_file = Some(if default { log_file::default_file() } else { v.into() });
            Ok(())
        },
    ),
    long(
        "flush-log-file",
        "Every line is written to its file at once, with or without this",
        |_| (),
    ),
    taking('u', "umask", Value::Required("MASK"), "Mask for the mode of new files", umask),
    flag('X', "release-vips", "Remove addresses on leaving MASTER; always so here", |_| ()),
    flag('V', "dont-release-vrrp", "Leave addresses in place at the end", |o| {
        o.keep_addresses = true;
    }),
    flag('I', "dont-release-ipvs", "Leave the IPVS table in place at the end", |o| {
        o.keep_ipvs = true;
    }),
    flag('R', "dont-respawn", "End when a process dies instead of starting it again", |o| {
        o.dont_respawn = true;
    }),
    flag('n', "dont-fork", "Stay in the foreground", |o| o.foreground = true),
    flag('d', "dump-conf", "Log the configuration at the start", |o| o.dump_config = true),
    taking('p', "pid", FILE, "PID file of the parent", |o, v| {
        o.pid_file = Some(v.into());
        Ok(())
    }),
    taking('r', "vrrp_pid", FILE, "PID file of the VRRP process", |o, v| {
        o.vrrp_pid_file = Some(v.into());
        Ok(())
    }),
    taking('c', "checkers_pid", FILE, "PID file of the checker process", |o, v| {
        o.checkers_pid_file = Some(v.into());
        Ok(())
    }),
    taking('b', "bfd_pid", FILE, "PID file of the BFD process (none is run yet)", |_, _| Ok(())),
    flag('a', "address-monitoring", "Log every address that comes or goes on this host", |o| {
        o.watch_addresses = true;
    }),
    flag('x', "snmp", "No effect: there is no SNMP agent yet", |o| {
        o.without_effect.push("--snmp: there is no SNMP agent yet");
    }),
    taking(
        'A',
        "snmp-agent-socket",
        Value::Required("ADDRESS"),
        "No effect: there is no SNMP agent yet",
        |o, _| {
            o.without_effect.push("--snmp-agent-socket: there is no SNMP agent yet");
            Ok(())
        },
    ),
    taking('s', "namespace", Value::Required("NAME"), "Run in this network namespace", |o, v| {
        o.namespace = Some(v.to_string_lossy().into_owned());
        Ok(())
    }),
    flag('m', "core-dump", "Allow core dumps", |o| o.core_dumps = true),
    taking(
        'M',
        "core-dump-pattern",
        Value::Attached("PATTERN"),
        "Allow core dumps and set the kernel's core pattern, default core",
        |o, v| {
            o.core_dumps = true;
            let pattern = v.to_string_lossy().into_owned();
            o.core_pattern = Some(if pattern.is_empty() { "core".into() } else { pattern });
            Ok(())
        },
    ),
    flag('e', "all-config", "All include checks on", |o| o.all_include_checks = true),
    long(
        "any-interface",
        "Do not ask whether the interfaces exist here: the file is of another machine",
        |o| o.any_interface = true,
    ),
    taking(
        'i',
        "config-id",
        Value::Required("ID"),
        "Value that @ID lines of the configuration ask for",
        |o, v| {
            o.config_id = Some(v.to_string_lossy().into_owned());
            Ok(())
        },
    ),
    long(
        "ignore-sigint",
        "Do not end on SIGINT, nor replace a process that hangs: for debuggers",
        |o| {
            o.ignore_sigint = true;
        },
    ),
    other(
        None,
        "signum",
        Value::Required("NAME"),
        "Print the number of the signal: STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON, UPGRADE",
        Effect::SignalNumber,
    ),
    other(
        Some('t'),
        "config-test",
        Value::Attached("LOGFILE"),
        "Test the configuration and leave",
        Effect::Test,
    ),
    other(
        None,
        "plan",
        Value::None,
        "Print what a reload would change in the running daemon, and leave",
        Effect::Plan,
    ),
    other(
        Some('T'),
        "genhash",
        Value::None,
        "Be genhash: the rest of the line is its own",
        Effect::Genhash,
    ),
    other(Some('v'), "version", Value::None, "Print the version", Effect::Version),
    other(Some('h'), "help", Value::None, "Print this text", Effect::Help),
];

/// keepalived says what is wrong with a facility and goes on with the default.
fn facility(options: &mut Options, value: OsString) -> Result<(), String> {
    match value.to_str().and_then(Facility::from_name) {
        Some(facility) => options.facility = facility,
        None => {
            options.wrong_value = true;
            eprintln!("Invalid log facility '{}'", value.to_string_lossy());
        }
    }
    Ok(())
}

/// Octal with a leading 0, `0x` hexadecimal, else decimal; as with a facility, a wrong one is said
/// and left out.
fn umask(options: &mut Options, value: OsString) -> Result<(), String> {
    let text = value.to_string_lossy();
    let number = if let Some(hex) = text.strip_prefix("0x") {
        u32::from_str_radix(hex, 16)
    } else if text.starts_with('0') {
        u32::from_str_radix(&text, 8)
    } else {
        text.parse()
    };
    match number {
        Ok(mask) if mask <= 0o777 => options.umask = Some(mask),
        _ => eprintln!("Invalid --umask option {text}"),
    }
    Ok(())
}

/// The help text.
pub(super) fn help() -> String {
    let mut text = String::from("Usage: keepalived-rs [OPTION...]\n");
    for flag in FLAGS {
        let indent = if flag.short.is_some() { "  " } else { "      " };
        let left = format!("{indent}{}", flag.synopsis());
        text.push_str(&format!("{left:<32} {}\n", flag.doc));
    }
    text
}
