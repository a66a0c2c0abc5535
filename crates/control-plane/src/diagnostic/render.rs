//! Diagnostics as rustc would print them.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Diagnostics, Place, Severity};

pub(super) fn render(all: &Diagnostics) -> String {
    let renderer = Renderer::plain();
    let mut text = String::new();
    for one in all {
        let _ = writeln!(text, "{}\n", render_one(&renderer, one));
    }
    if all.dropped() > 0 {
        let _ = writeln!(text, "... and {} more\n", all.dropped());
    }
    let (errors, warnings) = all.count();
    if errors + warnings > 0 {
        let _ = writeln!(text, "{}", summary(errors, warnings));
    }
    text
}

fn summary(errors: usize, warnings: usize) -> String {
    let plural = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    };
    match (errors, warnings) {
        (0, _) => plural(warnings, "warning"),
        (_, 0) => plural(errors, "error"),
        _ => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
    }
}

fn render_one(renderer: &Renderer, one: &Diagnostic) -> String {
    let level = match one.code.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = Group::with_title(level.primary_title(&*one.message).id(one.code.as_str()));
    if let Some(place) = &one.place {
        group = group.element(snippet(place, AnnotationKind::Primary, one.label.as_deref()));
    }
    if let Some((place, words)) = one.related.as_deref() {
        group = group.element(snippet(place, AnnotationKind::Context, Some(words)));
    }
    if let Some(outcome) = &one.outcome {
        group = group.element(Level::NOTE.message(&**outcome));
    }
    if let Some(help) = &one.help {
        group = group.element(Level::HELP.message(&**help));
    }
    renderer.render(&[group])
}

fn snippet<'a>(
    place: &'a Place,
    kind: AnnotationKind,
    label: Option<&'a str>,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let mut mark = kind.span(span_of(place));
    if let Some(label) = label {
        mark = mark.label(label);
    }
    let line = usize::try_from(place.line).unwrap_or(usize::MAX);
    Snippet::source(&*place.text).path(&*place.file).line_start(line).annotation(mark)
}

/// The marked bytes, kept within the text and at the borders of characters: the renderer would
/// panic on others.
fn span_of(place: &Place) -> std::ops::Range<usize> {
    let text = &place.text;
    let limit = |at: u32| {
        let mut at = usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (limit(place.start), limit(place.end));
    start..end.max(start)
}
