//! The gate through which a sandboxed plugin's HTTP requests leave the host.
//!
//! A [`Client`] belongs to one plugin. Each request it sends is judged by [`decide`], a pure function of
//! the plugin's [`Policy`]; then its host name is resolved once, every answer is screened
//! ([`addresses`]), and the connection goes to an address that was screened. Credentials are set by the
//! host after all that, and only for the origin they are bound to. Bodies and headers are bounded while
//! they stream, redirects are returned and never followed, and every attempt ends in one [`Record`].
//!
//! Invariants:
//! - nothing is allowed that no grant names (audit mode never covers addresses, forbidden headers or
//!   forbidden methods);
//! - no name is looked up between the check of its address and the connection to it;
//! - a connection is used again only after its address passed the screening of the new request;
//! - two clients share no connection and no TLS session;
//! - no error, record or log line holds a credential, a query string or a body.
//!
//! # Example
//!
//! ```
//! use waystation_egress::{decide, Decision, HttpGrant, PluginName, Policy};
//!
//! let policy = Policy {
//!     grants: vec![HttpGrant::for_origin("https://*.example.org".parse()?)],
//!     ..Policy::default()
//! };
//! let plugin = PluginName::new("acme/releases");
//! let headers = http::HeaderMap::new();
//! let judge = |uri| decide(&plugin, &policy, &http::Method::GET, &http::Uri::from_static(uri), &headers);
//!
//! assert!(matches!(judge("https://api.example.org/v1"), Decision::Allowed(_)));
//! assert!(matches!(judge("https://example.org/v1"), Decision::Denied(_)));
//! # Ok::<(), waystation_egress::EgressError>(())
//! ```

#![forbid(unsafe_code)]

pub mod addresses;
mod attempt;
mod client;
mod connect;
mod counters;
mod credentials;
mod error;
mod exchange;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod grant;
pub mod headers;
mod limits;
mod name;
mod origin;
mod pattern;
mod policy;
mod pool;
mod record;
mod request_body;
mod resolve;
mod response_body;
mod roots;
mod shared;
mod wanted;

pub use addresses::{MissingKeys, Range, Refused, Screening};
pub use client::Client;
pub use counters::Counters;
pub use credentials::{Binding, Credential, Credentials, Use};
pub use error::{Class, EgressError, Side, causes};
pub use grant::{HeaderNames, HttpGrant, Methods, Mode};
pub use limits::{HttpLimits, Timeouts};
pub use name::{CredentialName, PluginName};
pub use origin::{Host, Origin, Scheme};
pub use pattern::OriginPattern;
pub use policy::{Admission, Decision, Policy, decide};
pub use record::{Reason, Record, Sink, Verdict};
pub use resolve::{Resolver, SystemResolver};
pub use response_body::BoundedBody;
pub use roots::Roots;
pub use shared::Shared;
pub use wanted::{AddressRefused, Wanted};

#[cfg(test)]
mod tests;
