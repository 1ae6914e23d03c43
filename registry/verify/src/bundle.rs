//! A Sigstore bundle, read strictly (the bundle proto of sigstore/protobuf-specs, in its JSON form).
//!
//! Nothing here is verified. What is established: the document has one meaning, its shape is that of its
//! version, there is exactly one signature by exactly one key, and nothing is there twice.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::engine;
use crate::error::{Code, Refusal};
use crate::json::{self, Document, Object};
use crate::root;
use crate::subject::sha256;

/// The longest bundle that is read, in bytes.
pub const MAX_BUNDLE: usize = 4 << 20;
/// The most log entries, and the most timestamps.
const MAX_EVIDENCE: usize = 32;
/// The most hashes of an inclusion proof: a tree has no more levels.
const MAX_HASHES: usize = 64;

const DOCUMENT: Document = Document {
    name: "the bundle",
    depth: 16,
    malformed: Code::BundleMalformed,
    duplicate: Code::BundleDuplicateKey,
    unknown: Code::BundleUnknownField,
    deep: Code::BundleTooDeep,
};

/// The version of a bundle. The field that says so is not signed: a rule admits versions, and old ones have to
/// show as much as new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Version {
    /// 0.1: a chain of certificates, and a promise in place of an inclusion proof.
    #[serde(rename = "0.1")]
    V0_1,
    /// 0.2: a chain of certificates, and inclusion proofs.
    #[serde(rename = "0.2")]
    V0_2,
    /// 0.3: one certificate, and inclusion proofs.
    #[serde(rename = "0.3")]
    V0_3,
}

impl Version {
    /// Every version.
    pub const ALL: [Self; 3] = [Self::V0_1, Self::V0_2, Self::V0_3];

    fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/vnd.dev.sigstore.bundle+json;version=0.1" => Some(Self::V0_1),
            "application/vnd.dev.sigstore.bundle+json;version=0.2" => Some(Self::V0_2),
            "application/vnd.dev.sigstore.bundle.v0.3+json"
            | "application/vnd.dev.sigstore.bundle+json;version=0.3" => Some(Self::V0_3),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_1 => "0.1",
            Self::V0_2 => "0.2",
            Self::V0_3 => "0.3",
        })
    }
}

/// A bundle whose form is in order.
#[derive(Debug)]
pub struct Bundle {
    pub(crate) version: Version,
    pub(crate) signer: Signer,
    pub(crate) content: Content,
    pub(crate) entries: Vec<Entry>,
    /// RFC 3161, DER.
    pub(crate) timestamps: Vec<Vec<u8>>,
    pub(crate) sha256: [u8; 32],
    pub(crate) engine: engine::Parsed,
}

/// What the bundle says made the signature.
#[derive(Debug)]
pub(crate) enum Signer {
    /// A certificate, DER.
    Certificate(Vec<u8>),
    /// A key that the bundle does not hold. Its hint is no proof of anything and selects nothing.
    Key {
        /// What the bundle calls it, for messages.
        hint: Option<String>,
    },
}

/// What was signed.
#[derive(Debug)]
pub(crate) enum Content {
    Message { algorithm: Option<String>, signature: Vec<u8> },
    Envelope { payload_type: String, payload: Vec<u8>, signature: Vec<u8> },
}

impl Content {
    pub(crate) fn signature(&self) -> &[u8] {
        match self {
            Self::Message { signature, .. } | Self::Envelope { signature, .. } => signature,
        }
    }
}

/// An entry of a transparency log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) index: u64,
    pub(crate) log: [u8; 32],
    pub(crate) kind: Kind,
    /// Seconds since 1970; worth something only under a promise.
    pub(crate) integrated: Option<u64>,
    pub(crate) promised: bool,
    pub(crate) proof: Option<Proof>,
    pub(crate) body: Vec<u8>,
}

/// The kinds of entries that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    HashedRekord1,
    HashedRekord2,
    Dsse1,
    Intoto2,
}

impl Kind {
    pub(crate) const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::HashedRekord1 => ("hashedrekord", "0.0.1"),
            Self::HashedRekord2 => ("hashedrekord", "0.0.2"),
            Self::Dsse1 => ("dsse", "0.0.1"),
            Self::Intoto2 => ("intoto", "0.0.2"),
        }
    }

    fn of(kind: &str, version: &str) -> Option<Self> {
        [Self::HashedRekord1, Self::HashedRekord2, Self::Dsse1, Self::Intoto2]
            .into_iter()
            .find(|known| known.name() == (kind, version))
    }
}

/// An inclusion proof.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) index: u64,
    pub(crate) size: u64,
    pub(crate) root: [u8; 32],
    pub(crate) checkpoint: String,
}

impl Bundle {
    /// Reads a bundle of any version; which versions are admitted is the rule's to say.
    ///
    /// # Errors
    /// Everything but one well-formed document of one meaning is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_BUNDLE {
            let detail = format!("the bundle has {} bytes; at most {MAX_BUNDLE} are read", bytes.len());
            return Err(Code::BundleTooLarge.because(detail));
        }
        let value = json::read(bytes, DOCUMENT)?;
        let fields = ["mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope"];
        let top = Object::new(&value, "the bundle", DOCUMENT, &fields)?;
        let media_type = top.text("mediaType")?;
        let version = Version::of(media_type).ok_or_else(|| {
            Code::BundleVersion.because(format!("the media type {media_type:?} is not known"))
        })?;
        let material = top.object(
            "verificationMaterial",
            &["certificate", "x509CertificateChain", "publicKey", "tlogEntries", "timestampVerificationData"],
        )?;
        let signer = signer(&material, version)?;
        let content = content(&top)?;
        let entries = entries(&material)?;
        let timestamps = timestamps(&material)?;
        Ok(Self {
            version,
            signer,
            content,
            entries,
            timestamps,
            sha256: sha256(bytes),
            engine: engine::Parsed::of_bundle(&value)?,
        })
    }
}

fn signer(material: &Object<'_>, version: Version) -> Result<Signer, Refusal> {
    let certificate = material.optional("certificate", &["rawBytes"])?;
    let chain = material.optional("x509CertificateChain", &["certificates"])?;
    let key = material.optional("publicKey", &["hint"])?;
    match (certificate, chain, key) {
        (Some(certificate), None, None) if version == Version::V0_3 => {
            Ok(Signer::Certificate(certificate.bytes("rawBytes")?))
        }
        (None, Some(chain), None) if version < Version::V0_3 => {
            let mut certificates = Vec::new();
            for certificate in chain.objects("certificates", &["rawBytes"])? {
                let der = certificate.bytes("rawBytes")?;
                if certificates.contains(&der) {
                    return Err(chain.wrong("certificates", "has one certificate twice"));
                }
                certificates.push(der);
            }
            if certificates.len() > 10 {
                return Err(chain.wrong("certificates", "has more than ten"));
            }
            if certificates.len() > 1 {
                let broken = |why| {
                    Code::CertificateUntrusted.because(format!("the certificates of the bundle: {why}"))
                };
                root::chained(&certificates, true).map_err(broken)?;
            }
            certificates
                .into_iter()
                .next()
                .map(Signer::Certificate)
                .ok_or_else(|| Code::NoCertificate.because("the certificate chain is empty"))
        }
        (None, None, Some(key)) => {
            let hint = key.optional_text("hint")?.map(Into::into);
            Ok(Signer::Key { hint })
        }
        (None, None, None) => {
            Err(Code::NoCertificate.because("the bundle has neither a certificate nor a key"))
        }
        (Some(_), None, None) | (None, Some(_), None) => {
            let detail = format!("a bundle of version {version} holds its certificate in another place");
            Err(Code::BundleVersion.because(detail))
        }
        _ => Err(Code::BundleAmbiguous.because("the bundle has more than one of certificate, chain and key")),
    }
}

fn content(top: &Object<'_>) -> Result<Content, Refusal> {
    let message = top.optional("messageSignature", &["messageDigest", "signature"])?;
    let envelope = top.optional("dsseEnvelope", &["payload", "payloadType", "signatures"])?;
    match (message, envelope) {
        (Some(message), None) => {
            let digest = message.optional("messageDigest", &["algorithm", "digest"])?;
            let algorithm = match digest {
                Some(digest) => {
                    digest.bytes("digest")?;
                    Some(digest.text("algorithm")?.to_owned())
                }
                None => None,
            };
            if message.get("signature").is_none_or(|v| v.as_text() == Some("")) {
                return Err(Code::NoSignature.because("the bundle has no signature"));
            }
            Ok(Content::Message { algorithm, signature: message.bytes("signature")? })
        }
        (None, Some(envelope)) => {
            let signatures = envelope.objects("signatures", &["sig", "keyid"])?;
            let signature = match signatures.as_slice() {
                [] => return Err(Code::NoSignature.because("the envelope has no signature")),
                [one] => one,
                [..] => {
                    return Err(Code::SeveralSignatures.because(format!(
                        "the envelope has {} signatures; it must have one",
                        signatures.len()
                    )));
                }
            };
            signature.optional_text("keyid")?;
            if signature.get("sig").is_none_or(|v| v.as_text() == Some("")) {
                return Err(Code::NoSignature.because("the envelope's signature is empty"));
            }
            Ok(Content::Envelope {
                payload_type: envelope.text("payloadType")?.to_owned(),
                payload: envelope.bytes("payload")?,
                signature: signature.bytes("sig")?,
            })
        }
        (None, None) => Err(Code::NoSignature.because("the bundle has neither a signature nor an envelope")),
        (Some(_), Some(_)) => {
            Err(Code::BundleAmbiguous.because("the bundle has both a message signature and an envelope"))
        }
    }
}

fn entries(material: &Object<'_>) -> Result<Vec<Entry>, Refusal> {
    let known = [
        "logIndex",
        "logId",
        "kindVersion",
        "integratedTime",
        "inclusionPromise",
        "inclusionProof",
        "canonicalizedBody",
    ];
    let mut entries: Vec<Entry> = Vec::new();
    for object in material.objects("tlogEntries", &known)? {
        if entries.len() >= MAX_EVIDENCE {
            return Err(material.wrong("tlogEntries", "has too many entries"));
        }
        let entry = entry(&object)?;
        // The same body under another index, or the same place with another body, is as little a second witness.
        let twice =
            |known: &Entry| known.body == entry.body || (known.log, known.index) == (entry.log, entry.index);
        if entries.iter().any(twice) {
            return Err(Code::DuplicateEntry.because("the bundle has one log entry twice"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(object: &Object<'_>) -> Result<Entry, Refusal> {
    let kind_version = object.object("kindVersion", &["kind", "version"])?;
    let (kind, version) = (kind_version.text("kind")?, kind_version.text("version")?);
    let kind = Kind::of(kind, version)
        .ok_or_else(|| Code::EntryMalformed.because(format!("entries {kind}/{version} are not known")))?;
    let promise = object.optional("inclusionPromise", &["signedEntryTimestamp"])?;
    if let Some(promise) = &promise {
        promise.bytes("signedEntryTimestamp")?;
    }
    let proof =
        object.optional("inclusionProof", &["logIndex", "rootHash", "treeSize", "hashes", "checkpoint"])?;
    let entry = Entry {
        // Zero is left out by some writers of protocol buffers.
        index: object.number("logIndex")?.unwrap_or(0),
        log: object.object("logId", &["keyId"])?.hash("keyId")?,
        kind,
        integrated: object.number("integratedTime")?.filter(|time| *time != 0),
        promised: promise.is_some(),
        proof: proof.map(|proof| self::proof(&proof)).transpose()?,
        body: object.bytes("canonicalizedBody")?,
    };
    let second = kind == Kind::HashedRekord2;
    if entry.integrated.is_some() && !entry.promised {
        let detail = "a log entry gives a time without the log's signature over it";
        return Err(Code::IntegratedTimeUnsigned.because(detail));
    }
    if entry.promised && (second || entry.integrated.is_none()) {
        return Err(Code::EntryMalformed.because("a log entry has a promise that does not fit its kind"));
    }
    Ok(entry)
}

fn proof(object: &Object<'_>) -> Result<Proof, Refusal> {
    let hashes = object.list("hashes")?;
    if hashes.len() > MAX_HASHES {
        return Err(object.wrong("hashes", "are too many"));
    }
    for hash in hashes {
        if object.decode("hashes", hash)?.len() != 32 {
            return Err(object.wrong("hashes", "are not of 32 bytes"));
        }
    }
    let Some(checkpoint) = object.optional("checkpoint", &["envelope"])? else {
        return Err(Code::CheckpointInvalid.because("an inclusion proof has no checkpoint"));
    };
    let checkpoint = checkpoint.text("envelope")?;
    Checkpoint::parse(checkpoint)?;
    Ok(Proof {
        index: object.number("logIndex")?.unwrap_or(0),
        size: object.number("treeSize")?.unwrap_or(0),
        root: object.hash("rootHash")?,
        checkpoint: checkpoint.to_owned(),
    })
}

fn timestamps(material: &Object<'_>) -> Result<Vec<Vec<u8>>, Refusal> {
    let Some(data) = material.optional("timestampVerificationData", &["rfc3161Timestamps"])? else {
        return Ok(Vec::new());
    };
    let mut tokens: Vec<Vec<u8>> = Vec::new();
    for object in data.objects("rfc3161Timestamps", &["signedTimestamp"])? {
        let token = object.bytes("signedTimestamp")?;
        if tokens.contains(&token) {
            return Err(Code::DuplicateTimestamp.because("the bundle has one timestamp twice"));
        }
        tokens.push(token);
        if tokens.len() > MAX_EVIDENCE {
            return Err(data.wrong("rfc3161Timestamps", "has too many timestamps"));
        }
    }
    Ok(tokens)
}
