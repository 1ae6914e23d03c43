use proptest::prelude::*;

use super::*;

#[test]
fn absolute_urls_are_taken_apart() {
    for (text, shown, path) in [
        ("https://A.example", "https://a.example/", "/"),
        ("HTTP://a.example:8080?x=1", "http://a.example:8080/", "/?x=1"),
        ("https://a.example/b/C?d=e#f", "https://a.example/b/C", "/b/C?d=e"),
        ("https://[::1]:443/x", "https://[::1]:443/x", "/x"),
    ] {
        let url = Url::parse(text).unwrap();
        assert_eq!((url.shown().as_str(), url.path_with_query().as_str()), (shown, path), "{text}");
    }
}

#[test]
fn refused_urls_say_why_and_show_no_secret() {
    for (text, why) in [
        ("ftp://a.example/", "only https and http"),
        ("a.example/x", "does not start with"),
        ("https://user:hunter2@a.example/", "user name or password"),
        ("https:///x", "host or port"),
        ("https://a.example:0/", "host or port"),
        ("https://a.example:+80/", "host or port"),
        ("https://a.example:65536/", "host or port"),
        ("https://[::1/", "host or port"),
        ("https://a b.example/", "percent-encoded"),
        ("https://a.example/\r\nx: y", "percent-encoded"),
    ] {
        let error = Url::parse(text).unwrap_err();
        assert_eq!(error.code, "bad-input");
        assert!(error.message.contains(why), "{text}: {}", error.message);
        assert!(!error.message.contains("hunter2"), "{}", error.message);
    }
}

#[test]
fn references_resolve_as_in_rfc_3986_section_5_4() {
    let base = Url::parse("http://a/b/c/d;p?q").unwrap();
    for (reference, expected) in [
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g/"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q"),
        ("g#s", "http://a/b/c/g"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("http://other/x", "http://other/x"),
    ] {
        assert_eq!(base.resolve(reference).unwrap().to_string(), expected, "{reference}");
    }
    assert!(base.resolve("mailto:x@y").is_err());
}

#[test]
fn origins_are_scheme_host_and_port() {
    let same = |a: &str, b: &str| Url::parse(a).unwrap().same_origin(&Url::parse(b).unwrap());
    assert!(same("https://a.example/x", "https://A.EXAMPLE:443/y"));
    assert!(same("http://[::1]/", "http://[::1]:80/"));
    assert!(!same("https://a.example/", "http://a.example/"));
    assert!(!same("https://a.example/", "https://a.example:8443/"));
    assert!(!same("https://a.example/", "https://b.example/"));
}

#[test]
fn segments_stay_one_segment_each() {
    for (segments, expected) in [
        (&["api", "v1"][..], "https://a.example/base/api/v1"),
        (&["@scope/name"], "https://a.example/base/@scope%2Fname"),
        (&["..", ".", "..."], "https://a.example/base/%2E%2E/%2E/..."),
        (&["a b", "é", "1.0+x", "q?r#s%"], "https://a.example/base/a%20b/%C3%A9/1.0%2Bx/q%3Fr%23s%25"),
        (&["sha256:ab"], "https://a.example/base/sha256:ab"),
        (&[""], "https://a.example/base/"),
        (&[], "https://a.example/base"),
    ] {
        assert_eq!(join("https://a.example/base/", segments), expected);
    }
    assert_eq!(with_query("https://a/x", "page", "2&3"), "https://a/x?page=2%263");
    assert_eq!(with_query("https://a/x?y=1#f", "n", "a b"), "https://a/x?y=1&n=a%20b#f");
}

#[test]
fn base_urls_are_plain() {
    assert_eq!(BaseUrl::parse("https://a.example/x//").unwrap().as_str(), "https://a.example/x");
    assert_eq!(BaseUrl::parse("https://a.example").unwrap().join(&["y"]), "https://a.example/y");
    for text in ["https://a.example/?x=1", "https://a.example/#f", "a.example"] {
        assert_eq!(BaseUrl::parse(text).unwrap_err().code, "bad-config");
    }
    assert!(serde_json::from_str::<BaseUrl>("\"nope\"").is_err());
}

proptest! {
    #[test]
    fn nothing_panics(text in any::<String>(), reference in any::<String>()) {
        let _ = Url::parse(&text);
        let _ = BaseUrl::parse(&text);
        let _ = decode(&text);
        let base = Url::parse("https://a.example/b/c?d").unwrap();
        if let Ok(url) = base.resolve(&reference) {
            prop_assert_eq!(&Url::parse(&url.to_string()).unwrap(), &url);
        }
    }

    #[test]
    fn almost_urls_do_not_panic(text in "https?://[a-z\\[\\]:@0-9]{0,12}[/?#.]{0,4}.{0,8}") {
        if let Ok(url) = Url::parse(&text) {
            prop_assert_eq!(&Url::parse(&url.to_string()).unwrap(), &url);
            prop_assert!(url.same_origin(&url));
        }
    }

    #[test]
    fn encoding_turns_back(text in any::<String>()) {
        prop_assert_eq!(decode(&encode(&text)).unwrap(), text.clone());
        let url = Url::parse(&join("https://a.example", &[&text])).unwrap();
        prop_assert_eq!(url.authority(), "a.example");
        prop_assert_eq!(url.path_with_query().matches('/').count(), 1);
    }
}
