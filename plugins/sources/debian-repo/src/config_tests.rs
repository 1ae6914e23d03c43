use super::*;

fn settings(json: &str) -> Result<Settings, Problem> {
    Settings::read(serde_json::from_str(json).unwrap())
}

#[test]
fn nothing_is_believed_by_default() {
    let problem = settings(r#"{"base_url":"https://a.example/debian","suite":"stable"}"#).unwrap_err();
    assert_eq!(problem.code(), "bad-config");
    assert!(problem.to_string().contains("signed_by"), "{problem}");
}

#[test]
fn defaults_and_paths() {
    let made = settings(
        r#"{"base_url":"https://a.example/debian/","suite":"bookworm/updates","allow_unsigned":true,"max_age_days":3}"#,
    )
    .unwrap();
    assert_eq!(made.architecture, "amd64");
    let [suite] = made.suites.as_slice() else { panic!("{made:?}") };
    assert_eq!(suite.base_url.as_str(), "https://a.example/debian");
    assert_eq!(
        (suite.name.as_str(), suite.components.as_slice()),
        ("bookworm/updates", &["main".to_owned()][..])
    );
    assert_eq!(suite.expected.to_string(), "bookworm/updates");
    assert_eq!(suite.age.limit(1), Some(3 * 86_400 + 1));
    assert!(matches!(*suite.trust, Trust::Anybody) && !suite.optional);
}

#[test]
fn one_archive_or_several_with_one_suite_or_several() {
    let made = settings(
        r#"{"architecture":"arm64","archives":[
            {"base_url":"https://a.example/debian","suite":["s","s-updates"],"allow_unsigned":true},
            {"base_url":"https://b.example","suite":"s-security","allow_unsigned":true,"components":["x"],
             "expected_suite":"s","optional":true}]}"#,
    )
    .unwrap();
    assert_eq!(made.architecture, "arm64");
    let suites: Vec<_> = made.suites.iter().map(|suite| (suite.name.as_str(), suite.optional)).collect();
    assert_eq!(suites, [("s", false), ("s-updates", false), ("s-security", true)]);
    assert!(made.suites[1].expected.accepts(&[Some("s-updates"), None]));
    assert!(made.suites[2].expected.accepts(&[None, Some("s")]));
}

#[test]
fn what_cannot_be_is_refused_with_its_key() {
    let many: Vec<_> = (0..=MAX_SUITES).map(|n| format!("\"s{n}\"")).collect();
    let too_many = format!(r#""suite":[{}],"allow_unsigned":true"#, many.join(","));
    let cases = [
        (r#""suite":"../x","allow_unsigned":true"#, "suite"),
        (r#""suite":"","allow_unsigned":true"#, "suite"),
        (r#""suite":"a//b","allow_unsigned":true"#, "suite"),
        (r#""suite":[],"allow_unsigned":true"#, "no suite"),
        (r#""suite":["a","b"],"expected_suite":"a","allow_unsigned":true"#, "expected_suite"),
        (r#""suite":"s","components":[],"allow_unsigned":true"#, "components"),
        (r#""suite":"s","components":["a?b"],"allow_unsigned":true"#, "components"),
        (r#""suite":"s","architecture":"a/b","allow_unsigned":true"#, "architecture"),
        (r#""suite":"s","architecture":7,"allow_unsigned":true"#, "string"),
        (r#""suite":"s","signed_by":"nonsense!","allow_unsigned":false"#, "signed_by"),
        (r#""suite":"s","signed_by":["AAAA"]"#, "signed_by"),
        (r#""suite":"s","signed_by":"AAAA","allow_unsigned":true"#, "contradict"),
        (r#""suite":"s","x":1"#, "`x`"),
        (r#""suite":"s","archives":[]"#, "base_url"),
        (&too_many, "at most"),
    ];
    for (rest, part) in cases {
        let problem = settings(&format!(r#"{{"base_url":"https://a.example",{rest}}}"#)).unwrap_err();
        assert_eq!(problem.code(), "bad-config", "{rest}");
        assert!(problem.to_string().contains(part), "{rest}: {problem}");
    }
    for document in [r#"{"base_url":"ftp://a.example","suite":"s"}"#, "{}", "[]", r#"{"archives":[]}"#] {
        assert_eq!(settings(document).unwrap_err().code(), "bad-config", "{document}");
    }
}
