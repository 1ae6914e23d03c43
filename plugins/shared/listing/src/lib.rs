//! What the release sources of code forges and image registries have in common.
//!
//! Everything here is a function of values: no request is sent from this crate. A source parses its
//! remote's documents into [`Release`](waystation_update_source::Release)s and leaves to this crate how
//! locators are read ([`Repository`], [`Project`]), which addresses are passed on (`web_url`) or followed
//! (`same_origin`), how far paging goes (`walk`), which tags and files count ([`TagRule`],
//! [`AssetRule`]) and when nothing changed ([`Question`]).
#![forbid(unsafe_code)]

mod address;
mod answer;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod locator;
mod paging;
mod select;

pub use address::{same_origin, web_url};
pub use answer::{Question, newest_first};
pub use locator::{Project, Repository};
pub use paging::{MAX_PAGES, Page, Walked, walk};
pub use select::{AssetRule, TagRule, hex_digest, is_commit, short, with_signatures};
