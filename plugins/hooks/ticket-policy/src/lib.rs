//! Hook: decides about tickets by rules written in CEL.
//!
//! What an operator writes, and how it is checked, is in `rules`; what a rule can look at is in `facts`.
#![forbid(unsafe_code)]

mod facts;
mod names;
mod rules;

use facts::Facts;
use rules::Rules;
use waystation_hook::plugin::{Error, config};
use waystation_hook::{
    AFTER_VALIDATE, Admission, BEFORE_ISSUE, Description, Guest, ScopeChange, SessionChange, Verdict, export,
    only,
};

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/ticket-policy".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Decides about tickets by rules written in CEL".into(),
            config_schema: include_str!("config.schema.json").into(),
            extra: vec![],
        })
    }

    fn prepare(points: Vec<String>) -> Result<(), Error> {
        only(&points, &[BEFORE_ISSUE, AFTER_VALIDATE])?;
        rules()?.try_out().map_err(Error::bad_config)
    }

    fn before_issue(admission: Admission) -> Result<Verdict, Error> {
        decide(BEFORE_ISSUE, &admission)
    }

    fn after_validate(admission: Admission) -> Result<Verdict, Error> {
        decide(AFTER_VALIDATE, &admission)
    }

    fn on_session_change(_: SessionChange) -> Result<(), Error> {
        Err(Error::unsupported("rules are for tickets"))
    }

    fn before_scope_change(_: ScopeChange) -> Result<Verdict, Error> {
        Err(Error::unsupported("rules are for tickets"))
    }
}

export!(Plugin);

fn rules() -> Result<Rules, Error> {
    Rules::new(config::parse()?).map_err(Error::bad_config)
}

fn decide(point: &'static str, admission: &Admission) -> Result<Verdict, Error> {
    let rules = rules()?;
    let facts = Facts::of(point, admission, rules.zone()).map_err(Error::bad_input)?;
    // A rule that cannot be decided is neither a yes nor a no: what becomes of that is the operator's word.
    let denied = rules.decide(&facts).map_err(|e| Error::new("rule-failed", e))?;
    Ok(denied.map_or(Verdict::Allow, Verdict::Deny))
}
