//! Texts of log lines in the source, as an admin looks them up.

/// The texts that these macros are given, each value shown as `…`. Those that are nothing but values
/// are left out: they are said by what they show.
pub fn texts(source: &str, macros: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for name in macros {
        for (place, _) in source.match_indices(name) {
            let arguments = source[place + name.len()..].trim_start();
            if let Some(text) = literal(arguments).map(|text| shown(&text))
                && text.chars().filter(|c| c.is_alphabetic()).count() > 3
            {
                found.push(text);
            }
        }
    }
    found
}

/// The string that stands here, without its escapes.
fn literal(source: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = source.strip_prefix('"')?.chars();
    loop {
        match rest.next()? {
            '"' => return Some(text),
            '\\' => match rest.next()? {
                // The line goes on behind the next line's indentation.
                '\n' => {
                    let behind = rest.as_str().trim_start();
                    rest = behind.chars();
                }
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
}

/// `cannot write {}: {error}` as `cannot write …: …`.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '{' => {
                depth += 1;
                shown.push('…');
            }
            '}' => depth -= 1,
            _ if depth > 0 => {}
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_dots_where_its_values_are() {
        let source = r#"
            log::error!("cannot {what} {:?}: {error}", path);
            log::warn!(
                "one \
                 line"
            );
            log::error!("{error}");
            log::info!("something else");
        "#;
        let texts = texts(source, &["log::error!(", "log::warn!("]);
        assert_eq!(texts, ["cannot … …: …", "one line"]);
    }
}
