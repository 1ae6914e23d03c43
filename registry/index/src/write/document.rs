//! One metadata file while it is written: what is signed, and the signatures so far.

use jiff::Timestamp;
use serde_json::{Value, json};
use sigstore_tuf::canonical_json::to_canonical_bytes;
use waystation_sign::Signer;

use super::roles::Authority;
use crate::error::IndexError;
use crate::keys;

/// Source: TUF specification, section 4.3; the version of it that is written.
const SPEC: &str = "1.0.31";

/// A file that is not trusted by anybody yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub(crate) signed: Value,
    /// Key and signature.
    signatures: Vec<(String, String)>,
}

impl Document {
    /// A first version, with nothing in it.
    pub(crate) fn new(kind: &str, more: Value) -> Self {
        let mut signed = json!({
            "_type": kind, "spec_version": SPEC, "version": 0, "expires": "1970-01-01T00:00:00Z",
        });
        if let (Some(signed), Value::Object(more)) = (signed.as_object_mut(), more) {
            signed.extend(more);
        }
        Self { signed, signatures: Vec::new() }
    }

    /// Reads what was written.
    pub(crate) fn parse(what: &str, text: &str) -> Result<Self, IndexError> {
        let bad = |why: &str| IndexError::malformed(what, why);
        let value: Value = serde_json::from_str(text).map_err(|e| bad(&e.to_string()))?;
        let signed = value.get("signed").cloned().ok_or_else(|| bad("it has no `signed`"))?;
        let listed = value.get("signatures").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let of = |one: &Value, key: &str| Some(one.get(key)?.as_str()?.to_owned());
        let signatures = listed.iter().filter_map(|one| Some((of(one, "keyid")?, of(one, "sig")?))).collect();
        Ok(Self { signed, signatures })
    }

    pub(crate) fn to_text(&self) -> Result<String, IndexError> {
        let signatures: Vec<_> =
            self.signatures.iter().map(|(id, sig)| json!({ "keyid": id, "sig": sig })).collect();
        let value = json!({ "signatures": signatures, "signed": self.signed });
        let mut text = serde_json::to_string_pretty(&value)
            .map_err(|e| IndexError::malformed("metadata", e.to_string()))?;
        text.push('\n');
        Ok(text)
    }

    pub(crate) fn version(&self) -> u64 {
        self.signed.get("version").and_then(Value::as_u64).unwrap_or_default()
    }

    /// Makes it another version, which nobody has signed.
    pub(crate) fn begin(&mut self, version: u64, expires: Timestamp) {
        self.set("version", version.into());
        self.set("expires", seconds(expires).to_string().into());
        self.signatures.clear();
    }

    pub(crate) fn set(&mut self, key: &str, value: Value) {
        if let Some(signed) = self.signed.as_object_mut() {
            signed.insert(key.to_owned(), value);
        }
    }

    /// Signs with each key that has a say here and has not signed. Gives the identifiers of those that have.
    pub(crate) fn sign(
        &mut self,
        authorities: &[Authority],
        signers: &[&dyn Signer],
    ) -> Result<Vec<String>, IndexError> {
        let message = self.message()?;
        let mut used = Vec::new();
        for signer in signers {
            let id = keys::id_of(signer.public())?;
            if !authorities.iter().any(|authority| authority.keys.contains_key(&id)) {
                continue;
            }
            if !self.signatures.iter().any(|(other, _)| *other == id) {
                self.signatures.push((id.clone(), hex::encode(signer.sign(&message)?)));
            }
            used.push(id);
        }
        self.signatures.sort();
        Ok(used)
    }

    /// The keys of an authority that have signed just this.
    pub(crate) fn signed_by(&self, authority: &Authority) -> Result<Vec<&str>, IndexError> {
        let message = self.message()?;
        let good = self.signatures.iter().filter(|(id, signature)| {
            let signature = hex::decode(signature).unwrap_or_default();
            authority.keys.get(id).is_some_and(|key| key.verifies(&message, &signature))
        });
        Ok(good.map(|(id, _)| id.as_str()).collect())
    }

    fn message(&self) -> Result<Vec<u8>, IndexError> {
        to_canonical_bytes(&self.signed).map_err(|e| IndexError::malformed("metadata", e.to_string()))
    }
}

/// TUF's times are whole seconds.
pub(crate) fn seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
