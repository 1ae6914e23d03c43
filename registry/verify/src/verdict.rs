//! The verdict of a policy over one subject and the bundles that came with it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::check::{Demand, Report, check};
use crate::error::{Code, Refusal};
use crate::facts::{Facts, Outcome, Step};
use crate::policy::{Policy, Rule};
use crate::root::TrustRoot;
use crate::subject::{Subject, sha256};

/// The most bundles for one subject.
const MAX_BUNDLES: usize = 16;

/// What is to be verified.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What it is about.
    pub subject: &'a Subject,
    /// The bundles, as bytes.
    pub bundles: &'a [&'a [u8]],
}

/// Trusted roots by domain: one for all, or one of its own for some.
#[derive(Debug, Default)]
pub struct Roots {
    all: Option<TrustRoot>,
    own: BTreeMap<String, TrustRoot>,
}

impl Roots {
    /// This root for every domain that has none of its own.
    #[must_use]
    pub fn for_all(mut self, root: TrustRoot) -> Self {
        self.all = Some(root);
        self
    }

    /// This root for one domain.
    #[must_use]
    pub fn for_domain(mut self, domain: impl Into<String>, root: TrustRoot) -> Self {
        self.own.insert(domain.into(), root);
        self
    }

    fn of(&self, domain: &str) -> Option<&TrustRoot> {
        self.own.get(domain).or(self.all.as_ref())
    }
}

impl From<TrustRoot> for Roots {
    fn from(root: TrustRoot) -> Self {
        Self::default().for_all(root)
    }
}

/// Whether it is admitted, and all that was found on the way.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// Whether a rule admits it.
    pub admitted: bool,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// The same, or who vouches, in a sentence.
    pub message: String,
    /// The digest of the subject.
    pub subject: String,
    /// The rule that matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Each signature that counted for it.
    pub signatures: Vec<Facts>,
    /// SHA-256 of the policy, in hex.
    pub policy_sha256: String,
    /// Each bundle under each rule and domain that was tried.
    pub tried: Vec<Tried>,
}

/// One bundle, under one rule and domain.
#[derive(Debug, Clone, Serialize)]
pub struct Tried {
    /// SHA-256 of the bundle, in hex.
    pub bundle_sha256: String,
    /// The rule.
    pub rule: String,
    /// The domain.
    pub domain: String,
    /// Every step.
    pub steps: Vec<Step>,
}

/// Verifies the bundles of a subject by a policy. The first rule that is met admits it; where none is, it is
/// refused.
#[must_use]
pub fn verify(request: &Request<'_>, policy: &Policy, roots: &Roots, now: Timestamp) -> Verdict {
    let mut tried = Vec::new();
    let mut refused: Option<(usize, Refusal)> = None;
    let count = request.bundles.len();
    if count == 0 || count > MAX_BUNDLES {
        let detail = format!("{count} bundles were given; there must be 1 to {MAX_BUNDLES}");
        refused = Some((0, Code::NoBundle.because(detail)));
    } else {
        for rule in &policy.rules {
            match judge(request, rule, policy, roots, now, &mut tried) {
                Ok(signatures) => return admitted(request, policy, rule, signatures, tried),
                // Whichever got furthest says most.
                Err((far, refusal)) => {
                    if refused.as_ref().is_none_or(|(known, _)| far > *known) {
                        refused = Some((far, refusal));
                    }
                }
            }
        }
    }
    let refusal =
        refused.map_or_else(|| Code::ThresholdNotMet.because("no rule admits it"), |(_, refusal)| refusal);
    Verdict {
        admitted: false,
        code: Some(refusal.code()),
        message: refusal.detail().to_owned(),
        subject: request.subject.digest(),
        rule: None,
        signatures: Vec::new(),
        policy_sha256: policy.sha256(),
        tried,
    }
}

fn admitted(
    request: &Request<'_>,
    policy: &Policy,
    rule: &Rule,
    signatures: Vec<Facts>,
    tried: Vec<Tried>,
) -> Verdict {
    let who: Vec<_> = signatures
        .iter()
        .map(|facts| {
            facts.identity.as_ref().map_or_else(|| facts.key.clone(), |identity| identity.value.clone())
        })
        .collect();
    Verdict {
        admitted: true,
        code: None,
        message: format!("signed by {}", who.join(" and ")),
        subject: request.subject.digest(),
        rule: Some(rule.name.clone()),
        signatures,
        policy_sha256: policy.sha256(),
        tried,
    }
}

/// The signatures that meet the rule; otherwise why not, and after how many steps.
fn judge(
    request: &Request<'_>,
    rule: &Rule,
    policy: &Policy,
    roots: &Roots,
    now: Timestamp,
    tried: &mut Vec<Tried>,
) -> Result<Vec<Facts>, (usize, Refusal)> {
    let mut held: Vec<Facts> = Vec::new();
    let mut refused: Option<(usize, Refusal)> = None;
    for bundle in request.bundles {
        for (name, signers) in &rule.signers {
            let Some(domain) = policy.domains.get(name) else { continue };
            let demand = Demand { signers, domain, admits: &rule.admits, max_age: rule.max_age };
            let Report { outcome, steps } = check(bundle, request.subject, &demand, roots.of(name), now);
            let far = steps.iter().filter(|step| step.outcome == Outcome::Passed).count();
            tried.push(Tried {
                bundle_sha256: hex::encode(sha256(bundle)),
                rule: rule.name.clone(),
                domain: name.clone(),
                steps,
            });
            match outcome {
                Ok(facts) => held.push(facts),
                Err(refusal) => {
                    if refused.as_ref().is_none_or(|(known, _)| far > *known) {
                        refused = Some((far, refusal));
                    }
                }
            }
        }
    }
    let counted = distinct(&held);
    if counted.len() >= rule.need {
        return Ok(counted.into_iter().filter_map(|place| held.get(place).cloned()).collect());
    }
    match refused {
        Some(refused) if held.is_empty() => Err(refused),
        _ => {
            let detail =
                format!("{} distinct signers vouch; {} needs {}", counted.len(), rule.name, rule.need);
            Err((usize::MAX, Code::ThresholdNotMet.because(detail)))
        }
    }
}

/// The most signatures such that each is of another one, under another name of the rule.
///
/// One principal under two names counts once, and so do two principals who fit one name alone.
fn distinct(held: &[Facts]) -> Vec<usize> {
    // All the names of each principal.
    let mut principals: BTreeMap<String, (usize, Vec<&str>)> = BTreeMap::new();
    for (place, facts) in held.iter().enumerate() {
        let (_, names) = principals.entry(facts.principal()).or_insert_with(|| (place, Vec::new()));
        names.extend(facts.matched.iter().map(String::as_str));
    }
    let principals: Vec<(usize, Vec<&str>)> = principals.into_values().collect();
    // A matching of principals and names, made larger while it can be.
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    for principal in 0..principals.len() {
        let mut asked = Vec::new();
        place(principal, &principals, &mut taken, &mut asked);
    }
    taken.values().filter_map(|principal| principals.get(*principal).map(|(place, _)| *place)).collect()
}

/// Finds a name for a principal, moving others to another of theirs where that frees one.
fn place<'a>(
    principal: usize,
    principals: &[(usize, Vec<&'a str>)],
    taken: &mut BTreeMap<&'a str, usize>,
    asked: &mut Vec<&'a str>,
) -> bool {
    let Some((_, names)) = principals.get(principal) else { return false };
    for name in names {
        if asked.contains(name) {
            continue;
        }
        asked.push(name);
        let free = match taken.get(name).copied() {
            None => true,
            Some(holder) => place(holder, principals, taken, asked),
        };
        if free {
            taken.insert(name, principal);
            return true;
        }
    }
    false
}
