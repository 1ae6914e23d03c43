//! Forgejo's and Gitea's document, read: the list of a repository's releases.

use serde::Deserialize;
use waystation_listing::{Entry, Page, Selection, entries, page, short, web_url};
use waystation_update_source::plugin::Error;
use waystation_update_source::{Asset, Release};

/// One entry of `GET /repos/{owner}/{repo}/releases`.
#[derive(Deserialize)]
struct ForgejoRelease {
    tag_name: String,
    name: Option<String>,
    target_commitish: Option<String>,
    html_url: Option<String>,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    prerelease: bool,
    created_at: Option<String>,
    published_at: Option<String>,
    assets: Option<Vec<Attachment>>,
}

#[derive(Deserialize)]
struct Attachment {
    name: String,
    size: Option<u64>,
    browser_download_url: String,
    // Forgejo: `attachment`, or `external` for a link to somewhere else.
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// A page of releases. Drafts and tags without the prefix are left out.
pub(crate) fn releases(body: &[u8], selection: &Selection) -> Result<Page, Error> {
    let list: Vec<ForgejoRelease> = entries(body, "the instance's", "releases")?;
    Ok(page(list, |entry| release(entry, selection)))
}

fn release(entry: ForgejoRelease, selection: &Selection) -> Option<Release> {
    let described = Entry {
        tag: entry.tag_name,
        title: entry.name,
        commit: entry.target_commitish,
        date: entry.published_at.or(entry.created_at),
        prerelease: entry.prerelease,
        url: entry.html_url,
        assets: entry.assets.unwrap_or_default().into_iter().filter_map(asset).collect(),
    };
    if entry.draft { None } else { described.release(selection) }
}

/// The instances give no digest of what was attached, and no size (0) of what is somewhere else.
fn asset(entry: Attachment) -> Option<Asset> {
    let external = entry.kind.is_some_and(|kind| kind == "external");
    Some(Asset {
        url: web_url(&entry.browser_download_url)?,
        name: short(&entry.name, 255),
        size: entry.size.filter(|_| !external),
        digests: Vec::new(),
        media_type: None,
        extra: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shape of an answer of Forgejo 11, shortened.
    const RELEASES: &str = r#"[
      {
        "id": 3, "tag_name": "v2.0.0-rc0", "target_commitish": "main", "name": "v2.0.0-rc0", "body": "",
        "url": "https://codeberg.org/api/v1/repos/a/b/releases/3", "html_url": "https://codeberg.org/a/b/releases/tag/v2.0.0-rc0",
        "tarball_url": "https://codeberg.org/a/b/archive/v2.0.0-rc0.tar.gz", "zipball_url": "https://codeberg.org/a/b/archive/v2.0.0-rc0.zip",
        "hide_archive_links": false, "upload_url": "https://codeberg.org/x", "draft": false, "prerelease": true,
        "created_at": "2026-05-01T12:00:00+02:00", "published_at": "2026-05-01T12:00:00+02:00",
        "author": {"id": 1, "login": "a"}, "assets": [], "archive_download_count": {"zip": 0, "tar_gz": 0}
      },
      { "id": 2, "tag_name": "v1.2.0", "draft": true, "prerelease": false, "assets": null },
      {
        "id": 1, "tag_name": "v1.1.0", "target_commitish": "", "name": "Spring", "html_url": "https://codeberg.org/a/b/releases/tag/v1.1.0",
        "draft": false, "prerelease": false, "created_at": "2026-04-01T00:00:00Z", "published_at": "2026-04-01T00:00:00Z",
        "assets": [
          {"id": 7, "name": "b-linux-amd64", "size": 4096, "download_count": 9, "created_at": "2026-04-01T00:00:00Z",
           "uuid": "1d0bd8b5-0d1f-4d3b-b1f2-9a8b0a7a4f0c", "type": "attachment",
           "browser_download_url": "https://codeberg.org/a/b/releases/download/v1.1.0/b-linux-amd64"},
          {"id": 8, "name": "elsewhere.zip", "size": 0, "type": "external", "browser_download_url": "https://files.example.org/b.zip"}
        ]
      }
    ]"#;

    #[test]
    fn a_list_of_releases() {
        let page = releases(RELEASES.as_bytes(), &Selection::default()).unwrap();
        assert_eq!(page.seen, 3);
        let [candidate, stable] = page.releases.as_slice() else { panic!("{:?}", page.releases) };
        assert_eq!((candidate.version.as_str(), candidate.prerelease), ("2.0.0-rc0", true));
        assert_eq!(candidate.published_at, Some(1_777_629_600));
        assert_eq!((stable.version.as_str(), stable.prerelease), ("1.1.0", false));
        assert!(stable.extra.contains(&("title".into(), "Spring".into())));
        let sizes: Vec<_> = stable.assets.iter().map(|asset| (asset.name.as_str(), asset.size)).collect();
        assert_eq!(sizes, [("b-linux-amd64", Some(4096)), ("elsewhere.zip", None)]);
    }

    #[test]
    fn what_is_asked_for_narrows_it() {
        let selection = Selection::new(Some("v1."), Some("linux")).unwrap();
        let page = releases(RELEASES.as_bytes(), &selection).unwrap();
        assert_eq!((page.releases.len(), page.releases[0].assets.len()), (1, 1));
        assert_eq!(page.releases[0].version, "1.0");
    }

    #[test]
    fn documents_that_are_none() {
        for bad in [
            "",
            "{}",
            "null",
            r#"{"errors":[],"message":"not found"}"#,
            r#"[{"name":"x"}]"#,
            r#"[{"tag_name":"1","assets":{}}]"#,
            "[[",
        ] {
            assert_eq!(
                releases(bad.as_bytes(), &Selection::default()).unwrap_err().code,
                "bad-response",
                "{bad}"
            );
        }
    }

    #[test]
    fn hostile_values_are_not_passed_on() {
        let body = r#"[{"tag_name":"1.0","html_url":"javascript:alert(1)","target_commitish":"../x","published_at":"now","assets":[
            {"name":"a","browser_download_url":"file:///etc/passwd"},
            {"name":"b\u001b","browser_download_url":"https://a.example/b"}]}, {"tag_name":" "}]"#;
        let page = releases(body.as_bytes(), &Selection::default()).unwrap();
        let [release] = page.releases.as_slice() else { panic!("{:?}", page.releases) };
        assert_eq!((release.url.as_ref(), release.published_at, release.extra.len()), (None, None, 1));
        assert_eq!(release.assets.iter().map(|asset| asset.name.as_str()).collect::<Vec<_>>(), ["b "]);
    }

    proptest::proptest! {
        #[test]
        fn no_document_makes_it_panic(bytes: Vec<u8>, text in ".*") {
            let _ = releases(&bytes, &Selection::default());
            let body = serde_json::json!([{ "tag_name": text, "name": text, "published_at": text, "html_url": text,
                "assets": [{ "name": text, "browser_download_url": text, "type": text }] }]);
            releases(body.to_string().as_bytes(), &Selection::default()).unwrap();
        }
    }
}
