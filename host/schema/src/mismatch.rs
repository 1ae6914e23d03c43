//! What does not fit, and where.

use std::fmt;

use serde_json::Value;

/// One step from a value to a value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The value at a key.
    Key(String),
    /// The value at a place in a list, from 0.
    Index(usize),
}

/// One thing that does not fit. Holds no value of what was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The way to it.
    pub path: Vec<Step>,
    /// The rest of a sentence that begins with the key: `must be an integer`.
    pub message: String,
}

/// Everything that does not fit: at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatches(pub Vec<Mismatch>);

impl Mismatch {
    /// The way as a JSON pointer (RFC 6901).
    pub fn pointer(&self) -> String {
        self.path.iter().fold(String::new(), |mut pointer, step| {
            pointer.push('/');
            match step {
                Step::Key(key) => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
                Step::Index(index) => pointer.push_str(&index.to_string()),
            }
            pointer
        })
    }
}

impl Mismatches {
    pub(crate) fn too_large() -> Self {
        Self(vec![Mismatch {
            path: Vec::new(),
            message: "holds too much to be held against the plugin's schema; take something out".into(),
        }])
    }

    /// All of them in one line, each with the key that an operator finds below `prefix`: the keys that lead to the
    /// checked value.
    pub fn under(&self, prefix: &[&str]) -> String {
        let line = |mismatch: &Mismatch| format!("{} {}", key(prefix, &mismatch.path), mismatch.message);
        self.0.iter().map(line).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Mismatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.under(&[]))
    }
}

/// A key as TOML spells it: `plugins.npm.config.registries[2]."odd key"`.
pub fn key(prefix: &[&str], path: &[Step]) -> String {
    let mut text = String::new();
    for key in prefix {
        append(&mut text, key);
    }
    for step in path {
        match step {
            Step::Key(key) => append(&mut text, key),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

fn append(text: &mut String, key: &str) {
    if !text.is_empty() {
        text.push('.');
    }
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    text.push_str(&if bare { key.to_owned() } else { format!("{key:?}") });
}

/// The steps of a JSON pointer into a value.
pub(crate) fn steps(pointer: &str, mut value: &Value) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let next = match value {
            Value::Array(list) => part.parse().ok().and_then(|index: usize| {
                steps.push(Step::Index(index));
                list.get(index)
            }),
            other => {
                let next = other.get(&part);
                steps.push(Step::Key(part));
                next
            }
        };
        value = next.unwrap_or(&Value::Null);
    }
    steps
}
