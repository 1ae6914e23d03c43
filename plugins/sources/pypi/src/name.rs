//! Project names (PEP 508) and their normal form (PEP 503).

use waystation_update_source::plugin::Error;

/// A project's name in its normal form: lower-case, with `-` for each run of `-`, `_`, `.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProjectName(String);

impl ProjectName {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let fits =
            text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if fits && edge(text.chars().next()) && edge(text.chars().next_back()) {
            return Ok(Self(normalize(text)));
        }
        let shown: String = text.chars().take(80).collect();
        Err(Error::bad_input(format!(
            "`{shown}` is not a project name; it has letters, digits, `-`, `_` and `.`, with a letter or digit at each end"
        )))
    }

    pub(crate) fn normalized(&self) -> String {
        self.0.clone()
    }

    /// Whether a spelling means this project.
    pub(crate) fn is(&self, spelling: &str) -> bool {
        normalize(spelling) == self.0
    }
}

fn normalize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut separated = false;
    for character in text.chars() {
        if matches!(character, '-' | '_' | '.') {
            if !separated {
                out.push('-');
            }
            separated = true;
        } else {
            out.push(character.to_ascii_lowercase());
            separated = false;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_have_a_normal_form() {
        for spelling in [
            "friendly-bard",
            "Friendly-Bard",
            "FRIENDLY-BARD",
            "friendly.bard",
            "friendly_bard",
            "FrIeNdLy-._.-bArD",
        ] {
            assert_eq!(ProjectName::parse(spelling).unwrap().normalized(), "friendly-bard");
        }
        for text in ["", "-a", "a-", ".", "..", "a/b", "a b", "é", "a[extra]", "a==1", &"a".repeat(129)] {
            assert_eq!(ProjectName::parse(text).unwrap_err().code, "bad-input", "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            if let Ok(name) = ProjectName::parse(&text) {
                prop_assert!(name.is(&text) && name.is(&name.normalized()));
            }
        }
    }
}
