//! `trust.toml`: which signers speak for which namespace.
//!
//! Domains and signers are written as in the policy of a single file; each namespace becomes a policy of its own
//! over them. What is not understood is refused as a whole: a condition that is left out admits more.

use std::collections::BTreeMap;
use std::path::PathBuf;

use semver::Version;
use serde::Deserialize;
use toml::{Table, Value};
use waystation_bundle::{PREDICATE_TYPE, is_label};
use waystation_verify::Policy;

use crate::error::TrustError;

/// The only version there is.
const VERSION: i64 = 1;

/// Whose plugins may run.
///
/// Invariant: each namespace is there once, names kinds, and has a rule that somebody can meet.
#[derive(Debug)]
pub struct TrustPolicy {
    pub(crate) namespaces: BTreeMap<String, Namespace>,
    pub(crate) minimum: BTreeMap<String, Version>,
    pub(crate) revocations: Option<Listed>,
    roots: Vec<RootFile>,
}

/// A trusted root that the policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootFile {
    /// The domain that it serves.
    pub domain: String,
    /// Where it is, from the folder of the policy.
    pub path: PathBuf,
}

/// One namespace.
#[derive(Debug)]
pub(crate) struct Namespace {
    /// Worlds.
    pub(crate) kinds: Vec<String>,
    pub(crate) policy: Policy,
}

/// The list of revocations that the policy asks for.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) path: PathBuf,
    pub(crate) policy: Policy,
    pub(crate) max_age_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[expect(dead_code, reason = "read before the rest is")]
    version: i64,
    #[serde(default)]
    domains: BTreeMap<String, Table>,
    #[serde(default)]
    signers: Table,
    #[serde(default)]
    namespaces: Vec<WrittenNamespace>,
    #[serde(default)]
    minimum: BTreeMap<String, Version>,
    revocations: Option<WrittenRevocations>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenNamespace {
    name: String,
    kinds: Vec<String>,
    all_of: Option<Vec<String>>,
    any_of: Option<Vec<String>>,
    n: Option<u32>,
    max_age_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRevocations {
    file: PathBuf,
    all_of: Option<Vec<String>>,
    any_of: Option<Vec<String>>,
    n: Option<u32>,
    max_age_days: Option<u32>,
}

/// Domains and signers, which every rule stands on.
struct Ground {
    domains: Table,
    signers: Table,
}

impl TrustPolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// The codes that begin with `trust-`.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        let malformed =
            |e: &toml::de::Error| TrustError::Malformed { why: e.to_string().trim_end().to_owned() };
        let table: Table = text.parse().map_err(|e| malformed(&e))?;
        match table.get("version").and_then(Value::as_integer) {
            Some(VERSION) => {}
            Some(version) => return Err(TrustError::Version { version }),
            None => {
                let why = "it says no version; write `version = 1`".to_owned();
                return Err(TrustError::Malformed { why });
            }
        }
        let written: Written = toml::from_str(text).map_err(|e| malformed(&e))?;
        let (roots, domains) = domains(written.domains)?;
        let ground = Ground { domains, signers: written.signers };
        let mut namespaces = BTreeMap::new();
        for namespace in written.namespaces {
            let (name, read) = namespace.read(&ground)?;
            if namespaces.insert(name.clone(), read).is_some() {
                return Err(TrustError::DuplicateNamespace { name });
            }
        }
        for name in written.minimum.keys() {
            let namespace = name.split_once('/').map(|(namespace, _)| namespace);
            if !namespace.is_some_and(|namespace| namespaces.contains_key(namespace)) {
                let why = format!("`minimum` names `{name}`, which is in none of the namespaces");
                return Err(TrustError::Malformed { why });
            }
        }
        let revocations = written.revocations.map(|revocations| revocations.read(&ground)).transpose()?;
        Ok(Self { namespaces, minimum: written.minimum, revocations, roots })
    }

    /// The trusted roots that it names, one for each domain.
    #[must_use]
    pub fn roots(&self) -> &[RootFile] {
        &self.roots
    }

    /// Its namespaces, in the order of names.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.keys().map(String::as_str)
    }

    /// The kinds of plugins that a namespace may have.
    #[must_use]
    pub fn kinds(&self, namespace: &str) -> &[String] {
        self.namespaces.get(namespace).map_or(&[], |namespace| namespace.kinds.as_slice())
    }
}

/// Takes the files of the roots out of the domains.
fn domains(written: BTreeMap<String, Table>) -> Result<(Vec<RootFile>, Table), TrustError> {
    let mut roots = Vec::new();
    let mut domains = Table::new();
    for (name, mut domain) in written {
        let Some(Value::String(path)) = domain.remove("root") else {
            return Err(TrustError::NoRoot { name });
        };
        roots.push(RootFile { domain: name.clone(), path: path.into() });
        domains.insert(name, Value::Table(domain));
    }
    Ok((roots, domains))
}

/// What a rule says of its signers.
struct Signers {
    all_of: Option<Vec<String>>,
    any_of: Option<Vec<String>>,
    n: Option<u32>,
}

impl Ground {
    /// The policy of one rule. `more` is what else the rule says.
    fn policy(&self, place: &str, signers: Signers, more: &[(&str, Value)]) -> Result<Policy, TrustError> {
        let refused = |refusal| TrustError::Signers { place: place.to_owned(), refusal };
        let list = |names: Vec<String>| Value::Array(names.into_iter().map(Value::String).collect());
        let mut rule = Table::new();
        rule.insert("name".to_owned(), place.into());
        let said = [
            ("all_of", signers.all_of.map(list)),
            ("any_of", signers.any_of.map(list)),
            ("n", signers.n.map(|n| Value::Integer(n.into()))),
        ];
        let said = said.into_iter().filter_map(|(key, value)| Some((key, value?)));
        rule.extend(said.chain(more.iter().cloned()).map(|(key, value)| (key.to_owned(), value)));
        let document = Table::from_iter([
            ("version".to_owned(), Value::Integer(VERSION)),
            ("domains".to_owned(), Value::Table(self.domains.clone())),
            ("signers".to_owned(), Value::Table(self.signers.clone())),
            ("rules".to_owned(), Value::Array(vec![Value::Table(rule)])),
        ]);
        Policy::parse(document.to_string().as_bytes()).map_err(refused)
    }
}

fn age(days: Option<u32>) -> Option<(&'static str, Value)> {
    Some(("max_age_days", Value::Integer(days?.into())))
}

impl WrittenNamespace {
    fn read(self, ground: &Ground) -> Result<(String, Namespace), TrustError> {
        let malformed = |why: String| Err(TrustError::Malformed { why });
        let Self { name, kinds, all_of, any_of, n, max_age_days } = self;
        if !is_label(&name) {
            return malformed(format!(
                "`{name}` is no namespace: it is the part of a plugin's name before the slash, lower-case letters, \
                 digits and hyphens"
            ));
        }
        if kinds.is_empty() || !kinds.iter().all(|kind| is_label(kind)) {
            return malformed(format!(
                "the namespace `{name}` needs `kinds`, such as `kinds = [\"update-source\"]`"
            ));
        }
        let place = format!("namespace {name}");
        let mut more = vec![("predicate_types", Value::Array(vec![PREDICATE_TYPE.into()]))];
        more.extend(age(max_age_days));
        let policy = ground.policy(&place, Signers { all_of, any_of, n }, &more)?;
        Ok((name, Namespace { kinds, policy }))
    }
}

impl WrittenRevocations {
    fn read(self, ground: &Ground) -> Result<Listed, TrustError> {
        let Self { file, all_of, any_of, n, max_age_days } = self;
        let more = [("message", Value::Boolean(true))];
        let policy = ground.policy("revocations", Signers { all_of, any_of, n }, &more)?;
        Ok(Listed { path: file, policy, max_age_days })
    }
}
