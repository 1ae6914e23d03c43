#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waystation_core::fuzz::audit_export(data));
