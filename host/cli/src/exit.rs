//! Exit codes. Documented in docs/src/reference/cli.md.

use std::process::ExitCode;

/// Why the program ends without having done what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Exit,
    pub(crate) message: String,
    /// Whether the answer for programs was printed already: there is one, whatever its exit code.
    pub(crate) answered: bool,
}

/// The codes. 0 is success; 2 is clap's, for arguments that are not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was tried and did not work.
    Failed = 1,
    /// The configuration is not usable.
    Config = 3,
    /// The host cannot be reached, or does not accept the token.
    Unreachable = 4,
    /// Checks ran, and some failed.
    ChecksFailed = 5,
    /// What was asked about does not exist.
    NotFound = 6,
}

impl Failure {
    pub(crate) fn new(code: Exit, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), answered: false }
    }

    /// For a command that printed its answer, and whose answer is bad news.
    pub(crate) fn after_answer(code: Exit, message: impl Into<String>) -> Self {
        Self { answered: true, ..Self::new(code, message) }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(e: E) -> Self {
        Self::new(Exit::Failed, e.to_string())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

pub(crate) type Outcome = Result<(), Failure>;
