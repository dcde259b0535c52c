//! What is refused, where it is marked, and how it reads.

use super::tests::{chain_on, options};
use super::{ChainBuilder, ChainCx, Limits, VarNames};
use crate::detect::transforms;
use crate::field::BytesKind;
use crate::rules::diagnostic::Code;

/// (options, code, marked part)
#[test]
fn refusals() {
    use Code::{
        BadRegex, BadValue, Conflict, Impossible, MissingValue, NoContext, Repeated, UnexpectedValue, UnknownName,
    };
    let cases: &[(&str, Code, &str)] = &[
        ("content;", MissingValue, "content"),
        (r#"content:"";"#, BadValue, r#""""#),
        ("content:abc;", BadValue, "abc"),
        (r#"content:"|22 2 22|";"#, BadValue, "22 2 22"),
        (r#"content:"|l0 01 01|";"#, BadValue, "l"),
        (r#"content:"|1";"#, BadValue, "|1"),
        (r#"content:"AA" depth:20;"#, BadValue, "depth:20"),
        ("nocase;", NoContext, "nocase"),
        ("within:10;", NoContext, "within:10"),
        (r#"content:"a"; nocase:1;"#, UnexpectedValue, "1"),
        (r#"content:"first"; depth:-5;"#, BadValue, "-5"),
        (r#"content:"Alice"; depth:d;"#, UnknownName, "d"),
        (r#"content:"Alice"; depth:d; byte_extract:2,1,d;"#, UnknownName, "d"),
        (r#"content:"abcdef"; depth:5;"#, Impossible, "5"),
        (r#"content:"abcdef"; within:5;"#, Impossible, "5"),
        (r#"content:"a"; depth:5; depth:6;"#, Repeated, "depth:6"),
        (r#"content:"a"; within:5; within:6;"#, Repeated, "within:6"),
        (r#"content:"a"; within:1048577;"#, BadValue, "1048577"),
        (r#"content:"a"; distance:-1048577;"#, BadValue, "-1048577"),
        (r#"content:"AA"; content:"BB"; depth:50; within:5;"#, Conflict, "within:5"),
        (r#"content:"AA"; content:"BB"; offset:20; distance:5;"#, Conflict, "distance:5"),
        (r#"content:"AA"; content:"BB"; distance:5; offset:20;"#, Conflict, "offset:20"),
        (r#"content:"AA"; depth:5; startswith;"#, Conflict, "startswith"),
        (r#"content:"AA"; within:5; startswith;"#, Conflict, "startswith"),
        (r#"content:"AA"; startswith; within:5;"#, Conflict, "within:5"),
        (r#"content:"AA"; startswith; depth:5;"#, Repeated, "depth:5"),
        (r#"content:!"second"; fast_pattern; offset:6;"#, Conflict, "offset:6"),
        (r#"content:!"second"; within:6; fast_pattern;"#, Conflict, "fast_pattern"),
        (r#"content:"abc"; fast_pattern:2,2;"#, BadValue, "2,2"),
        (r#"content:"abc"; fast_pattern:1;"#, BadValue, "1"),
        (r#"content:"abc"; fast_pattern; fast_pattern;"#, Repeated, "fast_pattern"),
        (r#"base64_decode:bytes 28; base64_data; content:"a"; fast_pattern;"#, Conflict, "fast_pattern"),
        ("base64_data;", NoContext, "base64_data"),
        ("base64_decode:byte 28;", BadValue, "byte"),
        (r#"content:"abc"; replace:"ab";"#, BadValue, r#""ab""#),
        (r#"content:!"abc"; replace:"abd";"#, Conflict, r#"replace:"abd""#),
        ("isdataat:x;", UnknownName, "x"),
        ("isdataat:!70000;", BadValue, "70000"),
        ("isdataat:5,absolute;", BadValue, "absolute"),
        ("bsize:x;", BadValue, "x"),
        ("bsize:<0;", Impossible, "<0"),
        (r#"content:"abcdefgh123456"; bsize:2;"#, Impossible, "bsize:2"),
        (r#"content:"abcdefgh123456"; bsize:<13;"#, Impossible, "bsize:<13"),
        (r#"content:"abcdefgh123456"; bsize:10<>13;"#, Impossible, "bsize:10<>13"),
        (r#"content:"abc"; offset:3; depth:3; bsize:3;"#, Impossible, "bsize:3"),
        (r#"absent; content:"a";"#, Conflict, "absent"),
        (r#"content:"a"; absent;"#, Conflict, "absent"),
        ("absent:maybe;", BadValue, "maybe"),
        ("byte_test:9,=,1,0;", BadValue, "9"),
        ("byte_test:0,=,1,0;", BadValue, "0"),
        ("byte_test:24,=,1,0,string,dec;", BadValue, "24"),
        ("byte_test:no_var,=,0x01,5,bitmask 0xFF;", UnknownName, "no_var"),
        ("byte_test:1,==,1,0;", BadValue, "=="),
        ("byte_test:1,=,1;", BadValue, "1,=,1"),
        ("byte_test:1,=,1,0,dec;", BadValue, "1,=,1,0,dec"),
        ("byte_test:1,=,1,0,big,little;", Conflict, "little"),
        ("byte_test:1,=,1,0,relative,relative;", Repeated, "relative"),
        ("byte_test:1,=,1,0,align;", BadValue, "align"),
        ("byte_jump:2,0,string,bitmask 0xfe;", Conflict, "2,0,string,bitmask 0xfe"),
        ("byte_jump:2,0,bitmask 0;", BadValue, "0"),
        ("byte_jump:2,0,from_end,from_beginning;", Conflict, "2,0,from_end,from_beginning"),
        ("byte_jump:2,0,multiplier 0;", BadValue, "0"),
        ("byte_extract:0,0,x;", BadValue, "0"),
        ("byte_extract:1,0,1x;", BadValue, "1x"),
        ("byte_extract:1,0,x,align 3;", BadValue, "3"),
        (
            "byte_math:bytes 1, offset 1, oper <<, rvalue 2, result r, relative;",
            NoContext,
            "byte_math:bytes 1, offset 1, oper <<, rvalue 2, result r, relative",
        ),
        ("byte_math:bytes no_var, offset 1, oper +, rvalue 102, result r;", UnknownName, "no_var"),
        ("byte_math:bytes 1, offset 1, oper %, rvalue 2, result r;", BadValue, "%"),
        ("byte_math:bytes 1, offset 1, oper +, rvalue 4294967296, result r;", BadValue, "4294967296"),
        ("byte_math:bytes 1, offset 1, oper +, result r;", BadValue, "bytes 1, offset 1, oper +, result r"),
        ("byte_math:bytes 1, bytes 1;", Repeated, "bytes"),
        ("entropy: bytes 2;", BadValue, "bytes 2"),
        ("entropy: value > x;", BadValue, "x"),
        (r#"pcre:"abc";"#, BadValue, "abc"),
        (r#"pcre:"/abc";"#, BadValue, "/abc"),
        (r#"pcre:"/abc/q";"#, BadValue, "q"),
        (r#"pcre:"/abc/UH";"#, Conflict, "H"),
        (r#"pcre:"/abc/BU";"#, Conflict, "BU"),
        (r#"pcre:"/a(b/";"#, BadRegex, "("),
        (r#"pcre:"/abc/, flow:x";"#, BadValue, "flow:x"),
        (r#"pcre:"/(abc)/, conn:x";"#, BadValue, "conn:x"),
        (r#"pcre:!"/(abc)/, flow:x";"#, Conflict, r#""/(abc)/, flow:x""#),
    ];
    for (text, code, marked) in cases {
        let errors = chain_on(BytesKind::PLAIN, text).expect_err(text);
        let error = &errors[0];
        let found = text.get(error.span.clone()).expect("a part of the rule");
        assert_eq!((error.code, found), (*code, *marked), "{text}: {}", error.message);
    }
}

#[test]
fn buffers_in_lower_case() {
    let host = BytesKind { lowercase: true, ..BytesKind::PLAIN };
    for (text, code) in [
        (r#"content:"ALLCAPS.COM";"#, Code::Impossible),
        (r#"content:"host.com"; nocase;"#, Code::Conflict),
        (r#"pcre:"/Host/";"#, Code::Impossible),
    ] {
        assert_eq!(chain_on(host, text).expect_err(text)[0].code, code, "{text}");
    }
    for text in [r#"content:"host.com";"#, r#"pcre:"/Host/i";"#, r#"pcre:"/^\D\S[A-Za-z]/";"#] {
        assert!(chain_on(host, text).is_ok(), "{text}");
    }
}

#[test]
fn contents_behind_transforms() {
    let (mut vars, mut warnings, limits) = (VarNames::default(), Vec::new(), Limits::default());
    let mut cx = ChainCx { vars: &mut vars, warnings: &mut warnings, limits: &limits };
    for (text, loads) in [(r#"content:"a b";"#, false), (r#"content:"ab";"#, true), (r#"content:!"a b";"#, true)] {
        let mut builder = ChainBuilder::new(BytesKind::PLAIN);
        builder.transformed(&[transforms::parse(&options("strip_whitespace;")[0]).expect("a transform")]);
        builder.option(&options(text)[0], &mut cx).expect("reads well");
        assert_eq!(builder.build(&mut cx).is_ok(), loads, "{text}");
    }
}

/// The whole text of what is said, for one example of each kind.
#[test]
fn how_it_reads() {
    let cases = [
        (
            "within:10;",
            "R014 `within` needs a content before it in the same buffer
             within:10
             ^^^^^^^^^ nothing to change
             help: put `content:\"…\";` before `within`",
        ),
        (
            r#"content:"AA"; content:"BB"; depth:50; within:5;"#,
            "R015 a place is either absolute or relative to the match before
             content:\"AA\"; content:\"BB\"; depth:50; within:5
                                                   ^^^^^^^^
             help: take `offset` and `depth`, or `distance` and `within`, not both",
        ),
        (
            r#"content:"AA"; content:"|22 2|";"#,
            "R009 the number of hex digits is odd
             content:\"AA\"; content:\"|22 2|\"
                                     ^^^^
             help: every byte takes two digits: `|0a 0d|`",
        ),
        (
            r#"content:"abcdef"; bsize:<3;"#,
            "R018 the other tests need a larger buffer
             content:\"abcdef\"; bsize:<3
                               ^^^^^^^^
             help: they need at least 6 bytes, this leaves 2",
        ),
        (
            r#"pcre:"/a(b/";"#,
            "R022 this parenthesis is never closed
             pcre:\"/a(b/\"
                     ^",
        ),
    ];
    for (text, expected) in cases {
        let error = chain_on(BytesKind::PLAIN, text).expect_err(text).remove(0);
        let mut shown = format!("{} {}\n{}\n", error.code.text(), error.message, text.trim_end_matches(';'));
        shown += &format!("{}{} {}", " ".repeat(error.span.start), "^".repeat(error.span.len()), error.label);
        shown = shown.trim_end().to_owned();
        if error.help != error.code.help() {
            shown += &format!("\nhelp: {}", error.help);
        }
        let expected: Vec<_> =
            expected.lines().map(|line| line.strip_prefix(&" ".repeat(13)).unwrap_or(line)).collect();
        assert_eq!(shown, expected.join("\n"), "{text}");
    }
}
