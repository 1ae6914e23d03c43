//! A Sigstore instance in miniature: an authority, a log of certificates, transparency logs of both kinds,
//! timestamp authorities and witnesses. It issues the real thing with keys of its own, and signs what tests need.

#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "for tests only: one that fails panics"
)]

pub mod der;
pub mod stand_in;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use der::{bits, generalized_time, name, number, octets, oid, sequence, set, tagged, utc_time, utf8};

/// When things are signed, unless said otherwise; long before any clock that runs these tests.
pub const AT: i64 = 1_760_000_000;
/// What is signed.
pub const ARTIFACT: &[u8] = b"the artifact";
pub const IDENTITY: &str = "https://github.com/acme/tool/.github/workflows/release.yml@refs/tags/v1";
pub const ISSUER: &str = "https://token.actions.githubusercontent.com";
pub const SLSA: &str = "https://slsa.dev/provenance/v1";
const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";

pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub fn unb64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A key on P-256, made of one byte.
pub fn key(seed: u8) -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap()
}

pub fn sign(seed: u8, message: &[u8]) -> Vec<u8> {
    let signature: p256::ecdsa::Signature = key(seed).sign(message);
    signature.to_der().as_bytes().to_vec()
}

/// SubjectPublicKeyInfo.
pub fn spki(seed: u8) -> Vec<u8> {
    let point = key(seed).verifying_key().to_sec1_point(false).as_bytes().to_vec();
    let algorithm = sequence(&[&oid("1.2.840.10045.2.1"), &oid("1.2.840.10045.3.1.7")]);
    sequence(&[&algorithm, &bits(&point)])
}

pub fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", b64(der))
}

fn ed25519(seed: u8) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[seed; 32])
}

fn ed25519_spki(seed: u8) -> Vec<u8> {
    sequence(&[&sequence(&[&oid("1.3.101.112")]), &bits(ed25519(seed).verifying_key().as_bytes())])
}

/// A certificate. `extensions` are whole.
fn certificate(
    serial: u8,
    issuer: (&str, u8),
    subject: (&str, u8),
    times: (i64, i64),
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    let key = spki(subject.1);
    let named = [extension("2.5.29.14", false, &octets(&key_id(&key))), issued_by(issuer.1)];
    let tbs = tbs(serial, issuer.0, (subject.0, &key), times, &[extensions, &named].concat());
    sequence(&[&tbs, &sequence(&[&oid(ECDSA_SHA256)]), &bits(&sign(issuer.1, &tbs))])
}

fn tbs(
    serial: u8,
    issuer: &str,
    subject: (&str, &[u8]),
    times: (i64, i64),
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    let extensions: Vec<&[u8]> = extensions.iter().map(Vec::as_slice).collect();
    let subject_name = if subject.0.is_empty() { sequence(&[]) } else { name(subject.0) };
    sequence(&[
        &tagged(0xa0, &[&number(2)]),
        &number(serial),
        &sequence(&[&oid(ECDSA_SHA256)]),
        &name(issuer),
        &sequence(&[&utc_time(times.0), &utc_time(times.1)]),
        &subject_name,
        subject.1,
        &tagged(0xa3, &[&sequence(&extensions)]),
    ])
}

pub fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
    sequence(&[&oid(id), critical, &octets(value)])
}

/// What certificates call a key (RFC 7093, 2).
fn key_id(spki: &[u8]) -> Vec<u8> {
    sha256(spki)[..20].to_vec()
}

/// Which key issued a certificate.
fn issued_by(seed: u8) -> Vec<u8> {
    extension("2.5.29.35", false, &sequence(&[&tagged(0x80, &[&key_id(&spki(seed))])]))
}

fn authority() -> Vec<Vec<u8>> {
    vec![
        extension("2.5.29.19", true, &sequence(&[&[0x01, 0x01, 0xff]])),
        extension("2.5.29.15", true, &[0x03, 0x02, 0x01, 0x06]),
    ]
}

/// Which log a signature goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    None,
    V1,
    V2,
}

/// What is to be signed, and how.
#[derive(Debug, Clone)]
pub struct Make {
    /// What a plain signature is over, in place of the artifact.
    pub file: Option<Vec<u8>>,
    /// An attestation with this statement, in place of a plain signature.
    pub statement: Option<Value>,
    pub payload_type: &'static str,
    /// By this key, without a certificate.
    pub key: Option<u8>,
    /// A certificate for this key, which is somebody else's.
    pub spki: Option<Vec<u8>>,
    pub identities: Vec<String>,
    pub issuer: Option<String>,
    /// Claims by the last number of their extension.
    pub claims: Vec<(u8, String)>,
    /// More extensions of the certificate.
    pub extensions: Vec<Vec<u8>>,
    pub code_signing: bool,
    pub sct: bool,
    pub log: Log,
    /// Timestamps, each of the authority of this number.
    pub tsa: Vec<u8>,
    pub witnesses: Vec<u8>,
    /// When it is logged and stamped.
    pub at: i64,
    /// How long the certificate lives.
    pub leaf: (i64, i64),
    pub media_type: &'static str,
}

impl Default for Make {
    fn default() -> Self {
        Self {
            file: None,
            statement: None,
            payload_type: "application/vnd.in-toto+json",
            key: None,
            spki: None,
            identities: vec![IDENTITY.to_owned()],
            issuer: Some(ISSUER.to_owned()),
            claims: vec![
                (9, IDENTITY.to_owned()),
                (11, "github-hosted".to_owned()),
                (12, "https://github.com/acme/tool".to_owned()),
                (13, "c0ffee".to_owned()),
                (14, "refs/tags/v1".to_owned()),
                (15, "1234".to_owned()),
                (20, "push".to_owned()),
            ],
            extensions: Vec::new(),
            code_signing: true,
            sct: true,
            log: Log::V1,
            tsa: Vec::new(),
            witnesses: Vec::new(),
            at: AT,
            leaf: (AT - 60, AT + 540),
            media_type: "application/vnd.dev.sigstore.bundle.v0.3+json",
        }
    }
}

/// The same as [`Make::default`], logged by Rekor v2 and stamped.
pub fn second() -> Make {
    Make { log: Log::V2, tsa: vec![1], ..Make::default() }
}

/// A statement about the artifact.
pub fn statement(predicate_type: &str, predicate: Value) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "it", "digest": { "sha256": hex::encode(sha256(ARTIFACT)) } }],
        "predicateType": predicate_type,
        "predicate": predicate,
    })
}

// Seeds of the keys.
const ROOT: u8 = 11;
const INTERMEDIATE: u8 = 12;
const LEAF: u8 = 13;
const CT: u8 = 14;
const REKOR1: u8 = 15;
const REKOR2: u8 = 16;
const TSA_ROOT: u8 = 20;
const TSA: u8 = 30;

/// When authorities and logs are believed.
const START: &str = "2025-01-01T00:00:00Z";
const LIFE: (i64, i64) = (1_735_689_600, 2_051_222_400);

/// The trusted root.
pub fn root() -> Value {
    let log = |url: &str, key: &[u8], details: &str, id: &[u8]| {
        json!({
            "baseUrl": url, "hashAlgorithm": "SHA2_256",
            "publicKey": { "rawBytes": b64(key), "keyDetails": details, "validFor": { "start": START } },
            "logId": { "keyId": b64(id) },
        })
    };
    let p256 = "PKIX_ECDSA_P256_SHA_256";
    let chain = |certificates: &[Vec<u8>]| {
        let certificates: Vec<_> = certificates.iter().map(|der| json!({ "rawBytes": b64(der) })).collect();
        json!({
            "subject": { "organization": "lab", "commonName": "lab" }, "uri": "https://lab.example",
            "certChain": { "certificates": certificates }, "validFor": { "start": START },
        })
    };
    json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [
            log("https://rekor1.example", &spki(REKOR1), p256, &sha256(&spki(REKOR1))),
            log("https://rekor2.example", &ed25519_spki(REKOR2), "PKIX_ED25519", &second_id()),
        ],
        "ctlogs": [log("https://ct.example/2025", &spki(CT), p256, &sha256(&spki(CT)))],
        "certificateAuthorities": [chain(&[intermediate(), self_signed("lab root", ROOT)])],
        "timestampAuthorities": [chain(&tsa_chain(1)), chain(&tsa_chain(2))],
    })
}

fn self_signed(common: &str, seed: u8) -> Vec<u8> {
    certificate(1, (common, seed), (common, seed), LIFE, &authority())
}

fn intermediate() -> Vec<u8> {
    certificate(2, ("lab root", ROOT), ("lab intermediate", INTERMEDIATE), LIFE, &authority())
}

fn tsa_names(number: u8) -> (String, String) {
    (format!("tsa {number} root"), format!("tsa {number}"))
}

fn tsa_chain(number: u8) -> Vec<Vec<u8>> {
    let (root, leaf) = tsa_names(number);
    let usage = extension("2.5.29.37", true, &sequence(&[&oid("1.3.6.1.5.5.7.3.8")]));
    let usages = [extension("2.5.29.15", true, &[0x03, 0x02, 0x07, 0x80]), usage];
    let leaf = certificate(3, (&root, TSA_ROOT + number), (&leaf, TSA + number), LIFE, &usages);
    vec![leaf, self_signed(&root, TSA_ROOT + number)]
}

fn second_id() -> [u8; 32] {
    sha256(&[b"rekor2.example\n\x01", ed25519(REKOR2).verifying_key().as_bytes().as_slice()].concat())
}

/// A signing certificate.
pub fn leaf(make: &Make) -> Vec<u8> {
    let mut extensions =
        vec![extension("2.5.29.15", true, &[0x03, 0x02, 0x07, 0x80]), issued_by(INTERMEDIATE)];
    if make.code_signing {
        extensions.push(extension("2.5.29.37", false, &sequence(&[&oid("1.3.6.1.5.5.7.3.3")])));
    }
    let names: Vec<Vec<u8>> = make
        .identities
        .iter()
        .map(|text| tagged(if text.contains("://") { 0x86 } else { 0x81 }, &[text.as_bytes()]))
        .collect();
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    extensions.push(extension("2.5.29.17", true, &sequence(&names)));
    if let Some(issuer) = &make.issuer {
        extensions.push(extension("1.3.6.1.4.1.57264.1.1", false, issuer.as_bytes()));
        extensions.push(extension("1.3.6.1.4.1.57264.1.8", false, &utf8(issuer)));
    }
    for (number, value) in &make.claims {
        extensions.push(extension(&format!("1.3.6.1.4.1.57264.1.{number}"), false, &utf8(value)));
    }
    extensions.extend(make.extensions.iter().cloned());
    let key = make.spki.clone().unwrap_or_else(|| spki(LEAF));
    let of = |extensions: &[Vec<u8>]| tbs(9, "lab intermediate", ("", &key), make.leaf, extensions);
    if make.sct {
        let sct = sct(&of(&extensions), make.leaf.0);
        extensions.push(extension("1.3.6.1.4.1.11129.2.4.2", false, &octets(&sct)));
    }
    let tbs = of(&extensions);
    sequence(&[&tbs, &sequence(&[&oid(ECDSA_SHA256)]), &bits(&sign(INTERMEDIATE, &tbs))])
}

/// The list of one SCT over a certificate that is to be (RFC 6962, 3.2 and 3.3).
fn sct(tbs: &[u8], at: i64) -> Vec<u8> {
    let time = (at as u64 * 1_000).to_be_bytes();
    let length = &(tbs.len() as u32).to_be_bytes()[1..];
    let issuer = sha256(&spki(INTERMEDIATE));
    let signed = [&[0, 0], time.as_slice(), &[0, 1], &issuer, length, tbs, &[0, 0]].concat();
    let signature = sign(CT, &signed);
    let short = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
    let sct = [&[0], sha256(&spki(CT)).as_slice(), &time, &[0, 0, 4, 3], &short(&signature)].concat();
    short(&short(&sct))
}

/// A timestamp over a signature (RFC 3161).
pub fn timestamp(number_: u8, signature: &[u8], at: i64) -> Vec<u8> {
    const TST: &str = "1.2.840.113549.1.9.16.1.4";
    let (root, _) = tsa_names(number_);
    let algorithm = sequence(&[&oid(SHA256)]);
    let info = sequence(&[
        &number(1),
        &oid("1.2.3.4"),
        &sequence(&[&algorithm, &octets(&sha256(signature))]),
        &number(7),
        &generalized_time(at),
    ]);
    let kind = sequence(&[&oid("1.2.840.113549.1.9.3"), &set(&[&oid(TST)])]);
    let digest = sequence(&[&oid("1.2.840.113549.1.9.4"), &set(&[&octets(&sha256(&info))])]);
    let signer = sequence(&[
        &number(1),
        &sequence(&[&name(&root), &number(3)]),
        &algorithm,
        &tagged(0xa0, &[&kind, &digest]),
        &sequence(&[&oid(ECDSA_SHA256)]),
        &octets(&sign(TSA + number_, &set(&[&kind, &digest]))),
    ]);
    let data = sequence(&[
        &number(3),
        &set(&[&algorithm]),
        &sequence(&[&oid(TST), &tagged(0xa0, &[&octets(&info)])]),
        &set(&[&signer]),
    ]);
    let token = sequence(&[&oid("1.2.840.113549.1.7.2"), &tagged(0xa0, &[&data])]);
    sequence(&[&sequence(&[&number(0)]), &token])
}

/// The key of a witness as it publishes it.
pub fn witness(seed: u8) -> String {
    let (name, key) = witness_key(seed);
    let hash = sha256(&[name.as_bytes(), b"\n", &key].concat());
    format!("{name}+{}+{}", hex::encode(&hash[..4]), b64(key))
}

fn witness_key(seed: u8) -> (String, Vec<u8>) {
    (format!("witness{seed}.example"), [&[4], ed25519(seed).verifying_key().as_bytes().as_slice()].concat())
}

/// A checkpoint of a tree, with the log's signature and those of witnesses.
fn checkpoint(log: Log, root: &[u8; 32], witnesses: &[u8], at: i64) -> String {
    let (origin, signer) = match log {
        Log::V2 => ("rekor2.example", "rekor2.example"),
        _ => ("rekor1.example - 42", "rekor1.example"),
    };
    let body = format!("{origin}\n2\n{}\n", b64(root));
    let signature = match log {
        Log::V2 => [&second_id()[..4], &ed25519(REKOR2).sign(body.as_bytes()).to_bytes()].concat(),
        _ => [&sha256(&spki(REKOR1))[..4], &sign(REKOR1, body.as_bytes())].concat(),
    };
    let mut text = format!("{body}\n— {signer} {}\n", b64(signature));
    for seed in witnesses {
        let (name, key) = witness_key(*seed);
        let hint = sha256(&[name.as_bytes(), b"\n", &key].concat());
        let signature =
            ed25519(*seed).sign(format!("cosignature/v1\ntime {at}\n{body}").as_bytes()).to_bytes();
        let line = [&hint[..4], &(at as u64).to_be_bytes(), &signature].concat();
        text.push_str(&format!("— {name} {}\n", b64(line)));
    }
    text
}

/// An entry of a log with this body: the second of two.
pub fn entry(log: Log, body: &Value, witnesses: &[u8], at: i64) -> Value {
    let first = log == Log::V1;
    let version = body["apiVersion"].clone();
    let body_bytes = body.to_string().into_bytes();
    let other = [7; 32];
    let leaf = sha256(&[&[0], body_bytes.as_slice()].concat());
    let root = sha256(&[&[1], other.as_slice(), &leaf].concat());
    let id = if first { sha256(&spki(REKOR1)) } else { second_id() };
    let index = if first { 1_001 } else { 1 };
    let mut entry = json!({
        "logIndex": index.to_string(),
        "logId": { "keyId": b64(id) },
        "kindVersion": { "kind": body["kind"], "version": version },
        "inclusionProof": {
            "logIndex": "1", "treeSize": "2", "rootHash": b64(root), "hashes": [b64(other)],
            "checkpoint": { "envelope": checkpoint(log, &root, witnesses, at) },
        },
        "canonicalizedBody": b64(&body_bytes),
    });
    if first {
        let set = format!(
            "{{\"body\":\"{}\",\"integratedTime\":{at},\"logID\":\"{}\",\"logIndex\":{index}}}",
            b64(&body_bytes),
            hex::encode(id)
        );
        entry["integratedTime"] = at.to_string().into();
        entry["inclusionPromise"] = json!({ "signedEntryTimestamp": b64(sign(REKOR1, set.as_bytes())) });
    }
    entry
}

/// What a log keeps of a signature.
pub fn body(
    log: Log,
    envelope: bool,
    signed: &[u8],
    payload: &[u8],
    signature: &[u8],
    by: (&str, &[u8]),
) -> Value {
    let (label, der) = by;
    let verifier = b64(pem(label, der));
    match (log, envelope) {
        (Log::V2, _) => {
            let kind = if label == "CERTIFICATE" { "x509Certificate" } else { "publicKey" };
            json!({ "apiVersion": "0.0.2", "kind": "hashedrekord", "spec": { "hashedRekordV002": {
                "data": { "algorithm": "SHA2_256", "digest": b64(sha256(signed)) },
                "signature": {
                    "content": b64(signature),
                    "verifier": { "keyDetails": "PKIX_ECDSA_P256_SHA_256", kind: { "rawBytes": b64(der) } },
                },
            } } })
        }
        (_, true) => json!({ "apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "envelopeHash": { "algorithm": "sha256", "value": "00".repeat(32) },
            "payloadHash": { "algorithm": "sha256", "value": hex::encode(sha256(payload)) },
            "signatures": [{ "signature": b64(signature), "verifier": verifier }],
        } }),
        (_, false) => json!({ "apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
            "data": { "hash": { "algorithm": "sha256", "value": hex::encode(sha256(signed)) } },
            "signature": { "content": b64(signature), "publicKey": { "content": verifier } },
        } }),
    }
}

/// Signs the artifact, or a statement, and bundles what shows it.
pub fn make(make: &Make) -> Value {
    let payload =
        make.statement.as_ref().map(|statement| statement.to_string().into_bytes()).unwrap_or_default();
    let signed = match &make.statement {
        None => make.file.clone().unwrap_or_else(|| ARTIFACT.to_vec()),
        Some(_) => {
            let kind = make.payload_type;
            [format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).as_bytes(), &payload].concat()
        }
    };
    let signature = sign(make.key.unwrap_or(LEAF), &signed);
    let (label, der) = match make.key {
        Some(seed) => ("PUBLIC KEY", spki(seed)),
        None => ("CERTIFICATE", leaf(make)),
    };
    let mut material = match make.key {
        Some(_) => json!({ "publicKey": { "hint": "a hint" } }),
        None => json!({ "certificate": { "rawBytes": b64(&der) } }),
    };
    if make.log != Log::None {
        let body = body(make.log, make.statement.is_some(), &signed, &payload, &signature, (label, &der));
        material["tlogEntries"] = json!([entry(make.log, &body, &make.witnesses, make.at)]);
    }
    if !make.tsa.is_empty() {
        let stamp = |number: &u8| json!({ "signedTimestamp": b64(timestamp(*number, &signature, make.at)) });
        let stamps: Vec<Value> = make.tsa.iter().map(stamp).collect();
        material["timestampVerificationData"] = json!({ "rfc3161Timestamps": stamps });
    }
    let mut bundle = json!({ "mediaType": make.media_type, "verificationMaterial": material });
    match &make.statement {
        None => {
            bundle["messageSignature"] = json!({
                "messageDigest": { "algorithm": "SHA2_256", "digest": b64(sha256(&signed)) },
                "signature": b64(&signature),
            });
        }
        Some(_) => {
            bundle["dsseEnvelope"] = json!({
                "payload": b64(&payload), "payloadType": make.payload_type,
                "signatures": [{ "sig": b64(&signature), "keyid": "" }],
            });
        }
    }
    bundle
}
