//! Words of a line.

use std::ops::Range;

/// A word of an ordinary keyword.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    /// Without its quotes.
    pub text: &'a str,
    /// Where it stands in the text of the line, with its quotes.
    pub span: Range<usize>,
}

/// What a line is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A word.
    Word(Word<'a>),
    /// `{`.
    Open(usize),
    /// `}`.
    Close(usize),
    /// A `"` that nothing closes; what follows it belongs to no word.
    Unterminated(usize),
}

/// Takes a line apart. `"` opens a word even in the middle of another, and only the next `"` ends
/// it; braces stand for themselves outside of quotes. `${NAME}`, when it is left over because
/// nobody defined it, keeps its braces.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let blanks = text[at..].bytes().take_while(|byte| is_blank(*byte)).count();
        at += blanks;
        let start = at;
        let first = *text.as_bytes().get(at)?;
        match first {
            b'{' => {
                at += 1;
                Some(Token::Open(start))
            }
            b'}' => {
                at += 1;
                Some(Token::Close(start))
            }
            b'"' => match text[start + 1..].find('"') {
                Some(length) => {
                    at = start + 1 + length + 1;
                    let text = &text[start + 1..start + 1 + length];
                    Some(Token::Word(Word { text, span: start..at }))
                }
                None => {
                    at = text.len();
                    Some(Token::Unterminated(start))
                }
            },
            _ => {
                at += plain_word(&text[start..]);
                Some(Token::Word(Word { text: &text[start..at], span: start..at }))
            }
        }
    })
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// The length of a word without quotes.
fn plain_word(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'$' if bytes.get(at + 1) == Some(&b'{') => match text[at..].find('}') {
                Some(length) => at += length + 1,
                None => at += 1,
            },
            b'"' | b'{' | b'}' => break,
            _ if is_blank(byte) => break,
            _ => at += 1,
        }
    }
    at
}

/// The words of a command: `"` and `'` quote, parts that touch are one word, a backslash escapes
/// (`\n`, `\x41`, `\101`, `\cC`; anything else stands for itself).
pub(crate) fn script_words(text: &str) -> Result<Vec<String>, UnterminatedQuote> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|next| matches!(next, ' ' | '\t' | '\r' | '\n')).is_some() {}
        if chars.peek().is_none() {
            return Ok(words);
        }
        words.push(script_word(&mut chars, true)?);
    }
}

/// The first word of a command line's raw text, and the rest. Escapes are left in place, save
/// that of the quote around it: the first word is the whole command, which is split once more by
/// [`script_words`].
pub(crate) fn first_raw_word(text: &str) -> Result<(String, &str), UnterminatedQuote> {
    let text = text.trim_start();
    let mut chars = text.chars().peekable();
    let word = script_word(&mut chars, false)?;
    let rest: usize = chars.map(char::len_utf8).sum();
    Ok((word, text[text.len() - rest..].trim_start()))
}

/// A quote that nothing closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnterminatedQuote(pub char);

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn script_word(chars: &mut Chars<'_>, escapes: bool) -> Result<String, UnterminatedQuote> {
    let mut word = String::new();
    let mut quote = None;
    while let Some(&next) = chars.peek() {
        match (next, quote) {
            (' ' | '\t' | '\r' | '\n', None) => break,
            ('"' | '\'', None) => quote = Some(next),
            (_, Some(open)) if next == open => quote = None,
            ('\\', _) => {
                chars.next();
                if escapes {
                    word.extend(escape(chars));
                } else if chars.peek().copied() == quote {
                    word.extend(chars.next());
                } else {
                    word.push('\\');
                    word.extend(chars.next());
                }
                continue;
            }
            _ => word.push(next),
        }
        chars.next();
    }
    quote.map_or(Ok(word), |open| Err(UnterminatedQuote(open)))
}

/// What follows a backslash.
fn escape(chars: &mut Chars<'_>) -> Option<char> {
    let code = chars.next()?;
    Some(match code {
        'a' => '\x07',
        'b' => '\x08',
        'E' => '\x1b',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        'x' => digits(chars, 16, 2, 0).unwrap_or('x'),
        'c' => {
            let control = chars.next()?;
            char::from(u8::try_from(control).ok()? & 0x1f)
        }
        '0'..='7' => digits(chars, 8, 2, code.to_digit(8)?)?,
        other => other,
    })
}

/// Up to `most` further digits after those that made `value`; `None` when there are none at all.
fn digits(chars: &mut Chars<'_>, radix: u32, most: usize, value: u32) -> Option<char> {
    let (mut value, mut count) = (value, 0);
    while count < most {
        let Some(digit) = chars.peek().and_then(|next| next.to_digit(radix)) else { break };
        value = value * radix + digit;
        chars.next();
        count += 1;
    }
    if count == 0 && radix == 16 {
        return None;
    }
    u8::try_from(value & 0xff).ok().map(char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        tokens(line)
            .map(|token| match token {
                Token::Word(word) => word.text.to_owned(),
                Token::Open(_) => "<{>".to_owned(),
                Token::Close(_) => "<}>".to_owned(),
                Token::Unterminated(_) => "<\">".to_owned(),
            })
            .collect()
    }

    #[test]
    fn a_quote_makes_a_word_of_its_own() {
        assert_eq!(texts(r#"x"a b"y"#), ["x", "a b", "y"]);
        assert_eq!(texts(r#"a """#), ["a", ""]);
        assert_eq!(texts("it's 'a b'"), ["it's", "'a", "b'"]);
        assert_eq!(texts(r#"notify "/x"#), ["notify", "<\">"]);
    }

    #[test]
    fn braces_stand_for_themselves_outside_of_quotes() {
        assert_eq!(texts("a{b}c"), ["a", "<{>", "b", "<}>", "c"]);
        assert_eq!(texts(r#"a "{" }"#), ["a", "{", "<}>"]);
        assert_eq!(texts("priority ${X}"), ["priority", "${X}"]);
    }

    #[test]
    fn words_of_a_command_are_quoted_and_escaped_as_keepalived_does() {
        let (command, rest) =
            first_raw_word(r#""/run/x ' x\\x41y ' \"q\" master arg" root"#).unwrap();
        assert_eq!(rest, "root");
        // The first level takes the quotes off, those within become plain; the second one reads
        // all other escapes.
        assert_eq!(command, r#"/run/x ' x\\x41y ' "q" master arg"#);
        assert_eq!(script_words(&command).unwrap(), ["/run/x", r" x\x41y ", "q", "master", "arg"]);
    }

    #[test]
    fn escapes_of_a_command() {
        assert_eq!(script_words(r"a\x41\101\n\cA\q").unwrap(), ["aAA\n\u{1}q"]);
        assert_eq!(script_words(r#"'a b'"c d"e f"#).unwrap(), ["a bc de", "f"]);
        assert_eq!(script_words("\"a"), Err(UnterminatedQuote('"')));
        assert_eq!(script_words(r"\x").unwrap(), ["x"]);
    }
}
