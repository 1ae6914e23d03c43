//! A Sigstore trusted root, read strictly: the certificate authorities, logs and timestamp authorities that are
//! believed, each for a time.
//!
//! Whatever is damaged is refused as a whole. A root of which a part is left out would believe less here and more
//! there: a log that cannot be read must not become "no log required".

use jiff::Timestamp;
use serde::Serialize;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

use crate::certificate;
use crate::engine::{self, Engine, KeyKind};
use crate::error::{Code, Refusal};
use crate::json::{self, Document, Object};
use crate::subject::sha256;

/// The longest trusted root that is read, in bytes.
pub const MAX_ROOT: usize = 4 << 20;

const DOCUMENT: Document = Document {
    name: "the trusted root",
    depth: 16,
    malformed: Code::RootMalformed,
    duplicate: Code::RootDuplicateKey,
    unknown: Code::RootUnknownField,
    deep: Code::RootTooDeep,
};

/// Trusted roots, ready to verify with. Reading them costs more than verifying: read once.
#[derive(Debug)]
pub struct TrustRoot {
    pub(crate) logs: Vec<Log>,
    pub(crate) certificate_logs: usize,
    pub(crate) authorities: usize,
    pub(crate) timestamp_authorities: Vec<Vec<Vec<u8>>>,
    pub(crate) sha256: [u8; 32],
    pub(crate) engine: Engine,
}

/// A transparency log.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) id: [u8; 32],
    /// DER, SubjectPublicKeyInfo.
    pub(crate) key: Vec<u8>,
    /// As it signs its checkpoints: the host, and a path where there is one.
    pub(crate) name: String,
    pub(crate) window: Window,
}

/// A time, with both ends in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Window {
    pub(crate) start: Timestamp,
    pub(crate) end: Option<Timestamp>,
}

impl Window {
    pub(crate) fn contains(&self, time: Timestamp) -> bool {
        self.start <= time && self.end.is_none_or(|end| time <= end)
    }
}

impl TrustRoot {
    /// Reads a trusted root.
    ///
    /// # Errors
    /// Everything that is not a whole, well-formed root with usable keys is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_ROOT {
            let detail = format!("the trusted root has {} bytes; at most {MAX_ROOT} are read", bytes.len());
            return Err(Code::RootTooLarge.because(detail));
        }
        let value = json::read(bytes, DOCUMENT)?;
        let fields = ["mediaType", "tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"];
        let top = Object::new(&value, "the trusted root", DOCUMENT, &fields)?;
        let media_type = top.text("mediaType")?;
        let bare_names = match media_type {
            "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
            | "application/vnd.dev.sigstore.trustedroot.v0.1+json" => false,
            // From then on a log's `baseUrl` is the name under its checkpoints, as it stands.
            "application/vnd.dev.sigstore.trustedroot.v0.2+json" => true,
            _ => return Err(Code::RootVersion.because(format!("the media type {media_type:?} is not known"))),
        };
        let logs = logs(&top, "tlogs", bare_names)?;
        let certificate_logs = self::logs(&top, "ctlogs", bare_names)?.len();
        let authorities = authorities(&top, "certificateAuthorities", false)?;
        let timestamp_authorities = self::authorities(&top, "timestampAuthorities", true)?;
        if logs.is_empty() && authorities.is_empty() && timestamp_authorities.is_empty() {
            return Err(Code::RootMalformed.because("the trusted root is empty"));
        }
        Ok(Self {
            logs,
            certificate_logs,
            authorities: authorities.len(),
            timestamp_authorities,
            sha256: sha256(bytes),
            engine: Engine::of_root(&value)?,
        })
    }

    /// Whether its certificate authorities log what they issue.
    #[must_use]
    pub const fn has_certificate_logs(&self) -> bool {
        self.certificate_logs > 0
    }

    /// SHA-256 of the document, in hex: what a rule pins.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::encode(self.sha256)
    }
}

fn logs(top: &Object<'_>, section: &'static str, bare_names: bool) -> Result<Vec<Log>, Refusal> {
    let known = ["baseUrl", "hashAlgorithm", "publicKey", "logId", "checkpointKeyId", "operator"];
    let mut logs: Vec<Log> = Vec::new();
    for object in top.objects(section, &known)? {
        object.optional_text("operator")?;
        object.optional("checkpointKeyId", &["keyId"])?;
        let algorithm = object.text("hashAlgorithm")?;
        if algorithm != "SHA2_256" {
            return Err(object.wrong("hashAlgorithm", &format!("is {algorithm:?}; only SHA2_256 is known")));
        }
        let url = object.text("baseUrl")?;
        let name = url
            .strip_prefix("https://")
            .or_else(|| url.strip_prefix("http://"))
            .or_else(|| bare_names.then_some(url))
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|name| !name.is_empty() && !name.contains(char::is_whitespace))
            .ok_or_else(|| object.wrong("baseUrl", "is not an address"))?;
        let key = object.object("publicKey", &["rawBytes", "keyDetails", "validFor"])?;
        let window = window(&key)?;
        let key = public_key(&key)?;
        let id = object.object("logId", &["keyId"])?.hash("keyId")?;
        if !is_id(&id, &key, name) {
            return Err(Code::RootLogId.because(format!("{section}: the id of {url} is not that of its key")));
        }
        if logs.iter().any(|log| log.id == id || log.key == key) {
            return Err(Code::RootDuplicateId.because(format!("{section}: {url} is there twice")));
        }
        logs.push(Log { id, key, name: name.to_owned(), window });
    }
    Ok(logs)
}

/// The digest of the key (RFC 6962, Rekor v1), or of name and key together (signed notes, Rekor v2).
fn is_id(id: &[u8; 32], key: &[u8], name: &str) -> bool {
    let note = || {
        let raw = engine::raw_key(key).filter(|_| engine::key_kind(key) == Some(KeyKind::Ed25519))?;
        Some(sha256(&[name.as_bytes(), b"\n\x01", &raw].concat()))
    };
    sha256(key) == *id || note().is_some_and(|note| note == *id)
}

/// DER, SubjectPublicKeyInfo; of the algorithm that the root says.
fn public_key(object: &Object<'_>) -> Result<Vec<u8>, Refusal> {
    let details = object.text("keyDetails")?;
    let raw = object.bytes("rawBytes")?;
    let (kind, key) = match details {
        "PKIX_ECDSA_P256_SHA_256" => (KeyKind::P256, raw),
        "PKIX_ECDSA_P384_SHA_384" => (KeyKind::P384, raw),
        "PKIX_ED25519" => (KeyKind::Ed25519, raw),
        "PKIX_RSA_PKCS1V5"
        | "PKIX_RSA_PKCS1V15_2048_SHA256"
        | "PKIX_RSA_PKCS1V15_3072_SHA256"
        | "PKIX_RSA_PKCS1V15_4096_SHA256" => (KeyKind::Rsa, raw),
        "PKCS1_RSA_PKCS1V5" => (KeyKind::Rsa, certificate::spki_of_rsa(&raw)),
        _ => return Err(Code::RootKey.because(format!("keys of the kind {details:?} are not known"))),
    };
    match engine::key_kind(&key) {
        Some(found) if found == kind => Ok(key),
        Some(_) => {
            Err(Code::RootKey.because(format!("a key is not of the kind {details} that its entry says")))
        }
        None => Err(Code::RootKey.because("a key does not parse")),
    }
}

fn window(object: &Object<'_>) -> Result<Window, Refusal> {
    let wrong = |why: &str| Code::RootWindow.because(format!("an entry of the trusted root {why}"));
    if object.get("validFor").is_none() {
        return Err(wrong("has no time window"));
    }
    let window = object.object("validFor", &["start", "end"])?;
    if window.get("start").is_none() {
        return Err(wrong("has a time window without a start"));
    }
    let time =
        |text: &str| text.parse::<Timestamp>().map_err(|_| wrong("has a time window that does not parse"));
    let start = time(window.text("start")?)?;
    let end = window.optional_text("end")?.map(time).transpose()?;
    match end {
        Some(end) if end < start => Err(wrong("has a time window that ends before it starts")),
        _ => Ok(Window { start, end }),
    }
}

/// The chains of authorities.
fn authorities(
    top: &Object<'_>,
    section: &'static str,
    timestamps: bool,
) -> Result<Vec<Vec<Vec<u8>>>, Refusal> {
    let mut chains: Vec<Vec<Vec<u8>>> = Vec::new();
    for object in top.objects(section, &["subject", "uri", "certChain", "validFor", "operator"])? {
        object.optional_text("operator")?;
        object.optional_text("uri")?;
        if let Some(subject) = object.optional("subject", &["organization", "commonName"])? {
            subject.optional_text("organization")?;
            subject.optional_text("commonName")?;
        }
        window(&object)?;
        let certificates =
            object.object("certChain", &["certificates"])?.objects("certificates", &["rawBytes"])?;
        let chain: Vec<Vec<u8>> =
            certificates.iter().map(|certificate| certificate.bytes("rawBytes")).collect::<Result<_, _>>()?;
        chained(&chain, timestamps)
            .map_err(|why| Code::RootCertificate.because(format!("{section}: {why}")))?;
        if chains.contains(&chain) {
            return Err(Code::RootDuplicateId.because(format!("{section}: one chain is there twice")));
        }
        chains.push(chain);
    }
    Ok(chains)
}

/// Each certificate is signed by the next; all are of authorities, but the first of a chain that has a leaf.
pub(crate) fn chained(chain: &[Vec<u8>], with_leaf: bool) -> Result<(), &'static str> {
    let parsed: Vec<Certificate> = chain
        .iter()
        .map(|der| Certificate::from_der(der).map_err(|_| "a certificate does not parse"))
        .collect::<Result<_, _>>()?;
    if parsed.is_empty() {
        return Err("a chain is empty");
    }
    if parsed.len() > 10 {
        return Err("a chain is longer than ten");
    }
    for (place, certificate) in parsed.iter().enumerate() {
        let leaf = with_leaf && place == 0 && parsed.len() > 1;
        if !leaf && !certificate::is_authority(certificate) {
            return Err("a certificate is not one of an authority");
        }
        // A chain may end in an authority that something else signed: it is believed as it stands.
        let itself = certificate.tbs_certificate.issuer == certificate.tbs_certificate.subject;
        let issuer = match parsed.get(place + 1) {
            Some(issuer) => issuer,
            None if itself => certificate,
            None => continue,
        };
        if certificate.tbs_certificate.issuer != issuer.tbs_certificate.subject {
            return Err("a chain is not in order");
        }
        let spki =
            issuer.tbs_certificate.subject_public_key_info.to_der().map_err(|_| "a key does not parse")?;
        let tbs = certificate.tbs_certificate.to_der().map_err(|_| "a certificate does not parse")?;
        let signature = certificate.signature.as_bytes().ok_or("a certificate does not parse")?;
        let algorithm = certificate.signature_algorithm.oid.to_string();
        if !engine::issued(&spki, &algorithm, &tbs, signature) {
            return Err("a certificate is not signed by the next");
        }
    }
    Ok(())
}
