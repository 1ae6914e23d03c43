use proptest::prelude::*;

use super::*;

/// The shape of a full document, cut short.
pub(crate) const FULL: &str = r##"{
  "_id": "@demo/tool", "_rev": "12-abc", "name": "@demo/tool",
  "dist-tags": {"latest": "2.1.0", "next": "3.0.0-beta.2", "lts": "1.9.3", "stable": "2.1.0"},
  "versions": {
    "1.9.3": {"name": "@demo/tool", "version": "1.9.3", "deprecated": "1.x gets no fixes; move to 2.x",
      "dist": {"integrity": "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
        "shasum": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "fileCount": 3, "unpackedSize": 9000,
        "tarball": "https://npm.example.org/@demo/tool/-/tool-1.9.3.tgz",
        "signatures": [{"keyid": "SHA256:x", "sig": "y"}]},
      "dependencies": {"a": "^1"}, "engines": {"node": ">=18"}, "_npmUser": {"name": "n", "email": "n@a.example"}},
    "2.1.0": {"name": "@demo/tool", "version": "2.1.0", "deprecated": "",
      "dist": {"shasum": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "tarball": "https://npm.example.org/@demo/tool/-/tool-2.1.0.tgz"}},
    "2.0.0": {"deprecated": false, "dist": {"tarball": "https://npm.example.org/@demo/tool/-/tool-2.0.0.tgz"}},
    "3.0.0-beta.2": {"deprecated": true, "dist": {"tarball": 7, "integrity": null}},
    "0.1.0": {"dist": []},
    "0.0.9": null
  },
  "time": {"created": "2020-01-01T00:00:00.000Z", "modified": "2024-05-05T00:00:00.000Z",
    "1.9.3": "2022-02-02T02:02:02.000Z", "2.1.0": "2024-05-05T00:00:00.000Z", "2.0.0": "nonsense"},
  "readme": "# Tool\n\ud83d\ude80", "users": {"somebody": true}, "_attachments": {}
}"##;

fn get<'a, T>(pairs: &'a Pairs<T>, name: &str) -> &'a T {
    pairs.0.iter().find(|(n, _)| n == name).map(|(_, value)| value).unwrap()
}

#[test]
fn what_is_of_use_is_kept() {
    let packument: Packument = serde_json::from_reader(FULL.as_bytes()).unwrap();
    assert_eq!(packument.tags.0.len(), 4);
    let versions = packument.versions.unwrap();
    assert_eq!(versions.0.len(), 6);
    let old = get(&versions, "1.9.3");
    assert_eq!(old.deprecated.as_str(), Some("1.x gets no fixes; move to 2.x"));
    assert_eq!(old.dist.tarball.as_str(), Some("https://npm.example.org/@demo/tool/-/tool-1.9.3.tgz"));
    assert!(old.dist.integrity.as_str().unwrap().starts_with("sha512-"));
    assert_eq!(get(&packument.time, "1.9.3").as_str(), Some("2022-02-02T02:02:02.000Z"));
}

#[test]
fn odd_values_mean_nothing_and_spoil_nothing() {
    let packument: Packument = serde_json::from_str(FULL).unwrap();
    let versions = packument.versions.unwrap();
    assert_eq!(get(&versions, "2.0.0").deprecated, Text::Absent);
    assert_eq!(get(&versions, "3.0.0-beta.2").deprecated, Text::True);
    assert_eq!(get(&versions, "3.0.0-beta.2").dist, Dist::default());
    assert_eq!(get(&versions, "0.1.0"), &Manifest::default());
    assert_eq!(get(&versions, "0.0.9"), &Manifest::default());
    let odd =
        r#"{"dist-tags":[1,{"a":2}],"time":"x","versions":{"1.0.0":{"deprecated":{"a":[1]},"dist":1.5}}}"#;
    let packument: Packument = serde_json::from_str(odd).unwrap();
    assert_eq!((packument.tags.0.len(), packument.time.0.len()), (0, 0));
    assert_eq!(packument.versions.unwrap().0, [("1.0.0".to_owned(), Manifest::default())]);
}

#[test]
fn what_is_no_document_is_refused() {
    for text in ["", "<html>", "[", "7", "\"x\"", "{\"versions\":{\"1.0.0\":{", "{} x"] {
        assert!(serde_json::from_str::<Packument>(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in any::<Vec<u8>>(), cut in 0..FULL.len(), flip in any::<u8>()) {
        let _ = serde_json::from_reader::<_, Packument>(bytes.as_slice());
        let mut damaged = FULL.as_bytes().to_vec();
        damaged[cut] ^= flip;
        let _ = serde_json::from_reader::<_, Packument>(damaged.as_slice());
        prop_assert!(serde_json::from_reader::<_, Packument>(&FULL.as_bytes()[..cut]).is_err());
    }
}
