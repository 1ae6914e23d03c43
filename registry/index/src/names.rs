//! How the files of an index are called.
//!
//! ```text
//! metadata/1.root.json  2.root.json …  timestamp.json  7.snapshot.json  5.targets.json  3.acme.json
//! targets/acme/tool/<sha256>.1.2.0.json   the manifest of a plugin, which is what TUF names
//! bundles/<sha256>.plugin.tar             the plugin, under the digest of that manifest
//! ```

use semver::Version;
use waystation_bundle::{ContentDigest, is_label};

use crate::limits::Limits;

/// The one file that changes.
pub(crate) const TIMESTAMP: &str = "metadata/timestamp.json";
/// The folder of metadata.
pub(crate) const METADATA: &str = "metadata";
/// The folder of manifests.
pub(crate) const TARGETS: &str = "targets";
/// The folder of plugins.
pub(crate) const BUNDLES: &str = "bundles";
/// The roles that the root names.
pub(crate) const ROLES: [&str; 4] = ["root", "targets", "snapshot", "timestamp"];

/// A file of a role, in a version.
pub(crate) fn metadata(version: u64, role: &str) -> String {
    format!("{METADATA}/{version}.{role}.json")
}

/// The version and the role of a file's name.
pub(crate) fn parse_metadata(name: &str) -> Option<(u64, &str)> {
    let (version, role) = name.strip_suffix(".json")?.split_once('.')?;
    let plain = version.bytes().all(|b| b.is_ascii_digit()) && !version.starts_with('0');
    plain.then(|| version.parse().ok()).flatten().filter(|_| is_label(role)).map(|version| (version, role))
}

/// The file of a plugin.
pub(crate) fn bundle(digest: ContentDigest) -> String {
    format!("{BUNDLES}/{}.plugin.tar", digest.hex())
}

/// The digest in the name of a plugin's file.
pub(crate) fn parse_bundle(name: &str) -> Option<ContentDigest> {
    ContentDigest::from_hex(name.strip_suffix(".plugin.tar")?)
}

/// What TUF calls a version of a plugin.
pub(crate) fn target(name: &str, version: &Version) -> String {
    format!("{name}/{version}.json")
}

/// The file of that target, in an index with consistent snapshots.
pub(crate) fn target_file(name: &str, version: &Version, digest: ContentDigest) -> String {
    format!("{TARGETS}/{name}/{}.{version}.json", digest.hex())
}

/// The plugin and the version that a target is about. There is one spelling.
pub(crate) fn parse_target(path: &str, limits: &Limits) -> Option<(String, Version)> {
    let (name, file) = path.rsplit_once('/')?;
    let (namespace, short) = name.split_once('/')?;
    let text = file.strip_suffix(".json")?;
    let version = Version::parse(text).ok()?;
    let good =
        is_label(namespace) && is_label(short) && text.len() <= limits.version && version.to_string() == text;
    good.then(|| (name.to_owned(), version))
}

/// Whether a file may be given to whoever asks: it is one that a reader of an index asks for. Paths are relative and
/// of one spelling; whatever else is in the folder stays there.
#[must_use]
pub fn is_served(path: &str) -> bool {
    if let Some(name) = path.strip_prefix("metadata/") {
        return name == "timestamp.json" || parse_metadata(name).is_some();
    }
    if let Some(name) = path.strip_prefix("bundles/") {
        return parse_bundle(name).is_some();
    }
    let Some((name, file)) = path.strip_prefix("targets/").and_then(|rest| rest.rsplit_once('/')) else {
        return false;
    };
    let version = file.split_once('.').filter(|(digest, _)| ContentDigest::from_hex(digest).is_some());
    version.is_some_and(|(_, version)| parse_target(&format!("{name}/{version}"), &Limits::DEFAULT).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_one_spelling_and_leads_nowhere_else() {
        let parse = |path: &str| parse_target(path, &Limits::DEFAULT);
        let (name, version) = parse("acme/tool/1.2.0-rc.1+x.json").unwrap();
        assert_eq!((name.as_str(), version.to_string().as_str()), ("acme/tool", "1.2.0-rc.1+x"));
        for wrong in [
            "acme/tool/1.2.json",
            "acme/tool/01.2.0.json",
            "acme/tool/1.2.0",
            "acme/tool/1.2.0.json/",
            "tool/1.2.0.json",
            "acme/a/b/1.2.0.json",
            "../tool/1.2.0.json",
            "acme/../1.2.0.json",
            "/acme/tool/1.2.0.json",
            "acme//1.2.0.json",
            "Acme/tool/1.2.0.json",
            "acme/tool/../../1.2.0.json",
            "acme\\x/tool/1.2.0.json",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(parse(&format!("a/b/1.0.0-{}.json", "x".repeat(128))), None);
    }

    #[test]
    fn only_files_of_an_index_are_served() {
        let hex = "a".repeat(64);
        for good in [
            "metadata/timestamp.json",
            "metadata/12.root.json",
            "metadata/3.acme-tools.json",
            &format!("bundles/{hex}.plugin.tar"),
            &format!("targets/acme/tool/{hex}.1.2.0.json"),
        ] {
            assert!(is_served(good), "{good}");
        }
        for bad in [
            "",
            "metadata",
            "metadata/",
            "metadata/../staged/1.root.json",
            "metadata/01.root.json",
            "metadata/.root.json",
            "metadata/1.Root.json",
            "staged/metadata/1.root.json",
            "keys/root.pem",
            "bundles/x.plugin.tar",
            "bundles/../../etc/passwd",
            &format!("bundles/{}.plugin.tar", hex.to_uppercase()),
            &format!("targets/../tool/{hex}.1.2.0.json"),
            &format!("targets/acme/tool/x/{hex}.1.2.0.json"),
            "targets/acme/tool/1.2.0.json",
        ] {
            assert!(!is_served(bad), "{bad}");
        }
    }
}
