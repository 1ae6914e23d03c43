//! Numbers and words: what is left of a version when its punctuation is ignored. The schemes `loose`,
//! `calver` and `oci-tag` are built on it.

use std::cmp::Ordering;

use super::number::Number;

/// What a word says about the version that it stands in, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    /// `dev`, `nightly`, `snapshot` …
    Development,
    /// `alpha`, or `a` before a number.
    Alpha,
    /// `beta`, or `b` before a number.
    Beta,
    /// `milestone`, or `m` before a number.
    Milestone,
    /// `rc`, `pre`, `preview` …, or `c` before a number.
    Candidate,
    /// `final`, `ga`, `release` …: says nothing, so the same as no word.
    Release,
    /// Any other word, in lower case: after the release, in alphabetical order.
    Other(String),
}

impl Word {
    /// Reads a word. A single letter counts as a stage only before a number: `1.0b2` is a beta, OpenSSL's
    /// `1.0.2b` is a patch.
    pub(super) fn new(text: &str, before_number: bool) -> Self {
        let word = text.to_lowercase();
        match word.as_str() {
            "dev" | "devel" | "nightly" | "canary" | "snapshot" | "ea" => Self::Development,
            "alpha" => Self::Alpha,
            "beta" => Self::Beta,
            "milestone" => Self::Milestone,
            "rc" | "cr" | "pre" | "preview" | "prerelease" | "candidate" => Self::Candidate,
            "release" | "final" | "ga" | "stable" | "lts" => Self::Release,
            "a" if before_number => Self::Alpha,
            "b" if before_number => Self::Beta,
            "m" if before_number => Self::Milestone,
            "c" if before_number => Self::Candidate,
            _ => Self::Other(word),
        }
    }

    /// Whether it marks something older than the release.
    pub(super) fn is_prerelease(&self) -> bool {
        *self < Self::Release
    }
}

/// One part of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    Number(Number),
}

/// The parts of a version in their order.
///
/// Invariant: no word is [`Word::Release`], and no zero stands before a word or at the end, so that lists
/// that mean the same are equal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tokens(Vec<Token>);

impl Tokens {
    /// Splits at everything that is neither letter nor digit, and between letters and digits. Only ASCII
    /// digits make numbers: other scripts' digits stand in no version that anybody compares.
    pub(super) fn read(text: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = text.trim_start_matches(is_separator);
        while !rest.is_empty() {
            let number = rest.starts_with(|c: char| c.is_ascii_digit());
            let end =
                rest.find(|c: char| is_separator(c) || c.is_ascii_digit() != number).unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            rest = after.trim_start_matches(is_separator);
            tokens.push(if number {
                Token::Number(Number::new(part))
            } else {
                Token::Word(Word::new(part, rest.starts_with(|c: char| c.is_ascii_digit())))
            });
        }
        Self::canonical(tokens)
    }

    /// Restores the invariant.
    pub(super) fn canonical(tokens: Vec<Token>) -> Self {
        let mut kept: Vec<Token> = Vec::with_capacity(tokens.len());
        for token in tokens {
            match token {
                Token::Word(Word::Release) => {}
                Token::Word(word) => {
                    trim(&mut kept);
                    kept.push(Token::Word(word));
                }
                Token::Number(number) => kept.push(Token::Number(number)),
            }
        }
        trim(&mut kept);
        Self(kept)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Token> {
        self.0.iter()
    }

    /// The first numbers that stand together, after a name if there is one: `1, 21` of `go1.21rc2`.
    pub(super) fn numbers(&self) -> Vec<Number> {
        let number = |token: &Token| match token {
            Token::Number(number) => Some(number.clone()),
            Token::Word(_) => None,
        };
        // A stage is no name: what follows it (`2` of `0-rc2`) counts the stage.
        let name = |token: &&Token| matches!(token, Token::Word(word) if !word.is_prerelease());
        self.iter().skip_while(name).map_while(number).collect()
    }

    pub(super) fn is_prerelease(&self) -> bool {
        self.iter().any(|token| matches!(token, Token::Word(word) if word.is_prerelease()))
    }
}

fn is_separator(c: char) -> bool {
    !c.is_alphanumeric()
}

fn trim(tokens: &mut Vec<Token>) {
    while matches!(tokens.last(), Some(Token::Number(number)) if number.is_zero()) {
        tokens.pop();
    }
}

/// Part by part. At one place: a word before the release, the end, another word, a number.
impl Ord for Tokens {
    fn cmp(&self, other: &Self) -> Ordering {
        fn rank(token: Option<&Token>) -> u8 {
            match token {
                Some(Token::Word(word)) if word.is_prerelease() => 0,
                None => 1,
                Some(Token::Word(_)) => 2,
                Some(Token::Number(_)) => 3,
            }
        }
        let (mut left, mut right) = (self.iter(), other.iter());
        loop {
            let order = match (left.next(), right.next()) {
                (None, None) => return Ordering::Equal,
                (Some(Token::Number(a)), Some(Token::Number(b))) => a.cmp(b),
                (Some(Token::Word(a)), Some(Token::Word(b))) => a.cmp(b),
                (a, b) => rank(a).cmp(&rank(b)),
            };
            if order.is_ne() {
                return order;
            }
        }
    }
}

impl PartialOrd for Tokens {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
