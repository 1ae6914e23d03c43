//! How a device without a browser logs in (RFC 8628): it shows a short code, somebody who is logged in elsewhere types it
//! and agrees, and the device, which asks now and then with a long code, gets its login once.
//!
//! ```text
//!            somebody agrees            the device asks
//!   pending ─────────────────► approved ───────────────► redeemed
//!      │
//!      ├── somebody refuses ─► denied
//!      └── 10 minutes ───────► over, whatever it was
//! ```
//!
//! A short code has 34 bits, so typing codes is to be held to a [rate](crate::Rate), for each user and each address.

use std::{fmt, str::FromStr, time::Duration};

use jiff::{SignedDuration, Timestamp};
use waystation_core::id::UserId;

use crate::error::IdentityError;

/// How long both codes hold.
pub const DEVICE_LIFE: Duration = Duration::from_secs(10 * 60);

/// How long a device waits between questions, at first.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// By how much longer after each question that came too soon (RFC 8628, section 3.5).
pub const SLOW_DOWN: Duration = Duration::from_secs(5);

/// The longest wait that comes of that.
pub const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// The letters of a short code: no vowels, so that it spells nothing, and no digits (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Letters of a code.
const LENGTH: usize = 8;

/// The longest text that is looked at: people type with dashes and spaces.
const MAX_TEXT: usize = 32;

/// The short code, which a person types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserCode([u8; LENGTH]);

impl UserCode {
    /// Of random bits that are used for nothing else; all codes are equally likely but for one part in 2⁹⁰.
    #[must_use]
    pub fn new(random: u128) -> Self {
        let mut rest = random;
        Self(std::array::from_fn(|_| {
            let letter = LETTERS.get((rest % 20) as usize).copied().unwrap_or(b'B');
            rest /= 20;
            letter
        }))
    }

    /// A new one, from the random numbers of the operating system.
    #[must_use]
    pub fn generate() -> Self {
        Self::new(rand::random())
    }
}

impl fmt::Display for UserCode {
    /// `WDJB-MJHT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, letter) in self.0.iter().enumerate() {
            write!(f, "{}{}", if n == LENGTH / 2 { "-" } else { "" }, char::from(*letter))?;
        }
        Ok(())
    }
}

impl FromStr for UserCode {
    type Err = IdentityError;

    /// Reads what a person types: in any case, with dashes and spaces anywhere or nowhere.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let typed = text.bytes().filter(|b| !matches!(b, b'-' | b' ')).map(|b| b.to_ascii_uppercase());
        let letters: Vec<u8> = if text.len() > MAX_TEXT { Vec::new() } else { typed.collect() };
        let code =
            <[u8; LENGTH]>::try_from(letters).ok().filter(|code| code.iter().all(|b| LETTERS.contains(b)));
        code.map(Self).ok_or(IdentityError::Form("a code of eight letters, such as WDJB-MJHT"))
    }
}

/// How the login of a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// Nobody has said anything.
    Pending,
    /// This user lets it in, as themselves.
    Approved(UserId),
    /// Somebody refused.
    Denied,
    /// It was let in.
    Redeemed,
}

/// What is kept of the login of a device, beside the short code and the digest of the long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceLogin {
    /// How it stands.
    pub state: DeviceState,
    /// Until when.
    pub expires_at: Timestamp,
    /// How long the device has to wait between questions.
    pub interval: Duration,
    /// When it last asked.
    pub asked_at: Option<Timestamp>,
}

impl DeviceLogin {
    /// One that starts at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let life = SignedDuration::try_from(DEVICE_LIFE).unwrap_or(SignedDuration::ZERO);
        let expires_at = now.checked_add(life).unwrap_or(Timestamp::MAX);
        Self { state: DeviceState::Pending, expires_at, interval: INTERVAL, asked_at: None }
    }
}

/// What a person says to the code that a device shows.
///
/// # Errors
/// When it is over, or somebody has said something already.
pub fn decide_device(
    kept: &DeviceLogin,
    approved_by: Option<UserId>,
    now: Timestamp,
) -> Result<DeviceLogin, IdentityError> {
    if kept.expires_at <= now || kept.state != DeviceState::Pending {
        return Err(IdentityError::Gone);
    }
    Ok(DeviceLogin { state: approved_by.map_or(DeviceState::Denied, DeviceState::Approved), ..*kept })
}

/// What a device is told; the words are those of RFC 8628, section 3.5, and RFC 6749, section 5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// Not yet: ask again after the interval.
    Pending,
    /// Not so often: ask again after the interval, which is longer now.
    SlowDown,
    /// Somebody refused.
    Denied,
    /// It is over.
    Expired,
    /// It was let in before.
    Redeemed,
    /// It is let in as this user, once.
    Granted(UserId),
}

impl Poll {
    /// The word for the device; none when it is let in.
    #[must_use]
    pub const fn error(&self) -> Option<&'static str> {
        match self {
            Self::Pending => Some("authorization_pending"),
            Self::SlowDown => Some("slow_down"),
            Self::Denied => Some("access_denied"),
            Self::Expired => Some("expired_token"),
            Self::Redeemed => Some("invalid_grant"),
            Self::Granted(_) => None,
        }
    }
}

/// What a device that asks at `now` is told, and what to keep: where it is let in, only if nothing has changed since it was
/// read, so that it happens once.
#[must_use]
pub fn poll(kept: &DeviceLogin, now: Timestamp) -> (Poll, DeviceLogin) {
    if kept.expires_at <= now {
        return (Poll::Expired, *kept);
    }
    let asked = DeviceLogin { asked_at: Some(now), ..*kept };
    // A clock that goes back counts as no time.
    let since =
        kept.asked_at.map(|then| Duration::try_from(now.duration_since(then)).unwrap_or(Duration::ZERO));
    if since.is_some_and(|since| since < kept.interval) {
        let interval = kept.interval.saturating_add(SLOW_DOWN).min(MAX_INTERVAL);
        return (Poll::SlowDown, DeviceLogin { interval, ..asked });
    }
    match kept.state {
        DeviceState::Pending => (Poll::Pending, asked),
        DeviceState::Denied => (Poll::Denied, asked),
        DeviceState::Redeemed => (Poll::Redeemed, asked),
        DeviceState::Approved(user) => {
            (Poll::Granted(user), DeviceLogin { state: DeviceState::Redeemed, ..asked })
        }
    }
}

#[cfg(test)]
mod tests;
