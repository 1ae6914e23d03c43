//! Numbers of any length.

use std::{cmp::Ordering, fmt};

/// A non-negative whole number as its decimal digits: versions hold dates, build numbers and hashes that
/// overflow every machine integer, and an order must not depend on where that happens.
///
/// Invariant: ASCII digits without leading zeros; zero is the empty text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number(Box<str>);

impl Number {
    /// The number that `digits` spell; the caller passes ASCII digits only.
    pub(crate) fn new(digits: &str) -> Self {
        debug_assert!(digits.bytes().all(|b| b.is_ascii_digit()));
        Self(digits.trim_start_matches('0').into())
    }

    pub(crate) const fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::new(&value.to_string())
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        // Without leading zeros, the longer number is the greater one.
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_zero() { "0" } else { &self.0 })
    }
}

/// The ASCII digits that `text` starts with, and the rest.
pub(super) fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The dotted numbers that `text` starts with (`1.27.3` of `1.27.3-rc1`), and the rest.
pub(super) fn split_numbers(text: &str) -> (Vec<Number>, &str) {
    let (mut numbers, mut rest) = (Vec::new(), text);
    loop {
        let after_dot = if numbers.is_empty() { Some(rest) } else { rest.strip_prefix('.') };
        let Some((digits, after)) = after_dot.map(split_digits).filter(|(digits, _)| !digits.is_empty())
        else {
            return (numbers, rest);
        };
        numbers.push(Number::new(digits));
        rest = after;
    }
}

/// Removes zeros from the end, so that `1.0` and `1` are one list.
pub(super) fn trim_zeros(numbers: &mut Vec<Number>) {
    while numbers.last().is_some_and(Number::is_zero) {
        numbers.pop();
    }
}
