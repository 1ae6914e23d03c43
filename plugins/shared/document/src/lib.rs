//! What sources have in common that read one document, which the operator chose, at one address.
//!
//! Such a source knows nothing of its remote. What it is told, it is told by locator and options:
//! [`Remote::place`] says where the document is, [`Place::fetch`] gets it if it changed, [`VersionPattern`]
//! finds versions in text, `moment` reads dates of any common kind, and `finish` puts the releases in
//! order.
#![forbid(unsafe_code)]

mod finish;
mod moment;
mod pattern;
mod place;

pub use finish::{Order, finish};
pub use moment::moment;
pub use pattern::{Pattern, VersionPattern};
pub use place::{Document, Place, Remote};
