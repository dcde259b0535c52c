//! WebSocket, cut at arbitrary places.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ids_fuzz::session("websocket", data));
