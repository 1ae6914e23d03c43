//! Tickets: how one agent admits another.
//!
//! A *scope* is registered with its sub-scopes, each of which is a capability. An agent that has the capability offers
//! an *instance* of it. An operator *assigns* agents to an instance. The instance's owner, the source, asks for a
//! *ticket* to an assigned agent, the target; the target redeems it once, within its short life, and opens a
//! *session*, which lives as long as it gives heartbeats and all of this stays true.

mod ids;
mod instance;
mod key;
mod limits;
mod names;
mod reason;
mod refusal;
mod session;
mod transport;

pub use ids::{InstanceId, InvalidTicketId, SessionId, TicketDigest, TicketId};
pub use instance::{Instance, InstanceStatus};
pub use key::{TicketKey, TicketNonce};
pub use limits::TicketLimits;
pub use names::{Capability, InvalidScope, ScopeName};
pub use reason::EndReason;
pub use refusal::Refusal;
pub use session::{Facts, Session, SessionStatus, standing};
pub use transport::{Direct, Protocol, ScopeSpec, ScopeTransport, Strategy, SubScope, Transport};
