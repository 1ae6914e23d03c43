//! What the release sources of code forges and image registries have in common.
//!
//! A source parses its remote's documents into [`Release`](waystation_update_source::Release)s and leaves to
//! this crate how locators are read ([`Repository`], [`Project`]), which addresses are passed on (`web_url`)
//! or followed (`same_origin`), how far paging goes (`walk`), which tags and files count ([`Selection`]),
//! when nothing changed ([`Question`]) and what a refusal means to an operator ([`registry_error`]). All of
//! that is functions of values. Only [`ask`] sends requests: those that all code forges take ([`Forge`]).
#![forbid(unsafe_code)]

mod address;
mod answer;
mod forge;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod locator;
mod paging;
mod refusal;
mod select;

pub use address::{same_origin, web_url};
pub use answer::{Question, newest_first};
pub use forge::{Entry, Forge, ForgeConfig, ask, entries, page, page_size};
pub use locator::{Project, Repository};
pub use paging::{MAX_PAGES, Page, Walked, walk};
pub use refusal::registry_error;
pub use select::{AssetRule, Selection, TagRule, hex_digest, is_commit, short, with_signatures};
