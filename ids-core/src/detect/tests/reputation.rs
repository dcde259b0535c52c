//! `iprep`: which end is asked, for what.

use super::Step::Frame;
use super::bench::{load, settings};
use super::fired;
use super::frames::{ping, udp};
use crate::rules::diagnostic::Code;

/// From 10.0.0.1 (bad: 10, good: 0) to 192.0.2.80 (bad: 20).
#[test]
fn the_ends_that_are_meant_are_asked() {
    for (option, wanted) in [
        ("src,bad,=,10", true),
        ("src,bad,=,20", false),
        ("dst,bad,=,20", true),
        ("dst,bad,!=,20", false),
        ("any,bad,>,10", true),
        ("any,bad,>,20", false),
        ("both,bad,>=,10", true),
        ("both,bad,>,10", false),
        ("both,bad,<=,20", true),
        ("src,bad,<,10", false),
        ("src,good,=,0", true),
        ("dst,good,=,0", false),
        ("dst,good,!=,1", false),
        ("src,good,isset", true),
        ("dst,good,isset", false),
        ("dst,good,isnotset", true),
        ("any,good,isset", true),
        ("any,good,isnotset", true),
        ("both,good,isset", false),
        ("both,bad,isnotset", false),
    ] {
        let rules = format!("alert ip any any -> any any (iprep:{option}; sid:1;)");
        assert_eq!(fired(&rules, &[Frame(udp(53, b"x"))]), vec![1; usize::from(wanted)], "{option}");
    }
}

#[test]
fn it_is_asked_once_unless_the_rule_looks_at_packets() {
    let packets = [Frame(ping(1, 1, b"")), Frame(ping(1, 2, b""))];
    for (options, wanted) in [("", 1), ("itype:8; ", 2)] {
        let rules = format!("alert ip any any -> any any ({options}iprep:src,bad,isset; sid:1;)");
        assert_eq!(fired(&rules, &packets).len(), wanted, "{options}");
    }
}

#[test]
fn mistakes_are_told() {
    for option in [
        "src,bad",
        "from,bad,>,1",
        "src,none,>,1",
        "src,bad,~,1",
        "src,bad,>",
        "src,bad,>,128",
        "src,bad,isset,1",
        "src,bad,>,1,2",
    ] {
        let rule = format!("alert ip any any -> any any (iprep:{option}; sid:1;)");
        let loaded = load(&rule, &settings());
        let first = loaded.faults.first().map(|(_, fault)| fault.diagnostic.code);
        assert_eq!((first, loaded.rules.len()), (Some(Code::BadValue), 0), "{option}");
    }
}
