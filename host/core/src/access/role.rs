//! Roles: names for what may be done, kept as data.

use serde::{Deserialize, Serialize};

pub use crate::name::RoleName;

use super::action::Action;
use super::catalogue::attributes;
use super::error::{AccessError, at_most};
use super::pattern::Pattern;
use super::selector::{Attribute, Selector};

/// Grants of one role, or of the scope of one token, at most.
pub const MAX_GRANTS: usize = 256;

/// Patterns in one grant, at most.
pub const MAX_PATTERNS: usize = 256;

/// Roles of one user, at most. More are refused where they are given; [`super::decide`] reads what it gets.
pub const MAX_ROLES: usize = 64;

/// Some actions on some targets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "GrantForm", into = "GrantForm")]
pub struct Grant {
    actions: Vec<Pattern>,
    on: Selector,
}

/// A grant as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantForm {
    actions: Vec<Pattern>,
    #[serde(default, skip_serializing_if = "Selector::is_empty")]
    on: Selector,
}

impl Grant {
    /// These actions, on what is selected.
    ///
    /// # Errors
    /// When there are none or too many, or the selector is on something that none of them is about.
    pub fn new(actions: Vec<Pattern>, on: Selector) -> Result<Self, AccessError> {
        at_most("actions in a grant", actions.len(), MAX_PATTERNS)?;
        if actions.is_empty() {
            return Err(AccessError::NoActions);
        }
        let about = |attribute| actions.iter().any(|pattern| attributes(pattern).contains(&attribute));
        let pointless = |attribute: &Attribute| on.of(*attribute).is_some() && !about(*attribute);
        match Attribute::ALL.into_iter().find(pointless) {
            Some(attribute) => Err(AccessError::Pointless(attribute)),
            None => Ok(Self { actions, on }),
        }
    }

    /// The least of its patterns that reach `action`.
    #[must_use]
    pub fn reaches(&self, action: &Action) -> Option<&Pattern> {
        self.actions.iter().filter(|pattern| pattern.matches(action)).min()
    }

    /// Which actions.
    #[must_use]
    pub fn actions(&self) -> &[Pattern] {
        &self.actions
    }

    /// On what.
    #[must_use]
    pub const fn on(&self) -> &Selector {
        &self.on
    }
}

impl TryFrom<GrantForm> for Grant {
    type Error = AccessError;

    fn try_from(form: GrantForm) -> Result<Self, Self::Error> {
        Self::new(form.actions, form.on)
    }
}

impl From<Grant> for GrantForm {
    fn from(grant: Grant) -> Self {
        Self { actions: grant.actions, on: grant.on }
    }
}

/// What a token may be used for, within what its user may do. Without grants it is for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Grant>", into = "Vec<Grant>")]
pub struct Scope(Vec<Grant>);

impl Scope {
    /// Its grants.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.0
    }
}

impl TryFrom<Vec<Grant>> for Scope {
    type Error = AccessError;

    fn try_from(grants: Vec<Grant>) -> Result<Self, Self::Error> {
        at_most("grants", grants.len(), MAX_GRANTS).map(|()| Self(grants))
    }
}

impl From<Scope> for Vec<Grant> {
    fn from(scope: Scope) -> Self {
        scope.0
    }
}

/// Grants under a name, which users are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// What it is called; unique.
    pub name: RoleName,
    /// What it is for, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// What it allows.
    pub grants: Scope,
}

/// The roles that are there from the start: owner, admin, operator, viewer. They are data of the same form as any other,
/// and are not changed.
#[must_use]
pub fn built_in_roles() -> Vec<Role> {
    // Read at each start, so that the form is the only one. A test holds that it can be read; if it could not, nobody
    // would have a role and nothing would be allowed.
    serde_json::from_str(include_str!("roles.json")).unwrap_or_default()
}
