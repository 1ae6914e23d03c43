//! Why a call of a plugin did not give an answer.

use std::fmt;
use std::time::Duration;

/// The closed list of causes, the same words in API, logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The guest executed an instruction that cannot go on (`unreachable`, out of
    /// bounds, stack exhausted).
    Trap,
    /// Processor or wall time ran out.
    Deadline,
    /// The memory limit was reached.
    Memory,
    /// A host call was misused: too many bytes, too many resources.
    Hostcall,
    /// A host call was made without a grant.
    Denied,
    /// What came back does not decode.
    Decode,
    /// The component does not fit the world it claims.
    Abi,
    /// The plugin itself answered with an error.
    PluginError,
}

impl Cause {
    /// Every cause, for tables and metrics.
    pub const ALL: [Self; 8] = [
        Self::Trap,
        Self::Deadline,
        Self::Memory,
        Self::Hostcall,
        Self::Denied,
        Self::Decode,
        Self::Abi,
        Self::PluginError,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Hostcall => "hostcall",
            Self::Denied => "denied",
            Self::Decode => "decode",
            Self::Abi => "abi",
            Self::PluginError => "plugin-error",
        }
    }

    /// Whether it counts towards quarantine. An error that the plugin itself
    /// reports (a registry that is down) is a proper answer.
    pub fn is_misbehaviour(self) -> bool {
        !matches!(self, Self::PluginError | Self::Denied)
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error as the plugin reported it: the WIT record `waystation:host/types.error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginError {
    /// Kebab-case word.
    pub code: String,
    /// Sentence for a person.
    pub message: String,
    /// Whether trying again later can help.
    pub retryable: bool,
    /// When to try again, where the remote said so.
    pub retry_after: Option<Duration>,
    /// Documented extras.
    pub extra: Vec<(String, String)>,
}

/// A call that failed. Its message holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}: {message}")]
pub struct Failure {
    /// Which of the closed list.
    pub cause: Cause,
    /// What happened, in one sentence.
    pub message: String,
    /// The plugin's own words, when `cause` is [`Cause::PluginError`].
    pub error: Option<PluginError>,
    /// Names of the guest's functions, innermost first, when it trapped.
    pub backtrace: Vec<String>,
}

impl Failure {
    pub(crate) fn new(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), error: None, backtrace: Vec::new() }
    }

    /// Whether the same call may succeed later without a change.
    pub fn retryable(&self) -> bool {
        match &self.error {
            Some(error) => error.retryable,
            None => matches!(self.cause, Cause::Deadline),
        }
    }
}

impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Self {
        Self {
            cause: Cause::PluginError,
            message: format!("{} ({})", error.message, error.code),
            error: Some(error),
            backtrace: Vec::new(),
        }
    }
}

/// Why a call was not answered: it failed, or it never began.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// It ran and failed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The plugin failed too often and rests.
    #[error("plugin is in quarantine for another {} s after {failures} failures in a row", retry_after.as_secs())]
    Quarantined {
        /// Failures in a row.
        failures: u32,
        /// Until the next probe.
        retry_after: Duration,
    },
    /// As many calls run and wait as the limits allow.
    #[error("plugin is busy: {running} calls run and {waiting} wait")]
    Busy {
        /// The concurrency limit.
        running: usize,
        /// The queue limit.
        waiting: usize,
    },
    /// The operator turned it off, or it never loaded.
    #[error("plugin is not running: {0}")]
    NotRunning(String),
}

impl CallError {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Failed(failure) => match &failure.error {
                Some(error) => &error.code,
                None => failure.cause.as_str(),
            },
            Self::Quarantined { .. } => "quarantined",
            Self::Busy { .. } => "busy",
            Self::NotRunning(_) => "not-running",
        }
    }

    /// What happened, without the code: the plugin's own words where it answered.
    pub fn sentence(&self) -> String {
        match self {
            Self::Failed(failure) => match &failure.error {
                Some(error) if failure.cause == Cause::PluginError => error.message.clone(),
                _ => failure.message.clone(),
            },
            other => other.to_string(),
        }
    }

    /// The word of the closed list where it failed, else why it never began. Never the
    /// plugin's own words.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Failed(failure) => failure.cause.as_str(),
            Self::Quarantined { .. } => "quarantined",
            Self::Busy { .. } => "busy",
            Self::NotRunning(_) => "not-running",
        }
    }

    /// When to try again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failed(failure) => failure.error.as_ref().and_then(|e| e.retry_after),
            Self::Quarantined { retry_after, .. } => Some(*retry_after),
            Self::Busy { .. } | Self::NotRunning(_) => None,
        }
    }
}
