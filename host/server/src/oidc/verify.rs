//! Whether an ID token is what was asked for (OpenID Connect Core 1.0, section 3.1.3.7).
//!
//! Its signature is of one of the provider's public keys. A token that is signed with the secret of the client is not
//! accepted, nor one without a signature: whoever knows the secret, or nothing, could make it.

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jiff::Timestamp;
use openidconnect::core::{
    CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
    CoreJwsSigningAlgorithm as Alg,
};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, IssuerUrl, Nonce,
    SignatureVerificationError,
};
use serde_json::{Map, Value};
use waystation_core::user::Subject;

use super::error::OidcError;

/// How far the clocks of a provider and of this host may be apart.
const LEEWAY: Duration = Duration::from_secs(60);

/// Those that are verified with a public key.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    Alg::RsaSsaPkcs1V15Sha256,
    Alg::RsaSsaPkcs1V15Sha384,
    Alg::RsaSsaPkcs1V15Sha512,
    Alg::RsaSsaPssSha256,
    Alg::RsaSsaPssSha384,
    Alg::RsaSsaPssSha512,
    Alg::EcdsaP256Sha256,
    Alg::EcdsaP384Sha384,
    Alg::EdDsa,
];

/// What an ID token has to say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a IssuerUrl,
    pub(super) client: &'a ClientId,
    pub(super) keys: &'a CoreJsonWebKeySet,
    pub(super) nonce: &'a Nonce,
    pub(super) now: Timestamp,
}

/// Whom an ID token is about, and everything that it says of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) subject: Subject,
    pub(super) claims: Map<String, Value>,
}

/// Why not, and whether other keys could change that.
#[derive(Debug)]
pub(super) enum Refused {
    /// The key is not among those that are known.
    UnknownKey(OidcError),
    /// Whatever the keys.
    For(OidcError),
}

fn refused(code: &'static str, why: impl Into<String>) -> Refused {
    Refused::For(OidcError::IdToken { code, why: why.into() })
}

/// Verifies a token that came together with this access token.
pub(super) fn verify(
    token: &CoreIdToken,
    access: &AccessToken,
    expected: &Expected<'_>,
) -> Result<Person, Refused> {
    let Expected { issuer, client, keys, nonce, now } = expected;
    let at = |time: Timestamp| {
        DateTime::<Utc>::from_timestamp(time.as_second(), 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    };
    let leeway = jiff::SignedDuration::try_from(LEEWAY).unwrap_or_default();
    let earlier = at(now.checked_sub(leeway).unwrap_or(Timestamp::MIN));
    let later = at(now.checked_add(leeway).unwrap_or(Timestamp::MAX));
    let algorithms: HashSet<_> = ALGORITHMS.into();
    let verifier =
        CoreIdTokenVerifier::new_public_client((*client).clone(), (*issuer).clone(), (*keys).clone())
            .set_allowed_algs(algorithms)
            .set_time_fn(move || earlier)
            .set_issue_time_verifier_fn(move |issued| match issued <= later {
                true => Ok(()),
                false => Err("it is of a time to come".to_owned()),
            });
    let claims = token.claims(&verifier, *nonce).map_err(|e| told(&e))?;
    // Who it was made for, where that is said.
    if claims.authorized_party().is_some_and(|party| party != *client) {
        return Err(refused("id-token-azp", "it was made for another client"));
    }
    if let Some(hash) = claims.access_token_hash() {
        let of = || {
            let key = token.signing_key(&verifier).ok()?;
            AccessTokenHash::from_token(access, token.signing_alg().ok()?, key).ok()
        };
        if of().as_ref() != Some(hash) {
            return Err(refused("id-token-hash", "it came with another access token"));
        }
    }
    let subject = claims.subject().as_str().parse::<Subject>();
    let subject = subject.map_err(|e| refused("id-token-subject", e.to_string()))?;
    let claims = payload(&token.to_string()).ok_or_else(|| refused("id-token", "it cannot be read"))?;
    Ok(Person { subject, claims })
}

/// Everything that a token says whose signature holds.
fn payload(token: &str) -> Option<Map<String, Value>> {
    let payload = token.split('.').nth(1)?;
    match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()? {
        Value::Object(claims) => Some(claims),
        _ => None,
    }
}

fn told(error: &ClaimsVerificationError) -> Refused {
    use ClaimsVerificationError as E;
    use SignatureVerificationError as S;
    let code = match error {
        E::Expired(_) => "id-token-time",
        E::InvalidAudience(_) => "id-token-audience",
        E::InvalidIssuer(_) => "id-token-issuer",
        E::InvalidNonce(_) => "id-token-nonce",
        E::SignatureVerification(S::NoMatchingKey) => "id-token-key",
        E::SignatureVerification(S::NoSignature | S::DisallowedAlg(_) | S::UnsupportedAlg(_)) => {
            "id-token-algorithm"
        }
        E::SignatureVerification(_) => "id-token-signature",
        _ => "id-token",
    };
    let why = match error {
        E::SignatureVerification(signature) => format!("{error}: {signature}"),
        _ => error.to_string(),
    };
    let unknown = code == "id-token-key";
    let error = OidcError::IdToken { code, why };
    if unknown { Refused::UnknownKey(error) } else { Refused::For(error) }
}
