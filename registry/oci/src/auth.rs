//! Credentials, and what a registry says that it wants.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

/// What a registry knows a user by.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A name and a password or access token.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A token that is sent as it is.
    Bearer(SecretString),
}

impl Credentials {
    /// The value of `Authorization`.
    pub(crate) fn header(&self) -> SecretString {
        match self {
            Self::Basic { user, password } => {
                let pair = format!("{user}:{}", password.expose_secret());
                format!("Basic {}", BASE64_STANDARD.encode(pair)).into()
            }
            Self::Bearer(token) => format!("Bearer {}", token.expose_secret()).into(),
        }
    }
}

/// What `WWW-Authenticate` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    /// A token from another service.
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads the first challenge of a known scheme. Source: RFC 9110, section 11.6.1.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut parameters = parameters(rest)?;
        Some(Self::Bearer { realm: parameters.remove("realm")?, service: parameters.remove("service") })
    }
}

/// `a="x", b=y`: names in lower case; none when it is anything else.
fn parameters(text: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, after) = quoted.split_once('"')?;
                // A quoted pair is not used by any registry, and guessing is not for credentials.
                if value.contains('\\') {
                    return None;
                }
                (value, after)
            }
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if found.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned()).is_some() {
            return None;
        }
        rest = after.trim_start();
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start();
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_or_not_answered() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
        };
        let whole =
            "Bearer realm=\"https://a.example/t\",service=\"s, t\",scope=\"repository:a/b:pull,push\"";
        assert_eq!(Challenge::parse(whole), bearer("https://a.example/t", Some("s, t")));
        assert_eq!(Challenge::parse("bearer Realm=x"), bearer("x", None));
        assert_eq!(Challenge::parse("Basic realm=\"x\""), Some(Challenge::Basic));
        for wrong in [
            "",
            "Negotiate",
            "Bearer",
            "Bearer service=\"x\"",
            "Bearer realm=\"a",
            "Bearer realm=\"a\" service=\"b\"",
            "Bearer realm=\"a\",realm=\"b\"",
            "Bearer realm=\"a\\\"b\"",
        ] {
            assert_eq!(Challenge::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn credentials_are_sent_and_never_printed() {
        let basic = Credentials::Basic { user: "me".into(), password: "hunter2".to_owned().into() };
        assert_eq!(basic.header().expose_secret(), "Basic bWU6aHVudGVyMg==");
        assert!(!format!("{basic:?}").contains("hunter2"));
    }
}
