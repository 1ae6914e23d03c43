//! Locators: which registry, which repository.

use waystation_listing::short;
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::url::Url;

/// Docker Hub, as image names call it.
pub(crate) const HUB: &str = "docker.io";
/// Docker Hub, as its registry is reached.
const HUB_HOST: &str = "registry-1.docker.io";
/// The longest `registry/name` that clients are expected to take (distribution-spec 1.1, "Pull").
const LONGEST: usize = 255;

/// An image repository: a registry and a name in it, without tag or digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    registry: String,
    name: String,
}

impl Image {
    /// Reads a locator as container tools do: the first part is a registry if it has a `.` or a `:` or is
    /// `localhost`; otherwise `default_registry` is meant. On Docker Hub a single name is below `library/`.
    pub(crate) fn parse(locator: &str, default_registry: &str) -> Result<Self, Error> {
        if locator.contains("://") {
            return Err(refused(locator, "is an address"));
        }
        if locator.contains('@') {
            return Err(refused(locator, "names a digest; the repository alone is asked about"));
        }
        let explicit = locator.split_once('/').filter(|(first, _)| is_registry(first));
        let (registry, name) = explicit.unwrap_or((default_registry, locator));
        if name.contains(':') {
            return Err(refused(locator, "names a tag; the repository alone is asked about"));
        }
        let registry = match registry.to_ascii_lowercase() {
            hub if matches!(hub.as_str(), HUB | "index.docker.io" | HUB_HOST) => HUB.to_owned(),
            other => other,
        };
        if !fits_as_registry(&registry) {
            return Err(refused(locator, "has no valid registry in front"));
        }
        let name = match name {
            single if registry == HUB && !single.contains('/') => format!("library/{single}"),
            name => name.to_owned(),
        };
        if !name.split('/').all(is_component) {
            return Err(refused(
                locator,
                "is no repository name (lower-case letters and digits, joined by `.`, `_`, `__` or `-`)",
            ));
        }
        if registry.len() + 1 + name.len() > LONGEST {
            return Err(refused(locator, "is longer than 255 characters"));
        }
        Ok(Self { registry, name })
    }

    /// The registry as image names spell it, with its port: `docker.io`, `ghcr.io`, `localhost:5000`.
    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository's name in the registry: `library/nginx`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The host and port to connect to.
    pub(crate) fn host(&self) -> &str {
        if self.registry == HUB { HUB_HOST } else { &self.registry }
    }

    /// A page for people, where it is known.
    pub(crate) fn page(&self) -> Option<String> {
        let name = (self.registry == HUB).then_some(&self.name)?;
        Some(match name.strip_prefix("library/") {
            Some(official) => format!("https://hub.docker.com/_/{official}/tags"),
            None => format!("https://hub.docker.com/r/{name}/tags"),
        })
    }
}

impl std::fmt::Display for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.registry, self.name)
    }
}

/// Whether the text can be a registry: a host, a port if need be, nothing else.
pub(crate) fn fits_as_registry(text: &str) -> bool {
    !text.contains(['/', '?', '#', '@']) && Url::parse(&format!("https://{text}")).is_ok()
}

fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first.eq_ignore_ascii_case("localhost")
}

/// One path component: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (distribution-spec 1.1, "Pull").
fn is_component(text: &str) -> bool {
    let mut separator = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | '0'..='9' => {
                let fits = matches!(separator.as_str(), "" | "." | "_" | "__")
                    || separator.bytes().all(|b| b == b'-');
                if !fits {
                    return false;
                }
                separator.clear();
            }
            '.' | '_' | '-' => separator.push(c),
            _ => return false,
        }
    }
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    starts && separator.is_empty()
}

fn refused(locator: &str, why: &str) -> Error {
    Error::bad_input(format!(
        "the locator `{}` {why}; write `name`, `owner/name` or `registry.example.org/owner/name`",
        short(locator, 120)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_container_tools_read_them() {
        let cases = [
            ("nginx", "docker.io/library/nginx", "registry-1.docker.io"),
            ("grafana/grafana", "docker.io/grafana/grafana", "registry-1.docker.io"),
            ("docker.io/nginx", "docker.io/library/nginx", "registry-1.docker.io"),
            ("index.docker.io/a/b", "docker.io/a/b", "registry-1.docker.io"),
            ("GHCR.io/owner/name", "ghcr.io/owner/name", "ghcr.io"),
            ("localhost/x", "localhost/x", "localhost"),
            ("localhost:5000/x", "localhost:5000/x", "localhost:5000"),
            ("[::1]:5000/x/y", "[::1]:5000/x/y", "[::1]:5000"),
            ("quay.io/a__b/c-d--e.f_g", "quay.io/a__b/c-d--e.f_g", "quay.io"),
        ];
        for (locator, whole, host) in cases {
            let image = Image::parse(locator, HUB).unwrap();
            assert_eq!((image.to_string().as_str(), image.host()), (whole, host), "{locator}");
        }
        let image = Image::parse("nginx", "mirror.example:5000").unwrap();
        assert_eq!(image.to_string(), "mirror.example:5000/nginx");
    }

    #[test]
    fn other_texts_are_refused_with_a_sentence() {
        let cases = [
            ("", "no repository name"),
            ("nginx:1.27", "names a tag"),
            ("localhost:5000", "names a tag"),
            ("ghcr.io/a/b:1", "names a tag"),
            ("nginx@sha256:00", "names a digest"),
            ("https://ghcr.io/a", "is an address"),
            ("Owner/Name", "no repository name"),
            ("a//b", "no repository name"),
            ("a/../b", "no repository name"),
            ("a/b-", "no repository name"),
            ("a/_b", "no repository name"),
            ("a/b___c", "no repository name"),
            ("a/b._c", "no repository name"),
            ("a/b%2fc", "no repository name"),
            ("a.b:x/c", "no valid registry"),
            ("ghcr.io/", "no repository name"),
        ];
        for (locator, part) in cases {
            let error = Image::parse(locator, HUB).unwrap_err();
            assert_eq!(error.code, "bad-input", "{locator}");
            assert!(error.message.contains(part), "{locator}: {}", error.message);
        }
        assert!(Image::parse(&"a".repeat(300), HUB).unwrap_err().message.contains("255"));
    }

    #[test]
    fn hub_pages() {
        let page = |locator| Image::parse(locator, HUB).unwrap().page();
        assert_eq!(page("nginx").as_deref(), Some("https://hub.docker.com/_/nginx/tags"));
        assert_eq!(page("a/b").as_deref(), Some("https://hub.docker.com/r/a/b/tags"));
        assert_eq!(page("ghcr.io/a/b"), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_accepted_stays_in_its_path(text in "\\PC{0,60}", name in "[a-z./_:@-]{0,30}") {
            for text in [text, name] {
                if let Ok(image) = Image::parse(&text, HUB) {
                    proptest::prop_assert!(!image.name().split('/').any(|part| part.is_empty() || part == ".."));
                }
            }
        }
    }
}
