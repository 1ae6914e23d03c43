//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is
//! part of tests and of `fuzz/` only.

use crate::{Bundle, ContentDigest, Manifest, embed_manifest};

/// A file that is said to be a plugin.
pub fn bundle(data: &[u8]) {
    match Bundle::parse(data.to_vec()) {
        Ok(bundle) => {
            assert_eq!((bundle.bytes(), bundle.digest()), (data, ContentDigest::of(data)));
            assert_eq!(ContentDigest::parse(&bundle.digest().to_string()), Some(bundle.digest()));
        }
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    }
}

/// A manifest.
pub fn manifest(data: &[u8]) {
    // A component that is empty but for its header.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    match Manifest::parse(data) {
        Ok(manifest) => {
            assert!(manifest.name.as_str().ends_with(manifest.name.short()));
            let text = String::from_utf8_lossy(data);
            // Whether it fits this component is another question.
            let whole = embed_manifest(COMPONENT, &text);
            if let Ok(bytes) = whole {
                assert!(Bundle::parse(bytes).is_ok_and(|bundle| bundle.manifest().name == manifest.name));
            }
        }
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    }
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        waystation_seeds::hold(&[("bundle", super::bundle), ("manifest", super::manifest)]);
    }
}
