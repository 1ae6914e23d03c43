//! Generated bindings of the host interfaces, one module per released generation,
//! all over the one implementation in [`crate::interfaces`].

pub(crate) mod v0_1;
pub(crate) mod v0_1_1;
pub(crate) mod wasi_drafts;
