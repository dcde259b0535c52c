use super::*;

const NAMES: &[(&str, u64)] = &[("query", 0), ("iquery", 1), ("status", 2)];
const FLAGS: &[(&str, u64)] = &[("fin", 1), ("syn", 2), ("ack", 16)];

/// (text, bits, numbers that pass, numbers that do not)
#[test]
fn forms() {
    let cases: &[(&str, u8, &[u64], &[u64])] = &[
        ("10", 8, &[10], &[9, 11]),
        ("=10", 8, &[10], &[9, 11]),
        (" = 10 ", 8, &[10], &[9]),
        ("!10", 8, &[9, 11], &[10]),
        ("!=10", 8, &[9, 11], &[10]),
        ("<10", 8, &[0, 9], &[10, 11]),
        ("<=10", 8, &[0, 10], &[11]),
        (">10", 8, &[11, 255], &[10, 0]),
        (">= 10", 8, &[10, 255], &[9]),
        ("10-12", 8, &[11], &[10, 12]),
        ("10<>13", 16, &[11, 12], &[10, 13]),
        ("!10-12", 8, &[10, 12, 0], &[11]),
        ("0xfF", 16, &[255], &[254]),
        ("2kb", 32, &[2048], &[2000]),
        ("1MiB", 32, &[1 << 20], &[1]),
        ("3gb", 64, &[3 << 30], &[3]),
        (">1kib", 32, &[1025], &[1024]),
        ("&0xf0=0x20", 8, &[0x20, 0x2f], &[0x30, 0x22 << 1]),
        ("&0xf0!=0x20", 8, &[0x30], &[0x2f]),
        ("18446744073709551615", 64, &[u64::MAX], &[0]),
    ];
    for (text, bits, pass, fail) in cases {
        let test = parse(text, *bits, &[]).unwrap_or_else(|problem| panic!("{text}: {}", problem.message));
        for value in *pass {
            assert!(test.matches(*value), "{text} should take {value}");
        }
        for value in *fail {
            assert!(!test.matches(*value), "{text} should refuse {value}");
        }
    }
}

/// (text, bits, marked part, whether it could be read but never match)
#[test]
fn refusals() {
    let cases: &[(&str, u8, &str, bool)] = &[
        ("", 8, "", false),
        ("ten", 8, "ten", false),
        ("1 0", 8, "1 0", false),
        ("+1", 8, "+1", false),
        ("-1", 8, "", false),
        ("256", 8, "256", true),
        ("<0", 8, "<0", true),
        (">255", 8, ">255", true),
        ("10-11", 8, "10-11", true),
        ("12-10", 8, "12-10", true),
        ("<1-5", 8, "<1-5", false),
        ("5 kg", 32, "5 kg", false),
        ("&0x0f", 8, "0x0f", false),
        ("&0x0f=0x10", 8, "0x0f=0x10", true),
        ("18446744073709551616", 64, "18446744073709551616", false),
        ("0x", 8, "0x", false),
    ];
    for (text, bits, marked, impossible) in cases {
        let problem = parse(text, *bits, &[]).expect_err(text);
        assert_eq!(slice(text, &problem.span), *marked, "{text}: {}", problem.message);
        assert_eq!(problem.impossible, *impossible, "{text}: {}", problem.message);
    }
}

#[test]
fn names_of_values() {
    assert_eq!(parse("STATUS", 8, NAMES), Ok(Test::Within(2, 2)));
    assert_eq!(parse("!query", 8, NAMES), Ok(Test::Outside(0, 0)));
    assert_eq!(parse(">1", 8, NAMES), Ok(Test::Within(2, 255)));
    assert!(parse("notify", 8, NAMES).is_err());
    assert!(parse("query", 8, &[]).is_err());
}

#[test]
fn flags() {
    let syntax = Syntax { bits: 8, names: FLAGS, flags: true, inclusive: false };
    let test = syntax.parse("syn, !ack").expect("two flags");
    assert!(test.matches(2) && test.matches(3));
    assert!(!test.matches(18) && !test.matches(1));
    assert_eq!(syntax.parse("=2"), Ok(Test::Within(2, 2)));
    assert!(syntax.parse("syn,!syn").expect_err("twice").impossible);
}

#[test]
fn inclusive_ranges() {
    let syntax = Syntax { bits: 32, names: &[], flags: false, inclusive: true };
    assert_eq!(syntax.parse("2-4"), Ok(Test::Within(2, 4)));
    assert_eq!(syntax.parse("3-3"), Ok(Test::Within(3, 3)));
    assert_eq!(parse("2-4", 32, &[]), Ok(Test::Within(3, 3)));
}

/// (text, elements, whether they pass)
#[test]
fn arrays() {
    let cases: &[(&str, &[u64], bool)] = &[
        ("10", &[1, 10], true),
        ("10,any", &[1, 10], true),
        ("10,any", &[], false),
        (">5,all", &[6, 7], true),
        (">5,all", &[6, 5], false),
        (">5,all", &[], false),
        ("10,0", &[10, 1], true),
        ("10,1", &[10, 1], false),
        ("10,2", &[10, 1], false),
        ("1,-1", &[10, 1], true),
        ("10,-2", &[10, 1], true),
        ("10,-3", &[10, 1], false),
    ];
    let syntax = Syntax { bits: 16, names: &[], flags: false, inclusive: false };
    for (text, values, expected) in cases {
        let array = Array::parse(text, &syntax).expect("a value with an index");
        assert_eq!(array.matches(values), *expected, "{text} on {values:?}");
    }
    assert!(Array::parse("10,some", &syntax).is_err());
}

/// (text, numbers that pass, numbers that do not)
#[test]
fn floats() {
    let cases: &[(&str, &[f64], &[f64])] = &[
        ("4", &[4.0], &[4.1]),
        ("= 4.0", &[4.0], &[4.1]),
        ("!= 4", &[4.1], &[4.0]),
        ("< 4", &[3.9], &[4.0]),
        ("<=4", &[4.0], &[4.1]),
        ("> 4.14", &[4.15], &[4.14]),
        (">= 5", &[5.0], &[4.9]),
        ("4-5", &[4.5], &[4.0, 5.0, 6.0]),
        ("!4-5", &[4.0, 5.0, 3.0], &[4.5]),
    ];
    for (text, pass, fail) in cases {
        let test = Float::parse(text).unwrap_or_else(|problem| panic!("{text}: {}", problem.message));
        assert!(pass.iter().all(|value| test.matches(*value)), "{text}");
        assert!(!fail.iter().any(|value| test.matches(*value)), "{text}");
    }
    for text in ["", "x", "5-4", "<4-5", "nan", "inf", "4x"] {
        assert!(Float::parse(text).is_err(), "{text}");
    }
}
