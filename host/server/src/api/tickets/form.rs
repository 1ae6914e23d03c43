//! What a body has to be: every field is looked at, and all that is wrong is told together. What is not asked for is
//! left out, as the reference API does.

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::answer::Answer;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Issue {
    path: Vec<Value>,
    message: String,
}

/// All that is wrong.
#[derive(Debug, Default)]
pub(super) struct Issues(Vec<Issue>);

impl Issues {
    pub(super) fn add(&mut self, path: &[Value], message: impl Display) {
        self.0.push(Issue { path: path.to_vec(), message: message.to_string() });
    }

    /// What was read, unless something is wrong.
    pub(super) fn done<T>(self, read: Option<T>) -> Result<T, Answer> {
        match read {
            Some(read) if self.0.is_empty() => Ok(read),
            _ => Err(Answer::bad("Validation failed").with(json!({ "issues": self.0 }))),
        }
    }

    /// The same of one thing outside of a body.
    pub(super) fn one(name: &str, message: impl Display) -> Answer {
        let mut issues = Self::default();
        issues.add(&[name.into()], message);
        issues.done::<()>(None).err().unwrap_or_else(Answer::not_found)
    }
}

/// An object somewhere in a body.
#[derive(Debug)]
pub(super) struct Form<'v> {
    fields: &'v Map<String, Value>,
    path: Vec<Value>,
}

fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

impl<'v> Form<'v> {
    /// The whole body.
    pub(super) fn of(body: Option<&'v Value>, issues: &mut Issues) -> Option<Self> {
        Self::at(body, Vec::new(), issues)
    }

    fn at(value: Option<&'v Value>, path: Vec<Value>, issues: &mut Issues) -> Option<Self> {
        match value {
            Some(Value::Object(fields)) => Some(Self { fields, path }),
            other => {
                issues.add(&path, format_args!("Expected object, received {}", kind(other)));
                None
            }
        }
    }

    pub(super) fn path(&self, key: &str) -> Vec<Value> {
        [self.path.as_slice(), &[key.into()]].concat()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.fields.contains_key(key)
    }

    fn expected(&self, key: &str, what: &str, issues: &mut Issues) {
        let found = kind(self.fields.get(key));
        let message = match found {
            "undefined" => "Required".to_owned(),
            found => format!("Expected {what}, received {found}"),
        };
        issues.add(&self.path(key), message);
    }

    /// Text of 1 to `most` characters.
    pub(super) fn text(&self, key: &str, most: usize, issues: &mut Issues) -> Option<&'v str> {
        let Some(text) = self.fields.get(key).and_then(Value::as_str) else {
            self.expected(key, "string", issues);
            return None;
        };
        match text.chars().count() {
            0 => issues.add(&self.path(key), "String must contain at least 1 character(s)"),
            count if count > most => {
                issues.add(&self.path(key), format_args!("String must contain at most {most} character(s)"));
            }
            _ => return Some(text),
        }
        None
    }

    /// Text that means something.
    pub(super) fn parsed<T: FromStr<Err: Display>>(
        &self,
        key: &str,
        most: usize,
        issues: &mut Issues,
    ) -> Option<T> {
        let text = self.text(key, most, issues)?;
        text.parse().map_err(|e: T::Err| issues.add(&self.path(key), e)).ok()
    }

    pub(super) fn truth(&self, key: &str, issues: &mut Issues) -> Option<bool> {
        let found = self.fields.get(key).and_then(Value::as_bool);
        if found.is_none() {
            self.expected(key, "boolean", issues);
        }
        found
    }

    /// A port: 0 where that is admitted, else 1024 and above.
    pub(super) fn port(&self, key: &str, zero: bool, issues: &mut Issues) -> Option<u16> {
        let Some(number) = self.fields.get(key).and_then(Value::as_f64) else {
            self.expected(key, "number", issues);
            return None;
        };
        let whole = self.fields.get(key).and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        match whole {
            Some(port) if port >= 1_024 || (zero && port == 0) => Some(port),
            _ => {
                let least = if zero { "0 or 1024 to 65535" } else { "1024 to 65535" };
                issues.add(
                    &self.path(key),
                    format_args!("Port must be an integer of {least}, received {number}"),
                );
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn whole(
        &self,
        key: &str,
        within: std::ops::RangeInclusive<u64>,
        issues: &mut Issues,
    ) -> Option<u64> {
        let Some(number) = self.fields.get(key).filter(|value| value.is_number()) else {
            self.expected(key, "number", issues);
            return None;
        };
        let whole = number.as_u64().filter(|number| within.contains(number));
        if whole.is_none() {
            let (least, most) = (within.start(), within.end());
            issues.add(&self.path(key), format_args!("Number must be an integer of {least} to {most}"));
        }
        whole
    }

    /// One word of several.
    pub(super) fn word<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
        words: &str,
        issues: &mut Issues,
    ) -> Option<T> {
        let found = self.fields.get(key);
        let read = found.and_then(|value| serde_json::from_value(value.clone()).ok());
        if read.is_none() {
            match found {
                None => self.expected(key, "string", issues),
                Some(_) => issues.add(&self.path(key), format_args!("Expected one of {words}")),
            }
        }
        read
    }

    /// Values of a list with at least one entry.
    fn entries(&self, key: &str, most: usize, issues: &mut Issues) -> Option<&'v [Value]> {
        let Some(list) = self.fields.get(key).and_then(Value::as_array) else {
            self.expected(key, "array", issues);
            return None;
        };
        if list.is_empty() {
            issues.add(&self.path(key), "Array must contain at least 1 element(s)");
            return None;
        }
        if list.len() > most {
            issues.add(&self.path(key), format_args!("Array must contain at most {most} element(s)"));
            return None;
        }
        Some(list)
    }

    /// Words of a list.
    pub(super) fn words<T: serde::de::DeserializeOwned>(
        &self,
        key: &str,
        most: usize,
        words: &str,
        issues: &mut Issues,
    ) -> Option<Vec<T>> {
        let list = self.entries(key, most, issues)?;
        let mut read = Vec::with_capacity(list.len());
        for (at, value) in list.iter().enumerate() {
            match serde_json::from_value(value.clone()) {
                Ok(word) => read.push(word),
                Err(_) => {
                    let path = [self.path(key), vec![at.into()]].concat();
                    issues.add(&path, format_args!("Expected one of {words}"));
                }
            }
        }
        (read.len() == list.len()).then_some(read)
    }

    /// Texts of a list that mean something; it may be empty.
    pub(super) fn parsed_list<T: FromStr<Err: Display>>(
        &self,
        key: &str,
        most: usize,
        issues: &mut Issues,
    ) -> Option<Vec<T>> {
        if self.fields.get(key).and_then(Value::as_array).is_some_and(Vec::is_empty) {
            return Some(Vec::new());
        }
        let list = self.entries(key, most, issues)?;
        let mut read = Vec::with_capacity(list.len());
        for (at, value) in list.iter().enumerate() {
            let parsed = match value {
                Value::String(text) => text.parse().map_err(|e: T::Err| e.to_string()),
                other => Err(format!("Expected string, received {}", kind(Some(other)))),
            };
            match parsed {
                Ok(one) => read.push(one),
                Err(message) => issues.add(&[self.path(key), vec![at.into()]].concat(), message),
            }
        }
        (read.len() == list.len()).then_some(read)
    }

    /// Objects of a list.
    pub(super) fn forms(&self, key: &str, most: usize, issues: &mut Issues) -> Option<Vec<Form<'v>>> {
        let list = self.entries(key, most, issues)?;
        let form =
            |(at, value)| Form::at(Some(value), [self.path(key), vec![Value::from(at)]].concat(), issues);
        list.iter().enumerate().map(form).collect()
    }

    /// An object.
    pub(super) fn form(&self, key: &str, issues: &mut Issues) -> Option<Form<'v>> {
        match self.fields.get(key) {
            Some(value) => Form::at(Some(value), self.path(key), issues),
            None => {
                self.expected(key, "object", issues);
                None
            }
        }
    }
}
