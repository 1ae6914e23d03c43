//! Names: of the plugin a client belongs to, and of a credential.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::EgressError;

/// The name of the plugin a client belongs to, as it stands in `[plugins.NAME]`. Used in sentences and
/// records only; nothing is decided on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginName(Arc<str>);

impl PluginName {
    /// Takes the name as it is.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a TOML key: bare where it can be, quoted where it must be.
    pub(crate) fn toml_key(&self) -> String {
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !self.0.is_empty() && self.0.chars().all(bare) {
            self.0.to_string()
        } else {
            format!("{:?}", self.0)
        }
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a credential: 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-`, the first a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CredentialName(Box<str>);

impl CredentialName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CredentialName {
    type Err = EgressError;

    fn from_str(given: &str) -> Result<Self, EgressError> {
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let fits = (1..=64).contains(&given.len())
            && given.starts_with(lower)
            && given.chars().all(|c| lower(c) || matches!(c, '.' | '_' | '-'));
        // The refused text is not repeated: somebody may have put the secret where its name belongs.
        if fits {
            Ok(Self(given.into()))
        } else {
            Err(EgressError::BadCredential {
                name: None,
                why: "a credential's name has 1 to 64 of a-z, 0-9, `.`, `_`, `-` and starts with a letter or \
                      digit",
            })
        }
    }
}

impl TryFrom<String> for CredentialName {
    type Error = EgressError;

    fn try_from(given: String) -> Result<Self, EgressError> {
        given.parse()
    }
}

impl From<CredentialName> for String {
    fn from(name: CredentialName) -> Self {
        name.0.into_string()
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_slash_is_quoted_as_a_key() {
        assert_eq!(PluginName::new("github-releases").toml_key(), "github-releases");
        assert_eq!(PluginName::new("acme/github").toml_key(), "\"acme/github\"");
        assert_eq!(PluginName::new("").toml_key(), "\"\"");
    }

    #[test]
    fn credential_names_have_one_spelling() {
        for good in ["github", "a", "smtp.main_2", &"a".repeat(64)] {
            assert_eq!(good.parse::<CredentialName>().unwrap().as_str(), good);
        }
        for bad in ["", "GitHub", "-x", "a b", "a/b", "ä", &"a".repeat(65)] {
            let error = bad.parse::<CredentialName>().unwrap_err();
            assert_eq!(error.code(), "bad-credential", "{bad}");
        }
    }

    #[test]
    fn a_secret_in_the_place_of_a_name_is_not_repeated() {
        let error = "ghp_SECRETSECRET".parse::<CredentialName>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SECRET"));
    }
}
