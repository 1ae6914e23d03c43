//! The domain of Waystation: plain types and rules, no I/O. Clock, randomness and state are arguments.
#![forbid(unsafe_code)]

pub mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
pub mod policy;
pub mod release;
pub mod version;

pub mod access;
pub mod agent;
pub mod approval;
pub mod audit;
pub mod check;
pub mod enrolment;
pub mod event;
pub mod id;
pub mod item;
pub mod machine;
pub mod machine_uid;
pub mod name;
pub mod neighbourhood;
pub mod outbox;
pub mod schedule;
pub mod ticket;
pub mod time;
pub mod user;
