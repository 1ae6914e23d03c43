use super::*;

const SHA: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn settings() -> &'static Settings {
    static DOCUMENT: &str = r#"{"base_url":"https://a.example/debian","suite":["stable","stable-security"],"allow_unsigned":true}"#;
    Box::leak(Box::new(Settings::read(serde_json::from_str(DOCUMENT).unwrap()).unwrap()))
}

fn place(number: usize) -> Origin<'static> {
    let suite = &settings().suites[number];
    Origin { base_url: &suite.base_url, suite: &suite.name, component: "main" }
}

fn paragraph(text: &str) -> Paragraph<Origin<'static>> {
    Paragraph { text: text.to_owned(), place: place(0) }
}

fn one(version: &str, more: &str) -> Paragraph<Origin<'static>> {
    paragraph(&format!(
        "Package: a\nVersion: {version}\nArchitecture: amd64\nFilename: pool/a/a_{version}_amd64.deb\nSHA256: {SHA}\n{more}"
    ))
}

fn of(paragraphs: &[Paragraph<Origin<'_>>]) -> Result<Vec<Release>, Problem> {
    releases("a", paragraphs, settings())
}

fn extra<'r>(release: &'r Release, name: &str) -> Option<&'r str> {
    release.extra.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn a_paragraph_becomes_a_release() {
    let text = "Size: 7\nSource: glibc (2.36-9)\nSection: libs\nHomepage: https://a.example/\nDescription: short one\n long\n";
    let all = of(&[one("1:2.36-9+deb12u4~x", text)]).unwrap();
    let release = &all[0];
    assert_eq!((release.version.as_str(), release.prerelease), ("1:2.36-9+deb12u4~x", false));
    assert_eq!(release.channel.as_deref(), Some("stable"));
    let asset = &release.assets[0];
    assert_eq!(asset.url, "https://a.example/debian/pool/a/a_1:2.36-9%2Bdeb12u4~x_amd64.deb");
    assert_eq!((asset.name.as_str(), asset.size), ("a_1:2.36-9+deb12u4~x_amd64.deb", Some(7)));
    assert_eq!((asset.digests[0].algorithm.as_str(), asset.digests[0].value.as_str()), ("sha256", SHA));
    let expected = [
        ("source", "glibc"),
        ("source-version", "2.36-9"),
        ("architecture", "amd64"),
        ("component", "main"),
        ("section", "libs"),
        ("description", "short one"),
        ("homepage", "https://a.example/"),
    ];
    assert_eq!(release.extra, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn the_newest_version_is_first_and_each_stands_once() {
    let all = of(&[one("1.9", ""), one("1.10", ""), one("1.10", ""), one("1:0.1", ""), one("1.10~rc1", "")])
        .unwrap();
    let versions: Vec<_> = all.iter().map(|release| release.version.as_str()).collect();
    assert_eq!(versions, ["1:0.1", "1.10", "1.10~rc1", "1.9"]);
    assert_eq!(extra(&all[0], "source"), Some("a"));
}

#[test]
fn suites_add_up() {
    let secure = |version: &str| Paragraph { place: place(1), ..one(version, "") };
    let all = of(&[one("1.0-1", ""), one("1.0-2", ""), secure("1.0-1+deb1u1"), secure("1.0-2")]).unwrap();
    let read: Vec<_> = all.iter().map(|r| (r.version.as_str(), r.channel.as_deref().unwrap())).collect();
    assert_eq!(read, [("1.0-2", "stable"), ("1.0-1+deb1u1", "stable-security"), ("1.0-1", "stable")]);
}

#[test]
fn other_architectures_are_left_out() {
    let other = Paragraph {
        text: one("9", "").text.replace("Architecture: amd64", "Architecture: arm64"),
        ..one("9", "")
    };
    let all = Paragraph {
        text: one("8", "").text.replace("Architecture: amd64", "Architecture: all"),
        ..one("8", "")
    };
    assert_eq!(of(&[other.clone(), all, one("7", "")]).unwrap().len(), 2);
    assert!(of(&[other]).unwrap().is_empty());
}

#[test]
fn a_package_that_is_not_there_is_not_found() {
    let problem = of(&[]).unwrap_err();
    assert_eq!(problem.code(), "not-found");
    assert!(problem.to_string().contains("`a`"), "{problem}");
    assert!(problem.to_string().contains("`stable` or `stable-security`"), "{problem}");
}

#[test]
fn paragraphs_that_lead_astray_are_refused() {
    let cases = [
        (one("", ""), "`Version`"),
        (one("1 2", ""), "`Version`"),
        (one("1\u{1b}[2J", ""), "`Version`"),
        (Paragraph { text: one("1", "").text.replace("pool/a", "../x"), ..one("1", "") }, "`Filename`"),
        (Paragraph { text: one("1", "").text.replace("pool/a", "/etc"), ..one("1", "") }, "`Filename`"),
        (
            Paragraph { text: one("1", "").text.replace("pool/a", "https://evil.example"), ..one("1", "") },
            "`Filename`",
        ),
        (Paragraph { text: one("1", "").text.replace("Filename", "X"), ..one("1", "") }, "`Filename`"),
        (Paragraph { text: one("1", "").text.replace("SHA256", "MD5sum"), ..one("1", "") }, "SHA256"),
        (Paragraph { text: one("1", "").text.replace(SHA, "abc"), ..one("1", "") }, "SHA256"),
    ];
    for (bad, part) in cases {
        let problem = of(std::slice::from_ref(&bad)).unwrap_err();
        assert_eq!(problem.code(), "bad-response");
        assert!(problem.to_string().contains(part), "{problem} / {part}");
        // Beside a good one it is only left out.
        assert_eq!(of(&[bad, one("2", "")]).unwrap().len(), 1);
    }
}

proptest::proptest! {
    #[test]
    fn addresses_stay_below_the_archive(filename in "[a./%?#\\\\: ]{0,20}") {
        let text = one("1", "").text.replace("pool/a/a_1_amd64.deb", &filename);
        if let Ok(all) = of(&[paragraph(&text)]) {
            let url = &all[0].assets[0].url;
            proptest::prop_assert!(url.starts_with("https://a.example/debian/") && !url.contains("/../"), "{}", url);
            proptest::prop_assert!(!url.contains(['?', '#', ' ', '\\']), "{}", url);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,200}") {
        let _ = of(&[paragraph(&text)]);
    }
}
