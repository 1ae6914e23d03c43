//! Regular expressions of an item's options.

use regex_lite::Regex;
use serde::Deserialize;
use waystation_listing::short;

/// The longest text that patterns are applied to; the rest is not looked at.
const MAX_TEXT: usize = 4096;

/// A regular expression from an item's options. Matching takes time linear in the text: the engine does not
/// backtrack.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Regex);

impl Pattern {
    /// Whether the pattern is found anywhere in the text.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(cut(text))
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Regex::new(&text)
            .map(Self)
            .map_err(|error| format!("`{}` is not a regular expression: {error}", short(&text, 120)))
    }
}

/// A regular expression that finds a version in a text: its group `version`, or its first group.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct VersionPattern {
    regex: Regex,
    group: usize,
}

impl VersionPattern {
    /// Finds the first thing in a text that looks like a version: numbers with dots between, and what may
    /// follow them (`1.2.3-rc.1`, `2.0b1`, `1.2-3ubuntu1`). A `v` before it is not part of it.
    pub fn any() -> Self {
        const ANY: &str = r"(?:^|[^0-9A-Za-z._])[vV]?([0-9]+(?:\.[0-9]+)+(?i:[-+~.]?(?:alpha|beta|rc|preview|pre|dev|post|a|b|p)[-.]?[0-9]*)?(?:[-+~][0-9](?:[0-9A-Za-z.+~-]*[0-9A-Za-z])?)?)(?:[^0-9A-Za-z_]|$)";
        #[expect(clippy::expect_used, reason = "a constant, which the tests compile")]
        let regex = Regex::new(ANY).expect("a constant expression");
        Self { regex, group: 1 }
    }

    /// The version in `text`, if there is one that is fit to be shown.
    pub fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        let version = self.regex.captures(cut(text))?.get(self.group)?.as_str().trim();
        is_presentable(version).then_some(version)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }
}

impl TryFrom<String> for VersionPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let Pattern(regex) = Pattern::try_from(text)?;
        let named = regex.capture_names().position(|name| name == Some("version"));
        match named.or_else(|| (regex.captures_len() > 1).then_some(1)) {
            Some(group) => Ok(Self { regex, group }),
            None => Err(format!(
                "`{}` does not say where the version is; put it into a group, as in `^v(?<version>.+)$`",
                short(regex.as_str(), 120)
            )),
        }
    }
}

/// Whether a version can be shown and compared: not empty, not endless, one word.
pub(crate) fn is_presentable(version: &str) -> bool {
    !version.is_empty()
        && version.len() <= 255
        && !version.chars().any(|c| c.is_control() || c.is_whitespace())
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> VersionPattern {
        VersionPattern::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn the_first_thing_like_a_version_is_found() {
        let cases = [
            ("Release v1.2.3 is out", Some("1.2.3")),
            ("ripgrep 14.1.0: faster", Some("14.1.0")),
            ("1.2.3-rc.1", Some("1.2.3-rc.1")),
            ("2.0b1 (beta)", Some("2.0b1")),
            ("2.0RC1", Some("2.0RC1")),
            ("Linux 6.12-rc7 and 6.11", Some("6.12-rc7")),
            ("foo-1.2-3ubuntu1 uploaded", Some("1.2-3ubuntu1")),
            ("[1.2.3]", Some("1.2.3")),
            ("Now 1.2.3.", Some("1.2.3")),
            ("Now 1.2-3.", Some("1.2-3")),
            ("2026.01.31", Some("2026.01.31")),
            ("V10.0", Some("10.0")),
            ("1.2.3-is-out", Some("1.2.3")),
            ("Ten years of 42", None),
            ("abc1.2", None),
            ("1.2after 3.4", Some("3.4")),
            ("", None),
        ];
        for (text, version) in cases {
            assert_eq!(VersionPattern::any().find(text), version, "{text}");
        }
    }

    #[test]
    fn a_pattern_names_its_group_or_has_one() {
        assert_eq!(pattern(r"(a)(?<version>\d+)").find("xa12"), Some("12"));
        assert_eq!(pattern(r"release-(\d+)").find("release-7"), Some("7"));
        assert_eq!(pattern(r"(x)?(?<version>y)?").find("nothing"), None);
        assert_eq!(pattern(r"(?s)(.*)").find("two words"), None);
        for bad in ["(", "v.*", "(?:v)", "[z-a]"] {
            assert!(VersionPattern::try_from(bad.to_owned()).unwrap_err().contains(bad), "{bad}");
        }
        assert!(serde_json::from_str::<Pattern>("\"(\"").is_err());
    }

    #[test]
    fn long_texts_are_looked_at_in_part() {
        let text = format!("{} 1.2", "ä".repeat(MAX_TEXT));
        assert_eq!(VersionPattern::any().find(&text), None);
        assert!(!Pattern::try_from("1".to_owned()).unwrap().is_match(&text));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,100}", expression in ".{0,20}") {
            if let Some(version) = VersionPattern::any().find(&text) {
                proptest::prop_assert!(text.contains(version) && is_presentable(version));
            }
            if let Ok(pattern) = VersionPattern::try_from(expression) {
                let _ = pattern.find(&text);
            }
        }
    }
}
