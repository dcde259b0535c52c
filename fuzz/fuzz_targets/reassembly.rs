//! TCP segments in any order.
#![no_main]

libfuzzer_sys::fuzz_target!(|talk: ids_fuzz::Talk| ids_fuzz::reassembly(talk));
