//! The name of something that can be done.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::name::PluginName;

use super::error::{AccessError, cut};

/// The longest action and the longest pattern of actions, in bytes.
pub const MAX_ACTION: usize = 192;

/// What starts the resource of a plugin's action.
pub(super) const OF_A_PLUGIN: &str = "plugin.";

/// Whether `text` is a word: 1 to 32 of `a-z`, `0-9` and `-`, a letter first.
pub(super) fn is_word(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether `text` is a resource: a word, or `plugin.` and the name of a plugin.
pub(super) fn is_resource(text: &str) -> bool {
    match text.strip_prefix(OF_A_PLUGIN) {
        Some(plugin) => plugin.parse::<PluginName>().is_ok(),
        None => is_word(text),
    }
}

/// Something that can be done: `resource:verb`, or `plugin.NAME:verb` for what a plugin adds.
///
/// That a text is an action does not say that there is one of that name: that is the catalogue's to say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Action {
    resource: String,
    verb: String,
}

impl Action {
    /// What it is done to.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// What is done.
    #[must_use]
    pub fn verb(&self) -> &str {
        &self.verb
    }

    /// Whether it is a plugin's.
    #[must_use]
    pub fn of_a_plugin(&self) -> bool {
        self.resource.starts_with(OF_A_PLUGIN)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource, self.verb)
    }
}

impl FromStr for Action {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((resource, verb)) if text.len() <= MAX_ACTION && is_resource(resource) && is_word(verb) => {
                Ok(Self { resource: resource.to_owned(), verb: verb.to_owned() })
            }
            _ => Err(AccessError::Action(cut(text))),
        }
    }
}

impl TryFrom<String> for Action {
    type Error = AccessError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Action> for String {
    fn from(action: Action) -> Self {
        action.to_string()
    }
}
