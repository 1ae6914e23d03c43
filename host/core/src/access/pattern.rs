//! What stands for several actions in a grant.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::action::{Action, MAX_ACTION, OF_A_PLUGIN, is_resource, is_word};
use super::catalogue::{BUILT_IN, words};
use super::error::{AccessError, cut};

/// Which resources a pattern reaches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Resources {
    /// This one.
    One(String),
    /// `*`: all that the host has, and none of a plugin. What a plugin calls `read` is for the plugin to say, so
    /// nobody gets it by the way.
    Host,
    /// `plugin.*`: those of all plugins.
    Plugins,
}

/// Actions that a grant allows: `item:read`, `item:*`, `*:read`, `*:*`, and for what plugins add `plugin.NAME:read`,
/// `plugin.NAME:*`, `plugin.*:read`, `plugin.*:*`.
///
/// A pattern of the host's actions matches at least one of the catalogue; a plugin's may be granted before the plugin is
/// there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    resources: Resources,
    /// None for all.
    verb: Option<String>,
}

impl Pattern {
    /// Whether it reaches `action`.
    #[must_use]
    pub fn matches(&self, action: &Action) -> bool {
        let resource = match &self.resources {
            Resources::One(name) => name == action.resource(),
            Resources::Host => !action.of_a_plugin(),
            Resources::Plugins => action.of_a_plugin(),
        };
        resource && self.verb.as_deref().is_none_or(|verb| verb == action.verb())
    }

    /// Whether it can reach actions of plugins.
    pub(super) fn of_plugins(&self) -> bool {
        match &self.resources {
            Resources::One(name) => name.starts_with(OF_A_PLUGIN),
            Resources::Host => false,
            Resources::Plugins => true,
        }
    }

    /// Whether it reaches this action of the catalogue.
    pub(super) fn reaches(&self, resource: &str, verb: &str) -> bool {
        let one = match &self.resources {
            Resources::One(name) => name == resource,
            Resources::Host => true,
            Resources::Plugins => false,
        };
        one && self.verb.as_deref().is_none_or(|word| word == verb)
    }

    /// Refuses what matches nothing: most likely a slip of the pen.
    fn known(self, text: &str) -> Result<Self, AccessError> {
        let some = |resource: &str, verb: &str| self.reaches(resource, verb);
        if self.of_plugins() || words().any(|(resource, verb)| some(resource, verb)) {
            return Ok(self);
        }
        let resource = match &self.resources {
            Resources::One(name) => BUILT_IN.iter().find(|resource| resource.name == name),
            _ => None,
        };
        let known: Vec<String> = match (resource, &self.resources) {
            (Some(resource), _) => resource.actions().collect(),
            (None, Resources::One(_)) => {
                BUILT_IN.iter().map(|resource| format!("{}:*", resource.name)).collect()
            }
            (None, _) => {
                let mut verbs: Vec<String> = words().map(|(_, verb)| format!("*:{verb}")).collect();
                verbs.sort();
                verbs.dedup();
                verbs
            }
        };
        Err(AccessError::Matchless { text: cut(text), known: known.join(", ") })
    }
}

impl FromStr for Pattern {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || AccessError::Pattern(cut(text));
        let (resource, verb) = text.split_once(':').ok_or_else(refuse)?;
        let resources = match resource {
            "*" => Resources::Host,
            "plugin.*" => Resources::Plugins,
            one if is_resource(one) => Resources::One(one.to_owned()),
            _ => return Err(refuse()),
        };
        let verb = match verb {
            "*" => None,
            word if is_word(word) => Some(word.to_owned()),
            _ => return Err(refuse()),
        };
        if text.len() > MAX_ACTION {
            return Err(refuse());
        }
        Self { resources, verb }.known(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = match &self.resources {
            Resources::One(name) => name,
            Resources::Host => "*",
            Resources::Plugins => "plugin.*",
        };
        write!(f, "{resource}:{}", self.verb.as_deref().unwrap_or("*"))
    }
}

impl TryFrom<String> for Pattern {
    type Error = AccessError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}
