use std::collections::BTreeMap;

use super::*;

const ROOT: User = User { uid: 0, gid: 0 };

/// A file system in memory; links are listed with what they lead to.
struct Fake(BTreeMap<&'static str, Fact>, BTreeMap<&'static str, &'static str>);

const fn fact(kind: Kind, uid: u32, gid: u32, mode: u32) -> Fact {
    Fact { kind, uid, gid, mode }
}

/// `/etc/keepalived/notify.sh`, all in order, but for what `change` does.
fn fake(change: impl FnOnce(&mut Fake)) -> Fake {
    let folder = fact(Kind::Folder, 0, 0, 0o755);
    let names = ["/", "/etc", "/etc/keepalived"].map(|name| (name, folder));
    let file = ("/etc/keepalived/notify.sh", fact(Kind::File, 0, 0, 0o755));
    let mut fake = Fake(names.into_iter().chain([file]).collect(), BTreeMap::new());
    change(&mut fake);
    fake
}

impl Facts for Fake {
    fn at(&self, path: &Path) -> io::Result<Fact> {
        let name = path.to_str().unwrap();
        self.0.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn behind(&self, path: &Path) -> io::Result<Fact> {
        let name = path.to_str().unwrap();
        self.at(Path::new(self.1.get(name).copied().unwrap_or(name)))
    }

    fn leads_to(&self, path: &Path) -> io::Result<PathBuf> {
        let name = path.to_str().unwrap();
        self.1.get(name).map(PathBuf::from).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

fn verdict(fake: &Fake, user: User, enforce: bool) -> Result<(), String> {
    let path = Path::new("/etc/keepalived/notify.sh");
    let rules = Rules { enforce, keep_links: false };
    check(path, user, rules, fake).map(|_| ()).map_err(|refusal| refusal.to_string())
}

#[test]
fn a_script_that_only_root_can_change_runs() {
    assert_eq!(verdict(&fake(|_| ()), ROOT, true), Ok(()));
}

#[test]
fn each_weak_component_is_named_with_its_weakness() {
    let cases = [
        ("/etc", fact(Kind::Folder, 33, 0, 0o755), "/etc is owned by uid 33, not by root"),
        ("/etc", fact(Kind::Folder, 0, 8, 0o775), "/etc can be written by group 8"),
        ("/", fact(Kind::Folder, 0, 0, 0o777), "/ can be written by everybody"),
        (
            "/etc/keepalived/notify.sh",
            fact(Kind::File, 0, 0, 0o757),
            "/etc/keepalived/notify.sh can be written by everybody",
        ),
    ];
    for (name, changed, text) in cases {
        let fake = fake(|fake| {
            fake.0.insert(name, changed);
        });
        let expected = format!(
            "Unsafe permissions for script '/etc/keepalived/notify.sh': {text} - disabling."
        );
        assert_eq!(verdict(&fake, ROOT, true), Err(expected));
        assert_eq!(verdict(&fake, ROOT, false), Ok(()), "without enable_script_security: {name}");
        let other = User { uid: 1000, gid: 1000 };
        assert_eq!(verdict(&fake, other, true), Ok(()), "not run as root: {name}");
    }
}

#[test]
fn a_sticky_folder_may_be_written_by_everybody() {
    let sticky = fact(Kind::Folder, 0, 0, 0o1777);
    assert_eq!(
        verdict(
            &fake(|fake| {
                fake.0.insert("/etc", sticky);
            }),
            ROOT,
            true
        ),
        Ok(())
    );
}

/// `/etc/keepalived/notify.sh` leads to `../all/real.sh`, which `/etc/all` leads to `/opt`.
fn linked(change: impl FnOnce(&mut Fake)) -> Fake {
    fake(|fake| {
        let (link, folder) = (fact(Kind::Link, 0, 0, 0o777), fact(Kind::Folder, 0, 0, 0o755));
        fake.0.insert("/opt", folder);
        fake.0.insert("/etc/all", link);
        fake.1.insert("/etc/all", "/opt");
        fake.0.insert("/opt/real.sh", fact(Kind::File, 0, 0, 0o755));
        fake.0.insert("/etc/keepalived/notify.sh", link);
        fake.1.insert("/etc/keepalived/notify.sh", "../all/real.sh");
        change(fake);
    })
}

fn path_to_run(fake: &Fake, enforce: bool, keep_links: bool) -> Result<PathBuf, String> {
    let path = Path::new("/etc/keepalived/notify.sh");
    let behind = |fake: &Fake| fake.0.get("/opt/real.sh").copied();
    assert_eq!(behind(fake).map(|fact| fact.kind), Some(Kind::File));
    check(path, ROOT, Rules { enforce, keep_links }, &Through(fake))
        .map_err(|error| error.to_string())
}

/// The fake file system where the script's link leads to the real one, as the kernel sees it.
struct Through<'a>(&'a Fake);

impl Facts for Through<'_> {
    fn at(&self, path: &Path) -> io::Result<Fact> {
        self.0.at(path)
    }

    fn behind(&self, path: &Path) -> io::Result<Fact> {
        let script = path == Path::new("/etc/keepalived/notify.sh");
        self.0.at(if script { Path::new("/opt/real.sh") } else { path })
    }

    fn leads_to(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.leads_to(path)
    }
}

#[test]
fn a_link_is_replaced_by_what_it_leads_to_unless_it_is_to_be_kept() {
    let fake = linked(|_| ());
    for enforce in [false, true] {
        assert_eq!(path_to_run(&fake, enforce, false), Ok("/opt/real.sh".into()));
        let named = Ok("/etc/keepalived/notify.sh".into());
        assert_eq!(path_to_run(&fake, enforce, true), named);
    }
}

#[test]
fn what_a_link_leads_through_has_to_be_secure_too() {
    for (name, changed, text) in [
        ("/opt", fact(Kind::Folder, 33, 0, 0o755), "/opt is owned by uid 33"),
        ("/opt/real.sh", fact(Kind::File, 0, 8, 0o775), "/opt/real.sh can be written by group 8"),
        ("/etc/all", fact(Kind::Link, 33, 0, 0o777), "/etc/all is owned by uid 33"),
    ] {
        let fake = linked(|fake| {
            fake.0.insert(name, changed);
        });
        for keep_links in [false, true] {
            let refusal = path_to_run(&fake, true, keep_links).unwrap_err();
            assert!(refusal.contains(text), "{refusal}");
            assert!(path_to_run(&fake, false, keep_links).is_ok());
        }
    }
}

#[test]
fn links_in_a_circle_end() {
    let fake = linked(|fake| {
        fake.1.insert("/etc/all", "/etc/all");
    });
    assert!(path_to_run(&fake, true, false).unwrap_err().contains("too many symbolic links"));
}

#[test]
fn a_missing_script_is_keepaliveds_message() {
    let fake = fake(|fake| {
        fake.0.remove("/etc/keepalived/notify.sh");
    });
    let text = verdict(&fake, ROOT, false).unwrap_err();
    assert!(text.starts_with("Script /etc/keepalived/notify.sh cannot be accessed - "), "{text}");
}

#[test]
fn a_script_must_be_executable_for_its_user() {
    let path = "/etc/keepalived/notify.sh";
    let (owner, member, other) =
        (User { uid: 5, gid: 1 }, User { uid: 6, gid: 7 }, User { uid: 8, gid: 9 });
    for (mode, runs) in [
        (0o000, [false, false, false, false]),
        (0o100, [true, true, false, false]),
        (0o010, [true, false, true, false]),
        (0o001, [true, false, false, true]),
    ] {
        let fake = fake(|fake| {
            fake.0.insert(path, fact(Kind::File, 5, 7, mode));
        });
        let verdicts = [ROOT, owner, member, other].map(|user| verdict(&fake, user, false).is_ok());
        assert_eq!(verdicts, runs, "mode {mode:o}");
    }
    let fake = fake(|fake| {
        fake.0.insert(path, fact(Kind::File, 0, 0, 0o644));
    });
    let expected =
        format!("WARNING - script '{path}' is not executable for uid:gid 0:0 - disabling.");
    assert_eq!(verdict(&fake, ROOT, false), Err(expected));
}

#[test]
fn a_bare_name_is_searched_for() {
    let fake = fake(|fake| {
        fake.0.insert("/usr/bin/env", fact(Kind::File, 0, 0, 0o755));
        fake.0.insert("/sbin/env", fact(Kind::File, 0, 0, 0o644));
    });
    let found = find("env", "relative:/sbin:/usr/bin", &fake).unwrap();
    assert_eq!(found, Path::new("/usr/bin/env"), "executable, and in an absolute folder");
    assert!(matches!(find("nothing", "/usr/bin", &fake), Err(Refusal::NotFound { .. })));
    assert_eq!(find("/any/path", "", &fake).unwrap(), Path::new("/any/path"));
}

#[test]
fn the_real_file_system_gives_the_same_facts() {
    assert_eq!(SystemFacts.at(Path::new("/")).unwrap().kind, Kind::Folder);
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    assert_eq!(SystemFacts.at(&link).unwrap().kind, Kind::Link);
    assert_eq!(SystemFacts.behind(&link).unwrap().kind, Kind::Other);
}
