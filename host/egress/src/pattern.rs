//! `OriginPattern`: which origins a grant or a credential is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{EgressError, Host, Origin};

/// One origin, or every origin under a domain.
///
/// `https://*.example.org` stands for one **or more** whole labels to the left of `example.org`, on the
/// same scheme and port: `a.example.org` and `a.b.example.org`, never `example.org` itself. There is no
/// wildcard for everything, and none over a suffix of a single label (`*.org`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OriginPattern(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Exact(Origin),
    /// Holds the origin of the bare domain, whose host is a name of two labels or more.
    Under(Origin),
}

impl OriginPattern {
    /// Whether `origin` is one of those this pattern stands for.
    #[must_use]
    pub fn matches(&self, origin: &Origin) -> bool {
        match &self.0 {
            Kind::Exact(exact) => exact == origin,
            Kind::Under(domain) => {
                domain.scheme() == origin.scheme()
                    && domain.port() == origin.port()
                    && under(origin.host(), domain.host())
            }
        }
    }
}

/// Whether `host` has one or more whole labels to the left of `domain`.
fn under(host: &Host, domain: &Host) -> bool {
    let (Host::Name(host), Host::Name(domain)) = (host, domain) else { return false };
    let left = host.strip_suffix(domain.as_ref()).and_then(|left| left.strip_suffix('.'));
    left.is_some_and(|labels| !labels.is_empty())
}

impl From<Origin> for OriginPattern {
    fn from(origin: Origin) -> Self {
        Self(Kind::Exact(origin))
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Exact(origin) => write!(f, "{origin}"),
            Kind::Under(domain) => write!(f, "{}://*.{}", domain.scheme().as_str(), domain.authority()),
        }
    }
}

impl FromStr for OriginPattern {
    type Err = EgressError;

    fn from_str(given: &str) -> Result<Self, EgressError> {
        let Some((scheme, rest)) = given.split_once("://*") else {
            return given.parse().map(|origin| Self(Kind::Exact(origin)));
        };
        let refuse = |why| Err(EgressError::bad_origin(given, why));
        let Some(domain) = rest.strip_prefix('.') else {
            return refuse(
                "no wildcard stands for every host; name the origins, or a domain as in https://*.example.org",
            );
        };
        let domain: Origin = match format!("{scheme}://{domain}").parse() {
            Ok(domain) => domain,
            Err(EgressError::BadOrigin { why, .. }) => return refuse(why),
            Err(other) => return Err(other),
        };
        match domain.host() {
            Host::Ip(_) => refuse("a wildcard stands for names, and this is an address"),
            Host::Name(name) if !name.contains('.') => {
                refuse("a wildcard needs a domain of two labels or more, as in https://*.example.org")
            }
            Host::Name(_) => Ok(Self(Kind::Under(domain))),
        }
    }
}

impl TryFrom<String> for OriginPattern {
    type Error = EgressError;

    fn try_from(given: String) -> Result<Self, EgressError> {
        given.parse()
    }
}

impl From<OriginPattern> for String {
    fn from(pattern: OriginPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, origin: &str) -> bool {
        pattern.parse::<OriginPattern>().unwrap().matches(&origin.parse().unwrap())
    }

    #[test]
    fn a_wildcard_stands_for_whole_labels_to_the_left() {
        let pattern = "https://*.example.org";
        for inside in ["https://a.example.org", "https://a.b.example.org", "https://A.EXAMPLE.org:443"] {
            assert!(matches(pattern, inside), "{inside}");
        }
        for outside in [
            "https://example.org",
            "https://badexample.org",
            "https://a.badexample.org",
            "https://example.org.evil.example",
            "https://a.example.org.evil.example",
            "http://a.example.org",
            "https://a.example.org:8443",
            "https://127.0.0.1",
        ] {
            assert!(!matches(pattern, outside), "{outside}");
        }
        assert!(matches("http://*.example.org:8080", "http://a.example.org:8080"));
        assert!(matches("https://*.bücher.example", "https://a.xn--bcher-kva.example"));
    }

    #[test]
    fn without_a_wildcard_it_is_one_origin() {
        assert!(matches("https://example.org", "https://example.org:443"));
        assert!(!matches("https://example.org", "https://a.example.org"));
        assert!(!matches("https://example.org", "http://example.org"));
        assert!(matches("http://0x7f.1:8080", "http://127.0.0.1:8080"));
    }

    #[test]
    fn wildcards_that_say_too_much_are_refused() {
        let table = [
            ("https://*", "every host"),
            ("https://*:8443", "every host"),
            ("https://*example.org", "every host"),
            ("https://*.org", "two labels"),
            ("https://*.localhost:1", "two labels"),
            ("https://*.", "not a valid name"),
            ("https://*.*.example.org", "wildcard can only"),
            ("https://a.*.example.org", "wildcard can only"),
            ("https://*.127.0.0.1", "address"),
            ("https://*.[::1]", "address"),
            ("https://*.example.org/x", "path"),
            ("*://*.example.org", "http or https"),
            ("*", "needs a scheme"),
            ("*.example.org", "needs a scheme"),
        ];
        for (given, reason) in table {
            let sentence = given.parse::<OriginPattern>().map(|p| p.to_string()).unwrap_err().to_string();
            assert!(sentence.contains(reason) && sentence.contains(given), "{given}: {sentence}");
        }
    }

    proptest! {
        #[test]
        fn a_wildcard_never_matches_what_does_not_end_in_its_domain(host in "[a-z0-9-]{1,8}(\\.[a-z]{1,8}){0,3}") {
            if let Ok(origin) = format!("https://{host}").parse::<Origin>() {
                prop_assert_eq!(matches("https://*.a.b", &origin.to_string()), host.ends_with(".a.b"));
            }
        }

        #[test]
        fn display_parses_back(given in "https?://(\\*\\.)?[a-z]{1,5}\\.[a-z]{1,5}(:[1-9][0-9]{0,3})?") {
            let pattern: OriginPattern = given.parse().unwrap();
            prop_assert_eq!(pattern.to_string().parse::<OriginPattern>().unwrap(), pattern);
        }
    }
}
