//! Sizes and durations as people write them: `64 MiB`, `1h 30m`.

use std::time::Duration;

/// Parses a number of bytes: an integer with an optional unit `B`, `KiB`, `MiB`
/// or `GiB`. `None` for anything else, or more than fits.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Parses a duration: integers with units `ms`, `s`, `m`, `h`, `d`, largest
/// first, as in `1h 30m`. `None` for anything else, or more than fits.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    let mut last = u64::MAX;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        if millis >= last {
            return None;
        }
        last = millis;
        let part = number.parse::<u64>().ok()?.checked_mul(millis)?;
        total = total.checked_add(Duration::from_millis(part))?;
        rest = tail.trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes() {
        for (text, value) in [
            ("0", Some(0)),
            ("16777216", Some(16 << 20)),
            ("64 MiB", Some(64 << 20)),
            ("64MiB", Some(64 << 20)),
            ("1 GiB", Some(1 << 30)),
            ("64 MB", None),
            ("-1", None),
            ("1.5 MiB", None),
            ("", None),
            ("99999999999 GiB", None),
        ] {
            assert_eq!(parse_bytes(text), value, "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, value) in [
            ("2s", Some(2_000)),
            ("250ms", Some(250)),
            ("1h 30m", Some(5_400_000)),
            ("1h30m", Some(5_400_000)),
            ("30m 1h", None),
            ("1s 1s", None),
            ("2", None),
            ("", None),
            ("s", None),
            ("2 weeks", None),
            ("999999999999999999d", None),
        ] {
            assert_eq!(parse_duration(text), value.map(Duration::from_millis), "{text}");
        }
    }
}
