//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is
//! part of tests and of `fuzz/` only.

use crate::challenge;

/// A `WWW-Authenticate` field: what is read stood in it.
pub fn challenge(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lower = text.to_ascii_lowercase();
    for challenge in challenge::parse(&text).unwrap_or_default() {
        assert!(!challenge.scheme.is_empty() && lower.contains(&challenge.scheme), "{challenge:?}");
        assert!(challenge.param("realm").is_none_or(|realm| realm.len() < text.len()), "{challenge:?}");
    }
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        for (target, check) in [("challenge", super::challenge as fn(&[u8]))] {
            let folder =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/seeds").join(target);
            let seeds: Vec<_> =
                std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(!seeds.is_empty(), "{target}");
            for seed in seeds {
                check(&std::fs::read(seed).unwrap());
            }
        }
    }
}
