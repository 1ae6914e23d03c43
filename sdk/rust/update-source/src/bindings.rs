//! Generated bindings of the world. Use the names at the top of this crate instead.
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    reason = "generated from wit/"
)]

waystation_plugin::bind_world! {
    world: "waystation:update-source/update-source",
    wit: "../../../wit/update-source",
    export: "export_update_source",
}
