//! HTTP/2, cut at arbitrary places.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ids_fuzz::session("http2", data));
