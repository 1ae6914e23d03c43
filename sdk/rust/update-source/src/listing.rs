//! Cutting what a remote has down to what the host asked for.

use crate::{Context, Listing, Release};

/// The listing of releases that are sorted newest first: pre-releases only where they are of use, and
/// at most `context.limit`.
///
/// Withdrawn releases stay, so that an installed one is recognised. `more` says whether the remote
/// holds further releases than were given here.
#[must_use]
pub fn cut(
    releases: impl IntoIterator<Item = Release>,
    context: &Context,
    validator: Option<String>,
    more: bool,
) -> Listing {
    let mut wanted = releases.into_iter().filter(|release| context.prereleases || !release.prerelease);
    let limit = usize::try_from(context.limit).unwrap_or(usize::MAX);
    let releases: Vec<Release> = wanted.by_ref().take(limit).collect();
    let more = more || wanted.next().is_some();
    Listing { releases, validator, more, extra: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str, prerelease: bool) -> Release {
        Release {
            version: version.into(),
            published_at: None,
            prerelease,
            withdrawn: false,
            channel: None,
            url: None,
            assets: vec![],
            extra: vec![],
        }
    }

    #[test]
    fn the_limit_counts_what_is_wanted() {
        let all = || [release("3-rc", true), release("2", false), release("1", false)];
        for (prereleases, limit, versions, more) in [
            (true, 2, &["3-rc", "2"][..], true),
            (false, 2, &["2", "1"], false),
            (false, 1, &["2"], true),
            (true, 0, &[], true),
            (true, 9, &["3-rc", "2", "1"], false),
        ] {
            let context = Context { validator: None, prereleases, limit, extra: vec![] };
            let listing = cut(all(), &context, None, false);
            let given: Vec<_> = listing.releases.iter().map(|release| release.version.as_str()).collect();
            assert_eq!((given.as_slice(), listing.more), (versions, more));
            assert!(cut(all(), &context, None, true).more);
        }
    }
}
