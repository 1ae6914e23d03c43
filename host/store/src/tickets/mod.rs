//! Agents, and how they admit each other: see [`waystation_core::ticket`].
//!
//! Each operation is one transaction and costs the same however many rows there are. Whatever ends what a ticket or a
//! session stands on ends these in the same transaction; heartbeats look again all the same.

mod agents;
pub mod approval;
mod assignments;
mod bells;
mod caller;
mod concerns;
mod ending;
pub mod enrolment;
mod facts;
mod hooks;
mod instances;
mod party;
mod people;
mod rate;
mod redeem;
mod request;
mod revoke;
mod scopes;
mod sessions;
mod sweep;
mod tally;

pub use agents::{Agent, IssuedCertificate, Revoked, RevokedCertificate};
pub use assignments::{Assignment, AssignmentFilter};
pub(crate) use bells::{Bell, Bells};
pub use bells::{Enrolled, Listener, Looked, News};
pub use caller::Caller;
pub use concerns::{ById, Concerns};
pub use hooks::{Heard, HookDeed, LiveFilter, LiveSession, Lost, Occasion, SessionChange};
pub use party::{Role, Standing};
pub(crate) use rate::Rate;
pub use redeem::Redeemed;
pub use request::{Ask, IssuedTicket, Pending, TicketRow, TicketState};
pub use scopes::RegisteredScope;
pub use sessions::Mark;
pub use sweep::Swept;

use waystation_core::ticket::Refusal;

/// What an operation comes to: done, or refused for a reason that is not the database's.
pub type Outcome<T> = Result<T, Refusal>;
