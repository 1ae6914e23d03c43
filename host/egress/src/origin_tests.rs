use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::addresses::screen;

fn origin(given: &str) -> Origin {
    given.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn why(given: &str) -> String {
    match given.parse::<Origin>() {
        Ok(origin) => panic!("{given} was taken as {origin}"),
        Err(error) => {
            assert_eq!(error.code(), "bad-origin");
            error.to_string()
        }
    }
}

#[test]
fn one_spelling_per_origin() {
    let table = [
        ("https://example.org", "https://example.org"),
        ("HTTPS://EXAMPLE.org:443", "https://example.org"),
        ("http://example.org:80", "http://example.org"),
        ("https://example.org:80", "https://example.org:80"),
        ("https://example.org:08443", "https://example.org:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://BÜCHER.example", "https://xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://faß.example", "https://xn--fa-hia.example"),
        ("https://\u{ff45}xample.org", "https://example.org"),
        ("https://ex%61mple.org", "https://example.org"),
        ("http://nexus:8081", "http://nexus:8081"),
        ("http://_srv.example.org", "http://_srv.example.org"),
        ("http://[2001:DB8:0::1]", "http://[2001:db8::1]"),
        ("http://[::ffff:1.2.3.4]:81", "http://[::ffff:1.2.3.4]:81"),
    ];
    for (given, canonical) in table {
        assert_eq!(origin(given).to_string(), canonical, "{given}");
        assert_eq!(origin(canonical), origin(given));
    }
}

#[test]
fn what_is_no_origin_is_refused_with_its_reason() {
    let table = [
        ("example.org", "needs a scheme"),
        ("", "needs a scheme"),
        ("https:example.org", "needs a scheme"),
        ("ftp://example.org", "http or https"),
        ("://example.org", "http or https"),
        ("https://", "not a valid name"),
        ("https://example.org/", "path"),
        ("https://example.org/api", "path"),
        ("https:\\\\example.org", "needs a scheme"),
        ("https://example.org\\@evil.example", "user name"),
        ("https://example.org\\evil", "path"),
        ("https://user:hunter2@example.org", "user name"),
        ("https://example.org?x", "query"),
        ("https://example.org#x", "fragment"),
        ("https://*.example.org", "wildcard"),
        ("https://exa*mple.org", "wildcard"),
        ("https://\u{ff0a}.example.org", "characters"),
        (" https://example.org", "white space"),
        ("https://exam\tple.org", "white space"),
        ("https://example.org\n", "white space"),
        ("https://example.org:0", "port 0"),
        ("https://example.org:", "missing after"),
        ("https://example.org:65536", "not a number"),
        ("https://example.org:x", "not a number"),
        ("https://example.org.", "ends in a dot"),
        ("https://a..example.org", "empty label"),
        ("https://.example.org", "empty label"),
        ("https://exa mple.org", "white space"),
        ("https://xn--a.example", "not a valid name"),
        ("https://1.2.3.4.5", "not a valid name"),
        ("https://example.0x7f", "not a valid name"),
        ("http://256.1.1.1", "not a valid name"),
        ("http://[fe80::1%25eth0]", "not a valid name"),
        ("http://[::1", "not a valid name"),
    ];
    for (given, reason) in table {
        let sentence = why(given);
        assert!(sentence.contains(reason), "{given}: {sentence}");
    }
    assert!(why(&format!("https://{}.example", "a".repeat(64))).contains("63 bytes"));
    assert!(why(&format!("https://{}", "a.".repeat(600))).contains("longer"));
}

#[test]
fn a_password_in_a_refused_origin_is_not_repeated() {
    assert!(!why("https://user:hunter2@example.org").contains("hunter2"));
}

#[test]
fn loopback_is_seen_in_every_spelling() {
    let spellings = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0X7F.0.0.1",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0177.0.0.01",
        "00000177.0.0.1",
        "127.0.0.1.",
        "127.0.0x1",
        "127.255.255.254",
        "%31%32%37.0.0.1",
        "127%2e0%2e0%2e1",
        "127\u{3002}0\u{3002}0\u{ff0e}1",
        "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
        "\u{2460}\u{2461}\u{2466}.0.0.1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[0000:0000:0000:0000:0000:0000:0000:0001]",
        "[::0001]",
        "[::0.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::FFFF:7F00:0001]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[::7f00:1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "0",
        "0.0.0.0",
        "0x0",
        "[::]",
    ];
    for spelling in spellings {
        for scheme in ["http", "https"] {
            match origin(&format!("{scheme}://{spelling}")).host() {
                Host::Ip(address) => {
                    assert!(screen(*address).is_err(), "{spelling} is {address}, and passed");
                }
                Host::Name(name) => panic!("{spelling} was taken as the name {name}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn parsing_never_panics_and_what_it_takes_is_canonical(given in "(https?://)?\\PC{0,40}") {
        if let Ok(parsed) = given.parse::<Origin>() {
            prop_assert_eq!(parsed.to_string().parse::<Origin>().unwrap(), parsed);
        }
    }

    #[test]
    fn an_address_keeps_its_value(bits: u32, bits6: u128, port in 1u16..) {
        let (v4, v6) = (Ipv4Addr::from_bits(bits), Ipv6Addr::from_bits(bits6));
        for given in [format!("http://{v4}:{port}"), format!("http://{bits}:{port}"), format!("http://{bits:#x}:{port}")] {
            let parsed = origin(&given);
            prop_assert_eq!(parsed.host(), &Host::Ip(v4.into()));
        }
        let parsed = origin(&format!("http://[{v6}]:{port}"));
        prop_assert_eq!(parsed.host(), &Host::Ip(v6.into()));
        prop_assert_eq!(origin(&parsed.to_string()), parsed);
    }
}
