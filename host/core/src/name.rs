//! Names that people choose: lower-case ASCII, so that they compare byte by byte everywhere, fit into a
//! URL and cannot be mistaken for one another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The longest name, in bytes.
pub const MAX_NAME: usize = 128;

/// A text that is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} must be 1 to {MAX_NAME} characters, start with a-z or 0-9 and hold only a-z, 0-9 and {marks}; \
     choose such a name"
)]
pub struct InvalidName {
    what: &'static str,
    marks: &'static str,
}

impl InvalidName {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "invalid-name"
    }
}

/// Whether `text` is a name whose punctuation is among `marks`.
fn is_name(text: &str, marks: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= MAX_NAME
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|b| plain(b) || marks.as_bytes().contains(&b))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $marks:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                if is_name(&text, $marks) {
                    Ok(Self(text))
                } else {
                    Err(InvalidName { what: $what, marks: $marks })
                }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// What an operator calls an item; unique.
    ItemName,
    "an item name",
    "._+@/-"
);
name!(
    /// What an operator calls a machine; unique.
    MachineName,
    "a machine name",
    "._-"
);
name!(
    /// What a plugin is called in the configuration.
    PluginName,
    "a plugin name",
    "._/-"
);
name!(
    /// The package manager that installed an item on a machine, such as `apt`.
    ManagerName,
    "a manager name",
    "._/-"
);
name!(
    /// Where notifications go; named in the configuration.
    ChannelName,
    "a channel name",
    "._/-"
);
name!(
    /// Whose something is. There is one tenant until an operator makes more.
    TenantName,
    "a tenant name",
    "-"
);
name!(
    /// A scheduled task.
    TaskName,
    "a task name",
    "._:/-"
);

name!(
    /// A word that operators put on machines, to speak of several at once.
    TagName,
    "a tag",
    "._:/-"
);
name!(
    /// What a user or a service logs in as; unique. An address of mail is one.
    UserName,
    "a user name",
    "._+@-"
);
name!(
    /// A provider that users log in at, as the configuration calls it.
    ProviderName,
    "the name of a provider",
    "-"
);
name!(
    /// What an API token is called; unique among those of a user.
    TokenName,
    "a token name",
    "._/-"
);
name!(
    /// What some grants are called together.
    RoleName,
    "a role name",
    "._-"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_is_none() {
        for good in ["a", "0ad", "ripgrep", "lib+x", "scope/pkg@2", "a-b_c.d"] {
            assert_eq!(good.parse::<ItemName>().unwrap().as_str(), good);
        }
        let long = "x".repeat(MAX_NAME + 1);
        for bad in ["", "-a", ".a", "A", "ä", "a b", "a\0", "a\n", "a%", long.as_str()] {
            assert!(bad.parse::<ItemName>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(MAX_NAME).parse::<ItemName>().is_ok());
        assert!("a+b".parse::<PluginName>().is_err());
    }

    #[test]
    fn a_bad_name_does_not_come_in_through_json() {
        assert!(serde_json::from_str::<ItemName>("\"Ripgrep\"").is_err());
        assert_eq!(serde_json::to_string(&"rg".parse::<ItemName>().unwrap()).unwrap(), "\"rg\"");
    }

    #[test]
    fn the_refusal_says_what_a_name_is() {
        let error = "A".parse::<ChannelName>().unwrap_err();
        assert_eq!(error.code(), "invalid-name");
        assert!(error.to_string().starts_with("a channel name must be 1 to 128"), "{error}");
    }
}
