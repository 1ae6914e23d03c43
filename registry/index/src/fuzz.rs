//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is part of
//! tests and of `fuzz/` only.

use sigstore_tuf::Targets;

use crate::engine::Engine;
use crate::entry::Entry;
use crate::error::IndexError;
use crate::limits::Limits;
use crate::names;
use crate::strict;

const LIMITS: Limits = Limits::DEFAULT;

fn told<T>(result: Result<T, IndexError>) -> Option<T> {
    if let Err(error) = &result {
        assert!(!error.code().is_empty() && !error.to_string().is_empty());
    }
    result.ok()
}

/// A file that is said to be the root of an index; and the same as the next one after itself.
pub fn root(data: &[u8]) {
    let Some(mut engine) = told(Engine::new(data, &LIMITS)) else { return };
    for role in names::ROLES {
        let role = engine.root().role(role);
        assert!(role.is_some_and(|role| role.threshold >= 1 && role.threshold <= role.keyids.len()));
    }
    assert!(told(engine.next_root(data)).is_none(), "no root follows itself");
}

/// A list of plugins that was signed by whoever may.
pub fn list(data: &[u8]) {
    let Some(document) = told(strict::document("it", data, LIMITS.targets, &LIMITS)) else { return };
    let Some(signed) = document.get("signed") else { return };
    let given = told(strict::delegations("it", signed, &LIMITS)).unwrap_or_default();
    for namespace in given {
        assert!(strict::can_be_delegated(&namespace));
        assert!(names::parse_metadata(&format!("1.{namespace}.json")).is_some());
    }
    let Ok(targets) = serde_json::from_value::<Targets>(signed.clone()) else { return };
    for (path, target) in &targets.targets {
        let Some(entry) = told(Entry::read("it", path, target, &LIMITS)) else { continue };
        assert_eq!(*path, names::target(&entry.name, &entry.version));
        assert!(names::is_served(&names::target_file(&entry.name, &entry.version, entry.digest)));
        assert!(names::is_served(&names::bundle(entry.digest)));
        // It is written as it was read.
        let again = entry.target().ok().and_then(|(path, target)| {
            Entry::read("it", &path, &serde_json::from_value(target).ok()?, &LIMITS).ok()
        });
        assert_eq!(again.as_ref(), Some(&entry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        waystation_seeds::hold(&[("index-root", root), ("index-list", list)]);
    }

    /// A seed that is refused at once leads nowhere.
    #[test]
    fn a_seed_of_each_target_is_accepted() {
        assert!(waystation_seeds::of("index-root").iter().any(|seed| Engine::new(seed, &LIMITS).is_ok()));
        let listed = |seed: &Vec<u8>| {
            let document = strict::document("it", seed, LIMITS.targets, &LIMITS).unwrap();
            let targets: Targets = serde_json::from_value(document["signed"].clone()).unwrap();
            let given = strict::delegations("it", &document["signed"], &LIMITS).unwrap();
            !given.is_empty()
                && targets
                    .targets
                    .iter()
                    .any(|(path, target)| Entry::read("it", path, target, &LIMITS).is_ok())
        };
        assert!(waystation_seeds::of("index-list").iter().any(listed));
    }
}
