use super::*;

/// The shape of an answer of `GET /repos/{owner}/{repo}/releases`, 2022-11-28, shortened.
const RELEASES: &str = r#"[
  {
    "url": "https://api.github.com/repos/acme/tool/releases/300",
    "assets_url": "https://api.github.com/repos/acme/tool/releases/300/assets",
    "upload_url": "https://uploads.github.com/repos/acme/tool/releases/300/assets{?name,label}",
    "html_url": "https://github.com/acme/tool/releases/tag/v2.0.0-rc.1",
    "id": 300, "author": {"login": "octocat", "id": 1, "site_admin": false}, "node_id": "RE_kwDOAA",
    "tag_name": "v2.0.0-rc.1", "target_commitish": "main", "name": "2.0, first candidate",
    "draft": false, "immutable": true, "prerelease": true,
    "created_at": "2026-03-01T10:00:00Z", "updated_at": "2026-03-01T10:30:00Z", "published_at": "2026-03-01T10:20:00Z",
    "assets": [], "tarball_url": "https://api.github.com/repos/acme/tool/tarball/v2.0.0-rc.1",
    "zipball_url": "https://api.github.com/repos/acme/tool/zipball/v2.0.0-rc.1", "body": "Try it."
  },
  {
    "html_url": "https://github.com/acme/tool/releases/tag/untagged-1234", "id": 299,
    "tag_name": "v1.9.0", "target_commitish": "main", "name": "v1.9.0",
    "draft": true, "prerelease": false, "created_at": "2026-02-20T10:00:00Z", "published_at": null, "assets": []
  },
  {
    "html_url": "https://github.com/acme/tool/releases/tag/v1.8.2", "id": 298,
    "tag_name": "v1.8.2", "target_commitish": "0123456789abcdef0123456789abcdef01234567", "name": "v1.8.2",
    "draft": false, "prerelease": false, "created_at": "2026-02-01T10:00:00Z", "published_at": "2026-02-01T11:00:00Z",
    "assets": [
      {
        "url": "https://api.github.com/repos/acme/tool/releases/assets/9001", "id": 9001, "node_id": "RA_kw",
        "name": "tool-1.8.2-x86_64-unknown-linux-musl.tar.gz", "label": "", "uploader": {"login": "octocat"},
        "content_type": "application/gzip", "state": "uploaded", "size": 1978452,
        "digest": "sha256:4cf9f2741e6c465ffdb7c26f38056a59e2a2544b51f7cc128ef28337eeae4d8e",
        "download_count": 12, "created_at": "2026-02-01T10:50:00Z", "updated_at": "2026-02-01T10:50:03Z",
        "browser_download_url": "https://github.com/acme/tool/releases/download/v1.8.2/tool-1.8.2-x86_64-unknown-linux-musl.tar.gz"
      },
      {
        "name": "tool-1.8.2-x86_64-unknown-linux-musl.tar.gz.asc", "content_type": "application/pgp-signature",
        "state": "uploaded", "size": 833, "digest": null,
        "browser_download_url": "https://github.com/acme/tool/releases/download/v1.8.2/tool-1.8.2-x86_64-unknown-linux-musl.tar.gz.asc"
      },
      { "name": "half.zip", "state": "starter", "size": 0, "browser_download_url": "https://github.com/acme/tool/x" }
    ]
  }
]"#;

fn all() -> Selection {
    Selection::default()
}

#[test]
fn a_list_of_releases() {
    let page = releases(RELEASES.as_bytes(), &all()).unwrap();
    assert_eq!(page.seen, 3);
    let [candidate, stable] = page.releases.as_slice() else { panic!("{:?}", page.releases) };

    assert_eq!((candidate.version.as_str(), candidate.prerelease), ("2.0.0-rc.1", true));
    assert_eq!(candidate.published_at, Some(1_772_360_400));
    assert!(candidate.extra.contains(&("title".into(), "2.0, first candidate".into())));
    assert!(candidate.extra.contains(&("tag".into(), "v2.0.0-rc.1".into())));

    assert_eq!((stable.version.as_str(), stable.prerelease), ("1.8.2", false));
    assert_eq!(stable.url.as_deref(), Some("https://github.com/acme/tool/releases/tag/v1.8.2"));
    assert!(stable.extra.contains(&("commit".into(), "0123456789abcdef0123456789abcdef01234567".into())));
    assert!(!stable.extra.iter().any(|(name, _)| name == "title"));
    let [archive, signature] = stable.assets.as_slice() else { panic!("{:?}", stable.assets) };
    assert_eq!((archive.size, archive.media_type.as_deref()), (Some(1_978_452), Some("application/gzip")));
    assert_eq!(archive.digests[0].value, "4cf9f2741e6c465ffdb7c26f38056a59e2a2544b51f7cc128ef28337eeae4d8e");
    assert!(archive.extra.contains(&("signature-url".into(), signature.url.clone())));
    assert!(archive.extra.iter().any(|(name, url)| name == "api-url" && url.ends_with("/assets/9001")));
    assert!(signature.digests.is_empty());
}

#[test]
fn what_is_asked_for_narrows_it() {
    let selection = Selection::new(Some("v1."), Some(r"\.tar\.gz$")).unwrap();
    let page = releases(RELEASES.as_bytes(), &selection).unwrap();
    assert_eq!(page.seen, 3);
    assert_eq!(page.releases.iter().map(|release| release.version.as_str()).collect::<Vec<_>>(), ["8.2"]);
    assert_eq!(page.releases[0].assets.len(), 1);
}

#[test]
fn a_list_of_tags() {
    let body = r#"[
      {"name":"v1.1.0","zipball_url":"https://api.github.com/repos/a/b/zipball/refs/tags/v1.1.0",
       "commit":{"sha":"0123456789abcdef0123456789abcdef01234567","url":"https://api.github.com/x"},"node_id":"x"},
      {"name":"v1.1.0-beta1","commit":{"sha":"not a commit","url":""}},
      {"name":"nightly build"}
    ]"#;
    let page = tags(body.as_bytes(), &all(), Some("https://github.com/a/b")).unwrap();
    assert_eq!(page.seen, 3);
    let [stable, beta] = page.releases.as_slice() else { panic!("{:?}", page.releases) };
    assert_eq!(stable.url.as_deref(), Some("https://github.com/a/b/releases/tag/v1.1.0"));
    assert_eq!(stable.extra[0].0, "commit");
    assert_eq!((beta.version.as_str(), beta.prerelease, beta.extra.len()), ("1.1.0-beta1", true, 1));
}

#[test]
fn documents_that_are_none() {
    for bad in [
        "",
        "{}",
        "null",
        "<html>",
        r#"{"message":"Moved Permanently"}"#,
        r#"[{"tag_name":null}]"#,
        r#"[{"name":"x"}]"#,
        "[{]",
        "[[[[",
    ] {
        let error = releases(bad.as_bytes(), &all()).unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), ("bad-response", false), "{bad}");
    }
    assert!(tags(b"[1]", &all(), None).is_err());
}

#[test]
fn hostile_values_are_not_passed_on() {
    let body = r#"[{
      "tag_name": "v1.0", "name": "a\u001b[31m\nb", "html_url": "javascript:alert(1)", "published_at": "yesterday",
      "assets": [
        {"name": "x", "browser_download_url": "file:///etc/passwd"},
        {"name": "y", "browser_download_url": "https://user:secret@a.example/y"},
        {"name": "z\u0000", "browser_download_url": "https://a.example/z", "digest": "sha256:../../etc", "size": 18446744073709551615}
      ]
    }, {"tag_name": "v1\n.0"}, {"tag_name": ""}]"#;
    let page = releases(body.as_bytes(), &all()).unwrap();
    let [release] = page.releases.as_slice() else { panic!("{:?}", page.releases) };
    assert_eq!((release.url.as_ref(), release.published_at), (None, None));
    assert_eq!(release.extra[0].1, "a [31m b");
    let [asset] = release.assets.as_slice() else { panic!("{:?}", release.assets) };
    assert_eq!((asset.name.as_str(), asset.size), ("z ", Some(u64::MAX)));
    assert!(asset.digests.is_empty());
}

#[test]
fn pages_for_people() {
    let repository = Repository::parse("a/b").unwrap();
    assert_eq!(html_url("https://api.github.com", &repository).as_deref(), Some("https://github.com/a/b"));
    assert_eq!(
        html_url("https://git.example.org/api/v3", &repository).as_deref(),
        Some("https://git.example.org/a/b")
    );
    assert_eq!(html_url("https://proxy.example.org", &repository), None);
}

#[test]
fn limits_told_in_words() {
    let secondary = br#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}"#;
    assert!(is_rate_limit(403, secondary));
    assert!(!is_rate_limit(404, secondary));
    assert!(!is_rate_limit(403, br#"{"message":"Resource not accessible by personal access token"}"#));
}

proptest::proptest! {
    #[test]
    fn no_document_makes_it_panic(bytes: Vec<u8>, tag in ".*", date in ".*", url in ".*") {
        let _ = (releases(&bytes, &all()), tags(&bytes, &all(), None), is_rate_limit(403, &bytes));
        let body = serde_json::json!([{ "tag_name": tag, "name": tag, "published_at": date, "html_url": url,
            "assets": [{ "name": tag, "browser_download_url": url, "digest": url }] }]);
        releases(body.to_string().as_bytes(), &all()).unwrap();
    }
}
