//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is
//! part of tests and of `fuzz/` only.

use std::cmp::Ordering;

use waystation_update_source::version::{compare, is_prerelease, sort_newest_first, strip_prefix};

use crate::{AssetRule, Project, Repository, TagRule, hex_digest, is_commit, short, web_url};

/// What sources make of names, tags and digests, one a line.
pub fn listing(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines: Vec<&str> = text.split('\n').take(5).collect();
    for a in &lines {
        // What was read as a place reads the same again.
        if let Ok(repository) = Repository::parse(a) {
            let text = repository.to_string();
            assert_eq!(Repository::parse(&text).map(|again| again.to_string()).ok(), Some(text), "{a:?}");
        }
        if let Ok(project) = Project::parse(a) {
            assert!(project.path().ends_with(project.name()), "{a:?}");
        }
        assert!(short(a, 40).len() <= 40 + '…'.len_utf8(), "{a:?}");
        assert!(web_url(a).is_none_or(|url| url.starts_with("http")), "{a:?}");
        assert!(!is_commit(a) || a.bytes().all(|byte| byte.is_ascii_hexdigit()), "{a:?}");
        assert!(hex_digest(a).is_none_or(|digest| !digest.value.is_empty()), "{a:?}");
        assert!(strip_prefix(a, &None).is_none_or(|version| a.ends_with(version)), "{a:?}");
        let _ = (is_prerelease(a), TagRule::new(Some((*a).to_owned())).version(&text));
        let _ = AssetRule::new(Some(a)).map(|rule| rule.wants(&text));
        assert_eq!(compare(a, a), Ordering::Equal, "{a:?}");
        for b in &lines {
            assert_eq!(compare(a, b), compare(b, a).reverse(), "{a:?} {b:?}");
            for c in &lines {
                let below = |x, y| compare(x, y).is_le();
                assert!(!(below(a, b) && below(b, c)) || below(a, c), "{a:?} {b:?} {c:?}");
            }
        }
    }
    let mut sorted = lines.clone();
    sort_newest_first(&mut sorted, |line| line);
    assert!(sorted.is_sorted_by(|a, b| compare(a, b).is_ge()), "{sorted:?}");
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        for (target, check) in [("listing", super::listing as fn(&[u8]))] {
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
