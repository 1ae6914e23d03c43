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
