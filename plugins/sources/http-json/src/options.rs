//! An item's options: paths and patterns, compiled.

use serde::Deserialize;
use serde_json::Value;
use serde_json_path::{JsonPath, LocatedNode};
use waystation_document::{Order, Pattern, VersionPattern};
use waystation_listing::short;

/// How releases are found in a document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Selects one text or one object per release.
    pub(crate) versions: Path,
    /// Where the version stands in what was selected.
    #[serde(default)]
    pub(crate) version: VersionAt,
    /// Finds the version in the text.
    #[serde(default)]
    pub(crate) pattern: Option<VersionPattern>,
    #[serde(default)]
    pub(crate) date: Option<Path>,
    #[serde(default)]
    pub(crate) url: Option<Path>,
    #[serde(default)]
    pub(crate) channel: Option<Path>,
    #[serde(default)]
    pub(crate) prerelease: Option<Path>,
    #[serde(default)]
    pub(crate) withdrawn: Option<Path>,
    #[serde(default)]
    pub(crate) prerelease_pattern: Option<Pattern>,
    #[serde(default)]
    pub(crate) assets: Option<Assets>,
    /// What makes a release the newest.
    #[serde(default)]
    pub(crate) order: Order,
}

/// How the files of a release are found in its object.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assets {
    /// Selects one address, or one object per file.
    pub(crate) select: Path,
    #[serde(default)]
    pub(crate) url: Option<Path>,
    #[serde(default)]
    pub(crate) name: Option<Path>,
    #[serde(default)]
    pub(crate) size: Option<Path>,
    #[serde(default)]
    pub(crate) sha256: Option<Path>,
    #[serde(default)]
    pub(crate) sha512: Option<Path>,
    /// Only files whose names it finds count.
    #[serde(default)]
    pub(crate) pattern: Option<Pattern>,
}

/// Where a version stands.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum VersionAt {
    /// What was selected is itself the text.
    #[default]
    Here,
    /// In the name of the member that was selected.
    Key,
    /// At a path within the object that was selected.
    Path(Path),
}

impl TryFrom<String> for VersionAt {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "@key" {
            return Ok(Self::Key);
        }
        Path::try_from(text).map(Self::Path)
    }
}

/// A JSONPath (RFC 9535), with its text for messages.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Path {
    text: String,
    compiled: JsonPath,
}

impl Path {
    /// Everything that the path selects in `value`, with its place.
    pub(crate) fn all<'v>(&'v self, value: &'v Value) -> Vec<LocatedNode<'v>> {
        self.compiled.query_located(value).all()
    }

    /// The first thing that the path selects in `value`; null counts as nothing.
    pub(crate) fn first<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.compiled.query(value).first().filter(|value| !value.is_null())
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const MAX_PATH: usize = 1024;
        if text.len() > MAX_PATH {
            return Err(format!("a path is longer than {MAX_PATH} bytes"));
        }
        match JsonPath::parse(&text) {
            Ok(compiled) => Ok(Self { text, compiled }),
            Err(error) => Err(format!(
                "`{}` is not a JSONPath such as `$.releases[*].name`: {error}",
                short(&text, 120)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use waystation_update_source::plugin::config::options;

    #[test]
    fn paths_are_those_of_rfc_9535() {
        let value = json!({"a": [{"b": 1, "c": true}, {"b": 2}], "d": null});
        for (path, count) in [
            ("$", 1),
            ("$.a[*].b", 2),
            ("$..b", 2),
            ("$.a[?@.c]", 1),
            ("$.a[?@.b > 1]", 1),
            ("$.a[-1:]", 1),
            ("$['a'][0]['b']", 1),
            ("$.a[?length(@.b) == 1]", 0),
            ("$.x", 0),
            ("$.*", 2),
        ] {
            assert_eq!(Path::try_from(path.to_owned()).unwrap().all(&value).len(), count, "{path}");
        }
        assert!(Path::try_from("$.d".to_owned()).unwrap().first(&value).is_none());
    }

    #[test]
    fn options_that_do_not_fit_say_where() {
        for (json, part) in [
            ("{}", "versions"),
            (r#"{"versions":"releases[*]"}"#, "`releases[*]`"),
            (r#"{"versions":"$.a","version":"key"}"#, "`key`"),
            (r#"{"versions":"$.a","pattern":"v.*"}"#, "group"),
            (r#"{"versions":"$.a","order":"best"}"#, "order"),
            (r#"{"versions":"$.a","assets":{"url":"$.u"}}"#, "select"),
            (r#"{"versions":"$.a","dates":"$.u"}"#, "dates"),
        ] {
            let error = options::<Options>(json).unwrap_err();
            assert_eq!(error.code, "bad-input");
            assert!(error.message.contains(part), "{}", error.message);
        }
        let long = format!("$.{}", "a".repeat(2000));
        assert!(Path::try_from(long).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_path_makes_it_panic(text in ".{0,40}", path in "\\$[a.\\[\\]*?@'\",:0-9()<=>&|!-]{0,20}") {
            let value = json!({"a": [1, {"a": "x"}, [[]]]});
            for text in [text, path] {
                if let Ok(path) = Path::try_from(text) {
                    let _ = (path.all(&value), path.first(&value));
                }
            }
        }
    }
}
