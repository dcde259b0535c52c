//! DNS, cut at arbitrary places, over UDP and TCP.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ids_fuzz::session("dns", data));
