//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is
//! part of tests and of `fuzz/` only.

use waystation_update_source::plugin::config::options;
use waystation_update_source::plugin::http::url::Url;

use crate::options::Options;
use crate::{document, select};

/// An item's options on the first line, then a document.
pub fn json(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (first, content) = data.split_at(at);
    let Ok(chosen) = options::<Options>(&String::from_utf8_lossy(first)) else { return };
    let Ok(content) = document::parse(content) else { return };
    assert!(!document::describe(&content).is_empty());
    let Ok(base) = Url::parse("https://a.example/versions.json") else { return };
    if let Ok(releases) = select::releases(&content, &chosen, &base) {
        assert!(releases.iter().all(|release| !release.version.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        for (target, check) in [("json", super::json as fn(&[u8]))] {
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
