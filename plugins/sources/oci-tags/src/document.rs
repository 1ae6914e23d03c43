//! What a registry answers, read: tag lists, links between them, manifests' headers.

use crate::challenge::{self, Challenge};
use crate::image::Image;
use crate::tags::is_tag;
use serde::Deserialize;
use waystation_listing::{hex_digest, same_origin};
use waystation_update_source::Asset;
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::url::with_query;
use waystation_update_source::plugin::http::{Headers, Response};

/// How many tags a page should have. Registries with a lower limit give fewer; the reference
/// implementation refuses more.
const PAGE: &str = "1000";

/// Kinds of manifest that are understood: indexes of several platforms first, as their digest is the one
/// that a tag names.
pub(crate) const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// The tags in one page of a tag list; those that cannot be tags are left out.
pub(crate) fn tags(body: &[u8]) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    struct Page {
        // An empty repository has `null` here in some registries.
        tags: Option<Vec<String>>,
    }
    let page: Page = serde_json::from_slice(body).map_err(|error| {
        Error::bad_response(format!("the registry's tag list is not what it should be: {error}"))
    })?;
    Ok(page.tags.unwrap_or_default().into_iter().filter(|tag| is_tag(tag)).collect())
}

/// The address of an image's first page of tags.
pub(crate) fn list_url(base: &str, image: &Image) -> String {
    // The grammar of names leaves nothing in them to encode.
    with_query(&format!("{base}/v2/{}/tags/list", image.name()), "n", PAGE)
}

/// The address of the page after this one, if the registry says there is one.
///
/// The registry's link is followed on its own origin only. Behind a proxy that ends TLS, links often
/// have the wrong scheme; then the page is asked for by the last tag seen.
pub(crate) fn next_url(response: &Response, first: &str, last: Option<&str>) -> Option<String> {
    response.headers.get("link")?;
    match response.next_link() {
        Some(next) if same_origin(&next, first) => Some(next),
        Some(_) => Some(with_query(first, "last", last?)),
        None => None,
    }
}

/// The challenge that can be met: `Bearer` before `Basic`. Fields that are malformed count for nothing.
pub(crate) fn challenge(headers: &Headers) -> Option<Challenge> {
    let all: Vec<Challenge> =
        headers.all("www-authenticate").filter_map(challenge::parse).flatten().collect();
    let of = |scheme: &str| all.iter().find(|challenge| challenge.scheme == scheme).cloned();
    of("bearer").or_else(|| of("basic"))
}

/// The manifest that a tag names now, as the headers of a `HEAD` answer tell it.
pub(crate) fn manifest(headers: &Headers, base: &str, image: &Image, tag: &str) -> Option<Asset> {
    let digest = hex_digest(headers.get("docker-content-digest")?)?;
    let by_digest = format!("{}:{}", digest.algorithm, digest.value);
    let media_type = headers.get("content-type").map(|value| value.split(';').next().unwrap_or(value).trim());
    Some(Asset {
        name: format!("{}:{tag}", image.name()),
        url: format!("{base}/v2/{}/manifests/{by_digest}", image.name()),
        size: headers
            .get("content-length")
            .and_then(|length| length.trim().parse().ok())
            .filter(|size| *size > 0),
        media_type: media_type
            .filter(|media_type| !media_type.is_empty() && media_type.len() < 256)
            .map(str::to_owned),
        extra: vec![("reference".to_owned(), format!("{image}@{by_digest}"))],
        digests: vec![digest],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://registry.example";

    fn image() -> Image {
        Image::parse("registry.example/a/b", "docker.io").unwrap()
    }

    fn page(link: Option<&str>) -> Response {
        Response {
            status: 200,
            headers: link.into_iter().map(|link| ("link", link)).collect(),
            url: list_url(BASE, &image()),
            body: vec![],
        }
    }

    #[test]
    fn tag_lists() {
        let body = br#"{"name":"a/b","tags":["1.0","latest","bad/tag","x y"],"child":[]}"#;
        assert_eq!(tags(body).unwrap(), ["1.0", "latest"]);
        assert_eq!(tags(br#"{"name":"a/b","tags":null}"#).unwrap(), Vec::<String>::new());
        for bad in ["", "<html>", "[]", r#"{"tags":{}}"#, r#"{"tags":[1]}"#, r#"{"tags":["#] {
            assert_eq!(tags(bad.as_bytes()).unwrap_err().code, "bad-response", "{bad}");
        }
    }

    #[test]
    fn pages_are_followed_on_the_same_origin() {
        let first = list_url(BASE, &image());
        assert_eq!(first, "https://registry.example/v2/a/b/tags/list?n=1000");
        let next = |link| next_url(&page(link), &first, Some("1.9"));
        assert_eq!(next(None), None);
        assert_eq!(
            next(Some("</v2/a/b/tags/list?last=1.9&n=1000>; rel=\"next\"")).as_deref(),
            Some("https://registry.example/v2/a/b/tags/list?last=1.9&n=1000")
        );
        for elsewhere in [
            "<http://registry.example/v2/a/b/tags/list?last=x>; rel=next",
            "<https://evil.example/>; rel=next",
        ] {
            assert_eq!(
                next(Some(elsewhere)).as_deref(),
                Some("https://registry.example/v2/a/b/tags/list?n=1000&last=1.9")
            );
        }
        assert_eq!(next(Some("</v2/>; rel=prev")), None);
        assert_eq!(next_url(&page(Some("<https://evil.example/>; rel=next")), &first, None), None);
    }

    #[test]
    fn bearer_is_taken_before_basic_from_any_field() {
        let headers: Headers = [
            ("WWW-Authenticate", "Basic realm=\"r\""),
            ("www-authenticate", "Bearer realm=\"open"),
            ("www-authenticate", "Negotiate, Bearer realm=\"https://a.example/t\""),
        ]
        .into_iter()
        .collect();
        assert_eq!(challenge(&headers).unwrap().param("realm"), Some("https://a.example/t"));
        let basic: Headers = [("www-authenticate", "Basic realm=\"r\"")].into_iter().collect();
        assert_eq!(challenge(&basic).unwrap().scheme, "basic");
        assert_eq!(challenge(&Headers::new()), None);
        let malformed: Headers = [("www-authenticate", "Bearer realm=\"open")].into_iter().collect();
        assert_eq!(challenge(&malformed), None);
    }

    #[test]
    fn a_manifest_is_named_by_its_digest() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let headers: Headers = [
            ("Docker-Content-Digest", digest.as_str()),
            ("Content-Type", "application/vnd.oci.image.index.v1+json; charset=utf-8"),
            ("Content-Length", "10229"),
        ]
        .into_iter()
        .collect();
        let asset = manifest(&headers, BASE, &image(), "1.0").unwrap();
        assert_eq!(asset.name, "a/b:1.0");
        assert_eq!(asset.url, format!("https://registry.example/v2/a/b/manifests/{digest}"));
        assert_eq!(asset.size, Some(10229));
        assert_eq!(asset.media_type.as_deref(), Some("application/vnd.oci.image.index.v1+json"));
        assert_eq!(asset.extra, [("reference".to_owned(), format!("registry.example/a/b@{digest}"))]);
        for bad in ["", "sha256:xyz", "../../evil", "md5:00"] {
            let headers: Headers = [("docker-content-digest", bad)].into_iter().collect();
            assert_eq!(manifest(&headers, BASE, &image(), "1.0"), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(body: Vec<u8>, field in ".*", link in "<[^>]{0,20}>; rel=next|.*") {
            let _ = tags(&body);
            let headers: Headers =
                [("www-authenticate", &field), ("docker-content-digest", &field), ("content-length", &field)].into_iter().map(|(n, v)| (n, v.as_str())).collect();
            let _ = (challenge(&headers), manifest(&headers, BASE, &image(), "1"));
            if let Some(next) = next_url(&page(Some(&link)), &list_url(BASE, &image()), Some("1")) {
                proptest::prop_assert!(same_origin(&next, BASE));
            }
        }
    }
}
