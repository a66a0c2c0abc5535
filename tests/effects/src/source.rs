//! What a test consists of: its body, what is said above it, and the constants and helpers of its file
//! that it names.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Text of the test `name` in `file` (formatted as rustfmt does), with all that it names in that file, and
/// theirs; `None` when there is no such test.
pub(crate) fn of_test(file: &str, name: &str) -> Option<String> {
    let items = items(file);
    let mut text = items.get(name).filter(|item| item.contains(&format!("fn {name}(")))?.clone();
    let mut known = BTreeSet::from([name]);
    let mut waiting = VecDeque::from([text.clone()]);
    while let Some(item) = waiting.pop_front() {
        for word in item.split(|one: char| !is_of_name(one)) {
            let Some((name, item)) = items.get_key_value(word) else { continue };
            if known.insert(name) {
                text.push_str(item);
                waiting.push_back(item.clone());
            }
        }
    }
    Some(text)
}

/// Whether `word` stands in `text` as a word of its own, or after the escape of a line's end.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let ends = |rest: &str| !rest.chars().next().is_some_and(is_of_keyword);
    let begins = |before: &str| {
        before.ends_with("\\n")
            || before.ends_with("\\t")
            || !before.chars().next_back().is_some_and(is_of_keyword)
    };
    text.match_indices(word).any(|(at, _)| begins(&text[..at]) && ends(&text[at + word.len()..]))
}

fn is_of_name(one: char) -> bool {
    one.is_alphanumeric() || one == '_'
}

fn is_of_keyword(one: char) -> bool {
    is_of_name(one) || one == '-'
}

/// Functions, constants and macros by their names, with their text. Some of one name are one.
fn items(file: &str) -> BTreeMap<&str, String> {
    let mut items: BTreeMap<&str, String> = BTreeMap::new();
    let lines: Vec<&str> = file.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let start = line.trim_start();
        let indent = &line[..line.len() - start.len()];
        let Some((name, is_function)) = head(start) else { continue };
        let is_last = |line: &&&str| {
            let closes = line.strip_prefix(indent).is_some_and(|rest| rest == "}");
            if is_function { closes } else { line.ends_with(';') }
        };
        let many = lines[at..].iter().position(|line| is_last(&line)).map_or(1, |last| last + 1);
        let is_above = |line: &&&str| line.trim_start().starts_with(['/', '#']);
        let above = lines[..at].iter().rev().take_while(is_above).count();
        let text = lines[at - above..at + many].join("\n");
        items.entry(name).or_default().push_str(&text);
    }
    items
}

/// The name of an item that begins with this line, and whether its end is a brace.
fn head(line: &str) -> Option<(&str, bool)> {
    let line =
        line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")).unwrap_or(line);
    let line = line.strip_prefix("const fn ").map_or(line, |_| &line["const ".len()..]);
    let rest = |word: &str| line.strip_prefix(word);
    let (rest, is_function) = rest("fn ")
        .or_else(|| rest("macro_rules! "))
        .map(|rest| (rest, true))
        .or_else(|| Some((rest("const ").or_else(|| rest("static "))?, false)))?;
    let end = rest.find(|one| !is_of_name(one)).unwrap_or(rest.len());
    Some((&rest[..end], is_function))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "const A: &str = \"global_defs {
    router_id x
}
\";
const B: &str = \"state_dump_file y\";

fn helper(text: &str) -> String {
    text.to_owned() + A
}

mod tests {
    #[test]
    fn one() {
        helper(\"debug\\nsmtp_alert\");
    }

    /// `notify_fifo`.
    #[test]
    fn other() {
        drop(B);
    }
}
";

    #[test]
    fn a_test_is_its_body_and_what_it_names() {
        let one = of_test(FILE, "one").unwrap();
        for word in ["debug", "smtp_alert", "router_id"] {
            assert!(has_word(&one, word), "{word}");
        }
        assert!(!has_word(&one, "state_dump_file"), "that of another test");
        assert!(!has_word(&one, "notify_fifo"), "what is said of another one");
        let other = of_test(FILE, "other").unwrap();
        assert!(has_word(&other, "state_dump_file") && has_word(&other, "notify_fifo"));
        assert_eq!(of_test(FILE, "A"), None);
        assert_eq!(of_test(FILE, "none"), None);
    }

    #[test]
    fn a_part_of_a_word_is_none() {
        assert!(!has_word("use_vmac_addr", "use_vmac"));
        assert!(!has_word("vmac_addr", "addr"));
        assert!(!has_word("ttl-propagate", "ttl"));
        assert!(has_word("a\\nuse_vmac\\n", "use_vmac"));
    }
}
