//! Completions of bash, zsh and fish, made of the option table. They lie in `conf/completions` and
//! are compared with it; `UPDATE_DOCS=1 cargo test -p keepalived-rs` writes them anew.

use super::table::{FLAGS, Flag, Value};

/// The names that the program may be called by.
const NAMES: [&str; 2] = ["keepalived-rs", "keepalived"];

/// What a shell can offer as the value of an option.
enum Offer {
    Nothing,
    Files,
    /// One of these.
    Words(Vec<&'static str>),
    /// What this command prints.
    Command(&'static str),
}

fn offer(flag: &Flag) -> Offer {
    let name = match flag.value {
        Value::None => return Offer::Nothing,
        Value::Required(name) | Value::Attached(name) => name,
    };
    match (flag.long, name) {
        (_, "FILE" | "LOGFILE") => Offer::Files,
        ("signum", _) => {
            let names = flag.doc.split_once(": ").map_or("", |(_, names)| names);
            Offer::Words(names.split(", ").collect())
        }
        ("log-facility", _) => Offer::Words(vec![
            "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7", "user",
            "daemon",
        ]),
        ("namespace", _) => Offer::Command("ip netns list 2>/dev/null | cut -d' ' -f1"),
        _ => Offer::Nothing,
    }
}

/// `-f --use-file`, only with what takes a value in the next word.
fn spellings(flag: &Flag, separator: &str) -> String {
    let long = format!("--{}", flag.long);
    match flag.short {
        Some(short) => format!("-{short}{separator}{long}"),
        None => long,
    }
}

/// Of bash.
fn bash() -> String {
    let words: Vec<String> = FLAGS.iter().map(|flag| spellings(flag, " ")).collect();
    let mut cases = String::new();
    for flag in FLAGS.iter().filter(|flag| matches!(flag.value, Value::Required(_))) {
        let reply = match offer(flag) {
            Offer::Nothing => "return".to_owned(),
            Offer::Files => "COMPREPLY=($(compgen -f -- \"$word\")); return".to_owned(),
            Offer::Words(words) => {
                format!("COMPREPLY=($(compgen -W '{}' -- \"$word\")); return", words.join(" "))
            }
            Offer::Command(command) => {
                format!("COMPREPLY=($(compgen -W \"$({command})\" -- \"$word\")); return")
            }
        };
        cases.push_str(&format!("        {}) {reply} ;;\n", spellings(flag, "|")));
    }
    format!(
        "# Completion of {NAMES} for bash; made of the option table, see CONTRIBUTING.md.\n\
         _keepalived_rs() {{\n\
         \x20   local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}\n\
         \x20   # bash takes `--option=value` for three words.\n\
         \x20   [ \"$previous\" != = ] || previous=${{COMP_WORDS[COMP_CWORD-2]}}\n\
         \x20   [ \"$word\" != = ] || {{ previous=${{COMP_WORDS[COMP_CWORD-1]}}; word=; }}\n\
         \x20   case $previous in\n\
         {cases}\
         \x20   esac\n\
         \x20   COMPREPLY=($(compgen -W '{words}' -- \"$word\"))\n\
         }}\n\
         complete -F _keepalived_rs {NAMES}\n",
        NAMES = NAMES.join(" "),
        words = words.join(" "),
    )
}

/// Of zsh.
fn zsh() -> String {
    let mut rows = String::new();
    for flag in FLAGS {
        let doc = flag.doc.replace('\'', "'\\''").replace('[', "\\[").replace(']', "\\]");
        let doc = doc.replace(':', "\\:");
        let action = match offer(flag) {
            Offer::Nothing => String::new(),
            Offer::Files => "_files".to_owned(),
            Offer::Words(words) => format!("({})", words.join(" ")),
            Offer::Command(command) => {
                format!("{{compadd -- $({command})}}").replace('\'', "'\\''")
            }
        };
        // How the value follows: `-f VALUE` and `-fVALUE`, `--file=VALUE` and `--file VALUE`.
        let shown = |name: &str| name.to_lowercase().replace('|', " ");
        let (short, long, value) = match flag.value {
            Value::None => ("", "", String::new()),
            Value::Required(name) => ("+", "=", format!(":{}:{action}", shown(name))),
            Value::Attached(name) => ("-", "=-", format!("::{}:{action}", shown(name))),
        };
        let long = format!("'--{}{long}[{doc}]{value}'", flag.long);
        if let Some(letter) = flag.short {
            rows.push_str(&format!("    '-{letter}{short}[{doc}]{value}' \\\n"));
        }
        rows.push_str(&format!("    {long} \\\n"));
    }
    format!(
        "#compdef {}\n\
         # Made of the option table, see CONTRIBUTING.md.\n\
         _arguments -s \\\n{rows}    '*:: :'\n",
        NAMES.join(" ")
    )
}

/// Of fish, which finds completions by the name of the command.
fn fish(name: &str) -> String {
    let mut text = String::from("# Made of the option table, see CONTRIBUTING.md.\n");
    text.push_str(&format!("complete -c {name} -f\n"));
    for flag in FLAGS {
        let short = flag.short.map(|short| format!(" -s {short}")).unwrap_or_default();
        let value = match (offer(flag), flag.value) {
            (_, Value::None) => String::new(),
            (Offer::Nothing, Value::Required(_)) => " -x".to_owned(),
            (Offer::Nothing, Value::Attached(_)) => String::new(),
            (Offer::Files, Value::Required(_)) => " -r -F".to_owned(),
            (Offer::Files, Value::Attached(_)) => " -F".to_owned(),
            (Offer::Words(words), _) => format!(" -x -a '{}'", words.join(" ")),
            (Offer::Command(command), _) => format!(" -x -a \"({command})\""),
        };
        let doc = flag.doc.replace('\'', "\\'");
        let long = flag.long;
        text.push_str(&format!("complete -c {name}{short} -l {long}{value} -d '{doc}'\n"));
    }
    text
}

#[test]
fn the_completions_offer_what_the_table_has() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf/completions");
    for (file, text) in [
        ("keepalived-rs.bash", bash()),
        ("_keepalived-rs", zsh()),
        ("keepalived-rs.fish", fish("keepalived-rs")),
        ("keepalived.fish", fish("keepalived")),
    ] {
        let path = format!("{folder}/{file}");
        let mut written = std::fs::read_to_string(&path).unwrap_or_default();
        if written != text && std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &text).unwrap();
            written.clone_from(&text);
        }
        assert_eq!(written, text, "{path}: UPDATE_DOCS=1 cargo test -p keepalived-rs");
    }
}

/// bash itself completes words with the file that is installed.
#[test]
fn bash_completes_options_and_their_values() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf/completions/keepalived-rs.bash");
    let complete = |words: &[&str]| {
        let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let program = format!(
            "source {script}; COMP_WORDS=({line}); COMP_CWORD={}; _keepalived_rs; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.len() - 1
        );
        let output = std::process::Command::new("bash").args(["-c", &program]).output();
        String::from_utf8(output.unwrap().stdout).unwrap().lines().map(str::to_owned).collect()
    };
    let seen: Vec<String> = complete(&["keepalived", "--use"]);
    assert_eq!(seen, ["--use-file"]);
    let seen: Vec<String> = complete(&["keepalived", "--signum", "ST"]);
    assert_eq!(seen, ["STOP", "STATS", "STATS_CLEAR"]);
    let seen: Vec<String> = complete(&["keepalived", "--signum", "=", "J"]);
    assert_eq!(seen, ["JSON"]);
    let seen: Vec<String> = complete(&["keepalived", "-f", "/etc/host"]);
    assert!(seen.contains(&"/etc/hostname".to_owned()), "{seen:?}");
}

/// What a shell reads of a word between quotes.
fn unquoted(words: &str) -> String {
    let program = format!("printf %s {words}");
    let output = std::process::Command::new("sh").args(["-c", &program]).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

/// The commands inside the files, run where `ip` knows two namespaces: what they print is offered.
#[test]
fn the_commands_inside_the_completions_name_the_namespaces() {
    let ip = "ip() { [ \"$*\" = 'netns list' ] && printf 'red (id: 0)\\nblue\\n'; }";
    let offered = |shell: &str, program: &str| {
        let mut command = std::process::Command::new(shell);
        let output = command.args(["-c", &format!("{ip}; {program}")]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{program}");
        String::from_utf8(output.stdout).unwrap()
    };
    let conf = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf/completions");
    let text = |file: &str| std::fs::read_to_string(format!("{conf}/{file}")).unwrap();

    let program = format!(
        "source {conf}/keepalived-rs.bash; COMP_WORDS=(keepalived -s ''); COMP_CWORD=2; \
         _keepalived_rs; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    assert_eq!(offered("bash", &program), "red\nblue\n");

    // `-s[doc]:name:{command}`, `--namespace=` the same.
    let zsh = text("_keepalived-rs");
    let rows: Vec<&str> = zsh.lines().filter(|line| line.contains("compadd")).collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    for row in rows {
        let spec = unquoted(row.trim().trim_end_matches('\\'));
        let (_, action) = spec.split_once(":name:").unwrap();
        let action = action.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap();
        let program = format!("compadd() {{ shift; printf '%s\\n' \"$@\"; }}; {action}");
        assert_eq!(offered("sh", &program), "red\nblue\n", "{row}");
    }

    for file in ["keepalived-rs.fish", "keepalived.fish"] {
        let fish = text(file);
        let row = fish.lines().find(|line| line.contains("-l namespace")).unwrap();
        let (_, command) = row.split_once("-a \"(").unwrap();
        let (command, _) = command.split_once(")\"").unwrap();
        assert_eq!(offered("sh", command), "red\nblue\n", "{row}");
    }
}

/// Where zsh and fish are, they read their files without a complaint. Nothing installs them for this.
#[test]
fn the_shells_that_are_here_can_read_their_completions() {
    let conf = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf/completions");
    for (shell, file) in [
        ("bash", "keepalived-rs.bash"),
        ("zsh", "_keepalived-rs"),
        ("fish", "keepalived-rs.fish"),
        ("fish", "keepalived.fish"),
    ] {
        let mut command = std::process::Command::new(shell);
        let Ok(output) = command.args(["-n", &format!("{conf}/{file}")]).output() else {
            println!("no {shell}: {file} is not read");
            assert_ne!(shell, "bash");
            continue;
        };
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{file}");
    }
}
