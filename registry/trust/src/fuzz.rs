//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is part of
//! tests and of `fuzz/` only.

use crate::TrustPolicy;

/// A trust policy: refused with a code and a sentence, or one whose namespaces all have kinds.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match TrustPolicy::parse(text) {
        Ok(policy) => assert!(policy.namespaces().all(|name| !policy.kinds(name).is_empty())),
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    }
}

/// A list of revocations, after its signatures.
pub fn revocations(data: &[u8]) {
    crate::revocation::fuzz(data);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        waystation_seeds::hold(&[("trust-policy", policy), ("revocations", revocations)]);
    }

    /// A seed that is refused at once leads nowhere.
    #[test]
    fn a_seed_of_each_target_is_accepted() {
        let text = |seed: &Vec<u8>| String::from_utf8(seed.clone()).unwrap();
        assert!(
            waystation_seeds::of("trust-policy").iter().any(|seed| TrustPolicy::parse(&text(seed)).is_ok())
        );
        assert!(waystation_seeds::of("revocations").iter().any(|seed| crate::revocation::fuzz(seed)));
    }
}
