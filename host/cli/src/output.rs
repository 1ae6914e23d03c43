//! What people and programs read. Standard output holds the answer, standard error
//! everything else. What came from outside cannot act on a terminal.

use std::borrow::Cow;
use std::io::Write as _;

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, ContentArrangement, Table};
use serde::Serialize;

/// Prints one line of the answer.
pub(crate) fn line(text: impl AsRef<str>) {
    print(&harmless(text.as_ref()));
}

/// Says something on the side.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", harmless(text.as_ref()));
}

/// Prints the answer for a program.
pub(crate) fn json(value: &impl Serialize) -> Result<(), serde_json::Error> {
    print(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints one of several answers for a program, on a line of its own.
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), serde_json::Error> {
    print(&serde_json::to_string(value)?);
    Ok(())
}

fn print(text: &str) {
    // Whoever reads may have seen enough (`| head`): that is no failure of ours.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Makes visible what would colour, move or reorder what a terminal shows: control characters, and the marks
/// that turn the direction of writing (Unicode's `Bidi_Control`).
fn harmless(text: &str) -> Cow<'_, str> {
    let acts = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(acts) { text.replace(acts, "\u{fffd}").into() } else { text.into() }
}

/// Prints rows under headings; fits the terminal where there is one.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(headings.map(|heading| Cell::new(heading).add_attribute(Attribute::Bold)));
    for row in rows {
        table.add_row(row.map(|cell| harmless(&cell).into_owned()));
    }
    print(&table.trim_fmt());
}

/// `3.4 MiB`
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{n} B"),
        _ => format!("{value:.1} {}", UNITS.get(unit).copied().unwrap_or_default()),
    }
}

/// `12.3 ms`, `4.5 s`
pub(crate) fn millis(ms: f64) -> String {
    if ms >= 1_000.0 { format!("{:.1} s", ms / 1_000.0) } else { format!("{ms:.1} ms") }
}

/// One line of at most `most` characters.
pub(crate) fn short(text: &str, most: usize) -> String {
    let line = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_a_terminal() {
        let nasty = "a\u{1b}[2J\u{9b}b\r\u{202e}c\u{2066}d\u{7f}";
        assert_eq!(harmless(nasty), "a\u{fffd}[2J\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}d\u{fffd}");
        for plain in ["", "a\n\tb", "ä 🚉 אב"] {
            assert!(matches!(harmless(plain), Cow::Borrowed(same) if same == plain));
        }
    }

    #[test]
    fn amounts() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(3_565_158), "3.4 MiB");
        assert_eq!(millis(4_500.0), "4.5 s");
        assert_eq!(short("a\n  b", 10), "a b");
        assert_eq!(short("abcdef", 4), "abc…");
    }
}
