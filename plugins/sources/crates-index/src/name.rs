//! Crate names and their place in an index.

use std::fmt;

use waystation_update_source::plugin::Error;

/// A crate's name: ASCII letters, digits, `-` and `_`, at most 64, a letter or `_` first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CrateName(String);

impl CrateName {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let fits = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if first && fits {
            return Ok(Self(text.to_owned()));
        }
        let shown: String = text.chars().take(80).collect();
        Err(Error::bad_input(format!(
            "`{shown}` is not a crate name; it starts with a letter and has letters, digits, `-` and `_`, at most 64"
        )))
    }

    /// The steps from the index's root to this crate's file, as Cargo's registry reference says.
    pub(crate) fn index_path(&self) -> Vec<String> {
        let lower = self.0.to_ascii_lowercase();
        let mut path = prefix(&lower);
        path.push(lower);
        path
    }
}

/// `1`, `2`, `3/a`, or `ab/cd`: without the name itself.
pub(crate) fn prefix(name: &str) -> Vec<String> {
    let part = |range: std::ops::Range<usize>| name.get(range).unwrap_or_default().to_owned();
    match name.len() {
        length @ 0..=2 => vec![length.to_string()],
        3 => vec!["3".to_owned(), part(0..1)],
        _ => vec![part(0..2), part(2..4)],
    }
}

impl fmt::Display for CrateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_follow_the_length() {
        for (name, path) in [
            ("a", "1/a"),
            ("aB", "2/ab"),
            ("AbC", "3/a/abc"),
            ("abcd", "ab/cd/abcd"),
            ("Cargo_Edit-9", "ca/rg/cargo_edit-9"),
        ] {
            assert_eq!(CrateName::parse(name).unwrap().index_path().join("/"), path);
        }
    }

    #[test]
    fn other_words_are_refused() {
        for text in ["", "../config", "a/b", "é", "9lives", "-a", "a b", "serde@1", &"a".repeat(65)] {
            let error = CrateName::parse(text).unwrap_err();
            assert_eq!(error.code, "bad-input", "{text}");
            assert!(error.message.len() < 300);
        }
    }

    proptest! {
        #[test]
        fn no_name_leaves_the_index(text in any::<String>(), name in "[a-zA-Z_][a-zA-Z0-9_-]{0,63}") {
            let _ = CrateName::parse(&text);
            let path = CrateName::parse(&name).unwrap().index_path();
            prop_assert!(path.iter().all(|step| !step.is_empty() && !step.contains(['/', '.'])));
        }
    }
}
