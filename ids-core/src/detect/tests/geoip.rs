//! `geoip`: which end is asked, for which countries.

use super::Step::Frame;
use super::bench::{load, settings};
use super::fired;
use super::frames::{udp, udp6};
use crate::detect::settings::Settings;
use crate::rules::diagnostic::Code;

/// 0.0.0.0/1 is in France, 128.0.0.0/1 in Germany: a tree of one node, what it points to, and the metadata.
pub(super) fn database() -> Vec<u8> {
    let text = |text: &str| [&[0x40 | text.len() as u8], text.as_bytes()].concat();
    let place = |code| [vec![0xe1], text("country"), vec![0xe1], text("iso_code"), text(code)].concat();
    let (france, germany) = (place("FR"), place("DE"));
    // A record is the number of nodes, 16 for the separator, and where in the data it points to.
    let tree = [0, 0, 17, 0, 0, 17 + france.len() as u8];
    let metadata: [(&str, Vec<u8>); 9] = [
        ("binary_format_major_version", vec![0xa1, 2]),
        ("binary_format_minor_version", vec![0xa0]),
        ("build_epoch", vec![0x01, 0x02, 1]),
        ("database_type", text("Country")),
        ("description", vec![0xe0]),
        ("ip_version", vec![0xa1, 4]),
        ("languages", vec![0x00, 0x04]),
        ("node_count", vec![0xc1, 1]),
        ("record_size", vec![0xa1, 24]),
    ];
    let metadata = metadata.map(|(key, value)| [text(key), value].concat()).concat();
    [&tree[..], &[0; 16], &france, &germany, b"\xab\xcd\xefMaxMind.com\xe9", &metadata].concat()
}

/// From 10.0.0.1 (FR) to 192.0.2.80 (DE).
#[test]
fn the_ends_that_are_meant_are_asked() {
    for (option, wanted) in [
        ("src,FR", true),
        ("src,DE", false),
        ("dst,DE", true),
        ("dst,US,DE", true),
        ("dst,us,de", true),
        ("any,DE", true),
        ("any,US", false),
        ("both,DE", false),
        ("both,DE,FR", true),
        ("DE", true),
        ("US", false),
        ("src,!FR", false),
        ("src,!US,!DE", true),
        ("both,!FR", false),
        ("any,!FR", true),
    ] {
        let rules = format!("alert ip any any -> any any (geoip:{option}; sid:1;)");
        assert_eq!(fired(&rules, &[Frame(udp(53, b"x"))]), vec![1; usize::from(wanted)], "{option}");
    }
}

#[test]
fn addresses_that_are_not_in_the_database_are_nowhere() {
    for option in ["any,FR", "any,!FR"] {
        let rules = format!("alert ip any any -> any any (geoip:{option}; sid:1;)");
        assert_eq!(fired(&rules, &[Frame(udp6(b"x"))]), [0; 0], "{option}");
    }
}

#[test]
fn mistakes_are_told() {
    let first = |option: &str, settings: &Settings| {
        let rule = format!("alert ip any any -> any any (geoip:{option}; sid:1;)");
        let loaded = load(&rule, settings);
        assert_eq!(loaded.rules.len(), 0, "{option}");
        loaded.faults.first().map(|(_, fault)| fault.diagnostic.clone()).unwrap()
    };
    for option in ["src", "src,France", "from,FR", "src,FR,!DE", "src,F1"] {
        assert_eq!(first(option, &settings()).code, Code::BadValue, "{option}");
    }
    let without = first("src,FR", &Settings::default());
    assert!(without.message.contains("no GeoIP database"), "{}", without.message);
}
