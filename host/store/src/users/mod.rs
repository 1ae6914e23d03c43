//! Users, their roles, and what they prove themselves with: see [`waystation_core::user`] and `waystation-identity`,
//! which has the rules. Here they are applied, each in one transaction with what it tells the record.
//!
//! Only digests are kept and looked up by: nothing here can be used to get in.

mod denials;
mod devices;
mod entry;
mod factor;
mod identities;
mod links;
mod login;
mod people;
mod providers;
mod rescue;
mod roles;
mod standing;
mod sweep;
mod tokens;

pub use devices::{DeviceAnswer, DeviceRequest, NewDevice};
pub use entry::{Entering, FACTOR_LIFE};
pub use factor::{Factor, Proven, SealedTotp};
pub use identities::NewIdentity;
pub use links::Welcome;
pub use login::{Admitted, Begun, Fresh, Lives, Rotated};
pub use people::NewUser;
pub use providers::{
    Came, ENTRY_LIFE, Joining, NewAsked, Returned, SealedAsked, WAIT_LIFE, WAITING, WAITING_EACH,
};
pub use standing::Standing;
pub(crate) use standing::roles_of;
pub use tokens::NewToken;

use waystation_core::user::UserRefusal;

/// What an operation comes to: done, or refused for a reason that is not the database's.
pub type Outcome<T> = Result<T, UserRefusal>;

/// The word for the record.
fn word<T>(outcome: &Outcome<T>) -> &'static str {
    outcome.as_ref().map_or_else(UserRefusal::code, |_| "ok")
}
