//! Users and services, as those see them who run the host.

use jiff::Timestamp;

use crate::access::Scope;
use crate::id::{ApiTokenId, IdentityId, LoginId, UserId};
use crate::name::{ProviderName, RoleName, TokenName, UserName};

/// API tokens of one user, at most.
pub const MAX_TOKENS: u32 = 100;

/// Of how many subjects of providers one user can be.
pub const MAX_IDENTITIES: u32 = 10;

/// The longest subject, in bytes (OpenID Connect Core 1.0, section 2).
pub const MAX_SUBJECT: usize = 255;

/// A person, or a service: something that acts with API tokens only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Which stays, whatever they are called.
    pub id: UserId,
    /// What they log in as.
    pub name: UserName,
    /// It is a service.
    pub service: bool,
    /// What they were given, by name.
    pub roles: Vec<RoleName>,
    /// A password was set. Until then a link is waiting for them.
    pub password: bool,
    /// A second factor is asked for.
    pub totp: bool,
    /// How many identities they have at providers, to log in with.
    pub identities: u32,
    /// Since when.
    pub created_at: Timestamp,
    /// Since when they are locked out.
    pub locked_at: Option<Timestamp>,
}

/// One login that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Which.
    pub id: LoginId,
    /// By what: `password`, `link`, `device`, `oidc:PROVIDER`.
    pub method: String,
    /// Where it was begun from.
    pub address: Option<String>,
    /// What it was begun with, as that says of itself.
    pub client: Option<String>,
    /// Since when.
    pub started_at: Timestamp,
    /// Until when, if it is not refreshed.
    pub expires_at: Timestamp,
}

/// An API token, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Which.
    pub id: ApiTokenId,
    /// Whose.
    pub user: UserName,
    /// What it is called.
    pub name: TokenName,
    /// What it may be used for, within what its user may do.
    pub scope: Scope,
    /// Tells tokens apart for people: the start of its digest.
    pub fingerprint: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// When it was last used, within a minute.
    pub used_at: Option<Timestamp>,
}

/// Who somebody is to a provider, as it says: case matters, and it means nothing elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

/// A text that is no subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a subject is 1 to {MAX_SUBJECT} visible ASCII characters, as the provider has it; copy it whole")]
pub struct InvalidSubject;

impl Subject {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Subject {
    type Err = InvalidSubject;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = (1..=MAX_SUBJECT).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if good { Ok(Self(text.to_owned())) } else { Err(InvalidSubject) }
    }
}

/// Who a user is at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Which.
    pub id: IdentityId,
    /// The provider, as the configuration calls it.
    pub provider: ProviderName,
    /// The provider, as it calls itself. Under another one, the subject is somebody else.
    pub issuer: String,
    /// Who they are to it.
    pub subject: Subject,
    /// They became a user by coming: nobody bound it to them.
    pub joined: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// When somebody last logged in by it.
    pub used_at: Option<Timestamp>,
}

/// Why somebody whom a provider vouches for does not get in. Told to the record, not to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdmitted {
    /// Nobody bound this subject to a user, and nobody becomes one by coming.
    #[error("no user has this subject")]
    Unknown,
    /// None of the values that are asked for is in the claim.
    #[error("the claim has none of the values that it takes")]
    NotAMember,
    /// The user is locked out.
    #[error("the user is locked out")]
    Locked,
    /// What they would be called is no name of a user.
    #[error("the claim that they would be named by is no name of a user")]
    NoName,
    /// Somebody has the name that they would get.
    #[error("another user has the name that they would get")]
    NameTaken,
    /// A role that they would get is not there.
    #[error("a role that they would get is not there")]
    NoRole,
}

impl NotAdmitted {
    /// The stable word for the record.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "unknown-subject",
            Self::NotAMember => "not-a-member",
            Self::Locked => "user-locked",
            Self::NoName => "no-user-name",
            Self::NameTaken => "user-taken",
            Self::NoRole => "no-such-role",
        }
    }
}

/// Why something about users is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserRefusal {
    /// Nobody of that name.
    #[error("there is no such user; `waystation user list` shows them")]
    NoUser,
    /// The name is taken.
    #[error("a user of that name is there already; choose another name")]
    UserTaken,
    /// Nobody would be left who may give roles.
    #[error("this is the last owner who can log in; make another one first")]
    LastOwner,
    /// A role that there is not.
    #[error("there is no role `{0}`; `waystation role list` shows them")]
    NoRole(RoleName),
    /// More roles than a user has.
    #[error("a user has at most {} roles; put several together in one", crate::access::MAX_ROLES)]
    TooManyRoles,
    /// One of the roles that are in the program.
    #[error("`{0}` is built in and stays as it is; make a role of your own")]
    BuiltInRole(RoleName),
    /// A role that users have.
    #[error("{0} users have this role; take it from them first")]
    RoleInUse(u64),
    /// What only a person can have.
    #[error("this is a service; it acts with API tokens only")]
    Service,
    /// No such token, or somebody else's.
    #[error("there is no such token")]
    NoToken,
    /// The user has one of that name.
    #[error("there is a token of that name already; remove it first, or choose another name")]
    TokenTaken,
    /// More tokens than a user has.
    #[error("a user has at most {MAX_TOKENS} tokens; remove those that are not used")]
    TooManyTokens,
    /// No such login, or somebody else's.
    #[error("there is no such login, or it has ended")]
    NoLogin,
    /// No such identity, or another user's.
    #[error("this user has no such identity; `waystation user show` lists them")]
    NoIdentity,
    /// Somebody is bound to this subject.
    #[error("a user has this identity already; unbind it there first")]
    IdentityTaken,
    /// More identities than a user has.
    #[error("a user has at most {MAX_IDENTITIES} identities; unbind those that are not used")]
    TooManyIdentities,
    /// A second factor that is asked for already.
    #[error("a second factor is set up already; turn it off first")]
    TotpOn,
    /// No second factor is set up, or waits to be.
    #[error("no second factor is being set up; start with that")]
    TotpOff,
}

impl UserRefusal {
    /// The stable word for programs and for the record.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoUser => "no-such-user",
            Self::UserTaken => "user-taken",
            Self::LastOwner => "last-owner",
            Self::NoRole(_) => "no-such-role",
            Self::TooManyRoles => "too-many-roles",
            Self::BuiltInRole(_) => "built-in-role",
            Self::RoleInUse(_) => "role-in-use",
            Self::Service => "is-a-service",
            Self::NoToken => "no-such-token",
            Self::TokenTaken => "token-taken",
            Self::TooManyTokens => "too-many-tokens",
            Self::NoLogin => "no-such-login",
            Self::NoIdentity => "no-such-identity",
            Self::IdentityTaken => "identity-taken",
            Self::TooManyIdentities => "too-many-identities",
            Self::TotpOn => "second-factor-on",
            Self::TotpOff => "second-factor-off",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_taken_as_it_is_or_not_at_all() {
        for good in ["a", "A", "auth0|5f7c", "https://id.example/u?x=1", &"x".repeat(MAX_SUBJECT)] {
            assert_eq!(good.parse::<Subject>().unwrap().as_str(), good);
        }
        assert_ne!("a".parse::<Subject>(), "A".parse::<Subject>());
        for bad in ["", " ", "a b", "a\0", "a\n", "ä", &"x".repeat(MAX_SUBJECT + 1)] {
            assert_eq!(bad.parse::<Subject>(), Err(InvalidSubject), "{bad:?}");
        }
    }
}
