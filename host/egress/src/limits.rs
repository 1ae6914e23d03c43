//! The figures: how long a request may take and how much it may move.

use std::time::Duration;

/// Bounds on one request. Defaults are those of the product; each is enforced while data streams, before
/// anything is buffered beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// From the start of a connection attempt until it can carry a request: name lookup, TCP and TLS
    /// together. 10 s.
    pub connect: Duration,
    /// From the start of the request to the last byte of the response's body. 60 s.
    pub total: Duration,
    /// Bytes of a response's body. 16 MiB.
    pub response_body: u64,
    /// Bytes of a request's body. 1 MiB.
    pub request_body: u64,
    /// Bytes of a head, request or response, trailers too. 64 KiB.
    pub header_bytes: usize,
    /// Fields of a head. 100.
    pub header_fields: usize,
    /// Requests of one plugin that are under way at once, until their response's body ends. 64.
    pub in_flight: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            total: Duration::from_secs(60),
            response_body: 16 * 1024 * 1024,
            request_body: 1024 * 1024,
            header_bytes: 64 * 1024,
            header_fields: 100,
            in_flight: 64,
        }
    }
}

/// Shorter times for one request, as a plugin asks for them. They cannot lengthen [`HttpLimits`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection can carry the request.
    pub connect: Option<Duration>,
    /// From there to the head of the response.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the response's body.
    pub between_bytes: Option<Duration>,
}
