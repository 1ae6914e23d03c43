//! An index file: one JSON document a line, one line a version.

use std::borrow::Cow;

use serde::Deserialize;
use waystation_update_source::Release;
use waystation_update_source::plugin::{Error, time};

/// What an index file says.
#[derive(Debug, PartialEq)]
pub(crate) struct Parsed<'a> {
    /// Newest first by SemVer precedence; of one precedence, the line that came later.
    pub(crate) versions: Vec<Version<'a>>,
    /// Lines that are no version of a crate.
    pub(crate) skipped: usize,
}

/// One version of a crate.
#[derive(Debug, PartialEq)]
pub(crate) struct Version<'a> {
    /// The name in its own spelling.
    pub(crate) name: Cow<'a, str>,
    pub(crate) text: Cow<'a, str>,
    /// SHA-256 of the `.crate` file in lower-case hex, if the line holds a proper one.
    pub(crate) sha256: Option<String>,
    semver: semver::Version,
    yanked: bool,
    rust_version: Option<Cow<'a, str>>,
    published_at: Option<u64>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    vers: Cow<'a, str>,
    #[serde(borrow, default)]
    cksum: Option<Cow<'a, str>>,
    #[serde(default)]
    yanked: Option<bool>,
    #[serde(borrow, default)]
    rust_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pubtime: Option<Cow<'a, str>>,
}

/// Reads an index file. A line that does not fit is skipped, as Cargo does; a file in which no line
/// fits is no index file.
pub(crate) fn parse(file: &[u8]) -> Result<Parsed<'_>, Error> {
    let mut versions = Vec::new();
    let (mut skipped, mut why) = (0, String::new());
    for (at, line) in file.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        match version(line) {
            Ok(version) => versions.push(version),
            Err(reason) => {
                if skipped == 0 {
                    why = format!("line {}: {reason}", at + 1);
                }
                skipped += 1;
            }
        }
    }
    if versions.is_empty() {
        let why = if skipped == 0 { "it is empty".to_owned() } else { why };
        return Err(Error::bad_response(format!("the answer is not an index file: {why}")));
    }
    // A stable sort of the reversed list: of equal precedence (build metadata), the later line first.
    versions.reverse();
    versions.sort_by(|a, b| b.semver.cmp_precedence(&a.semver));
    Ok(Parsed { versions, skipped })
}

fn version(line: &[u8]) -> Result<Version<'_>, String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let semver = semver::Version::parse(&line.vers).map_err(|error| format!("not a version: {error}"))?;
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if line.name.is_empty() || !plain(&line.name) {
        return Err("not a crate name".to_owned());
    }
    let is_sha256 = |hex: &str| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    Ok(Version {
        sha256: line.cksum.filter(|hex| is_sha256(hex)).map(|hex| hex.to_ascii_lowercase()),
        published_at: line.pubtime.and_then(|time| time::parse_rfc3339(&time)),
        yanked: line.yanked.unwrap_or(false),
        rust_version: line.rust_version,
        name: line.name,
        text: line.vers,
        semver,
    })
}

impl Version<'_> {
    /// The release, yet without assets.
    pub(crate) fn release(&self, web: Option<&str>) -> Release {
        let extra =
            self.rust_version.iter().map(|rust| ("rust-version".to_owned(), rust.to_string())).collect();
        Release {
            version: self.text.to_string(),
            published_at: self.published_at,
            prerelease: !self.semver.pre.is_empty(),
            withdrawn: self.yanked,
            channel: None,
            url: web.map(|web| format!("{web}/{}/{}", self.name, self.text)),
            assets: vec![],
            extra,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = concat!(
        r#"{"name":"Demo","vers":"0.1.0","deps":[{"name":"log","req":"^0.4","features":[],"optional":false,"default_features":true,"target":null,"kind":"normal"}],"cksum":"D1BB2D9926B9BD18E51FC8EDD663E311FF3B1FB96C9D4689854F8686F7C6C216","features":{"std":[]},"yanked":false,"pubtime":"2014-12-05T20:20:39Z"}"#,
        "\n",
        r#"{"name":"Demo","vers":"1.10.0","deps":[],"cksum":"4148590afebada386688f18773da617792bf2ef03ffc1e4cbd2b1d45b023e0ba","features":{},"yanked":false,"rust_version":"1.56","features2":{},"v":2}"#,
        "\n",
        r#"{"name":"Demo","vers":"1.9.0","deps":[],"cksum":"short","features":{},"yanked":true,"links":null}"#,
        "\n",
        r#"{"name":"Demo","vers":"2.0.0-rc.1","deps":[],"cksum":"","features":{},"yanked":false}"#,
        "\r\n\n",
        r#"{"name":"Demo","vers":"1.10.0+rebuilt","deps":[],"cksum":"","features":{},"yanked":false}"#,
    );

    #[test]
    fn versions_come_newest_first() {
        let parsed = parse(FILE.as_bytes()).unwrap();
        let order: Vec<_> = parsed.versions.iter().map(|version| version.text.as_ref()).collect();
        assert_eq!(order, ["2.0.0-rc.1", "1.10.0+rebuilt", "1.10.0", "1.9.0", "0.1.0"]);
        assert_eq!(parsed.skipped, 0);
    }

    #[test]
    fn lines_become_releases() {
        let parsed = parse(FILE.as_bytes()).unwrap();
        let all: Vec<Release> =
            parsed.versions.iter().map(|v| v.release(Some("https://crates.example.org/crates"))).collect();
        assert!(all[0].prerelease && !all[2].prerelease && !all[1].prerelease);
        assert!(all[3].withdrawn && !all[2].withdrawn);
        assert_eq!(all[2].extra, [("rust-version".to_owned(), "1.56".to_owned())]);
        assert_eq!(all[4].published_at, Some(1_417_810_839));
        assert_eq!(all[4].url.as_deref(), Some("https://crates.example.org/crates/Demo/0.1.0"));
        assert_eq!(parsed.versions[4].sha256.as_deref().map(|hex| &hex[..4]), Some("d1bb"));
        assert_eq!(parsed.versions[3].sha256, None);
    }

    #[test]
    fn bad_lines_are_skipped_and_counted() {
        let file = format!(
            "<<<\n{FILE}\n{{\"name\":\"demo\",\"vers\":\"one\"}}\n{{\"name\":\"../x\",\"vers\":\"1.0.0\"}}\n[]\n"
        );
        let parsed = parse(file.as_bytes()).unwrap();
        assert_eq!((parsed.versions.len(), parsed.skipped), (5, 4));
    }

    #[test]
    fn a_file_without_a_version_is_none() {
        for (file, says) in [
            ("", "it is empty"),
            ("\n \n", "it is empty"),
            ("<!doctype html>\n<p>log in</p>", "line 1: expected value"),
            (r#"{"name":"demo","vers":"1.0.0","yanked":"no"}"#, "line 1: invalid type"),
        ] {
            let error = parse(file.as_bytes()).unwrap_err();
            assert_eq!(error.code, "bad-response");
            assert!(error.message.contains(says), "{file}: {}", error.message);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(file in any::<Vec<u8>>(), cut in 0..FILE.len(), flip in any::<u8>()) {
            let _ = parse(&file);
            let mut damaged = FILE.as_bytes().to_vec();
            damaged[cut] ^= flip;
            let _ = parse(&damaged);
            damaged.truncate(cut);
            if let Ok(parsed) = parse(&damaged) {
                for version in &parsed.versions {
                    let _ = version.release(None);
                }
            }
        }
    }
}
