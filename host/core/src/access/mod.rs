//! Who may do what: one engine that decides, over roles that are data.
//!
//! An [`Action`] is `resource:verb`, such as `item:read`; a [`Catalogue`] says which there are. A [`Role`] has
//! [`Grant`]s: patterns of actions, and a [`Selector`] for what they may be done to. [`decide`] takes a [`Subject`], an
//! action and a [`Target`], and says yes or no, and why.
//!
//! Invariants: what no grant allows is denied, and so is an action that is not in the catalogue; nothing denies what a
//! grant allows, so taking anything away never allows more; a token does nothing that its user may not do; the order
//! of roles and grants means nothing.

mod action;
mod catalogue;
mod decide;
mod error;
mod explain;
mod pattern;
mod role;
mod selector;
#[cfg(test)]
mod tests;

pub use action::{Action, MAX_ACTION};
pub use catalogue::{BUILT_IN, Catalogue, Resource, Verb};
pub use decide::{Because, Decision, Granted, NearMiss, Subject, Token, decide, somewhere};
pub use error::AccessError;
pub use explain::explain;
pub use pattern::Pattern;
pub use role::{Grant, MAX_GRANTS, MAX_PATTERNS, MAX_ROLES, Role, RoleName, Scope, built_in_roles};
pub use selector::{Attribute, Glob, Globs, MAX_GLOBS, Miss, Selector, Target};
