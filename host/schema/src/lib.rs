//! JSON Schemas that plugins give: what an operator writes for a plugin is held against them before the plugin
//! sees it.
//!
//! ```text
//! text ──▶ screen (size, depth, references, work) ──▶ Schema ──▶ check(value) ──▶ every mismatch, with its place
//! ```
//!
//! A schema is as hostile as the plugin it comes from, so it is a subset of JSON Schema 2020-12 whose cost is known
//! before anything is compiled: references stay within the document and never lead back to where they came from,
//! regular expressions are of the kind that takes linear time, and the work of one check is bounded.
//!
//! Invariants: nothing is ever fetched or read; no message quotes a value, which may be a secret, only keys and
//! what the schema says of them.
#![forbid(unsafe_code)]

mod mismatch;
mod screen;
#[cfg(test)]
mod tests;
mod words;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

pub use mismatch::{Mismatch, Mismatches, Step, key};
pub use screen::{MAX_BYTES, MAX_COST, MAX_DEPTH, SchemaError};

/// Subschemas times values of one check; beyond it nothing is checked and the value is refused.
pub const MAX_WORK: usize = 1_000_000;

/// Bytes of one compiled regular expression, and of what it remembers while it matches.
const MAX_PATTERN: usize = 256 << 10;

/// A compiled schema. Without one ([`Schema::default`]) every value fits.
#[derive(Default)]
pub struct Schema(Option<Compiled>);

struct Compiled {
    validator: Validator,
    document: Value,
    cost: usize,
}

impl Schema {
    /// Compiles a schema; an empty text is no schema. Blocks for at most some hundred milliseconds.
    ///
    /// # Errors
    /// See [`SchemaError`].
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let (document, cost) = screen::screen(text)?;
        let patterns = PatternOptions::regex().size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN);
        let validator = jsonschema::options()
            .offline()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(patterns)
            .should_validate_formats(true)
            .build(&document)
            .map_err(|e| SchemaError::Invalid {
                pointer: words::clean(e.instance_path().as_str()),
                message: words::clean(&e.masked().to_string()),
            })?;
        Ok(Self(Some(Compiled { validator, document, cost })))
    }

    /// Holds a value against the schema.
    ///
    /// # Errors
    /// Everything that does not fit.
    pub fn check(&self, value: &Value) -> Result<(), Mismatches> {
        let Some(Compiled { validator, document, cost }) = &self.0 else { return Ok(()) };
        if size(value).saturating_mul(*cost) > MAX_WORK {
            return Err(Mismatches::too_large());
        }
        if validator.is_valid(value) {
            return Ok(());
        }
        Err(words::mismatches(validator.iter_errors(value), document, value))
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Schema").field(&self.0.as_ref().map(|compiled| &compiled.document)).finish()
    }
}

/// Values and keys in a value.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(size).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(|value| 1 + size(value)).sum::<usize>(),
        _ => 1,
    }
}
