//! Where an artifact is.

use std::fmt;
use std::str::FromStr;

use waystation_bundle::ContentDigest;

use crate::error::OciError;

/// `registry.example:5000/some/name:tag@sha256:…`: a registry, a repository in it, and a tag, a digest or both. Where
/// there is a digest, it counts.
///
/// There is no registry by default, and no tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<ContentDigest>,
}

impl Reference {
    /// The registry, with its port if it was given.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest.
    pub fn digest(&self) -> Option<ContentDigest> {
        self.digest
    }

    /// The same with this tag, if it has none.
    #[must_use]
    pub fn or_tag(mut self, tag: &str) -> Self {
        if self.tag.is_none() && is_tag(tag) {
            self.tag = Some(tag.to_owned());
        }
        self
    }
}

impl FromStr for Reference {
    type Err = OciError;

    fn from_str(text: &str) -> Result<Self, OciError> {
        let bad = |why| OciError::BadReference { text: text.to_owned(), why };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                (rest, Some(ContentDigest::parse(digest).ok_or_else(|| bad("its digest is not a SHA-256"))?))
            }
            None => (text, None),
        };
        let (registry, path) = rest.split_once('/').ok_or_else(|| bad("it names no registry"))?;
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        if !is_registry(registry) {
            return Err(bad("what is before the first `/` is no registry"));
        }
        if repository.len() > 255 || !repository.split('/').all(is_component) {
            return Err(bad("the repository is of lower-case letters, digits and single separators"));
        }
        if !tag.is_none_or(is_tag) {
            return Err(bad("the tag has characters that no tag has"));
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// A host that has a dot, a port or is `localhost`: another word is a part of a repository.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(label)
        && port.is_none_or(|port| !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port > 0))
        && (host.contains('.') || port.is_some() || host == "localhost")
}

/// Letters and digits, and between them `.`, `_`, `__` or hyphens.
fn is_component(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let separators = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let separator = |s: &str| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|b| b == b'-');
    edge(text.chars().next()) && edge(text.chars().next_back()) && { separators }.all(separator)
}

fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=128).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_say_where_and_what() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for text in [
            "registry.example/a",
            "registry.example/a/b-c/d__e.f:1.0.0_x",
            "localhost/a:latest",
            "localhost:5000/a",
            "127.0.0.1:5000/a:1",
            &format!("r.example/a@{digest}"),
            &format!("r.example/a:1@{digest}"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "a",
            "a/b",
            "/a",
            "r.example/",
            "r.example/A",
            "r.example/a//b",
            "r.example/../a",
            "r.example/-a",
            "r.example/a..b",
            "r.example/a:",
            "r.example/a:-x",
            "r.example/a:b:c",
            "r.example/a?x",
            "r.example/a@sha256:x",
            "https://r.example/a",
            "u@r.example/a",
            "r.example:99999/a",
            "r.example:/a",
            "-r.example/a",
            "r..example/a",
        ] {
            assert_eq!(wrong.parse::<Reference>().unwrap_err().code(), "bad-reference", "{wrong}");
        }
        let tagged = "r.example/a".parse::<Reference>().unwrap().or_tag("1.0");
        assert_eq!(tagged.tag(), Some("1.0"));
        assert_eq!(tagged.or_tag("2.0").tag(), Some("1.0"));
    }
}
