//! Policies as people write them, in TOML or JSON: domains, signers, rules.
//!
//! A policy is refused as a whole if any of it is not understood: a condition that is left out admits more.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::domain::Domain;
use crate::error::{Code, Refusal};
use crate::json::{self, Document};
use crate::key::PublicKey;
use crate::pattern::Patterns;
use crate::signer::{CertificateRule, Issuer, Signer, Who};
use crate::statement::{Admits, Predicates, Slsa};
use crate::subject::sha256;

const JSON: Document = Document {
    name: "the policy",
    depth: 16,
    malformed: Code::PolicyMalformed,
    duplicate: Code::PolicyMalformed,
    unknown: Code::PolicyUnknownField,
    deep: Code::PolicyMalformed,
};

/// The longest policy that is read, in bytes.
const MAX_POLICY: usize = 1 << 20;
/// The only version there is.
const VERSION: i64 = 1;
/// The domain of signers that name none.
const DEFAULT: &str = "default";

/// Who may sign what, with which evidence.
///
/// Invariant: there is a rule; each rule names signers, no more of them are needed than are distinct, and each has
/// a domain that asks for something.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) rules: Vec<Rule>,
    pub(crate) domains: BTreeMap<String, Domain>,
    pub(crate) sha256: [u8; 32],
}

/// One way to be admitted.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// Signers by their domains.
    pub(crate) signers: BTreeMap<String, Vec<Signer>>,
    /// How many distinct signers, each under a name of its own, have to vouch.
    pub(crate) need: usize,
    pub(crate) admits: Admits,
    pub(crate) max_age: Option<SignedDuration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[expect(dead_code, reason = "read before the rest is")]
    version: i64,
    #[serde(default)]
    domains: BTreeMap<String, Domain>,
    #[serde(default)]
    signers: BTreeMap<String, WrittenSigner>,
    #[serde(default)]
    rules: Vec<WrittenRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSigner {
    domain: Option<String>,
    #[serde(default)]
    revoked: bool,
    key: Option<String>,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    identity: Option<Patterns>,
    issuer: Option<String>,
    #[serde(default)]
    no_issuer: bool,
    claims: Option<BTreeMap<String, Patterns>>,
    self_hosted: Option<bool>,
    pull_requests: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    name: Option<String>,
    all_of: Option<Vec<String>>,
    any_of: Option<Vec<String>>,
    n: Option<usize>,
    predicate_types: Option<Vec<String>>,
    message: Option<bool>,
    #[serde(default)]
    slsa: Slsa,
    max_age_days: Option<u32>,
}

impl Policy {
    /// Reads a policy: JSON where it begins with `{`, TOML otherwise.
    ///
    /// # Errors
    /// The codes that begin with `policy-` and `key-unusable`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let malformed =
            |why: String| Code::PolicyMalformed.because(format!("the policy does not parse: {why}"));
        if bytes.len() > MAX_POLICY {
            return Err(malformed(format!("it has more than {MAX_POLICY} bytes")));
        }
        let text = std::str::from_utf8(bytes).map_err(|e| malformed(e.to_string()))?;
        let written: Written = if text.trim_start().starts_with('{') {
            let version = match json::read(bytes, JSON)?.get("version") {
                Some(json::Value::Int(version)) => i64::try_from(*version).ok(),
                _ => None,
            };
            right_version(version)?;
            serde_json::from_slice(bytes).map_err(|e| told(&e.to_string()))?
        } else {
            let table: toml::Table = text.parse().map_err(|e: toml::de::Error| malformed(e.to_string()))?;
            right_version(table.get("version").and_then(toml::Value::as_integer))?;
            toml::from_str(text).map_err(|e| told(&e.to_string()))?
        };
        Self::of(written, sha256(bytes))
    }

    fn of(written: Written, sha256: [u8; 32]) -> Result<Self, Refusal> {
        let mut domains = written.domains;
        for (name, domain) in &domains {
            domain.validate().map_err(|e| e.code().because(format!("domain {name}: {e}")))?;
        }
        domains.entry(DEFAULT.to_owned()).or_default();
        let mut signers: BTreeMap<&str, (String, Signer)> = BTreeMap::new();
        for (name, written) in &written.signers {
            let at = |e: Refusal| e.code().because(format!("signer {name}: {e}"));
            let domain = written.domain.as_deref().unwrap_or(DEFAULT);
            if !domains.contains_key(domain) {
                return Err(
                    Code::PolicyUnknownName.because(format!("signer {name}: there is no domain {domain:?}"))
                );
            }
            let who = written.who().map_err(at)?;
            signers.insert(
                name,
                (domain.to_owned(), Signer { name: name.clone(), who, revoked: written.revoked }),
            );
        }
        // A key that is revoked under one name is not believed under another.
        let bad: BTreeSet<PublicKey> =
            signers.values().filter(|(_, s)| s.revoked).filter_map(|(_, s)| key_of(s).cloned()).collect();
        for (_, signer) in signers.values_mut() {
            signer.revoked |= key_of(signer).is_some_and(|key| bad.contains(key));
        }
        let rules = written
            .rules
            .iter()
            .enumerate()
            .map(|(place, rule)| rule.with(place, &signers))
            .collect::<Result<Vec<_>, _>>()?;
        if rules.is_empty() {
            return Err(Code::PolicyEmpty.because("the policy has no rules; it would admit nothing"));
        }
        Ok(Self { rules, domains, sha256 })
    }

    /// SHA-256 of the document, in hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::encode(self.sha256)
    }

    /// The names of its domains: each can have a trusted root of its own.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.keys().map(String::as_str)
    }
}

fn right_version(version: Option<i64>) -> Result<(), Refusal> {
    match version {
        Some(VERSION) => Ok(()),
        Some(other) => Err(Code::PolicyVersion
            .because(format!("policies of version {other} are not known; write `version = {VERSION}`"))),
        None => {
            Err(Code::PolicyVersion
                .because(format!("the policy says no version; write `version = {VERSION}`")))
        }
    }
}

/// The code of what a reader said.
fn told(said: &str) -> Refusal {
    let named = [Code::PolicyPattern, Code::PolicyEmpty, Code::KeyUnusable];
    let named = named.into_iter().find(|code| said.contains(&format!("{code}: ")));
    let code = match named {
        Some(code) => code,
        None if said.contains("unknown field") => Code::PolicyUnknownField,
        None => Code::PolicyMalformed,
    };
    code.because(format!("the policy does not parse: {}", said.trim_end()))
}

const fn key_of(signer: &Signer) -> Option<&PublicKey> {
    match &signer.who {
        Who::Key { key, .. } => Some(key),
        Who::Certificate(_) => None,
    }
}

impl WrittenSigner {
    fn who(&self) -> Result<Who, Refusal> {
        let malformed = |why: &str| Err(Code::PolicyMalformed.because(why));
        let about_certificates = self.identity.is_some()
            || self.issuer.is_some()
            || self.no_issuer
            || self.claims.is_some()
            || self.self_hosted.is_some()
            || self.pull_requests.is_some();
        if let Some(key) = &self.key {
            if about_certificates {
                return malformed("a signer is either a `key` or a certificate's `identity` and `issuer`");
            }
            let key = PublicKey::from_pem(key)?;
            return Ok(Who::Key { key, not_before: self.not_before, not_after: self.not_after });
        }
        if self.not_before.is_some() || self.not_after.is_some() {
            return malformed(
                "`not_before` and `not_after` go with a `key`: certificates have their own times",
            );
        }
        let Some(Patterns(identity)) = &self.identity else {
            return malformed("a signer has a `key`, or an `identity` and an `issuer`");
        };
        let issuer = match (&self.issuer, self.no_issuer) {
            (Some(issuer), false) if !issuer.is_empty() => Issuer::Is(issuer.clone()),
            (None, true) => Issuer::None,
            _ => {
                return malformed(
                    "an `identity` needs the `issuer` that vouches for it, or `no_issuer = true` where the \
                     authority writes none",
                );
            }
        };
        let mut rule = CertificateRule::new(identity.clone(), issuer)
            .with_self_hosted(self.self_hosted.unwrap_or(false))
            .with_pull_requests(self.pull_requests.unwrap_or(false));
        for (name, Patterns(patterns)) in self.claims.iter().flatten() {
            rule = rule.claim(name, patterns.clone())?;
        }
        Ok(Who::Certificate(rule))
    }
}

impl WrittenRule {
    fn with(&self, place: usize, known: &BTreeMap<&str, (String, Signer)>) -> Result<Rule, Refusal> {
        let name = self.name.clone().unwrap_or_else(|| format!("rule {}", place + 1));
        let wrong = |code: Code, why: String| Err(code.because(format!("{name}: {why}")));
        let (names, all) = match (&self.all_of, &self.any_of) {
            (Some(names), None) => (names, true),
            (None, Some(names)) => (names, false),
            _ => return wrong(Code::PolicyMalformed, "a rule has either `all_of` or `any_of`".to_owned()),
        };
        if names.is_empty() {
            return wrong(Code::PolicyEmpty, "the list of signers is empty".to_owned());
        }
        let mut signers: BTreeMap<String, Vec<Signer>> = BTreeMap::new();
        let (mut keys, mut seen, mut distinct) = (BTreeSet::new(), BTreeSet::new(), 0_usize);
        for signer_name in names {
            let Some((domain, signer)) = known.get(signer_name.as_str()) else {
                return wrong(Code::PolicyUnknownName, format!("there is no signer {signer_name:?}"));
            };
            let again =
                !seen.insert(signer_name) || key_of(signer).is_some_and(|key| !keys.insert(key.clone()));
            if again && all {
                return wrong(
                    Code::PolicyDuplicateSigner,
                    format!("{signer_name:?} is named, or its key is, twice"),
                );
            }
            distinct += usize::from(!again);
            signers.entry(domain.clone()).or_default().push(signer.clone());
        }
        let need = match (all, self.n) {
            (true, None) => distinct,
            (true, Some(_)) => return wrong(Code::PolicyMalformed, "`n` goes with `any_of`".to_owned()),
            (false, n) => n.unwrap_or(1),
        };
        if need == 0 || need > distinct {
            return wrong(Code::PolicyThreshold, format!("{need} of {distinct} distinct signers cannot be"));
        }
        let predicates = match &self.predicate_types {
            None => Predicates::None,
            Some(types) if types.is_empty() || types.iter().any(String::is_empty) => {
                return wrong(Code::PolicyEmpty, "`predicate_types` is empty".to_owned());
            }
            Some(types) => Predicates::Of(types.clone()),
        };
        let message = self.message.unwrap_or(matches!(predicates, Predicates::None));
        if !message && matches!(predicates, Predicates::None) {
            return wrong(
                Code::PolicyEmpty,
                "neither plain signatures nor attestations are admitted".to_owned(),
            );
        }
        let max_age = self.max_age_days.map(|days| SignedDuration::from_hours(i64::from(days) * 24));
        let admits = Admits { message, predicates, slsa: self.slsa.clone() };
        Ok(Rule { name, signers, need, admits, max_age })
    }
}
