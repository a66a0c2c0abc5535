//! The command line as guides and scripts write it.

use logging::Facility;

use super::*;

fn run(args: &[&str]) -> Options {
    match parse(args) {
        Ok(Action::Run(options) | Action::Test(options) | Action::Plan(options)) => options,
        other => panic!("{other:?}"),
    }
}

#[test]
fn options_are_read_as_guides_write_them() {
    let options = run(&["-D", "-d", "-S", "0"]);
    assert_eq!((options.log_detail, options.facility), (1, Facility::Local(0)));
    assert!(options.dump_config);
    let options = run(&["-nlDf/tmp/x", "--vrrp_pid=/a", "--checkers_pid", "/b"]);
    assert!(options.foreground && options.log_console);
    assert_eq!(options.config, PathBuf::from("/tmp/x"));
    assert_eq!(options.vrrp_pid_file, Some("/a".into()));
    assert_eq!(options.checkers_pid_file, Some("/b".into()));
}

#[test]
fn vrrp_leaves_out_the_checkers_and_check_leaves_out_vrrp() {
    let options = run(&["--vrrp"]);
    assert!(options.run_vrrp && !options.run_checkers);
    let options = run(&["-C"]);
    assert!(!options.run_vrrp && options.run_checkers);
}

#[test]
fn a_long_name_may_be_shortened_while_it_is_unambiguous() {
    assert!(run(&["--dont-f"]).foreground);
    assert_eq!(parse(["--dont"]), Err("Unknown option --dont".into()));
}

#[test]
fn the_value_of_the_configuration_test_must_be_attached() {
    assert_eq!(run(&["-t/tmp/log"]).test_log, Some("/tmp/log".into()));
    assert_eq!(run(&["--config-test=/tmp/log"]).test_log, Some("/tmp/log".into()));
    let options = run(&["-t", "-f", "x"]);
    assert_eq!((options.test_log, options.config), (None, "x".into()));
}

#[test]
fn errors_have_keepaliveds_words() {
    assert_eq!(parse(["-z"]), Err("Unknown option -z".into()));
    assert_eq!(parse(["--zz"]), Err("Unknown option --zz".into()));
    for word in ["--zz=3", "--vrrp=3", "--vrr=3", "--dont=3", "--vrrp=", "--version=3"] {
        assert_eq!(parse([word]), Err(format!("Unknown option {word}")));
    }
    assert_eq!(parse(["-P=3"]), Err("Unknown option -=".into()));
    assert_eq!(parse(["-f"]), Err("Missing parameter for option -f".into()));
    assert_eq!(parse(["--pid="]), Err("Missing parameter for option --pid".into()));
    assert_eq!(parse(["--signum=NO"]), Err("Unknown sigfunc NO".into()));
}

#[test]
fn further_words_are_kept_and_do_not_stop_the_start() {
    assert_eq!(run(&["-n", "start", "now"]).unexpected, ["start", "now"]);
}

#[test]
fn every_option_stands_in_the_help_text_once() {
    let text = help();
    for flag in FLAGS {
        let name = format!("--{}", flag.long);
        let ends =
            |line: &&str| line.starts_with(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
        assert_eq!(text.split(&name).skip(1).filter(ends).count(), 1, "{name}");
    }
}

#[test]
fn no_two_options_share_a_letter_or_a_name() {
    for (n, one) in FLAGS.iter().enumerate() {
        for other in &FLAGS[n + 1..] {
            assert_ne!(one.long, other.long);
            assert!(one.short.is_none() || one.short != other.short, "{}", one.long);
        }
    }
}
#[test]
fn every_signal_has_its_number() {
    let numbers =
        ["STOP", "RELOAD", "DATA", "STATS", "STATS_CLEAR", "JSON"].map(|name| {
            match parse([format!("--signum={name}")]) {
                Ok(Action::Answer(number)) => number,
                other => panic!("{other:?}"),
            }
        });
    assert_eq!(numbers, ["15", "1", "10", "12", "63", "36"]);
    assert_eq!(parse(["--signum=data"]), Err("Unknown sigfunc data".into()));
}

#[test]
fn a_umask_is_octal_hexadecimal_or_decimal_and_a_wrong_one_is_left_out() {
    let masks = ["022", "0x12", "18", "zz", "01777"].map(|text| run(&["-u", text]).umask);
    assert_eq!(masks, [Some(18), Some(18), Some(18), None, None]);
}

#[test]
fn a_core_pattern_asks_for_core_dumps_too() {
    let options = run(&["-M"]);
    assert!(options.core_dumps);
    assert_eq!(options.core_pattern.as_deref(), Some("core"));
    assert_eq!(run(&["-M/tmp/core.%p"]).core_pattern.as_deref(), Some("/tmp/core.%p"));
    assert_eq!(run(&["-m"]).core_pattern, None);
}

#[test]
fn a_log_file_has_a_default_name() {
    let file = |arguments: &[&str]| run(arguments).log_file;
    assert_eq!(file(&["-g"]), Some(crate::temporary::directory().join("keepalived.log")));
    assert_eq!(file(&["-g/tmp/x"]), Some("/tmp/x".into()));
    assert_eq!(file(&["--log-file=/tmp/x", "--flush-log-file"]), Some("/tmp/x".into()));
    assert_eq!(file(&[]), None);
}

/// The manual page lives in `docs`; this table is what the program does.
#[test]
fn every_option_stands_in_the_manual_page_as_the_help_text_has_it() {
    let page = include_str!("../../../../docs/keepalived-rs.8");
    for flag in FLAGS {
        let synopsis = flag.synopsis().replace('-', "\\-");
        let wanted = format!(".TP\n.B {synopsis}\n{}", flag.doc.replace('-', "\\-"));
        assert!(page.contains(&wanted), "the page lacks:\n{wanted}");
    }
    let options = page.split(".SH ").find(|part| part.starts_with("OPTIONS")).unwrap_or_default();
    assert_eq!(options.matches(".TP\n.B ").count(), FLAGS.len());
}

#[test]
fn names_of_files_mean_the_directory_of_the_start_wherever_the_daemon_is() {
    let mut options = run(&["-ga.log", "-fa.conf", "-p", "a.pid", "-r/b.pid"]);
    options.make_absolute_in("/srv".as_ref());
    let named = [&options.log_file, &options.pid_file, &options.vrrp_pid_file];
    let paths = named.map(|file| file.as_deref().and_then(std::path::Path::to_str));
    assert_eq!(paths, [Some("/srv/a.log"), Some("/srv/a.pid"), Some("/b.pid")]);
    assert_eq!(options.config, PathBuf::from("/srv/a.conf"));
    options.make_absolute_in("/".as_ref());
    assert_eq!(options.log_file, Some("/srv/a.log".into()), "the former program's is kept");
}
