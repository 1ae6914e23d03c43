//! From releases to an answer: order, limit, validator.

use crate::paging::Walked;
use waystation_update_source::{Answer, Context, Item, Release, listing, validator};

/// What a caller asked, and with which settings of the plugin: all that an answer depends on beside the
/// remote.
///
/// A remote's `ETag` speaks of one document. When the options, the limit, the remote's address or whether
/// pre-releases count change, a stored validator must not make the remote say "not modified"; so it is
/// sealed with all of them. Where one document was not the whole answer, or the remote has no validators,
/// a fingerprint of the releases takes their place: that saves no request, but still lets the caller see
/// that nothing changed.
#[derive(Clone, Debug)]
pub struct Question {
    item: Item,
    context: Context,
}

impl Question {
    /// A question about `item`, asked of a plugin with these `settings` (its remote's address, mostly).
    pub fn new(item: &Item, context: &Context, settings: &str) -> Self {
        let mut item = item.clone();
        item.options = format!("{settings} {}", item.options);
        Self { item, context: context.clone() }
    }

    /// The remote's validator for a conditional request, if the same question was answered before.
    pub fn validator(&self) -> Option<&str> {
        validator::open(&self.item, &self.context)
    }

    /// The same question with another limit, for reading on past what is wanted: where a remote has no
    /// useful order, the newest may be on any page.
    #[must_use]
    pub fn with_limit(&self, limit: u32) -> Self {
        let mut other = self.clone();
        other.context.limit = limit;
        other
    }

    /// How many releases are wanted.
    pub fn limit(&self) -> usize {
        usize::try_from(self.context.limit).unwrap_or(usize::MAX)
    }

    /// Whether a release is of use to the caller.
    pub fn wants(&self, release: &Release) -> bool {
        self.context.prereleases || !release.prerelease
    }

    /// The answer: what was read, in its order and within the limit, with a validator for the next call.
    ///
    /// `remote` is the validator of the first document; it is used only if that document was all that was
    /// read, since a later page can change without the first.
    pub fn answer(&self, remote: Option<String>, walked: Walked) -> Answer {
        let remote = remote.filter(|_| walked.pages == 1);
        let mut listing = listing::cut(walked.releases, &self.context, None, walked.more);
        let inner = remote.unwrap_or_else(|| fingerprint(&listing.releases, listing.more));
        listing.validator = validator::seal(Some(inner), &self.item, &self.context);
        if listing.validator == self.context.validator { Answer::Unchanged } else { Answer::Listing(listing) }
    }
}

/// Puts releases in order, newest first by date; those without a date keep their order after the others.
pub fn newest_first(releases: &mut [Release]) {
    releases.sort_by_key(|release| std::cmp::Reverse(release.published_at));
}

/// FNV-1a over all fields: not meant to withstand an adversary, as who can choose the releases can also
/// repeat them.
fn fingerprint(releases: &[Release], more: bool) -> String {
    // The debug form names every field, so that two lists with the same form are the same list.
    let hash = format!("{releases:?}{more}").bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("content:{hash:016x}")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use waystation_update_source::Listing;

    pub(crate) fn release(version: &str, published_at: Option<u64>) -> Release {
        Release {
            version: version.into(),
            published_at,
            prerelease: version.contains("rc"),
            withdrawn: false,
            channel: None,
            url: None,
            assets: vec![],
            extra: vec![],
        }
    }

    pub(crate) fn question(limit: u32, validator: Option<String>) -> Question {
        let item = Item { locator: "a/b".into(), options: "{}".into(), extra: vec![] };
        let context = Context { validator, prereleases: false, limit, extra: vec![] };
        Question::new(&item, &context, "https://a.example")
    }

    fn walked(versions: &[&str], pages: usize) -> Walked {
        let releases: Vec<_> = versions.iter().map(|version| release(version, None)).collect();
        Walked { seen: releases.len(), releases, more: false, pages }
    }

    fn listing(answer: Answer) -> Listing {
        match answer {
            Answer::Listing(listing) => listing,
            Answer::Unchanged => panic!("unchanged"),
        }
    }

    #[test]
    fn dates_decide_and_the_rest_keeps_its_order() {
        let mut releases =
            [release("a", None), release("b", Some(1)), release("c", Some(2)), release("d", None)];
        newest_first(&mut releases);
        assert_eq!(releases.map(|release| release.version), ["c", "b", "a", "d"]);
    }

    #[test]
    fn the_limit_holds_and_is_said() {
        let answer = listing(question(1, None).answer(None, walked(&["2", "1"], 1)));
        assert_eq!((answer.releases.len(), answer.more), (1, true));
        let answer = listing(question(2, None).answer(None, walked(&["2", "1"], 1)));
        assert_eq!((answer.releases.len(), answer.more), (2, false));
    }

    #[test]
    fn a_remote_validator_comes_back_for_the_same_question_only() {
        let answer = listing(question(9, None).answer(Some("etag:\"x\"".into()), walked(&["1"], 1)));
        assert_eq!(question(9, answer.validator.clone()).validator(), Some("etag:\"x\""));
        assert_eq!(question(8, answer.validator.clone()).validator(), None);
        let item = Item { locator: "a/b".into(), options: "{}".into(), extra: vec![] };
        let context = Context { validator: answer.validator, prereleases: false, limit: 9, extra: vec![] };
        assert_eq!(Question::new(&item, &context, "https://b.example").validator(), None);
    }

    #[test]
    fn more_than_one_page_is_compared_by_content() {
        let etag = || Some("etag:\"x\"".to_owned());
        let first = listing(question(9, None).answer(etag(), walked(&["2", "1"], 2)));
        let again = question(9, first.validator);
        assert!(again.validator().is_some_and(|inner| inner.starts_with("content:")));
        assert_eq!(again.answer(etag(), walked(&["2", "1"], 2)), Answer::Unchanged);
        assert!(matches!(again.answer(etag(), walked(&["3", "1"], 2)), Answer::Listing(_)));
        assert!(matches!(again.answer(etag(), walked(&["2"], 2)), Answer::Listing(_)));
    }
}
