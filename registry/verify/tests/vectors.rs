//! Public vectors: the conformance suite of Sigstore and bundles of real releases, with what is to come of each.
//! They are no part of this repository; where they do not lie beside it, these tests say so and check nothing.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

#[path = "support/vectors.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "shared with an example")]
mod vectors;

use std::path::PathBuf;

/// Beside the checkout.
fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors"));
    if folder.join("cases").is_dir() {
        return Some(folder);
    }
    eprintln!("NOT CHECKED: the public vectors are not at {}; nothing was verified", folder.display());
    None
}

#[test]
fn every_public_vector_is_judged_rightly() {
    let Some(folder) = folder() else { return };
    let tally = vectors::run(&folder).unwrap();
    assert!(tally.cases > 0);
    assert_eq!(tally.wrong_accepts, Vec::<String>::new());
    assert_eq!(tally.wrong_rejects, Vec::<String>::new());
}
