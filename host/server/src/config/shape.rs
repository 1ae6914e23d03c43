//! The shape of a configuration, read from its JSON Schema: what the loader, the environment and the
//! reference page all go by.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::text::Format;

/// What may stand somewhere.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// A table with these keys.
    Record(BTreeMap<String, Field>),
    /// A table with names of an operator's choice.
    Names { key: &'static str, each: Box<Self> },
    /// A table with exactly one of these keys.
    OneOf(BTreeMap<String, Field>),
    /// An array.
    List { each: Box<Self>, min: u64 },
    /// One of these words, each with what it means.
    Choice(Vec<(String, String)>),
    /// A string.
    Text(TextShape),
    /// An integer.
    Integer { min: i64, max: i64 },
    /// A boolean.
    Flag,
    /// Any table at all, of which only a plugin knows the meaning.
    Free,
}

/// A string that has a format.
#[derive(Debug, Clone)]
pub(super) struct TextShape {
    pub(super) format: &'static str,
    pub(super) min: Option<String>,
    pub(super) max: Option<String>,
    /// A TOML integer does as well.
    pub(super) integers: bool,
    /// Never shown.
    pub(super) secret: bool,
}

/// A key of a table.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) shape: Shape,
    pub(super) required: bool,
    /// What a person reads about it.
    pub(super) about: String,
    pub(super) default: Option<Json>,
}

/// Why a schema has no shape: a mistake in the types of this module, which its tests find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shapeless(pub(super) String);

impl Shape {
    /// The shape that `schema`, with the definitions of `root`, describes.
    pub(super) fn of(root: &Json, schema: &Json) -> Result<Self, Shapeless> {
        let object = schema.as_object().ok_or_else(|| Shapeless(schema.to_string()))?;
        if let Some(reference) = object.get("$ref").and_then(Json::as_str) {
            let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
            return Self::of(root, target.ok_or_else(|| Shapeless(reference.to_owned()))?);
        }
        if let Some(words) = object.get("enum").and_then(Json::as_array) {
            let words = words.iter().filter_map(Json::as_str);
            return Ok(Self::Choice(words.map(|word| (word.to_owned(), String::new())).collect()));
        }
        if let Some(branches) = object.get("oneOf").and_then(Json::as_array) {
            return Self::of_branches(root, branches);
        }
        let kinds: Vec<&str> = match object.get("type") {
            Some(Json::String(kind)) => vec![kind],
            Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
            _ => return Err(Shapeless(schema.to_string())),
        };
        match kinds.as_slice() {
            ["boolean"] => Ok(Self::Flag),
            ["integer"] => {
                let bound = |key: &str, default| object.get(key).and_then(Json::as_i64).unwrap_or(default);
                Ok(Self::Integer { min: bound("minimum", i64::MIN), max: bound("maximum", i64::MAX) })
            }
            ["array"] => {
                let items = object.get("items").ok_or_else(|| Shapeless(schema.to_string()))?;
                let min = object.get("minItems").and_then(Json::as_u64).unwrap_or(0);
                Ok(Self::List { each: Box::new(Self::of(root, items)?), min })
            }
            ["object"] => Self::of_object(root, object),
            kinds if kinds.contains(&"string") => {
                let word = |key: &str| object.get(key).and_then(Json::as_str).map(str::to_owned);
                let format = object.get("format").and_then(Json::as_str).and_then(Format::named);
                Ok(Self::Text(TextShape {
                    format: format.ok_or_else(|| Shapeless(schema.to_string()))?.name,
                    min: word("x-min"),
                    max: word("x-max"),
                    integers: kinds.contains(&"integer"),
                    secret: object.get("writeOnly") == Some(&Json::Bool(true)),
                }))
            }
            _ => Err(Shapeless(schema.to_string())),
        }
    }

    fn of_branches(root: &Json, branches: &[Json]) -> Result<Self, Shapeless> {
        let word = |branch: &Json| {
            let about = branch.get("description").and_then(Json::as_str).unwrap_or_default();
            Some((branch.get("const")?.as_str()?.to_owned(), about.to_owned()))
        };
        if let Some(words) = branches.iter().map(word).collect() {
            return Ok(Self::Choice(words));
        }
        let mut fields = BTreeMap::new();
        for branch in branches {
            let about = branch.get("description").and_then(Json::as_str).unwrap_or_default();
            let properties = branch.get("properties").and_then(Json::as_object);
            for (key, schema) in properties.ok_or_else(|| Shapeless(branch.to_string()))? {
                let mut field = Field::of(root, schema, true)?;
                about.clone_into(&mut field.about);
                fields.insert(key.clone(), field);
            }
        }
        Ok(Self::OneOf(fields))
    }

    fn of_object(root: &Json, object: &Map<String, Json>) -> Result<Self, Shapeless> {
        if let Some((pattern, each)) =
            object.get("patternProperties").and_then(Json::as_object).and_then(|p| p.iter().next())
        {
            let key = Format::of_pattern(pattern).ok_or_else(|| Shapeless(pattern.clone()))?.name;
            return Ok(Self::Names { key, each: Box::new(Self::of(root, each)?) });
        }
        let Some(properties) = object.get("properties").and_then(Json::as_object) else {
            return Ok(Self::Free);
        };
        let required: Vec<&str> = object
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let field = |(key, schema): (&String, &Json)| {
            Ok((key.clone(), Field::of(root, schema, required.contains(&key.as_str()))?))
        };
        Ok(Self::Record(properties.iter().map(field).collect::<Result<_, _>>()?))
    }

    /// What it accepts, in a word, for messages: `must be …`.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Record(_) | Self::Names { .. } | Self::OneOf(_) | Self::Free => "a table",
            Self::List { .. } => "an array",
            Self::Choice(_) | Self::Text(_) => "a string",
            Self::Integer { .. } => "an integer",
            Self::Flag => "a boolean",
        }
    }
}

impl Field {
    fn of(root: &Json, schema: &Json, required: bool) -> Result<Self, Shapeless> {
        let about = schema.get("description").and_then(Json::as_str).unwrap_or_default();
        Ok(Self {
            shape: Shape::of(root, schema)?,
            required,
            about: about.to_owned(),
            default: schema.get("default").filter(|value| !value.is_null()).cloned(),
        })
    }
}

/// The schema without `null`, which TOML does not have: an optional key is simply left out.
pub(super) fn without_null(schema: &mut Json) {
    match schema {
        Json::Array(list) => list.iter_mut().for_each(without_null),
        Json::Object(object) => {
            if let Some(Json::Array(kinds)) = object.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [only] = kinds.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Json::Array(branches)) = object.get_mut("anyOf") {
                branches.retain(|branch| branch.get("type") != Some(&Json::from("null")));
                if let [Json::Object(only)] = branches.as_slice() {
                    let only = only.clone();
                    object.remove("anyOf");
                    for (key, value) in only {
                        object.entry(key).or_insert(value);
                    }
                }
            }
            if object.get("default") == Some(&Json::Null) {
                object.remove("default");
            }
            object.values_mut().for_each(without_null);
        }
        _ => {}
    }
}
