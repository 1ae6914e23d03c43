//! From a package document to releases.

use std::collections::HashMap;

use waystation_update_source::plugin::http::url::{Url, decode};
use waystation_update_source::plugin::{Error, time};
use waystation_update_source::{Asset, Release, version};

use crate::integrity;
use crate::name::PackageName;
use crate::packument::{Dist, Manifest, Packument, Text};

/// All releases, newest first by SemVer precedence, as far as their versions are SemVer.
pub(crate) fn all(
    packument: Packument,
    name: &PackageName,
    web: Option<&str>,
) -> Result<Vec<Release>, Error> {
    let Packument { tags, versions, time } = packument;
    let times: HashMap<&str, &Text> = time.0.iter().map(|(name, text)| (name.as_str(), text)).collect();
    let versions = versions.map(|versions| versions.0).unwrap_or_default();
    if versions.is_empty() {
        return Err(if times.contains_key("unpublished") {
            Error::not_found(format!("all versions of `{name}` were unpublished"))
        } else {
            Error::bad_response(
                "the registry's document has no versions; check that the address is a registry's",
            )
        });
    }
    let mut channels: HashMap<&str, Vec<&str>> = HashMap::new();
    for (tag, version) in &tags.0 {
        if let Some(version) = version.as_str() {
            channels.entry(version).or_default().push(tag);
        }
    }
    let mut releases: Vec<Release> = versions
        .into_iter()
        .map(|(version, manifest)| {
            let published_at =
                times.get(version.as_str()).and_then(|text| time::parse_rfc3339(text.as_str()?));
            let tags = channels.get(version.as_str()).cloned().unwrap_or_default();
            let url = web.map(|web| format!("{web}/{name}/v/{version}"));
            one(version, &manifest, published_at, &tags, url)
        })
        .collect();
    version::sort_newest_first(&mut releases, |release| &release.version);
    Ok(releases)
}

fn one(
    version: String,
    manifest: &Manifest,
    published_at: Option<u64>,
    tags: &[&str],
    url: Option<String>,
) -> Release {
    let mut extra = Vec::new();
    // An empty message is how a deprecation is taken back.
    let reason = manifest.deprecated.as_str().filter(|reason| !reason.is_empty());
    if let Some(reason) = reason {
        extra.push(("withdrawn-reason".to_owned(), reason.chars().take(500).collect()));
    }
    if !tags.is_empty() {
        extra.push(("dist-tags".to_owned(), tags.join(",")));
    }
    Release {
        published_at,
        prerelease: version::is_prerelease(&version),
        withdrawn: reason.is_some() || manifest.deprecated == Text::True,
        channel: tags.iter().find(|tag| **tag == "latest").or(tags.first()).map(|tag| (*tag).to_owned()),
        url,
        assets: asset(&manifest.dist).into_iter().collect(),
        extra,
        version,
    }
}

fn asset(dist: &Dist) -> Option<Asset> {
    let url = Url::parse(dist.tarball.as_str()?).ok()?;
    let shown = url.shown();
    let file = decode(shown.rsplit('/').next()?)?;
    Some(Asset {
        name: if file.is_empty() || file.contains('/') { "package.tgz".to_owned() } else { file },
        url: url.to_string(),
        size: None,
        digests: integrity::digests(dist.integrity.as_str(), dist.shasum.as_str()),
        media_type: Some("application/gzip".into()),
        extra: vec![],
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packument::tests::FULL;

    fn releases(document: &str) -> Result<Vec<Release>, Error> {
        let packument = serde_json::from_str(document).map_err(Error::from)?;
        all(packument, &PackageName::parse("@demo/tool").unwrap(), Some("https://npm.example.org/package"))
    }

    #[test]
    fn versions_become_releases_newest_first() {
        let all = releases(FULL).unwrap();
        let order: Vec<_> = all.iter().map(|release| release.version.as_str()).collect();
        assert_eq!(order, ["3.0.0-beta.2", "2.1.0", "2.0.0", "1.9.3", "0.1.0", "0.0.9"]);
        let channels: Vec<_> = all.iter().map(|release| release.channel.as_deref()).collect();
        assert_eq!(channels, [Some("next"), Some("latest"), None, Some("lts"), None, None]);
        assert_eq!(all[1].extra, [("dist-tags".to_owned(), "latest,stable".to_owned())]);
        assert_eq!(
            all.iter().map(|r| r.withdrawn).collect::<Vec<_>>(),
            [true, false, false, true, false, false]
        );
        assert!(all[0].prerelease && !all[1].prerelease);
        assert_eq!(all[3].published_at, Some(1_643_767_322));
        assert_eq!(all[2].published_at, None);
        assert_eq!(all[1].url.as_deref(), Some("https://npm.example.org/package/@demo/tool/v/2.1.0"));
    }

    #[test]
    fn tarballs_become_assets() {
        let all = releases(FULL).unwrap();
        let asset = &all[3].assets[0];
        assert_eq!(asset.name, "tool-1.9.3.tgz");
        assert_eq!(asset.url, "https://npm.example.org/@demo/tool/-/tool-1.9.3.tgz");
        assert_eq!(
            asset.digests.iter().map(|d| d.algorithm.as_str()).collect::<Vec<_>>(),
            ["sha512", "sha1"]
        );
        assert!(all[0].assets.is_empty() && all[4].assets.is_empty());
        let odd = r#"{"versions":{"1.0.0":{"dist":{"tarball":"https://u:p@a.example/x.tgz"}}}}"#;
        assert!(releases(odd).unwrap()[0].assets.is_empty());
    }

    #[test]
    fn unpublished_packages_and_foreign_documents_are_told_apart() {
        let gone = r#"{"name":"x","time":{"created":"x","unpublished":{"time":"x","versions":["1.0.0"]}}}"#;
        assert_eq!(releases(gone).unwrap_err().code, "not-found");
        for text in [r#"{"error":"x"}"#, r#"{"versions":{}}"#, r#"{"versions":[]}"#] {
            assert_eq!(releases(text).unwrap_err().code, "bad-response", "{text}");
        }
    }

    #[test]
    fn old_loose_versions_keep_their_place() {
        let all = releases(r#"{"versions":{"1.2":{},"1.10.0":{},"1.9.0-01":{},"0.9.0":{}}}"#).unwrap();
        let order: Vec<_> = all.iter().map(|release| release.version.as_str()).collect();
        assert_eq!(order, ["1.10.0", "1.9.0-01", "1.2", "0.9.0"]);
    }

    proptest! {
        #[test]
        fn any_versions_are_survived(versions in proptest::collection::vec("[0-9v.a-c+-]{0,9}", 1..20)) {
            let members: Vec<String> = versions.iter().map(|version| format!("{version:?}:{{}}")).collect();
            let document = format!(r#"{{"versions":{{{}}}}}"#, members.join(","));
            prop_assert_eq!(releases(&document).unwrap().len(), versions.len());
        }
    }
}
