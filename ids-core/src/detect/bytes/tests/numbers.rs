//! Numbers read out of bytes: tested, jumped by, kept, calculated with.

use super::*;

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
