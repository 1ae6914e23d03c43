//! How agents of a Waystation host admit each other.
//!
//! An agent that offers something is the *source*: an [`InstanceManager`] keeps its instance at the host, and asks for a
//! ticket when somebody should be let in. The one who comes is the *target*: a [`SessionManager`] redeems tickets as
//! they come, and holds the session for as long as the host says. When an operator ends it, both hear of it within the
//! second. [`Client`] has each call for those who do it their own way.
//!
//! ```no_run
//! use waystation_tickets::{Client, InstanceManager, InstanceOptions, SessionManager, SessionOptions, SessionState, Transport};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = |name: &str| {
//!     let read = |end: &str| std::fs::read(format!("{name}.{end}"));
//!     let builder = Client::builder("https://waystation.example:7780");
//!     Ok::<_, Box<dyn std::error::Error>>(
//!         builder.identity(read("pem")?, read("key")?).authorities(std::fs::read("authorities.pem")?).build()?,
//!     )
//! };
//! // The source offers a shell, and lets `phone` in.
//! let source = InstanceManager::start(client("mac")?, InstanceOptions::new("shell:connect", Transport::relay()));
//! source.ready().await?;
//! source.request_ticket("phone", false).await?;
//!
//! // The target waits for that.
//! let target = SessionManager::start(client("phone")?, SessionOptions::new("shell:connect"));
//! let mut changes = target.changes();
//! while let Some(state) = changes.next().await {
//!     match state {
//!         SessionState::Authorized(session) => println!("admitted by {}", session.source),
//!         SessionState::Terminated { reason, .. } => println!("over: {reason:?}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod addresses;
mod api;
mod backoff;
mod client;
mod direct;
mod error;
mod events;
mod follow;
mod instance;
mod model;
mod session;

pub use addresses::{InvalidNetwork, Network, is_public};
pub use api::Role;
pub use client::{Client, ClientBuilder};
pub use direct::{Direct, DirectError};
pub use error::Error;
pub use events::{Event, EventStream};
pub use follow::{Follower, Update};
pub use instance::{InstanceManager, InstanceOptions, InstanceState};
pub use model::{
    Approval, ApprovalState, Asked, Beat, DirectHost, InboxTicket, IssuedTicket, Redeemed, Session, Standing,
    Status, Strategy, TicketId, Transport,
};
pub use session::{Changes, SessionManager, SessionOptions, SessionState};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
