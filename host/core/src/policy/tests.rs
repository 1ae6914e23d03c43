//! What a policy does with a listing.

mod properties;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::{
    release::Release,
    version::{Gap, Scheme},
};

fn now() -> Timestamp {
    "2024-10-10T00:00:00Z".parse().unwrap()
}

/// A release that was published so many days ago.
fn aged(version: &str, days: i64) -> Release {
    Release { published_at: Some(now() - SignedDuration::from_hours(24 * days)), ..Release::new(version) }
}

fn listing(versions: &[&str]) -> Vec<Release> {
    versions.iter().copied().map(Release::new).collect()
}

fn policy(toml: &str) -> Policy {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}: {error}"))
}

fn judge(scheme: Scheme, toml: &str, installed: Option<&str>, releases: &[Release]) -> Evaluation {
    evaluate(scheme, &policy(toml), installed, releases, now()).unwrap()
}

fn latest(evaluation: &Evaluation) -> Option<&str> {
    evaluation.latest.as_ref().map(|release| release.version.as_str())
}

fn skipped(evaluation: &Evaluation) -> Vec<(&str, Vec<&str>)> {
    let codes = |skipped: &Skipped| skipped.reasons.iter().map(Reason::code).collect();
    evaluation.skipped.iter().map(|skipped| (skipped.version.as_str(), codes(skipped))).collect()
}

#[test]
fn the_newest_release_wins_and_says_how_far_behind_the_item_is() {
    let releases = listing(&["1.9.0", "1.10.0", "1.2.0", "2.0.0-rc.1"]);
    let outcome = judge(Scheme::Semver, "", Some("1.2.0"), &releases);
    assert_eq!((outcome.status.clone(), latest(&outcome)), (Status::Outdated, Some("1.10.0")));
    assert_eq!(outcome.outdated, Some(Gap::Minor));
    assert_eq!(outcome.target().unwrap().version, "1.10.0");
    assert_eq!(skipped(&outcome), [("2.0.0-rc.1", vec!["prerelease"])]);

    let outcome = judge(Scheme::Semver, "prereleases = true", Some("1.2.0"), &releases);
    assert_eq!((latest(&outcome), outcome.outdated), (Some("2.0.0-rc.1"), Some(Gap::Major)));
}

#[test]
fn every_state_is_told_apart() {
    let releases = listing(&["1.0.0", "1.1.0", "1.2.0-rc.1"]);
    for (installed, state, target) in [
        (Some("1.0.0"), "outdated", Some("1.1.0")),
        (Some("1.1.0"), "up-to-date", None),
        (Some("1.2.0-beta"), "up-to-date", None),
        (Some("1.3.0"), "ahead-of-source", None),
        (None, "not-installed", Some("1.1.0")),
        (Some("banana"), "unknown", None),
    ] {
        let outcome = judge(Scheme::Semver, "", installed, &releases);
        assert_eq!(outcome.status.code(), state, "{installed:?}");
        assert_eq!(outcome.target().map(|release| release.version.as_str()), target, "{installed:?}");
        assert_eq!(latest(&outcome), Some("1.1.0"));
    }
    for (scheme, releases, reason) in [
        (Scheme::Semver, listing(&[]), Unknown::NoReleases),
        (Scheme::Semver, listing(&["x", "y"]), Unknown::NothingParsed),
        (Scheme::OciTag, listing(&["1.0-alpine", "1.1-alpine"]), Unknown::NothingComparable),
    ] {
        let outcome = judge(scheme, "", Some("1.0.0"), &releases);
        assert!(reason.to_string().len() > 20);
        assert_eq!(outcome.status, Status::Unknown { reason });
    }
}

#[test]
fn a_version_that_does_not_parse_is_reported_and_no_more() {
    let outcome = judge(Scheme::Semver, "", Some("1.0.0"), &listing(&["nightly", "1.1.0", "", "nightly"]));
    assert_eq!(latest(&outcome), Some("1.1.0"));
    let found: Vec<_> = outcome.unparsable.iter().map(|u| (u.version.as_str(), u.error.code())).collect();
    assert_eq!(found, [("", "version-empty"), ("nightly", "version-malformed")]);
}

#[test]
fn withdrawn_releases_are_known_and_never_offered() {
    let mut releases = listing(&["1.0.0", "1.1.0", "1.2.0"]);
    releases[2].withdrawn = true;
    releases[2].extra.insert("withdrawn-reason".into(), "breaks start-up.".into());
    let outcome = judge(Scheme::Semver, "", Some("1.0.0"), &releases);
    assert_eq!(latest(&outcome), Some("1.1.0"));
    assert_eq!(
        outcome.skipped[0].to_string(),
        "1.2.0 is not offered: the publisher withdrew it (breaks start-up)."
    );
    let outcome = judge(Scheme::Semver, "", Some("1.2.0"), &releases);
    assert_eq!((outcome.status, outcome.installed_withdrawn), (Status::UpToDate, true));

    // Listed twice, and one entry says it is withdrawn.
    releases.push(Release::new("1.2.0"));
    assert_eq!(latest(&judge(Scheme::Semver, "", Some("1.0.0"), &releases)), Some("1.1.0"));
    assert!(judge(Scheme::Semver, "", Some("1.2.0"), &releases).installed_withdrawn);
}

#[test]
fn a_channel_admits_its_own_releases() {
    let channel = |version, channel: Option<&str>| Release {
        channel: channel.map(Into::into),
        ..Release::new(version)
    };
    let releases = [channel("1.0.0", Some("latest")), channel("2.0.0", Some("next")), channel("3.0.0", None)];
    let outcome = judge(Scheme::Semver, "channel = 'latest'", None, &releases);
    assert_eq!(latest(&outcome), Some("1.0.0"));
    assert_eq!(skipped(&outcome), [("3.0.0", vec!["other-channel"]), ("2.0.0", vec!["other-channel"])]);
    assert_eq!(latest(&judge(Scheme::Semver, "", None, &releases)), Some("3.0.0"));
}

#[test]
fn rules_ignore_by_version_range_and_pattern() {
    let releases = listing(&["1.0.0", "1.1.0", "1.2.0", "1.3.0+nightly", "2.0.0", "2.1.0"]);
    for (rule, expected) in [
        ("version = '2.1.0'", "2.0.0"),
        ("version = '2.1.0+any.build'", "2.0.0"),
        ("range = '>=2'", "1.3.0+nightly"),
        ("range = '>=1.2, <2.1'", "2.1.0"),
        ("range = '> 1.1'", "1.1.0"),
        ("range = '!=1.0'", "1.0.0"),
        ("range = '=2.1'", "2.0.0"),
        ("range = '<=2'", "2.1.0"),
        ("pattern = '^2[.]'", "1.3.0+nightly"),
        ("pattern = '(nightly|^2)'", "1.2.0"),
    ] {
        let toml = format!("[[ignore]]\n{rule}\nreason = 'known bad'");
        let outcome = judge(Scheme::Semver, &toml, Some("0.1.0"), &releases);
        assert_eq!(latest(&outcome), Some(expected), "{rule}");
        for skipped in &outcome.skipped {
            assert!(skipped.to_string().ends_with("is ignored (known bad)."), "{skipped}");
        }
    }
}

#[test]
fn a_range_uses_the_order_of_the_scheme() {
    let releases = listing(&["1:1.0-1", "2.0-1", "1.9-1", "1.9~rc1-1"]);
    let ignore_from_1_9 = "[[ignore]]\nrange = '>=1.9'";
    assert_eq!(latest(&judge(Scheme::Debian, ignore_from_1_9, None, &releases)), None);
    let outcome = judge(Scheme::Debian, &format!("prereleases = true\n{ignore_from_1_9}"), None, &releases);
    assert_eq!(latest(&outcome), Some("1.9~rc1-1"));
    assert_eq!(skipped(&outcome)[0], ("1:1.0-1", vec!["ignored"]));
}

#[test]
fn a_pin_holds_an_item() {
    let releases = listing(&["1.26.9", "1.27.2", "1.27.3", "1.28.0", "2.0.0"]);
    for (pin, installed, expected) in [
        ("{ exact = '1.27.2' }", Some("1.26.9"), Some("1.27.2")),
        ("{ exact = '1.27.9' }", Some("1.26.9"), None),
        ("{ prefix = '1.27' }", Some("1.26.9"), Some("1.27.3")),
        ("{ prefix = '1' }", Some("1.26.9"), Some("1.28.0")),
        ("{ prefix = '1.2' }", None, None),
        ("{ same = 'major' }", Some("1.27.2"), Some("1.28.0")),
        ("{ same = 'minor' }", Some("1.27.2"), Some("1.27.3")),
        ("{ same = 'patch' }", Some("1.27.2"), Some("1.27.2")),
        ("{ same = 'minor' }", None, Some("2.0.0")),
    ] {
        let outcome = judge(Scheme::Semver, &format!("pin = {pin}"), installed, &releases);
        assert_eq!(latest(&outcome), expected, "{pin} with {installed:?}");
    }
    let outcome = judge(Scheme::Semver, "pin = { same = 'minor' }", Some("1.28.0"), &releases);
    assert_eq!(outcome.status, Status::UpToDate);
    assert_eq!(
        outcome.skipped[0].to_string(),
        "2.0.0 is not offered: the item is pinned to the same minor version."
    );
}

#[test]
fn a_pin_reads_numbers_as_its_scheme_does() {
    for (scheme, prefix, versions, expected) in [
        (Scheme::Calver, "24.04", &["2024.4.1", "24.10"][..], "2024.4.1"),
        (Scheme::Calver, "20241001", &["2024.10.1.5", "2024.10.2"], "2024.10.1.5"),
        (Scheme::Maven, "1.0", &["1", "1.0.3", "1.1"], "1.0.3"),
        (Scheme::Debian, "2.4", &["3:2.4.62-1", "3:2.5.0-1"], "3:2.4.62-1"),
        (Scheme::OciTag, "1.27", &["1.27.3", "1.28.0"], "1.27.3"),
        (Scheme::Loose, "1.27", &["v1.27.3", "v1.270.0"], "v1.27.3"),
    ] {
        let toml = format!("pin = {{ prefix = '{prefix}' }}");
        assert_eq!(latest(&judge(scheme, &toml, None, &listing(versions))), Some(expected), "{scheme}");
    }
    let epoch = judge(Scheme::Debian, "pin = { same = 'major' }", Some("1.0-1"), &listing(&["1:1.0-2"]));
    assert_eq!(latest(&epoch), None);
}

#[test]
fn a_minimum_age_waits_and_fails_closed() {
    let mut releases = vec![aged("1.0.0", 30), aged("1.1.0", 3), aged("1.2.0", 2), aged("1.3.0", -5)];
    releases.push(Release::new("1.4.0"));
    let outcome = judge(Scheme::Semver, "minimum_age = '3d'", Some("1.0.0"), &releases);
    assert_eq!(latest(&outcome), Some("1.1.0"), "exactly three days is old enough");
    assert_eq!(
        skipped(&outcome),
        [("1.4.0", vec!["unknown-age"]), ("1.3.0", vec!["too-young"]), ("1.2.0", vec!["too-young"])]
    );
    assert_eq!(outcome.waiting_until(), Some("2024-10-11T00:00:00Z".parse().unwrap()));
    assert!(outcome.skipped[2].to_string().contains("3d old and will be at 2024-10-11T00:00:00Z"));

    // No age to wait for: the date does not matter.
    assert_eq!(latest(&judge(Scheme::Semver, "minimum_age = 0", None, &releases)), Some("1.4.0"));
    // The sum does not overflow.
    releases.push(Release { published_at: Some(Timestamp::MAX), ..Release::new("1.5.0") });
    assert_eq!(latest(&judge(Scheme::Semver, "minimum_age = '3650d'", None, &releases)), None);
}

#[test]
fn tags_follow_their_variant_and_precision() {
    let releases = listing(&[
        "latest",
        "1",
        "1.27",
        "1.27.3",
        "1.28.0",
        "1.28",
        "1.27.3-alpine",
        "1.28.0-alpine",
        "1.28-alpine",
        "1.29.0-bookworm",
    ]);
    for (installed, toml, expected) in [
        (Some("1.27.3"), "", "1.28.0"),
        (Some("1.27"), "", "1.28"),
        (Some("1.27.3-alpine"), "", "1.28.0-alpine"),
        (Some("1.27-alpine"), "", "1.28-alpine"),
        (Some("1.27.3-alpine"), "variant = 'bookworm'", "1.29.0-bookworm"),
        (Some("1.27.3-alpine"), "variant = ''", "1.28.0"),
        (None, "variant = 'alpine'", "1.28.0-alpine"),
        (None, "", "1.28.0"),
    ] {
        let outcome = judge(Scheme::OciTag, toml, installed, &releases);
        assert_eq!(latest(&outcome), Some(expected), "{installed:?} {toml}");
        assert_eq!(outcome.unparsable.len(), 1);
    }
    // Of equal tags, the one that moves least.
    let equals = judge(Scheme::OciTag, "", None, &listing(&["v1.28", "1.28.0"]));
    assert_eq!(latest(&equals), Some("1.28.0"));
    let outcome = judge(Scheme::OciTag, "", Some("1.28.0-alpine"), &releases);
    assert_eq!(outcome.status, Status::UpToDate);
    assert_eq!(skipped(&outcome), [("1.29.0-bookworm", vec!["other-variant"])]);
}

#[test]
fn all_reasons_are_told() {
    let mut release = aged("2.0.0-rc.1", 1);
    release.withdrawn = true;
    let toml = "channel = 'stable'\nminimum_age = '1w'\npin = { prefix = '1' }\n[[ignore]]\nrange = '>1'";
    let outcome = judge(Scheme::Semver, toml, Some("1.0.0"), &[release]);
    assert_eq!(
        skipped(&outcome)[0].1,
        ["withdrawn", "prerelease", "other-channel", "pinned", "ignored", "too-young"]
    );
    assert_eq!(outcome.waiting_until(), None, "age alone does not keep it back");
    let json = serde_json::to_value(&outcome).unwrap();
    assert_eq!(json["skipped"][0]["reasons"][5]["code"], "too-young");
    assert_eq!(json["status"]["state"], "up-to-date");
}

#[test]
fn a_policy_that_cannot_be_carried_out_is_refused() {
    for (toml, needle) in [
        ("prerelease = true", "unknown field"),
        ("channel = ''", "1 to 128"),
        ("pin = { exact = '1', prefix = '1' }", ""),
        ("pin = { same = 'epoch' }", "epoch"),
        ("minimum_age = '1 month'", "no fixed length"),
        ("[[ignore]]", "exactly one"),
        ("[[ignore]]\nversion = '1'\npattern = '1'", "exactly one"),
        ("[[ignore]]\nversions = '1'", "unknown field"),
        ("[[ignore]]\nrange = '1.2'", "starts with none of"),
        ("[[ignore]]\nrange = '>=1,'", "starts with none of"),
        ("[[ignore]]\nrange = '>='", "no version"),
        ("[[ignore]]\npattern = ''", "empty"),
        ("[[ignore]]\npattern = '(a'", "unclosed group"),
        ("[[ignore]]\npattern = '(?=a)'", "look-around"),
        ("[[ignore]]\npattern = '\\w{2000}'", "size"),
        (
            "[[ignore]]\npattern = '((((((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))))))'",
            "nest",
        ),
    ] {
        let error = toml::from_str::<Policy>(toml).unwrap_err().to_string();
        assert!(error.contains(needle), "{toml}: {error}");
    }
    assert_eq!(Pattern::new(&"a".repeat(513)).unwrap_err().code(), "policy-pattern");
    assert_eq!(format!("{}1", ">1,".repeat(17)).parse::<Range>().unwrap_err().code(), "policy-range");

    for (scheme, toml, code) in [
        (Scheme::Semver, "pin = { exact = 'x' }", "policy-version"),
        (Scheme::Semver, "pin = { prefix = '1.2.3.4' }", "policy-version"),
        (Scheme::Semver, "pin = { prefix = '1.x' }", "policy-prefix"),
        (Scheme::Loose, "pin = { prefix = '1..2' }", "policy-prefix"),
        (Scheme::Semver, "[[ignore]]\nversion = '1.2'", "policy-version"),
        (Scheme::Calver, "[[ignore]]\nrange = '<20241399'", "policy-version"),
    ] {
        assert_eq!(policy(toml).bind(scheme).unwrap_err().code(), code, "{toml}");
    }
    let many = Policy {
        ignore: vec![policy("[[ignore]]\nversion = '1'").ignore.remove(0); 257],
        ..Policy::default()
    };
    assert_eq!(many.bind(Scheme::Loose).unwrap_err().code(), "policy-too-many-rules");
    let place =
        policy("[[ignore]]\nrange = '>1'\n[[ignore]]\nrange = '>x'").bind(Scheme::Semver).unwrap_err();
    assert!(place.to_string().starts_with("ignore rule 2 of the policy"), "{place}");
}

#[test]
fn a_policy_survives_toml_and_json() {
    let text = "channel = 'stable'\nvariant = 'alpine'\nprereleases = true\npin = { same = 'minor' }\n\
        minimum_age = '3d'\n[[ignore]]\nrange = '>=1.2, <2'\nreason = 'r'\n[[ignore]]\npattern = 'x$'\n\
        [[ignore]]\nversion = '1'";
    let policy = policy(text);
    assert_eq!(toml::from_str::<Policy>(&toml::to_string(&policy).unwrap()).unwrap(), policy);
    assert_eq!(serde_json::from_str::<Policy>(&serde_json::to_string(&policy).unwrap()).unwrap(), policy);
    assert_eq!(toml::from_str::<Policy>("").unwrap(), Policy::default());
}

/// Every example of the page is a policy, and every key of a policy is on the page.
#[test]
fn the_documentation_shows_policies_that_load() {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/operate/policies.md"));
    let examples: Vec<&str> =
        page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 5, "{}", examples.len());
    for example in &examples {
        policy(example);
    }
    for key in ["channel", "variant", "prereleases", "pin", "minimum_age", "ignore"] {
        assert!(page.contains(&format!("| `{key}`")), "{key}");
    }
}
