//! A configuration as it was written: values, each with its place in the file or the variable it came from.

use std::{collections::BTreeMap, fmt, ops::Range};

use serde_json::Value as Json;
use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In the file: its key, where it has one, and itself, in bytes.
    File { key: Option<Range<usize>>, value: Range<usize> },
    /// In the environment variable of this name.
    Variable(String),
    /// Nowhere: a table that exists because something in it does.
    Nowhere,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    DateTime(String),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    /// A number that does not fit.
    Unfit,
}

impl Node {
    pub(super) const fn nowhere() -> Self {
        Self { place: Place::Nowhere, value: Value::Table(BTreeMap::new()) }
    }

    /// From a parsed document.
    pub(super) fn from_document(table: &DeTable<'_>) -> Self {
        Self { place: Place::Nowhere, value: Value::Table(entries(table)) }
    }

    pub(super) const fn table(&self) -> Option<&BTreeMap<String, Self>> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) const fn table_mut(&mut self) -> Option<&mut BTreeMap<String, Self>> {
        match &mut self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The node at `path`, or the last one above it that exists; and whether it is the very one.
    pub(super) fn nearest(&self, path: &Path) -> (&Self, bool) {
        let mut node = self;
        for step in &path.0 {
            let next = match (step, &node.value) {
                (Step::Key(key), Value::Table(table)) => table.get(key),
                (Step::Index(index), Value::List(list)) => list.get(*index),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return (node, false),
            }
        }
        (node, true)
    }

    /// As JSON. Numbers that do not fit are left out; the walk has reported them.
    pub(super) fn to_json(&self) -> Option<Json> {
        Some(match &self.value {
            Value::Text(text) | Value::DateTime(text) => text.as_str().into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) => serde_json::Number::from_f64(*number)?.into(),
            Value::Flag(flag) => (*flag).into(),
            Value::List(list) => list.iter().filter_map(Self::to_json).collect(),
            Value::Table(table) => {
                table.iter().filter_map(|(key, node)| Some((key.clone(), node.to_json()?))).collect()
            }
            Value::Unfit => return None,
        })
    }
}

impl Value {
    /// What it is, for messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Flag(_) => "a boolean",
            Self::DateTime(_) => "a date or time",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
            Self::Unfit => "a number that does not fit",
        }
    }
}

fn entries(table: &DeTable<'_>) -> BTreeMap<String, Node> {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), node(Some(key.span()), value))).collect()
}

fn node(key: Option<Range<usize>>, spanned: &Spanned<DeValue<'_>>) -> Node {
    let value = match spanned.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => integer(number).map_or(Value::Unfit, Value::Integer),
        DeValue::Float(number) => {
            let number: Option<f64> = number.as_str().parse().ok();
            number.filter(|number| number.is_finite()).map_or(Value::Unfit, Value::Float)
        }
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(time) => Value::DateTime(time.to_string()),
        DeValue::Array(list) => Value::List(list.iter().map(|item| node(None, item)).collect()),
        DeValue::Table(table) => Value::Table(entries(table)),
    };
    Node { place: Place::File { key, value: spanned.span() }, value }
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The way from the root to a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl Path {
    pub(super) fn of(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| Step::Key((*key).to_owned())).collect())
    }

    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Whether one of the two leads through the other.
    pub(super) fn touches(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a == b)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    let dot = if at == 0 { "" } else { "." };
                    let bare = !key.is_empty()
                        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
                    if bare { write!(f, "{dot}{key}")? } else { write!(f, "{dot}{key:?}")? }
                }
            }
        }
        Ok(())
    }
}
