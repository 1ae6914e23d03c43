//! Code forges: what an operator sets for one, how it is asked page by page, and how an entry of its list
//! becomes a release. What differs, a forge's source says through [`Forge`].

use crate::address::web_url;
use crate::answer::{Question, newest_first};
use crate::paging::{Page, walk};
use crate::select::{Selection, is_commit, short, with_signatures};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::{BaseUrl, Request, Response};
use waystation_update_source::plugin::time::parse_rfc3339;
use waystation_update_source::{Answer, Asset, Release, version};

/// The most bytes of one page. A hundred releases with a hundred files each are about that.
const PAGE_BYTES: usize = 16 << 20;

/// A forge's configuration: where it is, and the credential for it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ForgeConfig {
    base_url: Option<String>,
    credential: Option<String>,
}

impl ForgeConfig {
    /// The address that is set, else `public`.
    ///
    /// # Errors
    /// `bad-config` where it is none.
    pub fn base(&self, public: &str) -> Result<BaseUrl, Error> {
        BaseUrl::parse(self.base_url.as_deref().unwrap_or(public))
    }

    /// As [`ForgeConfig::base`], for an instance whose interface is at `api` below its address.
    ///
    /// # Errors
    /// As there; also where `api` is written, too.
    pub fn instance(&self, public: &str, api: &str) -> Result<BaseUrl, Error> {
        let base = self.base(public)?;
        if base.as_str().ends_with(api) {
            return Err(Error::bad_config(format!(
                "`base_url` ends in `{api}`; write the instance's address without it"
            )));
        }
        Ok(base)
    }

    /// The name of the credential that is set, else `usual`.
    pub fn credential<'c>(&'c self, usual: &'c str) -> &'c str {
        self.credential.as_deref().unwrap_or(usual)
    }
}

/// The item's option `page_size`, if the forge gives as many entries at once.
///
/// # Errors
/// `bad-input` where it does not.
pub fn page_size(asked: u32, most: u32) -> Result<u32, Error> {
    if (1..=most).contains(&asked) {
        return Ok(asked);
    }
    Err(Error::bad_input(format!("the option `page_size` is {asked}; it can be 1 to {most}")))
}

/// One repository at a forge: what is asked, and what the answers mean.
pub trait Forge {
    /// The address of the list's first page.
    fn url(&self) -> String;

    /// A request for a page, with the forge's headers and its credential.
    fn request(&self, url: &str) -> Request;

    /// A page, read. Where the next one is stands in the answer's head and is not looked for here.
    ///
    /// # Errors
    /// `bad-response` for any other document.
    fn page(&self, body: &[u8]) -> Result<Page, Error>;

    /// The sentence for a repository that the forge does not know.
    fn unknown(&self) -> String;

    /// The sentence for a list in which there is nothing at all: a wrong setting, not an empty answer.
    fn empty(&self) -> String;

    /// Whether the list has no useful order: then the newest may be on any page, and versions decide.
    fn unordered(&self) -> bool {
        false
    }

    /// For how many seconds to stay away, where a refusal says in words alone that there were too many requests.
    fn pause(&self, _refusal: &Response) -> Option<u32> {
        None
    }
}

/// Asks a forge: conditionally, and page by page as far as is needed.
///
/// # Errors
/// `not-found` for a repository that is not there or is empty; whatever else the forge answers.
pub fn ask(forge: &impl Forge, question: &Question) -> Result<Answer, Error> {
    let url = forge.url();
    let first = send(forge, forge.request(&url).conditional(question.validator()))?;
    if first.not_modified() {
        return Ok(Answer::Unchanged);
    }
    let validator = first.validator();
    let reading = if forge.unordered() { question.with_limit(u32::MAX) } else { question.clone() };
    let mut walked =
        walk(&reading, &url, read(forge, &first)?, |next| read(forge, &send(forge, forge.request(next))?))?;
    if walked.seen == 0 {
        return Err(Error::not_found(forge.empty()));
    }
    if forge.unordered() {
        version::sort_newest_first(&mut walked.releases, |release| &release.version);
    } else {
        newest_first(&mut walked.releases);
    }
    Ok(question.answer(validator, walked))
}

fn read(forge: &impl Forge, response: &Response) -> Result<Page, Error> {
    Ok(Page { next: response.next_link(), ..forge.page(&response.body)? })
}

fn send(forge: &impl Forge, request: Request) -> Result<Response, Error> {
    let response = request.max_body(PAGE_BYTES).send()?;
    if response.status == 404 {
        return Err(Error::not_found(forge.unknown()));
    }
    let pause = forge.pause(&response);
    response.success().map_err(|error| match (error.retry_after, pause) {
        (None, Some(_)) => Error::rate_limited(error.message, pause),
        _ => error,
    })
}

/// A forge's list: its entries, as `T`. `whose` and `what` are for the sentence: "GitHub's", "releases".
///
/// # Errors
/// `bad-response` for any other document.
pub fn entries<T: DeserializeOwned>(body: &[u8], whose: &str, what: &str) -> Result<Vec<T>, Error> {
    serde_json::from_slice(body).map_err(|error| {
        Error::bad_response(format!("{whose} list of {what} is not what it should be: {error}"))
    })
}

/// The page that the entries of a list make, each by `release`.
pub fn page<T>(entries: Vec<T>, release: impl FnMut(T) -> Option<Release>) -> Page {
    Page { seen: entries.len(), releases: entries.into_iter().filter_map(release).collect(), next: None }
}

/// What forges say of a release, as they say it.
#[derive(Debug, Default)]
pub struct Entry {
    /// The tag.
    pub tag: String,
    /// Its title, which is often the tag again.
    pub title: Option<String>,
    /// What was tagged: a commit, or a branch, which says nothing.
    pub commit: Option<String>,
    /// When it was published (RFC 3339).
    pub date: Option<String>,
    /// Whether it is marked as one that is not ready. The version can say so, too.
    pub prerelease: bool,
    /// Where people read about it.
    pub url: Option<String>,
    /// Its files.
    pub assets: Vec<Asset>,
}

impl Entry {
    /// The release; nothing if its tag does not count. What is not fit to be passed on is left out.
    pub fn release(self, selection: &Selection) -> Option<Release> {
        let version = selection.tags.version(&self.tag)?.to_owned();
        let title = self.title.filter(|title| !title.trim().is_empty() && *title != self.tag);
        let commit = self.commit.filter(|commit| is_commit(commit));
        let mut extra = Vec::new();
        extra.extend(title.map(|title| ("title".to_owned(), short(title.trim(), 200))));
        extra.extend(commit.map(|commit| ("commit".to_owned(), commit)));
        extra.push(("tag".to_owned(), self.tag));
        Some(Release {
            prerelease: self.prerelease || version::is_prerelease(&version),
            version,
            published_at: self.date.as_deref().and_then(parse_rfc3339),
            withdrawn: false,
            channel: None,
            url: self.url.as_deref().and_then(web_url),
            assets: with_signatures(self.assets, &selection.assets),
            extra,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_defaults_and_are_closed() {
        let config: ForgeConfig = serde_json::from_str("{}").unwrap();
        assert_eq!(config.base("https://forge.example").unwrap().as_str(), "https://forge.example");
        assert_eq!(config.credential("forge-token"), "forge-token");
        let set = r#"{"base_url":"https://example.org/git/","credential":"mine"}"#;
        let config: ForgeConfig = serde_json::from_str(set).unwrap();
        let base = config.instance("https://forge.example", "/api/v1").unwrap();
        assert_eq!((base.as_str(), config.credential("forge-token")), ("https://example.org/git", "mine"));
        assert!(serde_json::from_str::<ForgeConfig>(r#"{"token":"x"}"#).is_err());
    }

    #[test]
    fn bad_addresses_are_refused() {
        let bad = ["", "git.example.org", "https://git.example.org/api/v1/", "https://t:x@git.example.org"];
        for bad in bad {
            let config = ForgeConfig { base_url: Some(bad.into()), credential: None };
            let error = config.instance("https://forge.example", "/api/v1").unwrap_err();
            assert_eq!(error.code, "bad-config", "{bad}");
        }
    }

    #[test]
    fn page_sizes_have_bounds() {
        assert_eq!((page_size(1, 50), page_size(50, 50)), (Ok(1), Ok(50)));
        for bad in [0, 51] {
            assert_eq!(page_size(bad, 50).unwrap_err().code, "bad-input");
        }
    }

    #[test]
    fn an_entry_becomes_a_release() {
        let entry = || Entry {
            tag: "v1.0-rc1".into(),
            title: Some(" One ".into()),
            commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
            date: Some("2026-04-01T00:00:00Z".into()),
            url: Some("https://forge.example/v1.0-rc1".into()),
            ..Entry::default()
        };
        let release = entry().release(&Selection::default()).unwrap();
        assert_eq!((release.version.as_str(), release.prerelease), ("1.0-rc1", true));
        assert_eq!((release.published_at, release.url.is_some()), (Some(1_775_001_600), true));
        let names: Vec<_> = release.extra.iter().map(|(name, value)| (name.as_str(), value.len())).collect();
        assert_eq!(names, [("title", 3), ("commit", 40), ("tag", 8)]);

        let selection = Selection::new(Some("lib-"), None).unwrap();
        assert_eq!(entry().release(&selection), None);
        let hostile = Entry {
            title: Some("v1.0-rc1".into()),
            commit: Some("main".into()),
            date: Some("now".into()),
            url: Some("javascript:alert(1)".into()),
            ..entry()
        };
        let release = hostile.release(&Selection::default()).unwrap();
        assert_eq!((release.published_at, release.url, release.extra.len()), (None, None, 1));
    }

    #[test]
    fn lists_are_lists() {
        let page = page(entries::<u8>(b"[1, 2, 3]", "its", "numbers").unwrap(), |number| {
            Entry { tag: number.to_string(), ..Entry::default() }
                .release(&Selection::default())
                .filter(|_| number > 1)
        });
        assert_eq!((page.seen, page.releases.len()), (3, 2));
        let error = entries::<u8>(b"{}", "its", "numbers").unwrap_err();
        assert_eq!(error.code, "bad-response");
        assert!(error.message.starts_with("its list of numbers"), "{}", error.message);
    }
}
