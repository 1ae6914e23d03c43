//! `EgressError`: everything that can go wrong on the way out, with a stable code and a sentence that says
//! what to do next.

use std::time::Duration;

use http::{HeaderName, Method};

use crate::{AddressRefused, CredentialName, MissingKeys, Origin, PluginName, Wanted};

/// Whose head was too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What the plugin wanted to send.
    Request,
    /// What the server sent.
    Response,
}

/// What kind of trouble an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The configuration is wrong; no request was made.
    Configuration,
    /// The gate refused the request; no byte of it left the host.
    Denied,
    /// The gate allowed the request and it did not come to a good end.
    Failed,
}

/// Why a request did not leave, or did not come back. Holds no credential, query string, body or secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EgressError {
    /// A text is not an origin or a pattern of origins.
    #[error("`{given}` is not an origin: {why}")]
    BadOrigin {
        /// The text, shortened, without user name and password.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A value of a grant is wrong.
    #[error("`{key}` of an HTTP grant is wrong at `{given}`: {why}")]
    BadGrant {
        /// The key in the grant.
        key: &'static str,
        /// The value.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A credential cannot be used.
    #[error("credential{}: {why}", name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default())]
    BadCredential {
        /// Its name, where it has a good one.
        name: Option<CredentialName>,
        /// What is wrong with it. Never its value.
        why: &'static str,
    },
    /// The file of extra trust roots cannot be used.
    #[error("cannot use {path} as extra trust roots: {why}; it must hold certificates in PEM")]
    BadRoots {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },

    /// The request's URI does not say where to go.
    #[error("the request's URI cannot be used: {why}")]
    BadUri {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The request contradicts itself.
    #[error("the request cannot be sent: {why}")]
    BadRequest {
        /// What is wrong with it.
        why: &'static str,
    },
    /// No grant names the origin.
    #[error("plugin `{}` may not reach {}: no grant names this origin. To allow it, add `{}`", .0.plugin, .0.origin, .0.hint(None))]
    OriginNotGranted(Box<Wanted>),
    /// A grant names the origin but not the method.
    #[error("plugin `{}` may not send {} to {}: no grant for this origin lists the method. To allow it, add `{}`", .0.plugin, .0.method, .0.origin, .0.hint(None))]
    MethodNotGranted(Box<Wanted>),
    /// A method that no grant can allow.
    #[error("{method} is never allowed: it opens a tunnel or reflects credentials; use another method")]
    MethodForbidden {
        /// `CONNECT` or `TRACE`.
        method: Method,
    },
    /// A grant names origin and method but not a sensitive header field.
    #[error("plugin `{}` may not set {} itself for {}. Bind a credential and let the host set it; or add `{}`", .0.plugin, .0.names(), .0.origin, .0.hint(None))]
    HeaderNotGranted(Box<Wanted>),
    /// A header field that no grant can allow.
    #[error(
        "a plugin may never set the header `{header}`: the host sets it, or it frames the message; leave it out"
    )]
    HeaderForbidden {
        /// The field.
        header: HeaderName,
    },
    /// The credential does not exist, or not for this origin.
    #[error(
        "plugin `{plugin}` has no credential `{name}` bound to {origin}; bind one, or do not name it for this origin"
    )]
    CredentialNotBound {
        /// The plugin.
        plugin: PluginName,
        /// The credential.
        name: CredentialName,
        /// Where it was to be sent.
        origin: Box<Origin>,
    },
    /// An address of the host is not public.
    #[error("{0}")]
    AddressRefused(Box<AddressRefused>),
    /// The request's body is larger than allowed.
    #[error(
        "the request's body is larger than {limit} bytes; send less, or raise the plugin's request body limit"
    )]
    RequestTooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// A head has too many bytes or fields.
    #[error("the {}'s head is larger than {bytes} bytes or {fields} fields", match side { Side::Request => "request", Side::Response => "response" })]
    HeadersTooLarge {
        /// Whose.
        side: Side,
        /// Bytes allowed.
        bytes: usize,
        /// Fields allowed.
        fields: usize,
    },
    /// Too many requests of this plugin are under way.
    #[error(
        "{limit} requests of this plugin are under way, and more are not allowed at once; finish one first"
    )]
    TooManyInFlight {
        /// Requests allowed at once.
        limit: usize,
    },
    /// The client was closed, because the plugin was stopped or its grants changed.
    #[error("this plugin's connection to the network was closed; start the call again")]
    ClientClosed,

    /// The name has no address, or the name server did not answer.
    #[error("cannot look up the host of {origin}: {why}; check the name and this host's name servers")]
    DnsFailed {
        /// Where to.
        origin: Box<Origin>,
        /// What the resolver said.
        why: String,
    },
    /// No address of the host took the connection.
    #[error("cannot connect to {origin}: {why}; check that it is up and reachable from this host")]
    ConnectFailed {
        /// Where to.
        origin: Box<Origin>,
        /// What the last address said.
        why: String,
    },
    /// The connection was not there in time.
    #[error("no connection to {origin} within {after:?}: the {phase} took too long")]
    ConnectTimeout {
        /// Where to.
        origin: Box<Origin>,
        /// `name lookup`, `TCP connection` or `TLS handshake`.
        phase: &'static str,
        /// The time allowed.
        after: Duration,
    },
    /// The server's certificate or the handshake is not good.
    #[error(
        "no secure connection to {origin}: {why}. If a private authority issued its certificate, name that authority's PEM file in `[egress] ca_file`"
    )]
    TlsFailed {
        /// Where to.
        origin: Box<Origin>,
        /// What TLS said.
        why: String,
    },
    /// There is nothing to check certificates against.
    #[error(
        "no trust roots: install this system's CA certificates, or name a PEM file in `[egress] ca_file`"
    )]
    NoTrustRoots,
    /// The connection ended before the response did.
    #[error("{origin} ended the connection before its response was complete: {why}")]
    ConnectionLost {
        /// Where to.
        origin: Box<Origin>,
        /// What was seen.
        why: String,
    },
    /// The whole request took longer than allowed.
    #[error("the request to {origin} was not done within {after:?} and was cut off")]
    Deadline {
        /// Where to.
        origin: Box<Origin>,
        /// The time allowed.
        after: Duration,
    },
    /// The server was silent for longer than the plugin wanted to wait.
    #[error("{origin} was silent for {after:?}, longer than the plugin waits for {waiting}")]
    ResponseTimeout {
        /// Where to.
        origin: Box<Origin>,
        /// `the response` or `more of the body`.
        waiting: &'static str,
        /// The time the plugin allowed.
        after: Duration,
    },
    /// The response's body is larger than allowed.
    #[error(
        "the response of {origin} is larger than {limit} bytes; ask for less, or raise the plugin's response body limit"
    )]
    ResponseTooLarge {
        /// Where to.
        origin: Box<Origin>,
        /// Bytes allowed.
        limit: u64,
    },
    /// The response is not HTTP as it should be.
    #[error("{origin} answered with something that is not valid HTTP: {why}")]
    BadResponse {
        /// Where to.
        origin: Box<Origin>,
        /// What was seen.
        why: String,
    },
    /// The plugin's own body ended with an error while it was sent.
    #[error("the plugin did not finish the body of its request")]
    RequestBodyFailed,
    /// The plugin gave the request up.
    #[error("the plugin gave the request up before there was a response")]
    Cancelled,
}

impl EgressError {
    /// All codes, in the order of the documentation.
    pub const CODES: &'static [&'static str] = &[
        "bad-origin",
        "bad-grant",
        "bad-credential",
        "bad-roots",
        "bad-uri",
        "bad-request",
        "origin-not-granted",
        "method-not-granted",
        "method-forbidden",
        "header-not-granted",
        "header-forbidden",
        "credential-not-bound",
        "address-refused",
        "request-too-large",
        "headers-too-large",
        "too-many-in-flight",
        "client-closed",
        "dns-failed",
        "connect-failed",
        "connect-timeout",
        "tls-failed",
        "no-trust-roots",
        "connection-lost",
        "deadline",
        "response-timeout",
        "response-too-large",
        "bad-response",
        "request-body-failed",
        "cancelled",
    ];

    /// The stable name of this error, kebab-case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadOrigin { .. } => "bad-origin",
            Self::BadGrant { .. } => "bad-grant",
            Self::BadCredential { .. } => "bad-credential",
            Self::BadRoots { .. } => "bad-roots",
            Self::BadUri { .. } => "bad-uri",
            Self::BadRequest { .. } => "bad-request",
            Self::OriginNotGranted(_) => "origin-not-granted",
            Self::MethodNotGranted(_) => "method-not-granted",
            Self::MethodForbidden { .. } => "method-forbidden",
            Self::HeaderNotGranted(_) => "header-not-granted",
            Self::HeaderForbidden { .. } => "header-forbidden",
            Self::CredentialNotBound { .. } => "credential-not-bound",
            Self::AddressRefused(_) => "address-refused",
            Self::RequestTooLarge { .. } => "request-too-large",
            Self::HeadersTooLarge { .. } => "headers-too-large",
            Self::TooManyInFlight { .. } => "too-many-in-flight",
            Self::ClientClosed => "client-closed",
            Self::DnsFailed { .. } => "dns-failed",
            Self::ConnectFailed { .. } => "connect-failed",
            Self::ConnectTimeout { .. } => "connect-timeout",
            Self::TlsFailed { .. } => "tls-failed",
            Self::NoTrustRoots => "no-trust-roots",
            Self::ConnectionLost { .. } => "connection-lost",
            Self::Deadline { .. } => "deadline",
            Self::ResponseTimeout { .. } => "response-timeout",
            Self::ResponseTooLarge { .. } => "response-too-large",
            Self::BadResponse { .. } => "bad-response",
            Self::RequestBodyFailed => "request-body-failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// What kind of trouble this is.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::BadOrigin { .. }
            | Self::BadGrant { .. }
            | Self::BadCredential { .. }
            | Self::BadRoots { .. } => Class::Configuration,
            Self::BadUri { .. }
            | Self::BadRequest { .. }
            | Self::OriginNotGranted(_)
            | Self::MethodNotGranted(_)
            | Self::MethodForbidden { .. }
            | Self::HeaderNotGranted(_)
            | Self::HeaderForbidden { .. }
            | Self::CredentialNotBound { .. }
            | Self::AddressRefused(_)
            | Self::RequestTooLarge { .. }
            | Self::HeadersTooLarge { side: Side::Request, .. }
            | Self::TooManyInFlight { .. }
            | Self::ClientClosed => Class::Denied,
            Self::HeadersTooLarge { side: Side::Response, .. }
            | Self::DnsFailed { .. }
            | Self::ConnectFailed { .. }
            | Self::ConnectTimeout { .. }
            | Self::TlsFailed { .. }
            | Self::NoTrustRoots
            | Self::ConnectionLost { .. }
            | Self::Deadline { .. }
            | Self::ResponseTimeout { .. }
            | Self::ResponseTooLarge { .. }
            | Self::BadResponse { .. }
            | Self::RequestBodyFailed
            | Self::Cancelled => Class::Failed,
        }
    }

    /// The exact lines of configuration that would allow the request, where a grant can.
    #[must_use]
    pub fn grant(&self) -> Option<String> {
        match self {
            Self::OriginNotGranted(wanted)
            | Self::MethodNotGranted(wanted)
            | Self::HeaderNotGranted(wanted) => Some(wanted.grant(None)),
            Self::AddressRefused(refusal) if refusal.missing != MissingKeys::HostFlag => {
                Some(refusal.wanted.grant(Some(refusal.refused.address)))
            }
            _ => None,
        }
    }

    /// Keeps user names, passwords and excess length out of the sentence.
    pub(crate) fn bad_origin(given: &str, why: &'static str) -> Self {
        let shown = match given.rsplit_once('@') {
            Some((_, host)) => format!("…@{host}"),
            None => given.to_owned(),
        };
        Self::BadOrigin { given: shown.chars().take(200).collect(), why }
    }

    pub(crate) fn request_head(limits: &crate::HttpLimits) -> Self {
        Self::HeadersTooLarge {
            side: Side::Request,
            bytes: limits.header_bytes,
            fields: limits.header_fields,
        }
    }

    pub(crate) fn response_head(limits: &crate::HttpLimits) -> Self {
        Self::HeadersTooLarge {
            side: Side::Response,
            bytes: limits.header_bytes,
            fields: limits.header_fields,
        }
    }
}

/// An error with what is behind it, in one line.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
