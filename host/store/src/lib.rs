//! The state of the host in SQLite (the default) or PostgreSQL, through one set of queries.
//!
//! [`Store`] is the whole interface: open it once, clone it freely. Each change is one transaction: it is kept
//! whole or not at all, and what it tells (events, and messages to send) is kept with it. Work that several
//! hosts share (checks, tasks, messages) is claimed under a lease, so it is done by one host at a time and taken
//! over when that host is gone. Nothing here reads a clock: each method is told the time.

#![forbid(unsafe_code)]

mod audit;
mod bulk;
mod changes;
mod checkpoint;
mod checks;
mod error;
mod events;
mod items;
mod kv;
mod ledger;
mod lock;
mod machines;
mod meta;
mod migrate;
mod outbox;
mod plugins;
mod releases;
mod reset;
mod row;
mod store;
mod tasks;
pub mod tickets;
mod url;
pub mod users;

pub use audit::{AuditFilter, Ends, Verified};
pub use checks::EndedCheck;
pub use error::StoreError;
pub use items::DueItem;
pub use kv::{KEYS_PER_PAGE, KeyPage, KvLimits, KvUsage, MAX_KEY};
pub use migrate::SCHEMA_VERSION;
pub use outbox::{Claimed, OutboxCounts, Settled};
pub use plugins::PluginRecord;
pub use store::{Route, Store, StoreOptions, nowhere};
pub use tasks::Task;
pub use tickets::enrolment;
pub use url::DatabaseUrl;
