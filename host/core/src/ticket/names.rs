//! Names of scopes and of what they admit to.

use std::fmt;
use std::str::FromStr;

/// Names that a scope cannot have: parts of the API are called so.
const RESERVED: [&str; 20] = [
    "health",
    "onboarding",
    "invite",
    "enroll",
    "tunnels",
    "sites",
    "system",
    "services",
    "logs",
    "users",
    "certs",
    "invitations",
    "plugins",
    "tickets",
    "settings",
    "identity",
    "storage",
    "agents",
    "user-access",
    "gatekeeper",
];

/// A text that names no scope, or a scope that does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct InvalidScope {
    /// A sentence.
    pub what: String,
}

impl InvalidScope {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }

    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "invalid-scope"
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// What a scope is called: 1 to 50 of `a-z`, `0-9` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeName(String);

impl ScopeName {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ScopeName {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !is_word(text) || text.len() > 50 {
            return Err(InvalidScope::new("the name of a scope is 1 to 50 of a-z, 0-9 and `-`"));
        }
        match RESERVED.contains(&text) {
            true => {
                Err(InvalidScope::new(format!("`{text}` is the name of a part of the API; choose another")))
            }
            false => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for ScopeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an agent may do: `word:word`, at most 100 characters. The sub-scopes of a scope are capabilities.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(String);

impl Capability {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the colon: the name of the scope that it belongs to.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.0.split_once(':').map_or(&self.0, |(scope, _)| scope)
    }
}

impl FromStr for Capability {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((one, two)) if text.len() <= 100 && is_word(one) && is_word(two) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidScope::new(
                "a capability is `word:word` of a-z, 0-9 and `-`, at most 100 characters",
            )),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_is_none() {
        for good in ["shell", "a", "-", "0-9", &"x".repeat(50)] {
            assert_eq!(good.parse::<ScopeName>().unwrap().as_str(), good);
        }
        for bad in ["", "Shell", "a b", "a:b", "ä", "a_b", "agents", "tickets", &"x".repeat(51)] {
            assert_eq!(bad.parse::<ScopeName>().unwrap_err().code(), "invalid-scope", "{bad:?}");
        }
        let long = format!("{}:{}", "a".repeat(50), "b".repeat(49));
        for good in ["shell:connect", "a:b", long.as_str()] {
            assert_eq!(good.parse::<Capability>().unwrap().to_string(), good);
        }
        for bad in ["", "shell", ":", "a:", ":b", "a:b:c", "A:b", "a: b", &format!("{long}c")] {
            assert!(bad.parse::<Capability>().is_err(), "{bad:?}");
        }
        assert_eq!("shell:connect".parse::<Capability>().unwrap().scope(), "shell");
    }
}
