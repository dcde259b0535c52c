//! TFTP, a datagram a piece.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ids_fuzz::session("tftp", data));
