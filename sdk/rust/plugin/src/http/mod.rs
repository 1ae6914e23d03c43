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
//! Everything that decides is in pure modules ([`url`], [`link`], [`status`], [`redirect`],
//! [`validator`]); `exchange` and `body` alone talk to the host.

mod body;
mod exchange;
mod headers;
pub mod link;
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
