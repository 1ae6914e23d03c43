//! Tables from each scheme's specification and test suite.

mod packages;

use std::cmp::Ordering;

use super::{Gap, MAX_VERSION, Scheme, Version};

fn read(scheme: Scheme, text: &str) -> Version {
    Version::parse(scheme, text).unwrap_or_else(|error| panic!("{error}"))
}

/// Every version is older than every later one of the list.
fn ascending(scheme: Scheme, texts: &[&str]) {
    let versions: Vec<_> = texts.iter().map(|text| read(scheme, text)).collect();
    for (place, older) in versions.iter().enumerate() {
        for newer in &versions[place + 1..] {
            assert_eq!(older.compare(newer), Ok(Ordering::Less), "{scheme}: {older} < {newer}");
            assert_eq!(newer.compare(older), Ok(Ordering::Greater), "{scheme}: {newer} > {older}");
        }
    }
}

/// All of the list are one version.
fn equal(scheme: Scheme, texts: &[&str]) {
    for left in texts {
        for right in texts {
            assert_eq!(read(scheme, left), read(scheme, right), "{scheme}: {left} = {right}");
        }
    }
}

/// None of the list is read, with this code.
fn refused(scheme: Scheme, code: &str, texts: &[&str]) {
    for text in texts {
        let error = Version::parse(scheme, text).expect_err(text);
        assert_eq!(error.code(), code, "{scheme}: {text:?}: {error}");
    }
}

fn gaps(scheme: Scheme, table: &[(&str, &str, Gap)]) {
    for (older, newer, gap) in table {
        assert_eq!(read(scheme, older).gap(&read(scheme, newer)), Some(*gap), "{scheme}: {older} to {newer}");
        assert_eq!(read(scheme, newer).gap(&read(scheme, older)), None, "{scheme}: {newer} to {older}");
    }
}

fn prereleases(scheme: Scheme, yes: &[&str], no: &[&str]) {
    for text in yes {
        assert!(read(scheme, text).is_prerelease(), "{scheme}: {text}");
    }
    for text in no {
        assert!(!read(scheme, text).is_prerelease(), "{scheme}: {text}");
    }
}

#[test]
fn schemes_have_one_name_everywhere() {
    for scheme in Scheme::ALL {
        assert_eq!(scheme.as_str().parse(), Ok(scheme));
        assert_eq!(serde_json::to_string(&scheme).unwrap(), format!("\"{scheme}\""));
    }
    let error = "SemVer".parse::<Scheme>().unwrap_err();
    assert_eq!(error.code(), "unknown-scheme");
    assert!(error.to_string().contains("oci-tag"), "{error}");
}

#[test]
fn every_scheme_bounds_its_input() {
    for scheme in Scheme::ALL {
        refused(scheme, "version-empty", &[""]);
        refused(scheme, "version-too-long", &[&"1".repeat(MAX_VERSION + 1)]);
        refused(scheme, "version-character", &["1.0\n", "1.0\0", "\t1.0", "1\u{2028}2"]);
        assert_eq!(Version::parse(scheme, &"1".repeat(MAX_VERSION)).is_ok(), takes_long_numbers(scheme));
    }
    for scheme in Scheme::ALL.into_iter().filter(|scheme| *scheme != Scheme::Loose) {
        refused(scheme, "version-character", &["1.0 ", "1.0é", "１.0"]);
    }
}

fn takes_long_numbers(scheme: Scheme) -> bool {
    matches!(scheme, Scheme::Debian | Scheme::Rpm | Scheme::Maven | Scheme::Loose)
}

#[test]
fn versions_of_two_schemes_have_no_order() {
    let (left, right) = (read(Scheme::Semver, "1.0.0"), read(Scheme::Loose, "1.0.0"));
    assert_eq!(left.compare(&right).unwrap_err().code(), "scheme-mismatch");
    assert_eq!(left.partial_cmp(&right), None);
    assert_ne!(left, right);
    assert_eq!(left.gap(&right), None);
}

/// semver.org, sections 10 and 11.
#[test]
fn semver() {
    ascending(Scheme::Semver, &["1.0.0", "2.0.0", "2.1.0", "2.1.1"]);
    ascending(
        Scheme::Semver,
        &[
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
        ],
    );
    equal(Scheme::Semver, &["1.0.0+20130313144700", "1.0.0", "1.0.0+exp.sha.5114f85"]);
    prereleases(Scheme::Semver, &["1.0.0-0"], &["1.0.0+beta"]);
    refused(
        Scheme::Semver,
        "version-malformed",
        &["1", "1.2", "v1.2.3", "1.2.3.4", "01.1.1", "1.1.1-01", "1.1.1-", "18446744073709551616.0.0"],
    );
    gaps(
        Scheme::Semver,
        &[
            ("1.9.9", "2.0.0", Gap::Major),
            ("1.2.3", "1.3.0-rc.1", Gap::Minor),
            ("1.2.3", "1.2.4", Gap::Patch),
            ("1.2.3-rc.1", "1.2.3", Gap::Prerelease),
        ],
    );
    for (short, full) in [("1", "1.0.0"), ("1.2", "1.2.0"), ("1.2.3-rc.1", "1.2.3-rc.1")] {
        assert_eq!(Version::parse_bound(Scheme::Semver, short).unwrap(), read(Scheme::Semver, full));
    }
    assert!(Version::parse_bound(Scheme::Semver, "1.x").is_err());
}

/// The formats that calver.org names.
#[test]
fn calver() {
    ascending(Scheme::Calver, &["6.06", "16.04.1", "16.10", "24.04", "24.04.1", "24.10", "106.1"]);
    ascending(
        Scheme::Calver,
        &["2024.9.1", "2024.10.0b2", "2024.10.0b3", "2024.10.0", "2024.10.1", "2025.1"],
    );
    ascending(Scheme::Calver, &["2024.10.1.dev0", "2024.10.1-rc1", "2024.10.1", "2024.10.1.post1"]);
    ascending(Scheme::Calver, &["20240930", "2024-10-01", "20241001.1", "20241002"]);
    equal(Scheme::Calver, &["24.4", "24.04", "2024.4", "2024.04.0"]);
    equal(Scheme::Calver, &["20241001", "2024.10.01", "2024-10-1"]);
    refused(
        Scheme::Calver,
        "version-malformed",
        &["v2024.1", "1024.1", "202410", "20241301", "20240132", "x", "99999"],
    );
    prereleases(Scheme::Calver, &["21.1b2", "2024.10-dev"], &["2024.10", "2024.10-ubuntu", "24.04-lts"]);
    gaps(
        Scheme::Calver,
        &[
            ("23.10", "24.04", Gap::Major),
            ("24.04", "24.10", Gap::Minor),
            ("24.04", "24.04.1", Gap::Patch),
            ("2024.10.0b3", "2024.10.0", Gap::Prerelease),
        ],
    );
}

#[test]
fn oci_tags() {
    ascending(Scheme::OciTag, &["1.27.3", "1.27.10", "1.28", "2"]);
    ascending(Scheme::OciTag, &["3.12.0b1-slim", "3.12.0rc1-slim", "3.12.0-slim", "3.12.1-slim"]);
    ascending(Scheme::OciTag, &["17-beta-1", "17-beta2", "17-rc.1", "17", "17-jre"]);
    equal(Scheme::OciTag, &["1.27", "v1.27", "1.27.0"]);
    for (tag, variant, precision, prerelease) in [
        ("1.27.3-alpine3.20", Some("alpine3.20"), 3, false),
        ("1.27-alpine-slim", Some("alpine-slim"), 2, false),
        ("1", None, 1, false),
        ("20240101", None, 1, false),
        ("3.12.0rc1-slim-bookworm", Some("slim-bookworm"), 3, true),
        ("1.0.0-rc.1-alpine", Some("alpine"), 3, true),
        ("1.0.0-beta-2-alpine", Some("alpine"), 3, true),
        ("8.0-preview7-jammy", Some("jammy"), 2, true),
        ("17-b12-jre", Some("b12-jre"), 1, false),
        ("1.27-dev", Some("dev"), 2, false),
        ("1.2.3_build5-alpine", Some("_build5-alpine"), 3, false),
    ] {
        let version = read(Scheme::OciTag, tag);
        assert_eq!(
            (version.variant(), version.precision(), version.is_prerelease()),
            (variant, Some(precision), prerelease),
            "{tag}"
        );
    }
    refused(
        Scheme::OciTag,
        "not-a-version",
        &[
            "latest",
            "stable-alpine",
            "v",
            "7b1",
            "7f3a2b1c",
            "1.1.1w",
            "1.2.",
            "sha256:9f86d081",
            "x@sha256:00",
            "edge",
        ],
    );
    refused(Scheme::OciTag, "version-malformed", &[".1", "-1", "1/2", "1+2", &"1".repeat(129)]);

    let [plain, alpine, newer] =
        ["1.27.3", "1.27.3-alpine", "1.27.4-alpine"].map(|t| read(Scheme::OciTag, t));
    assert_ne!(plain, alpine);
    assert_eq!(plain.precedence(&alpine), Some(Ordering::Equal));
    assert_eq!(alpine.compare_bound(&plain), Some(Ordering::Equal));
    assert_eq!(plain.compare_bound(&alpine), Some(Ordering::Less));
    assert_eq!((alpine.gap(&newer), plain.gap(&alpine)), (Some(Gap::Patch), None));
}

#[test]
fn loose() {
    ascending(Scheme::Loose, &["1.0-alpha", "1.0-beta.2", "1.0rc1", "1.0", "1.0a", "1.0.1", "1.1"]);
    ascending(Scheme::Loose, &["1.0.2a", "1.0.2b", "1.0.2w", "1.1.1"]);
    ascending(Scheme::Loose, &["go1.21rc2", "go1.21", "go1.21.1", "go1.22"]);
    ascending(Scheme::Loose, &["9.8p1", "9.9p1", "9.9p2"]);
    ascending(Scheme::Loose, &["RELEASE.2024-10-02T17-50-41Z", "RELEASE.2024-10-13T13-34-11Z"]);
    ascending(Scheme::Loose, &["1.2-nightly-3", "1.2-nightly-4", "1.2"]);
    ascending(Scheme::Loose, &["1.2", "1.2 αβγ", "1.2.1"]);
    equal(Scheme::Loose, &["v1.2", "1.2", "1.2.0", "1-2", "1.2-final", "release-1.2", "Version 1.2"]);
    equal(Scheme::Loose, &["1.0RC1", "1-rc.1", "1.0 pre 1"]);
    refused(Scheme::Loose, "not-a-version", &["latest", "---", "v", "٣"]);
    prereleases(Scheme::Loose, &["2.0-rc1", "2.0 beta"], &["2.0", "2.0b", "2.0-alpine"]);
    gaps(
        Scheme::Loose,
        &[
            ("go1.21", "go1.22", Gap::Minor),
            ("0.0-beta2", "0.0-beta3", Gap::Prerelease),
            ("1.1.1v", "1.1.1w", Gap::Other),
            ("1.2.3.4", "1.2.3.5", Gap::Revision),
        ],
    );
}

/// Every chain that the reference page shows.
#[test]
fn the_documentation_tells_the_truth() {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/reference/versions.md"));
    let mut scheme = None;
    let mut checked = 0;
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("```text order=") {
            scheme = Some(name.parse::<Scheme>().unwrap());
        } else if line.starts_with("```") {
            scheme = None;
        } else if let Some(scheme) = scheme {
            let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
            for step in words.windows(3).step_by(2) {
                let [left, sign, right] = step else { panic!("{line}") };
                let expected = if *sign == "=" { Ordering::Equal } else { Ordering::Less };
                assert!(matches!(*sign, "=" | "<"), "{line}");
                assert_eq!(
                    read(scheme, left).compare(&read(scheme, right)),
                    Ok(expected),
                    "{scheme}: {line}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked >= 40, "{checked}");
}
