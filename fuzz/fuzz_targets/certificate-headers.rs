#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waystation_pki::fuzz::certificate_headers(data));
