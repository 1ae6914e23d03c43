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

    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
    }

    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        for (target, check) in [("trust-policy", policy as fn(&[u8])), ("revocations", revocations)] {
            seeds(target).iter().for_each(|seed| check(seed));
        }
    }

    /// A seed that is refused at once leads nowhere.
    #[test]
    fn a_seed_of_each_target_is_accepted() {
        let text = |seed: &Vec<u8>| String::from_utf8(seed.clone()).unwrap();
        assert!(seeds("trust-policy").iter().any(|seed| TrustPolicy::parse(&text(seed)).is_ok()));
        assert!(seeds("revocations").iter().any(|seed| crate::revocation::fuzz(seed)));
    }
}
