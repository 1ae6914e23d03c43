//! Calendar versions, <https://calver.org>: `2024.10.1`, `24.04.1`, `2024.10.0b3`, `20241001`.

use super::{
    Scheme, VersionError,
    gap::Shape,
    number::{Number, split_digits},
    tokens::{Token, Tokens},
};

/// The year first, as a full year, then the other numbers and the modifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Calver(Tokens);

impl Calver {
    /// Reads a version that starts with `YYYY`, `YY`, `0Y` or with a compact `YYYYMMDD`. What the other
    /// numbers mean (month, week, day, micro) differs between projects and does not change the order.
    pub(super) fn parse(text: &str) -> Result<Self, VersionError> {
        let malformed = |why| VersionError::malformed(Scheme::Calver, text, why);
        let (first, rest) = split_digits(text);
        let date = calendar(first)
            .ok_or_else(|| malformed("it must start with a year (2024 or 24) or a date (20241001)"))?;
        let mut tokens: Vec<Token> = date.into_iter().map(Token::Number).collect();
        tokens.extend(Tokens::read(rest).iter().cloned());
        Ok(Self(Tokens::canonical(tokens)))
    }

    pub(super) fn shape(&self) -> Shape {
        Shape { numbers: self.0.numbers(), prerelease: self.0.is_prerelease(), ..Shape::default() }
    }
}

/// The numbers of a version's first digits. Short years count from 2000, as calver.org has it, so that a
/// project that moves from `24.04` to `2024.10` keeps its order.
fn calendar(digits: &str) -> Option<Vec<Number>> {
    let value: u64 = digits.parse().ok()?;
    match digits.len() {
        1..=3 => Some(vec![Number::from(2000 + value)]),
        4 if value >= 1970 => Some(vec![Number::from(value)]),
        8 => {
            let (year, month, day) = (value / 10_000, value / 100 % 100, value % 100);
            let valid = year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day);
            valid.then(|| vec![Number::from(year), Number::from(month), Number::from(day)])
        }
        _ => None,
    }
}
