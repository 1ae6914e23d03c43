//! Credentials that the host makes: a prefix that says which kind, and 256 random bits as 64 lower-case hex digits.
//!
//! The prefix lets scanners find leaked ones, and keeps each kind on its plane: one kind does not parse as another. What
//! is kept is SHA-256 of the text. That is enough for 256 random bits: unlike a password, there is nothing to guess.

use std::{fmt, marker::PhantomData, str::FromStr};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::IdentityError;

/// Random bytes in one credential.
pub const RANDOM: usize = 32;

/// A kind of credential.
pub trait Kind: 'static {
    /// Starts its text.
    const PREFIX: &'static str;
    /// What it is called in a sentence.
    const WHAT: &'static str;
}

macro_rules! kind {
    ($(#[$doc:meta])* $kind:ident, $credential:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $kind {}

        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
            const WHAT: &'static str = $what;
        }

        $(#[$doc])*
        pub type $credential = Credential<$kind>;
    };
}

kind!(
    /// Speaks for a user or a service to the API.
    Api,
    ApiToken,
    "wst_",
    "an API token"
);
kind!(
    /// The right to enrol.
    Enrolment,
    EnrolmentToken,
    "wse_",
    "an enrolment token"
);
kind!(
    /// Speaks for one machine.
    Agent,
    AgentKey,
    "wsa_",
    "an agent key"
);

kind!(
    /// What a new pair of tokens is got with, once.
    Refresh,
    RefreshToken,
    "wsr_",
    "a refresh token"
);
kind!(
    /// What the first user becomes owner with, once: the end of the link that is printed at the first start.
    Link,
    LinkToken,
    "wsl_",
    "a link to become owner"
);
kind!(
    /// What a provider is to send back with somebody (`state` of OAuth 2.0).
    Asked,
    AskedToken,
    "wsq_",
    "the state of a login"
);
kind!(
    /// What a browser is known by that was sent to a provider.
    Browser,
    BrowserToken,
    "wsb_",
    "the cookie of a login"
);
kind!(
    /// What somebody who came back from a provider logs in with, once.
    Entry,
    EntryCode,
    "wso_",
    "the code of a login"
);
kind!(
    /// What a device asks with whether somebody let it in.
    Device,
    DeviceCode,
    "wsd_",
    "a device code"
);

/// A credential of a kind. It is shown to its owner once and never kept.
pub struct Credential<K: Kind> {
    text: SecretString,
    kind: PhantomData<K>,
}

impl<K: Kind> Credential<K> {
    /// Of random bits that are used for nothing else.
    #[must_use]
    pub fn new(random: &[u8; RANDOM]) -> Self {
        Self { text: format!("{}{}", K::PREFIX, hex::encode(random)).into(), kind: PhantomData }
    }

    /// A new one, from the random numbers of the operating system.
    #[must_use]
    pub fn generate() -> Self {
        Self::new(&rand::random())
    }

    /// The text, for the one who gives it to its owner.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }

    /// What to keep, and to look up by.
    #[must_use]
    pub fn digest(&self) -> CredentialDigest<K> {
        CredentialDigest { bytes: Sha256::digest(self.reveal().as_bytes()).into(), kind: PhantomData }
    }
}

impl<K: Kind> FromStr for Credential<K> {
    type Err = IdentityError;

    /// Reads the one spelling that there is.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(K::PREFIX).unwrap_or_default();
        let hex = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        match digits.len() == 2 * RANDOM && hex {
            true => Ok(Self { text: text.to_owned().into(), kind: PhantomData }),
            false => Err(IdentityError::Form(K::WHAT)),
        }
    }
}

impl<K: Kind> Clone for Credential<K> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), kind: PhantomData }
    }
}

impl<K: Kind> fmt::Debug for Credential<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digest().fmt(f)
    }
}

/// SHA-256 of a credential: how it is kept, listed and logged. Nobody gets in with it.
pub struct CredentialDigest<K: Kind> {
    bytes: [u8; 32],
    kind: PhantomData<K>,
}

impl<K: Kind> CredentialDigest<K> {
    /// Of 32 bytes that were kept.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self { bytes, kind: PhantomData })
    }

    /// The bytes to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Whether it is of this credential. The time that takes tells nothing.
    #[must_use]
    pub fn is_of(&self, presented: &Credential<K>) -> bool {
        self.bytes.ct_eq(&presented.digest().bytes).into()
    }

    /// Tells credentials apart for people: six hex digits of the digest.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex::encode(self.bytes).chars().take(6).collect()
    }
}

impl<K: Kind> Clone for CredentialDigest<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kind> Copy for CredentialDigest<K> {}

impl<K: Kind> fmt::Debug for CredentialDigest<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…#{}", K::PREFIX, self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_credential_has_one_spelling() {
        let digits = "5f".repeat(RANDOM);
        let text = format!("wst_{digits}");
        assert_eq!(text.parse::<ApiToken>().unwrap().reveal(), text);
        assert_eq!(ApiToken::new(&[0x5f; RANDOM]).reveal(), text);
        for bad in [
            "",
            "wst_",
            &digits,
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}0"),
            &format!(" {text}"),
            &format!("{text}\n"),
            &format!("{text}\0"),
            &text.to_uppercase(),
            &format!("WST_{digits}"),
            &format!("wst_{}", digits.to_uppercase()),
            &format!("wst-{digits}"),
            &format!("wst_{}g", &digits[1..]),
            &format!("wst_{}é", &digits[2..]),
            &format!("wst_wst_{}", &digits[4..]),
        ] {
            let error = bad.parse::<ApiToken>().unwrap_err();
            assert_eq!(error.code(), "invalid-credential", "{bad:?}");
            assert!(!error.to_string().contains("5f"), "{error}");
        }
    }

    #[test]
    fn one_kind_is_no_other() {
        fn only<K: Kind>(text: &str, reads: bool) {
            assert_eq!(text.parse::<Credential<K>>().is_ok(), reads, "{} {text}", K::WHAT);
        }
        let texts =
            [ApiToken::generate().reveal().to_owned(), EnrolmentToken::generate().reveal().to_owned()];
        for (n, text) in texts.iter().chain([&AgentKey::generate().reveal().to_owned()]).enumerate() {
            only::<Api>(text, n == 0);
            only::<Enrolment>(text, n == 1);
            only::<Agent>(text, n == 2);
        }
    }

    #[test]
    fn a_credential_does_not_print() {
        let token = ApiToken::new(&[0x5f; RANDOM]);
        let printed = format!("{token:?} {:?}", token.digest());
        assert!(!printed.contains("5f5f") && printed.starts_with("wst_…#"), "{printed}");
        assert_eq!(token.digest().fingerprint().len(), 6);
        // SHA-256 over prefix and digits, as computed by another program.
        let known = "afc0ccf99f32c3b47ccf7b1d14a792c641f57a7fa407a5c7835ba4c0c882a043";
        assert_eq!(hex::encode(token.digest().as_bytes()), known);
        assert!(printed.starts_with("wst_…#afc0cc "));
    }

    #[test]
    fn two_are_never_the_same() {
        assert_ne!(AgentKey::generate().reveal(), AgentKey::generate().reveal());
    }

    proptest! {
        #[test]
        fn a_digest_is_of_its_credential_alone(one: [u8; RANDOM], at in 0..RANDOM, bit in 0u8..8) {
            let token = EnrolmentToken::new(&one);
            let read: EnrolmentToken = token.reveal().parse().unwrap();
            let kept = CredentialDigest::from_bytes(token.digest().as_bytes()).unwrap();
            prop_assert!(kept.is_of(&read) && kept.is_of(&token.clone()));
            let mut other = one;
            other[at] ^= 1 << bit;
            prop_assert!(!kept.is_of(&EnrolmentToken::new(&other)));
        }

        #[test]
        fn any_text_is_refused_or_read_as_it_is(text in "(wst_)?[0-9a-fA-F]{60,68}|\\PC{0,80}") {
            if let Ok(token) = text.parse::<ApiToken>() {
                prop_assert_eq!(token.reveal(), text.as_str());
                prop_assert_eq!(text.len(), 68);
            }
        }
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for length in [0, 31, 33, 64] {
            assert!(CredentialDigest::<Api>::from_bytes(&vec![0; length]).is_none());
        }
    }
}
