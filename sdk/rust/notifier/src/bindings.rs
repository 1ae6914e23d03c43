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
    world: "waystation:notifier/notifier",
    wit: "../../../wit/notifier",
    export: "export_notifier",
}
