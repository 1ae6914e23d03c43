//! Users and services, as those see them who run the host.

use jiff::Timestamp;

use crate::access::Scope;
use crate::id::{ApiTokenId, LoginId, UserId};
use crate::name::{RoleName, TokenName, UserName};

/// API tokens of one user, at most.
pub const MAX_TOKENS: u32 = 100;

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
    /// By what: `password`, `link`, `device`.
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
            Self::TotpOn => "second-factor-on",
            Self::TotpOff => "second-factor-off",
        }
    }
}
