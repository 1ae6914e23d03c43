//! The API token of this host: 256 bits in a file that only its user reads.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Starts every token, so that scanners for leaked secrets know it.
const PREFIX: &str = "wst_";

/// The name of the file in the data folder.
pub const TOKEN_FILE: &str = "api-token";

/// A token to compare with.
#[derive(Clone)]
pub struct ApiToken {
    text: SecretString,
    digest: [u8; 32],
}

impl ApiToken {
    /// Reads the token of a data folder, making one when there is none.
    ///
    /// # Errors
    /// When the file can be neither read nor made.
    pub fn open(data: &Path) -> std::io::Result<Self> {
        let path = data.join(TOKEN_FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().len() >= PREFIX.len() + 64 => Ok(Self::new(text.trim())),
            Ok(_) => Err(std::io::Error::other(format!(
                "{} holds no token; remove it, and a new one is made",
                path.display()
            ))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let text = format!("{PREFIX}{}", hex::encode(rand::random::<[u8; 32]>()));
                // Whole or not at all: a disk that fills up meanwhile leaves no file without a token.
                waystation_files::replace(&path, text.as_bytes(), waystation_files::Access::Private)?;
                Ok(Self::new(&text))
            }
            Err(e) => Err(e),
        }
    }

    fn new(text: &str) -> Self {
        Self { digest: Sha256::digest(text.as_bytes()).into(), text: text.to_owned().into() }
    }

    /// Whether a presented token is this one. Digests are compared, in constant
    /// time, so that the time tells nothing about the token.
    pub fn matches(&self, presented: &str) -> bool {
        let digest: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        digest.ct_eq(&self.digest).into()
    }

    /// The token, for the one who prints it to its owner.
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let first = ApiToken::open(folder.path()).unwrap();
        let second = ApiToken::open(folder.path()).unwrap();
        assert_eq!(first.reveal(), second.reveal());
        assert!(first.matches(second.reveal()));
        assert!(!first.matches(&first.reveal()[1..]));
        assert!(!first.matches(""));
        let mode = std::fs::metadata(folder.path().join(TOKEN_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn whatever_is_not_the_whole_token_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let token = ApiToken::open(folder.path()).unwrap();
        let right = token.reveal().to_owned();
        assert!(token.matches(&right));
        for length in 0..right.len() {
            // Too short, too long by as much, and wrong in one place.
            assert!(!token.matches(&right[..length]), "{length}");
            assert!(!token.matches(&format!("{right}{}", &right[..=length])), "{length}");
            let other = if &right[length..=length] == "0" { "1" } else { "0" };
            let mut wrong = right.clone();
            wrong.replace_range(length..=length, other);
            assert!(!token.matches(&wrong), "{length}");
        }
        assert!(!token.matches(&right.to_uppercase()));
        assert!(!token.matches(&format!("{right}\0")));
    }

    /// Time cannot be measured honestly in a test. What is held instead: secrets are compared by `subtle`, as
    /// digests of one length, and by nothing else in this file.
    #[test]
    fn only_a_constant_time_function_compares() {
        let source = include_str!("token.rs");
        let code = source.split("#[cfg(test)]").next().unwrap();
        let mentions = |word: &str| code.lines().filter(|line| line.contains(word)).count();
        assert_eq!(mentions(".ct_eq(&self.digest)"), 1);
        assert_eq!(mentions("self.digest"), 1, "the digest is used elsewhere");
        assert_eq!(mentions("self.text"), 1, "the token itself is only given out by `reveal`");
        assert!(!code.contains("PartialEq") && !code.contains("pub fn digest"));
    }

    #[test]
    fn an_empty_file_is_no_token() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(TOKEN_FILE), "").unwrap();
        assert!(ApiToken::open(folder.path()).is_err());
    }
}
