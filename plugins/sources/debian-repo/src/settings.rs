//! The operator's configuration, checked.

use crate::keyring::Keyring;
use crate::problem::Problem;
use serde::Deserialize;
use waystation_listing::short;
use waystation_update_source::Item;
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::config::options;
use waystation_update_source::plugin::http::BaseUrl;

/// The configuration as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    base_url: BaseUrl,
    suite: String,
    #[serde(default = "default_components")]
    components: Vec<String>,
    #[serde(default = "default_architecture")]
    architecture: String,
    #[serde(default)]
    signed_by: OneOrMore,
    #[serde(default)]
    allow_unsigned: bool,
    #[serde(default)]
    expected_suite: Option<String>,
    #[serde(default)]
    max_age_days: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl OneOrMore {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

fn default_components() -> Vec<String> {
    vec!["main".to_owned()]
}

fn default_architecture() -> String {
    "amd64".to_owned()
}

/// Whom this plugin believes. There is no third way: either keys vouch for the archive, or the operator said
/// that nobody has to.
#[derive(Debug)]
pub(crate) enum Trust {
    /// Documents must be signed by one of these keys.
    Keys(Keyring),
    /// Documents are taken as they come.
    Anybody,
}

/// One suite of one archive for one architecture.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where the archive's `dists` and `pool` are.
    pub base_url: BaseUrl,
    /// The directory below `dists`.
    pub suite: Vec<String>,
    /// At least one.
    pub components: Vec<String>,
    /// As dpkg names it, e.g. `amd64`.
    pub architecture: String,
    /// See [`Trust`].
    pub trust: Trust,
    /// See [`ExpectedSuite`].
    pub expected_suite: ExpectedSuite,
    /// See [`Age`].
    pub age: Age,
}

/// What the Release document must call itself, as suite or as code name; `None`: it may be nameless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpectedSuite(Option<String>);

impl ExpectedSuite {
    /// An expectation; the empty text stands for documents that have no name.
    pub(crate) fn new(name: &str) -> Self {
        Self(Some(name.to_owned()).filter(|name| !name.is_empty()))
    }

    /// Whether one of the names is the expected one.
    pub(crate) fn accepts(&self, names: &[Option<&str>]) -> bool {
        match &self.0 {
            Some(expected) => names.contains(&Some(expected.as_str())),
            None => names.iter().all(Option::is_none),
        }
    }
}

impl std::fmt::Display for ExpectedSuite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("(no name)"))
    }
}

/// How old a Release document may be, for archives that set no `Valid-Until`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Age(Option<u32>);

impl Age {
    /// In days; none: any age.
    pub(crate) const fn days(days: Option<u32>) -> Self {
        Self(days)
    }

    /// The time at which a document of that date is too old.
    pub(crate) fn limit(self, date: u64) -> Option<u64> {
        self.0.map(|days| date.saturating_add(u64::from(days) * 86_400))
    }
}

impl TryFrom<Config> for Settings {
    type Error = Problem;

    fn try_from(config: Config) -> Result<Self, Problem> {
        let keys = config.signed_by.into_vec();
        let trust = match (keys.is_empty(), config.allow_unsigned) {
            (false, false) => Trust::Keys(Keyring::parse(&keys)?),
            (true, true) => Trust::Anybody,
            (true, false) => {
                return Err(bad(
                    "no key is configured: put the archive's OpenPGP public key into `signed_by` (or, to believe whatever the mirror sends, set `allow_unsigned = true`)",
                ));
            }
            (false, true) => {
                return Err(bad(
                    "`signed_by` and `allow_unsigned = true` contradict each other; remove one of them",
                ));
            }
        };
        if config.components.is_empty() {
            return Err(bad("`components` is empty; name at least one, such as `main`"));
        }
        let expected = config.expected_suite.as_deref().unwrap_or(&config.suite).to_owned();
        Ok(Self {
            base_url: config.base_url,
            suite: path("suite", &config.suite)?,
            components: config
                .components
                .into_iter()
                .map(|component| path("components", &component).map(|_| component))
                .collect::<Result<_, _>>()?,
            architecture: word("architecture", config.architecture)?,
            trust,
            expected_suite: ExpectedSuite::new(&expected),
            age: Age::days(config.max_age_days),
        })
    }
}

/// A relative path of plain names.
fn path(key: &str, text: &str) -> Result<Vec<String>, Problem> {
    text.split('/').map(|segment| word(key, segment.to_owned())).collect()
}

/// A name that cannot leave its place in a path.
fn word(key: &str, text: String) -> Result<String, Problem> {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '~'));
    if text.is_empty() || !plain || text.starts_with('.') {
        return Err(bad(&format!(
            "`{key}` holds `{}`, which is no name (letters, digits, `.`, `-`, `_`, `+`, `~`)",
            short(&text, 80)
        )));
    }
    Ok(text)
}

/// Items have no options of their own: what is asked is decided by the locator alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {}

/// The package that an item asks for.
pub(crate) fn question(item: &Item) -> Result<&str, Error> {
    let Options {} = options(&item.options)?;
    Ok(package(&item.locator)?)
}

/// A package's name (Debian Policy 5.6.1), with the larger alphabet that other archives use.
fn package(locator: &str) -> Result<&str, Problem> {
    let good = locator.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'))
        && locator.starts_with(|c: char| c.is_ascii_alphanumeric())
        && locator.len() <= 255;
    if good {
        return Ok(locator);
    }
    Err(Problem::BadInput(format!(
        "the locator `{}` is not the name of a package, such as `nginx` or `libstdc++6`",
        short(locator, 120)
    )))
}

fn bad(message: &str) -> Problem {
    Problem::BadConfig(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Result<Settings, Problem> {
        let config: Config = serde_json::from_str(json).unwrap();
        Settings::try_from(config)
    }

    #[test]
    fn nothing_is_believed_by_default() {
        let problem = settings(r#"{"base_url":"https://a.example/debian","suite":"stable"}"#).unwrap_err();
        assert_eq!(problem.code(), "bad-config");
        assert!(problem.to_string().contains("signed_by"), "{problem}");
    }

    #[test]
    fn defaults_and_paths() {
        let made = settings(
            r#"{"base_url":"https://a.example/debian/","suite":"bookworm/updates","allow_unsigned":true,"max_age_days":3}"#,
        )
        .unwrap();
        assert_eq!(made.base_url.as_str(), "https://a.example/debian");
        assert_eq!(made.suite, ["bookworm", "updates"]);
        assert_eq!((made.components, made.architecture.as_str()), (vec!["main".to_owned()], "amd64"));
        assert_eq!(made.expected_suite.to_string(), "bookworm/updates");
        assert_eq!(made.age.limit(1), Some(3 * 86_400 + 1));
        assert!(matches!(made.trust, Trust::Anybody));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_key() {
        let cases = [
            (r#""suite":"../x","allow_unsigned":true"#, "suite"),
            (r#""suite":"","allow_unsigned":true"#, "suite"),
            (r#""suite":"a//b","allow_unsigned":true"#, "suite"),
            (r#""suite":"s","components":[],"allow_unsigned":true"#, "components"),
            (r#""suite":"s","components":["a?b"],"allow_unsigned":true"#, "components"),
            (r#""suite":"s","architecture":"a/b","allow_unsigned":true"#, "architecture"),
            (r#""suite":"s","signed_by":"nonsense!","allow_unsigned":false"#, "signed_by"),
            (r#""suite":"s","signed_by":["AAAA"]"#, "signed_by"),
            (r#""suite":"s","signed_by":"AAAA","allow_unsigned":true"#, "contradict"),
        ];
        for (rest, part) in cases {
            let problem = settings(&format!(r#"{{"base_url":"https://a.example",{rest}}}"#)).unwrap_err();
            assert_eq!(problem.code(), "bad-config", "{rest}");
            assert!(problem.to_string().contains(part), "{rest}: {problem}");
        }
        assert!(
            serde_json::from_str::<Config>(r#"{"base_url":"https://a.example","suite":"s","x":1}"#).is_err()
        );
        assert!(serde_json::from_str::<Config>(r#"{"base_url":"ftp://a.example","suite":"s"}"#).is_err());
    }

    #[test]
    fn package_names() {
        for good in ["nginx", "libstdc++6", "0ad", "a.b_c"] {
            assert_eq!(package(good).unwrap(), good);
        }
        for bad in ["", "+a", "a b", "a/b", "a:amd64", "ä", &"a".repeat(256)] {
            assert_eq!(package(bad).unwrap_err().code(), "bad-input", "{bad}");
        }
    }
}
