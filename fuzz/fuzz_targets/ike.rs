//! IKE, a datagram a piece.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ids_fuzz::session("ike", data));
