//! Reading tokens that anybody may have made.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::claims::{Claims, PurposeKind, Wire};
use super::key::KeyRing;
use super::sign::{Header, TYPE};
use crate::error::IdentityError;

/// The longest token, in bytes.
pub const MAX_JWT: usize = 4_096;

/// How far the clocks of hosts that share a key may be apart.
pub const SKEW_SECONDS: i64 = 60;

/// Who issues tokens, and for whom. Both are compared as they are.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The host or hosts, as one (`iss`).
    pub issuer: &'a str,
    /// The part of it that is to take them (`aud`).
    pub audience: &'a str,
}

impl KeyRing {
    /// What a token says, if it is one of ours, for this purpose, and holds now.
    ///
    /// # Errors
    /// Why not. To who presented it, all are the same 401.
    pub fn verify(
        &self,
        site: &Site<'_>,
        purpose: PurposeKind,
        token: &str,
        now: Timestamp,
    ) -> Result<Claims, IdentityError> {
        if token.len() > MAX_JWT {
            return Err(IdentityError::Jwt("it is too long"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(IdentityError::Jwt("it has no signature"))?;
        let (header, claims) = message.split_once('.').ok_or(IdentityError::Jwt("it has no claims"))?;
        let header: Header = json(&decode(header)?)?;
        if header.typ != TYPE {
            return Err(IdentityError::Jwt("it is of another type"));
        }
        let key = self.find(&header.kid, now).ok_or(IdentityError::UnknownKey)?;
        // The key says which algorithm; that the header says the same is one check more.
        if header.alg != key.algorithm() || !key.verifies(message.as_bytes(), &decode(signature)?) {
            return Err(IdentityError::Signature);
        }
        let wire: Wire = json(&decode(claims)?)?;
        if (wire.iss.as_str(), wire.aud.as_str()) != (site.issuer, site.audience) {
            return Err(IdentityError::Audience);
        }
        if wire.purpose != purpose {
            return Err(IdentityError::Purpose);
        }
        let claims = wire.read()?;
        holds(&claims, now)?;
        Ok(claims)
    }
}

fn holds(claims: &Claims, now: Timestamp) -> Result<(), IdentityError> {
    let (now, from, until) = (now.as_second(), claims.issued_at.as_second(), claims.expires_at.as_second());
    let life = until.saturating_sub(from);
    if life <= 0 || u64::try_from(life).unwrap_or(u64::MAX) > claims.purpose.kind().life().as_secs() {
        return Err(IdentityError::Jwt("it would hold for longer than such a token may, or never"));
    }
    if from > now.saturating_add(SKEW_SECONDS) {
        return Err(IdentityError::NotYet);
    }
    if until.saturating_add(SKEW_SECONDS) <= now { Err(IdentityError::Expired) } else { Ok(()) }
}

/// Base64url without padding, in its one spelling: bits that mean nothing are zero.
fn decode(text: &str) -> Result<Vec<u8>, IdentityError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| IdentityError::Jwt("a part of it is no base64url"))
}

/// A JSON object. Serde would take an array for one.
fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, IdentityError> {
    let object = bytes.first() == Some(&b'{');
    let read = if object { serde_json::from_slice(bytes).ok() } else { None };
    read.ok_or(IdentityError::Jwt("a part of it is not the JSON that is written here"))
}
