//! Any bytes as a packet of any link layer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ids_fuzz::decode(data));
