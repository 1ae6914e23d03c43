//! Why a command fails: exit codes and stable words. Documented in
//! docs/src/reference/cli.md.

use std::process::ExitCode;

use serde_json::{Value, json};
use waystation_store::StoreError;

/// Why the program ends without having done what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// Kebab-case, stable; that of the host where it refused.
    pub(crate) code: String,
    /// A sentence.
    pub(crate) message: String,
    /// What to do next, where that is known.
    pub(crate) hint: Option<String>,
    /// The status of the answer, where the host refused.
    pub(crate) status: Option<u16>,
}

/// The codes. 0 is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was tried and did not work.
    Failed = 1,
    /// The arguments are not understood.
    Usage = 2,
    /// The configuration is not usable.
    Config = 3,
    /// The host cannot be reached, or does not accept the token.
    Unreachable = 4,
    /// Checks ran, and some failed.
    ChecksFailed = 5,
    /// What was asked about does not exist.
    NotFound = 6,
}

impl Exit {
    /// The word for a failure of which nothing more is known.
    const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Config => "config-invalid",
            Self::Unreachable => "unreachable",
            Self::ChecksFailed => "checks-failed",
            Self::NotFound => "not-found",
        }
    }
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, code: exit.word().to_owned(), message: message.into(), hint: None, status: None }
    }

    /// The same with a word of its own.
    pub(crate) fn code(self, code: impl Into<String>) -> Self {
        Self { code: code.into(), ..self }
    }

    /// The same with what to do next.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// For programs: one object.
    pub(crate) fn to_json(&self) -> Value {
        let mut object = json!({ "code": self.code, "message": self.message.trim_end() });
        if let (Some(hint), Some(object)) = (&self.hint, object.as_object_mut()) {
            object.insert("hint".to_owned(), hint.as_str().into());
        }
        object
    }

    /// For people: the sentence, with the word where it says more than the exit code.
    pub(crate) fn to_text(&self) -> String {
        let mut text = self.message.trim_end().to_owned();
        if self.code != self.exit.word() {
            text = format!("{text} ({})", self.code);
        }
        match &self.hint {
            // A configuration's problems come with theirs.
            Some(hint) if !text.contains(hint.as_str()) => format!("{text}\n  help: {hint}"),
            _ => text,
        }
    }
}

/// What the system, a connection or a document said, with the word for its kind.
impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(e: E) -> Self {
        let known: &dyn std::error::Error = &e;
        let failure = Self::new(Exit::Failed, e.to_string());
        if let Some(e) = known.downcast_ref::<StoreError>() {
            failure.code(e.code())
        } else if known.is::<std::io::Error>() {
            failure.code("io")
        } else if known.is::<serde_json::Error>() {
            failure.code("unexpected-answer")
        } else {
            failure
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

pub(crate) type Outcome = Result<(), Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_for_programs_and_for_people() {
        let plain = Failure::new(Exit::NotFound, "there is no item x\n");
        assert_eq!(plain.to_json(), json!({ "code": "not-found", "message": "there is no item x" }));
        assert_eq!(plain.to_text(), "there is no item x");
        let told = Failure::new(Exit::Failed, "full").code("disk-full").hint("free some space");
        assert_eq!(
            told.to_json(),
            json!({ "code": "disk-full", "message": "full", "hint": "free some space" })
        );
        assert_eq!(told.to_text(), "full (disk-full)\n  help: free some space");
        let shown = Failure::new(Exit::Config, "= help: did you mean `a`?").hint("did you mean `a`?");
        assert_eq!(shown.to_text(), "= help: did you mean `a`?");
        let io = Failure::from(std::io::Error::other("gone"));
        assert_eq!((io.exit, io.code.as_str(), io.message.as_str()), (Exit::Failed, "io", "gone"));
    }
}
