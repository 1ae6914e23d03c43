//! Which tags are versions, and in which order.

use crate::order::{Key, Tail};
use regex_lite::Regex;
use std::collections::{BTreeSet, HashSet};

/// One tag that names a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tagged {
    /// As the registry spells it.
    pub(crate) tag: String,
    /// Without `v` and without the variant.
    pub(crate) version: String,
    /// Whether a word such as `rc` says so.
    pub(crate) prerelease: bool,
    key: Key,
}

/// Which tags count.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// The tag must match, instead of looking like a plain version; a group named `version` is the version.
    pub(crate) pattern: Option<Regex>,
    /// The tag must end so; the rest is looked at. Empty for tags without a variant.
    pub(crate) variant: String,
    /// How many numbers a plain version has at least.
    pub(crate) parts: usize,
    /// Whether tags count that follow others, such as `1.27` beside `1.27.3`.
    pub(crate) floating: bool,
    /// Whether pre-releases count.
    pub(crate) prereleases: bool,
}

impl Rule {
    /// The tags that count, newest first, each version once.
    pub(crate) fn select<'t>(&self, tags: impl IntoIterator<Item = &'t str>) -> Vec<Tagged> {
        let mut found: Vec<Tagged> = tags.into_iter().filter_map(|tag| self.read(tag)).collect();
        if !self.floating {
            drop_floating(&mut found);
        }
        found.retain(|tagged| self.prereleases || !tagged.prerelease);
        // Of `1.2.3` and `v1.2.3` the one that is spelled like its version stays.
        found.sort_by(|a, b| {
            b.key.cmp(&a.key).then_with(|| a.tag.len().cmp(&b.tag.len())).then_with(|| a.tag.cmp(&b.tag))
        });
        let mut seen = HashSet::new();
        found.retain(|tagged| seen.insert(tagged.version.clone()));
        found
    }

    fn read(&self, tag: &str) -> Option<Tagged> {
        // Signatures, attestations and referrer indexes are kept under tags made from a digest.
        if !is_tag(tag) || tag.starts_with("sha256-") || tag.starts_with("sha512-") || tag == "latest" {
            return None;
        }
        let rest = tag.strip_suffix(self.variant.as_str())?;
        let rest = match &self.pattern {
            Some(pattern) => {
                let captures = pattern.captures(rest)?;
                captures.name("version").map_or(rest, |version| version.as_str())
            }
            None => rest,
        };
        let version = rest
            .strip_prefix(['v', 'V'])
            .filter(|bare| bare.starts_with(|c: char| c.is_ascii_digit()))
            .unwrap_or(rest);
        let key = Key::of(version);
        let plain = version.starts_with(|c: char| c.is_ascii_digit())
            && key.numbers.len() >= self.parts
            && !key.tail.iter().any(|part| matches!(part, Tail::Word(_)));
        if version.is_empty() || (self.pattern.is_none() && !plain) {
            return None;
        }
        Some(Tagged {
            tag: tag.to_owned(),
            version: version.to_owned(),
            prerelease: key.is_prerelease(),
            key,
        })
    }
}

/// Leaves out `1` and `1.27` where `1.27.3` is there: such a tag is moved from release to release.
fn drop_floating(found: &mut Vec<Tagged>) {
    let mut prefixes = BTreeSet::new();
    for tagged in found.iter().filter(|tagged| !tagged.prerelease) {
        let numbers = tagged.key.numbers.as_slice();
        prefixes.extend((1..numbers.len()).filter_map(|length| numbers.get(..length)).map(<[_]>::to_vec));
    }
    found.retain(|tagged| !(tagged.key.tail.is_empty() && prefixes.contains(&tagged.key.numbers)));
}

/// Whether the text is a tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (distribution-spec 1.1, "Pull").
pub(crate) fn is_tag(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Rule {
        Rule { pattern: None, variant: String::new(), parts: 2, floating: false, prereleases: true }
    }

    fn versions(rule: &Rule, tags: &[&str]) -> Vec<String> {
        rule.select(tags.iter().copied()).into_iter().map(|tagged| tagged.version).collect()
    }

    const NGINX: [&str; 16] = [
        "1",
        "1-alpine",
        "1.26",
        "1.26.3",
        "1.27",
        "1.27-alpine",
        "1.27.10",
        "1.27.10-alpine",
        "1.27.10-alpine3.20-slim",
        "1.27.9",
        "alpine",
        "latest",
        "mainline",
        "perl",
        "stable-otel",
        "1.27.9-alpine",
    ];

    #[test]
    fn plain_versions_newest_first() {
        assert_eq!(versions(&rule(), &NGINX), ["1.27.10", "1.27.9", "1.26.3"]);
    }

    #[test]
    fn a_variant_is_a_list_of_its_own() {
        let alpine = Rule { variant: "-alpine".into(), ..rule() };
        let found = alpine.select(NGINX);
        assert_eq!(found[0].tag, "1.27.10-alpine");
        assert_eq!(versions(&alpine, &NGINX), ["1.27.10", "1.27.9"]);
    }

    #[test]
    fn floating_tags_and_single_numbers_on_request() {
        let all = Rule { floating: true, parts: 1, ..rule() };
        assert_eq!(versions(&all, &NGINX), ["1.27.10", "1.27.9", "1.27", "1.26.3", "1.26", "1"]);
        let single = Rule { parts: 1, ..rule() };
        assert_eq!(versions(&single, &["16", "17", "17.2", "18"]), ["18", "17.2", "16"]);
        // A version is not floating because its successor is being prepared.
        assert_eq!(versions(&rule(), &["1.28", "1.28.1-rc1"]), ["1.28.1-rc1", "1.28"]);
    }

    #[test]
    fn prereleases_are_told_and_left_out() {
        let found = rule().select(["v2.0.0-rc.1", "2.0.0-beta2", "1.9.0", "v1.9.0", "2.0.0-dev"]);
        let shown: Vec<_> = found.iter().map(|t| (t.tag.as_str(), t.prerelease)).collect();
        assert_eq!(
            shown,
            [("v2.0.0-rc.1", true), ("2.0.0-beta2", true), ("2.0.0-dev", true), ("1.9.0", false)]
        );
        let stable = Rule { prereleases: false, ..rule() };
        assert_eq!(versions(&stable, &["2.0.0-rc.1", "1.9.0"]), ["1.9.0"]);
    }

    #[test]
    fn a_pattern_takes_the_place_of_the_shape() {
        let pattern = |text| Rule { pattern: Some(Regex::new(text).unwrap()), ..rule() };
        let linuxserver = pattern(r"^version-(?<version>\d+\.\d+\.\d+-ls\d+)$");
        let tags = ["version-4.0.9-ls12", "version-4.0.10-ls2", "4.0.9-ls12", "latest", "arm64v8-4.0.9"];
        assert_eq!(versions(&linuxserver, &tags), ["4.0.10-ls2", "4.0.9-ls12"]);
        assert_eq!(
            versions(&pattern("^RELEASE"), &["RELEASE.2025-04-08T15-41-24Z", "RELEASE.2024-12-18T13-15-44Z"]),
            ["RELEASE.2025-04-08T15-41-24Z", "RELEASE.2024-12-18T13-15-44Z"]
        );
        assert_eq!(
            versions(&pattern("."), &["latest", &format!("sha256-{}.sig", "0".repeat(64))]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn tags_that_are_no_versions_are_left_out() {
        let tags = [
            "latest",
            "main",
            "sha-1a2b3c4",
            "1234567",
            "pr-12",
            "20240101-abcdef",
            "1.2.3-amd64",
            "1.2.3-slim",
            "sha256-1111111111111111111111111111111111111111111111111111111111111111.sig",
            "",
            "-1.2",
            ".1.2",
            "1.2.3\n",
            "1.2/3",
        ];
        assert_eq!(versions(&rule(), &tags), Vec::<String>::new());
        assert_eq!(versions(&rule(), &[&"1.".repeat(100)]), Vec::<String>::new());
    }

    proptest::proptest! {
        #[test]
        fn no_tags_make_it_panic(tags in proptest::collection::vec("[0-9a-z._-]{0,20}|.*", 0..20)) {
            let all = Rule { floating: false, parts: 1, ..rule() };
            for tagged in all.select(tags.iter().map(String::as_str)) {
                proptest::prop_assert!(tags.contains(&tagged.tag));
            }
        }
    }
}
