//! keepalived-rs: the only binary. The command line decides what this process is: a configuration
//! test, or the parent that forks the others.
//!
//! - `cli`: the command line, one table
//! - `config_test`, `plan`: what a start or a reload would do
//! - `watchdog`: the parent process
//! - `trial`: whether this binary could take over from a running one
//! - `vrrp`, `checkers`: the children; each turns outputs of its machine into system calls
//! - `kind`, `parent`: what parent and children know of each other
//! - `genhash`: the tool that computes digests
//! - `scripts`: those that a child runs
//! - `privilege`: the capabilities of each process
//! - `scheduling`: priorities and processors of a child
//! - `mail`: alerts, and the process that sends them; `log_file`: the process that writes log files
//! - `temporary`: where files go whose place nobody has named
//! - `crash`: what a panic becomes
//! - `watched`: a process that was started, or none
//! - `convergence`: how far the kernel is from what a machine wants

mod buffers;
mod checkers;
mod cli;
mod config_test;
mod configuration;
mod convergence;
mod crash;
mod fifos;
mod genhash;
mod ipvs_place;
mod kind;
mod lateness;
mod log_file;
mod log_setup;
mod looked_up;
mod mail;
mod names;
mod parent;
mod plan;
mod privilege;
mod scheduling;
mod scripts;
mod temporary;
mod trial;
mod usage;
mod version;
mod vrrp;
mod watchdog;
mod watched;

fn main() {
    crash::abort_on_panic();
    let status = status();
    log_setup::finish();
    std::process::exit(status);
}

fn status() -> i32 {
    let arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == mail::HELPER) {
        return mail::run_helper();
    }
    if std::env::args_os().nth(1).is_some_and(|first| first == log_file::WRITER) {
        return log_file::run(std::env::args_os().nth(2).map(Into::into));
    }
    if let Some(descriptors) = trial::asked(&arguments) {
        return trial::run(descriptors, arguments);
    }
    if genhash::is_name(arguments.first()) {
        return genhash::run("genhash", arguments.into_iter().skip(1));
    }
    match cli::parse(arguments.into_iter().skip(1)) {
        Ok(cli::Action::Run(options)) => watchdog::run(options),
        Ok(cli::Action::Test(options)) => config_test::run(&options),
        Ok(cli::Action::Plan(options)) => plan::run(&options),
        Ok(cli::Action::Genhash(rest)) => genhash::run("keepalived --genhash", rest),
        Ok(cli::Action::Print(text)) => {
            eprint!("{text}");
            0
        }
        Ok(cli::Action::Answer(text)) => {
            println!("{text}");
            0
        }
        Err(text) => {
            eprintln!("{text}");
            1
        }
    }
}
