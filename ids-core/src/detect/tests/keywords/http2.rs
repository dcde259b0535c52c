//! Fields of HTTP/2.

use super::super::Step::{self, Client, Server};
use super::{Case, case};
use crate::app::http2::sample as http2;

/// Rules with these options fire on one connection and not on another.
const FIELDS: [&str; 11] = [
    "http2.frametype:ping",
    "http2.errorcode:internal_error",
    "http2.priority:200",
    "http2.window:777",
    "http2.size_update:4096",
    "http2.settings:SETTINGS_HEADER_TABLE_SIZE>8000",
    "http2.settings:settings_enable_push=0",
    "http2.header_name; content:\"x-one\"; bsize:5",
    "http.uri; content:\"/one\"; bsize:4",
    "http.host; content:\"one.example\"; bsize:11",
    "http.response_body; content:\"content one\"; bsize:11",
];

pub(super) fn fields() -> Vec<Case> {
    let rule = |proto: &str, options: &str| format!("alert {proto} any any -> any any ({options}; sid:1;)");
    let mut cases: Vec<Case> = FIELDS.iter().map(|options| case(&rule("http2", options), one(), two())).collect();
    // The name of both versions means either.
    cases.push(case(&rule("http", "http.uri; content:\"/one\""), one(), two()));
    cases
}

fn one() -> Vec<Step> {
    let request = [
        &[0, 0, 0, 0, 200, 0x3f, 0xe1, 0x1f][..],
        &http2::block(&[(":method", "GET"), (":path", "/one"), (":authority", "one.example:80"), ("x-one", "1")]),
    ];
    let client = [
        http2::PREFACE.to_vec(),
        http2::settings(&[(2, 0), (1, 8192)]),
        http2::frame(1, 0x25, 1, &request.concat()),
        http2::frame(8, 0, 1, &[0, 0, 3, 9]),
        http2::frame(6, 0, 0, &[0; 8]),
        http2::frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 2]),
    ];
    vec![Client(client.concat()), Server(answer("content one"))]
}

fn two() -> Vec<Step> {
    let client = [
        http2::PREFACE.to_vec(),
        http2::settings(&[(2, 1), (1, 4096)]),
        http2::get(1, "two.example", "/two"),
        http2::frame(8, 0, 1, &[0, 0, 3, 10]),
        http2::frame(7, 0, 0, &[0; 8]),
    ];
    vec![Client(client.concat()), Server(answer("content two"))]
}

fn answer(content: &str) -> Vec<u8> {
    let data = http2::data(1, true, content.as_bytes());
    [http2::settings(&[(3, 100)]), http2::headers(0, 1, &[(":status", "200")]), data].concat()
}
