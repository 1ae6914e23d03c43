//! Changes to a trust policy that a person wrote: their words, order and comments stay.

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};
use waystation_sign::PublicKey;
use waystation_trust::TrustPolicy;

use crate::error::SiteError;
use crate::found::label;

fn uneditable(why: impl Into<String>) -> SiteError {
    SiteError::Uneditable { why: why.into() }
}

fn document(policy: &str) -> Result<DocumentMut, SiteError> {
    // What is no policy now is not made into one by an edit.
    TrustPolicy::parse(policy)?;
    policy.parse().map_err(|e: toml_edit::TomlError| uneditable(e.to_string().trim_end()))
}

fn finished(document: &DocumentMut) -> Result<String, SiteError> {
    let text = document.to_string();
    TrustPolicy::parse(&text)?;
    Ok(text)
}

/// The name under which the policy knows a key, if it is a signer.
///
/// # Errors
/// `trust-…`, `trust-uneditable`, `not-a-signer`.
pub fn signer_of(policy: &str, key: &PublicKey) -> Result<String, SiteError> {
    let document = document(policy)?;
    let signers = document.get("signers").and_then(Item::as_table_like);
    signers
        .into_iter()
        .flat_map(toml_edit::TableLike::iter)
        .find(|(_, signer)| {
            let text = signer.as_table_like().and_then(|signer| signer.get("key")).and_then(Item::as_str);
            text.is_some_and(|text| PublicKey::from_pem(text).is_ok_and(|known| known == *key))
        })
        .map(|(name, _)| name.to_owned())
        .ok_or_else(|| SiteError::NotASigner { fingerprint: key.fingerprint() })
}

/// Adds a key as a signer under a name, of that domain where one is given, and lets it sign plugins of a namespace.
///
/// # Errors
/// `bad-name`, `name-taken`, `namespace-unknown`, `trust-…`: also when the namespace asks for all of its signers, so
/// that what is meant is for a person to say.
pub fn add_key(
    policy: &str,
    name: &str,
    key: &PublicKey,
    namespace: &str,
    domain: Option<&str>,
) -> Result<String, SiteError> {
    label("a signer", name)?;
    let mut document = document(policy)?;
    if let Ok(known) = signer_of(policy, key) {
        return Err(SiteError::Taken { what: "this key as the signer", name: known });
    }
    let signers = document.entry("signers").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let signers = signers.as_table_mut().ok_or_else(|| uneditable("`signers` is no table of its own"))?;
    if signers.contains_key(name) {
        return Err(SiteError::Taken { what: "a signer", name: name.to_owned() });
    }
    let mut signer = Table::new();
    if let Some(domain) = domain {
        signer.insert("domain", value(domain));
    }
    // As a person would write it: over several lines.
    let text = format!("\"\"\"\n{}\"\"\"", key.to_pem()?);
    let text: toml_edit::Value = text.parse().map_err(|_| uneditable("the key cannot be written"))?;
    signer.insert("key", Item::Value(text));
    signers.insert(name, Item::Table(signer));
    let namespaces = document
        .get_mut("namespaces")
        .and_then(Item::as_array_of_tables_mut)
        .ok_or_else(|| uneditable("it has no `[[namespaces]]`"))?;
    let has: Vec<_> = names(namespaces);
    let found = namespaces.iter_mut().find(|one| one.get("name").and_then(Item::as_str) == Some(namespace));
    let found = found.ok_or_else(|| SiteError::NoNamespace {
        name: namespace.to_owned(),
        has: if has.is_empty() { "none".to_owned() } else { has.join(", ") },
    })?;
    let any_of = found.get_mut("any_of").and_then(Item::as_array_mut).ok_or_else(|| {
        uneditable(format!("the namespace `{namespace}` has no `any_of` to which a signer could be added"))
    })?;
    any_of.push(name);
    finished(&document)
}

fn names(namespaces: &ArrayOfTables) -> Vec<String> {
    namespaces.iter().filter_map(|one| Some(one.get("name")?.as_str()?.to_owned())).collect()
}

/// Makes the policy ask for a list of revocations by a signer. One that asks for a list already stays as it is; the
/// file of that list comes back.
///
/// # Errors
/// `trust-…`, `trust-uneditable`.
pub fn name_revocations(policy: &str, file: &str, signer: &str) -> Result<(String, String), SiteError> {
    let mut document = document(policy)?;
    if let Some(there) = document.get("revocations") {
        let file = there.get("file").and_then(Item::as_str).unwrap_or(file).to_owned();
        return Ok((policy.to_owned(), file));
    }
    let mut table = Table::new();
    table.insert("file", value(file));
    table.insert("any_of", value(Array::from_iter([signer])));
    document.insert("revocations", Item::Table(table));
    Ok((finished(&document)?, file.to_owned()))
}
