//! Fragments in any order.
#![no_main]

libfuzzer_sys::fuzz_target!(|pieces: ids_fuzz::Pieces| ids_fuzz::defrag(pieces));
