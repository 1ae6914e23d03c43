//! Subresource integrity strings, as `dist.integrity` has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use waystation_update_source::Digest;

/// The digests of one file, strongest first: those of an integrity string, and the older SHA-1 beside it.
/// What is not a digest of its algorithm's length is left out.
pub(crate) fn digests(integrity: Option<&str>, shasum: Option<&str>) -> Vec<Digest> {
    let mut all: Vec<Digest> = Vec::new();
    let given = integrity.unwrap_or_default().split_ascii_whitespace().filter_map(parse);
    let shasum = shasum.map(str::to_ascii_lowercase).filter(|hex| is_hex(hex, "sha1"));
    let shasum = shasum.map(|value| Digest { algorithm: "sha1".into(), value });
    for digest in given.chain(shasum) {
        if !all.contains(&digest) {
            all.push(digest);
        }
    }
    all.sort_by_key(|digest| std::cmp::Reverse(bytes(&digest.algorithm)));
    all
}

/// `sha512-<base64>`, with options after `?` that mean nothing yet.
fn parse(text: &str) -> Option<Digest> {
    let (algorithm, rest) = text.split_once('-')?;
    let encoded = rest.split_once('?').map_or(rest, |(encoded, _)| encoded);
    let raw = STANDARD.decode(encoded).ok()?;
    if Some(raw.len()) != bytes(algorithm) {
        return None;
    }
    let value = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Digest { algorithm: algorithm.to_owned(), value })
}

fn is_hex(text: &str, algorithm: &str) -> bool {
    Some(text.len()) == bytes(algorithm).map(|bytes| bytes * 2) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn bytes(algorithm: &str) -> Option<usize> {
    match algorithm {
        "sha512" => Some(64),
        "sha384" => Some(48),
        "sha256" => Some(32),
        "sha1" => Some(20),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHA512: &str =
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";
    const SHA1: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

    #[test]
    fn digests_are_hex_and_strongest_first() {
        let all = digests(Some(SHA512), Some("DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"));
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].algorithm.as_str(), &all[0].value[..8]), ("sha512", "cf83e135"));
        assert_eq!((all[1].algorithm.as_str(), all[1].value.as_str()), ("sha1", SHA1));
        let all = digests(
            Some(&format!("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=\t{SHA512}?opt sha512-AAAA md5-x")),
            Some(SHA1),
        );
        assert_eq!(all.iter().map(|d| d.algorithm.as_str()).collect::<Vec<_>>(), ["sha512", "sha1"]);
    }

    #[test]
    fn what_is_no_digest_is_left_out() {
        for (integrity, shasum) in [
            (None, None),
            (Some(""), Some("")),
            (Some("sha512-"), Some("abc")),
            (Some("sha512"), Some(&SHA1.replace('d', "g")[..])),
            (Some("sha512-????"), None),
        ] {
            assert_eq!(digests(integrity, shasum), [], "{integrity:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(integrity in any::<String>(), shasum in any::<String>(), tail in "[A-Za-z0-9+/=]{0,90}") {
            let _ = digests(Some(&integrity), Some(&shasum));
            let _ = digests(Some(&format!("sha512-{tail}")), None);
        }
    }
}
