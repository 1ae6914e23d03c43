//! Paging: how far a source follows a remote's `next` links.

use crate::address::same_origin;
use crate::answer::Question;
use waystation_update_source::Release;
use waystation_update_source::plugin::Error;

/// The most pages one call asks for.
pub const MAX_PAGES: usize = 5;

/// One answer of the remote, already parsed and filtered.
#[derive(Debug, Default)]
pub struct Page {
    /// The releases of this page that count.
    pub releases: Vec<Release>,
    /// How many entries the page had before they were filtered.
    pub seen: usize,
    /// Where the next page is, if the remote named one.
    pub next: Option<String>,
}

/// What came together.
#[derive(Debug)]
pub struct Walked {
    /// All releases that count, in the remote's order.
    pub releases: Vec<Release>,
    /// How many entries the remote showed before they were filtered.
    pub seen: usize,
    /// Whether the remote has pages that were not read.
    pub more: bool,
    /// How many pages were read.
    pub pages: usize,
}

/// Follows `first` page by page until there are as many releases as are wanted, the remote has no more,
/// or [`MAX_PAGES`] were read. Releases that are not wanted do not count.
///
/// A `next` link that leads to another origin than `from`, or to a page already read, is not followed: it
/// counts as "more".
pub fn walk(
    question: &Question,
    from: &str,
    first: Page,
    mut fetch: impl FnMut(&str) -> Result<Page, Error>,
) -> Result<Walked, Error> {
    let wanted = |releases: Vec<Release>| releases.into_iter().filter(|release| question.wants(release));
    let mut walked =
        Walked { releases: wanted(first.releases).collect(), seen: first.seen, more: false, pages: 1 };
    let mut read = vec![from.to_owned()];
    let mut next = first.next;
    while let Some(url) = next.take() {
        let stop = walked.releases.len() >= question.limit() || walked.pages >= MAX_PAGES;
        if stop || !same_origin(from, &url) || read.contains(&url) {
            walked.more = true;
            break;
        }
        let page = fetch(&url)?;
        walked.releases.extend(wanted(page.releases));
        walked.seen += page.seen;
        walked.pages += 1;
        next = page.next;
        read.push(url);
    }
    Ok(walked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tests::{question, release};

    const FROM: &str = "https://a.example/releases?page=1";

    fn page(versions: &[&str], next: Option<&str>) -> Page {
        Page {
            releases: versions.iter().map(|version| release(version, None)).collect(),
            seen: versions.len(),
            next: next.map(str::to_owned),
        }
    }

    #[test]
    fn it_stops_when_there_is_enough() {
        let walked = walk(&question(2, None), FROM, page(&["3", "2"], Some("https://a.example/p2")), |_| {
            panic!("asked again")
        });
        let walked = walked.unwrap();
        assert_eq!((walked.releases.len(), walked.more, walked.pages), (2, true, 1));
    }

    #[test]
    fn it_reads_on_while_there_is_not() {
        let walked = walk(&question(9, None), FROM, page(&["3"], Some("https://a.example/p2")), |url| {
            assert_eq!(url, "https://a.example/p2");
            Ok(page(&["2", "1"], None))
        })
        .unwrap();
        assert_eq!((walked.releases.len(), walked.seen, walked.more, walked.pages), (3, 3, false, 2));
    }

    #[test]
    fn it_reads_five_pages_at_most() {
        let mut asked = 0;
        let walked = walk(&question(9, None), FROM, page(&[], Some("https://a.example/p1")), |_| {
            asked += 1;
            Ok(page(&[], Some(&format!("https://a.example/x{asked}"))))
        })
        .unwrap();
        assert_eq!((asked, walked.pages, walked.more), (MAX_PAGES - 1, MAX_PAGES, true));
    }

    #[test]
    fn a_link_to_another_origin_or_in_a_circle_is_not_followed() {
        for next in ["https://evil.example/p2", "http://a.example/p2", FROM] {
            let walked =
                walk(&question(9, None), FROM, page(&["1"], Some(next)), |_| panic!("followed {next}"))
                    .unwrap();
            assert!(walked.more);
        }
    }

    #[test]
    fn a_page_that_fails_fails_the_walk() {
        let walked = walk(&question(9, None), FROM, page(&[], Some("https://a.example/p2")), |_| {
            Err(Error::remote("down"))
        });
        assert_eq!(walked.unwrap_err().code, "remote-error");
    }
}
