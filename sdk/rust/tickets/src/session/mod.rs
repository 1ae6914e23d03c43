//! The target: tickets redeemed as they come, and the session that they open.

mod machine;
mod manager;

pub use machine::SessionState;
pub use manager::{Changes, SessionManager, SessionOptions};
