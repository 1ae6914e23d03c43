//! The source: an instance that is kept alive, and tickets for those who are assigned to it.

mod machine;
mod manager;

pub use machine::InstanceState;
pub use manager::{InstanceManager, InstanceOptions};
