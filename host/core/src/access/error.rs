//! What can be wrong with actions, roles and their parts.

use crate::name::InvalidName;

use super::selector::Attribute;

/// A text or a role that is refused. It is refused as a whole: half a role is another role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// A text that is not `resource:verb`.
    #[error(
        "{0:?} is no action; write `resource:verb`, such as `item:read` or `plugin.NAME:read`, in lower case"
    )]
    Action(String),
    /// A text that is no pattern of actions.
    #[error("{0:?} is no pattern of actions; write `item:read`, `item:*`, `*:read`, `*:*` or `plugin.*:*`")]
    Pattern(String),
    /// A pattern that can match none of the actions that there are.
    #[error("{text:?} matches no action; there are: {known}")]
    Matchless {
        /// What was given, cut after 128 characters.
        text: String,
        /// What could be meant.
        known: String,
    },
    /// A text that is no pattern of names.
    #[error("{0:?} is no pattern of names; write 1 to 128 of a-z, 0-9, ._+@/:- and `*`, such as `web-*`")]
    Glob(String),
    /// A text that names nothing that something is done to.
    #[error(
        "{0:?} names no target; write `host`, or once each `machine=`, `item=`, `scope=` and any `tag=`, with commas"
    )]
    Target(String),
    /// A selector with an empty list.
    #[error("the list of a selector is empty; name what it selects, or leave it out to select all")]
    NoGlobs,
    /// A grant of nothing.
    #[error("a grant has no actions; name some, or remove it")]
    NoActions,
    /// A grant whose selector is about what its actions do not have.
    #[error(
        "nothing that this grant allows is done to something that has the attribute `{0}`; remove it from the selector"
    )]
    Pointless(Attribute),
    /// More of something than is looked at.
    #[error("{count} {what} are too many; {limit} are allowed, and a pattern may stand for several")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many may be.
        limit: usize,
    },
    /// An action of a plugin that is not in its own name.
    #[error("`{0}` is no action of a plugin; those are called `plugin.NAME:verb`")]
    NotOfAPlugin(String),
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

impl AccessError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Action(_) => "invalid-action",
            Self::Pattern(_) => "invalid-action-pattern",
            Self::Matchless { .. } => "unknown-action",
            Self::Glob(_) => "invalid-name-pattern",
            Self::Target(_) => "invalid-target",
            Self::NoGlobs => "empty-selector",
            Self::NoActions => "empty-grant",
            Self::Pointless(_) => "pointless-selector",
            Self::TooMany { .. } => "too-many-grants",
            Self::NotOfAPlugin(_) => "not-of-a-plugin",
            Self::Name(error) => error.code(),
        }
    }
}

/// A text as it is repeated in an error: its first 128 characters.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(128).collect()
}

/// Refuses more than `limit`.
pub(super) const fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), AccessError> {
    if count > limit { Err(AccessError::TooMany { what, count, limit }) } else { Ok(()) }
}
