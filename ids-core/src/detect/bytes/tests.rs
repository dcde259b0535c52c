use super::*;
use crate::detect::transforms;
use crate::field::BytesKind;
use crate::rules::ast::{Opt, Spanned};
use crate::rules::diagnostic::{Code, Diagnostic};

/// The options of a piece of a rule: `name:value; name;`.
pub(super) fn options(text: &str) -> Vec<Opt> {
    let mut options = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                options.push(option(text, start, at));
                start = at + 1;
            }
            _ => {}
        }
    }
    assert!(text[start..].trim().is_empty(), "the last `;` is missing in {text}");
    options
}

fn option(text: &str, start: usize, end: usize) -> Opt {
    let spanned = |start: usize, end: usize| {
        let part = &text[start..end];
        let start = start + part.len() - part.trim_start().len();
        let text = part.trim().to_owned();
        Spanned { span: start..start + text.len(), text }
    };
    let whole = spanned(start, end);
    match text[start..end].find(':') {
        Some(colon) => {
            Opt { name: spanned(start, start + colon), value: Some(spanned(start + colon + 1, end)), span: whole.span }
        }
        None => Opt { name: whole.clone(), value: None, span: whole.span },
    }
}

/// The chain of these options, or what is wrong with them.
pub(super) fn chain_on(kind: BytesKind, text: &str) -> Result<Chain, Vec<Diagnostic>> {
    let (mut vars, mut warnings, limits) = (VarNames::default(), Vec::new(), Limits::default());
    let mut cx = ChainCx { vars: &mut vars, warnings: &mut warnings, limits: &limits };
    let mut builder = ChainBuilder::new(kind);
    let mut errors = Vec::new();
    for opt in options(text) {
        assert!(is_option(&opt.name.text) || opt.name.text == "unknown", "{}", opt.name.text);
        errors.extend(builder.option(&opt, &mut cx).err());
    }
    if errors.is_empty() { builder.build(&mut cx) } else { Err(errors) }
}

pub(super) fn chain(text: &str) -> Chain {
    chain_on(BytesKind::PLAIN, text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

fn matches(text: &str, data: &[u8]) -> bool {
    chain(text).matches(data.into(), &mut Scratch::new()) == Outcome::Match
}

fn check(cases: &[(&str, &[u8], bool)]) {
    for (text, data, expected) in cases {
        assert_eq!(matches(text, data), *expected, "{text} on {}", data.escape_ascii());
    }
}

#[test]
fn the_list_of_options_is_sorted() {
    assert!(OPTIONS.is_sorted_by_key(|row| row.name));
    assert!(is_option("content") && !is_option("dsize"));
}

#[test]
fn contents() {
    check(&[
        (r#"content:"abc";"#, b"xxabcxx", true),
        (r#"content:"abc";"#, b"xxabxcx", false),
        (r#"content:"abc";"#, b"xxABCxx", false),
        (r#"content:"abc"; nocase;"#, b"xxAbCxx", true),
        (r#"content:"aBc"; nocase;"#, b"xxabCxx", true),
        (r#"content:"abc"; nocase;"#, b"xxabdxx", false),
        (r#"content:!"abc";"#, b"xxabx", true),
        (r#"content:!"abc";"#, b"xxabcx", false),
        (r#"content:!"abc"; nocase;"#, b"xxABCx", false),
        (r#"content:"|00 01|a|FF|";"#, b"\x00\x01a\xFF", true),
        (r#"content:"a\"b";"#, b"a\"b", true),
        (r#"content:"abc"; content:"abc";"#, b"abc", true),
        (r#"content:"b"; content:"a";"#, b"ab", true),
        (r#"content:"abc";"#, b"", false),
        (r#"content:!"abc";"#, b"", true),
        (r#"content:"abcd"; nocase;"#, b"abc", false),
    ]);
}

#[test]
fn absolute_places() {
    check(&[
        (r#"content:"abc"; offset:2;"#, b"xxabc", true),
        (r#"content:"abc"; offset:3;"#, b"xxabc", false),
        (r#"content:"abc"; depth:5;"#, b"xxabc", true),
        (r#"content:"abc"; depth:4;"#, b"xxabc", false),
        // The depth counts from the offset.
        (r#"content:"abc"; offset:2; depth:3;"#, b"xxabc", true),
        (r#"content:"abc"; depth:3; offset:2;"#, b"xxxabc", false),
        (r#"content:"abc"; offset:100;"#, b"abc", false),
        (r#"content:!"abc"; offset:1;"#, b"abcx", true),
        (r#"content:!"abc"; depth:3;"#, b"abc", false),
        (r#"content:!"abc"; offset:100;"#, b"abc", true),
        (r#"content:"abc"; startswith;"#, b"abcx", true),
        (r#"content:"abc"; startswith;"#, b"xabc", false),
        (r#"content:"abc"; endswith;"#, b"abcabc", true),
        (r#"content:"abc"; endswith;"#, b"abcx", false),
        (r#"content:"abc"; endswith; nocase;"#, b"xABC", true),
        (r#"content:"abc"; startswith; endswith;"#, b"abc", true),
        (r#"content:"abc"; startswith; endswith;"#, b"abcabc", false),
        (r#"content:!"abc"; endswith;"#, b"abcx", true),
        (r#"content:!"abc"; endswith;"#, b"xabc", false),
        (r#"content:!"abc"; endswith;"#, b"bc", true),
        (r#"content:"abc"; depth:3; endswith;"#, b"abcabc", false),
    ]);
}

#[test]
fn relative_places() {
    check(&[
        (r#"content:"a"; content:"b"; distance:0;"#, b"ab", true),
        (r#"content:"a"; content:"b"; distance:0;"#, b"ba", false),
        (r#"content:"a"; content:"b"; distance:1;"#, b"ab", false),
        (r#"content:"a"; content:"b"; distance:1;"#, b"axb", true),
        (r#"content:"a"; content:"b"; distance:-2;"#, b"ba", true),
        (r#"content:"a"; content:"b"; distance:-1;"#, b"ba", false),
        (r#"content:"a"; content:"b"; within:1;"#, b"ab", true),
        (r#"content:"a"; content:"b"; within:1;"#, b"axb", false),
        // `within` counts from the distance.
        (r#"content:"a"; content:"b"; distance:2; within:1;"#, b"axxb", true),
        (r#"content:"a"; content:"b"; within:1; distance:2;"#, b"axb", false),
        (r#"content:"a"; content:"b"; distance:2; within:1;"#, b"axxxb", false),
        (
            r#"content:"AllWorkAndNoPlayMakesWill"; content:"DullBoy"; distance:1; within:7;"#,
            b"AllWorkAndNoPlayMakesWillADullBoy",
            true,
        ),
        (r#"content:"PE|00 00|"; content:"MZ"; distance:-8; within:4;"#, b"xxMZxxPE\0\0", true),
        // Without a match before it the start of the buffer is meant.
        (r#"content:"b"; within:2;"#, b"xb", true),
        (r#"content:"b"; within:2;"#, b"xxb", false),
        (r#"content:"a"; content:!"b"; within:2;"#, b"axxb", true),
        (r#"content:"a"; content:!"b"; within:2;"#, b"axbx", false),
        (r#"content:"a"; content:!"b"; distance:2;"#, b"abxx", true),
        (r#"content:"a"; content:!"b"; distance:10;"#, b"ab", true),
    ]);
}

#[test]
fn earlier_contents_move_on() {
    check(&[
        // The first `a` has no `b` right behind it, the second has.
        (r#"content:"a"; content:"b"; within:1;"#, b"axxab", true),
        (r#"content:"a"; content:!"b"; within:1;"#, b"abac", true),
        (r#"content:"a"; content:!"b"; within:1;"#, b"abab", false),
        (r#"content:"a"; content:"b"; distance:0; content:"c"; within:1;"#, b"abxabc", true),
        (r#"content:"a"; content:"b"; within:5; content:"c"; within:1;"#, b"abbbbc", true),
        (r#"content:"a"; content:"b"; within:4; content:"c"; within:1;"#, b"abbbbbbc", false),
        (r#"content:"a"; isdataat:!1,relative;"#, b"axa", true),
        (r#"content:"a"; byte_test:1,=,5,0,relative;"#, b"a\x04a\x05", true),
        (r#"content:"a"; pcre:"/^b/R";"#, b"axab", true),
        (r#"pcre:"/a/"; content:"b"; within:1;"#, b"axab", true),
        (r#"content:"a"; byte_jump:1,0,relative; content:"z"; within:1;"#, b"a\x01xxa\x01xz", true),
        (r#"content:"a"; byte_extract:1,0,n,relative; content:"z"; distance:n; within:1;"#, b"a\x01za\x02..z", true),
        // A later absolute content does not care where the first one is.
        (r#"content:"a"; content:"b"; content:"c"; within:1;"#, b"abxabc", true),
        (r#"content:"a"; base64_decode:relative; base64_data; content:"test";"#, b"a!adGVzdA==", true),
    ]);
}

#[test]
fn data_at() {
    check(&[
        ("isdataat:3;", b"abcd", true),
        ("isdataat:4;", b"abcd", false),
        ("isdataat:!4;", b"abcd", true),
        (r#"content:"ab"; isdataat:2,relative;"#, b"abcd", true),
        (r#"content:"ab"; isdataat:3,relative;"#, b"abcd", false),
        (r#"content:"ab"; isdataat:!1,relative;"#, b"ab", true),
        (r#"content:"ab"; isdataat:!1,relative;"#, b"abc", false),
        (r#"content:"ab"; isdataat:1, relative, rawbytes;"#, b"abc", true),
        ("byte_extract:1,0,n; isdataat:n;", b"\x02ab", true),
        ("byte_extract:1,0,n; isdataat:n;", b"\x03ab", false),
    ]);
}

#[test]
fn sizes() {
    check(&[
        ("bsize:3;", b"abc", true),
        ("bsize:3;", b"abcd", false),
        ("bsize:<3;", b"ab", true),
        ("bsize:10<>100;", b"0123456789a", true),
        ("bsize:10<>100;", b"0123456789", false),
        ("bsize:0;", b"", true),
        (r#"content:"/"; bsize:1;"#, b"/", true),
    ]);
}

#[test]
fn byte_tests() {
    check(&[
        ("byte_test:1,=,5,0;", b"\x05", true),
        ("byte_test:1,!=,5,0;", b"\x05", false),
        ("byte_test:1,!,5,0;", b"\x06", true),
        ("byte_test:2,>,0x0100,0;", b"\x01\x01", true),
        ("byte_test:2,>,0x0100,0,little;", b"\x01\x01", true),
        ("byte_test:2,=,0x0201,0,little;", b"\x01\x02", true),
        ("byte_test:2,=,0x0102,0,big;", b"\x01\x02", true),
        ("byte_test:3,=,0x010203,0;", b"\x01\x02\x03", true),
        ("byte_test:8,=,0xFFFFFFFFFFFFFFFF,0;", b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", true),
        ("byte_test:1,&,128,0;", b"\x80", true),
        ("byte_test:1,!&,128,0;", b"\x7F", true),
        ("byte_test:1,^,5,0;", b"\x05", false),
        ("byte_test:1,^,5,0;", b"\x04", true),
        ("byte_test:1,<=,5,1;", b"\xFF\x05", true),
        ("byte_test:1,>=,6,1;", b"\xFF\x05", false),
        // Nothing to compare: no match, negated or not.
        ("byte_test:1,=,0,1;", b"\x05", false),
        ("byte_test:1,!=,0,1;", b"\x05", false),
        ("byte_test:1,=,65,214748364;", b"A", false),
        ("byte_test:1,=,0x9,0, bitmask 0xf8;", b"HTTP", true),
        ("byte_test:2,=,0x90a,0, bitmask 0xf8f8;", b"HTTP", true),
        (r#"content:"ab"; byte_test:1,=,0x63,0,relative;"#, b"abc", true),
        (r#"content:"bc"; byte_test:1,=,0x61,-3,relative;"#, b"abc", true),
        (r#"content:"ab"; byte_test:1,=,0,-3,relative;"#, b"ab", false),
        ("byte_test:1, =, 0x88, 1, relative;", b"\x00\x88", true),
        ("byte_test:3,=,123,0,string,dec;", b"123", true),
        ("byte_test:3,=,0x123,0,string,hex;", b"123", true),
        ("byte_test:4,=,8,0,string,oct;", b"0010", true),
        ("byte_test:5,=,255,0,string,hex;", b"0xff ", true),
        ("byte_test:3,=,12,0,string,dec;", b"12x", true),
        ("byte_test:3,=,12,0,string,dec;", b" 12", true),
        ("byte_test:3,=,0,0,string,dec;", b"abc", false),
        ("byte_test:0,>,99,0,string,dec;", b"100", true),
        ("byte_test:0,>,99,0,string,dec;", b"99", false),
        ("byte_extract:1,0,n; byte_test:1,=,n,1;", b"\x07\x07", true),
        ("byte_extract:1,0,n; byte_test:n,=,0x0102,1;", b"\x02\x01\x02", true),
        ("byte_extract:1,0,n; byte_test:1,=,9,n;", b"\x02\x01\x09", true),
    ]);
    let mut scratch = Scratch { dce_little_endian: true, ..Scratch::new() };
    let dce = chain("byte_test:2,=,0x0201,0,dce;");
    assert_eq!(dce.matches(b"\x01\x02"[..].into(), &mut scratch), Outcome::Match);
}

#[test]
fn byte_jumps() {
    let question = b"Question?13When will the pandemic end?";
    check(&[
        (
            r#"content:"Question?"; byte_jump:2,0,relative,string,from_end,post_offset -26; content:"pandemic"; distance:0;"#,
            question,
            true,
        ),
        (
            r#"content:"Question?"; byte_jump:0,0,relative,string,from_end,post_offset -3; content:"pandemic"; distance:0;"#,
            question,
            false,
        ),
        (r#"byte_jump:1,0; content:"z"; distance:0; within:1;"#, b"\x02..z", true),
        (r#"byte_jump:1,0; content:"z"; distance:0; within:1;"#, b"\x02...z", false),
        (r#"byte_jump:1,0,multiplier 2; content:"z"; within:1;"#, b"\x02....z", true),
        (r#"byte_jump:1,0,align; content:"z"; within:1;"#, b"\x03....z", true),
        (r#"byte_jump:1,0,from_beginning; content:"z"; within:1;"#, b"\x02.z", true),
        (r#"byte_jump:1,0,from_beginning, post_offset -1; content:"z"; within:1;"#, b"\x02z.", true),
        (r#"byte_jump:2,0,little; content:"z"; within:1;"#, b"\x01\x00.z", true),
        (r#"byte_jump:1,0,bitmask 0xf0; content:"z"; within:1;"#, b"\x2F..z", true),
        ("byte_jump:1,0;", b"\x02..", true),
        ("byte_jump:1,0;", b"\x03..", false),
        ("byte_jump:1,5;", b"\x03..", false),
        // Before the start means at the start.
        (r#"content:"cd"; byte_jump:0,0,relative,post_offset -10; pcre:"/^ab/R";"#, b"abcd", true),
        (r#"content:"cd"; byte_jump:0,0,relative,post_offset -4; pcre:"/^ab/R";"#, b"abcd", true),
        (r#"byte_extract:1,0,n; byte_jump:n,0,relative; isdataat:1,relative;"#, b"\x01\x01.x", true),
        (r#"byte_extract:1,0,n; byte_jump:n,0,relative; isdataat:1,relative;"#, b"\x01\x01.", false),
    ]);
}

#[test]
fn byte_extracts() {
    check(&[
        // The next test goes on behind the number.
        (
            r#"content:"|03|"; byte_extract:1,0,n,relative; content:!"."; within:n; pcre:"/^abc/R";"#,
            b"\x03\x03abc.",
            true,
        ),
        (r#"content:"|03|"; byte_extract:1,0,n,relative; content:!"."; within:n;"#, b"\x03\x03ab..", false),
        (r#"byte_extract:2,0,n,little,multiplier 2; content:"z"; offset:n; depth:1;"#, b"\x02\x00..z", true),
        (r#"byte_extract:1,0,n,align 4; content:"z"; offset:n; depth:1;"#, b"\x02...z", true),
        (r#"byte_extract:3,0,n,string,dec; byte_test:1,=,n,3;"#, b"065A", true),
        (r#"byte_extract:1,0,d; content:"Bob"; depth:d;"#, b"\x05.Bob", true),
        (r#"byte_extract:1,0,d; content:"Bob"; depth:d;"#, b"\x04.Bob", false),
        (r#"byte_extract:1,0,d; content:"a"; content:"b"; distance:d; within:1;"#, b"\x02a..b", true),
        ("byte_extract:2,3,n;", b"abcd", false),
    ]);
}

#[test]
fn byte_maths() {
    check(&[
        ("byte_math:bytes 1, offset 0, oper +, rvalue 2, result r; byte_test:1,=,r,1;", b"\x03\x05", true),
        ("byte_math:bytes 1, offset 0, oper -, rvalue 2, result r; byte_test:1,=,r,1;", b"\x03\x01", true),
        ("byte_math:bytes 1, offset 0, oper *, rvalue 2, result r; byte_test:1,=,r,1;", b"\x03\x06", true),
        ("byte_math:bytes 1, offset 0, oper /, rvalue 2, result r; byte_test:1,=,r,1;", b"\x07\x03", true),
        ("byte_math:bytes 1, offset 0, oper <<, rvalue 2, result r; byte_test:1,=,r,1;", b"\x03\x0C", true),
        ("byte_math:bytes 1, offset 0, oper >>, rvalue 1, result r; byte_test:1,=,r,1;", b"\x03\x01", true),
        ("byte_math:bytes 1, offset 0, oper <<, rvalue 64, result r; byte_test:1,=,r,1;", b"\x03\x00", true),
        // It wraps around.
        ("byte_math:bytes 1, offset 0, oper -, rvalue 4, result r; byte_test:1,<,r,1;", b"\x03\xFF", true),
        ("byte_extract:1,1,n; byte_math:bytes 1, offset 0, oper /, rvalue n, result r;", b"\x03\x00", false),
        ("byte_extract:1,1,n; byte_math:bytes 1, offset 0, oper /, rvalue n, result r;", b"\x03\x01", true),
        (
            "byte_math:bytes 2, offset 0, oper +, rvalue 0, result r, endian little; byte_test:2,=,r,2;",
            b"\x01\x02\x02\x01",
            true,
        ),
        ("byte_math:bytes 2, offset 0, oper +, rvalue 1, result r, string dec; byte_test:1,=,r,2;", b"64A", true),
        (
            "byte_math:bytes 1, offset 0, oper +, rvalue 0, result r, bitmask 0xF0; byte_test:1,=,r,1;",
            b"\x5F\x05",
            true,
        ),
        (
            r#"content:"a"; byte_math:bytes 1, offset 0, oper +, rvalue 0, result r, relative; content:"z"; within:1;"#,
            b"a.z",
            true,
        ),
    ]);
}

#[test]
fn entropies() {
    let all: Vec<u8> = (0..=255).collect();
    check(&[
        ("entropy: value = 8;", &all, true),
        ("entropy: value > 7.9;", &all, true),
        ("entropy: value < 8;", &all, false),
        ("entropy: value = 0;", b"aaaa", true),
        ("entropy: value = 1;", b"abab", true),
        ("entropy: bytes 2, offset 2, value = 0;", b"abcc", true),
        ("entropy: offset 2, value = 1;", b"aaab", true),
        ("entropy: value 0-2;", b"ab", true),
        ("entropy: value !0-2;", b"ab", false),
        ("entropy: value = 0;", b"", true),
    ]);
    let mut scratch = Scratch::new();
    chain("entropy: value > 0;").matches(b"abab"[..].into(), &mut scratch);
    assert_eq!(scratch.entropy(), Some(1.0));
}

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

#[test]
fn lengths() {
    let cases: &[(&str, u64, u64)] = &[
        (r#"content:"boom"; content:"loom"; distance:10;"#, 18, u64::MAX),
        (r#"content:"boom"; content:"loom"; distance:-15;"#, 4, u64::MAX),
        (r#"content:"AA"; offset:100;"#, 102, u64::MAX),
        (r#"content:"abc"; content:"g";"#, 3, u64::MAX),
        (r#"content:"abc"; bsize:<10;"#, 3, 9),
        (r#"content:!"abc"; isdataat:5;"#, 6, u64::MAX),
        (r#"content:"abc"; isdataat:5,relative;"#, 8, u64::MAX),
        ("isdataat:!5;", 0, 5),
        ("byte_test:2,=,1,7;", 9, u64::MAX),
        (r#"content:"abc"; byte_test:2,=,1,7,relative;"#, 12, u64::MAX),
        (r#"content:"abc"; byte_jump:1,0,relative; content:"d"; distance:0;"#, 3, u64::MAX),
        (r#"content:"abc"; pcre:"/x/"; content:"d"; distance:0;"#, 3, u64::MAX),
        (r#"byte_extract:1,0,n; content:"abc"; offset:n;"#, 3, u64::MAX),
    ];
    for (text, min, max) in cases {
        let chain = chain(text);
        assert_eq!((chain.min_len(), chain.max_len()), (*min, *max), "{text}");
    }
}

#[test]
fn patterns_for_the_prefilter() {
    let chain = chain(
        r#"content:"abc"; offset:1; depth:5; content:!"def"; nocase; distance:-2; within:9; content:"ghij"; fast_pattern:1,2;"#,
    );
    let infos: Vec<_> = chain.patterns().collect();
    assert_eq!((infos[0].bytes, infos[0].offset, infos[0].depth), (&b"abc"[..], Some(1), Some(5)));
    assert_eq!((infos[0].distance, infos[0].within, infos[0].negated), (None, None, false));
    assert_eq!(
        (infos[1].distance, infos[1].within, infos[1].nocase, infos[1].negated),
        (Some(-2), Some(9), true, true)
    );
    assert_eq!(infos[2].fast_pattern, Some(FastPattern::Chop { offset: 1, length: 2 }));
    assert_eq!((infos[2].chopped(), infos[0].chopped()), (&b"hi"[..], &b"abc"[..]));
    assert_eq!((infos[2].offset, infos[2].distance), (None, None));
}

#[test]
fn missing_buffers() {
    assert_eq!(chain("absent;").absent(), Absent::Required);
    assert_eq!(chain(r#"absent:or_else; content:!"a";"#).absent(), Absent::OrElse);
    assert_eq!(chain(r#"content:"a";"#).absent(), Absent::No);
}

#[test]
fn variables_of_other_buffers() {
    let (mut vars, mut warnings, limits) = (VarNames::default(), Vec::new(), Limits::default());
    let mut cx = ChainCx { vars: &mut vars, warnings: &mut warnings, limits: &limits };
    let mut build = |text: &str, isolate: bool| {
        let mut builder = ChainBuilder::new(BytesKind::PLAIN);
        if isolate {
            builder.isolate();
        }
        for opt in options(text) {
            builder.option(&opt, &mut cx)?;
        }
        Ok(builder.build(&mut cx).expect("no contradictions"))
    };
    let payload = build("byte_extract:1,0,p; byte_test:1,=,p,1;", true).expect("knows its own");
    let first =
        build("byte_extract:1,0,n; byte_math:bytes 1, offset 1, oper +, rvalue n, result r;", false).expect("loads");
    let second = build("byte_test:1,=,r,0;", false).expect("knows the others'");
    let error: Diagnostic = build("byte_test:1,=,p,0;", false).expect_err("does not know the payload's");
    assert_eq!((error.code, error.span), (Code::UnknownName, 14..15));
    assert!(second.uses_foreign_vars() && !first.uses_foreign_vars() && !payload.uses_foreign_vars());
    let mut scratch = Scratch::new();
    assert_eq!(first.matches(b"\x02\x03"[..].into(), &mut scratch), Outcome::Match);
    assert_eq!(second.matches(b"\x05"[..].into(), &mut scratch), Outcome::Match);
    assert_eq!(second.matches(b"\x06"[..].into(), &mut scratch), Outcome::NoMatch);
}

#[test]
fn sizes_that_exclude_each_other_are_warned_of() {
    let (mut vars, mut warnings, limits) = (VarNames::default(), Vec::new(), Limits::default());
    let mut cx = ChainCx { vars: &mut vars, warnings: &mut warnings, limits: &limits };
    let mut builder = ChainBuilder::new(BytesKind::PLAIN);
    for opt in options("bsize:15; bsize:27;") {
        builder.option(&opt, &mut cx).expect("reads well");
    }
    assert!(builder.build(&mut cx).is_ok());
    assert_eq!((warnings[0].code, warnings[0].span.clone()), (Code::Impossible, 0..8));
}

/// A rule set is shared by the workers.
#[test]
fn workers_can_share_rules() {
    fn shared<T: Send + Sync>() {}
    shared::<Chain>();
    shared::<transforms::Transform>();
    shared::<crate::detect::mpm::Mpm>();
}
