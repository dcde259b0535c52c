//! Contents and where they may stand, from the beginning, the end, or what was found before.

use super::*;

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
