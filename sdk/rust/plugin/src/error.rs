//! The one error of every call, in both directions.

use std::fmt;

/// Names and values that a record carries beyond its fields.
pub type Extras = Vec<(String, String)>;

/// Why a call did not do what was asked: the WIT record `waystation:host/types.error`.
///
/// The constructors below give the documented codes; their `retryable` is what usually holds for
/// the code, and [`Error::retryable`] changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// A stable, kebab-case word for programs to match on.
    pub code: String,
    /// One sentence for a person. Holds no secret.
    pub message: String,
    /// Whether the same call may succeed later without anybody changing anything.
    pub retryable: bool,
    /// How long to wait before that, in seconds, where the remote said so.
    pub retry_after: Option<u32>,
    /// Further names and values.
    pub extra: Extras,
}

impl Error {
    /// An error with any code; not retryable.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            retryable: false,
            retry_after: None,
            extra: Vec::new(),
        }
    }

    /// `bad-config`: the operator must change the plugin's configuration.
    pub fn bad_config(message: impl Into<String>) -> Self {
        Self::new("bad-config", message)
    }

    /// `bad-input`: the caller must change what it asked.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new("bad-input", message)
    }

    /// `not-found`: the remote does not know what was asked for.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("not-found", message)
    }

    /// `unauthorized`: the remote wants a credential, or another one.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new("unauthorized", message)
    }

    /// `forbidden`: the remote knows who asks and refuses.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new("forbidden", message)
    }

    /// `rate-limited`, retryable: asked too often; wait so many seconds where known.
    pub fn rate_limited(message: impl Into<String>, retry_after: Option<u32>) -> Self {
        Self::new("rate-limited", message).retryable(true).retry_after(retry_after)
    }

    /// `remote-error`, retryable: the remote failed at its own work.
    pub fn remote(message: impl Into<String>) -> Self {
        Self::new("remote-error", message).retryable(true)
    }

    /// `unreachable`, retryable: no connection, or one that broke.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new("unreachable", message).retryable(true)
    }

    /// `timeout`, retryable: no answer in time.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new("timeout", message).retryable(true)
    }

    /// `bad-response`: the remote answered something that is not what its protocol says.
    pub fn bad_response(message: impl Into<String>) -> Self {
        Self::new("bad-response", message)
    }

    /// `too-large`: the answer is over a limit.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new("too-large", message)
    }

    /// `denied`: the host's policy refuses it; the operator grants it or not.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new("denied", message)
    }

    /// `unsupported`: this plugin, or the remote, has no such thing.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new("unsupported", message)
    }

    /// `internal`: the plugin's own fault.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("internal", message)
    }

    /// The same error, worth a retry or not.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// The same error with the remote's wish when to come back, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: Option<u32>) -> Self {
        self.retry_after = seconds;
        self
    }

    /// The same error with one more name and value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.extra.push((name.to_owned(), value.into()));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// A reader of an HTTP body fails with the error of the transfer inside; anything else that stops a
/// reader is what the remote sent.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(other) => Self::bad_response(format!("the answer ended too early or is damaged: {other}")),
        }
    }
}

/// A document that is not the JSON it should be; a broken transfer keeps its own error.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() {
            return std::io::Error::from(error).into();
        }
        Self::bad_response(format!("the answer is not the JSON document expected: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_travelled_through_a_reader_comes_back_whole() {
        let first = Error::timeout("no answer within 30 s").with("url", "https://a.example/");
        let travelled = std::io::Error::other(first.clone());
        assert_eq!(Error::from(travelled), first);
    }

    #[test]
    fn a_broken_transfer_inside_json_keeps_its_code() {
        struct Broken;
        impl std::io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other(Error::unreachable("the connection broke")))
            }
        }
        let error = serde_json::from_reader::<_, serde_json::Value>(Broken).unwrap_err();
        let error = Error::from(error);
        assert_eq!((error.code.as_str(), error.retryable), ("unreachable", true));
        let error = Error::from(serde_json::from_str::<u32>("x").unwrap_err());
        assert_eq!((error.code.as_str(), error.retryable), ("bad-response", false));
    }
}
