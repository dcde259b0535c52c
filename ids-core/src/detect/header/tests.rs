use super::*;
use crate::rules::diagnostic::Code;

fn vars() -> Vars {
    let pairs = |rows: &[(&str, &str)]| rows.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Vars {
        addresses: pairs(&[
            ("HOME_NET", "[192.168.0.0/16,10.0.0.0/8]"),
            ("EXTERNAL_NET", "!$HOME_NET"),
            ("PLAIN", "1.1.1.1, 2.2.2.2"),
            ("LOOP", "[$LOOP]"),
            ("EMPTY", "[1.1.1.1,!1.1.1.1]"),
            ("BROKEN", "[1.1.1]"),
        ]),
        ports: pairs(&[("HTTP_PORTS", "80"), ("SHELLCODE", "!80")]),
    }
}

fn spanned(text: &str) -> Spanned {
    Spanned { text: text.to_owned(), span: 5..5 + text.len() }
}

#[test]
fn addresses() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("any", &["1.2.3.4", "2001:db8::1"], &[]),
        ("1.2.3.4", &["1.2.3.4"], &["1.2.3.5", "::1"]),
        ("10.0.0.0/8", &["10.0.0.0", "10.255.255.255"], &["9.255.255.255", "11.0.0.0"]),
        ("10.1.2.3/255.255.0.0", &["10.1.0.0", "10.1.255.255"], &["10.2.0.0"]),
        ("0.0.0.0/0", &["1.2.3.4"], &["::1"]),
        ("10.0.0.5-10.0.0.7", &["10.0.0.5", "10.0.0.7"], &["10.0.0.4", "10.0.0.8"]),
        ("2001:db8::/32", &["2001:db8::1"], &["2001:db9::1", "1.2.3.4"]),
        ("!10.0.0.0/8", &["11.0.0.0", "::1"], &["10.1.1.1"]),
        ("[10.0.0.0/8,!10.1.0.0/16,[1.1.1.1]]", &["10.2.0.1", "1.1.1.1"], &["10.1.2.3", "2.2.2.2"]),
        ("[!10.0.0.0/8]", &["11.0.0.0"], &["10.0.0.0"]),
        ("![10.0.0.0/8,!10.1.0.0/16]", &["10.1.0.1", "1.1.1.1"], &["10.0.0.1"]),
        ("$HOME_NET", &["192.168.1.1", "10.9.9.9"], &["8.8.8.8"]),
        ("$EXTERNAL_NET", &["8.8.8.8"], &["192.168.1.1"]),
        ("[$EXTERNAL_NET,!8.8.8.8]", &["9.9.9.9"], &["8.8.8.8", "10.0.0.1"]),
        ("$PLAIN", &["1.1.1.1", "2.2.2.2"], &["3.3.3.3"]),
    ];
    for (text, inside, outside) in cases {
        let set =
            Reader::default().address(&spanned(text), &vars()).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
        for address in *inside {
            assert!(set.contains(address.parse().unwrap()), "{text} holds {address}");
        }
        for address in *outside {
            assert!(!set.contains(address.parse().unwrap()), "{text} does not hold {address}");
        }
    }
}

#[test]
fn ports() {
    let cases: &[(&str, &[u16], &[u16])] = &[
        ("any", &[0, 65535], &[]),
        ("80", &[80], &[79, 81]),
        ("80:82", &[80, 82], &[79, 83]),
        ("1024:", &[1024, 65535], &[1023]),
        (":1023", &[0, 1023], &[1024]),
        ("[80,443,!443]", &[80], &[443]),
        ("!$HTTP_PORTS", &[81], &[80]),
        ("$SHELLCODE", &[81], &[80]),
        ("[1:100,![50:60,55]]", &[49, 61], &[50, 55, 60]),
    ];
    for (text, inside, outside) in cases {
        let set = Reader::default().port(&spanned(text), &vars()).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
        assert!(inside.iter().all(|port| set.contains(*port)), "{text}");
        assert!(!outside.iter().any(|port| set.contains(*port)), "{text}");
    }
}

#[test]
fn mistakes() {
    let cases: &[(&str, Code, std::ops::Range<usize>)] = &[
        ("1.2.3", Code::BadAddress, 5..10),
        ("[1.2.3.4,1.2]", Code::BadAddress, 14..17),
        ("[1.2.3.4", Code::BadAddress, 5..13),
        ("10.0.0.0/33", Code::BadAddress, 5..16),
        ("10.0.0.0/255.0.255.0", Code::BadAddress, 5..25),
        ("10.0.0.9-10.0.0.1", Code::BadAddress, 5..22),
        ("$NOBODY", Code::UnknownVariable, 5..12),
        ("$LOOP", Code::BadAddress, 5..10),
        ("$BROKEN", Code::BadAddress, 5..12),
        ("!any", Code::BadAddress, 5..9),
        ("$EMPTY", Code::BadAddress, 5..11),
    ];
    for (text, code, span) in cases {
        let fault = Reader::default().address(&spanned(text), &vars()).expect_err(text);
        assert_eq!((fault.code, fault.span), (*code, span.clone()), "{text}: {}", fault.message);
    }
    for text in ["65536", "-1", "90:80", "x", "[80", "!any", ""] {
        assert!(Reader::default().port(&spanned(text), &vars()).is_err(), "{text}");
    }
}
