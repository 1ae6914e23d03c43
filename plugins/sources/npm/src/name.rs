//! Package names.

use std::fmt;

use waystation_update_source::plugin::Error;

/// `package` or `@scope/package`, as the registry's own rules for old and new names allow: URL-safe
/// characters, no dot or underscore first, at most 214 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PackageName(String);

impl PackageName {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let parts = match text.strip_prefix('@') {
            Some(scoped) => scoped.split_once('/'),
            None => Some(("scope", text)),
        };
        let fits = parts.is_some_and(|(scope, package)| is_part(scope) && is_part(package));
        if fits && text.len() <= 214 {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.chars().take(80).collect();
        Err(Error::bad_input(format!("`{shown}` is not a package name; write `package` or `@scope/package`")))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_part(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with(['.', '_'])
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!'()*".contains(&b))
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_those_of_the_registry() {
        for name in ["typescript", "@types/node", "JSONStream", "lodash.merge", "a", "@a/b-c_d"] {
            assert_eq!(PackageName::parse(name).unwrap().as_str(), name);
        }
        for name in [
            "",
            "@",
            "@a",
            "@/b",
            "@a/",
            "@a/b/c",
            "a/b",
            "..",
            "@../x",
            "@a/..",
            ".hidden",
            "_x",
            "a b",
            "é",
            "a?b",
            "a%2fb",
            "left-pad@1",
            &"a".repeat(215),
        ] {
            assert_eq!(PackageName::parse(name).unwrap_err().code, "bad-input", "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            let _ = PackageName::parse(&text);
        }
    }
}
