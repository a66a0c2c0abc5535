//! Real scripts. No test harness: it has threads, and a process with threads must not fork.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use control_plane::model::{Command, ScriptSecurity, ScriptUser};
use notify::{Findings, Launcher, StartError};
use sys::{Child, Exit, Signal};

fn main() {
    if !sys::process::is_root() {
        skips::skip(skips::Lack::Setup, "needs root");
        return;
    }
    if std::env::var_os("SEEN").is_none() {
        run_again_with_variables();
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    a_script_runs_as_its_user_in_the_promised_environment(folder.path());
    a_script_that_cannot_be_executed_ends_with_127(folder.path());
    a_hanging_script_and_its_children_are_ended_as_a_group(folder.path());
    a_bare_name_is_found_and_the_hint_given_once();
    an_unknown_user_disables_a_script();
    an_insecure_script_is_refused_once_and_disabled_then(folder.path());
    a_script_that_waits_is_known_over_two_reloads(folder.path());
    println!("7 script tests passed");
}

/// Runs this program with variables that a script must not see, one that it must, and a descriptor
/// that would not close on exec by itself. Ends as that does.
fn run_again_with_variables() -> ! {
    let mut again = std::process::Command::new("/bin/sh");
    again.args(["-c", "exec 9< /dev/null; exec \"$0\""]).arg(std::env::current_exe().unwrap());
    again.env("LD_LIBRARY_PATH", "/nowhere").env("IFS", "x").env("SEEN", "yes");
    std::process::exit(again.status().unwrap().code().unwrap_or(1))
}

fn write(folder: &Path, name: &str, text: &str, mode: u32) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn command(program: &str, args: &[&str]) -> Command {
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    Command { program: program.to_owned(), args, user: None }
}

fn launcher() -> Launcher {
    let root = ScriptUser { user: "root".to_owned(), group: None };
    Launcher::new(ScriptSecurity { user: Some(root), ..ScriptSecurity::default() }, 0o177)
}

/// Its end, within ten seconds.
fn wait(child: &Child) -> Exit {
    for _ in 0..2_000 {
        if let Some(exit) = child.try_wait().unwrap() {
            return exit;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the script did not end")
}

fn a_script_runs_as_its_user_in_the_promised_environment(folder: &Path) {
    let out = folder.join("out");
    let script = "#!/bin/sh
exec > $1 2> /dev/null
echo \"args:$#:$2:$3\"
echo \"id:$(id -u):$(id -g):$(id -G)\"
echo \"hidden:${LD_LIBRARY_PATH-none}:${LD_PRELOAD-none} seen:$SEEN\"
echo \"stdin:$(readlink /proc/$$/fd/0)\"
echo \"umask:$(umask)\"
echo \"group:$(cut -d' ' -f5 /proc/$$/stat):$$\"
echo \"fds: $(ls /proc/$$/fd | tr '\\n' ' ')\"
grep -E 'SigBlk|SigIgn' /proc/self/status
exit 7
";
    let program = write(folder, "report.sh", script, 0o755);
    let user = ScriptUser { user: "60123".to_owned(), group: Some("60124".to_owned()) };
    let args = [out.to_str().unwrap(), "two words", "*"];
    let command = Command { user: Some(user), ..command(&program, &args) };
    let child = launcher().start(&command).unwrap();
    assert_eq!(wait(&child), Exit::Status(7));
    let report = fs::read_to_string(&out).unwrap();
    let line = |name: &str| report.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert_eq!(line("args"), "args:3:two words:*");
    assert_eq!(line("id"), "id:60123:60124:60124", "no supplementary group");
    assert_eq!(line("hidden"), "hidden:none:none seen:yes");
    assert_eq!(line("stdin"), "stdin:/dev/null");
    assert_eq!(line("umask"), "umask:0177");
    let group = line("group");
    let numbers: Vec<_> = group.split(':').collect();
    assert_eq!(numbers[1], numbers[2], "a process group of its own");
    let signals = |name: &str| {
        let line = line(name);
        u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap()
    };
    assert_eq!(signals("SigBlk"), 0, "blocked");
    // 32 and 33 are the C library's own; it lets nobody touch them.
    assert_eq!(signals("SigIgn") & !0x1_8000_0000, 0, "ignored");
    assert!(Path::new("/proc/self/fd/9").exists(), "open here");
    assert!(!line("fds").contains(" 9 "), "{}", line("fds"));
}

fn a_script_that_cannot_be_executed_ends_with_127(folder: &Path) {
    let program = write(folder, "broken.sh", "#!/no/such/interpreter\n", 0o755);
    let child = launcher().start(&command(&program, &[])).unwrap();
    assert_eq!(wait(&child), Exit::Status(sys::spawn::NOT_EXECUTED));
}

fn a_hanging_script_and_its_children_are_ended_as_a_group(folder: &Path) {
    let pid_file = folder.join("pid");
    let program = write(
        folder,
        "hang.sh",
        "#!/bin/sh\nsleep 600 &\necho $! > $1.new\nmv $1.new $1\nwait\n",
        0o755,
    );
    // With all groups of its user, as `set_supplementary_groups` wants it.
    let mut launcher = Launcher::new(all_groups(), 0o022);
    let child = launcher.start(&command(&program, &[pid_file.to_str().unwrap()])).unwrap();
    let grandchild = read_when_there(&pid_file);
    child.signal_group(Signal::TERM).unwrap();
    assert_eq!(wait(&child), Exit::Signal(Signal::TERM));
    let proc = format!("/proc/{}/stat", grandchild.trim());
    let is_over = || fs::read_to_string(&proc).map_or(true, |stat| stat.contains(") Z "));
    for _ in 0..2_000 {
        if is_over() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the script's child {grandchild} still runs");
}

fn all_groups() -> ScriptSecurity {
    let root = ScriptUser { user: "root".to_owned(), group: None };
    ScriptSecurity { user: Some(root), supplementary_groups: true, ..ScriptSecurity::default() }
}

fn read_when_there(path: &Path) -> String {
    for _ in 0..2_000 {
        if let Ok(text) = fs::read_to_string(path) {
            return text;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} was not written", path.display())
}

fn a_bare_name_is_found_and_the_hint_given_once() {
    let mut launcher = launcher();
    let hint = launcher.prepare(&command("true", &[])).unwrap().unwrap();
    assert!(hint.starts_with("WARNING - script `true` resolved by path search to `/"), "{hint}");
    assert!(hint.ends_with("bin/true`. Please specify full path."), "{hint}");
    assert_eq!(launcher.prepare(&command("true", &["other"])).unwrap(), None);
    let child = launcher.start(&command("true", &[])).unwrap();
    assert_eq!(wait(&child), Exit::Status(0));
}

fn an_unknown_user_disables_a_script() {
    let mut launcher = launcher();
    let user = Some(ScriptUser { user: "no-such-user".to_owned(), group: None });
    let command = Command { user, ..command("/usr/bin/true", &[]) };
    let error = launcher.prepare(&command).unwrap_err().to_string();
    assert_eq!(error, "script '/usr/bin/true': user 'no-such-user' does not exist - disabling.");
    assert!(matches!(launcher.start(&command), Err(StartError::Disabled(_))));
}

fn an_insecure_script_is_refused_once_and_disabled_then(folder: &Path) {
    let program = write(folder, "insecure.sh", "#!/bin/sh\n", 0o755);
    let security = ScriptSecurity { enforce: true, ..all_groups() };
    let mut launcher = Launcher::new(security, 0o022);
    let refused = launcher.start(&command(&program, &[])).unwrap_err();
    let text = refused.to_string();
    // The folder is ours, and everybody may write to it.
    let expected = format!("{} can be written by everybody", folder.display());
    assert!(text.contains(&expected), "{text}");
    let again = launcher.start(&command(&program, &[])).unwrap_err();
    assert!(matches!(again, StartError::Disabled(_)), "{again}");
}

/// With these rules it would be refused, if it were looked up.
fn a_script_that_waits_is_known_over_two_reloads(folder: &Path) {
    let program = write(folder, "waits.sh", "#!/bin/sh\n", 0o755);
    let script = command(&program, &["x"]);
    let strict = || ScriptSecurity { enforce: true, ..all_groups() };
    let reload = |launcher: &mut Launcher, waiting: &[Command]| {
        launcher.follow(strict(), 0o022, Findings::default(), waiting);
    };
    let mut launcher = launcher();
    launcher.prepare(&script).unwrap();
    for _ in 0..3 {
        reload(&mut launcher, &[command(&program, &["y"]), command("/other", &[])]);
        assert_eq!(wait(&launcher.start(&script).unwrap()), Exit::Status(0));
    }
    // When it waits no longer, it is of the configuration before this one at most.
    reload(&mut launcher, &[]);
    assert!(matches!(launcher.start(&script), Err(StartError::Refused(_))));
}
