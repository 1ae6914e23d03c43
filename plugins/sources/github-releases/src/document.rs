//! GitHub's documents, read: lists of releases and of tags.

use serde::Deserialize;
use waystation_listing::{Entry, Page, Repository, Selection, entries, hex_digest, page, short, web_url};
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::join;
use waystation_update_source::{Asset, Release};

/// One entry of `GET /repos/{owner}/{repo}/releases`.
#[derive(Deserialize)]
struct GithubRelease {
    tag_name: String,
    name: Option<String>,
    html_url: Option<String>,
    target_commitish: Option<String>,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    prerelease: bool,
    created_at: Option<String>,
    published_at: Option<String>,
    #[serde(default)]
    assets: Vec<GithubAsset>,
}

#[derive(Deserialize)]
struct GithubAsset {
    name: String,
    url: Option<String>,
    browser_download_url: String,
    size: Option<u64>,
    content_type: Option<String>,
    state: Option<String>,
    digest: Option<String>,
}

/// One entry of `GET /repos/{owner}/{repo}/tags`.
#[derive(Deserialize)]
struct GithubTag {
    name: String,
    commit: Option<GithubCommit>,
}

#[derive(Deserialize)]
struct GithubCommit {
    sha: String,
}

/// A page of releases. Drafts, tags without the prefix and files still being uploaded are left out.
pub(crate) fn releases(body: &[u8], selection: &Selection) -> Result<Page, Error> {
    let list: Vec<GithubRelease> = entries(body, "GitHub's", "releases")?;
    Ok(page(list, |entry| release(entry, selection)))
}

fn release(entry: GithubRelease, selection: &Selection) -> Option<Release> {
    let described = Entry {
        tag: entry.tag_name,
        title: entry.name,
        commit: entry.target_commitish,
        date: entry.published_at.or(entry.created_at),
        prerelease: entry.prerelease,
        url: entry.html_url,
        assets: entry.assets.into_iter().filter_map(asset).collect(),
    };
    if entry.draft { None } else { described.release(selection) }
}

/// A page of tags. They have no dates, no files and no word on being pre-releases but their own.
pub(crate) fn tags(body: &[u8], selection: &Selection, html: Option<&str>) -> Result<Page, Error> {
    let list: Vec<GithubTag> = entries(body, "GitHub's", "tags")?;
    Ok(page(list, |entry| {
        let url = html.map(|html| join(html, &["releases", "tag", &entry.name]));
        let commit = entry.commit.map(|commit| commit.sha);
        Entry { tag: entry.name, commit, url, ..Entry::default() }.release(selection)
    }))
}

/// Where people read about a repository, if the interface is the public one or GitHub Enterprise Server's.
pub(crate) fn html_url(base: &str, repository: &Repository) -> Option<String> {
    let site = match base {
        "https://api.github.com" => "https://github.com",
        enterprise => enterprise.strip_suffix("/api/v3")?,
    };
    Some(join(site, &[&repository.owner, &repository.name]))
}

/// Whether a refusal is one of the limits that GitHub tells in words only ("secondary rate limits").
pub(crate) fn is_rate_limit(status: u16, body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    matches!(status, 403 | 429) && (text.contains("rate limit") || text.contains("abuse detection"))
}

fn asset(entry: GithubAsset) -> Option<Asset> {
    if entry.state.is_some_and(|state| state != "uploaded") {
        return None;
    }
    // In a private repository only this address takes a token.
    let api = entry.url.as_deref().and_then(web_url).map(|url| ("api-url".to_owned(), url));
    Some(Asset {
        url: web_url(&entry.browser_download_url)?,
        name: short(&entry.name, 255),
        size: entry.size,
        digests: entry.digest.as_deref().and_then(hex_digest).into_iter().collect(),
        media_type: entry.content_type.filter(|media_type| !media_type.is_empty()),
        extra: api.into_iter().collect(),
    })
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
