//! Every option that tests bytes and every transform: what it is about makes the difference.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::{Case, Step, case};

/// Options of a rule, a datagram on which it must fire, and one on which it must not.
type Row = (&'static str, &'static [u8], &'static [u8]);

/// What has no part in whether a rule matches is not here but among what is [said](super::said) of a rule.
const OPTIONS: &[Row] = &[
    ("base64_decode; base64_data; content:\"admin\"", b"YWRtaW4=", b"admin"),
    ("base64_decode:bytes 8,offset 4; base64_data; content:\"admin\"", b"key=YWRtaW4=", b"keys=YWRtaW4="),
    ("content:\"a\"; base64_decode:bytes 8,relative; base64_data; content:\"admin\"", b"=aYWRtaW4=", b"YWRtaW4=a"),
    ("base64_decode:bytes 4", b"YWRt", b"!YWR"),
    ("byte_extract:2,0,size", b"ab", b"a"),
    ("byte_extract:1,0,size; content:\"abc\"; offset:size", b"\x03--abc", b"\x04--abc"),
    ("byte_jump:1,0; content:\"c\"; distance:0", b"\x02abc", b"\x03abc"),
    (
        "byte_math:bytes 1, offset 0, oper +, rvalue 2, result size; content:\"abc\"; offset:size",
        b"\x01--abc",
        b"\x02--abc",
    ),
    ("byte_math:bytes 2, offset 0, oper +, rvalue 2, result size", b"ab", b"a"),
    ("byte_test:2,>,512,0", b"\x02\x01", b"\x02\x00"),
    ("content:\"a|62|c\"", b"-abc", b"-acb"),
    ("content:!\"abc\"", b"-acb", b"-abc"),
    ("content:\"abc\"; depth:4", b"-abc", b"--abc"),
    ("content:\"abc\"; content:\"def\"; distance:1", b"abc-def", b"abcdef"),
    ("content:\"abc\"; endswith", b"-abc", b"abc-"),
    ("entropy:value >= 1", b"ab", b"aa"),
    ("isdataat:2", b"abc", b"ab"),
    ("content:\"a\"; isdataat:!1,relative", b"-a", b"a-"),
    ("content:\"abc\"; nocase", b"ABC", b"A-BC"),
    ("content:\"abc\"; offset:2", b"--abc", b"-abc"),
    ("pcre:\"/id=[0-9]{3}/\"", b"id=123", b"id=12x"),
    ("content:\"abc\"; startswith", b"abc-", b"-abc"),
    ("content:\"abc\"; content:\"def\"; within:4", b"abc-def", b"abc--def"),
];

/// The same for transforms, with what looks at their result; the bytes are those of a body.
const TRANSFORMS: &[Row] = &[
    ("compress_whitespace; content:\"a b\"", b"a \t\r\n b", b"ab"),
    ("domain; content:\"example.com\"; startswith", b"www.example.com", b"example.com.org"),
    ("dotprefix; content:\".example.org\"", b"example.org", b"anexample.org"),
    ("from_base64; content:\"test\"", b"dGVzdA==", b"DGVzdA=="),
    ("from_base64:bytes 8, offset 4; content:\"test\"", b"key=dGVzdA==", b"dGVzdA=="),
    ("header_lowercase; content:\"host: A\"", b"HOST: A", b"HOST: a"),
    ("pcrexform:\"/(\\w+)\"; content:\"abc\"", b"x/abc", b"abc/x"),
    ("strip_pseudo_headers; content:\"accept\"; startswith", b":method\r\naccept\r\n", b"method\r\naccept\r\n"),
    ("strip_whitespace; content:\"abc\"", b"a b\tc", b"a-b-c"),
    ("tld; content:\"co.uk\"; startswith", b"www.bbc.co.uk", b"co.uk.example"),
    ("to_lowercase; content:\"abc\"", b"aBC", b"aB-C"),
    ("to_md5; content:\"|90 01 50 98 3c d2 4f b0|\"; startswith", b"abc", b"abd"),
    ("to_sha1; content:\"|a9 99 3e 36 47 06 81 6a|\"; startswith", b"abc", b"abd"),
    ("to_sha256; content:\"|ba 78 16 bf 8f 01 cf ea|\"; startswith", b"abc", b"abd"),
    ("to_uppercase; content:\"ABC\"", b"Abc", b"Ab-c"),
    ("url_decode; content:\"a/b c\"", b"a%2fb+c", b"a%2gb+c"),
    ("xor:\"0102\"; content:\"abc\"", b"\x60\x60\x62", b"\x63\x63\x61"),
];

pub(super) fn all() -> Vec<Case> {
    let datagram = |data: &[u8]| vec![Step::Ask(data.to_vec())];
    let option = |(options, hit, miss): &Row| {
        case(&format!("alert udp any any -> any any ({options}; sid:1;)"), datagram(hit), datagram(miss))
    };
    let transform = |(options, hit, miss): &Row| on_body(options, hit, miss);
    let get = |head: &str| vec![super::client(&format!("GET {head}\r\n\r\n"))];
    let mut cases: Vec<Case> = OPTIONS.iter().map(option).chain(TRANSFORMS.iter().map(transform)).collect();
    cases.extend([
        case(
            "alert http any any -> any any (http.referer; absent:or_else; content:!\"b\"; sid:1;)",
            get("/ HTTP/1.1\r\nHost: a"),
            get("/ HTTP/1.1\r\nHost: a\r\nReferer: b"),
        ),
        case(
            "alert http any any -> any any (http.referer; absent; sid:1;)",
            get("/ HTTP/1.1\r\nHost: a"),
            get("/ HTTP/1.1\r\nHost: a\r\nReferer: b"),
        ),
        case(
            "alert http any any -> any any (http.uri; content:\"/\"; bsize:2; sid:1;)",
            get("/a HTTP/1.1\r\nHost: a"),
            get("/ab HTTP/1.1\r\nHost: a"),
        ),
        on_body("gunzip; content:\"abc\"", &gzip(b"abc"), &zlib(b"abc")),
        on_body("zlib_deflate; content:\"abc\"", &zlib(b"abc"), &gzip(b"abc")),
    ]);
    cases
}

/// A rule on the body of a request, which takes any bytes.
fn on_body(options: &str, hit: &[u8], miss: &[u8]) -> Case {
    let post = |body: &[u8]| {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
        vec![Step::Client([head.as_bytes(), body].concat())]
    };
    case(&format!("alert http any any -> any any (http.request_body; {options}; sid:1;)"), post(hit), post(miss))
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}
