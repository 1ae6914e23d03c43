//! Certificate authorities that know who is asking (sigstore/fulcio, `fulcio.proto`, `CreateSigningCertificate`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;
use waystation_sign::{Key, Signer as _};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use crate::error::ServiceError;
use crate::http::{Ask, Http};
use crate::token::IdentityToken;

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 256 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    signed_certificate_embedded_sct: Option<Issued>,
    signed_certificate_detached_sct: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Issued {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<String>,
}

/// A certificate for a key, DER. Whether it is worth anything is for the verification; that it is for this key is known
/// before anything is signed.
pub(crate) async fn certificate(
    http: &Http,
    url: &str,
    token: &IdentityToken,
    key: &Key,
) -> Result<Vec<u8>, ServiceError> {
    let service = format!("the certificate authority {url}");
    let malformed = |why| ServiceError::Malformed { service: service.clone(), why };
    let proof = key.sign(token.subject().as_bytes())?;
    let body = json!({
        "credentials": { "oidcIdentityToken": token.secret().expose_secret() },
        "publicKeyRequest": {
            "publicKey": { "algorithm": "ECDSA", "content": key.public().to_pem()? },
            "proofOfPossession": STANDARD.encode(proof),
        },
    });
    let ask = Ask {
        service: &service,
        url: &format!("{}/api/v2/signingCert", url.trim_end_matches('/')),
        body: Some(("application/json", body.to_string().into_bytes())),
        accept: "application/json",
        bearer: None,
        limit: MAX_ANSWER,
    };
    let answer = http.ask(ask).await.map_err(|e| match e {
        ServiceError::Refused { service, status: status @ (400 | 401 | 403) } => {
            ServiceError::TokenRefused { service, status }
        }
        other => other,
    })?;
    let answer: Answer = serde_json::from_slice(&answer).map_err(|_| malformed("it does not parse"))?;
    let issued = match (answer.signed_certificate_embedded_sct, answer.signed_certificate_detached_sct) {
        (Some(issued), None) => issued,
        (None, Some(_)) => {
            return Err(malformed(
                "the proof that the certificate was logged is not in it, as bundles need it",
            ));
        }
        _ => return Err(malformed("it holds no certificate, or two")),
    };
    let leaf = issued.chain.certificates.first().and_then(|pem| certificate_of(pem));
    let leaf = leaf.ok_or_else(|| malformed("its certificate does not parse"))?;
    let parsed = Certificate::from_der(&leaf).ok();
    let named = parsed.and_then(|leaf| leaf.tbs_certificate.subject_public_key_info.to_der().ok());
    match named.ok_or_else(|| malformed("its certificate does not parse"))? == key.public().spki() {
        true => Ok(leaf),
        false => Err(ServiceError::CertificateMismatch { service }),
    }
}

/// The bytes of one certificate in PEM.
fn certificate_of(pem: &str) -> Option<Vec<u8>> {
    let body = pem.trim().strip_prefix("-----BEGIN CERTIFICATE-----")?;
    let body = body.strip_suffix("-----END CERTIFICATE-----")?;
    STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}
