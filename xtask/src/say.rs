//! What a step tells a person, on stderr.

use std::io::{self, Write as _};
use std::time::Duration;

/// One progress line: which step, and what it does now.
pub(crate) fn step(name: &str, what: &str) {
    line(&format!("» {name}: {what}"));
}

/// One line as it is. A closed stderr is no reason to fail a build.
pub(crate) fn line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// An error with its causes.
pub(crate) fn error(error: &anyhow::Error) {
    line(&format!("error: {error:#}"));
}

/// A duration as people say it: `820 ms`, `12.3 s`, `4 min 05 s`.
pub(crate) fn duration(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        1..=99 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// A size as people say it: `512 B`, `87.0 KiB`, `11.6 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people, one decimal")]
    let value = count as f64;
    match count {
        0..=1023 => format!("{count} B"),
        1024..=1_048_575 => format!("{:.1} KiB", value / 1024.0),
        _ => format!("{:.1} MiB", value / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_change_unit() {
        for (millis, text) in [(0, "0 ms"), (999, "999 ms"), (12_300, "12.3 s"), (245_000, "4 min 05 s")] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn sizes_change_unit() {
        for (count, text) in [(1023, "1023 B"), (89_088, "87.0 KiB"), (12_194_169, "11.6 MiB")] {
            assert_eq!(bytes(count), text);
        }
    }
}
