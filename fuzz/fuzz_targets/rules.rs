//! Any text as a rule file.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| ids_fuzz::rule_file(text));
