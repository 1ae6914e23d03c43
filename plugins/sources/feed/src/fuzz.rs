//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is
//! part of tests and of `fuzz/` only.

use waystation_document::moment;
use waystation_update_source::plugin::config::options;
use waystation_update_source::plugin::http::url::Url;

use crate::pick::{Options, releases};
use crate::{encoding, entries};

/// An item's options on the first line, then a feed.
pub fn feed(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (first, feed) = data.split_at(at);
    let chosen = options::<Options>(&String::from_utf8_lossy(first)).unwrap_or_default();
    let Ok(text) = encoding::decode(feed.trim_ascii_start(), "application/xml") else { return };
    let Ok(found) = entries::parse(&text) else { return };
    for entry in &found {
        let _ = (moment(&entry.published), moment(&entry.updated));
    }
    let Ok(base) = Url::parse("https://a.example/feed.xml") else { return };
    if let Ok(releases) = releases(&found, &chosen, &base) {
        assert!(releases.len() <= found.len());
        assert!(releases.iter().all(|release| !release.version.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        for (target, check) in [("feed", super::feed as fn(&[u8]))] {
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
