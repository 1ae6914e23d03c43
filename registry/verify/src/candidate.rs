//! Who may have made the signature of a bundle: its certificate, or a key of the rule. The bundle's hint selects
//! none.

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
                return Err(Code::CertificateRequired
                    .because("the bundle is signed with a certificate; the rule names only keys"));
            }
            Ok(vec![Candidate::Certificate { der, leaf: Leaf::parse(der)? }])
        }
        bundle::Signer::Key => {
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
                    Err(Code::KeyRequired.because("the bundle is signed with a key; the rule names none"))
                }
                false => Ok(keys.into_iter().map(|key| Candidate::Key { key }).collect()),
            }
        }
    }
}
