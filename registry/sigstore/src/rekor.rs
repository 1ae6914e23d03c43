//! Transparency logs: an entry is asked for and brought into the form that bundles have. What it proves, the
//! verification tells.
//!
//! Version 1 (sigstore/rekor, `openapi.yaml`) takes the whole envelope, as `dsse` 0.0.1. Version 2
//! (sigstore/rekor-tiles, `rekor_service.proto`) takes the digest of what was signed, as `hashedrekord` 0.0.2.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use waystation_sign::Signed;

use crate::config::Endpoint;
use crate::error::ServiceError;
use crate::http::{Ask, Http};

/// The longest answer, in bytes. It repeats what was signed, as far as it is in the body.
const MAX_ANSWER: usize = 4 << 20;

/// Has a log take what was signed with the key of a certificate (DER). Gives the entry as bundles hold it.
pub(crate) async fn log(
    http: &Http,
    log: &Endpoint,
    signed: &Signed,
    certificate: &[u8],
) -> Result<Value, ServiceError> {
    let service = format!("the transparency log {}", log.url);
    let base = log.url.trim_end_matches('/');
    let first = log.major_api_version == 1;
    let (path, body) = match first {
        true => ("api/v1/log/entries", first_request(signed, certificate)),
        false => ("api/v2/log/entries", second_request(signed, certificate)),
    };
    let ask = Ask {
        service: &service,
        url: &format!("{base}/{path}"),
        body: Some(("application/json", body.to_string().into_bytes())),
        accept: "application/json",
        bearer: None,
        limit: MAX_ANSWER,
    };
    let answer = http.ask(ask).await?;
    let entry = if first { first_answer(&answer) } else { second_answer(&answer) };
    entry.map_err(|why| ServiceError::Malformed { service, why })
}

fn first_request(signed: &Signed, certificate: &[u8]) -> Value {
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD
            .encode(certificate)
            .as_bytes()
            .chunks(64)
            .map(String::from_utf8_lossy)
            .collect::<Vec<_>>()
            .join("\n")
    );
    let verifier = STANDARD.encode(pem);
    match signed.envelope() {
        Some(envelope) => json!({
            "apiVersion": "0.0.1", "kind": "dsse",
            "spec": { "proposedContent": { "envelope": envelope.to_string(), "verifiers": [verifier] } },
        }),
        None => json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": { "hash": { "algorithm": "sha256", "value": hex::encode(Sha256::digest(signed.message())) } },
                "signature": { "content": STANDARD.encode(signed.signature()), "publicKey": { "content": verifier } },
            },
        }),
    }
}

fn second_request(signed: &Signed, certificate: &[u8]) -> Value {
    json!({ "hashedRekordRequestV002": {
        "digest": STANDARD.encode(Sha256::digest(signed.message())),
        "signature": {
            "content": STANDARD.encode(signed.signature()),
            "verifier": {
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "x509Certificate": { "rawBytes": STANDARD.encode(certificate) },
            },
        },
    } })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct First {
    body: String,
    integrated_time: u64,
    #[serde(rename = "logID")]
    log_id: String,
    log_index: u64,
    verification: FirstVerification,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirstVerification {
    signed_entry_timestamp: String,
    inclusion_proof: FirstProof,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FirstProof {
    checkpoint: String,
    hashes: Vec<String>,
    log_index: u64,
    root_hash: String,
    tree_size: u64,
}

fn first_answer(answer: &[u8]) -> Result<Value, &'static str> {
    let entries: BTreeMap<String, First> =
        serde_json::from_slice(answer).map_err(|_| "it is no entry with its proof")?;
    let mut entries = entries.into_values();
    let (Some(entry), None) = (entries.next(), entries.next()) else {
        return Err("it is not one entry");
    };
    let bytes = |hex: &str| {
        hex::decode(hex).map(|b| STANDARD.encode(b)).map_err(|_| "it has a digest that is not one")
    };
    let FirstVerification { signed_entry_timestamp, inclusion_proof: proof } = entry.verification;
    let hashes = proof.hashes.iter().map(|hash| bytes(hash)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({
        "logIndex": entry.log_index.to_string(),
        "logId": { "keyId": bytes(&entry.log_id)? },
        "kindVersion": kind(&entry.body)?,
        "integratedTime": entry.integrated_time.to_string(),
        "inclusionPromise": { "signedEntryTimestamp": signed_entry_timestamp },
        "inclusionProof": {
            "logIndex": proof.log_index.to_string(),
            "rootHash": bytes(&proof.root_hash)?,
            "treeSize": proof.tree_size.to_string(),
            "hashes": hashes,
            "checkpoint": { "envelope": proof.checkpoint },
        },
        "canonicalizedBody": entry.body,
    }))
}

/// What the body, in base64, says that it is.
fn kind(body: &str) -> Result<Value, &'static str> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        kind: String,
        api_version: String,
    }
    let body = STANDARD.decode(body).ok().and_then(|body| serde_json::from_slice::<Body>(&body).ok());
    let body = body.ok_or("its body does not parse")?;
    Ok(json!({ "kind": body.kind, "version": body.api_version }))
}

/// `TransparencyLogEntry`, of which nothing else is taken over.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Second {
    #[serde(default)]
    log_index: Number,
    log_id: LogId,
    kind_version: KindVersion,
    inclusion_proof: SecondProof,
    canonicalized_body: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Deserialize, Serialize)]
struct KindVersion {
    kind: String,
    version: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct SecondProof {
    #[serde(default)]
    log_index: Number,
    root_hash: String,
    tree_size: Number,
    #[serde(default)]
    hashes: Vec<String>,
    checkpoint: Checkpoint,
}

#[derive(Deserialize, Serialize)]
struct Checkpoint {
    envelope: String,
}

/// As protocol buffers have it in JSON: text, which readers also take as a number.
#[derive(Default, Deserialize, Serialize)]
#[serde(from = "Written", into = "String")]
struct Number(String);

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

impl From<Written> for Number {
    fn from(written: Written) -> Self {
        match written {
            Written::Number(number) => Self(number.to_string()),
            Written::Text(text) => Self(text),
        }
    }
}

impl From<Number> for String {
    fn from(number: Number) -> Self {
        if number.0.is_empty() { "0".to_owned() } else { number.0 }
    }
}

impl Clone for Number {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

fn second_answer(answer: &[u8]) -> Result<Value, &'static str> {
    let entry: Second = serde_json::from_slice(answer).map_err(|_| "it is no entry with its proof")?;
    serde_json::to_value(&entry).map_err(|_| "it is no entry with its proof")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> String {
        STANDARD.encode(r#"{"kind":"dsse","apiVersion":"0.0.1","spec":{}}"#)
    }

    fn first() -> Value {
        json!({ "24296fb24b8ad77a": {
            "body": body(), "integratedTime": 1_760_000_000, "logID": "c0d2", "logIndex": 7,
            "verification": {
                "signedEntryTimestamp": "c2V0",
                "inclusionProof": {
                    "checkpoint": "log\n", "hashes": ["00ff"], "logIndex": 3, "rootHash": "ab", "treeSize": 4,
                },
            },
            "attestation": {},
        } })
    }

    #[test]
    fn an_entry_of_the_first_version_becomes_one_of_a_bundle() {
        let entry = first_answer(first().to_string().as_bytes()).unwrap();
        assert_eq!(entry["logId"]["keyId"], STANDARD.encode([0xc0, 0xd2]));
        assert_eq!(entry["kindVersion"], json!({ "kind": "dsse", "version": "0.0.1" }));
        assert_eq!(entry["inclusionProof"]["hashes"], json!([STANDARD.encode([0, 0xff])]));
        assert_eq!((&entry["logIndex"], &entry["integratedTime"]), (&json!("7"), &json!("1760000000")));
    }

    #[test]
    fn what_is_no_entry_of_the_first_version_is_refused() {
        let of = |change: fn(&mut Value)| {
            let mut answer = first();
            change(&mut answer);
            first_answer(answer.to_string().as_bytes())
        };
        let one = |answer: &mut Value| answer["24296fb24b8ad77a"].take();
        assert!(of(|_| ()).is_ok());
        assert!(of(|answer| *answer = json!({})).is_err());
        assert!(of(|answer| *answer = json!([])).is_err());
        assert!(of(|answer| answer["25"] = answer["24296fb24b8ad77a"].clone()).is_err());
        assert!(of(|answer| answer["24296fb24b8ad77a"]["logID"] = json!("xy")).is_err());
        assert!(of(|answer| answer["24296fb24b8ad77a"]["logIndex"] = json!(-1)).is_err());
        assert!(of(|answer| answer["24296fb24b8ad77a"]["body"] = json!("e30=")).is_err());
        let mut answer = first();
        assert!(first_answer(one(&mut answer).to_string().as_bytes()).is_err());
        for bad in [&b""[..], b"{", b"null", &[0xff]] {
            assert!(first_answer(bad).is_err() && second_answer(bad).is_err());
        }
    }

    #[test]
    fn of_an_entry_of_the_second_version_only_what_belongs_into_a_bundle_is_taken() {
        let answer = json!({
            "logIndex": 5, "logId": { "keyId": "AAAA" },
            "kindVersion": { "kind": "hashedrekord", "version": "0.0.2" },
            "integratedTime": "0", "inclusionPromise": null, "more": { "of": "it" },
            "inclusionProof": { "rootHash": "AAAA", "treeSize": "6", "checkpoint": { "envelope": "log\n" } },
            "canonicalizedBody": "e30=",
        });
        let entry = second_answer(answer.to_string().as_bytes()).unwrap();
        let names: Vec<_> = entry.as_object().unwrap().keys().collect();
        assert_eq!(names, ["canonicalizedBody", "inclusionProof", "kindVersion", "logId", "logIndex"]);
        // Zero is left out by some writers of protocol buffers.
        assert_eq!((&entry["logIndex"], &entry["inclusionProof"]["logIndex"]), (&json!("5"), &json!("0")));
        let mut bare = answer;
        bare["inclusionProof"] = Value::Null;
        assert!(second_answer(bare.to_string().as_bytes()).is_err());
    }
}
