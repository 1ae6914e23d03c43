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

wit_bindgen::generate!({
    world: "waystation:hook/hook",
    path: [
        "../../../wit/deps/io.wit",
        "../../../wit/deps/clocks.wit",
        "../../../wit/deps/random.wit",
        "../../../wit/deps/filesystem.wit",
        "../../../wit/deps/sockets.wit",
        "../../../wit/deps/cli.wit",
        "../../../wit/deps/http.wit",
        "../../../wit/host",
        "../../../wit/host-0.1.1",
        "../../../wit/hook",
    ],
    with: {
        "waystation:host/types@0.1.0": waystation_plugin::types,
        "waystation:host/log@0.1.0": waystation_plugin::bindings::waystation::host::log,
        "waystation:host/config@0.1.0": waystation_plugin::bindings::waystation::host::config,
        "waystation:host/kv@0.1.0": waystation_plugin::bindings::waystation::host::kv,
        "waystation:host/credentials@0.1.0": waystation_plugin::bindings::waystation::host::credentials,
        "waystation:host/tickets@0.1.1": generate,
        "waystation:host/scopes@0.1.1": generate,
        "wasi:clocks/wall-clock@0.2.12": waystation_plugin::bindings::wasi::clocks::wall_clock,
        "wasi:clocks/monotonic-clock@0.2.12": waystation_plugin::bindings::wasi::clocks::monotonic_clock,
        "wasi:http/outgoing-handler@0.2.12": waystation_plugin::bindings::wasi::http::outgoing_handler,
        "wasi:http/types@0.2.12": waystation_plugin::bindings::wasi::http::types,
        "wasi:io/error@0.2.12": waystation_plugin::bindings::wasi::io::error,
        "wasi:io/poll@0.2.12": waystation_plugin::bindings::wasi::io::poll,
        "wasi:io/streams@0.2.12": waystation_plugin::bindings::wasi::io::streams,
    },
    additional_derives: [Clone, PartialEq, Eq],
    export_macro_name: "export_hook",
    pub_export_macro: true,
});
