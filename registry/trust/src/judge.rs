//! The judgement of one plugin.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waystation_bundle::{Limits, Statement};
use waystation_verify::{Facts, Request, Roots, Subject, Tried, verify};

use crate::evidence::Evidence;
use crate::policy::{Namespace, TrustPolicy};
use crate::revocation::Revocations;
use crate::state::{Reason, State};

/// What a plugin comes to, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Judgement {
    /// Whether it may run.
    pub state: State,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same, or who vouches, in a sentence.
    pub message: String,
    /// The content digest that this is about.
    pub digest: String,
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The signatures that counted.
    pub signatures: Vec<Facts>,
    /// Each signature and how far its verification got.
    pub tried: Vec<Tried>,
}

impl Judgement {
    /// Whether it may run.
    #[must_use]
    pub const fn admits(&self) -> bool {
        matches!(self.state, State::Verified)
    }
}

/// A refusal on the way to a judgement.
struct No {
    reason: Reason,
    message: String,
    tried: Vec<Tried>,
}

impl No {
    fn because(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), tried: Vec::new() }
    }
}

impl TrustPolicy {
    /// Holds a plugin against the policy.
    #[must_use]
    pub fn judge(
        &self,
        plugin: &Evidence,
        roots: &Roots,
        revocations: Option<&Revocations>,
        now: Timestamp,
    ) -> Judgement {
        let judged = self
            .admissible(plugin, revocations, now)
            .and_then(|namespace| vouched(plugin, namespace, roots, revocations, now));
        let (state, reason, message, signatures, tried) = match judged {
            Ok((message, signatures, tried)) => (State::Verified, None, message, signatures, tried),
            Err(no) => (no.reason.state(), Some(no.reason), no.message, Vec::new(), no.tried),
        };
        Judgement {
            state,
            reason,
            message,
            digest: plugin.digest.to_string(),
            name: plugin.name.clone(),
            version: plugin.version.to_string(),
            signatures,
            tried,
        }
    }

    /// What speaks against a plugin, whoever signed it. Revocations first: they tell most.
    fn admissible(
        &self,
        plugin: &Evidence,
        revocations: Option<&Revocations>,
        now: Timestamp,
    ) -> Result<&Namespace, No> {
        if let Some(revoked) = revocations.and_then(|list| list.digest(plugin.digest)) {
            return Err(No::because(Reason::DigestRevoked, revoked));
        }
        let name = plugin.name.split_once('/').map_or(plugin.name.as_str(), |(namespace, _)| namespace);
        let Some(namespace) = self.namespaces.get(name) else {
            let known: Vec<_> = self.namespaces().collect();
            let message = format!(
                "nobody is trusted to sign plugins of the namespace `{name}`; the trust policy has {}",
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            );
            return Err(No::because(Reason::NamespaceUnknown, message));
        };
        let world = plugin.kind.split_once('@').map_or(plugin.kind.as_str(), |(world, _)| world);
        if !namespace.kinds.iter().any(|kind| kind == world) {
            let message = format!(
                "the namespace `{name}` may have plugins that are {}, not {world}",
                namespace.kinds.join(", ")
            );
            return Err(No::because(Reason::KindNotAdmitted, message));
        }
        if let Some(minimum) = self.minimum.get(&plugin.name).filter(|minimum| plugin.version < **minimum) {
            let message = format!(
                "version {} is older than {minimum}, the oldest that the trust policy admits",
                plugin.version
            );
            return Err(No::because(Reason::BelowMinimum, message));
        }
        match (&self.revocations, revocations) {
            (Some(_), None) => {
                let message = "the trust policy asks for a list of revocations, and there is none";
                Err(No::because(Reason::RevocationsMissing, message))
            }
            (_, Some(list)) if !list.is_current(now) => {
                let message =
                    format!("the list of revocations held until {}; get the current one", list.expires_at());
                Err(No::because(Reason::RevocationsExpired, message))
            }
            _ => Ok(namespace),
        }
    }
}

/// Whether enough signers say what is true of the plugin, none of them revoked.
fn vouched(
    plugin: &Evidence,
    namespace: &Namespace,
    roots: &Roots,
    revocations: Option<&Revocations>,
    now: Timestamp,
) -> Result<(String, Vec<Facts>, Vec<Tried>), No> {
    let truth = plugin.truth.as_ref().map_err(|why| No::because(Reason::StatementMismatch, why.as_str()))?;
    let subject = Subject::of_bytes(plugin.manifest.clone());
    let mut bundles: Vec<&[u8]> = plugin.signatures.iter().map(AsRef::as_ref).collect();
    if bundles.is_empty() {
        return Err(No::because(Reason::Unsigned, "nobody signed it"));
    }
    // Why a signature that would have counted was left out.
    let mut left_out: Option<(Reason, String)> = None;
    loop {
        let verdict =
            verify(&Request { subject: &subject, bundles: &bundles }, &namespace.policy, roots, now);
        let code = verdict.code;
        if !verdict.admitted {
            let (reason, message) = match (left_out, code) {
                (Some(left_out), _) => left_out,
                (None, Some(code)) => (Reason::Verification(code), verdict.message),
                (None, None) => (Reason::Unsigned, verdict.message),
            };
            return Err(No { reason, message, tried: verdict.tried });
        }
        let against = verdict.signatures.iter().find_map(|facts| {
            let revoked = revocations.and_then(|list| list.signature(facts));
            let revoked = revoked.map(|message| (Reason::SignerRevoked, message));
            let untrue = || {
                let bundle = bundles.iter().find(|bundle| sha256(bundle) == facts.bundle_sha256)?;
                untrue(bundle, truth).map(|message| (Reason::StatementMismatch, message))
            };
            Some((facts.bundle_sha256.clone(), revoked.or_else(untrue)?))
        });
        let Some((bundle, why)) = against else {
            return Ok((verdict.message, verdict.signatures, verdict.tried));
        };
        bundles.retain(|other| sha256(other) != bundle);
        left_out.get_or_insert(why);
        if bundles.is_empty() {
            let (reason, message) = left_out.unwrap_or((Reason::Unsigned, String::new()));
            return Err(No { reason, message, tried: verdict.tried });
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    waystation_bundle::ContentDigest::of(bytes).hex()
}

/// What of a verified bundle's statement is not true of the plugin.
fn untrue(bundle: &[u8], truth: &Statement) -> Option<String> {
    #[derive(Deserialize)]
    struct Bundle {
        #[serde(rename = "dsseEnvelope")]
        envelope: Envelope,
    }
    #[derive(Deserialize)]
    struct Envelope {
        payload: String,
    }
    let read = serde_json::from_slice::<Bundle>(bundle).map_err(|e| e.to_string());
    let payload = read.and_then(|read| STANDARD.decode(read.envelope.payload).map_err(|e| e.to_string()));
    let statement =
        payload.and_then(|payload| Statement::parse(&payload, &Limits::default()).map_err(|e| e.to_string()));
    match statement {
        Err(why) => Some(format!("what is signed is not the statement of a plugin: {why}")),
        Ok(statement) => statement
            .differs_from(truth)
            .map(|part| format!("what is signed says another {part} than that of this plugin")),
    }
}
