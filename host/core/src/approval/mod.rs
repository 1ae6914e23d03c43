//! Approval: tickets of some scopes wait until one or more people say yes.
//!
//! A scope [asks for it](Terms). Whoever asks for a ticket of it gets none: their request waits, and [`vote`] says what a
//! person's yes comes to. Once enough people said it, whoever asked comes again and gets their ticket; [`turn`] says what
//! such a request comes to. Both are functions of values; whoever keeps requests does what they say in one transaction.

mod refusal;
mod state;
mod terms;
#[cfg(test)]
mod tests;
mod vote;

pub use refusal::ApprovalRefusal;
pub use state::{ApprovalState, Latest, Turn, turn};
pub use terms::{DEFAULT_WITHIN, InvalidTerms, MAX_PEOPLE, MAX_WITHIN, Reason, Terms};
pub use vote::{Case, Hand, Hands, Verdict, vote};

use crate::access::Target;
use crate::ticket::ScopeName;

/// What one has to be allowed to say yes or no.
pub const DECIDE: &str = "approval:decide";

/// What one has to be allowed to see what waits.
pub const READ: &str = "approval:read";

/// What selectors tell a request by: the scope that was registered.
#[must_use]
pub fn target(scope: &ScopeName) -> Target {
    Target { scope: Some(scope.clone()), ..Target::default() }
}
