//! Who signs for what.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use waystation_sign::PublicKey;

use crate::error::IndexError;
use crate::keys;

/// Keys, and how many of them it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holders {
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// How many of them have to sign.
    pub threshold: usize,
}

impl Holders {
    /// A role that can be met, and not by fewer than it says.
    pub(crate) fn check(&self, role: &str) -> Result<(), IndexError> {
        let bad = |why: &str| IndexError::Role { role: role.to_owned(), why: why.to_owned() };
        for (position, key) in self.keys.iter().enumerate() {
            if self.keys.iter().skip(position + 1).any(|other| other.spki() == key.spki()) {
                return Err(bad("a key is there twice"));
            }
        }
        match self.threshold {
            0 => Err(bad("at least one key has to sign")),
            threshold if threshold > self.keys.len() => Err(bad("it takes more keys than there are")),
            _ => Ok(()),
        }
    }

    /// The identifiers, and the threshold.
    pub(crate) fn role(&self) -> Result<Value, IndexError> {
        let ids = self.keys.iter().map(keys::id_of).collect::<Result<Vec<_>, _>>()?;
        Ok(json!({ "keyids": ids, "threshold": self.threshold }))
    }

    /// Adds the keys to an object of keys.
    pub(crate) fn put(&self, into: &mut Map<String, Value>) -> Result<(), IndexError> {
        for key in &self.keys {
            into.insert(keys::id_of(key)?, keys::object(key)?);
        }
        Ok(())
    }
}

/// The same as it is in a metadata file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) keys: BTreeMap<String, PublicKey>,
    pub(crate) threshold: usize,
}

impl Authority {
    /// A role of a root, or one of the delegated ones; `keys` is the object of all keys there.
    pub(crate) fn read(role: &Value, keys: &Value) -> Option<Self> {
        let ids = role.get("keyids")?.as_array()?;
        let key = |id: &Value| Some((id.as_str()?.to_owned(), keys::read(keys.get(id.as_str()?)?)?));
        let threshold = usize::try_from(role.get("threshold")?.as_u64()?).ok()?;
        Some(Self { keys: ids.iter().filter_map(key).collect(), threshold })
    }

    /// The role of a root's `signed`.
    pub(crate) fn of_root(signed: &Value, role: &str) -> Option<Self> {
        Self::read(signed.get("roles")?.get(role)?, signed.get("keys")?)
    }

    /// The role of a namespace, in the `signed` of the top targets.
    pub(crate) fn of_namespace(signed: &Value, namespace: &str) -> Option<Self> {
        let delegations = signed.get("delegations")?;
        let roles = delegations.get("roles")?.as_array()?;
        let role = roles.iter().find(|role| role.get("name").and_then(Value::as_str) == Some(namespace))?;
        Self::read(role, delegations.get("keys")?)
    }
}
