//! `make install` of a program that was built, into a folder of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use lab::{Program, command};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What every installation has, below its prefix.
const FILES: [&str; 15] = [
    "bin/genhash",
    "sbin/keepalived",
    "share/bash-completion/completions/keepalived",
    "share/doc/keepalived-rs/differences.md",
    "share/doc/keepalived-rs/keepalived.default",
    "share/doc/keepalived-rs/keepalived.logrotate",
    "share/doc/keepalived-rs/log-lines.md",
    "share/doc/keepalived-rs/operations.md",
    "share/doc/keepalived-rs/samples/single-master.conf",
    "share/doc/keepalived-rs/split-brain.md",
    "share/fish/vendor_completions.d/keepalived.fish",
    "share/man/man1/genhash.1",
    "share/man/man5/keepalived-rs.conf.5",
    "share/man/man8/keepalived-rs.8",
    "share/zsh/site-functions/_keepalived-rs",
];

pub(crate) fn install(directory: &Path, init: &str) {
    let mut make = Command::new("make");
    make.args(["--no-print-directory", "-C", WORKSPACE, "install-files", "PREFIX=/opt/ka"]);
    make.arg(format!("DESTDIR={}", directory.display())).arg(format!("INIT={init}"));
    make.arg(format!("PROGRAM={}", Program::ours().path().display()));
    command::output(make, "");
}

/// The files below `folder`, by their paths from there.
fn files(folder: &Path) -> Vec<String> {
    let mut find = Command::new("find");
    find.arg(folder).args(["-not", "-type", "d", "-printf", "%P\\n"]);
    let mut files: Vec<String> = command::output(find, "").lines().map(str::to_owned).collect();
    files.sort();
    files
}

#[test]
fn an_installation_is_complete_for_each_kind_of_init() {
    for (init, services) in [
        (
            "systemd",
            &[
                "opt/ka/lib/systemd/system/keepalived.service",
                "opt/ka/lib/systemd/system/keepalived-unprivileged.service",
                "opt/ka/lib/sysusers.d/keepalived-rs.conf",
            ][..],
        ),
        ("sysv", &["etc/init.d/keepalived"][..]),
        ("openrc", &["etc/init.d/keepalived"][..]),
    ] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        install(directory.path(), init);
        let found = files(directory.path());
        for file in FILES.map(|file| format!("opt/ka/{file}")) {
            assert!(found.contains(&file), "{init}: {file} is missing in {found:#?}");
        }
        let extra = found.iter().filter(|file| file.contains("lib/") || file.contains("init.d"));
        let mut services: Vec<&str> = services.to_vec();
        services.sort_unstable();
        assert_eq!(extra.collect::<Vec<_>>(), services, "{init}");
        for service in services {
            let text = fs::read_to_string(directory.path().join(service)).expect("a text");
            assert!(!text.contains("@PREFIX@"), "{service}");
        }
        assert!(directory.path().join("etc/keepalived").is_dir());
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    install(directory.path(), "systemd");
    let mut genhash = Command::new(directory.path().join("opt/ka/bin/genhash"));
    genhash.arg("-h");
    let help = command::run(genhash, "");
    assert!((help.stdout + &help.stderr).contains("--use-ssl"), "genhash is the tool by its name");
}

/// What a shell would only find when it runs.
#[test]
fn the_scripts_of_services_and_packages_are_shell() {
    let conf = Path::new(WORKSPACE).join("conf");
    let scripts = ["keepalived.init", "keepalived.openrc", "keepalived.default"];
    let of_debian = ["postinst", "prerm", "postrm"].map(|name| format!("debian/{name}"));
    for script in scripts.iter().map(|name| (*name).to_owned()).chain(of_debian) {
        let mut sh = Command::new("sh");
        sh.arg("-n").arg(conf.join(&script));
        let finished = command::run(sh, "");
        assert!(finished.status.success(), "{script}: {}", finished.stderr);
    }
}
