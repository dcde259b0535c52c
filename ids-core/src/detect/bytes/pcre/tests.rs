use super::*;

fn translated(regex: &str, flags: &str) -> Result<Translated, Diagnostic> {
    let settings = Settings::parse(Part { text: flags, at: 0 })?;
    translate(Part { text: regex, at: 0 }, settings.syntax)
}

fn find(regex: &str, flags: &str, data: &[u8]) -> Option<(usize, usize)> {
    let translated = translated(regex, flags).unwrap_or_else(|error| panic!("{regex}: {}", error.message));
    let text = translated.text.clone();
    let regex = Regex::new(translated, false, Limits::default()).unwrap_or_else(|error| panic!("{text}: {error}"));
    let found = regex.find(data, 0, &mut Caches::default()).unwrap_or_else(|_| panic!("{text} gave up"));
    found.map(|found| (found.start, found.end))
}

/// Expression, flags, data, match.
type Case<'a> = (&'a str, &'a str, &'a [u8], Option<(usize, usize)>);

#[test]
fn matches() {
    let cases: &[Case<'_>] = &[
        // literals and escapes
        ("abc", "", b"xabcx", Some((1, 4))),
        ("abc", "i", b"xABCx", Some((1, 4))),
        (r"\x41\x4\x", "", b"A\x04\0", Some((0, 3))),
        (r"\x{41}\o{101}\101", "", b"AAA", Some((0, 3))),
        (r"\0\01\n\r\t\f\e\a", "", b"\0\x01\n\r\t\x0c\x1b\x07", Some((0, 8))),
        (r"\cM\cj", "", b"\r\n", Some((0, 2))),
        (r"\/\.\-\_\@\#\<\>\%\&\~\!\'\:\;", "", b"/.-_@#<>%&~!':;", Some((0, 15))),
        (r"\Qa.b*\E+", "", b"a.b***", Some((0, 6))),
        ("ü+", "", "üü".as_bytes(), Some((0, 2))),
        ("a{,3}b{c}{", "", b"a{,3}b{c}{", Some((0, 10))),
        ("]}", "", b"]}", Some((0, 2))),
        // classes
        (r"[\w-.]+", "", b"a-.", Some((0, 3))),
        (r"[a\]b]+", "", b"a]b", Some((0, 3))),
        ("[]a]+", "", b"]a]", Some((0, 3))),
        ("[^]a]", "", b"]ab", Some((2, 3))),
        ("[[]", "", b"[", Some((0, 1))),
        ("[a&&b]+", "", b"&a", Some((0, 2))),
        ("[+--b~~c]+", "", b"*+,-b~", Some((1, 6))),
        ("[[:alpha:][:^alnum:]]+", "", b"a.1", Some((0, 2))),
        ("[a[:digit:]-z]+", "", b"a1-z", Some((0, 4))),
        (r"[\x00-\x1f\xff]+", "", b"\x00\x1f\xff ", Some((0, 3))),
        (r"[\b\d]+", "", b"\x081", Some((0, 2))),
        ("[^a]", "i", b"Aab", Some((2, 3))),
        ("[é]", "", "é".as_bytes(), Some((0, 1))),
        (r"[\Q^]\E]+", "", b"^]", Some((0, 2))),
        (r"\h\H\v\V\N\R", "", b"\tx\nx.\r\n", Some((0, 7))),
        (r"\d\D\s\S\w\W", "", b"1a\x0b1_.", Some((0, 6))),
        (".", "", b"\n\xff", Some((1, 2))),
        (".", "s", b"\n\xff", Some((0, 1))),
        // anchors
        ("^b", "", b"a\nb", None),
        ("^b", "m", b"a\nb", Some((2, 3))),
        ("a$", "", b"a\nb", None),
        ("a$", "", b"a\n", Some((0, 2))),
        ("a$", "E", b"a\n", None),
        ("a$", "m", b"a\nb", Some((0, 1))),
        (r"a\z", "", b"a\n", None),
        (r"a\Z", "", b"a\n", Some((0, 2))),
        ("b", "A", b"ab", None),
        ("a|b", "A", b"b", Some((0, 1))),
        (r"\bb\B", "", b"abc bcd", Some((4, 5))),
        (r"\Ga", "", b"ba", None),
        // repetition
        ("a{2,3}", "", b"aaaa", Some((0, 3))),
        ("a{2,}?", "", b"aaaa", Some((0, 2))),
        ("a+", "G", b"aaaa", Some((0, 1))),
        ("a+?", "G", b"aaaa", Some((0, 4))),
        ("a{2}{2}", "", b"aaaa", Some((0, 4))),
        ("a++b", "", b"aab", Some((0, 3))),
        ("a{1,2}+a", "", b"aa", None),
        // groups and flags
        ("(?i)a(?-i)b", "", b"AB Ab", Some((3, 5))),
        ("(?i:a)b", "", b"Ab", Some((0, 2))),
        ("((?i)a)b", "", b"AB Ab", Some((3, 5))),
        ("(?:a|b)+(?#comment)c", "", b"abc", Some((0, 3))),
        ("a b # comment\n c", "x", b"abc", Some((0, 3))),
        (r"a\ [ ] b", "x", b"a  b", Some((0, 4))),
        ("(?x) a b", "", b"ab", Some((0, 2))),
        ("(?s-i:.)", "", b"\n", Some((0, 1))),
        // what needs backtracking
        ("(?=.*b)a", "", b"aab", Some((0, 1))),
        ("a(?!b)", "", b"abac", Some((2, 3))),
        ("(?<=a)b", "", b"bab", Some((2, 3))),
        ("(?<!a)b", "", b"abb", Some((2, 3))),
        (r"(a|b)\1", "", b"abb", Some((1, 3))),
        (r"(?P<x>.)(?P=x)", "", b"abb", Some((1, 3))),
        (r"(?P<x>a)b(?P=x)?(?P=x)*c", "", b"abaac", Some((0, 5))),
        (r"(?<x>.)\k<x>\k{x}\k'x'\g{x}", "", b"abbbbb", Some((1, 6))),
        (r"(a)(b)\g2\g{-2}\g{1}", "", b"abbaa", Some((0, 5))),
        (r"(a)\10", "", b"a\x08", Some((0, 2))),
        (r"(\xff)\1[^\xfe]", "", b"\xff\xff\xfd", Some((0, 3))),
        ("(?>a+)b", "", b"aab", Some((0, 3))),
        ("(a)?(?(1)b|c)", "", b"ab", Some((0, 2))),
        ("(?=a)a$", "", b"a\n", Some((0, 1))),
        (r"(?i)(a)\1", "", b"aA", Some((0, 2))),
        ("", "", b"", Some((0, 0))),
    ];
    for (regex, flags, data, expected) in cases {
        assert_eq!(find(regex, flags, data), *expected, "/{regex}/{flags} on {}", data.escape_ascii());
    }
}

/// (expression, marked part)
#[test]
fn refusals() {
    let cases = [
        ("a(b", "("),
        ("a)b", ")"),
        ("[a", "["),
        ("*a", "*"),
        ("a|*b", "*"),
        ("(+a)", "+"),
        ("[z-a]", "z-a"),
        ("a{3,2}", "{3,2}"),
        ("a{65536}", "{65536}"),
        (r"a\", r"\"),
        (r"\y", r"\y"),
        (r"\u0041", r"\u"),
        (r"[\B]", r"\B"),
        (r"\1(a)\2", r"\2"),
        (r"\k<x>", "x"),
        (r"\g5", r"\g5"),
        ("(?P<a>.)(?P<a>.)", "a"),
        ("(?P<1a>.)", "1a"),
        ("(?P<a.)", "(?P<"),
        ("[[:word2:]]", ""),
        ("[[:alpa:]]", "alpa"),
        ("(?q)", "(?q"),
        (r"\x{100}", r"\x{100}"),
        (r"\p{L}", r"\p"),
        ("(?R)", "(?R"),
        ("(?|a|b)", "(?|"),
        ("(*FAIL)", "(*FAIL)"),
    ];
    for (regex, marked) in cases {
        if marked.is_empty() {
            assert!(translated(regex, "").is_ok(), "{regex}");
            continue;
        }
        let error = translated(regex, "").expect_err(regex);
        assert_eq!(regex.get(error.span.clone()), Some(marked), "{regex}: {}", error.message);
    }
    let deep = "(".repeat(500) + &")".repeat(500);
    assert!(translated(&deep, "").is_err());
}

#[test]
fn values() {
    let parts = |value: &'static str| {
        let parts = Parts::split(Part { text: value, at: 0 })?;
        Ok::<_, Diagnostic>((parts.regex.text, parts.flags.text, parts.captures.map(|part| part.text)))
    };
    assert_eq!(parts(r#""/a\/b/Ui""#), Ok((r"a\/b", "Ui", None)));
    assert_eq!(parts(r#""/a/b/Ui""#), Ok(("a/b", "Ui", None)));
    assert_eq!(parts("/one/RB"), Ok(("one", "RB", None)));
    assert_eq!(parts("//"), Ok(("", "", None)));
    assert_eq!(parts(r#""/^["']?post/Ri""#), Ok((r#"^["']?post"#, "Ri", None)));
    assert_eq!(parts(r#""/(a,b)/i, flow:x""#), Ok(("(a,b)", "i", Some(" flow:x"))));
    assert_eq!(parts(r#""/a\\/""#), Ok((r"a\\", "", None)));
}

#[test]
fn buffers() {
    assert_eq!(buffer(r#""/a/Ui""#), Some("http.uri"));
    assert_eq!(buffer(r#"!"/a/RH""#), Some("http.header"));
    assert_eq!(buffer(r#""/U/i""#), None);
    assert_eq!(buffer("broken"), None);
}

#[test]
fn limits_are_told() {
    let give_up = |regex: &str, data: &[u8]| {
        let limits = Limits { regex_steps: 1000, ..Limits::default() };
        let regex = Regex::new(translated(regex, "").expect("reads well"), false, limits).expect("parses");
        regex.find(data, 0, &mut Caches::default()).is_err()
    };
    let many = [b"a".repeat(3000), b"!".to_vec()].concat();
    assert!(give_up(r"(?=a)(a|aa)+\1$", &many));
    assert!(!give_up(r"(?=a)b", b"a"));
    // A backtracking expression sees the start of a large buffer only.
    assert!(give_up("(?=b)b", &[b"a".repeat(5000), b"b".to_vec()].concat()));
    // Linear ones have no limit.
    assert!(!give_up("(a+)+$", &many));
    // Too large to be compiled.
    assert!(give_up("(?:a{1000}){1000}{1000}", b"a"));
}
