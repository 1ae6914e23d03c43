//! Making tokens.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::claims::{Claims, Wire};
use super::key::KeyRing;
use super::verify::Site;
use crate::error::IdentityError;

/// The header as JSON. A name that comes twice is refused, and so is one that is not here, `crit` among them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: String,
    pub(super) typ: String,
}

/// The type of token (RFC 7519, section 5.1).
pub(super) const TYPE: &str = "JWT";

impl KeyRing {
    /// A token that says this, signed with the current key.
    ///
    /// # Errors
    /// When it would be too long to be read again: a site with a very long name.
    pub fn sign(&self, site: &Site<'_>, claims: &Claims) -> Result<String, IdentityError> {
        let key = self.current();
        let header = Header {
            alg: key.algorithm().to_owned(),
            kid: key.id().as_str().to_owned(),
            typ: TYPE.to_owned(),
        };
        let json = |json: serde_json::Result<Vec<u8>>| {
            json.map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
                .map_err(|_| IdentityError::Jwt("it cannot be written"))
        };
        let header = json(serde_json::to_vec(&header))?;
        let claims = json(serde_json::to_vec(&Wire::new(claims, site.issuer, site.audience)))?;
        let message = format!("{header}.{claims}");
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())));
        if token.len() > super::MAX_JWT { Err(IdentityError::Jwt("it is too long")) } else { Ok(token) }
    }
}
