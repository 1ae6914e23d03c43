//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is
//! part of tests and of `fuzz/` only.

use waystation_update_source::plugin::http::url::Url;

use crate::html;

/// The page of a project: files have a name that is no path, and an address that is one.
pub fn page(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(project) = html::project(&text, "https://a.example/simple/name/") else { return };
    for file in &project.files {
        assert!(!file.filename.is_empty() && !file.filename.contains('/'), "{}", file.filename);
        assert!(file.url.as_deref().is_some_and(|url| Url::parse(url).is_ok()), "{:?}", file.url);
    }
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        for (target, check) in [("page", super::page as fn(&[u8]))] {
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
