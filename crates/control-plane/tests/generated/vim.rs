//! Highlighting for Vim.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use control_plane::keywords::{Block, Shape};

use super::{agree, names, values};

const HEAD: &str = "\
\" Vim syntax file
\" Language: keepalived configuration
\" Made of the keyword table of keepalived-rs (UPDATE_DOCS=1 cargo test -p control-plane --test
\" generated); do not edit.

if exists('b:current_syntax')
  finish
endif

syntax case match
setlocal iskeyword=@,48-57,_,-

syntax match keepalivedNumber /\\<[-+]\\?\\d\\+\\(\\.\\d\\+\\)\\?\\>/
syntax match keepalivedAddress /\\<\\d\\{1,3}\\(\\.\\d\\{1,3}\\)\\{3}\\(-\\d\\{1,3}\\)\\?\\(\\/\\d\\{1,2}\\)\\?\\>/
syntax match keepalivedAddress /\\<\\x\\{0,4}:\\x\\{0,4}:[0-9A-Fa-f:.]*\\(\\/\\d\\{1,3}\\)\\?/
syntax match keepalivedBrace /[{}]/
";

const TAIL: &str = "\
syntax match keepalivedInclude /^\\s*\\zsinclude[rmwba]\\?\\ze\\s/
syntax match keepalivedCondition /^\\s*\\zs@^\\?\\S*/
syntax match keepalivedDefinition /^\\s*\\zs\\$\\h\\w*\\ze=/
syntax match keepalivedReference /\\${[^}]*}/
syntax match keepalivedReference /\\$\\h\\w*\\ze\\([ \\t,)]\\|$\\)/
syntax match keepalivedRepeat /\\~\\(SEQx\\?\\|LST\\)\\s*([^)]*)/ contains=keepalivedReference
syntax region keepalivedString start=/\"/ end=/\"/ oneline contains=keepalivedReference
syntax match keepalivedComment /[#!].*$/

highlight default link keepalivedAddress Constant
highlight default link keepalivedBlock Structure
highlight default link keepalivedBrace Delimiter
highlight default link keepalivedComment Comment
highlight default link keepalivedCondition PreCondit
highlight default link keepalivedDefinition Define
highlight default link keepalivedInclude Include
highlight default link keepalivedKeyword Keyword
highlight default link keepalivedNumber Number
highlight default link keepalivedOption Type
highlight default link keepalivedReference Identifier
highlight default link keepalivedRepeat Macro
highlight default link keepalivedString String
highlight default link keepalivedValue Boolean

let b:current_syntax = 'keepalived'
";

#[test]
fn vim_highlights_every_keyword() {
    let is_entry =
        |place| matches!(place, Block::AddressEntry | Block::RouteEntry | Block::RuleEntry);
    let is_block =
        |shape: &Shape| matches!(shape, Shape::Nested(..) | Shape::Entries(_) | Shape::List);
    let blocks = names(|_, shape| is_block(shape));
    let keywords =
        names(|place, shape| place != Block::Directive && !is_entry(place) && !is_block(shape));
    let options = names(|place, _| is_entry(place));
    let mut text = HEAD.to_owned();
    for (group, words) in [
        ("keepalivedValue", values()),
        ("keepalivedOption", options),
        ("keepalivedKeyword", keywords),
        ("keepalivedBlock", blocks),
    ] {
        write_words(&mut text, group, &words);
    }
    text.push_str(TAIL);
    agree("conf/vim/syntax/keepalived.vim", &text);
}

/// Of the same word in two groups, Vim takes the later one.
fn write_words(text: &mut String, group: &str, words: &BTreeSet<&str>) {
    let words: Vec<&str> = words.iter().copied().collect();
    text.push('\n');
    for line in words.chunks(5) {
        let _ = writeln!(text, "syntax keyword {group} {}", line.join(" "));
    }
    text.push('\n');
}

#[test]
fn vim_knows_the_files_by_their_names() {
    agree(
        "conf/vim/ftdetect/keepalived.vim",
        "autocmd BufNewFile,BufRead keepalived.conf,*/keepalived/*.conf,*/keepalived/**/*.conf \
         setfiletype keepalived\n",
    );
}
