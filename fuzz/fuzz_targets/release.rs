#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waystation_source_debian_repo::fuzz::release(data));
