//! First bytes of a file, and what kind it is.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    ids_sensor::magic::name(data);
});
