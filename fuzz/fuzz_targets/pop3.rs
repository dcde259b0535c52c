//! POP3 and the mail in it, cut at arbitrary places.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ids_fuzz::session("pop3", data));
