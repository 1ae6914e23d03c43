//! What every API of an index says about a project and its files.

use waystation_update_source::Digest;

/// A project as an index describes it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Project {
    /// Versions the index lists by themselves; more may be in the names of files.
    pub(crate) versions: Vec<String>,
    pub(crate) files: Vec<File>,
    /// Whether the index has more versions than it says here.
    pub(crate) more: bool,
    /// `archived`, `deprecated`, `quarantined` (PEP 792); nothing where it is active or unknown.
    pub(crate) status: Option<String>,
}

/// One file of a project.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct File {
    pub(crate) filename: String,
    /// Absolute; nothing where the index gave none that may be fetched.
    pub(crate) url: Option<String>,
    /// Where the index says it; else it is in the file's name.
    pub(crate) version: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) digests: Vec<Digest>,
    /// Why it was yanked (PEP 592), where it was; the reason may be empty.
    pub(crate) yanked: Option<String>,
    pub(crate) uploaded_at: Option<u64>,
    pub(crate) requires_python: Option<String>,
    /// Where its attestations are (PEP 740).
    pub(crate) provenance: Option<String>,
}

/// Digests under the names that Waystation uses, SHA-256 first; what is no hex is left out.
pub(crate) fn digests<'a>(hashes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Digest> {
    let mut digests: Vec<Digest> = hashes
        .into_iter()
        .filter(|(_, hex)| hex.len() >= 32 && hex.len() <= 256 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        .map(|(algorithm, hex)| Digest {
            algorithm: algorithm.to_ascii_lowercase().replace('_', "-"),
            value: hex.to_ascii_lowercase(),
        })
        .filter(|digest| !digest.algorithm.is_empty())
        .collect();
    digests.sort_by_key(|digest| digest.algorithm != "sha256");
    digests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_have_our_names() {
        let hex = "AB".repeat(32);
        let found = digests([
            ("md5", &hex[..32]),
            ("blake2b_256", &hex),
            ("sha256", &hex),
            ("sha1", "xyz"),
            ("", &hex),
        ]);
        let names: Vec<_> = found.iter().map(|digest| digest.algorithm.as_str()).collect();
        assert_eq!(names, ["sha256", "md5", "blake2b-256"]);
        assert_eq!(found[0].value, "ab".repeat(32));
    }
}
