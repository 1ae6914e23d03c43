//! Hook: agents admit each other only while a calendar is open.
//!
//! What an operator writes is in `settings`; what is open when is in `calendar`.
#![forbid(unsafe_code)]

mod calendar;
mod pattern;
mod settings;

use calendar::Calendars;
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
            name: "waystation/business-hours".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Lets agents admit each other only while a calendar is open".into(),
            config_schema: include_str!("config.schema.json").into(),
            extra: vec![],
        })
    }

    fn prepare(points: Vec<String>) -> Result<(), Error> {
        only(&points, &[BEFORE_ISSUE, AFTER_VALIDATE])?;
        calendars().map(drop)
    }

    fn before_issue(admission: Admission) -> Result<Verdict, Error> {
        decide(&admission)
    }

    fn after_validate(admission: Admission) -> Result<Verdict, Error> {
        decide(&admission)
    }

    fn on_session_change(_: SessionChange) -> Result<(), Error> {
        Err(Error::unsupported("a session that is open stays open"))
    }

    fn before_scope_change(_: ScopeChange) -> Result<Verdict, Error> {
        Err(Error::unsupported("calendars are for tickets"))
    }
}

export!(Plugin);

fn calendars() -> Result<Calendars, Error> {
    Calendars::new(&config::parse()?).map_err(Error::bad_config)
}

fn decide(admission: &Admission) -> Result<Verdict, Error> {
    let shut = calendars()?.shut(&admission.sub_scope, &admission.at).map_err(Error::bad_input)?;
    Ok(shut.map_or(Verdict::Allow, Verdict::Deny))
}
