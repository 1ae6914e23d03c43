//! What is wrong with a configuration, for a person and for a program.

use std::fmt;

use serde::Serialize;

use super::render;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The configuration is not used.
    Error,
    /// It is used, but should be changed.
    Warning,
}

/// What kind of problem it is: stable words for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The file is not TOML.
    Syntax,
    /// The file cannot be read, or is too large.
    FileUnreadable,
    /// No key of this name exists there.
    UnknownKey,
    /// A key that must be given is not there.
    MissingKey,
    /// A value has another type than its key.
    WrongType,
    /// A value of the right type that its key does not accept.
    InvalidValue,
    /// A number, size or duration beyond its bounds.
    OutOfRange,
    /// A limit above the ceiling for all plugins.
    OverCeiling,
    /// Two settings that exclude each other.
    Conflict,
    /// A name that is defined nowhere.
    UnknownReference,
    /// An environment variable that is no setting.
    UnknownVariable,
    /// An environment variable for what only the file can set.
    NotScalar,
    /// A secret that is not there.
    SecretMissing,
    /// A secret that other users can read.
    SecretPermissions,
}

impl Code {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::FileUnreadable => "file-unreadable",
            Self::UnknownKey => "unknown-key",
            Self::MissingKey => "missing-key",
            Self::WrongType => "wrong-type",
            Self::InvalidValue => "invalid-value",
            Self::OutOfRange => "out-of-range",
            Self::OverCeiling => "over-ceiling",
            Self::Conflict => "conflict",
            Self::UnknownReference => "unknown-reference",
            Self::UnknownVariable => "unknown-variable",
            Self::NotScalar => "not-scalar",
            Self::SecretMissing => "secret-missing",
            Self::SecretPermissions => "secret-permissions",
        }
    }
}

/// One thing that is wrong, where, and what to do about it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub level: Level,
    /// What kind of problem.
    pub code: Code,
    /// The file, where it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The environment variable, where it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// The key, `plugins.ntfy.grants.http[0].origin`; empty where there is none.
    pub key: String,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// One sentence.
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The line it is on.
    #[serde(skip)]
    pub(super) excerpt: Option<render::Excerpt>,
}

impl Problem {
    /// An error that is nowhere in particular.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            code,
            path: None,
            variable: None,
            key: String::new(),
            line: None,
            column: None,
            message: message.into(),
            hint: None,
            excerpt: None,
        }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.level = Level::Warning;
        self
    }

    /// The same about `key`.
    #[must_use]
    pub fn at(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render::problem(self, f)
    }
}

impl std::error::Error for Problem {}

/// Everything that is wrong with a configuration, in the order of the file, then of the variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "config-invalid"
    }

    /// `{"code": "config-invalid", "problems": […]}`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "code": self.code(), "problems": self.problems })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        match self.problems.len() {
            1 => write!(f, "the configuration has 1 problem"),
            count => write!(f, "the configuration has {count} problems"),
        }
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}
