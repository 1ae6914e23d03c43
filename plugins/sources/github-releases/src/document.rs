//! GitHub's documents, read: lists of releases and of tags.

use crate::settings::Selection;
use serde::Deserialize;
use waystation_listing::{Page, Repository, hex_digest, is_commit, short, web_url, with_signatures};
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::join;
use waystation_update_source::plugin::time::parse_rfc3339;
use waystation_update_source::{Asset, Release, version};

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
    let list: Vec<GithubRelease> = read(body, "releases")?;
    let seen = list.len();
    let releases =
        list.into_iter().filter(|entry| !entry.draft).filter_map(|entry| release(entry, selection));
    Ok(Page { releases: releases.collect(), seen, next: None })
}

/// A page of tags. They have no dates, no files and no word on being pre-releases but their own.
pub(crate) fn tags(body: &[u8], selection: &Selection, html: Option<&str>) -> Result<Page, Error> {
    let list: Vec<GithubTag> = read(body, "tags")?;
    let seen = list.len();
    let releases = list.into_iter().filter_map(|entry| {
        let version = selection.tags.version(&entry.name)?.to_owned();
        let mut extra = Vec::new();
        if let Some(commit) = entry.commit.filter(|commit| is_commit(&commit.sha)) {
            extra.push(("commit".to_owned(), commit.sha));
        }
        let url = html.map(|html| join(html, &["releases", "tag", &entry.name]));
        extra.push(("tag".to_owned(), entry.name));
        Some(Release {
            prerelease: version::is_prerelease(&version),
            version,
            published_at: None,
            withdrawn: false,
            channel: None,
            url,
            assets: Vec::new(),
            extra,
        })
    });
    Ok(Page { releases: releases.collect(), seen, next: None })
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

fn read<T: for<'de> Deserialize<'de>>(body: &[u8], what: &str) -> Result<Vec<T>, Error> {
    serde_json::from_slice(body).map_err(|error| {
        Error::bad_response(format!("GitHub's list of {what} is not what it should be: {error}"))
    })
}

fn release(entry: GithubRelease, selection: &Selection) -> Option<Release> {
    let version = selection.tags.version(&entry.tag_name)?.to_owned();
    let date = entry.published_at.or(entry.created_at);
    let mut extra = Vec::new();
    if let Some(title) = entry.name.filter(|title| !title.trim().is_empty() && *title != entry.tag_name) {
        extra.push(("title".to_owned(), short(title.trim(), 200)));
    }
    // Mostly a branch, which says nothing about what was released.
    if let Some(commit) = entry.target_commitish.filter(|target| is_commit(target)) {
        extra.push(("commit".to_owned(), commit));
    }
    extra.push(("tag".to_owned(), entry.tag_name));
    Some(Release {
        prerelease: entry.prerelease || version::is_prerelease(&version),
        version,
        published_at: date.as_deref().and_then(parse_rfc3339),
        withdrawn: false,
        channel: None,
        url: entry.html_url.as_deref().and_then(web_url),
        assets: with_signatures(entry.assets.into_iter().filter_map(asset).collect(), &selection.assets),
        extra,
    })
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
