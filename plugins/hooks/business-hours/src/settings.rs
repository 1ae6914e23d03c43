//! What an operator writes.

use serde::Deserialize;

/// The configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where nothing else is said.
    pub(crate) time_zone: String,
    /// Dates on which nothing opens.
    #[serde(default)]
    pub(crate) holidays: Vec<String>,
    /// The first one that fits decides.
    pub(crate) calendars: Vec<CalendarSettings>,
    /// Where none fits.
    #[serde(default)]
    pub(crate) otherwise: Otherwise,
}

/// When some sub-scopes are open.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalendarSettings {
    /// Patterns of sub-scopes.
    pub(crate) scopes: Vec<String>,
    /// None is never.
    pub(crate) open: Vec<HourSettings>,
    /// Another zone.
    pub(crate) time_zone: Option<String>,
    /// Other holidays.
    pub(crate) holidays: Option<Vec<String>>,
}

/// Hours of some days.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HourSettings {
    /// Days on which they begin.
    pub(crate) days: Vec<Day>,
    /// `08:00`
    pub(crate) from: String,
    /// `18:00`; not after `from` is on the next day.
    pub(crate) to: String,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// What becomes of a sub-scope that no calendar is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Otherwise {
    #[default]
    Deny,
    Allow,
}
