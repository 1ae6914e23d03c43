//! What a schema may be before it is compiled: small, closed, and of bounded work.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Bytes of a schema's text.
pub const MAX_BYTES: usize = 64 << 10;

/// How deep a schema may nest, references followed.
pub const MAX_DEPTH: usize = 32;

/// Subschemas with every reference followed; a regular expression counts for fifty of them.
pub const MAX_COST: usize = 5_000;

/// What one regular expression counts for: compiled, it takes as much memory as many subschemas.
const PATTERN_COST: usize = 50;

/// The one version of JSON Schema that is read.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Keywords that name other documents, or whose meaning depends on the way on which they were reached.
const FOREIGN: [&str; 5] =
    ["$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"];

/// Keywords that apply a subschema again for every place it could fit: work doubles with each level.
const TWICE: [&str; 2] = ["unevaluatedProperties", "unevaluatedItems"];

/// Why a schema is not used. The plugin's author must change it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// More text than [`MAX_BYTES`].
    #[error("has {size} bytes; at most {MAX_BYTES} are read")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nests deeper than {MAX_DEPTH} levels, references followed")]
    TooDeep,
    /// More work than [`MAX_COST`].
    #[error(
        "is more work than {MAX_COST} subschemas, references followed; a regular expression counts for many"
    )]
    TooCostly,
    /// Not JSON.
    #[error("is not JSON: {0}")]
    NotJson(String),
    /// Names another document, or one that is not there.
    #[error("at `{pointer}`: {message}")]
    Reference {
        /// Where in the schema.
        pointer: String,
        /// What is wrong.
        message: String,
    },
    /// Not a schema of this version.
    #[error("is no JSON Schema (2020-12); at `{pointer}`: {message}")]
    Invalid {
        /// Where in the schema.
        pointer: String,
        /// What is wrong.
        message: String,
    },
}

impl SchemaError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } | Self::TooDeep | Self::TooCostly => "schema-too-large",
            Self::NotJson(_) | Self::Invalid { .. } => "schema-invalid",
            Self::Reference { .. } => "schema-reference",
        }
    }
}

/// The document, without the name it gives itself, and what one check of one value costs at most.
pub(crate) fn screen(text: &str) -> Result<(Value, usize), SchemaError> {
    if text.len() > MAX_BYTES {
        return Err(SchemaError::TooLarge { size: text.len() });
    }
    let mut document: Value = serde_json::from_str(text).map_err(|e| SchemaError::NotJson(e.to_string()))?;
    if let Value::Object(root) = &mut document {
        dialect(root)?;
        root.remove("$id");
    }
    let mut walk = Walk { document: &document, targets: HashMap::new() };
    let weight = walk.weigh(&document, "", 0)?;
    Ok((document, weight.cost))
}

fn dialect(root: &Map<String, Value>) -> Result<(), SchemaError> {
    match root.get("$schema") {
        None => Ok(()),
        Some(Value::String(named)) if named.trim_end_matches('#') == DIALECT => Ok(()),
        Some(_) => Err(SchemaError::Invalid {
            pointer: "/$schema".into(),
            message: format!("only {DIALECT} is read"),
        }),
    }
}

#[derive(Clone, Copy)]
struct Weight {
    cost: usize,
    height: usize,
}

struct Walk<'d> {
    document: &'d Value,
    /// What is known of references' targets; none while one is being weighed.
    targets: HashMap<&'d str, Option<Weight>>,
}

impl<'d> Walk<'d> {
    /// Weighs everything below a value, taking whatever could be a subschema for one.
    fn weigh(&mut self, value: &'d Value, pointer: &str, depth: usize) -> Result<Weight, SchemaError> {
        if depth > MAX_DEPTH {
            return Err(SchemaError::TooDeep);
        }
        let mut all = Weight { cost: 1, height: 1 };
        match value {
            Value::Object(map) => {
                let twice = if TWICE.iter().any(|keyword| map.contains_key(*keyword)) { 2 } else { 1 };
                for (key, below) in map {
                    let at = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                    let weight = match below {
                        Value::String(text) => self.word(key, text, &at, depth)?,
                        _ => self.member(key, below, &at, depth)?,
                    };
                    all = add(all, weight, twice)?;
                }
            }
            Value::Array(list) => {
                for (index, below) in list.iter().enumerate() {
                    let weight = self.weigh(below, &format!("{pointer}/{index}"), depth + 1)?;
                    all = add(all, weight, 1)?;
                }
            }
            _ => {}
        }
        if depth + all.height > MAX_DEPTH { Err(SchemaError::TooDeep) } else { Ok(all) }
    }

    fn member(&mut self, key: &str, below: &'d Value, at: &str, depth: usize) -> Result<Weight, SchemaError> {
        let mut weight = self.weigh(below, at, depth + 1)?;
        if key == "patternProperties" {
            let patterns = below.as_object().map_or(0, Map::len);
            weight.cost = weight.cost.saturating_add(patterns.saturating_mul(PATTERN_COST));
        }
        Ok(weight)
    }

    /// A keyword whose value is a text.
    fn word(&mut self, key: &str, text: &'d str, at: &str, depth: usize) -> Result<Weight, SchemaError> {
        let refuse = |message: String| SchemaError::Reference { pointer: crate::words::clean(at), message };
        match key {
            "$ref" => self.reference(text, at, depth),
            "$schema" if at == "/$schema" => Ok(Weight { cost: 1, height: 1 }),
            "$id" | "$schema" => {
                Err(refuse(format!("`{key}` has no place below the root; use `$ref = \"#/…\"`")))
            }
            key if FOREIGN.contains(&key) => {
                Err(refuse(format!("`{key}` is not read; use `$ref` with `#/…`")))
            }
            "pattern" => Ok(Weight { cost: PATTERN_COST, height: 1 }),
            _ => Ok(Weight { cost: 1, height: 1 }),
        }
    }

    fn reference(&mut self, text: &'d str, at: &str, depth: usize) -> Result<Weight, SchemaError> {
        let refuse = |message: &str| SchemaError::Reference {
            pointer: crate::words::clean(at),
            message: message.to_owned(),
        };
        let pointer = text
            .strip_prefix('#')
            .ok_or_else(|| refuse("refers to another document; a plugin's schema holds all it needs"))?;
        if pointer.contains('%') || !(pointer.is_empty() || pointer.starts_with('/')) {
            return Err(refuse("is no JSON pointer; write `#/$defs/…`"));
        }
        let loop_ = || refuse("leads back to itself; a schema that contains itself is not read");
        match self.targets.get(pointer) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err(loop_()),
            None => {}
        }
        // The root contains the reference.
        if pointer.is_empty() || at.starts_with(&format!("{pointer}/")) {
            return Err(loop_());
        }
        let target = self.document.pointer(pointer).ok_or_else(|| refuse("refers to what is not there"))?;
        self.targets.insert(pointer, None);
        let weight = self.weigh(target, pointer, depth + 1)?;
        self.targets.insert(pointer, Some(weight));
        Ok(weight)
    }
}

fn add(all: Weight, one: Weight, times: usize) -> Result<Weight, SchemaError> {
    let cost = all.cost.saturating_add(one.cost.saturating_mul(times));
    if cost > MAX_COST {
        return Err(SchemaError::TooCostly);
    }
    Ok(Weight { cost, height: all.height.max(one.height + 1) })
}
