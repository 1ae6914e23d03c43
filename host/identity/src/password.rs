//! Passwords: which can be chosen, and what is kept of them.
//!
//! What is kept is Argon2id in the PHC string format, so that each hash says what it was made with. Length is all that is
//! asked of a password, as NIST SP 800-63B has it; bytes count as they come, without normalisation.
//!
//! One hash takes [`Cost::DEFAULT`] memory and tens of milliseconds. How many are computed at a time is for the caller to
//! bound, on threads that may block.

use std::{fmt, str::FromStr};

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::IdentityError;

/// The shortest password that can be chosen, in bytes.
pub const MIN_PASSWORD: usize = 8;

/// The longest, in bytes. What is presented beyond that is wrong without being hashed whole.
pub const MAX_PASSWORD: usize = 1024;

/// Bytes of a salt and of a hash.
const SALT: usize = 16;
const OUTPUT: usize = 32;

/// The longest PHC string that is read.
const MAX_PHC: usize = 256;

/// What a hash costs who computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// The first choice of the OWASP Password Storage Cheat Sheet for Argon2id with little memory.
    pub const DEFAULT: Self = Self { memory_kib: 19_456, passes: 2, lanes: 1 };

    /// The least that is accepted, and the most: nobody who can write a hash into the database stops the host with it.
    const LEAST: Self = Self { memory_kib: 7_168, passes: 1, lanes: 1 };
    const MOST: Self = Self { memory_kib: 262_144, passes: 16, lanes: 16 };

    /// Memory in KiB, passes over it, and lanes.
    ///
    /// # Errors
    /// Outside 7 to 256 MiB, 1 to 16 passes, 1 to 16 lanes; and under 12 MiB with fewer than 3 passes.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, IdentityError> {
        let within =
            |value: u32, least: u32, most: u32, why: &'static str| match (least..=most).contains(&value) {
                true => Ok(()),
                false => Err(IdentityError::Cost(why)),
            };
        within(memory_kib, Self::LEAST.memory_kib, Self::MOST.memory_kib, "7,168 to 262,144 KiB of memory")?;
        within(passes, Self::LEAST.passes, Self::MOST.passes, "1 to 16 passes")?;
        within(lanes, Self::LEAST.lanes, Self::MOST.lanes, "1 to 16 lanes")?;
        if memory_kib < 12_288 && passes < 3 {
            return Err(IdentityError::Cost("under 12,288 KiB of memory, 3 passes or more"));
        }
        Ok(Self { memory_kib, passes, lanes })
    }

    fn argon2(self) -> Result<Argon2<'static>, IdentityError> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(OUTPUT));
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params.map_err(|_| IdentityError::PasswordHash)?))
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A password that somebody chooses.
#[derive(Debug, Clone)]
pub struct NewPassword(SecretString);

impl NewPassword {
    /// Any text of 8 to 1,024 bytes.
    ///
    /// # Errors
    /// When it is shorter or longer.
    pub fn new(text: SecretString) -> Result<Self, IdentityError> {
        match (MIN_PASSWORD..=MAX_PASSWORD).contains(&text.expose_secret().len()) {
            true => Ok(Self(text)),
            false => Err(IdentityError::PasswordLength),
        }
    }

    /// What to keep of it. `salt` is random and used once.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn hash(&self, salt: &[u8; SALT], cost: Cost) -> Result<PasswordHash, IdentityError> {
        let hash = cost.argon2()?.hash_password_with_salt(self.0.expose_secret().as_bytes(), salt);
        Ok(PasswordHash { hash: hash.map_err(|_| IdentityError::Memory)?, cost })
    }
}

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    hash: phc::PasswordHash,
    cost: Cost,
}

impl PasswordHash {
    /// The PHC string to keep.
    #[must_use]
    pub fn to_phc(&self) -> String {
        self.hash.to_string()
    }

    /// Of nothing: no password has it, and refusing one takes as long as of a real one.
    fn of_nobody(cost: Cost) -> Result<Self, IdentityError> {
        let unusable = |_| IdentityError::PasswordHash;
        let argon2 = cost.argon2()?;
        let hash = phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: argon2.params().try_into().map_err(|_| IdentityError::PasswordHash)?,
            salt: Some(phc::Salt::new(&[0; SALT]).map_err(unusable)?),
            hash: Some(phc::Output::new(&[0; OUTPUT]).map_err(unusable)?),
        };
        Ok(Self { hash, cost })
    }
}

impl FromStr for PasswordHash {
    type Err = IdentityError;

    /// Reads what [`PasswordHash::to_phc`] wrote, at any cost that is within bounds.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let hash = phc::PasswordHash::new(text).ok()?;
            let params = Params::try_from(&hash).ok()?;
            let cost = Cost::new(params.m_cost(), params.t_cost(), params.p_cost()).ok()?;
            let whole = hash.salt.as_ref()?.len() == SALT && hash.hash.as_ref()?.len() == OUTPUT;
            let plain = hash.algorithm == Algorithm::Argon2id.ident()
                && hash.version == Some(Version::V0x13.into())
                && params.keyid().is_empty()
                && params.data().is_empty();
            (whole && plain).then_some(Self { hash, cost })
        };
        let read = if text.len() > MAX_PHC { None } else { read() };
        read.ok_or(IdentityError::PasswordHash)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("cost", &self.cost).finish_non_exhaustive()
    }
}

/// What came of checking a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one.
    Right {
        /// Whether to hash it anew, since its hash was made at another cost than the one of today.
        rehash: bool,
    },
    /// It is not, or there is no such user.
    Wrong,
}

/// Whether `presented` is the password that `kept` was made of.
///
/// Without a user there is nothing kept: then as much is computed, at the cost of today, and the answer is the same. So
/// neither answer nor time tells who has an account, but for hashes of another cost that wait for their owner to log in.
///
/// # Errors
/// When there is no memory.
pub fn verify(
    presented: &SecretString,
    kept: Option<&PasswordHash>,
    cost: Cost,
) -> Result<Verdict, IdentityError> {
    let nobody;
    let against = match kept {
        Some(kept) => kept,
        None => {
            nobody = PasswordHash::of_nobody(cost)?;
            &nobody
        }
    };
    let bytes = presented.expose_secret().as_bytes();
    // One that is too long was never chosen. As much of it is hashed as of the longest.
    let (start, fits) = (bytes.get(..MAX_PASSWORD).unwrap_or(bytes), bytes.len() <= MAX_PASSWORD);
    let right = match against.cost.argon2()?.verify_password(start, &against.hash) {
        Ok(()) => true,
        Err(argon2::password_hash::Error::PasswordInvalid) => false,
        Err(_) => return Err(IdentityError::Memory),
    };
    match right && fits && kept.is_some() {
        true => Ok(Verdict::Right { rehash: against.cost != cost }),
        false => Ok(Verdict::Wrong),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The least there is, so that tests are soon done.
    fn cheap() -> Cost {
        Cost::new(7_168, 3, 1).unwrap()
    }

    fn hash(text: &str) -> PasswordHash {
        NewPassword::new(text.into()).unwrap().hash(&[7; SALT], cheap()).unwrap()
    }

    #[test]
    fn a_password_is_as_long_as_it_must_and_nothing_else_is_asked_of_it() {
        for good in
            ["12345678", "passwort", "äöüß", "        ", "\0\0\0\0\0\0\0\0", &"x".repeat(MAX_PASSWORD)]
        {
            assert!(NewPassword::new(good.into()).is_ok(), "{good:?}");
        }
        for bad in ["", "1234567", "äöü", &"x".repeat(MAX_PASSWORD + 1)] {
            assert_eq!(NewPassword::new(bad.into()).unwrap_err().code(), "password-length", "{bad:?}");
        }
        assert!(!format!("{:?}", NewPassword::new("hunter2hunter2".into())).contains("hunter"));
    }

    #[test]
    fn the_right_one_is_right_and_nothing_else() {
        let kept: PasswordHash = hash("correct horse").to_phc().parse().unwrap();
        assert_eq!(kept, hash("correct horse"));
        let verdict = |text: &str| verify(&text.into(), Some(&kept), cheap()).unwrap();
        assert_eq!(verdict("correct horse"), Verdict::Right { rehash: false });
        for wrong in
            ["", "correct hors", "correct horse ", "Correct horse", "correct horse\0", &"x".repeat(5_000)]
        {
            assert_eq!(verdict(wrong), Verdict::Wrong, "{wrong:?}");
        }
    }

    /// A prefix of 1,024 bytes is not the password, whatever comes after it.
    #[test]
    fn what_is_too_long_is_wrong_even_if_it_starts_right() {
        let longest = "x".repeat(MAX_PASSWORD);
        let kept = hash(&longest);
        assert_eq!(
            verify(&longest.as_str().into(), Some(&kept), cheap()),
            Ok(Verdict::Right { rehash: false })
        );
        assert_eq!(verify(&format!("{longest}x").into(), Some(&kept), cheap()), Ok(Verdict::Wrong));
    }

    /// The same function runs at the same cost, and its answer is thrown away.
    #[test]
    fn without_a_user_as_much_is_computed_and_nothing_is_right() {
        let nobody = PasswordHash::of_nobody(Cost::DEFAULT).unwrap();
        let real = NewPassword::new("correct horse".into()).unwrap().hash(&[0; SALT], Cost::DEFAULT).unwrap();
        let parameters = |hash: &PasswordHash| hash.to_phc().rsplit_once('$').unwrap().0.to_owned();
        assert_eq!(parameters(&nobody), parameters(&real));
        assert_eq!(parameters(&nobody), "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA");
        for text in ["", "correct horse"] {
            assert_eq!(verify(&text.into(), None, cheap()), Ok(Verdict::Wrong));
        }
        // It is a hash like any other, and could be right; then it is wrong all the same.
        assert!(nobody.to_phc().parse::<PasswordHash>().is_ok());
    }

    #[test]
    fn a_hash_of_another_cost_is_checked_at_that_and_made_anew() {
        let kept = hash("correct horse");
        let dearer = Cost::new(8_192, 3, 1).unwrap();
        assert_eq!(verify(&"correct horse".into(), Some(&kept), dearer), Ok(Verdict::Right { rehash: true }));
        assert_eq!(verify(&"wrong horse".into(), Some(&kept), dearer), Ok(Verdict::Wrong));
    }

    #[test]
    fn costs_are_bounded() {
        assert_eq!(Cost::new(19_456, 2, 1), Ok(Cost::DEFAULT));
        for good in [(7_168, 3, 1), (12_288, 1, 1), (262_144, 16, 16)] {
            assert!(Cost::new(good.0, good.1, good.2).is_ok(), "{good:?}");
        }
        for bad in [
            (7_167, 3, 1),
            (12_287, 2, 1),
            (262_145, 1, 1),
            (19_456, 0, 1),
            (19_456, 17, 1),
            (19_456, 2, 0),
            (19_456, 2, 17),
        ] {
            assert_eq!(Cost::new(bad.0, bad.1, bad.2).unwrap_err().code(), "password-cost", "{bad:?}");
        }
    }

    /// Who can write to the database neither weakens a hash nor stops the host with one.
    #[test]
    fn a_kept_hash_that_this_host_does_not_make_is_refused() {
        let good = hash("correct horse").to_phc();
        let (_, output) = good.rsplit_once('$').unwrap();
        assert!(good.starts_with("$argon2id$v=19$m=7168,t=3,p=1$"), "{good}");
        for bad in [
            String::new(),
            "correct horse".into(),
            good.replace("argon2id", "argon2i"),
            good.replace("argon2id", "argon2d"),
            good.replace("v=19", "v=16"),
            good.replace("$v=19", ""),
            good.replace("m=7168", "m=4294967295"),
            good.replace("m=7168", "m=8"),
            good.replace("t=3", "t=4294967295"),
            good.replace("p=1", "p=255"),
            good.replace(",p=1", ",p=1,keyid=AAAA"),
            good.replace(&format!("${output}"), ""),
            good.replace(output, &output[..22]),
            format!("{good}$"),
            format!("{good}\n"),
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".into(),
        ] {
            assert_eq!(bad.parse::<PasswordHash>().unwrap_err().code(), "unusable-password-hash", "{bad}");
        }
        assert!(!format!("{:?}", hash("correct horse")).contains(output));
    }

    proptest! {
        #[test]
        fn any_kept_text_is_read_or_refused(text in "(\\$argon2id)?(\\$v=19)?(\\$m=[0-9]{1,6},t=[0-9],p=[0-9])?\\PC{0,70}") {
            if let Ok(hash) = text.parse::<PasswordHash>() {
                prop_assert_eq!(hash.to_phc(), text);
            }
        }
    }
}
