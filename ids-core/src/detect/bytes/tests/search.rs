//! What a search leaves behind, needs to know of its buffer, and may cost.

use super::*;

#[test]
fn decoded_data() {
    check(&[
        (
            r#"content:"API="; startswith; base64_decode:offset 0, relative; base64_data; content:"cmVwb3J";"#,
            b"API=Y21Wd2IzSjA%3D",
            true,
        ),
        (
            r#"content:"arg"; base64_decode:bytes 10, offset 1, relative; base64_data; content:"test";"#,
            b"/?arg=dGVzdAo=&",
            true,
        ),
        (r#"base64_decode:bytes 2; base64_data; content:"|9e|"; startswith;"#, b"nnnn", true),
        (r#"content:"x="; base64_decode:relative; base64_data; pcre:"/./";"#, b"x=%%%", false),
        ("base64_decode;", b"dGVzdA==", true),
        ("base64_decode;", b"%%%%", false),
        ("base64_decode:bytes 28; base64_data; bsize:4; isdataat:!4;", b"dGVzdA==", true),
    ]);
}

#[test]
fn captures() {
    let capture = |text: &str, data: &[u8]| {
        let mut scratch = Scratch::new();
        let outcome = chain(text).matches(data.into(), &mut scratch);
        let found: Vec<_> = scratch
            .captures()
            .map(|c| format!("{:?} {}={}", c.kind, c.name.escape_ascii(), c.value.escape_ascii()))
            .collect();
        (outcome == Outcome::Match, found.join(" "))
    };
    let agent = b"Mozilla/5.0 (X11; Ubuntu/8.04) Firefox/3.0";
    let cases: &[(&str, &[u8], bool, &str)] = &[
        (r#"pcre:"/^(?P<alert_ua>[a-zA-Z]+)/";"#, agent, true, "Alert ua=Mozilla"),
        (
            r#"pcre:"/^([a-zA-Z]+).*Ubuntu\/(\d+\.\d).*Firefox\/(.*)/,alert:user_agent, flow:ubuntu, pkt:firefox";"#,
            agent,
            true,
            "Alert user_agent=Mozilla Flow ubuntu=8.0 Packet firefox=3.0",
        ),
        (
            r#"content:"Mozilla"; startswith; pcre:"/^(.*)\/(\d+\.\d+)/G, pkt:key,pkt:value";"#,
            agent,
            true,
            "Packet Mozilla=5.0",
        ),
        (r#"pcre:"/^(.*)\/(\d+\.\d+)/G, flow:key,flow:value";"#, agent, true, "Flow key=Mozilla Flow value=5.0"),
        (r#"pcre:"/(?P<flow_ua>.*)\r\n/R";"#, b"abc\r\n", true, "Flow ua=abc"),
        // What was captured on the way to a failure is forgotten.
        (r#"pcre:"/(?P<flow_n>\d)/"; content:"x"; within:1;"#, b"1 2x", true, "Flow n=2"),
        (r#"pcre:"/(?P<flow_n>\d)/"; content:"y"; within:1;"#, b"1 2x", false, ""),
        (r#"pcre:"/(?=1)(?P<pkt_n>\d)/";"#, b"21", true, "Packet n=1"),
    ];
    for (text, data, matched, expected) in cases {
        assert_eq!(capture(text, data), (*matched, (*expected).to_owned()), "{text}");
    }
}

#[test]
fn replacements() {
    let mut scratch = Scratch::new();
    let chain = chain(r#"content:"foo"; replace:"bar"; content:"!"; within:1;"#);
    assert_eq!(chain.matches(b"foo foo!"[..].into(), &mut scratch), Outcome::Match);
    let found: Vec<_> = scratch.replacements().collect();
    assert_eq!(found, [Replacement { at: 4, bytes: b"bar" }]);
}

/// (options, data, offset, outcome before the end is known)
#[test]
fn growing_buffers() {
    use Outcome::{Match, NoMatch, NoMatchYet};
    let cases: &[(&str, &[u8], u64, Outcome)] = &[
        (r#"content:"abc";"#, b"xabc", 0, Match),
        (r#"content:"abc";"#, b"xab", 0, NoMatchYet),
        (r#"content:"abc"; depth:4;"#, b"xxab", 0, NoMatch),
        (r#"content:"abc"; depth:5;"#, b"xxab", 0, NoMatchYet),
        (r#"content:"abc"; startswith;"#, b"xab", 0, NoMatch),
        (r#"content:"abc"; startswith;"#, b"ab", 0, NoMatchYet),
        (r#"content:"abc"; startswith;"#, b"abc", 10, NoMatch),
        (r#"content:"abc"; offset:10; depth:3;"#, b"abc", 10, Match),
        (r#"content:"abc"; endswith;"#, b"abc", 0, NoMatchYet),
        (r#"content:!"abc";"#, b"xab", 0, NoMatchYet),
        (r#"content:!"abc";"#, b"xabc", 0, NoMatch),
        (r#"content:!"abc"; depth:3;"#, b"xab", 0, Match),
        (r#"content:"a"; content:!"b"; within:2;"#, b"axx", 0, Match),
        (r#"content:"a"; content:!"b"; within:2;"#, b"ax", 0, NoMatchYet),
        ("isdataat:3;", b"abc", 0, NoMatchYet),
        ("isdataat:3;", b"abc", 1, Match),
        ("isdataat:!3;", b"abc", 0, NoMatchYet),
        ("isdataat:!3;", b"abcd", 0, NoMatch),
        ("bsize:3;", b"abc", 0, NoMatchYet),
        ("bsize:3;", b"abcd", 0, NoMatch),
        ("bsize:>3;", b"abcd", 0, NoMatchYet),
        ("byte_test:2,=,1,2;", b"abc", 0, NoMatchYet),
        ("byte_test:1,=,1,2;", b"abc", 0, NoMatch),
        ("byte_test:1,=,0x61,10;", b"abc", 10, Match),
        ("byte_test:1,=,0x61,1;", b"abc", 10, NoMatch),
        ("byte_jump:1,0;", b"\x05", 0, NoMatchYet),
        ("byte_jump:0,0,from_end;", b"abc", 0, NoMatchYet),
        ("entropy: value = 0;", b"aaa", 0, NoMatchYet),
        ("entropy: bytes 2, value = 0;", b"aab", 0, Match),
        (r#"pcre:"/b/";"#, b"abc", 0, Match),
        (r#"pcre:"/c$/";"#, b"abc", 0, NoMatchYet),
        (r#"pcre:!"/x/";"#, b"abc", 0, NoMatchYet),
        (r#"pcre:!"/b/";"#, b"abc", 0, NoMatch),
        (r#"base64_decode; base64_data; content:"tes";"#, b"dGVz", 0, Match),
        (r#"base64_decode; base64_data; content:"test";"#, b"dGVz", 0, NoMatchYet),
        (r#"base64_decode:bytes 4; base64_data; content:"test";"#, b"dGVzd", 0, NoMatch),
    ];
    for (text, data, offset, expected) in cases {
        let buffer = Buffer { data, offset: *offset, complete: false, known: 0 };
        assert_eq!(chain(text).matches(buffer, &mut Scratch::new()), *expected, "{text} on {}", data.escape_ascii());
        if *expected != NoMatchYet {
            let buffer = Buffer { complete: true, ..buffer };
            assert_eq!(chain(text).matches(buffer, &mut Scratch::new()), *expected, "{text}, complete");
        }
    }
}

#[test]
fn known_bytes() {
    // Rule, data, how many bytes of it are known, whether it matches.
    let cases: &[(&str, &[u8], usize, bool)] = &[
        (r#"content:"abc";"#, b"abc", 0, true),
        (r#"content:"abc";"#, b"abcx", 3, false),
        (r#"content:"abc";"#, b"abcx", 2, true),
        (r#"content:"abc";"#, b"abcabc", 3, false),
        (r#"content:"a"; content:"b"; distance:0;"#, b"abxb", 2, false),
        (r#"content:"a"; content:"b"; distance:0;"#, b"axxb", 2, true),
        (r#"content:"a"; isdataat:3,relative;"#, b"axxxx", 2, true),
        (r#"content:"a"; isdataat:3,relative;"#, b"axxxxxx", 5, false),
        (r#"content:"a"; content:!"b"; within:2;"#, b"axxx", 3, false),
        (r#"content:"a"; content:!"b"; within:2;"#, b"axxx", 2, true),
        (r#"content:"a"; content:!"b";"#, b"axxx", 2, true),
        (r#"pcre:"/a.c/";"#, b"abcx", 3, false),
        (r#"pcre:"/a.c/";"#, b"abcx", 2, true),
        ("bsize:4;", b"abcd", 4, true),
    ];
    for (text, data, known, expected) in cases {
        let buffer = Buffer { known: *known, ..Buffer::from(*data) };
        let found = chain(text).matches(buffer, &mut Scratch::new()) == Outcome::Match;
        assert_eq!(found, *expected, "{text} on {}, {known} known", data.escape_ascii());
    }
}

#[test]
fn work_is_bounded() {
    let data = vec![b'a'; 200_000];
    // Where a table of failures makes the work small enough, the search must not give up.
    let cases = [
        (r#"content:"a"; content:"a"; distance:0; content:"a"; distance:0; content:"b"; distance:0;"#, false),
        (r#"content:"a"; content:"a"; within:2; content:"a"; within:2; content:"b"; within:2;"#, false),
        (r#"content:"a"; content:"a"; within:90; content:"a"; within:90; content:"b"; within:90;"#, true),
        (r#"content:"a"; pcre:"/a+b/R"; content:"c"; within:1;"#, true),
        (
            r#"byte_extract:1,0,n; content:"a"; content:"a"; within:n; content:"a"; within:n; content:"b"; within:n;"#,
            true,
        ),
    ];
    for (text, gives_up) in cases {
        let mut scratch = Scratch::new();
        assert_eq!(chain(text).matches(data.as_slice().into(), &mut scratch), Outcome::NoMatch, "{text}");
        assert_eq!(scratch.counts, Counts { step_limit: gives_up.into(), regex_limit: 0 }, "{text}");
    }
}
