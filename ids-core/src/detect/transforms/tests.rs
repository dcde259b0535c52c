use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::*;
use crate::rules::ast::Spanned;

fn opt(name: &str, value: Option<&str>) -> Opt {
    let value = value.map(|text| Spanned { text: text.to_owned(), span: 100..100 + text.len() });
    Opt { name: Spanned { text: name.to_owned(), span: 90..90 + name.len() }, value, span: 90..120 }
}

fn run(name: &str, value: Option<&str>, input: &[u8]) -> Vec<u8> {
    let transform = parse(&opt(name, value)).unwrap_or_else(|error| panic!("{name}: {}", error.message));
    let mut out = b"left over".to_vec();
    transform.apply(input, &mut out);
    out
}

/// Name, value, input, output.
type Case<'a> = (&'a str, Option<&'a str>, &'a [u8], &'a [u8]);

#[test]
fn results() {
    let cases: &[Case<'_>] = &[
        ("strip_whitespace", None, b" a\tb\r\nc\x0b\x0cd ", b"abcd"),
        ("compress_whitespace", None, b"a \t b\r\nc", b"a b c"),
        ("to_lowercase", None, b"AbC\xC4", b"abc\xC4"),
        ("to_uppercase", None, b"AbC\xE4", b"ABC\xE4"),
        ("dotprefix", None, b"example.org", b".example.org"),
        ("domain", None, b"www.bbc.co.uk", b"bbc.co.uk"),
        ("domain", None, b"WWW.Example.COM", b"Example.COM"),
        ("domain", None, b"co.uk", b""),
        ("domain", None, b"", b""),
        ("tld", None, b"www.bbc.co.uk", b"co.uk"),
        ("tld", None, b"host.nosuchsuffix", b"nosuchsuffix"),
        ("url_decode", None, b"a%2fb+c%zz%4", b"a/b c%zz%4"),
        ("url_decode", None, b"%%41", b"%A"),
        ("xor", Some(r#""0102""#), b"\x01\x02\x03", b"\x00\x00\x02"),
        (
            "header_lowercase",
            None,
            b"Host: A.B\r\n:Authority: X\r\nNoColon\r\n",
            b"host: A.B\r\n:authority: X\r\nNoColon\r\n",
        ),
        ("strip_pseudo_headers", None, b"\r\n:method\r\naccept\r\n\r\n", b"\r\naccept\r\n\r\n"),
        ("from_base64", None, b"dGVzdA==", b"test"),
        ("from_base64", Some("bytes 6, offset 6"), b"/?arg=dGhpc2lzYXRlc3QK", b"this"),
        ("from_base64", Some("offset 6, mode rfc2045"), b"/?arg=Zm 9v Ym Fy", b"foobar"),
        ("from_base64", Some("mode strict"), b"Zm 9v", b""),
        ("from_base64", Some("offset 60"), b"dGVzdA==", b""),
        ("pcrexform", Some(r#""[a-zA-Z]+\s+(.*)\s+HTTP""#), b"GET /a/b HTTP/1.1", b"/a/b"),
        ("pcrexform", Some(r#""b+""#), b"abbc", b"bb"),
        ("pcrexform", Some(r#""x(y)""#), b"abbc", b""),
        ("pcrexform", Some(r#""(?<=a)(b)""#), b"cbab", b"b"),
    ];
    for (name, value, input, output) in cases {
        let found = run(name, *value, input);
        assert_eq!(found, *output, "{name} {value:?}: {}", found.escape_ascii());
    }
}

#[test]
fn digests() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&run("to_md5", None, b"abc")), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(hex(&run("to_sha1", None, b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_eq!(
        hex(&run("to_sha256", None, b"abc")),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn unpacking_is_bounded() {
    let data = b"This is compressed ".repeat(1000);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&data).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(&data).expect("memory");
    let zlib = zlib.finish().expect("memory");

    assert_eq!(run("gunzip", None, &gzip), &data[..1024]);
    assert_eq!(run("gunzip", Some("max-size 8"), &gzip), b"This is ");
    assert_eq!(run("zlib_deflate", Some("max-size 1000000"), &zlib), data);
    assert_eq!(run("gunzip", None, &zlib), b"");
    assert_eq!(run("gunzip", None, b""), b"");
    let mut damaged = zlib;
    damaged.truncate(30);
    assert!(data.starts_with(&run("zlib_deflate", None, &damaged)));
}

/// (name, value, marked part)
#[test]
fn refusals() {
    let cases = [
        ("strip_whitespace", Some("x"), 100..101, Code::UnexpectedValue),
        ("pcrexform", None, 90..120, Code::MissingValue),
        ("pcrexform", Some("a(b)"), 100..104, Code::BadValue),
        ("pcrexform", Some(r#""a(b""#), 102..103, Code::BadRegex),
        ("xor", Some(r#""""#), 101..101, Code::BadValue),
        ("xor", Some(r#""0g""#), 102..103, Code::BadValue),
        ("xor", Some(r#""012""#), 101..104, Code::BadValue),
        ("xor", Some("offset 1,extract 1 0"), 100..120, Code::BadValue),
        ("gunzip", Some("max-size 0"), 109..110, Code::BadValue),
        ("gunzip", Some("max-size 16777217"), 109..117, Code::BadValue),
        ("gunzip", Some("size 5"), 100..104, Code::BadValue),
        ("from_base64", Some("bytes 0"), 106..107, Code::BadValue),
        ("from_base64", Some("mode x"), 105..106, Code::BadValue),
        ("luaxform", Some("a.lua"), 90..98, Code::NotSupported),
        ("to_sha512", None, 90..99, Code::UnknownKeyword),
    ];
    for (name, value, span, code) in cases {
        let error = parse(&opt(name, value)).expect_err(name);
        assert_eq!((error.span.clone(), error.code), (span, code), "{name} {value:?}: {}", error.message);
    }
}

#[test]
fn contents_that_cannot_be_left() {
    let cases: &[(&str, &[u8], bool, bool)] = &[
        ("strip_whitespace", b"a b", false, false),
        ("strip_whitespace", b"ab", false, true),
        ("compress_whitespace", b"a   b", false, false),
        ("compress_whitespace", b"a b", false, true),
        ("to_lowercase", b"AT", false, false),
        ("to_lowercase", b"AT", true, true),
        ("to_uppercase", b"at", false, false),
        ("to_md5", &[0; 17], false, false),
        ("url_decode", b"a b", false, true),
    ];
    for (name, bytes, nocase, expected) in cases {
        let transform = parse(&opt(name, None)).expect(name);
        assert_eq!(transform.can_yield(bytes, *nocase), *expected, "{name} {}", bytes.escape_ascii());
    }
}

#[test]
fn names_are_sorted_and_unique() {
    assert!(TRANSFORMS.windows(2).all(|rows| rows[0].name < rows[1].name));
}
