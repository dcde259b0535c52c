//! What the fuzz targets share: each function takes bytes or a structure made of them, drives a part of the engine the
//! way the engine does, and panics where a promise is broken.

mod packets;
mod segments;
mod session;

pub use packets::{Pieces, check_packet, decode, defrag};
pub use segments::{Talk, reassembly};
pub use session::session;

use std::io::Cursor;

use ids_core::detect::compile::Loader;
use ids_core::detect::settings::Settings;
use ids_core::rules::{self, Fault};
use ids_sensor::capture::pcap::Pcap;
use ids_sensor::capture::source::{Batch, Source};

/// Bytes as a capture file: read to its end, whatever it is.
pub fn capture(data: &[u8]) {
    let Ok(mut file) = Pcap::read(Cursor::new(data.to_vec()), "input", None) else { return };
    let (mut batch, mut packets) = (Batch::default(), 0);
    let mut more = true;
    while more {
        more = file.fill(&mut batch);
        assert!(!more || !batch.is_empty(), "nothing was read, and more is promised");
        batch.each(|packet| {
            packets += 1;
            assert_eq!(packet.id, packets, "packets are counted from 1");
        });
        batch.clear();
    }
}

/// Largest rule file that is compiled: it bounds what one input takes.
const COMPILED: usize = 4096;

/// Text as a rule file: what is marked in a rule or in a fault stands in its text, a printed rule reads the same, and
/// whatever is a rule can be compiled.
pub fn rule_file(text: &str) {
    let parsed = rules::parse(text);
    for rule in &parsed.rules {
        for option in &rule.options {
            assert!(rule.text.get(option.span.clone()).is_some(), "{option:?}");
            let (line, column) = rule.origin.position(option.span.start);
            assert!(line >= 1 && column >= 1);
        }
        let again = rules::parse_rule(&rule.text).expect("a rule is still one by itself");
        assert_eq!(again.options, rule.options);
        let printed = rule.to_string();
        let again = rules::parse_rule(&printed).expect("what is printed is a rule");
        assert_eq!(again.to_string(), printed);
    }
    parsed.faults.iter().for_each(check_fault);
    if text.len() > COMPILED {
        return;
    }
    let count = parsed.rules.len();
    let rules = parsed.rules.into_iter().map(|rule| (0, rule));
    let loaded = Loader::thorough().compile(rules, &Settings::default()).expect("a small set of patterns");
    assert!(loaded.rules.len() + loaded.skipped <= count, "more rules came out than went in");
    loaded.faults.iter().for_each(|(_, fault)| check_fault(fault));
}

fn check_fault(fault: &Fault) {
    assert!(fault.text.get(fault.diagnostic.span.clone()).is_some(), "{fault:?}");
}
