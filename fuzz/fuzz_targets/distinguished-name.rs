#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waystation_pki::fuzz::distinguished_name(data));
