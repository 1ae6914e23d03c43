//! HTTP requests through the host's gate (`wasi:http/outgoing-handler`), one after another.
//!
//! ```no_run
//! use waystation_plugin::{Error, http::Request};
//!
//! # fn f(validator: Option<&str>) -> Result<(), Error> {
//! let answer = Request::get("https://registry.example/crate/serde")
//!     .credential_if_bound("registry-token")
//!     .conditional(validator)
//!     .send()?
//!     .success()?;
//! if answer.not_modified() {
//!     return Ok(());
//! }
//! let document: waystation_plugin::serde_json::Value = answer.json()?;
//! # Ok(()) }
//! ```
//!
//! `GET` asks for content packed with gzip and unpacks it; limits count what comes out. A request that sets
//! `accept-encoding` itself gets the content as it is sent.
//!
//! Everything that decides is in pure modules ([`url`], [`link`], [`status`], [`redirect`],
//! [`validator`]); `exchange` and `pieces` alone talk to the host.

mod body;
mod exchange;
mod gunzip;
mod headers;
pub mod link;
mod pieces;
pub mod redirect;
mod request;
mod response;
pub mod status;
mod transport;
pub mod url;
pub mod validator;

pub use body::BodyReader;
pub use headers::Headers;
pub use request::{DEFAULT_MAX_BODY, DEFAULT_REDIRECTS, Method, Request};
pub use response::Response;
pub use status::error_for_status;
pub use url::{BaseUrl, join};
