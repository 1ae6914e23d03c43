#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waystation_pki::fuzz::client_certificate(data));
