use super::*;
use crate::test_keys::{DAY, DOCUMENT, NOW};
use waystation_update_source::plugin::time::parse_rfc3339;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn with_list(lines: &str) -> ReleaseFile {
    let list: String = lines.split_whitespace().map(|path| format!(" {A} 10 {path}\n")).collect();
    ReleaseFile::parse(&format!(
        "Date: Thu, 01 Jan 2026 00:00:00 UTC\nComponents: main\nArchitectures: all amd64\nSHA256:\n{list}"
    ))
    .unwrap()
}

#[test]
fn the_document_is_read() {
    let release = ReleaseFile::parse(DOCUMENT).unwrap();
    assert_eq!((release.suite.as_deref(), release.codename.as_deref()), (Some("stable"), Some("exemplar")));
    assert_eq!(Some(release.date), parse_rfc3339("2026-01-01T00:00:00Z"));
    assert_eq!(release.valid_until, parse_rfc3339("2026-01-15T00:00:00Z"));
    assert!(release.by_hash && release.separate_all);
    assert_eq!(release.indexes.len(), 1);
    assert_eq!((release.components.as_str(), release.architectures.as_str()), ("main", "all amd64"));
}

#[test]
fn names_and_dates_are_checked() {
    let release = ReleaseFile::parse(DOCUMENT).unwrap();
    let stable = ExpectedSuite::new("stable");
    assert_eq!(release.check(&stable, Age::default(), NOW).unwrap(), release.valid_until);
    assert!(release.check(&ExpectedSuite::new("exemplar"), Age::default(), NOW).is_ok());
    assert_eq!(release.check(&stable, Age::days(Some(3)), NOW).unwrap(), Some(release.date + 3 * DAY));
    let cases = [
        (ExpectedSuite::new("testing"), Age::default(), NOW, "wrong-suite", "`stable` and `exemplar`"),
        (ExpectedSuite::new(""), Age::default(), NOW, "wrong-suite", "(no name)"),
        (stable.clone(), Age::default(), NOW - 3 * DAY, "stale-release", "in the future"),
        (stable.clone(), Age::default(), release.valid_until.unwrap(), "stale-release", "until 2026-01-15"),
        (stable, Age::days(Some(1)), NOW, "stale-release", "until 2026-01-02"),
    ];
    for (expected, age, now, code, part) in cases {
        let problem = release.check(&expected, age, now).unwrap_err();
        assert_eq!(problem.code(), code);
        assert!(problem.to_string().contains(part), "{problem}");
    }
    let nameless = with_list("");
    assert!(nameless.check(&ExpectedSuite::new(""), Age::default(), NOW).is_ok());
    assert!(nameless.check(&ExpectedSuite::new("stable"), Age::default(), NOW).is_err());
}

#[test]
fn the_smallest_listed_packing_is_taken() {
    let cases = [
        (
            "main/binary-amd64/Packages main/binary-amd64/Packages.gz main/binary-amd64/Packages.xz",
            Packing::Xz,
        ),
        ("main/binary-amd64/Packages main/binary-amd64/Packages.gz", Packing::Gzip),
        ("main/binary-amd64/Packages", Packing::Plain),
    ];
    for (list, packing) in cases {
        let found = with_list(list).indexes("main", "amd64").unwrap();
        assert_eq!((found.len(), found[0].packing, found[0].unpacked), (1, packing, Some(10)));
    }
    let alone = with_list("main/binary-amd64/Packages.gz").indexes("main", "amd64").unwrap();
    assert_eq!(alone[0].unpacked, None);
    for other in
        ["main/binary-amd64/Packages.bz2", "main/binary-amd64/Release", "other/binary-amd64/Packages", ""]
    {
        let problem = with_list(other).indexes("main", "amd64").unwrap_err();
        assert_eq!(problem.code(), "not-found");
        assert!(problem.to_string().contains("all amd64"), "{problem}");
    }
}

#[test]
fn packages_for_all_architectures_may_stand_apart() {
    let list = "main/binary-amd64/Packages main/binary-all/Packages";
    assert_eq!(with_list(list).indexes("main", "amd64").unwrap().len(), 2);
    let mut together = with_list(list);
    together.separate_all = false;
    assert_eq!(together.indexes("main", "amd64").unwrap().len(), 1);
    let text = format!("{DOCUMENT}No-Support-for-Architecture-all: Packages\n");
    assert!(!ReleaseFile::parse(&text).unwrap().separate_all);
}

#[test]
fn broken_documents_are_refused() {
    let cases = [
        ("", "SHA256"),
        ("Date: Thu, 01 Jan 2026 00:00:00 UTC\nMD5Sum:\n 00 1 x\n", "SHA256"),
        ("SHA256:\n", "no `Date`"),
        ("Date: yesterday\nSHA256:\n", "`Date`"),
        ("Valid-Until: 2026-01-01\nSHA256:\n", "`Valid-Until`"),
    ];
    for (text, part) in cases {
        let problem = ReleaseFile::parse(text).unwrap_err();
        assert_eq!(problem.code(), "bad-response");
        assert!(problem.to_string().contains(part), "{problem}");
    }
}

#[test]
fn odd_lines_of_the_list_are_no_indexes() {
    for line in [
        "",
        "aa 1 main/binary-amd64/Packages",
        &format!("{A} x main/binary-amd64/Packages"),
        &format!("{A} 1"),
        &format!("{A} 1 a b/Packages"),
        &format!("{A} -1 Packages"),
        &format!("{A} 1 Packages.diff/Index"),
        &format!("{A} 1 MyPackages.gz"),
        &format!("{} 1 Packages", "z".repeat(64)),
    ] {
        assert_eq!(listed(line), None, "{line}");
    }
    assert_eq!(listed(&format!(" {} 7 a/Packages.gz", A.to_uppercase())).unwrap().sha256, A);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}", list in "[a-f0-9 /\nPackages.xz]{0,200}") {
        let _ = ReleaseFile::parse(&text);
        if let Ok(release) = ReleaseFile::parse(&format!("Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n{list}")) {
            let _ = release.indexes(&text, &list);
        }
    }
}
