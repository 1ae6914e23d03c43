//! The one place that says yes or no.

use super::action::Action;
use super::catalogue::Catalogue;
use super::pattern::Pattern;
use super::role::{Grant, Role, RoleName, Scope};
use super::selector::{Miss, Target};

/// A token that somebody acts with.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What it may be used for.
    pub scope: &'a Scope,
}

/// Who acts: a user, directly or with a token of theirs.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What the user is called, for sentences.
    pub name: &'a str,
    /// The roles that the user has now.
    pub roles: &'a [Role],
    /// The token, if it is one that acts. It allows nothing by itself.
    pub token: Option<Token<'a>>,
}

/// What allows something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Granted {
    /// The role; none where the grant is of a token's scope.
    pub role: Option<RoleName>,
    /// Its grant.
    pub grant: Grant,
    /// The pattern of it that reaches the action.
    pub pattern: Pattern,
}

/// A grant that would allow the action, but on something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NearMiss {
    /// Why not on this: at least one.
    pub misses: Vec<Miss>,
    /// The grant.
    pub granted: Granted,
}

/// Why a decision is what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// Allowed: this grant of a role does, and with a token also this one of its scope.
    Granted {
        /// Of a role.
        role: Granted,
        /// Of the token's scope.
        token: Option<Granted>,
    },
    /// Denied: there is no such action.
    UnknownAction,
    /// Denied: the user has no role.
    NoRole,
    /// Denied: no role allows it; this one would, on something else.
    NoGrant(Option<NearMiss>),
    /// Denied: the user may, but the token is not for this; it would be, on something else.
    OutsideToken(Option<NearMiss>),
}

/// Yes or no, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    because: Because,
}

impl Decision {
    /// Whether it may be done.
    #[must_use]
    pub const fn allowed(&self) -> bool {
        matches!(self.because, Because::Granted { .. })
    }

    /// Why.
    #[must_use]
    pub const fn because(&self) -> &Because {
        &self.because
    }

    /// The stable word for programs and for the record.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.because {
            Because::Granted { .. } => "granted",
            Because::UnknownAction => "unknown-action",
            Because::NoRole => "no-role",
            Because::NoGrant(_) => "no-grant",
            Because::OutsideToken(_) => "outside-token",
        }
    }
}

/// A grant that reaches the action, with the role that it is of and the pattern of it that does.
type Reaching<'a> = (Option<&'a RoleName>, &'a Grant, &'a Pattern);

fn granted((role, grant, pattern): Reaching<'_>) -> Granted {
    Granted { role: role.cloned(), grant: grant.clone(), pattern: pattern.clone() }
}

/// The least of the grants that allow the action, or the nearest of those that would on something else. "Least" so that
/// the order in which roles are stored means nothing.
fn search<'a>(
    grants: impl Iterator<Item = (Option<&'a RoleName>, &'a Grant)>,
    action: &Action,
    target: &Target,
) -> Result<Granted, Option<NearMiss>> {
    let mut found: Option<Reaching<'a>> = None;
    let mut near: Option<(Vec<Miss>, Reaching<'a>)> = None;
    for (role, grant) in grants {
        let Some(pattern) = grant.reaches(action) else { continue };
        let reaching = (role, grant, pattern);
        let misses = grant.on().misses(target);
        if misses.is_empty() {
            found = Some(found.map_or(reaching, |least| least.min(reaching)));
            continue;
        }
        let miss = (misses, reaching);
        if near.as_ref().is_none_or(|other| (miss.0.len(), &miss) < (other.0.len(), other)) {
            near = Some(miss);
        }
    }
    found
        .map(granted)
        .ok_or_else(|| near.map(|(misses, reaching)| NearMiss { misses, granted: granted(reaching) }))
}

fn of_roles<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (Option<&'a RoleName>, &'a Grant)> + use<'a> {
    subject.roles.iter().flat_map(|role| role.grants.grants().iter().map(|grant| (Some(&role.name), grant)))
}

/// Whether `subject` may do `action` to `target`, and why.
///
/// What changes something that selectors go by (a name, a tag) is to be decided twice, on the target as it is and as it
/// would be; what concerns two machines, for each of them. Both must be allowed.
#[must_use]
pub fn decide(catalogue: &Catalogue, subject: &Subject<'_>, action: &Action, target: &Target) -> Decision {
    Decision { because: because(catalogue, subject, action, target) }
}

fn because(catalogue: &Catalogue, subject: &Subject<'_>, action: &Action, target: &Target) -> Because {
    if !catalogue.has(action) {
        return Because::UnknownAction;
    }
    if subject.roles.is_empty() {
        return Because::NoRole;
    }
    let role = match search(of_roles(subject), action, target) {
        Ok(role) => role,
        Err(near) => return Because::NoGrant(near),
    };
    let Some(token) = subject.token else { return Because::Granted { role, token: None } };
    match search(token.scope.grants().iter().map(|grant| (None, grant)), action, target) {
        Ok(token) => Because::Granted { role, token: Some(token) },
        Err(near) => Because::OutsideToken(near),
    }
}

/// Whether there could be something that `subject` may do `action` to. For lists: who may not read any item is refused;
/// of anybody else each row is [decided](decide) by itself.
#[must_use]
pub fn somewhere(catalogue: &Catalogue, subject: &Subject<'_>, action: &Action) -> bool {
    let reaches = |grant: &Grant| grant.reaches(action).is_some();
    catalogue.has(action)
        && of_roles(subject).any(|(_, grant)| reaches(grant))
        && subject.token.is_none_or(|token| token.scope.grants().iter().any(reaches))
}
