//! Whether the entries of transparency logs are what they say, and about this signature by this key.
//!
//! The engine verifies promises, proofs and checkpoints; what is here it does not ask: that the log which signed
//! a checkpoint is the one that the entry names, that the numbers beside a proof are those that are signed, that
//! the kind which is said is that of the body, and that the body names this very certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::bundle::{Content, Entry, Kind};
use crate::checkpoint::Checkpoint;
use crate::domain::Domain;
use crate::error::{Code, Refusal};
use crate::json::{self, Document, Value};
use crate::root::{Log, TrustRoot};

const BODY: Document = Document {
    name: "the body of a log entry",
    depth: 16,
    malformed: Code::EntryMalformed,
    duplicate: Code::EntryMalformed,
    unknown: Code::EntryMalformed,
    deep: Code::EntryMalformed,
};

/// The one who signed, as an entry must name it: a certificate or a key, DER.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verifier<'a> {
    Certificate(&'a [u8]),
    Key(&'a [u8]),
}

/// The log that an entry names.
pub(crate) fn log<'a>(entry: &Entry, root: &'a TrustRoot) -> Result<&'a Log, Refusal> {
    root.logs.iter().find(|log| log.id == entry.log).ok_or_else(|| {
        Code::LogUnknown.because(format!("the log {} is not one of the trusted root", hex::encode(entry.log)))
    })
}

/// The proof's own numbers, its checkpoint and its log. Answers how many witnesses saw it.
pub(crate) fn proof(entry: &Entry, log: &Log, domain: &Domain) -> Result<Option<usize>, Refusal> {
    let Some(proof) = &entry.proof else { return Ok(None) };
    let checkpoint = Checkpoint::parse(&proof.checkpoint)?;
    if proof.size != checkpoint.size || proof.root != checkpoint.root {
        let detail = "size or root beside a proof are not those of its checkpoint";
        return Err(Code::CheckpointInvalid.because(detail));
    }
    // In Rekor v2 an index is that of the tree; in Rekor v1 the entry's counts over all trees of the log.
    if proof.index >= proof.size || (entry.kind == Kind::HashedRekord2 && proof.index != entry.index) {
        return Err(Code::ProofInvalid.because("the index of an entry is not one of its proof"));
    }
    if !checkpoint.is_of(log) {
        let detail = format!(
            "the checkpoint of {:?} is not signed by the entry's log, {}",
            checkpoint.origin, log.name
        );
        return Err(Code::CheckpointInvalid.because(detail));
    }
    let witnesses = checkpoint.witnesses(&domain.witnesses);
    Ok(Some(witnesses))
}

/// The body: of the kind that is said, and naming this signature and this signer.
pub(crate) fn body(entry: &Entry, content: &Content, verifier: Verifier<'_>) -> Result<(), Refusal> {
    let body = json::read(&entry.body, BODY)?;
    let (kind, version) = entry.kind.name();
    let said = |name| body.get(name).and_then(Value::as_text);
    if said("kind") != Some(kind) || said("apiVersion") != Some(version) {
        return Err(
            Code::EntryMismatch.because(format!("the body of a log entry is not of {kind}/{version}"))
        );
    }
    let malformed =
        || Code::EntryMalformed.because(format!("the body of a log entry is not one of {kind}/{version}"));
    let (signature, named) = named(entry.kind, &body).ok_or_else(malformed)?;
    if signature != content.signature() {
        return Err(Code::EntryMismatch.because("a log entry is about another signature"));
    }
    let same = match (verifier, &named) {
        (Verifier::Certificate(der), Named::Certificate(named)) => der == named.as_slice(),
        (Verifier::Key(der), Named::Key(named)) => der == named.as_slice(),
        _ => false,
    };
    match same {
        true => Ok(()),
        false => Err(Code::EntryMismatch.because("a log entry names another certificate or key")),
    }
}

enum Named {
    Certificate(Vec<u8>),
    Key(Vec<u8>),
}

/// The signature and the signer that a body names.
fn named(kind: Kind, body: &Value) -> Option<(Vec<u8>, Named)> {
    let spec = body.get("spec")?;
    let bytes = |value: &Value| STANDARD.decode(value.as_text()?).ok();
    match kind {
        Kind::HashedRekord1 => {
            (spec.path(&["data", "hash", "algorithm"])?.as_text()? == "sha256").then_some(())?;
            let signature = spec.get("signature")?;
            Some((
                bytes(signature.get("content")?)?,
                pem(&bytes(signature.path(&["publicKey", "content"])?)?)?,
            ))
        }
        Kind::HashedRekord2 => {
            let signature = spec.path(&["hashedRekordV002", "signature"])?;
            let verifier = signature.get("verifier")?;
            let named = match (verifier.get("x509Certificate"), verifier.get("publicKey")) {
                (Some(certificate), None) => Named::Certificate(bytes(certificate.get("rawBytes")?)?),
                (None, Some(key)) => Named::Key(bytes(key.get("rawBytes")?)?),
                _ => return None,
            };
            Some((bytes(signature.get("content")?)?, named))
        }
        Kind::Dsse1 => {
            let [signature] = spec.get("signatures")?.as_list()? else { return None };
            Some((bytes(signature.get("signature")?)?, pem(&bytes(signature.get("verifier")?)?)?))
        }
        Kind::Intoto2 => {
            let [signature] = spec.path(&["content", "envelope", "signatures"])?.as_list()? else {
                return None;
            };
            // The signature is in base64 twice.
            let twice = bytes(signature.get("sig")?)?;
            Some((STANDARD.decode(twice).ok()?, pem(&bytes(signature.get("publicKey")?)?)?))
        }
    }
}

/// The first of what a PEM document holds: the signer's certificate, or its key.
fn pem(text: &[u8]) -> Option<Named> {
    let text = std::str::from_utf8(text).ok()?;
    let (label, der) = crate::key::pem(text)?;
    match label {
        "CERTIFICATE" => Some(Named::Certificate(der)),
        "PUBLIC KEY" => Some(Named::Key(der)),
        _ => None,
    }
}
