//! What several sources need to know about versions and tags.

use std::cmp::Ordering;

use semver::Version;

/// The version inside a tag. With a prefix given, a tag without it is no release of this item (`None`);
/// without one, a `v` or `V` before a digit is taken off and anything else stays.
#[must_use]
pub fn strip_prefix<'a>(tag: &'a str, prefix: &Option<String>) -> Option<&'a str> {
    let version = match prefix {
        Some(prefix) => tag.strip_prefix(prefix.as_str())?,
        None => tag
            .strip_prefix(['v', 'V'])
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            .unwrap_or(tag),
    };
    (!version.is_empty()).then_some(version)
}

/// Whether a version reads like a pre-release: by SemVer's rule where it is one, else by a word such as
/// `alpha`, `beta`, `rc`, `pre`, `dev`, `nightly` that stands alone or before digits (`2.0rc1`).
#[must_use]
pub fn is_prerelease(version: &str) -> bool {
    const WORDS: [&str; 14] = [
        "alpha",
        "beta",
        "rc",
        "cr",
        "pre",
        "prerelease",
        "preview",
        "dev",
        "nightly",
        "canary",
        "snapshot",
        "next",
        "unstable",
        "milestone",
    ];
    if let Ok(version) = Version::parse(version) {
        return !version.pre.is_empty();
    }
    let text = version.split('+').next().unwrap_or_default().to_ascii_lowercase();
    text.split(|c: char| !c.is_ascii_alphabetic()).any(|word| {
        // One letter counts only straight after a digit: 1.0a1, 1.0b2.
        WORDS.contains(&word)
            || (matches!(word, "a" | "b")
                && text.match_indices(word).any(|(at, _)| {
                    let before = text.get(..at).and_then(|head| head.chars().next_back());
                    let after = text.get(at + 1..).and_then(|tail| tail.chars().next());
                    before.is_some_and(|c| c.is_ascii_digit()) && after.is_some_and(|c| c.is_ascii_digit())
                }))
    })
}

/// Orders versions from old to new. A total order, which is SemVer's precedence where both are SemVer.
///
/// Anything else goes number by number and word by word, where a word sorts before the end
/// (`1.0rc1` < `1.0`) and the end before a number (`1.0` < `1.0.1`); zeros at the end and what follows `+`
/// make no difference. Versions that are equal so far are ordered as text.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    Key::of(a).cmp(&Key::of(b))
}

/// Sorts newest first by `version`'s text; equal ones keep their order.
pub fn sort_newest_first<T>(list: &mut [T], version: impl Fn(&T) -> &str) {
    let keys: Vec<Key<'_>> = list.iter().map(|item| Key::of(version(item))).collect();
    let mut order: Vec<(usize, &Key<'_>)> = keys.iter().enumerate().collect();
    order.sort_by(|(_, a), (_, b)| b.cmp(a));
    let mut place = vec![0; order.len()];
    for (to, (from, _)) in order.iter().enumerate() {
        if let Some(place) = place.get_mut(*from) {
            *place = to;
        }
    }
    // Each swap puts one item where it belongs, so this ends after as many swaps as there are items.
    for at in 0..place.len() {
        while let Some(to) = place.get(at).copied().filter(|to| *to != at) {
            list.swap(at, to);
            place.swap(at, to);
        }
    }
}

/// A version as a list of ranked parts; the end ranks like `END`, however far one looks.
struct Key<'a> {
    parts: Vec<(u8, usize, &'a str)>,
    text: &'a str,
}

const PRERELEASE: (u8, usize, &str) = (0, 0, "");
const WORD: u8 = 0;
const END: (u8, usize, &str) = (1, 0, "");
const NUMBER: u8 = 2;
// Behind `PRERELEASE` SemVer's own rules hold: the end, then numbers, then words.
const PRERELEASE_NUMBER: u8 = 3;
const PRERELEASE_WORD: u8 = 4;

impl<'a> Key<'a> {
    fn of(text: &'a str) -> Self {
        let semver = Version::parse(text).is_ok();
        let bare = text.split_once('+').map_or(text, |(bare, _)| bare);
        let (core, prerelease) = match bare.split_once('-') {
            Some((core, prerelease)) if semver => (core, Some(prerelease)),
            _ => (bare, None),
        };
        let mut parts: Vec<_> = Parts(core).collect();
        if let Some(prerelease) = prerelease {
            parts.push(PRERELEASE);
            parts.extend(prerelease.split('.').map(|part| {
                let number = part.bytes().all(|b| b.is_ascii_digit());
                if number { (PRERELEASE_NUMBER, part.len(), part) } else { (PRERELEASE_WORD, 0, part) }
            }));
        }
        Self { parts, text }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        let length = self.parts.len().max(other.parts.len());
        let padded = |key: &Self| key.parts.clone().into_iter().chain(std::iter::repeat(END)).take(length);
        padded(self).cmp(padded(other)).then_with(|| self.text.cmp(other.text))
    }
}

/// Runs of digits and runs of other letters; what stands between them separates.
struct Parts<'a>(&'a str);

impl<'a> Iterator for Parts<'a> {
    type Item = (u8, usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.0.trim_start_matches(|c: char| !c.is_alphanumeric());
        let number = text.chars().next()?.is_ascii_digit();
        let end = text
            .find(
                |c: char| {
                    if number { !c.is_ascii_digit() } else { !c.is_alphanumeric() || c.is_ascii_digit() }
                },
            )
            .unwrap_or(text.len());
        let (part, rest) = text.split_at(end);
        self.0 = rest;
        Some(match part.trim_start_matches('0') {
            "" if number => END,
            // Of any length: the longer one is the greater.
            digits if number => (NUMBER, digits.len(), digits),
            _ => (WORD, 1, part),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prefixes() {
        let given = |prefix: &str| Some(prefix.to_owned());
        for (tag, prefix, expected) in [
            ("v1.2.3", None, Some("1.2.3")),
            ("1.2.3", None, Some("1.2.3")),
            ("V2", None, Some("2")),
            ("version-2", None, Some("version-2")),
            ("v", None, Some("v")),
            ("", None, None),
            ("cli-v1.0", given("cli-v"), Some("1.0")),
            ("cli-v", given("cli-v"), None),
            ("lib-v1.0", given("cli-v"), None),
            ("v1.0", given(""), Some("v1.0")),
        ] {
            assert_eq!(strip_prefix(tag, &prefix), expected, "{tag} {prefix:?}");
        }
    }

    #[test]
    fn prereleases() {
        for version in [
            "1.0.0-rc.1",
            "1.0.0-0",
            "2.0rc1",
            "1.0a1",
            "3.12b2",
            "1.0-beta",
            "nightly-2024-01-01",
            "1.0.dev3",
            "1_preview",
        ] {
            assert!(is_prerelease(version), "{version}");
        }
        for version in
            ["1.0.0", "1.0.0+rc.1", "2024.01", "1.0-1ubuntu2", "abc", "1.0.archive", "1.0b", "1.0+beta"]
        {
            assert!(!is_prerelease(version), "{version}");
        }
    }

    #[test]
    fn newest_first() {
        let mut versions =
            vec!["1.9", "1.10", "1.10rc1", "2", "1.10.0.1", "0.9", "1.10-alpha2", "1.10.alpha", "01.10.007"];
        sort_newest_first(&mut versions, |v| v);
        assert_eq!(
            versions,
            ["2", "01.10.007", "1.10.0.1", "1.10", "1.10rc1", "1.10-alpha2", "1.10.alpha", "1.9", "0.9"]
        );
        let semver = [
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-beta",
            "1.0.0-rc10",
            "1.0.0-rc2",
            "1.0.0",
            "1.0.1",
        ];
        assert!(semver.is_sorted_by(|a, b| compare(a, b) == Ordering::Less));
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[0-2ac.+-]{0,8}", b in "[0-2ac.+-]{0,8}", c in "[0-2ac.+-]{0,8}", any in any::<String>()) {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&any, &any), Ordering::Equal);
            if compare(&a, &b) == compare(&b, &c) {
                prop_assert_eq!(compare(&a, &c), compare(&a, &b));
            }
            let _ = (is_prerelease(&any), strip_prefix(&any, &None), compare(&a, &any));
        }

        #[test]
        fn semver_has_its_own_order(
            a in "[0-9]{1,2}\\.[01]\\.[0-9](-[0a-c1-9]{1,3}(\\.[1-9a]{1,2})?)?", b in "[0-9]{1,2}\\.[01]\\.[0-9](-[0a-c1-9]{1,3}(\\.[1-9a]{1,2})?)?",
        ) {
            if let (Ok(left), Ok(right)) = (Version::parse(&a), Version::parse(&b)) {
                prop_assert_eq!(compare(&a, &b), left.cmp_precedence(&right).then_with(|| a.cmp(&b)));
            }
        }

        #[test]
        fn sorting_is_that_of_the_order(mut list in proptest::collection::vec("[0-9a.]{0,4}", 0..30)) {
            let mut expected = list.clone();
            expected.sort_by(|a, b| compare(b, a));
            sort_newest_first(&mut list, |version| version);
            prop_assert_eq!(list, expected);
        }
    }
}
