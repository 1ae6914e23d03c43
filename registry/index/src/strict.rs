//! What a metadata file must be before its signatures are looked at: of one reading, within bounds, with keys that
//! count once.
//!
//! The engine takes a key's identifier as it is declared, and counts identifiers. One key under two of them would be
//! two signers to it; here an identifier is that of its key, and no key is there twice.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use waystation_bundle::{BundleError, json};

use crate::error::IndexError;
use crate::keys;
use crate::limits::Limits;
use crate::names::ROLES;

/// Reads a file as far as is needed to hand it on.
pub(crate) fn document(what: &str, bytes: &[u8], most: u64, limits: &Limits) -> Result<Value, IndexError> {
    let value: Value = json::parse(what, bytes, &limits.json(most)).map_err(|e| match e {
        BundleError::TooLarge { what, limit } => IndexError::TooLarge { what, limit },
        e => IndexError::malformed(what, e.to_string()),
    })?;
    let bad = |why: &str| IndexError::malformed(what, why);
    let Some(object) = value.as_object() else { return Err(bad("it is no object")) };
    if !object.keys().all(|key| matches!(key.as_str(), "signed" | "signatures")) {
        return Err(bad("it has more than `signed` and `signatures`"));
    }
    let signatures = object.get("signatures").and_then(Value::as_array).map_or(0, Vec::len);
    if signatures > limits.keys {
        return Err(IndexError::TooMany { what: "signatures", limit: limits.keys as u64 });
    }
    Ok(value)
}

/// A root: the four roles and no others, with keys that are all there.
pub(crate) fn root(what: &str, bytes: &[u8], limits: &Limits) -> Result<(), IndexError> {
    let document = document(what, bytes, limits.root, limits)?;
    let bad = |why: &str| IndexError::malformed(what, why);
    let signed = document.get("signed").ok_or_else(|| bad("it has no `signed`"))?;
    if signed.get("consistent_snapshot") != Some(&Value::Bool(true)) {
        return Err(bad("its files are not named by version (`consistent_snapshot`)"));
    }
    let ids = key_ids(what, signed.get("keys"), limits)?;
    let roles = signed.get("roles").and_then(Value::as_object).ok_or_else(|| bad("it has no roles"))?;
    if roles.len() != ROLES.len() || !ROLES.iter().all(|role| roles.contains_key(*role)) {
        return Err(bad("it does not name the roles root, targets, snapshot and timestamp"));
    }
    roles.iter().try_for_each(|(name, role)| role_keys(what, name, role, &ids))
}

/// The delegations of a targets file, by the namespace that they are for.
pub(crate) fn delegations(what: &str, signed: &Value, limits: &Limits) -> Result<Vec<String>, IndexError> {
    let bad = |why: String| IndexError::Delegation { what: what.to_owned(), why };
    let delegations = match signed.get("delegations") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(delegations) => delegations,
    };
    let ids = key_ids(what, delegations.get("keys"), limits)?;
    let roles = delegations.get("roles").and_then(Value::as_array);
    let roles = roles.ok_or_else(|| bad("they name no roles".into()))?;
    if roles.len() > limits.delegations {
        return Err(IndexError::TooMany { what: "delegations", limit: limits.delegations as u64 });
    }
    let mut namespaces: Vec<String> = Vec::new();
    for role in roles {
        let name = role.get("name").and_then(Value::as_str).unwrap_or_default();
        if !can_be_delegated(name) {
            return Err(bad(format!("`{name}` is no namespace that can be given away")));
        }
        if namespaces.iter().any(|other| other == name) {
            return Err(bad(format!("`{name}` is given away twice")));
        }
        let paths = role.get("paths").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let whole = matches!(paths, [Value::String(path)] if *path == paths_of(name));
        let terminating = role.get("terminating") == Some(&Value::Bool(true));
        if !whole || !terminating || !matches!(role.get("path_hash_prefixes"), None | Some(Value::Null)) {
            return Err(bad(format!(
                "the role `{name}` is not for `{}` alone and to the end",
                paths_of(name)
            )));
        }
        role_keys(what, name, role, &ids)?;
        namespaces.push(name.to_owned());
    }
    Ok(namespaces)
}

/// The only paths that the role of a namespace speaks for.
pub(crate) fn paths_of(namespace: &str) -> String {
    format!("{namespace}/*/*")
}

/// Whether a namespace can have a role of its own: that role is a file beside those of the root.
pub(crate) fn can_be_delegated(namespace: &str) -> bool {
    waystation_bundle::is_label(namespace) && !ROLES.contains(&namespace)
}

/// Keys under their own identifiers, each once. Gives the identifiers.
fn key_ids(what: &str, keys: Option<&Value>, limits: &Limits) -> Result<Vec<String>, IndexError> {
    let bad = |why: String| IndexError::Keys { what: what.to_owned(), why };
    let none = Map::new();
    let keys = keys.map_or(Some(&none), Value::as_object).ok_or_else(|| bad("they are no object".into()))?;
    if keys.len() > limits.keys {
        return Err(IndexError::TooMany { what: "keys", limit: limits.keys as u64 });
    }
    let mut seen: BTreeMap<Vec<u8>, &str> = BTreeMap::new();
    for (id, object) in keys {
        let key = keys::read(object);
        let key = key.ok_or_else(|| bad(format!("{id} is neither ECDSA on P-256 nor Ed25519")))?;
        if let Some(other) = seen.insert(key.spki().to_vec(), id) {
            return Err(bad(format!("{id} and {other} are one key")));
        }
        if keys::id(object).as_ref() != Some(id) {
            return Err(bad(format!("{id} is not the identifier of its key")));
        }
    }
    Ok(keys.keys().cloned().collect())
}

/// A role whose keys are there, each once, and enough of them.
fn role_keys(what: &str, name: &str, role: &Value, ids: &[String]) -> Result<(), IndexError> {
    let bad = |why: String| IndexError::Keys { what: what.to_owned(), why };
    let own = role.get("keyids").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (position, id) in own.iter().enumerate() {
        if !ids.iter().any(|known| id == known) {
            return Err(bad(format!("the role {name} names a key that is not there")));
        }
        if own.iter().skip(position + 1).any(|other| other == id) {
            return Err(bad(format!("the role {name} names a key twice")));
        }
    }
    match role.get("threshold").and_then(Value::as_u64) {
        Some(threshold) if threshold >= 1 && threshold <= own.len() as u64 => Ok(()),
        _ => Err(bad(format!("the role {name} wants none of its keys, or more than it has"))),
    }
}
