//! The one implementation of what plugins import. Each generation of the WIT and
//! each WASI draft is a thin layer over these functions.

pub(crate) mod config;
pub(crate) mod credentials;
pub(crate) mod http;
pub(crate) mod kv;
pub(crate) mod log;
pub(crate) mod registry;

/// What a host call answers when it does not do what was asked.
#[derive(Debug)]
pub(crate) struct HostError {
    /// A documented word of `waystation:host/types.error`.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) retryable: bool,
}

impl HostError {
    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self { code: "denied", message: message.into(), retryable: false }
    }

    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retryable: false }
    }
}
