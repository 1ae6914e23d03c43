//! What plugins that decide may see of tickets and scopes, as the runtime needs it. The host passes in an
//! implementation over its database.

use futures::future::{BoxFuture, ready};

/// The most entries of one page.
pub const MAX_PAGE: u32 = 1_000;

/// The longest text of a filter or a cursor, in bytes.
pub const MAX_WORD: usize = 256;

/// Which tickets and sessions are meant. What is not said is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The label of the source.
    pub source: Option<String>,
    /// The label of the target.
    pub target: Option<String>,
    /// The sub-scope.
    pub sub_scope: Option<String>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that did not end.
    pub sessions: u64,
    /// Tickets that can still be redeemed.
    pub tickets: u64,
}

/// A session that did not end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSession {
    /// The label of the source.
    pub source: String,
    /// The label of the target.
    pub target: String,
    /// The sub-scope.
    pub sub_scope: String,
    /// The id of the instance.
    pub instance: String,
    /// RFC 3339, in UTC.
    pub since: String,
    /// `active` or `grace`.
    pub state: String,
}

/// A scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is.
    pub description: String,
    /// The names of its sub-scopes.
    pub sub_scopes: Vec<String>,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// The sub-scope.
    pub sub_scope: String,
    /// The label of its owner.
    pub owner: String,
    /// When it was heard of last: RFC 3339, in UTC.
    pub heard: String,
    /// `active`, `stale` or `dead`.
    pub state: String,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// For the next page.
    pub cursor: Option<String>,
}

/// Which page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// From the page before.
    pub cursor: Option<&'a str>,
    /// The most entries, 1 to [`MAX_PAGE`].
    pub limit: u32,
}

/// Why nothing is shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No cursor of a page before.
    #[error("the cursor is not one that a page gave")]
    Cursor,
    /// The database does not work now.
    #[error("the registry does not answer: {0}")]
    Unavailable(String),
}

/// What an implementation answers.
pub type Shown<'a, T> = BoxFuture<'a, Result<T, RegistryError>>;

/// Tickets, sessions, scopes and instances of one tenant at a time. Nothing here can be redeemed or used.
pub trait Registry: Send + Sync {
    /// How many there are.
    fn count<'a>(&'a self, tenant: &'a str, filter: &'a Filter) -> Shown<'a, Counts>;
    /// Sessions that did not end, oldest first.
    fn sessions<'a>(
        &'a self,
        tenant: &'a str,
        filter: &'a Filter,
        place: Place<'a>,
    ) -> Shown<'a, Page<LiveSession>>;
    /// Scopes by name.
    fn scopes<'a>(&'a self, tenant: &'a str, place: Place<'a>) -> Shown<'a, Page<Scope>>;
    /// Instances by id.
    fn instances<'a>(&'a self, tenant: &'a str, place: Place<'a>) -> Shown<'a, Page<Instance>>;
}

/// Shows nothing, as while a plugin is only asked to describe itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRegistry;

fn none<'a, T: Send + 'a>() -> Shown<'a, T> {
    Box::pin(ready(Err(RegistryError::Unavailable("there is none here".into()))))
}

impl Registry for NoRegistry {
    fn count<'a>(&'a self, _: &'a str, _: &'a Filter) -> Shown<'a, Counts> {
        none()
    }

    fn sessions<'a>(&'a self, _: &'a str, _: &'a Filter, _: Place<'a>) -> Shown<'a, Page<LiveSession>> {
        none()
    }

    fn scopes<'a>(&'a self, _: &'a str, _: Place<'a>) -> Shown<'a, Page<Scope>> {
        none()
    }

    fn instances<'a>(&'a self, _: &'a str, _: Place<'a>) -> Shown<'a, Page<Instance>> {
        none()
    }
}
