//! The operator's configuration, from JSON to [`Settings`].

use crate::keyring::Keyring;
use crate::problem::Problem;
use crate::settings::{Age, ExpectedSuite, Settings, Suite, Trust};
use serde::Deserialize;
use serde_json::Value;
use std::rc::Rc;
use waystation_listing::short;
use waystation_update_source::plugin::http::BaseUrl;

/// The most suites that one source reads: each costs a Release document per check.
const MAX_SUITES: usize = 32;

/// The configuration as it is written: several archives, or the settings of one at the top.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "default_architecture")]
    architecture: String,
    archives: Vec<ArchiveConfig>,
}

/// One archive as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchiveConfig {
    base_url: BaseUrl,
    suite: OneOrMore,
    #[serde(default = "default_components")]
    components: Vec<String>,
    #[serde(default)]
    signed_by: OneOrMore,
    #[serde(default)]
    allow_unsigned: bool,
    #[serde(default)]
    expected_suite: Option<String>,
    #[serde(default)]
    max_age_days: Option<u32>,
    #[serde(default)]
    optional: bool,
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

impl Settings {
    /// Reads the plugin's configuration.
    pub(crate) fn read(document: Value) -> Result<Self, Problem> {
        let config = Config::read(document)
            .map_err(|error| bad(&format!("the configuration does not fit: {error}")))?;
        let mut suites = Vec::new();
        for archive in config.archives {
            suites.extend(archive.suites()?);
        }
        if suites.is_empty() {
            return Err(bad("no suite is configured; name at least one, such as `stable`"));
        }
        if suites.len() > MAX_SUITES {
            return Err(bad(&format!(
                "{} suites are configured; one source reads at most {MAX_SUITES}, so make several of them",
                suites.len()
            )));
        }
        Ok(Self { suites, architecture: word("architecture", config.architecture)? })
    }
}

impl Config {
    fn read(mut document: Value) -> serde_json::Result<Self> {
        if document.get("archives").is_some() {
            return serde_json::from_value(document);
        }
        let architecture = document.as_object_mut().and_then(|object| object.remove("architecture"));
        Ok(Self {
            architecture: match architecture {
                Some(name) => serde_json::from_value(name)?,
                None => default_architecture(),
            },
            archives: vec![serde_json::from_value(document)?],
        })
    }
}

impl ArchiveConfig {
    fn suites(self) -> Result<Vec<Suite>, Problem> {
        let trust = Rc::new(trust(&self.signed_by.into_vec(), self.allow_unsigned)?);
        if self.components.is_empty() {
            return Err(bad("`components` is empty; name at least one, such as `main`"));
        }
        for component in &self.components {
            check_path("components", component)?;
        }
        let names = self.suite.into_vec();
        if self.expected_suite.is_some() && names.len() > 1 {
            return Err(bad(
                "`expected_suite` is the name of one suite, but `suite` names several; make an archive of each",
            ));
        }
        let suite = |name: String| {
            check_path("suite", &name)?;
            Ok(Suite {
                base_url: self.base_url.clone(),
                components: self.components.clone(),
                trust: Rc::clone(&trust),
                expected: ExpectedSuite::new(self.expected_suite.as_deref().unwrap_or(&name)),
                age: Age::days(self.max_age_days),
                optional: self.optional,
                name,
            })
        };
        names.into_iter().map(suite).collect()
    }
}

fn trust(keys: &[String], allow_unsigned: bool) -> Result<Trust, Problem> {
    match (keys.is_empty(), allow_unsigned) {
        (false, false) => Ok(Trust::Keys(Keyring::parse(keys)?)),
        (true, true) => Ok(Trust::Anybody),
        (true, false) => Err(bad(
            "no key is configured: put the archive's OpenPGP public key into `signed_by` (or, to believe whatever the mirror sends, set `allow_unsigned = true`)",
        )),
        (false, true) => {
            Err(bad("`signed_by` and `allow_unsigned = true` contradict each other; remove one of them"))
        }
    }
}

/// A relative path of plain names.
fn check_path(key: &str, text: &str) -> Result<(), Problem> {
    text.split('/').try_for_each(|segment| word(key, segment.to_owned()).map(drop))
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

fn bad(message: &str) -> Problem {
    Problem::BadConfig(message.to_owned())
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
