//! GitLab's document, read: the list of a project's releases.

use serde::Deserialize;
use waystation_listing::{Entry, Page, Selection, entries, page, short, web_url};
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::url::decode;
use waystation_update_source::{Asset, Release};

/// One entry of `GET /projects/:id/releases`.
#[derive(Deserialize)]
struct GitlabRelease {
    tag_name: String,
    name: Option<String>,
    created_at: Option<String>,
    released_at: Option<String>,
    #[serde(default)]
    upcoming_release: bool,
    // Missing for those who may not see the code.
    commit: Option<Commit>,
    assets: Option<Assets>,
    #[serde(rename = "_links")]
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Commit {
    id: String,
}

#[derive(Default, Deserialize)]
struct Assets {
    #[serde(default)]
    sources: Vec<Source>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Source {
    url: String,
}

#[derive(Deserialize)]
struct Link {
    name: String,
    url: String,
    direct_asset_url: Option<String>,
    link_type: Option<String>,
}

#[derive(Deserialize)]
struct Links {
    #[serde(rename = "self")]
    page: Option<String>,
}

/// A page of releases. Tags without the prefix, and links to runbooks and images, are left out; so are the
/// archives of the source, unless `sources` are wanted.
///
/// A release dated into the future ("upcoming") counts as a pre-release.
pub(crate) fn releases(body: &[u8], selection: &Selection, sources: bool) -> Result<Page, Error> {
    let list: Vec<GitlabRelease> = entries(body, "GitLab's", "releases")?;
    Ok(page(list, |entry| release(entry, selection, sources)))
}

fn release(entry: GitlabRelease, selection: &Selection, sources: bool) -> Option<Release> {
    let files = entry.assets.unwrap_or_default();
    let archives = files.sources.into_iter().filter(|_| sources).filter_map(source);
    Entry {
        tag: entry.tag_name,
        title: entry.name,
        commit: entry.commit.map(|commit| commit.id),
        date: entry.released_at.or(entry.created_at),
        prerelease: entry.upcoming_release,
        url: entry.links.and_then(|links| links.page),
        assets: files.links.into_iter().filter_map(link).chain(archives).collect(),
    }
    .release(selection)
}

/// A link that somebody put there: a file of ours or anybody's. GitLab knows neither size nor digest.
fn link(entry: Link) -> Option<Asset> {
    let kind = entry.link_type.filter(|kind| !kind.is_empty()).unwrap_or_else(|| "other".to_owned());
    if matches!(kind.as_str(), "runbook" | "image") {
        return None;
    }
    let url = entry.direct_asset_url.as_deref().and_then(web_url).or_else(|| web_url(&entry.url))?;
    Some(asset(short(&entry.name, 255), url, &short(&kind, 40)))
}

/// An archive that GitLab makes of the tag when it is fetched: its bytes, and so its digest, can change
/// with GitLab's version.
fn source(Source { url }: Source) -> Option<Asset> {
    let url = web_url(&url)?;
    let path = url.split(['?', '#']).next().unwrap_or(&url);
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    let name = short(&decode(name).unwrap_or_else(|| name.to_owned()), 255);
    Some(asset(name, url, "source"))
}

fn asset(name: String, url: String, kind: &str) -> Asset {
    let extra = vec![("link-type".to_owned(), kind.to_owned())];
    Asset { name, url, size: None, digests: Vec::new(), media_type: None, extra }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shape of an answer of GitLab 17, shortened.
    const RELEASES: &str = r#"[
      {
        "tag_name": "v0.3.0", "name": "Three", "description": "Changes", "created_at": "2026-04-01T08:00:00.000Z",
        "released_at": "2027-01-01T00:00:00.000Z", "upcoming_release": true,
        "author": {"id": 1, "username": "root", "state": "active"}, "commit_path": "/g/p/-/commit/079e90101242458910cccd35eab0e211dfc359c0",
        "tag_path": "/g/p/-/tags/v0.3.0", "assets": {"count": 0, "sources": [], "links": []}, "evidences": [],
        "_links": {"self": "https://gitlab.example.com/g/p/-/releases/v0.3.0"}
      },
      {
        "tag_name": "v0.2.0", "name": "v0.2.0", "created_at": "2026-03-01T01:56:19.539Z", "released_at": "2026-03-01T01:56:19.539Z",
        "upcoming_release": false, "commit": {"id": "079e90101242458910cccd35eab0e211dfc359c0", "short_id": "079e9010", "title": "Update README.md"},
        "milestones": [], "assets": {
          "count": 5,
          "sources": [
            {"format": "zip", "url": "https://gitlab.example.com/g/p/-/archive/v0.2.0/p-v0.2.0.zip"},
            {"format": "tar.gz", "url": "https://gitlab.example.com/g/p/-/archive/v0.2.0/p-v0.2.0.tar.gz"}
          ],
          "links": [
            {"id": 2, "name": "tool-linux-amd64", "url": "https://gitlab.example.com/api/v4/projects/24/packages/generic/p/0.2.0/tool",
             "direct_asset_url": "https://gitlab.example.com/g/p/-/releases/v0.2.0/downloads/bin/tool-linux-amd64", "link_type": "package"},
            {"id": 3, "name": "tool-linux-amd64.sig", "url": "http://192.168.10.15:3000/tool.sig", "link_type": "other"},
            {"id": 4, "name": "Runbook", "url": "https://gitlab.example.com/wiki", "link_type": "runbook"},
            {"id": 5, "name": "Image", "url": "https://registry.example.com/g/p", "link_type": "image"}
          ]
        },
        "_links": {"self": "https://gitlab.example.com/g/p/-/releases/v0.2.0", "edit_url": "https://gitlab.example.com/x"}
      }
    ]"#;

    fn all(body: &[u8]) -> Result<Page, Error> {
        releases(body, &Selection::default(), true)
    }

    #[test]
    fn a_list_of_releases() {
        let page = all(RELEASES.as_bytes()).unwrap();
        let [upcoming, stable] = page.releases.as_slice() else { panic!("{:?}", page.releases) };
        assert_eq!((upcoming.version.as_str(), upcoming.prerelease), ("0.3.0", true));
        assert_eq!((stable.version.as_str(), stable.prerelease), ("0.2.0", false));
        assert_eq!(stable.published_at, Some(1_772_330_179));
        assert_eq!(stable.url.as_deref(), Some("https://gitlab.example.com/g/p/-/releases/v0.2.0"));
        assert!(stable.extra.contains(&("commit".into(), "079e90101242458910cccd35eab0e211dfc359c0".into())));
        let names: Vec<_> = stable.assets.iter().map(|asset| asset.name.as_str()).collect();
        assert_eq!(names, ["tool-linux-amd64", "tool-linux-amd64.sig", "p-v0.2.0.zip", "p-v0.2.0.tar.gz"]);
        assert!(stable.assets[0].url.ends_with("/downloads/bin/tool-linux-amd64"));
        assert!(stable.assets[0].extra.contains(&("link-type".into(), "package".into())));
        assert!(
            stable.assets[0]
                .extra
                .contains(&("signature-url".into(), "http://192.168.10.15:3000/tool.sig".into()))
        );
    }

    #[test]
    fn what_is_asked_for_narrows_it() {
        let selection = Selection::new(Some("v0.2"), Some("amd64$")).unwrap();
        let page = releases(RELEASES.as_bytes(), &selection, false).unwrap();
        assert_eq!((page.seen, page.releases.len(), page.releases[0].assets.len()), (2, 1, 1));
    }

    #[test]
    fn guests_see_less() {
        let page = all(br#"[{"tag_name":"1.0-beta1","name":null,"assets":{"count":0}}]"#).unwrap();
        let release = &page.releases[0];
        assert_eq!((release.prerelease, release.published_at, release.assets.len()), (true, None, 0));
    }

    #[test]
    fn documents_that_are_none() {
        for bad in [
            "",
            "{}",
            "null",
            r#"{"message":"404 Project Not Found"}"#,
            r#"[{"name":"x"}]"#,
            r#"[{"tag_name":"1","assets":7}]"#,
            "[[",
        ] {
            assert_eq!(all(bad.as_bytes()).unwrap_err().code, "bad-response", "{bad}");
        }
    }

    #[test]
    fn hostile_values_are_not_passed_on() {
        let body = r#"[{"tag_name":"1.0","_links":{"self":"javascript:alert(1)"},"commit":{"id":"../x"},"assets":{
            "sources":[{"format":"zip","url":"file:///etc/passwd"},{"format":"zip","url":"https://a.example/"},
                       {"format":"zip","url":"https://a.example/%00%2e%2e"}],
            "links":[{"name":"a","url":"ftp://a.example/a","link_type":"other"},
                     {"name":"b\n","url":"https://a.example/b","direct_asset_url":"//evil.example/b"}]}},
            {"tag_name":"\u0000"}]"#;
        let page = all(body.as_bytes()).unwrap();
        let [release] = page.releases.as_slice() else { panic!("{:?}", page.releases) };
        assert_eq!((release.url.as_ref(), release.extra.len()), (None, 1));
        let shown: Vec<_> =
            release.assets.iter().map(|asset| (asset.name.as_str(), asset.url.as_str())).collect();
        assert_eq!(shown, [("b ", "https://a.example/b"), (" ..", "https://a.example/%00%2e%2e")]);
    }

    proptest::proptest! {
        #[test]
        fn no_document_makes_it_panic(bytes: Vec<u8>, text in ".*", url in "https?://.*") {
            let _ = all(&bytes);
            let body = serde_json::json!([{ "tag_name": text, "name": text, "released_at": text, "_links": { "self": text },
                "assets": { "sources": [{ "url": url }, { "url": text }], "links": [{ "name": text, "url": url, "link_type": text }] } }]);
            all(body.to_string().as_bytes()).unwrap();
        }
    }
}
