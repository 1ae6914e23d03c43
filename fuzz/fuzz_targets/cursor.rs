#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waystation_server::fuzz::cursor(data));
