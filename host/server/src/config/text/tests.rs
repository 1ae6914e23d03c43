use proptest::prelude::*;

use super::*;

fn read<T: Text>(text: &str) -> Result<String, (String, Option<String>)> {
    T::read(text).map(|value| value.to_string()).map_err(|refusal| (refusal.must, refusal.hint))
}

fn guess<T: Text>(text: &str) -> Option<String> {
    read::<T>(text).unwrap_err().1
}

#[test]
fn sizes() {
    for (text, canonical) in [
        ("0", "0 B"),
        ("1536", "1536 B"),
        ("1536 KiB", "1536 KiB"),
        ("1024 KiB", "1 MiB"),
        ("64MiB", "64 MiB"),
        ("64  MiB", "64 MiB"),
        ("67108864", "64 MiB"),
        ("18446744073709551615 B", "18446744073709551615 B"),
    ] {
        assert_eq!(read::<ByteSize>(text).as_deref(), Ok(canonical), "{text}");
    }
    for bad in ["", " 1", "1 ", "MiB", "1.5 MiB", "-1", "+1", "1 MiB x", "١ MiB", "99999999999 TiB", "1\tMiB"]
    {
        assert!(read::<ByteSize>(bad).is_err(), "{bad:?}");
    }
    for (bad, meant) in
        [("64M", "64 MiB"), ("64 MB", "64 MiB"), ("8 kib", "8 KiB"), ("2g", "2 GiB"), ("9 bytes", "")]
    {
        let expected = (!meant.is_empty()).then(|| format!("did you mean \"{meant}\"?"));
        assert_eq!(guess::<ByteSize>(bad), expected, "{bad}");
    }
}

#[test]
fn durations() {
    for (text, canonical) in [
        ("30s", "30s"),
        ("0s", "0s"),
        ("90s", "1m30s"),
        ("1h30m", "1h30m"),
        ("1h 30m", "1h30m"),
        ("250ms", "250ms"),
        ("1d1ms", "1d1ms"),
        ("36h", "1d12h"),
    ] {
        assert_eq!(read::<TimeSpan>(text).as_deref(), Ok(canonical), "{text}");
    }
    for bad in [
        "",
        " 1s",
        "1s ",
        "30m1h",
        "1s1s",
        "s",
        "1.5s",
        "-1s",
        "2 weeks",
        "1 s",
        "1S",
        "99999999999999d",
        "1ß",
    ] {
        assert!(read::<TimeSpan>(bad).is_err(), "{bad:?}");
    }
    assert_eq!(guess::<TimeSpan>("30").as_deref(), Some("did you mean \"30s\"?"));
}

#[test]
fn origins_have_one_spelling() {
    for (text, canonical) in [
        ("https://api.example.org", "https://api.example.org"),
        ("HTTPS://API.Example.ORG:443", "https://api.example.org"),
        ("http://10.0.0.7:8080", "http://10.0.0.7:8080"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://*.example.org:8443", "https://*.example.org:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ] {
        assert_eq!(read::<Origin>(text).as_deref(), Ok(canonical), "{text}");
    }
    for bad in [
        "",
        "https://",
        "ftp://a.example",
        "https://*",
        "https://*.org",
        "https://*.10.0.0.1",
        "https://a.*.org",
        "https://a.example:0",
        "https://a.example:99999",
        "https://a b",
        "https://a.example:",
        "https://u:p@a.example",
        "//a.example",
    ] {
        assert!(read::<Origin>(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn an_origin_covers_itself_and_a_wildcard_whole_labels() {
    let covers = |a: &str, b: &str| Origin::read(a).unwrap().covers(&Origin::read(b).unwrap());
    assert!(covers("https://a.example", "https://a.example:443"));
    assert!(covers("https://*.a.example", "https://x.a.example"));
    assert!(covers("https://*.a.example", "https://x.y.a.example"));
    assert!(covers("https://*.a.example", "https://*.a.example"));
    assert!(covers("https://*.a.example", "https://*.b.a.example"));
    for (a, b) in [
        ("https://a.example", "http://a.example"),
        ("https://a.example", "https://a.example:8443"),
        ("https://*.a.example", "https://a.example"),
        ("https://*.a.example", "https://xa.example"),
        ("https://x.a.example", "https://*.a.example"),
        ("https://*.b.a.example", "https://*.a.example"),
        ("https://*.a.example", "https://*.xa.example"),
    ] {
        assert!(!covers(a, b), "{a} {b}");
    }
}

#[test]
fn networks() {
    assert_eq!(read::<Network>("10.0.0.0/8").as_deref(), Ok("10.0.0.0/8"));
    assert_eq!(read::<Network>("10.0.0.7").as_deref(), Ok("10.0.0.7/32"));
    assert_eq!(guess::<Network>("10.0.0.7/8").as_deref(), Some("did you mean \"10.0.0.0/8\"?"));
    for bad in ["", "0.0.0.0/0", "::/0", "10.0.0.0/33", "example.org"] {
        assert!(read::<Network>(bad).is_err(), "{bad}");
    }
}

#[test]
fn words_and_what_was_meant() {
    assert!(read::<Name>("github-releases").is_ok());
    for bad in ["", "-a", "a-", "a--b", "ä", &"a".repeat(64)] {
        assert!(read::<Name>(bad).is_err(), "{bad}");
    }
    assert_eq!(guess::<Name>("GitHub_Releases").as_deref(), Some("did you mean \"github-releases\"?"));
    assert_eq!(guess::<ItemKey>("Rip Grep").as_deref(), Some("did you mean \"rip-grep\"?"));
    assert_eq!(guess::<VariableName>("${TOKEN}").as_deref(), Some("did you mean \"TOKEN\"?"));
    assert_eq!(guess::<Method>("get").as_deref(), Some("did you mean \"GET\"?"));
    assert_eq!(guess::<LogFilter>("inof").as_deref(), Some("did you mean \"info\"?"));
    assert!(read::<LogFilter>("info,waystation_egress=debug").is_ok());
    assert!(read::<LogFilter>("info,=debug").is_err());
    assert_eq!(read::<HeaderName>("X-Api-Key").as_deref(), Ok("x-api-key"));
    for bad in ["", "a b", "Host", "transfer-encoding", "proxy-authorization", "waystation-credential"] {
        assert!(read::<HeaderName>(bad).is_err(), "{bad}");
    }
    assert!(read::<Method>("CONNECT").is_err());
    let digest = "a".repeat(64);
    assert_eq!(guess::<BundleDigest>(&digest), Some(format!("did you mean \"sha256:{digest}\"?")));
    assert!(read::<Schedule>("0 */6 * * *").is_ok());
    assert!(read::<Schedule>("0 0 30 2 *").is_err());
    assert!(read::<HttpUrl>("https://u:p@a.example").is_err());
    assert!(read::<HttpUrl>("https://a.example/?x=1").is_err());
    assert!(read::<HttpUrl>("mailto:a@b").is_err());
}

#[test]
fn formats_and_patterns_are_unique() {
    for (index, format) in FORMATS.iter().enumerate() {
        let rest = FORMATS.get(index + 1..).unwrap();
        assert!(rest.iter().all(|other| other.name != format.name), "{}", format.name);
        assert!(
            rest.iter().all(|other| other.pattern.is_none() || other.pattern != format.pattern),
            "{}",
            format.name
        );
    }
}

proptest! {
    #[test]
    fn no_format_panics(text in ".{0,40}") {
        for format in FORMATS {
            let _ = (format.check)(&text);
        }
    }

    #[test]
    fn sizes_read_back(bytes: u64) {
        let size = ByteSize::new(bytes);
        prop_assert_eq!(size.to_string().parse(), Ok(size));
    }

    #[test]
    fn durations_read_back(millis: u64) {
        let span = TimeSpan::millis(millis);
        prop_assert_eq!(span.to_string().parse(), Ok(span));
    }

    #[test]
    fn origins_read_back(text in "https?://(\\*\\.)?[a-zA-Z0-9.\\[\\]:-]{1,20}(:[0-9]{1,5})?") {
        if let Ok(origin) = Origin::read(&text) {
            prop_assert_eq!(Origin::read(&origin.to_string()), Ok(origin));
        }
    }
}
