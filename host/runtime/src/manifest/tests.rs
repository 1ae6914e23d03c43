use std::time::Duration;

use proptest::prelude::*;

use super::*;

const GOOD: &str = r#"
name = "waystation/github-releases"
version = "0.1.0"
kind = "update-source@0.1"
summary = "Releases of GitHub repositories"
host = ">=0.1, <0.2"

[[request]]
capability = "http"
origins = ["https://api.github.com"]
why = "Reads the release list."

[[request]]
capability = "credentials"
names = ["github-token"]
why = "More requests per hour."
optional = true

[limits]
memory = "96 MiB"
cpu = "5s"
"#;

fn refused(from: &str, to: &str) -> String {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD, "{from} is not in the manifest");
    Manifest::parse(text.as_bytes()).expect_err(&text).to_string()
}

#[test]
fn a_good_manifest() {
    let manifest = Manifest::parse(GOOD.as_bytes()).unwrap();
    assert_eq!(manifest.name.as_str(), "waystation/github-releases");
    assert_eq!(manifest.name.short(), "github-releases");
    assert_eq!(manifest.kind.to_string(), "update-source@0.1");
    assert_eq!(manifest.wishes.memory, Some(96 << 20));
    assert_eq!(manifest.wishes.cpu, Some(Duration::from_secs(5)));
    assert_eq!(manifest.request("http").unwrap().capability.word(), "http");
    assert!(manifest.request("credentials").unwrap().optional);
    assert!(manifest.request("kv").is_none());
}

#[test]
fn bad_manifests_say_what_to_do() {
    for (from, to, part) in [
        ("summary =", "sumary =", "line 5, column 1"),
        ("summary =", "sumary =", "did you mean `summary`?"),
        (
            "capability = \"http\"",
            "capability = \"htpp\"",
            "unknown capability `htpp`; this host knows http, kv, credentials, tickets, scopes; did you mean `http`?",
        ),
        ("capability = \"http\"", "capability = \"kv\"", "capability `kv` has no key `origins`"),
        ("name = \"waystation/github-releases\"", "name = \"github\"", "namespace/name"),
        ("name = \"waystation/github-releases\"", "name = \"Way/x\"", "namespace/name"),
        ("version = \"0.1.0\"", "version = \"0.1\"", "not a semantic version"),
        ("update-source@0.1", "update-source", "its generation"),
        ("update-source@0.1", "update-source@1.2", "its generation"),
        ("https://api.github.com", "https://api.github.com/repos", "origins"),
        ("\"5s\"", "\"5 parsecs\"", "`5 parsecs` is not understood"),
        ("why = \"Reads the release list.\"", "why = \"\"", "say in one sentence"),
        (
            "capability = \"credentials\"\nnames = [\"github-token\"]",
            "capability = \"http\"",
            "requested twice",
        ),
        (">=0.1, <0.2", "new", "not a version range"),
        ("Releases of", "Releases\\nof", "one line"),
    ] {
        let message = refused(from, to);
        assert!(message.contains(part), "{to}: {message}");
    }
}

#[test]
fn too_large_and_not_text() {
    assert_eq!(Manifest::parse(&[0xff, 0xfe]), Err(ManifestError::Unreadable));
    assert_eq!(Manifest::parse(&vec![b'#'; MAX_MANIFEST + 1]), Err(ManifestError::Unreadable));
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Manifest::parse(&bytes);
    }

    #[test]
    fn mangled_manifests_never_panic(at in 0..GOOD.len(), byte in any::<u8>()) {
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes[at] = byte;
        let _ = Manifest::parse(&bytes);
    }

    #[test]
    fn kinds_round_trip(world in "[a-z]{1,8}", major in 0u64..3, minor in 1u64..20) {
        let kind = Kind { world, major, minor: if major == 0 { minor } else { 0 } };
        prop_assert_eq!(Kind::parse(&kind.to_string()), Some(kind));
    }
}
