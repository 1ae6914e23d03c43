//! The text form of a problem: headline, place, the line with the spot marked, hint.

use std::{fmt, ops::Range};

use super::problem::{Level, Problem};

/// The most characters of a line that are shown.
const WIDTH: usize = 120;

/// One line of a file, made safe to print, and what of it to mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    text: String,
    start: usize,
    width: usize,
}

/// Where a byte range of a file is.
pub(super) struct Spot {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) excerpt: Excerpt,
}

/// Finds the start of `span` in `source` and cuts its line out. Bytes in `hidden` are not shown.
pub(super) fn locate(source: &str, span: &Range<usize>, hidden: &[Range<usize>]) -> Spot {
    let start = floor(source, span.start);
    let end = floor(source, span.end).max(start);
    let before = source.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let rest = source.get(line_start..).unwrap_or_default();
    let line_end = line_start + rest.find('\n').unwrap_or(rest.len());

    let text = source.get(line_start..line_end).unwrap_or_default();
    let credentials = credentials(text);
    let mut line = Line::default();
    let mut marked = None;
    for (offset, c) in text.char_indices() {
        let at = line_start + offset;
        if at == start {
            marked = Some(line.length);
        }
        if at >= end && line.marked_end.is_none() {
            line.marked_end = Some(line.length);
        }
        let secret = credentials.iter().any(|range| range.contains(&offset));
        line.push(c, secret || hidden.iter().any(|range| range.contains(&at)));
    }
    let from = marked.unwrap_or(line.length);
    let to = line.marked_end.unwrap_or(line.length).max(from + 1);
    let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    Spot {
        line: count(&before.replace(|c| c != '\n', "")).saturating_add(1),
        column: count(source.get(line_start..start).unwrap_or_default()).saturating_add(1),
        excerpt: Excerpt::cut(line.text.trim_end(), from, to - from),
    }
}

#[derive(Default)]
struct Line {
    text: String,
    length: usize,
    hiding: bool,
    marked_end: Option<usize>,
}

impl Line {
    fn push(&mut self, c: char, hidden: bool) {
        self.push_raw(printable(c), hidden);
    }

    fn push_raw(&mut self, c: char, hidden: bool) {
        // One mark for a whole hidden stretch, so that not even its length shows.
        let shown = match (hidden, self.hiding) {
            (true, true) => None,
            (true, false) => Some('…'),
            (false, _) => Some(c),
        };
        self.hiding = hidden;
        if let Some(c) = shown {
            self.text.push(c);
            self.length += 1;
        }
    }
}

/// Control characters would let a file steer the terminal it is shown on.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

fn floor(source: &str, at: usize) -> usize {
    source.floor_char_boundary(at.min(source.len()))
}

impl Excerpt {
    fn cut(text: &str, start: usize, width: usize) -> Self {
        let length = text.chars().count();
        if length <= WIDTH {
            return Self {
                text: text.to_owned(),
                start,
                width: width.min(length.saturating_sub(start).max(1)),
            };
        }
        let skip = start.saturating_sub(WIDTH / 2).min(length.saturating_sub(WIDTH));
        let mut shown: String = text.chars().skip(skip).take(WIDTH).collect();
        let lead = if skip > 0 { "… " } else { "" };
        shown.insert_str(0, lead);
        let start = start - skip.min(start) + lead.chars().count();
        Self { width: width.min(shown.chars().count().saturating_sub(start).max(1)), text: shown, start }
    }
}

/// Where in `text` the user names and passwords of URLs are.
///
/// Each reaches to the last `@` of its word: a password with a `/` or an `@` that nobody escaped is hidden too.
fn credentials(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("://")) {
        let start = from + at + 3;
        let rest = text.get(start..).unwrap_or_default();
        let stop = rest.find(|c: char| c.is_whitespace() || "\"'".contains(c)).unwrap_or(rest.len());
        if let Some(end) = rest.get(..stop).and_then(|url| url.rfind('@')) {
            found.push(start..start + end);
        }
        from = start + stop;
    }
    found
}

/// The text without the user name and password of any URL in it.
pub(super) fn mask(text: &str) -> String {
    let credentials = credentials(text);
    let mut line = Line::default();
    for (at, c) in text.char_indices() {
        let hidden = credentials.iter().any(|range| range.contains(&at));
        line.push_raw(c, hidden);
    }
    line.text
}

/// A value as a message may show it: quoted, short, on one line, without credentials.
pub(super) fn quoted(value: &str) -> String {
    let value = mask(value);
    let mut short: String = value.chars().take(60).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("{short:?}")
}

pub(super) fn problem(problem: &Problem, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let level = match problem.level {
        Level::Error => "error",
        Level::Warning => "warning",
    };
    writeln!(f, "{level}[{}]: {}", problem.code.as_str(), problem.message)?;
    let line = problem.line.map(|line| line.to_string()).unwrap_or_default();
    let gutter = " ".repeat(line.len().max(1));
    match (&problem.path, &problem.variable) {
        (_, Some(variable)) => writeln!(f, "{gutter}--> environment variable {variable}")?,
        (Some(path), None) => {
            write!(f, "{gutter}--> {path}")?;
            match (problem.line, problem.column) {
                (Some(line), Some(column)) => writeln!(f, ":{line}:{column}")?,
                _ => writeln!(f)?,
            }
        }
        (None, None) if !problem.key.is_empty() => writeln!(f, "{gutter}--> {}", problem.key)?,
        (None, None) => {}
    }
    if let Some(Excerpt { text, start, width }) = &problem.excerpt {
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{line} | {text}")?;
        writeln!(f, "{gutter} | {}{}", " ".repeat(*start), "^".repeat(*width))?;
    }
    if let Some(hint) = &problem.hint {
        writeln!(f, "{gutter} = help: {hint}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str, span: Range<usize>, hidden: &[Range<usize>]) -> (u32, u32, Excerpt) {
        let spot = locate(source, &span, hidden);
        (spot.line, spot.column, spot.excerpt)
    }

    fn excerpt(text: &str, start: usize, width: usize) -> Excerpt {
        Excerpt { text: text.to_owned(), start, width }
    }

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let source = "a = 1\n\tä = \"x\"\nend";
        assert_eq!(shown(source, 0..1, &[]), (1, 1, excerpt("a = 1", 0, 1)));
        assert_eq!(shown(source, 12..15, &[]), (2, 6, excerpt(" ä = \"x\"", 5, 3)));
        assert_eq!(shown(source, 99..120, &[]), (3, 4, excerpt("end", 3, 1)));
        assert_eq!(shown("", 0..0, &[]), (1, 1, excerpt("", 0, 1)));
    }

    #[test]
    fn hidden_bytes_and_credentials_are_not_shown() {
        let source = "url = \"postgres://u:p@h/d\"\nx = \"http://a:b@c\" # http://d:e@f/";
        assert_eq!(shown(source, 0..3, std::slice::from_ref(&(6..26))).2.text, "url = …");
        assert_eq!(shown(source, 0..3, &[]).2.text, "url = \"postgres://…@h/d\"");
        assert_eq!(shown(source, 27..28, &[]).2.text, "x = \"http://…@c\" # http://…@f/");
        assert_eq!(mask("postgres://u:a@b/c@host/db"), "postgres://…@host/db");
        assert_eq!(mask("https://plain/x y@z"), "https://plain/x y@z");
    }

    #[test]
    fn control_characters_are_not_printed() {
        assert_eq!(shown("a\u{1b}[2J = 1", 0..1, &[]).2.text, "a\u{fffd}[2J = 1");
        assert_eq!(quoted("a\u{1b}\n"), "\"a\\u{1b}\\n\"");
    }

    #[test]
    fn a_long_line_is_cut_around_the_spot() {
        let source = format!("{}X{}", "a".repeat(1_000), "b".repeat(1_000));
        let (_, column, Excerpt { text, start, width }) = shown(&source, 1_000..1_001, &[]);
        assert_eq!((column, width), (1_001, 1));
        assert_eq!(text.chars().nth(start), Some('X'));
        assert!(text.chars().count() <= WIDTH + 2);
    }
}
