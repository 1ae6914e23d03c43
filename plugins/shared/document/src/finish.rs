//! From releases as they were found to an answer.

use crate::pattern::is_presentable;
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::HashSet;
use waystation_update_source::{Context, Listing, Release, listing, version};

/// How the releases of a document are put in order, newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// By version.
    #[default]
    Version,
    /// By date; those without one come last.
    Date,
    /// As they stand.
    Document,
    /// As they stand, from the last to the first.
    Reverse,
}

/// The answer: each version once (the first that was found), in order, as many as were asked for.
pub fn finish(
    mut releases: Vec<Release>,
    order: Order,
    context: &Context,
    validator: Option<String>,
) -> Listing {
    let mut known = HashSet::new();
    releases.retain(|release| is_presentable(&release.version) && known.insert(release.version.clone()));
    match order {
        Order::Version => version::sort_newest_first(&mut releases, |release| release.version.as_str()),
        Order::Date => releases.sort_by_key(|release| Reverse(release.published_at)),
        Order::Document => {}
        Order::Reverse => releases.reverse(),
    }
    listing::cut(releases, context, validator, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str, published_at: Option<u64>) -> Release {
        Release {
            version: version.into(),
            published_at,
            prerelease: false,
            withdrawn: false,
            channel: None,
            url: None,
            assets: vec![],
            extra: vec![],
        }
    }

    #[test]
    fn every_order_has_each_version_once() {
        let all = || {
            vec![
                release("1.9", Some(5)),
                release("1.10", None),
                release("1.9", Some(9)),
                release("1.8", Some(7)),
                release("a b", None),
            ]
        };
        for (order, expected) in [
            (Order::Version, ["1.10", "1.9", "1.8"]),
            (Order::Date, ["1.8", "1.9", "1.10"]),
            (Order::Document, ["1.9", "1.10", "1.8"]),
            (Order::Reverse, ["1.8", "1.10", "1.9"]),
        ] {
            let context = Context { validator: None, prereleases: true, limit: 9, extra: vec![] };
            let listing = finish(all(), order, &context, Some("v".into()));
            let versions: Vec<_> = listing.releases.iter().map(|release| release.version.as_str()).collect();
            assert_eq!((versions.as_slice(), listing.more), (&expected[..], false), "{order:?}");
        }
        assert_eq!(serde_json::from_str::<Order>("\"reverse\"").unwrap(), Order::Reverse);
    }
}
