//! Content codings within responses.

use std::io::Write as _;

use super::*;

/// Compresses as a server would.
fn deflated(content: &[u8], gzip: bool) -> Vec<u8> {
    let level = flate2::Compression::default();
    if gzip {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
        encoder.write_all(content).expect("in memory");
        encoder.finish().expect("in memory")
    } else {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(content).expect("in memory");
        encoder.finish().expect("in memory")
    }
}

fn coded(coding: &str, body: &[u8], config: Config, step: usize) -> (Option<String>, Vec<&'static str>) {
    let mut response =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    response.extend_from_slice(body);
    let connection = Connection::new(config).run(&[c("GET /f HTTP/1.0\r\n\r\n"), s(response)], step);
    (field(connection.txs()[0], "file.data", Dir::ToClient, 0), events(connection.txs()[0]))
}

#[test]
fn content_codings() {
    let text = "hello hello hello hello".repeat(40);
    let (gzip, deflate) = (deflated(text.as_bytes(), true), deflated(text.as_bytes(), false));
    let mut flags = gzip.clone();
    flags[3] |= 0xe0;
    let mut wrong_sum = gzip.clone();
    *wrong_sum.last_mut().expect("not empty") ^= 1;
    let two = [gzip.as_slice(), gzip.as_slice()].concat();
    let lzma = b"\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x34\x19\x49\xee\x8e\x68\x21\xff\xff\xff\xb9\xe0\x00\x00";
    let brotli = b"\x0b\x02\x80hello\x03";
    let rows: [(&str, Vec<u8>, &str, bool); 17] = [
        ("gzip", gzip.clone(), &text, true),
        ("x-gzip", gzip.clone(), &text, true),
        ("deflate", deflate.clone(), &text, true),
        ("deflate", gzip.clone(), &text, true),
        ("identity, gzip", flags, &text, true),
        ("gzip", wrong_sum, &text, true),
        ("gzip", gzip[..gzip.len() - 8].to_vec(), &text, true),
        ("deflate,gzip", deflated(&deflate, true), &text, true),
        ("gzip, gzip", gzip.clone(), &text, false),
        ("gzip", b"plain".to_vec(), "plain", false),
        ("deflate", b"XYZplain".to_vec(), "XYZplain", false),
        ("gzip", two, &[text.as_str(), text.as_str()].concat(), true),
        ("br", brotli.to_vec(), "hello", true),
        ("br", b"plain text".to_vec(), "plain text", false),
        ("lzma", lzma.to_vec(), "hello", true),
        ("lzma", b"plain text that is long enough".to_vec(), "plain text that is long enough", false),
        ("lzma", b"plain".to_vec(), "plain", false),
    ];
    for (coding, body, expected, fine) in rows {
        for step in [1, 3, 10_000] {
            let config = content(http::Config { lzma_enabled: true, ..http::Config::default() });
            let (content, events) = coded(coding, &body, config, step);
            assert_eq!(content.as_deref(), Some(expected), "{coding} by {step}");
            assert_eq!(events.is_empty(), fine, "{coding} by {step}: {events:?}");
        }
    }
}

#[test]
fn bombs() {
    let zeros = vec![b'0'; 3 * 1024 * 1024];
    let bomb = deflated(&deflated(&zeros, true), true);
    let config = content(http::Config { response_body_limit: 0, ..http::Config::default() });
    let (content, events) = coded("gzip, gzip", &bomb, config, usize::MAX);
    assert_eq!(events, ["compression_bomb_limit_reached"]);
    assert!(content.expect("some").len() < 2 * 1024 * 1024);
    let (content, events) = coded("gzip, gzip", &bomb, Config::default(), usize::MAX);
    assert_eq!((content.expect("some").len(), events.len()), (100 * 1024, 0), "not decompressed beyond what is kept");
}
