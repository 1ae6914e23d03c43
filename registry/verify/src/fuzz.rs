//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is
//! part of tests and of `fuzz/` only.

use jiff::Timestamp;

use crate::{
    Admits, Bundle, CertificateRule, Demand, Domain, Policy, Predicates, Signer, Subject, TrustRoot, Version,
    Who, check,
};

/// A bundle is read or refused; nothing that came with no trusted root is believed.
pub fn sigstore_bundle(data: &[u8]) {
    let Ok(bundle) = Bundle::parse(data) else { return };
    assert!(Version::ALL.contains(&bundle.version));
    assert!(!bundle.content.signature().is_empty());
    let signers = [Signer {
        name: "anyone".to_owned(),
        who: Who::Certificate(CertificateRule::anyone()),
        revoked: false,
    }];
    let domain = Domain { bundles: Version::ALL.to_vec(), ..Domain::default() };
    let admits = Admits { message: true, predicates: Predicates::Any, ..Admits::default() };
    let demand = Demand { signers: &signers, domain: &domain, admits: &admits, max_age: None };
    let report = check(data, &Subject::of_bytes(Vec::new()), &demand, None, Timestamp::UNIX_EPOCH);
    assert!(report.outcome.is_err());
}

/// A trusted root is read or refused; what is read holds something, and knows each log once.
pub fn trusted_root(data: &[u8]) {
    let Ok(root) = TrustRoot::parse(data) else { return };
    assert!(!root.logs.is_empty() || root.authorities > 0 || !root.timestamp_authorities.is_empty());
    for (place, log) in root.logs.iter().enumerate() {
        assert!(root.logs.iter().skip(place + 1).all(|other| other.id != log.id && other.key != log.key));
        assert!(log.window.end.is_none_or(|end| log.window.start <= end));
    }
}

/// A policy is read or refused; what is read has a rule that somebody can meet.
pub fn signature_policy(data: &[u8]) {
    let Ok(policy) = Policy::parse(data) else { return };
    assert!(!policy.rules.is_empty());
    for rule in &policy.rules {
        assert!(rule.need > 0 && !rule.signers.is_empty());
        assert!(
            rule.signers
                .keys()
                .all(|domain| policy.domains.get(domain).is_some_and(|d| d.validate().is_ok()))
        );
    }
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        waystation_seeds::hold(&[
            ("sigstore-bundle", super::sigstore_bundle),
            ("trusted-root", super::trusted_root),
            ("signature-policy", super::signature_policy),
        ]);
    }
}
