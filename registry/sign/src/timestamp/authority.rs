//! An authority of this machine.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use x509_cert::Certificate;
use x509_cert::der::asn1::{GeneralizedTime, ObjectIdentifier};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::ExtendedKeyUsage;
use x509_tsp::{Accuracy, TimeStampReq, TspVersion, TstInfo};

use super::certificate::{self, COMMON_NAME, TIME_STAMPING};
use super::token::{answer, signed};
use super::{Query, SHA256, Stamp, random_number, unencodable};
use crate::Signer as _;
use crate::error::SignError;
use crate::key::{Algorithm, Key};

/// No particular policy (RFC 5280, 4.2.1.4): a site's own authority publishes none.
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32.0");

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A timestamp authority of one's own: a key, and certificates for it that a trusted root names.
///
/// It tells the time of this machine's clock. Whoever holds it can date a signature as they like, so it is worth
/// most on another machine than the key that it dates.
pub struct Authority {
    key: Key,
    chain: Vec<Certificate>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Authority {
    /// A new one under a name, whose certificates are good from now on, for twenty years.
    ///
    /// # Errors
    /// `not-encodable`, for a time that no certificate can have.
    pub fn generate(name: &str, now: Timestamp) -> Result<Self, SignError> {
        let key = Key::generate(Algorithm::P256);
        let chain = certificate::chain(name, &key, now)?;
        Ok(Self { key, chain })
    }

    /// Reads one from PEM: a private key (PKCS#8, P-256) and its certificates, its own first.
    ///
    /// # Errors
    /// Those of [`Key::from_pem`], and `authority-malformed`.
    pub fn from_pem(text: &SecretString, passphrase: Option<&SecretString>) -> Result<Self, SignError> {
        let text = text.expose_secret();
        let (key, certificates) = text.split_once(BEGIN).ok_or(malformed("it has no certificate"))?;
        let key = Key::from_pem(&key.into(), passphrase)?;
        if key.algorithm() != Algorithm::P256 {
            return Err(malformed("its key is not on P-256"));
        }
        let mut chain = Vec::new();
        for block in certificates.split(BEGIN) {
            let (body, _) = block.split_once(END).ok_or(malformed("a certificate is cut off"))?;
            let body: String = body.split_whitespace().collect();
            let der = STANDARD.decode(body).ok();
            let certificate = der.and_then(|der| Certificate::from_der(&der).ok());
            chain.push(certificate.ok_or(malformed("a certificate does not parse"))?);
        }
        let leaf = chain.first().ok_or(malformed("it has no certificate"))?;
        let public = leaf.tbs_certificate.subject_public_key_info.to_der().map_err(unencodable)?;
        if public != key.public().spki() {
            return Err(malformed("its first certificate is not that of its key"));
        }
        match leaf.tbs_certificate.get::<ExtendedKeyUsage>() {
            Ok(Some((true, usage))) if usage.0 == [TIME_STAMPING] => Ok(Self { key, chain }),
            _ => Err(malformed("its certificate is not for timestamps alone")),
        }
    }

    /// The same in PEM, the key encrypted where there is a passphrase.
    ///
    /// # Errors
    /// `key-unwritable`, `not-encodable`.
    pub fn to_pem(&self, passphrase: Option<&SecretString>) -> Result<SecretString, SignError> {
        let mut text = self.key.to_pem(passphrase)?.expose_secret().to_owned();
        for certificate in &self.chain()? {
            let body = STANDARD.encode(certificate);
            let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
            text.push_str(&format!("{BEGIN}\n{}\n{END}\n", lines.join("\n")));
        }
        Ok(text.into())
    }

    /// Its certificates in DER, its own first: what a trusted root holds.
    ///
    /// # Errors
    /// `not-encodable`.
    pub fn chain(&self) -> Result<Vec<Vec<u8>>, SignError> {
        self.chain.iter().map(|certificate| certificate.to_der().map_err(unencodable)).collect()
    }

    /// The name in its certificate; empty where there is none.
    #[must_use]
    pub fn name(&self) -> String {
        let names =
            self.chain.first().map(|leaf| leaf.tbs_certificate.subject.0.as_slice()).unwrap_or_default();
        let mut parts = names.iter().flat_map(|name| name.0.iter());
        let common = parts.find(|part| part.oid == COMMON_NAME);
        common.map(|part| String::from_utf8_lossy(part.value.value()).into_owned()).unwrap_or_default()
    }

    /// When its certificate begins to be good.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        let validity = &self.chain.first()?.tbs_certificate.validity;
        Timestamp::try_from(validity.not_before.to_system_time()).ok()
    }

    /// Says that a signature was there at this time.
    ///
    /// # Errors
    /// Those of [`Query`], and `key-refused`.
    pub fn stamp(&self, signature: &[u8], at: Timestamp) -> Result<Stamp, SignError> {
        let query = Query::new(signature)?;
        query.accept(&self.answer(query.as_bytes(), at)?)
    }

    /// The answer to whoever asks: a timestamp, or a refusal in the words of the protocol (RFC 3161, 2.4.2).
    #[must_use]
    pub fn respond(&self, query: &[u8], at: Timestamp) -> Vec<u8> {
        // `rejection`, and of the reasons `badRequest`.
        const REFUSED: [u8; 11] = [0x30, 0x09, 0x30, 0x07, 0x02, 0x01, 0x02, 0x03, 0x02, 0x05, 0x20];
        self.answer(query, at).unwrap_or_else(|_| REFUSED.to_vec())
    }

    /// The answer to a query, DER in and out.
    ///
    /// # Errors
    /// `timestamp-malformed` for what is no query over SHA-256, `not-encodable`.
    pub fn answer(&self, query: &[u8], at: Timestamp) -> Result<Vec<u8>, SignError> {
        let query = TimeStampReq::from_der(query).map_err(|_| SignError::TimestampMalformed)?;
        let imprint = query.message_imprint;
        if imprint.hash_algorithm.oid != SHA256 || imprint.hashed_message.as_bytes().len() != 32 {
            return Err(SignError::TimestampMalformed);
        }
        let seconds = u64::try_from(at.as_second()).map_err(|_| malformed("its clock is before 1970"))?;
        let time = GeneralizedTime::from_unix_duration(std::time::Duration::from_secs(seconds));
        let info = TstInfo {
            version: TspVersion::V1,
            policy: POLICY,
            message_imprint: imprint,
            serial_number: random_number()?,
            gen_time: time.map_err(unencodable)?,
            // The time is cut to whole seconds.
            accuracy: Some(Accuracy { seconds: Some(1), millis: None, micros: None }),
            ordering: false,
            nonce: query.nonce,
            tsa: None,
            extensions: None,
        };
        let token = signed(&info.to_der().map_err(unencodable)?, &self.chain, &self.key)?;
        answer(&token).map_err(unencodable)
    }
}

const fn malformed(why: &'static str) -> SignError {
    SignError::AuthorityMalformed { why }
}
