//! Access tokens: JSON Web Tokens (RFC 7519, RFC 8725) that this host makes for itself.
//!
//! Nobody else issues them, so there is one form, and what departs from it is refused: a header of `alg`, `kid` and `typ`
//! and nothing else, claims of known names with one value each, no critical extensions, no keys or addresses of keys.
//!
//! Invariants: the algorithm is the key's, never the header's; a token for one purpose, host or audience is none for
//! another; it lives no longer than its purpose allows, whatever it says; and no role or permission is in it. That its
//! login still holds is for the database to say, each time.

mod claims;
mod key;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

pub use claims::{ACCESS_LIFE, Claims, Purpose, PurposeKind, VIEWER_LIFE, ViewerAccess};
pub use key::{JwtKey, KeyId, KeyRing, MIN_SECRET};
pub use verify::{MAX_JWT, SKEW_SECONDS, Site};
