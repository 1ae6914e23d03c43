//! The world of hooks: plugins that are asked before something happens, and may refuse it.
//!
//! Implement [`Guest`] for a unit struct and hand it to [`export!`]:
//!
//! ```no_run
//! use waystation_hook::plugin::Error;
//! use waystation_hook::{
//!     Admission, BEFORE_ISSUE, Description, Guest, ScopeChange, SessionChange, Verdict, export, only,
//! };
//!
//! struct Plugin;
//!
//! impl Guest for Plugin {
//!     fn describe() -> Result<Description, Error> {
//!         Err(Error::unsupported("an example"))
//!     }
//!
//!     fn prepare(points: Vec<String>) -> Result<(), Error> {
//!         only(&points, &[BEFORE_ISSUE])
//!     }
//!
//!     fn before_issue(admission: Admission) -> Result<Verdict, Error> {
//!         match admission.source.name == admission.target.name {
//!             true => Ok(Verdict::Deny("nobody needs a ticket to themselves".into())),
//!             false => Ok(Verdict::Allow),
//!         }
//!     }
//!
//!     fn after_validate(_: Admission) -> Result<Verdict, Error> {
//!         Err(Error::unsupported("not asked here"))
//!     }
//!
//!     fn on_session_change(_: SessionChange) -> Result<(), Error> {
//!         Err(Error::unsupported("not asked here"))
//!     }
//!
//!     fn before_scope_change(_: ScopeChange) -> Result<Verdict, Error> {
//!         Err(Error::unsupported("not asked here"))
//!     }
//! }
//!
//! export!(Plugin);
//! # fn main() {}
//! ```

#[doc(hidden)]
pub mod bindings;

pub use bindings::exports::waystation::hook::hooks::{
    Admission, Description, Guest, Party, ScopeChange, SessionChange, Verdict,
};
/// What scopes and instances there are, in the tenant of the decision. Needs the grant `scopes`.
pub use bindings::waystation::host0_1_1::scopes;
/// What tickets and sessions there are, in the tenant of the decision. Needs the grant `tickets`.
pub use bindings::waystation::host0_1_1::tickets;
pub use waystation_plugin as plugin;

use plugin::Error;

/// Whether a ticket may be issued.
pub const BEFORE_ISSUE: &str = "before-issue";
/// Whether a redeemed ticket may open a session.
pub const AFTER_VALIDATE: &str = "after-validate";
/// What became of a session.
pub const ON_SESSION_CHANGE: &str = "on-session-change";
/// Whether a scope may change.
pub const BEFORE_SCOPE_CHANGE: &str = "before-scope-change";

/// That the operator has this plugin asked only where it has something to say: for `prepare`.
///
/// # Errors
/// `bad-config` with the points at which it can be asked.
pub fn only(asked: &[String], known: &[&str]) -> Result<(), Error> {
    match asked.iter().find(|point| !known.contains(&point.as_str())) {
        None => Ok(()),
        Some(point) => Err(Error::bad_config(format!(
            "this plugin has nothing to say at `{point}`; `hooks` can have {}",
            known.join(", ")
        ))),
    }
}

/// Makes a type that implements [`Guest`] the plugin. Once per plugin, at the top of its crate.
///
/// Native builds, which exist for unit tests, only check the implementation.
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::export_hook!($plugin with_types_in $crate::bindings);
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = $crate::checked::<$plugin>;
    };
}

/// Takes what [`export!`] would export.
#[doc(hidden)]
pub fn checked<T: Guest>() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_that_is_not_known_is_named_with_those_that_are() {
        let asked = |points: &[&str]| -> Vec<String> { points.iter().map(|&p| p.to_owned()).collect() };
        assert!(only(&asked(&[BEFORE_ISSUE]), &[BEFORE_ISSUE, AFTER_VALIDATE]).is_ok());
        let error = only(&asked(&[BEFORE_SCOPE_CHANGE]), &[BEFORE_ISSUE, AFTER_VALIDATE]).unwrap_err();
        assert_eq!(error.code, "bad-config");
        assert!(
            error.message.ends_with("`hooks` can have before-issue, after-validate"),
            "{}",
            error.message
        );
    }
}
