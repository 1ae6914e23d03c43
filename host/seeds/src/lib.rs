//! For tests: what fuzzing starts from, and inputs on which something was found before. They lie in `fuzz/seeds`, a
//! folder for each target.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "for tests only: one that fails panics")]

use std::path::Path;

/// The seeds of a target.
///
/// # Panics
/// When there is none.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let entries = std::fs::read_dir(folder).unwrap();
    let seeds: Vec<_> = entries.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty(), "there are no seeds of {target}");
    seeds
}

/// A target's name, and what it calls.
pub type Target<'a> = (&'a str, fn(&[u8]));

/// Gives each target its seeds.
///
/// # Panics
/// When there are none, or a promise is broken.
pub fn hold(targets: &[Target<'_>]) {
    for (target, check) in targets {
        of(target).iter().for_each(|seed| check(seed));
    }
}
