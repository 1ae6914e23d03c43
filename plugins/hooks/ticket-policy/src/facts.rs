//! What a rule can look at.

use jiff::tz::TimeZone;
use serde::Serialize;
use waystation_hook::Admission;
use waystation_zone::local;

/// Each field is a variable of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) point: &'static str,
    pub(crate) tenant: String,
    pub(crate) scope: String,
    pub(crate) sub_scope: String,
    pub(crate) instance: String,
    pub(crate) source: Agent,
    pub(crate) target: Agent,
    pub(crate) time: Time,
}

/// `source` and `target`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Agent {
    pub(crate) name: String,
    pub(crate) capabilities: Vec<String>,
}

/// `time`, as it is on the wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Time {
    /// `2026-11-23`
    date: String,
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    /// `mon`
    weekday: &'static str,
    /// Seconds since 1970.
    unix: i64,
}

impl Facts {
    /// The variables that there are.
    pub(crate) const NAMES: [&'static str; 8] =
        ["point", "tenant", "scope", "sub_scope", "instance", "source", "target", "time"];

    /// What a hook is told.
    ///
    /// # Errors
    /// When the host's time is none.
    pub(crate) fn of(point: &'static str, admission: &Admission, zone: &TimeZone) -> Result<Self, String> {
        let agent = |party: &waystation_hook::Party| Agent {
            name: party.name.clone(),
            capabilities: party.capabilities.clone(),
        };
        Ok(Self {
            point,
            tenant: admission.tenant.clone(),
            scope: admission.scope.clone(),
            sub_scope: admission.sub_scope.clone(),
            instance: admission.instance.clone(),
            source: agent(&admission.source),
            target: agent(&admission.target),
            time: Time::of(&admission.at, zone)?,
        })
    }

    /// Something that rules are tried out with before they decide about anything.
    pub(crate) fn example(zone: &TimeZone) -> Result<Self, String> {
        let agent = |name: &str| Agent { name: name.into(), capabilities: vec!["shell:connect".into()] };
        Ok(Self {
            point: "before-issue",
            tenant: "default".into(),
            scope: "shell".into(),
            sub_scope: "shell:connect".into(),
            instance: "0".repeat(32),
            source: agent("source"),
            target: agent("target"),
            time: Time::of("2026-11-23T12:00:00Z", zone)?,
        })
    }
}

impl Time {
    fn of(at: &str, zone: &TimeZone) -> Result<Self, String> {
        let now = local(at, zone)?;
        let weekday = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            .get(usize::from(now.weekday().to_monday_zero_offset().unsigned_abs()))
            .copied()
            .unwrap_or_default();
        Ok(Self {
            date: now.date().to_string(),
            year: now.year().into(),
            month: now.month().into(),
            day: now.day().into(),
            hour: now.hour().into(),
            minute: now.minute().into(),
            weekday,
            unix: now.timestamp().as_second(),
        })
    }
}
