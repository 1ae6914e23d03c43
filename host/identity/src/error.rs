//! What is refused, and why.

use std::time::Duration;

use crate::password::{MAX_PASSWORD, MIN_PASSWORD};

/// Why a credential does not hold, or cannot be made.
///
/// The sentences are for logs and for those who may know. Towards somebody who is not logged in, all that speaks against a
/// credential is one answer: 401.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A text that is no credential of the kind that is asked for here. It is not repeated.
    #[error("this is not {0}; copy it whole, as it was shown")]
    Form(&'static str),
    /// A password that is too short or too long to be chosen.
    #[error("a password has {MIN_PASSWORD} to {MAX_PASSWORD} bytes; choose a longer or a shorter one")]
    PasswordLength,
    /// A kept password hash that is not one that this host makes.
    #[error("the stored hash of this password cannot be used; set a new password")]
    PasswordHash,
    /// A cost of hashing that is below what protects, or above what a host bears.
    #[error("the cost of hashing passwords is out of bounds: {0}")]
    Cost(&'static str),
    /// The memory for hashing was not to be had.
    #[error("there is no memory to check a password with; try again later")]
    Memory,
    /// Too many attempts failed.
    #[error("too many attempts failed; try again in {} s", seconds(.0))]
    Locked(Duration),
    /// Too many attempts in too short a time.
    #[error("too many attempts; try again in {} s", seconds(.0))]
    TooFast(Duration),
    /// Six digits that are not those of now.
    #[error("the code is not that of now; look again, and check the clock of the device")]
    WrongCode,
    /// Six digits that were used already, or older ones than those.
    #[error("the code was used already; wait for the next one")]
    CodeUsed,
    /// A secret that is too short to sign with.
    #[error("the secret that tokens are signed with has {0} bytes; give it 32 or more, random ones")]
    WeakSecret(usize),
    /// A key that is given twice.
    #[error("a key that tokens are signed with is given twice; remove one")]
    SecretTwice,
    /// More replaced keys than are kept.
    #[error("there are more than 8 keys that were replaced; remove those that are over")]
    TooManySecrets,
    /// What is no token of this host.
    #[error("this is no token of this host: {0}; log in again")]
    Jwt(&'static str),
    /// A token of a key that is not there, or not any more.
    #[error("this token is signed with a key that does not count here; log in again")]
    UnknownKey,
    /// A token that was changed, or made by somebody else.
    #[error("the signature of this token does not hold; log in again")]
    Signature,
    /// A token of another host, or for another part of this one.
    #[error("this token is not for here; log in here")]
    Audience,
    /// A token for something else.
    #[error("this token is for another purpose; use the one that was made for this")]
    Purpose,
    /// A token that does not hold any more, since its login ended.
    #[error("this login has ended; log in again")]
    Ended,
    /// A refresh token that was used before: somebody else has it too.
    #[error("this refresh token was used before, so its login has ended; log in again")]
    Reused,
    /// More logins wait for a provider than may.
    #[error("too many logins wait for a provider; try again in a few minutes")]
    Crowded,
    /// A link or a code that there is not, or not any more.
    #[error("there is no such link or code any more; ask for a new one")]
    Gone,
    /// A link to become owner, when there is one.
    #[error("there is an owner already; ask them to add you")]
    OwnerExists,
    /// A secret that was encrypted with a key that is not there, or that was changed.
    #[error("a stored secret cannot be decrypted; give the host the key it was stored with, as an old one")]
    Sealed,
    /// What is no signed note.
    #[error("this is no signed note; give the whole file, as it was written")]
    Note,
    /// A note that was changed.
    #[error("the signature of this note does not hold: it was changed, or somebody else made it")]
    NoteSignature,
    /// A note that nobody signed who is known.
    #[error("none of the keys that were given signed this")]
    NoteSigner,
    /// A name that somebody has.
    #[error("a user of that name is there already; choose another name")]
    NameTaken,
    /// The password is right, and a second factor is asked for.
    #[error(
        "a second factor is asked for: log in with the password and the code of the app, or a recovery code"
    )]
    SecondFactor,
    /// A token that does not hold yet.
    #[error("this token does not hold yet; compare the clocks of the hosts")]
    NotYet,
    /// A token that is over.
    #[error("this token is over; get a new one")]
    Expired,
}

/// In whole seconds, upwards: as `Retry-After` says it.
const fn seconds(time: &Duration) -> u64 {
    let whole = time.as_secs();
    if time.subsec_nanos() == 0 { whole } else { whole.saturating_add(1) }
}

impl IdentityError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Form(_) => "invalid-credential",
            Self::PasswordLength => "password-length",
            Self::PasswordHash => "unusable-password-hash",
            Self::Cost(_) => "password-cost",
            Self::Memory => "out-of-memory",
            Self::Locked(_) => "locked",
            Self::TooFast(_) => "too-many-attempts",
            Self::WrongCode => "wrong-code",
            Self::CodeUsed => "code-used",
            Self::WeakSecret(_) => "weak-jwt-secret",
            Self::SecretTwice => "jwt-secret-twice",
            Self::TooManySecrets => "too-many-jwt-secrets",
            Self::Jwt(_) => "invalid-jwt",
            Self::UnknownKey => "unknown-jwt-key",
            Self::Signature => "jwt-signature",
            Self::Audience => "jwt-audience",
            Self::Purpose => "jwt-purpose",
            Self::Ended => "login-ended",
            Self::Reused => "refresh-reused",
            Self::Crowded => "too-many-waiting",
            Self::Gone => "gone",
            Self::OwnerExists => "owner-exists",
            Self::Sealed => "sealed-with-another-key",
            Self::Note => "note-malformed",
            Self::NoteSignature => "note-signature",
            Self::NoteSigner => "note-signer",
            Self::NameTaken => "user-taken",
            Self::SecondFactor => "second-factor",
            Self::NotYet => "jwt-not-yet",
            Self::Expired => "token-expired",
        }
    }

    /// After how many seconds it makes sense to try again, where that is so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Locked(time) | Self::TooFast(time) => Some(seconds(time)),
            _ => None,
        }
    }
}
