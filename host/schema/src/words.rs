//! From a validator's errors to sentences. Values are never quoted: one of them may be a secret.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use crate::mismatch::{Mismatch, Mismatches, Step, steps};

/// Mismatches that are told; who has more sees them after mending these.
const MOST: usize = 50;

/// Characters of what a schema says that are repeated in a message.
const MAX_QUOTE: usize = 200;

pub(crate) fn mismatches<'i>(
    errors: impl Iterator<Item = ValidationError<'i>>,
    schema: &Value,
    value: &Value,
) -> Mismatches {
    let mut found = Vec::new();
    for error in errors {
        tell(&error, schema, value, &mut found);
        if found.len() > MOST {
            found.truncate(MOST);
            found.push(Mismatch { path: Vec::new(), message: "has more mistakes than these".into() });
            break;
        }
    }
    Mismatches(found)
}

/// Without what a terminal would act on, and not longer than a line.
pub(crate) fn clean(text: &str) -> String {
    let mut clean: String = text.chars().filter(|c| !c.is_control()).take(MAX_QUOTE).collect();
    if text.chars().count() > MAX_QUOTE {
        clean.push('…');
    }
    clean
}

fn tell(error: &ValidationError<'_>, schema: &Value, value: &Value, found: &mut Vec<Mismatch>) {
    let path = steps(error.instance_path().as_str(), value);
    let below = |key: &str| path.iter().cloned().chain([Step::Key(clean(key))]).collect::<Vec<_>>();
    let message = match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let known = siblings(schema, error.schema_path().as_str());
            for key in unexpected {
                let message = match nearest(key, &known) {
                    Some(meant) => format!("is not known to the plugin; did you mean `{}`?", clean(meant)),
                    None if known.is_empty() => "is not known to the plugin, which takes nothing here".into(),
                    None => format!("is not known to the plugin, which takes {}", words(&known)),
                };
                found.push(Mismatch { path: below(key), message });
            }
            return;
        }
        Kind::Required { property } => {
            let path = below(property.as_str().unwrap_or_default());
            found.push(Mismatch { path, message: "must be given".into() });
            return;
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => match meant(context) {
            Some(branch) => {
                branch.iter().for_each(|error| tell(error, schema, value, found));
                return;
            }
            None => "has none of the forms that the plugin takes".into(),
        },
        Kind::PropertyNames { .. } => "has a key of a form that the plugin does not take".into(),
        kind => sentence(kind),
    };
    found.push(Mismatch { path, message });
}

/// Of several forms, the only one that has the right type.
fn meant<'c>(context: &'c [Vec<ValidationError<'static>>]) -> Option<&'c Vec<ValidationError<'static>>> {
    let place = context.iter().flatten().map(|error| error.instance_path().as_str().len()).min()?;
    let other_type = |error: &ValidationError<'_>| {
        matches!(error.kind(), Kind::Type { .. }) && error.instance_path().as_str().len() == place
    };
    let mut fitting = context.iter().filter(|branch| !branch.iter().any(other_type));
    match (fitting.next(), fitting.next()) {
        (Some(branch), None) if !branch.is_empty() => Some(branch),
        _ => None,
    }
}

fn sentence(kind: &Kind) -> String {
    match kind {
        Kind::Type { kind: TypeKind::Single(one) } => format!("must be {}", a(*one)),
        Kind::Type { kind: TypeKind::Multiple(many) } => {
            format!("must be {}", many.iter().map(a).collect::<Vec<_>>().join(" or "))
        }
        Kind::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(shown).collect();
            format!("must be one of {}", options.join(", "))
        }
        Kind::Constant { expected_value } => format!("must be {}", shown(expected_value)),
        Kind::Minimum { limit } => format!("must be at least {}", shown(limit)),
        Kind::Maximum { limit } => format!("must be at most {}", shown(limit)),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {}", shown(limit)),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {}", shown(limit)),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit: 1 } => "must not be empty".into(),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("must have at least {limit} entries"),
        Kind::MaxItems { limit } => format!("must have at most {limit} entries"),
        Kind::MinProperties { limit } => format!("must have at least {limit} keys"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} keys"),
        Kind::UniqueItems => "must not hold an entry twice".into(),
        Kind::Contains => "lacks an entry that the plugin needs".into(),
        Kind::AdditionalItems { .. } | Kind::UnevaluatedItems { .. } => "has entries too many".into(),
        Kind::Pattern { pattern } => format!("must match the regular expression `{}`", clean(pattern)),
        Kind::Format { format } => format!("must be of the format `{}`", clean(format)),
        Kind::OneOfMultipleValid { .. } => "has several of the forms of which the plugin takes one".into(),
        Kind::FalseSchema => "must not be given".into(),
        _ => "does not fit what the plugin takes".into(),
    }
}

const fn a(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "null",
        JsonType::Boolean => "a boolean",
        JsonType::Integer => "an integer",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Array => "an array",
        JsonType::Object => "a table",
    }
}

/// A value of the schema's own.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", clean(text)),
        other => clean(&other.to_string()),
    }
}

fn words(known: &[String]) -> String {
    known.iter().map(|word| format!("`{}`", clean(word))).collect::<Vec<_>>().join(", ")
}

/// The properties that a schema knows where it says that there are no others.
fn siblings(schema: &Value, at: &str) -> Vec<String> {
    let parent = at.rsplit_once('/').map_or("", |(parent, _)| parent);
    let properties = schema.pointer(parent).and_then(|parent| parent.get("properties"));
    properties.and_then(Value::as_object).map(|map| map.keys().cloned().collect()).unwrap_or_default()
}

fn nearest<'k>(word: &str, known: &'k [String]) -> Option<&'k String> {
    if word.chars().count() > 64 {
        return None;
    }
    let scored = known.iter().map(|candidate| (strsim::jaro_winkler(word, candidate), candidate));
    scored
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
