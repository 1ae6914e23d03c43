//! Maven artifact versions, in the order of Maven 3.9's `ComparableVersion`
//! (<https://maven.apache.org/pom.html#version-order-specification>).
//!
//! Written here because the crate that exists orders and equates by different rules. Maven's own comparison
//! is not transitive for odd versions: by it, `1-ga1 = 1 = 1-ga2` and yet `1-ga1 < 1-ga2`, and
//! `1-rc < 1 < 1.zzz.1 < 1-rc`. Where Maven contradicts itself this module reads a qualifier after a dot
//! like one after a hyphen (as Maven does for the last one) and lets the number of a qualifier count, which
//! keeps the documented order and makes it total.

use std::cmp::Ordering;

use super::{
    gap::Shape,
    number::{Number, split_digits, trim_zeros},
};

/// One level of a version: a qualifier or nothing, numbers, and the level that a hyphen opens.
///
/// Invariant (Maven's "trimming"): no zero stands at the end or before a level that starts with a
/// qualifier, and a level without qualifier and numbers has no next level.
#[derive(Debug, Clone, Default)]
pub(super) struct Maven {
    qualifier: Option<Qualifier>,
    numbers: Vec<Number>,
    next: Option<Box<Maven>>,
}

/// `rc`, `rc1` or `rc-1`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Qualifier {
    word: Word,
    number: Option<Number>,
}

/// In Maven's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Alpha,
    Beta,
    Milestone,
    Candidate,
    Snapshot,
    /// The empty qualifier, `ga`, `final`, `release`.
    Release,
    ServicePack,
    /// In lower case, alphabetical.
    Other(String),
}

impl Maven {
    /// Every text is a Maven version.
    pub(super) fn parse(text: &str) -> Self {
        let mut levels = vec![Self::default()];
        let text = text.to_ascii_lowercase();
        let mut rest = text.as_str();
        // Whether a part is to be read: a separator that follows another one, or starts the text, stands
        // for a zero before it.
        let mut after_separator = true;
        while let Some(first) = rest.chars().next() {
            match first {
                '.' | '-' => {
                    if after_separator {
                        number(&mut levels, Number::default());
                    }
                    if first == '-' {
                        open(&mut levels);
                    }
                    rest = rest.get(1..).unwrap_or_default();
                    after_separator = true;
                }
                digit if digit.is_ascii_digit() => {
                    let (digits, after) = split_digits(rest);
                    number(&mut levels, Number::new(digits));
                    if after.starts_with(is_letter) {
                        open(&mut levels);
                    }
                    rest = after;
                    after_separator = false;
                }
                _ => {
                    let end = rest.find(|c| !is_letter(c)).unwrap_or(rest.len());
                    let (word, after) = rest.split_at(end);
                    // `x-1` is `x1`.
                    let (digits, after) = match split_digits(after.strip_prefix('-').unwrap_or(after)) {
                        ("", _) => ("", after),
                        found => found,
                    };
                    open(&mut levels);
                    if let Some(level) = levels.last_mut() {
                        level.qualifier = Some(Qualifier::new(word, digits));
                    }
                    if after.starts_with(is_letter) {
                        open(&mut levels);
                    }
                    rest = after;
                    after_separator = false;
                }
            }
        }
        levels.into_iter().rev().fold(Self::default(), |next, level| level.trimmed(next))
    }

    fn is_empty(&self) -> bool {
        self.qualifier.is_none() && self.numbers.is_empty()
    }

    /// Restores the invariant of a level when the next one is known.
    fn trimmed(mut self, next: Self) -> Self {
        if next.is_empty() || next.qualifier.is_some() {
            trim_zeros(&mut self.numbers);
        }
        match (next.is_empty(), self.is_empty()) {
            (true, _) => self,
            (false, true) => next,
            (false, false) => Self { next: Some(Box::new(next)), ..self },
        }
    }

    pub(super) fn shape(&self) -> Shape {
        let mut words = Vec::new();
        let mut level = Some(self);
        while let Some(Self { qualifier, next, .. }) = level {
            words.extend(qualifier.as_ref().map(|qualifier| &qualifier.word));
            level = next.as_deref();
        }
        Shape {
            numbers: self.numbers.clone(),
            prerelease: words.iter().any(|word| **word < Word::Release),
            revision: if words.contains(&&Word::ServicePack) { "sp".to_owned() } else { String::new() },
            ..Shape::default()
        }
    }
}

fn is_letter(c: char) -> bool {
    !c.is_ascii_digit() && c != '.' && c != '-'
}

/// Adds a number to the level that is being read.
fn number(levels: &mut [Maven], number: Number) {
    if let Some(level) = levels.last_mut() {
        level.numbers.push(number);
    }
}

/// Opens the next level, unless the one that is being read is still empty.
fn open(levels: &mut Vec<Maven>) {
    if levels.last().is_none_or(|level| !level.is_empty()) {
        levels.push(Maven::default());
    }
}

impl Qualifier {
    fn new(word: &str, digits: &str) -> Self {
        let numbered = !digits.is_empty();
        let word = match word {
            "alpha" => Word::Alpha,
            "beta" => Word::Beta,
            "milestone" => Word::Milestone,
            "rc" | "cr" => Word::Candidate,
            "snapshot" => Word::Snapshot,
            "ga" | "final" | "release" => Word::Release,
            "sp" => Word::ServicePack,
            "a" if numbered => Word::Alpha,
            "b" if numbered => Word::Beta,
            "m" if numbered => Word::Milestone,
            other => Word::Other(other.to_owned()),
        };
        // `ga0` is `ga`, since a zero at the end of a release says nothing.
        let number = numbered.then(|| Number::new(digits)).filter(|n| word != Word::Release || !n.is_zero());
        Self { word, number }
    }

    /// What stands where a version has ended.
    const RELEASE: Self = Self { word: Word::Release, number: None };
}

impl Ord for Qualifier {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.word, &self.number).cmp(&(&other.word, &other.number))
    }
}

impl PartialOrd for Qualifier {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Maven {
    /// Item by item, where what is missing is the release: a qualifier is less than a number, and a level
    /// stands between them as its own first items say.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let missing = Self::default();
        let release = Qualifier::RELEASE;
        match (&self.qualifier, &other.qualifier) {
            (None, None) => {}
            // A level that starts with a number is more than any qualifier.
            (Some(_), None) if !other.numbers.is_empty() => return Ordering::Less,
            (None, Some(_)) if !self.numbers.is_empty() => return Ordering::Greater,
            (left, right) => {
                let order = left.as_ref().unwrap_or(&release).cmp(right.as_ref().unwrap_or(&release));
                if order.is_ne() {
                    return order;
                }
            }
        }
        // A number is more than a level and more than the end, and trimming left no zero to ignore.
        let order = self.numbers.cmp(&other.numbers);
        if order.is_ne() {
            return order;
        }
        match (&self.next, &other.next) {
            (None, None) => Ordering::Equal,
            (left, right) => {
                left.as_deref().unwrap_or(&missing).compare(right.as_deref().unwrap_or(&missing))
            }
        }
    }
}
