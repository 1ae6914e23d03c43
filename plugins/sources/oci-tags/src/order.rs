//! An order for versions in tags: numbers as numbers, pre-releases before, rebuilds after.

/// What a version is compared by.
///
/// Ordered by the leading numbers first (`1.10` after `1.9`, `1.0` equal to `1`), then by what follows:
/// `1.2.3-rc.1` before `1.2.3` before `1.2.3-ls4` before `1.2.3-1`.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The numbers at the start, between dots.
    pub(crate) numbers: Vec<Number>,
    /// What follows them.
    pub(crate) tail: Vec<Tail>,
}

/// A run of digits of any length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number {
    length: usize,
    digits: String,
}

/// A part of what follows the numbers. The order of the cases is the order of versions; the end of a
/// version is [`Tail::End`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tail {
    /// A word that announces a version that is not out yet, by how near it is.
    Pre(u8, String),
    /// Nothing more.
    End,
    /// Any other word.
    Word(String),
    /// A number, such as that of a rebuild.
    Number(Number),
}

impl Key {
    /// Reads any text; what stands before the first digit counts for nothing.
    pub(crate) fn of(version: &str) -> Self {
        let from_digit = version.trim_start_matches(|c: char| !c.is_ascii_digit());
        let mut rest = if from_digit.is_empty() { version } else { from_digit };
        let mut numbers = Vec::new();
        while let Some((number, after)) = Number::split(rest) {
            numbers.push(number);
            rest = after;
            match after.strip_prefix('.').filter(|next| next.starts_with(|c: char| c.is_ascii_digit())) {
                Some(next) => rest = next,
                None => break,
            }
        }
        Self { numbers, tail: tail(rest) }
    }

    /// Whether a word in it says that the version is not out yet.
    pub(crate) fn is_prerelease(&self) -> bool {
        self.tail.iter().any(|part| matches!(part, Tail::Pre(..)))
    }
}

impl Number {
    fn split(text: &str) -> Option<(Self, &str)> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, rest) = text.split_at_checked(end)?;
        let significant = digits.trim_start_matches('0');
        (!digits.is_empty())
            .then(|| (Self { length: significant.len(), digits: significant.to_owned() }, rest))
    }

    const ZERO: Self = Self { length: 0, digits: String::new() };
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let longest = self.numbers.len().max(other.numbers.len());
        let padded = |key: &'_ Self, at: usize| key.numbers.get(at).cloned().unwrap_or(Number::ZERO);
        for at in 0..longest {
            let order = padded(self, at).cmp(&padded(other, at));
            if order.is_ne() {
                return order;
            }
        }
        let ended = |key: &Self| key.tail.iter().cloned().chain([Tail::End]).collect::<Vec<_>>();
        ended(self).cmp(&ended(other))
    }
}

/// How near to a release a word says a version is, or nothing for words that say nothing of the kind.
fn nearness(word: &str, before_number: bool) -> Option<u8> {
    Some(match word {
        "dev" | "nightly" | "snapshot" | "edge" | "canary" | "unstable" | "next" | "test" | "insiders" => 0,
        "alpha" => 1,
        "beta" => 2,
        "milestone" => 3,
        "pre" | "prerelease" | "preview" | "ea" => 4,
        "rc" | "cr" => 5,
        // `1.1.1a` is a release of some projects; `1.2.0a1` is an alpha.
        "a" if before_number => 1,
        "b" if before_number => 2,
        "m" if before_number => 3,
        _ => return None,
    })
}

fn tail(mut rest: &str) -> Vec<Tail> {
    let mut parts = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        if let Some((number, after)) = Number::split(rest) {
            parts.push(Tail::Number(number));
            rest = after;
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let Some((word, after)) = rest.split_at_checked(end).filter(|(word, _)| !word.is_empty()) else {
            return parts;
        };
        let word = word.to_ascii_lowercase();
        let before_number = after.starts_with(|c: char| c.is_ascii_digit());
        parts.push(match nearness(&word, before_number) {
            Some(nearness) => Tail::Pre(nearness, word),
            None => Tail::Word(word),
        });
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_older_than_the_next() {
        let order = [
            "0.9",
            "1.0.0-dev",
            "1.0.0-alpha",
            "1.0.0-alpha.2",
            "1.0.0-alpha10",
            "1.0.0-beta1",
            "1.0.0-rc.1",
            "1.0.0-rc2",
            "1.0.0",
            "1.0.0-ls2",
            "1.0.0-ls10",
            "1.0.0-1",
            "1.0.0-2",
            "1.0.1",
            "1.9",
            "1.10",
            "2.0.0b1",
            "2.0.0",
            "10",
            "2024.1.9",
            "2024.01.10",
            "99999999999999999999999999.1",
            "100000000000000000000000000.0",
        ];
        for pair in order.windows(2) {
            assert!(Key::of(pair[0]) < Key::of(pair[1]), "{} < {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn spellings_of_the_same_are_equal() {
        for (one, other) in [("1.0", "1"), ("1.02", "1.2"), ("v1.2", "1.2"), ("1.2-RC1", "1.2.0-rc.1")] {
            assert_eq!(Key::of(one), Key::of(other), "{one} {other}");
        }
    }

    #[test]
    fn words_tell_prereleases() {
        for (version, is) in [
            ("1.2.3", false),
            ("1.2.3-rc1", true),
            ("1.2.3a1", true),
            ("1.1.1a", false),
            ("1.2.3-1", false),
            ("1.2.3-alpine", false),
            ("1.2.3.dev0", true),
            ("", false),
        ] {
            assert_eq!(Key::of(version).is_prerelease(), is, "{version}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_order_is_one(a in "[0-9a-z.-]{0,12}|.*", b in "[0-9a-z.-]{0,12}", c in "[0-9a-z.-]{0,12}") {
            let (a, b, c) = (Key::of(&a), Key::of(&b), Key::of(&c));
            proptest::prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                proptest::prop_assert!(a <= c);
            }
        }
    }
}
