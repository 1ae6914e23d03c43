//! One module per command.

pub(crate) mod account;
pub(crate) mod agent;
pub(crate) mod audit;
pub(crate) mod channel;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod delivery;
pub(crate) mod doctor;
pub(crate) mod enrol;
pub(crate) mod events;
pub(crate) mod invite;
pub(crate) mod item;
pub(crate) mod key;
pub(crate) mod login;
pub(crate) mod pki;
pub(crate) mod plugin;
pub(crate) mod registry;
pub(crate) mod role;
pub(crate) mod serve;
pub(crate) mod tickets;
pub(crate) mod token;
pub(crate) mod trust;
pub(crate) mod up;
pub(crate) mod user;
pub(crate) mod verify;
