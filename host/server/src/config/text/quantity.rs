//! Sizes and durations as people write them.

use std::{fmt, time::Duration};

use super::{Refusal, Text, text};

/// A number of bytes, written `64 MiB`; units are `B`, `KiB`, `MiB`, `GiB` and `TiB`, and a plain integer
/// counts bytes. Powers of ten (`MB`) are refused, since they are mostly a slip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(u64);

const SIZES: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl ByteSize {
    /// So many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many times 1,048,576 bytes, at most as many as fit.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 20))
    }

    /// So many times 1,024 bytes, at most as many as fit.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 10))
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl Text for ByteSize {
    const FORMAT: &'static str = "byte-size";
    const PATTERN: Option<&'static str> = Some("^[0-9]+ *([KMGT]iB|B)?$");
    const INTEGERS: bool = true;

    fn read(text: &str) -> Result<Self, Refusal> {
        let refuse =
            || Refusal::must("must be a whole number of bytes with a unit, such as \"64 MiB\" or \"8 KiB\"");
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start_matches(' ');
        if number.is_empty() {
            return Err(refuse());
        }
        let factor = match SIZES.iter().find(|(name, _)| *name == unit) {
            Some((_, factor)) => *factor,
            None if digits == text.len() => 1,
            None => {
                // "64M", "64 MB", "64 mib": the first letter says which unit was meant.
                let meant = SIZES.iter().find(|(name, _)| {
                    let initial = name.get(..1).unwrap_or_default();
                    unit.len() <= 3 && unit.get(..1).is_some_and(|first| first.eq_ignore_ascii_case(initial))
                });
                return Err(match meant {
                    Some((name, _)) => refuse().did_you_mean(format_args!("{number} {name}")),
                    None => refuse(),
                });
            }
        };
        let bytes = number.parse::<u64>().ok().and_then(|count| count.checked_mul(factor));
        bytes.map(Self).ok_or_else(|| Refusal::must("must be a size that fits into 64 bits"))
    }

    fn measure(&self) -> Option<u128> {
        Some(self.0.into())
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |factor: u64| self.0 != 0 && self.0.is_multiple_of(factor);
        let (unit, factor) = SIZES.into_iter().find(|(_, factor)| fits(*factor)).unwrap_or(("B", 1));
        write!(f, "{} {unit}", self.0 / factor)
    }
}

/// A span of time, written `30s` or `1h30m`: whole numbers with the units `d`, `h`, `m`, `s` and `ms`, the
/// largest first, each at most once. A number without a unit is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeSpan {
    millis: u64,
}

const SPANS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl TimeSpan {
    /// So many seconds, at most as many as fit.
    #[must_use]
    pub const fn seconds(count: u64) -> Self {
        Self { millis: count.saturating_mul(1_000) }
    }

    /// So many milliseconds.
    #[must_use]
    pub const fn millis(count: u64) -> Self {
        Self { millis: count }
    }

    /// As the standard library has it.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.millis)
    }
}

impl From<TimeSpan> for Duration {
    fn from(span: TimeSpan) -> Self {
        span.duration()
    }
}

impl Text for TimeSpan {
    const FORMAT: &'static str = "time-span";
    const PATTERN: Option<&'static str> =
        Some("^(?=[0-9])([0-9]+d *)?([0-9]+h *)?([0-9]+m *)?([0-9]+s *)?([0-9]+ms)?$");

    fn read(text: &str) -> Result<Self, Refusal> {
        let refuse =
            || Refusal::must("must be a duration with units, largest first, such as \"30s\" or \"1h30m\"");
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse().did_you_mean(format_args!("{text}s")));
        }
        let (mut rest, mut total, mut previous) = (text, 0_u64, u64::MAX);
        while !rest.is_empty() || previous == u64::MAX {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let Some((_, millis)) = SPANS.iter().find(|(name, _)| *name == unit) else {
                return Err(refuse());
            };
            if number.is_empty() || *millis >= previous || (tail.starts_with(' ') && tail.trim().is_empty()) {
                return Err(refuse());
            }
            previous = *millis;
            let part = number.parse::<u64>().ok().and_then(|count| count.checked_mul(*millis));
            let sum = part.and_then(|part| total.checked_add(part));
            total = sum.ok_or_else(|| Refusal::must("must be a duration of fewer than 500 million years"))?;
            rest = tail.trim_start_matches(' ');
        }
        Ok(Self { millis: total })
    }

    fn measure(&self) -> Option<u128> {
        Some(self.millis.into())
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.millis;
        for (unit, millis) in SPANS {
            if rest >= millis {
                write!(f, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        if self.millis == 0 { f.write_str("0s") } else { Ok(()) }
    }
}

text!(ByteSize);
text!(TimeSpan);
