//! Patterns for identities and claims, anchored at both ends.

use regex_lite::Regex;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};

use crate::error::{Code, Refusal};

/// What a text must be.
///
/// In a policy: a string, which is compared as it is, or a table with one of `glob`, `prefix` and `regex`.
#[derive(Debug, Clone)]
pub struct Pattern(Form);

#[derive(Debug, Clone)]
enum Form {
    Exact(String),
    Glob(String),
    Prefix(String),
    Regex(Regex),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    glob: Option<String>,
    prefix: Option<String>,
    regex: Option<String>,
}

/// The word of the code goes along, for whoever reads the policy.
fn told<E: serde::de::Error>(pattern: Result<Pattern, Refusal>) -> Result<Pattern, E> {
    pattern.map_err(|e| E::custom(format!("{}: {e}", e.code())))
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Pattern;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string, or a table with one of `glob`, `prefix` and `regex`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pattern, E> {
        told(Pattern::exact(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Pattern, A::Error> {
        told(match Table::deserialize(MapAccessDeserializer::new(map))? {
            Table { glob: Some(text), prefix: None, regex: None } => Pattern::glob(text),
            Table { glob: None, prefix: Some(text), regex: None } => Pattern::prefix(text),
            Table { glob: None, prefix: None, regex: Some(text) } => Pattern::regex(&text),
            _ => Err(Code::PolicyPattern.because("a pattern has one of `glob`, `prefix` and `regex`")),
        })
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// One pattern, or several of which one must match.
#[derive(Debug, Clone)]
pub(crate) struct Patterns(pub(crate) Vec<Pattern>);

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Many;

        impl<'de> Visitor<'de> for Many {
            type Value = Patterns;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a pattern, or a list of patterns")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Patterns, E> {
                Reader.visit_str(text).map(|pattern| Patterns(vec![pattern]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Patterns, A::Error> {
                Reader.visit_map(map).map(|pattern| Patterns(vec![pattern]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Patterns, A::Error> {
                let mut patterns = Vec::new();
                while let Some(pattern) = sequence.next_element()? {
                    patterns.push(pattern);
                }
                match patterns.is_empty() {
                    true => {
                        Err(A::Error::custom(format!("{}: a list of patterns is empty", Code::PolicyEmpty)))
                    }
                    false => Ok(Patterns(patterns)),
                }
            }
        }
        deserializer.deserialize_any(Many)
    }
}

impl Pattern {
    fn of(form: Form, text: &str) -> Result<Self, Refusal> {
        match text.is_empty() {
            true => Err(Code::PolicyPattern.because("a pattern is empty")),
            false => Ok(Self(form)),
        }
    }

    /// This text and no other.
    ///
    /// # Errors
    /// `policy-pattern` where it is empty.
    pub fn exact(text: impl Into<String>) -> Result<Self, Refusal> {
        let text = text.into();
        Self::of(Form::Exact(text.clone()), &text)
    }

    /// `*` is any text without `/`, `?` one character that is none.
    ///
    /// # Errors
    /// `policy-pattern`, also where it matches any host.
    pub fn glob(text: impl Into<String>) -> Result<Self, Refusal> {
        let text = text.into();
        // A wildcard before the first path segment would let anyone in.
        let host = text.split_once("://").map_or("", |(scheme, rest)| {
            let host = rest.split('/').next().unwrap_or_default();
            if scheme.contains(['*', '?']) || host.contains(['*', '?']) { "*" } else { host }
        });
        let all = text.chars().all(|c| matches!(c, '*' | '?' | '/' | '@' | '.'));
        if host == "*" || all {
            return Err(
                Code::PolicyPattern.because(format!("the glob {text:?} would match any host or any text"))
            );
        }
        Self::of(Form::Glob(text.clone()), &text)
    }

    /// Whatever begins like this; it ends in `/`, so that `acme/` does not let `acme-evil` in.
    ///
    /// # Errors
    /// `policy-pattern`.
    pub fn prefix(text: impl Into<String>) -> Result<Self, Refusal> {
        let text = text.into();
        let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
        if !text.ends_with('/') || rest.trim_matches('/').is_empty() {
            return Err(Code::PolicyPattern
                .because(format!("the prefix {text:?} does not end in `/`, or is nothing else")));
        }
        Self::of(Form::Prefix(text.clone()), &text)
    }

    /// A regular expression for the whole text; linear in time.
    ///
    /// # Errors
    /// `policy-pattern`.
    pub fn regex(text: &str) -> Result<Self, Refusal> {
        let wrong = |why: String| {
            Code::PolicyPattern.because(format!("the expression {text:?} cannot be used: {why}"))
        };
        // By itself first: the group around it must not close what it leaves open.
        Regex::new(text).map_err(|e| wrong(e.to_string()))?;
        let whole = regex_lite::RegexBuilder::new(&format!(r"\A(?:{text})\z"))
            .size_limit(1 << 20)
            .build()
            .map_err(|e| wrong(e.to_string()))?;
        if whole.is_match("") || whole.is_match("https://a.example/b") && whole.is_match("c@d.example") {
            return Err(wrong("it matches anything".to_owned()));
        }
        Self::of(Form::Regex(whole), text)
    }

    /// Whether it is this text.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Form::Exact(pattern) => pattern == text,
            Form::Glob(pattern) => glob(pattern, text),
            // No dots on the way: what reads the path may walk up.
            Form::Prefix(pattern) => text
                .strip_prefix(pattern.as_str())
                .is_some_and(|rest| !rest.is_empty() && !rest.split('/').any(|part| part == "..")),
            Form::Regex(pattern) => pattern.is_match(text),
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Form::Exact(text) => f.write_str(text),
            Form::Glob(text) => write!(f, "glob {text}"),
            Form::Prefix(text) => write!(f, "prefix {text}"),
            Form::Regex(regex) => write!(f, "regex {regex}"),
        }
    }
}

/// In time that is at most the product of the lengths.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Which beginnings of the text the pattern so far can be.
    let mut reached = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for token in pattern {
        let mut next = vec![false; text.len() + 1];
        let mut open = false;
        for (place, can) in reached.iter().enumerate() {
            if token == '*' {
                open |= *can;
                if let Some(slot) = next.get_mut(place) {
                    *slot = open;
                }
                open &= text.get(place).is_none_or(|c| *c != '/');
            } else if *can
                && text.get(place).is_some_and(|c| *c == token || (token == '?' && *c != '/'))
                && let Some(slot) = next.get_mut(place + 1)
            {
                *slot = true;
            }
        }
        reached = next;
    }
    reached.last().is_some_and(|end| *end)
}

/// Whether one of them is this text.
pub(crate) fn any(patterns: &[Pattern], text: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_anchored() {
        let url = "https://github.com/acme/tool/.github/workflows/release.yml@refs/tags/v1";
        for (pattern, matches) in [
            (Pattern::exact(url), true),
            (Pattern::exact("https://github.com/acme/tool"), false),
            (Pattern::exact(url.to_uppercase()), false),
            (Pattern::glob("https://github.com/acme/*/.github/workflows/release.yml@refs/tags/v*"), true),
            (Pattern::glob("https://github.com/acme/tool/.github/workflows/*.yml@refs/*/v?"), true),
            (Pattern::glob("https://github.com/acme/*"), false),
            (Pattern::glob("https://github.com/*/.github/workflows/release.yml@refs/tags/v1"), false),
            (Pattern::glob("https://github.com/acme/tool/.github/workflows/release.yml"), false),
            (Pattern::prefix("https://github.com/acme/"), true),
            (Pattern::prefix("https://github.com/acm/"), false),
            (Pattern::prefix("https://GITHUB.com/acme/"), false),
            (Pattern::regex(r"https://github\.com/acme/.*"), true),
            (Pattern::regex(r"https://github\.com/acme"), false),
            (Pattern::regex(r"github\.com/acme/.*"), false),
            (Pattern::regex(r"x|https://github\.com/acme/tool"), false),
        ] {
            let pattern = pattern.unwrap();
            assert_eq!(pattern.matches(url), matches, "{pattern}");
        }
        let prefix = Pattern::prefix("https://github.com/acme/").unwrap();
        assert!(!prefix.matches("https://github.com/acme/../evil/tool"));
        assert!(!prefix.matches("https://github.com/acme/"));
        assert!(!Pattern::regex("a+").unwrap().matches("aa\n"));
    }

    #[test]
    fn what_lets_anyone_in_is_no_pattern() {
        for pattern in [
            Pattern::exact(""),
            Pattern::glob("*"),
            Pattern::glob("**"),
            Pattern::glob("*@*.*"),
            Pattern::glob("https://*/acme/tool"),
            Pattern::glob("https://git?ub.com/acme"),
            Pattern::glob("http*://github.com/acme"),
            Pattern::prefix("https://github.com/acme"),
            Pattern::prefix("https://"),
            Pattern::prefix("/"),
            Pattern::regex(".*"),
            Pattern::regex(""),
            Pattern::regex("a)|(b"),
            Pattern::regex("("),
        ] {
            assert_eq!(pattern.unwrap_err().code(), Code::PolicyPattern);
        }
    }
}
