//! Which tags and which files of a release count.

use regex_lite::Regex;
use waystation_update_source::plugin::Error;
use waystation_update_source::{Asset, Digest, version};

/// How a tag becomes a version.
///
/// With a prefix, tags without it belong to something else and are left out (`cli-v1.2.0` and `lib-v3.0.0`
/// in one repository). Without one, a `v` before a digit is dropped.
#[derive(Clone, Debug, Default)]
pub struct TagRule(Option<String>);

impl TagRule {
    /// A rule for tags that start with `prefix`, or for all.
    pub fn new(prefix: Option<String>) -> Self {
        Self(prefix)
    }

    /// The version that `tag` names, or nothing if the tag is not one of ours or not fit to be shown.
    pub fn version<'t>(&self, tag: &'t str) -> Option<&'t str> {
        let fits = tag.len() <= 255 && !tag.chars().any(|c| c.is_control() || c.is_whitespace());
        version::strip_prefix(tag, &self.0).filter(|_| fits)
    }
}

/// Which files of a release are of use: those whose name a regular expression finds, or all.
#[derive(Clone, Debug, Default)]
pub struct AssetRule(Option<Regex>);

impl AssetRule {
    /// Compiles `pattern`, the item's option `asset_pattern`.
    pub fn new(pattern: Option<&str>) -> Result<Self, Error> {
        let compile = |pattern: &str| {
            Regex::new(pattern).map_err(|error| {
                Error::bad_input(format!(
                    "the option `asset_pattern` is not a regular expression ({error}); `linux.*\\.tar\\.gz$` is one"
                ))
            })
        };
        pattern.map(compile).transpose().map(Self)
    }

    /// Whether a file of this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|pattern| pattern.is_match(name))
    }
}

/// Which tags and files of a repository count: an item's options `tag_prefix` and `asset_pattern`.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Which tags, and how each becomes a version.
    pub tags: TagRule,
    /// Which files.
    pub assets: AssetRule,
}

impl Selection {
    /// The rules that these options make.
    ///
    /// # Errors
    /// `bad-input` for a pattern that is none.
    pub fn new(tag_prefix: Option<&str>, asset_pattern: Option<&str>) -> Result<Self, Error> {
        let assets = AssetRule::new(asset_pattern)?;
        Ok(Self { tags: TagRule::new(tag_prefix.map(str::to_owned)), assets })
    }
}

/// Endings of files that hold a signature or an attestation of the file named before them.
const SIGNATURES: [&str; 6] = [".sigstore.json", ".sigstore", ".minisig", ".asc", ".sig", ".intoto.jsonl"];

/// Adds `signature-url` to each file that has a signature beside it, then keeps what `rule` wants.
pub fn with_signatures(mut assets: Vec<Asset>, rule: &AssetRule) -> Vec<Asset> {
    let places: Vec<(String, String)> =
        assets.iter().map(|asset| (asset.name.clone(), asset.url.clone())).collect();
    for asset in &mut assets {
        let signature = SIGNATURES.iter().find_map(|ending| {
            let wanted = format!("{}{ending}", asset.name);
            places.iter().find(|(name, _)| *name == wanted)
        });
        if let Some((_, url)) = signature {
            asset.extra.push(("signature-url".to_owned(), url.clone()));
        }
    }
    assets.retain(|asset| rule.wants(&asset.name));
    assets
}

/// A digest written as `algorithm:hex`; nothing if the length does not fit the algorithm.
pub fn hex_digest(text: &str) -> Option<Digest> {
    let (algorithm, value) = text.trim().split_once(':')?;
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return None,
    };
    let hex = value.len() == length && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex.then(|| Digest { algorithm: algorithm.to_owned(), value: value.to_ascii_lowercase() })
}

/// Whether the text is a whole git object name (SHA-1 or SHA-256).
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The text in at most `most` bytes, with `…` where it was cut, and without control characters: fit for a
/// message that a person reads.
pub fn short(text: &str, most: usize) -> String {
    let mut out = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if out.len() + c.len_utf8() > most {
            out.push('…');
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(name: &str) -> Asset {
        Asset {
            name: name.into(),
            url: format!("https://a.example/{name}"),
            size: None,
            digests: vec![],
            media_type: None,
            extra: vec![],
        }
    }

    #[test]
    fn tags_become_versions() {
        let with = |prefix: &str, tag| TagRule::new(Some(prefix.to_owned())).version(tag);
        assert_eq!(TagRule::default().version("v1.2.3"), Some("1.2.3"));
        assert_eq!(with("cli-v", "cli-v1.0"), Some("1.0"));
        assert_eq!(with("cli-v", "lib-v1.0"), None);
        for odd in ["", "a\nb", "a b", "\u{7f}", &"1".repeat(256)] {
            assert_eq!(TagRule::default().version(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn a_signature_is_found_even_when_the_pattern_leaves_it_out() {
        let rule = AssetRule::new(Some(r"\.tar\.gz$")).unwrap();
        let kept = with_signatures(vec![asset("x.tar.gz"), asset("x.tar.gz.asc"), asset("y.zip")], &rule);
        assert_eq!(kept.len(), 1);
        assert_eq!(
            kept[0].extra,
            [("signature-url".to_owned(), "https://a.example/x.tar.gz.asc".to_owned())]
        );
    }

    #[test]
    fn a_pattern_that_is_none_is_bad_input() {
        let error = AssetRule::new(Some("(")).unwrap_err();
        assert_eq!(error.code, "bad-input");
        assert!(error.message.contains("asset_pattern"));
    }

    #[test]
    fn digests_are_checked_and_lowered() {
        let digest = hex_digest(&format!("sha256:{}", "AB".repeat(32))).unwrap();
        assert_eq!((digest.algorithm.as_str(), digest.value), ("sha256", "ab".repeat(32)));
        for bad in ["", "sha256", "sha256:", "sha256:zz", "md5:00", &format!("sha512:{}", "a".repeat(64))] {
            assert!(hex_digest(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn short_cuts_between_characters() {
        assert_eq!(short("äöü", 4), "äö…");
        assert_eq!(short("a\u{1b}[b", 9), "a [b");
    }
}
