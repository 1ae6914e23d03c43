//! What users and machines prove who they are with: the forms of credentials, how they are kept, and when they hold.
//!
//! A [`Credential`] is 256 random bits in a form of its own for each kind; a [`PasswordHash`] is what is kept of a
//! password; [`TotpSecret`] and [`RecoveryCode`] are the second factor. A [`KeyRing`]
//! signs and reads access tokens; [`refresh()`] says when there is a new one. [`redeem()`] makes the first user owner, and
//! [`poll()`] lets a device in that somebody else vouches for.
//!
//! Invariants: nothing here has a clock, a database or a socket; what is kept and the time are parameters, and what comes
//! out is what to keep. No secret prints, none is kept as it is, and none is compared byte by byte.
#![forbid(unsafe_code)]

mod credential;
mod device;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod jwt;
mod keys;
mod link;
mod lockout;
mod note;
mod password;
mod recovery;
mod refresh;
mod totp;

pub use credential::{
    Agent, AgentKey, Api, ApiToken, Asked, AskedToken, Browser, BrowserToken, Credential, CredentialDigest,
    Device, DeviceCode, Enrolment, EnrolmentToken, Entry, EntryCode, Kind, Link, LinkToken, RANDOM, Refresh,
    RefreshToken,
};
pub use device::{
    DEVICE_LIFE, DeviceLogin, DeviceState, INTERVAL, MAX_INTERVAL, Poll, SLOW_DOWN, UserCode, decide_device,
    poll,
};
pub use error::IdentityError;
pub use jwt::{
    ACCESS_LIFE, Claims, JwtKey, KeyId, KeyRing, MAX_JWT, MIN_SECRET, Purpose, PurposeKind, SKEW_SECONDS,
    Site, VIEWER_LIFE, ViewerAccess,
};
pub use keys::{AccessGrant, MASTER, MasterKeys};
pub use link::{LINK_LIFE, OwnerLink, redeem};
pub use lockout::{Attempts, LOGIN_RATE, Lockout, Rate};
pub use note::{MAX_NOTE, NoteSigner, NoteVerifier, open_note};
pub use password::{Cost, MAX_PASSWORD, MIN_PASSWORD, NewPassword, PasswordHash, Verdict, verify};
pub use recovery::{RECOVERY_CODES, RecoveryCode, RecoveryDigest};
pub use refresh::{LoginState, REFRESH_LIFE, RefreshRow, Refreshed, refresh};
pub use totp::{SKEW, STEP, Step, TotpSecret};
