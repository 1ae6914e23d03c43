//! Who may have made the signature of a bundle: its certificate, or a key of the rule. The bundle's hint selects
//! none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::bundle::{self, Bundle};
use crate::certificate::Leaf;
use crate::entry::Verifier;
use crate::error::{Code, Refusal};
use crate::facts::Time;
use crate::key::PublicKey;
use crate::signer::{Signer, Who};

/// The one whose signature is tried.
pub(crate) enum Candidate<'a> {
    Certificate { der: &'a [u8], leaf: Leaf },
    Key { key: &'a PublicKey },
}

impl Candidate<'_> {
    pub(crate) fn spki(&self) -> &[u8] {
        match self {
            Self::Certificate { leaf, .. } => &leaf.key,
            Self::Key { key } => key.spki(),
        }
    }

    pub(crate) const fn leaf(&self) -> Option<&Leaf> {
        match self {
            Self::Certificate { leaf, .. } => Some(leaf),
            Self::Key { .. } => None,
        }
    }

    pub(crate) fn verifier(&self) -> Verifier<'_> {
        match self {
            Self::Certificate { der, .. } => Verifier::Certificate(der),
            Self::Key { key } => Verifier::Key(key.spki()),
        }
    }

    /// The names of the signers that this is.
    pub(crate) fn matched(&self, signers: &[Signer], times: &[Time]) -> Result<Vec<String>, Refusal> {
        let mut matched = Vec::new();
        let mut refused = None;
        for signer in signers {
            let admitted = match (self, &signer.who) {
                (Self::Certificate { leaf, .. }, Who::Certificate(rule)) => rule.admits(leaf),
                (Self::Key { key }, Who::Key { key: own, not_before, not_after }) if *key == own => {
                    let inside = |time: &Time| {
                        not_before.is_none_or(|start| start <= time.at)
                            && not_after.is_none_or(|end| time.at <= end)
                    };
                    match times.iter().all(inside) {
                        true => Ok(()),
                        false => Err(Code::KeyOutsideValidity
                            .because(format!("{} is not believed at that time", signer.name))),
                    }
                }
                _ => continue,
            };
            match admitted {
                Ok(()) if signer.revoked => {
                    return Err(Code::KeyRevoked.because(format!("{} is revoked", signer.name)));
                }
                Ok(()) => matched.push(signer.name.clone()),
                Err(refusal) => refused = Some(refused.unwrap_or(refusal)),
            }
        }
        match (matched.is_empty(), refused) {
            (true, Some(refusal)) => Err(refusal),
            (true, None) => Err(Code::IdentityMismatch.because("the rule names nobody that this is")),
            (false, _) => Ok(matched),
        }
    }
}

/// Who of the rule may have made the signature of this bundle.
pub(crate) fn candidates<'a>(
    bundle: &'a Bundle,
    signers: &'a [Signer],
) -> Result<Vec<Candidate<'a>>, Refusal> {
    match &bundle.signer {
        bundle::Signer::Certificate(der) => {
            if !signers.iter().any(|signer| matches!(signer.who, Who::Certificate(_))) {
                // Who it is is said by a certificate that nobody looked at yet, to a person who wants to know.
                let of =
                    Leaf::parse(der).map(|leaf| format!(" of {}", leaf.identity.value)).unwrap_or_default();
                let wanted = wanted(signers);
                return Err(Code::CertificateRequired.because(format!(
                    "the bundle is signed with a certificate{of}; the rule names only keys: {wanted}"
                )));
            }
            Ok(vec![Candidate::Certificate { der, leaf: Leaf::parse(der)? }])
        }
        bundle::Signer::Key { hint } => {
            let mut keys: Vec<&PublicKey> = signers
                .iter()
                .filter_map(|signer| match &signer.who {
                    Who::Key { key, .. } => Some(key),
                    Who::Certificate(_) => None,
                })
                .collect();
            keys.sort_unstable();
            keys.dedup();
            match keys.is_empty() {
                true => {
                    let claimed = claimed(hint.as_deref()).map(|key| format!(", {key} by its own account"));
                    Err(Code::KeyRequired.because(format!(
                        "the bundle is signed with a key{}; the rule names none: {}",
                        claimed.unwrap_or_default(),
                        wanted(signers)
                    )))
                }
                false => Ok(keys.into_iter().map(|key| Candidate::Key { key }).collect()),
            }
        }
    }
}

/// The refusal of a signature that none of the rule's keys made, with what the rule wanted and what the bundle says.
pub(crate) fn told(bundle: &Bundle, signers: &[Signer], refusal: Refusal) -> Refusal {
    let bundle::Signer::Key { hint } = &bundle.signer else { return refusal };
    let (wanted, claimed) = (wanted(signers), claimed(hint.as_deref()));
    let foreign = claimed.as_ref().is_some_and(|claimed| !wanted.contains(claimed));
    match refusal.code() {
        Code::SignatureInvalid => {}
        // What a log has of another key's signature.
        Code::EntryMismatch if foreign => {}
        _ => return refusal,
    }
    let detail = match claimed {
        Some(claimed) if wanted.contains(&claimed) => format!(
            "the bundle says that the key {claimed} made the signature, and it did not sign this; the rule names {wanted}"
        ),
        Some(claimed) => {
            format!(
                "the key {claimed} made the signature, by the bundle's own account; the rule names {wanted}"
            )
        }
        None => format!("none of the rule's keys made the signature; it names {wanted}"),
    };
    refusal.code().because(detail)
}

/// The fingerprint that the hint of a key is, where it is one: in base64, as many clients write it.
fn claimed(hint: Option<&str>) -> Option<String> {
    let digest: [u8; 32] = STANDARD.decode(hint?).ok()?.try_into().ok()?;
    Some(format!("sha256:{}", hex::encode(digest)))
}

/// The signers of a rule, as many as a person reads.
fn wanted(signers: &[Signer]) -> String {
    const MOST: usize = 5;
    let one = |signer: &Signer| match &signer.who {
        Who::Key { key, .. } => format!("{} (key {})", signer.name, key.fingerprint()),
        Who::Certificate(rule) => format!("{} ({})", signer.name, rule.wanted()),
    };
    let mut list: Vec<String> = signers.iter().take(MOST).map(one).collect();
    if signers.len() > MOST {
        list.push(format!("{} more", signers.len() - MOST));
    }
    list.join(", ")
}
