//! Rules: in order, the first that is true decides.

use cel::{Context, ExecutionError, Program, Value};
use jiff::tz::TimeZone;
use serde::Deserialize;
use waystation_zone::zone;

use crate::facts::Facts;
use crate::names::unknown;

/// The most rules.
const MOST: usize = 100;
/// The longest rule, in bytes.
const LONGEST: usize = 2_048;

/// The configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Of `time`.
    #[serde(default = "utc")]
    time_zone: String,
    rules: Vec<RuleSettings>,
    /// Where no rule is true.
    #[serde(default)]
    otherwise: Effect,
}

fn utc() -> String {
    "UTC".into()
}

/// A rule as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSettings {
    name: String,
    /// In CEL.
    when: String,
    then: Effect,
    reason: Option<String>,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Effect {
    #[default]
    Deny,
    Allow,
}

/// Rules that can be decided.
pub(crate) struct Rules {
    zone: TimeZone,
    rules: Vec<Rule>,
    otherwise: Effect,
}

struct Rule {
    name: String,
    place: String,
    program: Program,
    then: Effect,
    reason: Option<String>,
}

impl Rules {
    /// Compiles all that is written.
    ///
    /// # Errors
    /// A sentence with the rule, the line and the column.
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        let zone = zone(&settings.time_zone).map_err(|e| format!("`time_zone`: {e}"))?;
        if settings.rules.len() > MOST {
            return Err(format!("there are {} rules; at most {MOST} are read", settings.rules.len()));
        }
        let rules = settings.rules.into_iter().enumerate().map(|(at, rule)| Rule::new(at, rule));
        Ok(Self { zone, rules: rules.collect::<Result<_, _>>()?, otherwise: settings.otherwise })
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Decides every rule once, for an example: what is misspelt in one is told before it has to decide.
    ///
    /// # Errors
    /// A sentence with the rule.
    pub(crate) fn try_out(&self) -> Result<(), String> {
        let context = context(&Facts::example(&self.zone)?)?;
        for rule in &self.rules {
            if let Some((node, name)) = unknown(rule.program.expression(), &Facts::NAMES) {
                return Err(format!(
                    "{}: {}there is no `{name}`; a rule can look at {}",
                    rule.place,
                    rule.position(node),
                    Facts::NAMES.join(", ")
                ));
            }
            match rule.holds(&context) {
                // An index or a key that the example does not have may be there another time.
                Ok(_) | Err(Undecided::Now(_)) => {}
                Err(Undecided::Ever(why)) => return Err(format!("{}: {why}", rule.place)),
            }
        }
        Ok(())
    }

    /// Why not, or nothing.
    ///
    /// # Errors
    /// When a rule cannot be decided; no rule behind it is looked at.
    pub(crate) fn decide(&self, facts: &Facts) -> Result<Option<String>, String> {
        let context = context(facts)?;
        for rule in &self.rules {
            match rule.holds(&context) {
                Ok(false) => {}
                Ok(true) if rule.then == Effect::Allow => return Ok(None),
                Ok(true) => {
                    let reason = rule.reason.as_deref().unwrap_or("a rule denies it");
                    return Ok(Some(format!("{reason} (rule {})", rule.name)));
                }
                Err(Undecided::Now(why) | Undecided::Ever(why)) => {
                    return Err(format!("{}: {why}", rule.place));
                }
            }
        }
        Ok(match self.otherwise {
            Effect::Allow => None,
            Effect::Deny => Some("no rule allows it".into()),
        })
    }
}

/// Why a rule is neither true nor false.
enum Undecided {
    /// For what it was asked about.
    Now(String),
    /// Whatever it is asked about.
    Ever(String),
}

impl Rule {
    fn new(at: usize, settings: RuleSettings) -> Result<Self, String> {
        let RuleSettings { name, when, then, reason } = settings;
        let place = format!("`rules[{at}]` ({name})");
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            return Err(format!("`rules[{at}].name` has to have 1 to 64 bytes of plain text"));
        }
        if when.len() > LONGEST {
            return Err(format!("{place}: `when` has {} bytes; at most {LONGEST} are read", when.len()));
        }
        let program = Program::compile(&when).map_err(|errors| match errors.errors.first() {
            Some(e) => format!("{place}: line {}, column {}: {}", e.pos.0.max(1), e.pos.1.max(1), e.msg),
            None => format!("{place}: is not CEL"),
        })?;
        Ok(Self { name, place, program, then, reason })
    }

    /// Where a part of it stands, as the beginning of a sentence.
    fn position(&self, node: u64) -> String {
        let info = self.program.source_info();
        let Some((offset, _)) = info.offset_for(node) else { return String::new() };
        let before: String =
            info.source.chars().take(usize::try_from(offset).unwrap_or(usize::MAX)).collect();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("line {line}, column {column}: ")
    }

    fn holds(&self, context: &Context<'_, '_>) -> Result<bool, Undecided> {
        match self.program.execute(context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(Undecided::Ever(format!("is no yes or no, but a {}", other.type_of()))),
            Err(e @ (ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_))) => {
                Err(Undecided::Now(e.to_string()))
            }
            Err(e) => Err(Undecided::Ever(e.to_string())),
        }
    }
}

fn context(facts: &Facts) -> Result<Context<'static, 'static>, String> {
    let mut context = Context::default();
    let texts = [
        ("point", facts.point),
        ("tenant", &facts.tenant),
        ("scope", &facts.scope),
        ("sub_scope", &facts.sub_scope),
        ("instance", &facts.instance),
    ];
    for (name, text) in texts {
        context.add_variable_from_value(name, text.to_owned());
    }
    let failed = |e: &dyn std::fmt::Display| format!("the host's facts do not fit: {e}");
    context.add_variable("source", &facts.source).map_err(|e| failed(&e))?;
    context.add_variable("target", &facts.target).map_err(|e| failed(&e))?;
    context.add_variable("time", &facts.time).map_err(|e| failed(&e))?;
    Ok(context)
}

#[cfg(test)]
mod tests;
