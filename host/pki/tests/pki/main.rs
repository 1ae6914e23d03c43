//! The certificate authority of a host, tried from outside: with real TLS connections, and with OpenSSL reading and
//! writing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails where it does not hold"
)]

mod authorities;
mod handshake;
mod issuing;
mod lists;
mod openssl;
mod proxies;
mod support;
