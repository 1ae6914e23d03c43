use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Result<String, DnError> {
    DistinguishedName::parse(text, DnForm::Rfc4514)?.common_name().map(str::to_owned)
}

fn old(text: &str) -> Result<String, DnError> {
    DistinguishedName::parse(text, DnForm::OneLine)?.common_name().map(str::to_owned)
}

#[test]
fn the_common_name_is_found_wherever_it_is() {
    for text in [
        "CN=agent:mac",
        "O=Portlama,CN=agent:mac",
        "CN=agent:mac,O=Portlama",
        "cn=agent:mac,o=x",
        "2.5.4.3=agent:mac",
        "O=a\\,CN\\=agent:root,CN=agent:mac",
        "O=a+CN=agent:mac+OU=b,C=DE",
        "O=\\22quoted\\22,CN=\\61gent:mac",
        "CN=agent:mac,O=M\\C3\\BCller",
        "CN=agent:mac,O=Müller",
        "CN=agent:mac,1.2.3.4=#04024869",
        "CN=agent:mac,O=",
        "O=a b,CN=agent:mac,OU=\\ spaced\\ ",
        "O=a=b,CN=agent:mac",
    ] {
        assert_eq!(name(text).as_deref(), Ok("agent:mac"), "{text}");
    }
    assert_eq!(
        name("CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\=i\\#j\\20").as_deref(),
        Ok("a,b+c\"d\\e<f>g;h=i#j ")
    );
}

#[test]
fn what_is_not_of_the_grammar_is_refused_by_name() {
    let many = vec!["O=a"; MAX_RDNS + 1].join(",");
    let wide = ["O=a"; MAX_ATTRIBUTES + 1].join("+");
    let long = format!("CN={}", "a".repeat(MAX_DN));
    for (text, error) in [
        ("", DnError::NoCommonName),
        ("O=a", DnError::NoCommonName),
        ("CN=agent:a,CN=agent:b", DnError::SeveralCommonNames),
        ("CN=agent:a+CN=agent:b", DnError::SeveralCommonNames),
        ("CN=agent:a,2.5.4.3=agent:b", DnError::SeveralCommonNames),
        ("CN=agent:a,cn=agent:a", DnError::SeveralCommonNames),
        ("CN=agent:a,commonName=agent:a", DnError::SeveralCommonNames),
        ("CN=agent:a,CN=#0c026161", DnError::SeveralCommonNames),
        ("CN=#0c0b6167656e743a6d6163", DnError::EncodedCommonName),
        ("CN", DnError::NoValue),
        ("CN,O=a", DnError::NoValue),
        ("CN=agent:a,", DnError::NoValue),
        (",CN=agent:a", DnError::NoValue),
        ("CN=agent:a+", DnError::NoValue),
        ("=a", DnError::BadType),
        ("C N=agent:a", DnError::BadType),
        (" CN=agent:a", DnError::BadType),
        ("O=a, CN=agent:a", DnError::BadType),
        ("OID.2.5.4.3=agent:a", DnError::BadType),
        ("2.5.4.03=agent:a", DnError::BadType),
        ("2..3=agent:a", DnError::BadType),
        ("25=agent:a", DnError::BadType),
        ("CN\0=agent:a", DnError::BadType),
        ("/O=x/CN=agent:a", DnError::BadType),
        ("CN=\"agent:a\"", DnError::Unescaped),
        ("CN= agent:a", DnError::Unescaped),
        ("CN=agent:a ", DnError::Unescaped),
        ("CN=agent:a;O=b", DnError::Unescaped),
        ("CN=a<b", DnError::Unescaped),
        ("CN=agent:a\0", DnError::Unescaped),
        ("CN=a\\", DnError::BadEscape),
        ("CN=a\\g1", DnError::BadEscape),
        ("CN=a\\6", DnError::BadEscape),
        ("CN=a\\ä", DnError::BadEscape),
        ("CN=\\FF", DnError::NotText),
        ("CN=#", DnError::BadHex),
        ("CN=#1", DnError::BadHex),
        ("CN=#zz", DnError::BadHex),
        (many.as_str(), DnError::TooManyParts),
        (wide.as_str(), DnError::TooManyParts),
        (long.as_str(), DnError::TooLong),
    ] {
        let found = name(text).unwrap_err();
        assert_eq!(found, error, "{text}");
        assert!(found.code().starts_with("dn-") && !found.to_string().is_empty());
    }
}

#[test]
fn the_older_form_is_read_where_it_is_asked_for() {
    assert_eq!(old("/O=Portlama/CN=agent:mac").as_deref(), Ok("agent:mac"));
    assert_eq!(old("/O=M\\xC3\\xBCller/CN=agent:mac").as_deref(), Ok("agent:mac"));
    assert_eq!(old("/O=a,CN=agent:root/CN=agent:mac").as_deref(), Ok("agent:mac"));
    let many = "/O=a".repeat(MAX_RDNS + 1);
    for (text, error) in [
        ("CN=agent:mac", DnError::NoValue),
        ("/", DnError::NoValue),
        ("/CN=agent:a/", DnError::NoValue),
        // A slash in the value of another attribute makes a second name: refused, since it cannot be told apart.
        ("/O=x/CN=agent:root/CN=agent:mac", DnError::SeveralCommonNames),
        ("/O=a/b/CN=agent:mac", DnError::NoValue),
        ("/C N=a", DnError::BadType),
        ("/CN=a\\b", DnError::BadEscape),
        ("/CN=a\\xg0", DnError::BadEscape),
        ("/CN=a\\x0", DnError::BadEscape),
        ("/CN=\\xFF", DnError::NotText),
        (many.as_str(), DnError::TooManyParts),
    ] {
        assert_eq!(old(text).unwrap_err(), error, "{text}");
    }
}

/// As RFC 4514, section 2.4, writes a value.
fn written(value: &str) -> String {
    let mut text = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (place, c) in value.chars().enumerate() {
        match c {
            '\0' => text.push_str("\\00"),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', c]),
            '#' | ' ' if place == 0 => text.extend(['\\', c]),
            ' ' if place == last => text.push_str("\\ "),
            c => text.push(c),
        }
    }
    text
}

proptest! {
    #[test]
    fn what_is_written_by_the_rules_is_read_back(
        rdns in proptest::collection::vec(
            proptest::collection::vec(("[A-Za-z][A-Za-z0-9-]{0,8}|[0-2]\\.[1-9][0-9]{0,3}", "\\PC{0,12}"), 1..4),
            1..6,
        )
    ) {
        let text = rdns
            .iter()
            .map(|rdn| {
                let parts: Vec<_> = rdn.iter().map(|(kind, value)| format!("{kind}={}", written(value))).collect();
                parts.join("+")
            })
            .collect::<Vec<_>>()
            .join(",");
        let read = DistinguishedName::parse(&text, DnForm::Rfc4514).unwrap();
        let expected: Vec<Vec<_>> = rdns
            .into_iter()
            .map(|rdn| {
                rdn.into_iter()
                    .map(|(kind, value)| Attribute { kind: kind.to_ascii_uppercase(), value: Value::Text(value) })
                    .collect()
            })
            .collect();
        prop_assert_eq!(read.rdns, expected);
    }

    /// Whoever controls another value of the subject controls no name.
    #[test]
    fn no_other_value_brings_in_a_name(value in "[CN=,+\\\\agent:\"#; x]{0,24}") {
        let text = format!("O={},CN=agent:mac", written(&value));
        prop_assert_eq!(name(&text), Ok("agent:mac".to_owned()));
    }

    #[test]
    fn anything_is_read_or_refused(text in "\\PC{0,64}") {
        let _ = name(&text);
        let _ = old(&text);
    }
}
