//! Generated bindings of the host's interfaces. Use the modules beside this one instead.
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
    inline: "
        package waystation:sdk;
        world imports {
            import waystation:host/log@0.1.0;
            import waystation:host/config@0.1.0;
            import waystation:host/kv@0.1.0;
            import waystation:host/credentials@0.1.0;
            import wasi:http/outgoing-handler@0.2.12;
            import wasi:clocks/wall-clock@0.2.12;
        }
    ",
    path: [
        "../../../wit/deps/io.wit",
        "../../../wit/deps/clocks.wit",
        "../../../wit/deps/random.wit",
        "../../../wit/deps/filesystem.wit",
        "../../../wit/deps/sockets.wit",
        "../../../wit/deps/cli.wit",
        "../../../wit/deps/http.wit",
        "../../../wit/host",
    ],
    with: { "waystation:host/types@0.1.0/error": crate::Error },
    generate_all,
});

/// Bindings of a world, over the host's interfaces as they are bound here. For the SDK's own crates.
#[doc(hidden)]
#[macro_export]
macro_rules! bind_world {
    (world: $world:tt, wit: $folder:tt, export: $export:tt $(,)?) => {
        wit_bindgen::generate!({
            world: $world,
            path: [
                "../../../wit/deps/io.wit",
                "../../../wit/deps/clocks.wit",
                "../../../wit/deps/random.wit",
                "../../../wit/deps/filesystem.wit",
                "../../../wit/deps/sockets.wit",
                "../../../wit/deps/cli.wit",
                "../../../wit/deps/http.wit",
                "../../../wit/host",
                $folder,
            ],
            with: {
                "waystation:host/types@0.1.0": waystation_plugin::types,
                "waystation:host/log@0.1.0": waystation_plugin::bindings::waystation::host::log,
                "waystation:host/config@0.1.0": waystation_plugin::bindings::waystation::host::config,
                "waystation:host/kv@0.1.0": waystation_plugin::bindings::waystation::host::kv,
                "waystation:host/credentials@0.1.0": waystation_plugin::bindings::waystation::host::credentials,
                "wasi:clocks/wall-clock@0.2.12": waystation_plugin::bindings::wasi::clocks::wall_clock,
                "wasi:clocks/monotonic-clock@0.2.12": waystation_plugin::bindings::wasi::clocks::monotonic_clock,
                "wasi:http/outgoing-handler@0.2.12": waystation_plugin::bindings::wasi::http::outgoing_handler,
                "wasi:http/types@0.2.12": waystation_plugin::bindings::wasi::http::types,
                "wasi:io/error@0.2.12": waystation_plugin::bindings::wasi::io::error,
                "wasi:io/poll@0.2.12": waystation_plugin::bindings::wasi::io::poll,
                "wasi:io/streams@0.2.12": waystation_plugin::bindings::wasi::io::streams,
            },
            additional_derives: [Clone, PartialEq, Eq],
            export_macro_name: $export,
            pub_export_macro: true,
        });
    };
}
