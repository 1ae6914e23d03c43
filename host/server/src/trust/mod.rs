//! Which plugins get in.
//!
//! ```text
//! waystation.toml ──▶ which file ──▶ its bytes ──▶ lock: this digest? ──▶ trust.toml: who vouches? ──▶ compiled
//!                     (dev folder: straight to the end, and said aloud)
//! ```
//!
//! [`Admission::admit`] is the one way from a file to something that can be loaded, at each load, and what it gives
//! are the bytes that were judged. While plugins run, [`Admission::judge_again`] holds them against what the policy
//! says by then.

mod admission;
mod dev;
mod lock;
mod material;

pub use admission::{Admission, Admitted, Standing, Trusted};
pub use lock::{Change, Lock, LockError, Locked, signer_name};
pub use material::{Trust, TrustUnusable};
