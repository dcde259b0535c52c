//! HTTP/1 as a whole: conversations in, what fields, events, files and records show of them out.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::app::config;
use crate::app::file::State as FileState;
use crate::app::parser::{Detail, Input, Parsed, Session, Transaction};
use crate::field::{Kind, Value};
use crate::record::{Shape, Writer};
use crate::time::Time;

/// What happens on a connection.
#[derive(Clone, Debug)]
enum Act {
    /// The client sends.
    C(Vec<u8>),
    /// The server sends.
    S(Vec<u8>),
    /// So many bytes of a direction are lost.
    Gap(Dir, u64),
    /// A direction ends.
    End(Dir),
}

fn c(text: impl AsRef<[u8]>) -> Act {
    Act::C(text.as_ref().to_vec())
}

fn s(text: impl AsRef<[u8]>) -> Act {
    Act::S(text.as_ref().to_vec())
}

/// A connection with the bytes that the parser has not used.
struct Connection {
    session: Box<dyn Session>,
    unused: [Vec<u8>; 2],
    switched: Option<Option<&'static str>>,
}

impl Connection {
    fn new(config: Config) -> Self {
        let hashes = config::Hashes { md5: true, ..config::Hashes::default() };
        let config = config::Config { http1: config, hashes, ..config::Config::default() };
        Self { session: (PROTOCOL.session)(&config), unused: Default::default(), switched: None }
    }

    /// Lets everything happen, bytes in steps of at most `step`.
    fn run(mut self, acts: &[Act], step: usize) -> Self {
        for act in acts {
            match act {
                Act::C(bytes) => bytes.chunks(step).for_each(|part| self.send(Dir::ToServer, part, false)),
                Act::S(bytes) => bytes.chunks(step).for_each(|part| self.send(Dir::ToClient, part, false)),
                Act::Gap(dir, bytes) => {
                    self.unused[dir.index()].clear();
                    self.session.gap(*dir, *bytes);
                }
                Act::End(dir) => self.send(*dir, b"", true),
            }
        }
        self
    }

    fn send(&mut self, dir: Dir, bytes: &[u8], last: bool) {
        if self.switched.is_some() {
            return;
        }
        let mut data = std::mem::take(&mut self.unused[dir.index()]);
        data.extend_from_slice(bytes);
        let ports = if dir == Dir::ToServer { (40000, 80) } else { (80, 40000) };
        match self.session.parse(Input { dir, data: &data, last, time: Time::default(), ports }) {
            Parsed::Used { bytes, .. } => self.unused[dir.index()] = data[bytes..].to_vec(),
            Parsed::Switch { bytes, to } => {
                self.unused[dir.index()] = data[bytes..].to_vec();
                self.switched = Some(to);
            }
            Parsed::Failed => panic!("never given up"),
        }
    }

    fn txs(&self) -> Vec<&dyn Transaction> {
        self.session.transactions().filter_map(|id| self.session.transaction(id)).collect()
    }

    /// Everything that can be seen, one thing on a line.
    fn shown(&self) -> String {
        let mut out = Vec::new();
        for tx in self.txs() {
            for (number, field) in fields::FIELDS.iter().enumerate() {
                for dir in Dir::BOTH {
                    for instance in 0..4 {
                        let mut scratch = Vec::new();
                        let value = tx.field(number, dir, instance, &mut scratch);
                        if value != Value::Absent {
                            writeln!(out, "{} {} {instance} {value:?}", field.info.name, dir.name())
                                .expect("in memory");
                        }
                    }
                }
            }
            let mut events: Vec<_> = tx.events().iter().map(|&event| events::NAMES[usize::from(event)]).collect();
            events.sort_unstable();
            let files: Vec<_> = Dir::BOTH.iter().flat_map(|&dir| tx.files(dir)).collect();
            let progress = Dir::BOTH.map(|dir| tx.progress(dir));
            writeln!(out, "{events:?} {files:?} {progress:?} {}", record(tx, &detail())).expect("in memory");
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn run(acts: &[Act]) -> Connection {
    Connection::new(Config::default()).run(acts, usize::MAX)
}

fn field(tx: &dyn Transaction, name: &str, dir: Dir, instance: usize) -> Option<String> {
    let number = fields::FIELDS.iter().position(|field| field.info.name == name).expect("a field");
    let mut scratch = Vec::new();
    match tx.field(number, dir, instance, &mut scratch) {
        Value::Absent => None,
        Value::Bytes(bytes) | Value::Stream { data: bytes, .. } => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::Uint(_) => panic!("no numbers here"),
    }
}

fn events(tx: &dyn Transaction) -> Vec<&'static str> {
    tx.events().iter().map(|&event| events::NAMES[usize::from(event)]).collect()
}

/// Writes records as text: `{key:value,...}`.
#[derive(Default)]
struct Text(String);

impl Text {
    fn put(&mut self, key: &str, value: impl std::fmt::Display) {
        self.0 += &if key.is_empty() { format!("{value},") } else { format!("{key}:{value},") };
    }
}

impl Writer for Text {
    fn text(&mut self, key: &str, value: &[u8]) {
        self.put(key, String::from_utf8_lossy(value));
    }
    fn uint(&mut self, key: &str, value: u64) {
        self.put(key, value);
    }
    fn int(&mut self, key: &str, value: i64) {
        self.put(key, value);
    }
    fn float(&mut self, key: &str, value: f64) {
        self.put(key, value);
    }
    fn flag(&mut self, key: &str, value: bool) {
        self.put(key, value);
    }
    fn open(&mut self, key: &str, _: Shape) {
        self.0 += &format!("{key}{{");
    }
    fn close(&mut self) {
        self.0 += "},";
    }
}

fn detail() -> Detail<'static> {
    Detail { extended: true, ..Detail::default() }
}

fn record(tx: &dyn Transaction, detail: &Detail<'_>) -> String {
    let mut out = Text::default();
    tx.record(detail, &mut out);
    out.0
}

const GET: &str = "GET /a%20b?q=1 HTTP/1.1\r\nHost: Www.Example.COM:8080\r\nUser-Agent: ua\r\nCookie: a=1\r\n\
    Accept: x\r\nX-Two: 1\r\nx-two: 2\r\n\r\n";
const OK: &str = "HTTP/1.1 200 Fine thanks\r\nContent-Length: 5\r\nSet-Cookie: s=2\r\nContent-Type: text/html; x=y\r\n\
    Server: srv\r\n\r\nhello";

#[test]
fn fields_of_an_ordinary_exchange() {
    let connection = run(&[c(GET), s(OK)]);
    let tx = connection.txs()[0];
    let rows = [
        ("http.method", Dir::ToServer, "GET"),
        ("http.uri", Dir::ToServer, "/a b?q=1"),
        ("http.uri.raw", Dir::ToServer, "/a%20b?q=1"),
        ("http.protocol", Dir::ToServer, "HTTP/1.1"),
        ("http.request_line", Dir::ToServer, "GET /a%20b?q=1 HTTP/1.1"),
        ("http.host", Dir::ToServer, "www.example.com"),
        ("http.host.raw", Dir::ToServer, "Www.Example.COM:8080"),
        ("http.user_agent", Dir::ToServer, "ua"),
        ("http.cookie", Dir::ToServer, "a=1"),
        ("http.header", Dir::ToServer, "Host: Www.Example.COM:8080\r\nUser-Agent: ua\r\nAccept: x\r\nX-Two: 1, 2\r\n"),
        ("http.header_names", Dir::ToServer, "\r\nHost\r\nUser-Agent\r\nCookie\r\nAccept\r\nX-Two\r\n\r\n"),
        ("http.accept", Dir::ToServer, "x"),
        ("http.protocol", Dir::ToClient, "HTTP/1.1"),
        ("http.response_line", Dir::ToClient, "HTTP/1.1 200 Fine thanks"),
        ("http.stat_code", Dir::ToClient, "200"),
        ("http.stat_msg", Dir::ToClient, "Fine thanks"),
        ("http.cookie", Dir::ToClient, "s=2"),
        ("http.content_len", Dir::ToClient, "5"),
        ("http.content_type", Dir::ToClient, "text/html; x=y"),
        ("http.server", Dir::ToClient, "srv"),
        (
            "http.start",
            Dir::ToClient,
            "HTTP/1.1 200 Fine thanks\r\nContent-Length: 5\r\nSet-Cookie: s=2\r\nContent-Type: text/html; x=y\r\nServer: srv\r\n\r\n",
        ),
        ("http.response_body", Dir::ToClient, "hello"),
        ("file.data", Dir::ToClient, "hello"),
        ("file.name", Dir::ToClient, "/a b"),
    ];
    for (name, dir, expected) in rows {
        assert_eq!(field(tx, name, dir, 0).as_deref(), Some(expected), "{name}");
    }
    assert_eq!(field(tx, "http.header.raw", Dir::ToServer, 0).as_deref(), GET.split_once("\r\n").map(|(_, rest)| rest));
    assert_eq!(field(tx, "http.request_header", Dir::ToServer, 4).as_deref(), Some("X-Two: 1"));
    assert_eq!(field(tx, "http.request_header", Dir::ToServer, 6), None);
    assert_eq!(field(tx, "http.user_agent", Dir::ToServer, 1), None);
    assert_eq!(field(tx, "http.request_body", Dir::ToServer, 0), None);
    assert_eq!(events(tx), ["request_header_repetition"]);
    assert_eq!(Dir::BOTH.map(|dir| tx.progress(dir)), [5, 5]);
}

#[test]
fn record_of_an_ordinary_exchange() {
    let connection = run(&[c(GET), s(OK)]);
    let tx = connection.txs()[0];
    let short =
        "hostname:www.example.com,http_port:8080,url:/a%20b?q=1,http_user_agent:ua,http_content_type:text/html,";
    assert_eq!(record(tx, &Detail::default()), short);
    assert_eq!(record(tx, &detail()), format!("{short}http_method:GET,protocol:HTTP/1.1,status:200,length:5,"));
    let custom = ["accept".to_owned(), "set_cookie".to_owned(), "dnt".to_owned()];
    let shown = record(tx, &Detail { custom: &custom, ..Detail::default() });
    assert!(shown.contains("accept:x,set_cookie:s=2,") && !shown.contains("dnt"));
    let all = record(tx, &Detail { all_headers: [false, true], ..Detail::default() });
    assert!(all.contains("response_headers{{name:Content-Length,value:5,},{name:Set-Cookie,"), "{all}");
}

#[test]
fn odd_records() {
    let rows: [(&[Act], &str); 6] = [
        (
            &[
                c("GET /x HTTP/1.1\r\nHost: h\r\nReferer: r\r\n\r\n"),
                s("HTTP/1.0 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n"),
            ],
            "hostname:h,url:/x,http_refer:r,http_method:GET,protocol:HTTP/1.1,status:302,redirect:/y,length:0,",
        ),
        (
            &[s("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")],
            "url:/libhtp::request_uri_not_seen,protocol:HTTP/1.1,status:200,length:0,",
        ),
        (
            &[c("GET /t HTTP/1.1\r\nHost: h\r\n\r\n"), s("HTTP/1.0 2XX OK\nContent-Length:4\n\ntoto")],
            "hostname:h,url:/t,http_method:GET,protocol:HTTP/1.1,status_string:2XX,length:4,",
        ),
        (
            &[c("GET /"), s("<html>hi</html>"), Act::End(Dir::ToServer), Act::End(Dir::ToClient)],
            "url:/,http_method:GET,length:15,",
        ),
        (
            &[c("GET / HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n")],
            "hostname:[::1],http_port:8000,url:/,http_method:GET,protocol:HTTP/1.1,length:0,",
        ),
        (
            &[
                c("GET /p HTTP/1.1\r\nHost: h\r\n\r\n"),
                s("HTTP/1.1 206 P\r\nContent-Range: bytes 500-501/1000\r\nContent-Length: 2\r\n\r\nab"),
            ],
            "hostname:h,url:/p,content_range{raw:bytes 500-501/1000,start:500,end:501,size:1000,},http_method:GET,protocol:HTTP/1.1,status:206,length:2,",
        ),
    ];
    for (acts, expected) in rows {
        assert_eq!(record(run(acts).txs()[0], &detail()), expected);
    }
}

/// What of a response ends up in `http.response_body`.
fn content(response: &str) -> (Option<String>, Vec<&'static str>) {
    let connection = run(&[c("GET /f HTTP/1.1\r\nHost: h\r\n\r\n"), s(response), Act::End(Dir::ToClient)]);
    let txs = connection.txs();
    assert_eq!(txs.len(), 1, "{response:?}");
    (field(txs[0], "http.response_body", Dir::ToClient, 0), events(txs[0]))
}

#[test]
fn framing_with_leniency() {
    let rows = [
        ("HTTP/1.1 200 OK\r\n\r\nto the end", "to the end"),
        ("HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", "abc"),
        ("HTTP/1.1 200 OK\rContent-Length: 3\r\rContent-Type: x\r\n\nabc", "abc"),
        ("HTTP/1.1 200 OK\n\rContent-Length: 3\n\rX: y\r\n\r\nabc", "abc"),
        ("\r\n \t\r\n\0HTTP/1.1 \t200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: \r\n 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 1\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: (3) 4\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "abc"),
        ("HTTP/1.1 200 OK\r\nTransfer\0-encoding : x\0 Chu\0nked,\r\n\r\n2\nab\n1;x\nc\n0\n", "abc"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding\r\n :\r\n chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("HTTP/1.1 200 OK\r\nX: y\r\n\tTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunks", "no chunks"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n3\r\nabc\r\n0\r\nTrail: er\r\n\r\n",
            "abc",
        ),
        ("HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("HTTP/1.1 101 ok\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1foobar\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("SIP/2.0 200 ok\r\nHTTP/1.1 200 ok\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        (" foobar\r\nHTTP/1.1 200 ok\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("no status line\r\nat all", "no status line\r\nat all"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\n \nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n \r\nX: y\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\n\r\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\n\r\r\n\r\nabc", "abc"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc and more", "abc and more"),
    ];
    for (response, expected) in rows {
        assert_eq!(content(response).0.as_deref(), Some(expected), "{response:?}");
    }
    for none in [
        "HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 204 N\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert_eq!(content(none), (None, vec![]), "{none:?}");
    }
}

#[test]
fn events_of_responses() {
    let head = "HTTP/1.1 200 OK\r\n";
    let rows = [
        ("Content-Length: x\r\n\r\n", "invalid_content_length_field_in_response"),
        ("Content-Length: 1x\r\n\r\na", "content_length_extra_data_end"),
        ("Content-Length: -1\r\n\r\na", "content_length_extra_data_start"),
        ("Transfer-Encoding: gzip\r\n\r\n", "invalid_transfer_encoding_value_in_response"),
        ("Transfer-Encoding: chunked\r\n\r\nzzz", "invalid_response_chunk_len"),
        ("Transfer-Encoding: chunked\r\n\r\n1;e\r\na\r\n0\r\n\r\n", "response_chunk_extension"),
        ("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "response_abnormal_transfer_encoding"),
        ("nothing\r\nContent-Length: 0\r\n\r\n", "response_field_missing_colon"),
        (": x\r\nContent-Length: 0\r\n\r\n", "response_invalid_empty_name"),
        ("X : x\r\nContent-Length: 0\r\n\r\n", "response_invalid_lws_after_name"),
        ("X/: x\r\nContent-Length: 0\r\n\r\n", "response_header_name_not_token"),
        (" x: y\r\nContent-Length: 0\r\n\r\n", "invalid_response_field_folding"),
        ("Set-Cookie: a\r\nset-cookie: b\r\nContent-Length: 0\r\n\r\n", "response_header_repetition"),
        ("Content-Type: multipart/byteranges; boundary=x\r\n\r\n", "response_multipart_byteranges"),
        ("Content-Encoding: foo\r\nContent-Length: 0\r\n\r\n", "abnormal_ce_header"),
        ("Content-Encoding: gzip, gzip,gzip\r\nContent-Length: 0\r\n\r\n", "too_many_encoding_layers"),
        ("Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "gzip_decompression_failed"),
        ("Content-Range: bytes 5-1/9\r\nContent-Length: 3\r\n\r\nabc", "range_invalid"),
        ("Content-Length: 3\r\n\r\nabc\n", "response_body_unexpected"),
        ("Content-Length: 0\n\r\r\n\r\n", "deformed_eol"),
    ];
    for (rest, event) in rows {
        let (_, events) = content(&format!("{head}{rest}"));
        assert_eq!(events, [event], "{rest:?}");
    }
    let doubled = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n";
    let expected = ["response_header_repetition", "duplicate_content_length_field_in_response"];
    assert_eq!(content(doubled).1, expected);
    let twice = "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(content(twice).1, ["100_continue_already_seen"]);
    let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(content(old).1, ["response_chunked_old_proto"]);
}

#[test]
fn events_of_requests() {
    let rows: [(&str, &[&str]); 24] = [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", &[]),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", &[]),
        ("GET / HTTP/1.1\r\n\r\n", &["missing_host_header"]),
        (" GET / HTTP/1.0\r\n\r\n", &["request_line_leading_whitespace"]),
        ("GET\t/ HTTP/1.0\r\n\r\n", &["method_delim_non_compliant"]),
        ("GET /\tHTTP/1.0\r\n\r\n", &["uri_delim_non_compliant"]),
        ("GET /\nHost: h\n\n", &["request_line_missing_protocol"]),
        ("GET /\r\n\r\n", &[]),
        ("GETHTTP/1.1\nHost: h\n\n", &["request_line_unknown_method", "request_line_missing_protocol"]),
        ("GET/ HTTP/1.1\nHost: h\n\n", &["request_line_unknown_method_no_protocol", "request_line_missing_protocol"]),
        ("T / HTTP\n\n", &["request_line_unknown_method_invalid_protocol"]),
        ("QUERY / HTTP/1.0\n\n", &[]),
        ("GET /evil%2527sqli HTTP/1.0\r\n\r\n", &["double_encoded_uri"]),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", &["request_header_host_invalid"]),
        ("GET / HTTP/1.1\r\nHost: h:x\r\n\r\n", &["invalid_server_port_in_request"]),
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", &["host_header_ambiguous"]),
        ("GET http://a'/ HTTP/1.0\r\n\r\n", &["request_uri_host_invalid"]),
        ("GET / HTTP/1.0\r\nAuthorization: Turbo x\r\n\r\n", &["request_auth_unrecognized"]),
        ("GET / HTTP/1.0\r\nAuthorization: BASIC x\r\n\r\n", &[]),
        (
            "POST / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            &["request_header_repetition", "duplicate_content_length_field_in_request"],
        ),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0 ; a=b\r\n\r\n", &["request_chunk_extension"]),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: x\r\n\r\n", &["invalid_transfer_encoding_value_in_request"]),
        ("GET / HTTP/1.0\r\n fold\r\n\r\n", &["invalid_request_field_folding", "request_field_missing_colon"]),
        (
            "POST / HTTP/1.0\r\nContent-Length: -1\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n",
            &["content_length_extra_data_start", "request_body_unexpected", "request_body_unexpected"],
        ),
    ];
    for (request, expected) in rows {
        let connection = run(&[c(request)]);
        assert_eq!(connection.txs().len(), 1, "{request:?}");
        assert_eq!(events(connection.txs()[0]), expected, "{request:?}");
    }
}

#[test]
fn pipelining_and_matching() {
    let acts = [
        c(
            "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: h\r\n\r\nPOST /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxyGET /4 HTTP/1.1\r\nHost: h\r\n\r\n",
        ),
        s(
            "HTTP/1.1 201 a\r\nContent-Length: 1\r\n\r\na\r\nHTTP/1.1 202 b\r\nContent-Length: 7\r\n\r\nHTTP/1.1 203 c\r\nContent-Length: 1\r\n\r\nc",
        ),
    ];
    let connection = run(&acts);
    let seen: Vec<_> = connection
        .txs()
        .iter()
        .map(|tx| (field(*tx, "http.uri", Dir::ToServer, 0), field(*tx, "http.stat_code", Dir::ToClient, 0)))
        .collect();
    let some = |text: &str| Some(text.to_owned());
    let expected =
        [(some("/1"), some("201")), (some("/2"), some("202")), (some("/3"), some("203")), (some("/4"), None)];
    assert_eq!(seen, expected);
    assert_eq!(field(connection.txs()[2], "http.request_body", Dir::ToServer, 0), some("xy"));
}

#[test]
fn responses_nobody_asked_for() {
    let connection = run(&[
        s("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"),
        c("GET / HTTP/1.0\r\n\r\n"),
        s("this is too much.\r\n"),
    ]);
    assert_eq!(connection.txs().len(), 2);
    assert_eq!(events(connection.txs()[0]), ["unable_to_match_response_to_request", "response_body_unexpected"]);
    assert_eq!(
        field(connection.txs()[0], "http.response_body", Dir::ToClient, 0).as_deref(),
        Some("this is too much.\r\n")
    );
}

#[test]
fn old_http() {
    let connection = run(&[c("GET /zeek.html\n"), s("<html>\n"), s("</html>\n"), Act::End(Dir::ToClient)]);
    let tx = connection.txs()[0];
    assert_eq!(field(tx, "file.data", Dir::ToClient, 0).as_deref(), Some("<html>\n</html>\n"));
    assert_eq!((events(tx), tx.files(Dir::ToClient)[0].state), (vec![], FileState::Closed));
    let not_old = run(&[c("\u{1}junk"), s("HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n\r\nno"), Act::End(Dir::ToServer)]);
    assert_eq!(field(not_old.txs()[0], "http.response_line", Dir::ToClient, 0).as_deref(), Some("HTTP/1.1 400 Bad"));
}

#[test]
fn switches() {
    let connect = [c("CONNECT abc:443 HTTP/1.1\r\n\r\n\nGET"), s("HTTP/1.1 200 OK\r\nServer: x\r\n\r\n\n\x05\x00")];
    let connection = run(&connect);
    assert_eq!((connection.switched, connection.unused[1].as_slice()), (Some(None), &b"\x05\x00"[..]));
    assert_eq!(connection.txs().len(), 1);
    assert_eq!(Dir::BOTH.map(|dir| connection.txs()[0].progress(dir)), [5, 5]);
    let refused = run(&[
        c("CONNECT abc:443 HTTP/1.1\r\n\r\n"),
        s("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"),
        c("GET / HTTP/1.0\r\n\r\n"),
    ]);
    assert_eq!((refused.switched, refused.txs().len()), (None, 2));
    for (name, to) in [("h2c", "http2"), ("WebSocket", "websocket")] {
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: {name}\r\n\r\n");
        let upgraded = run(&[c(request), s(format!("HTTP/1.1 101 S\r\nUpgrade: {name}\r\n\r\n\0"))]);
        assert_eq!((upgraded.switched, upgraded.unused[1].as_slice()), (Some(Some(to)), &b"\0"[..]));
    }
}

/// Name, size, state and whether bytes are missing, of all files of responses.
fn files(connection: &Connection) -> Vec<(String, u64, FileState, bool)> {
    let files = connection.txs().into_iter().flat_map(|tx| Dir::BOTH.map(|dir| tx.files(dir))).flatten();
    files.map(|file| (String::from_utf8_lossy(&file.name).into_owned(), file.size, file.state, file.gaps)).collect()
}

#[test]
fn gaps_in_bodies() {
    let response = |length: usize| s(format!("HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n"));
    let get = |path: &str| c(format!("GET {path} HTTP/1.0\r\n\r\n"));
    let connection = run(&[
        get("/1"),
        response(12),
        s("Hello World!\r\n"),
        get("/2"),
        response(70),
        s("A".repeat(14)),
        get("/3"),
        Act::Gap(Dir::ToClient, 14),
        s("A".repeat(42)),
        s("HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\nHello People\r\n"),
    ]);
    let file = |name: &str, size, state, gaps| (name.to_owned(), size, state, gaps);
    let expected = [
        file("/1", 14, FileState::Closed, false),
        file("/2", 70, FileState::Truncated, true),
        file("/3", 14, FileState::Closed, false),
    ];
    assert_eq!(files(&connection), expected);
    let whole = run(&[get("/1"), response(12), get("/2"), Act::Gap(Dir::ToClient, 14), response(2), s("ok")]);
    assert_eq!(files(&whole), [file("/1", 12, FileState::Truncated, true), file("/2", 2, FileState::Closed, false)]);
}

#[test]
fn gaps_elsewhere() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab";
    let get = c("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let within = run(&[get.clone(), s(chunked), Act::Gap(Dir::ToClient, 2), s("\r\n1\r\nc\r\n0\r\n\r\n")]);
    assert_eq!((files(&within)[0].1, files(&within)[0].2), (5, FileState::Truncated));
    assert_eq!(field(within.txs()[0], "file.data", Dir::ToClient, 0).as_deref(), Some("c"));
    let beyond = [
        get.clone(),
        get.clone(),
        s(chunked),
        Act::Gap(Dir::ToClient, 9),
        s("rest\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    ];
    for step in [1, 1000] {
        let beyond = Connection::new(Config::default()).run(&beyond, step);
        assert_eq!(events(beyond.txs()[0]), ["invalid_gap"]);
        assert_eq!(field(beyond.txs()[1], "file.data", Dir::ToClient, 0).as_deref(), Some("ok"));
    }
    let request = run(&[c("GET / HTT"), Act::Gap(Dir::ToServer, 9), c("X: y\r\n\r\nGET /2 HTTP/1.0\r\n\r\n")]);
    assert_eq!(request.txs().len(), 2);
    assert_eq!(field(request.txs()[1], "http.uri", Dir::ToServer, 0).as_deref(), Some("/2"));
}

#[test]
fn uploads() {
    let form = "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"one.txt\"\r\n\r\nfirst\r\n--B\r\n\
        Content-Disposition: form-data; name=\"t\"\r\n\r\ntext\r\n--B\r\nContent-Disposition: form-data; filename=two\r\n\r\n2nd\r\n--B--\r\n";
    let post = format!(
        "POST /up?x HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let connection = run(&[c(post)]);
    let tx = connection.txs()[0];
    let all = |name: &str| [0, 1, 2].map(|instance| field(tx, name, Dir::ToServer, instance));
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(all("file.name"), [some("one.txt"), some("two"), None]);
    assert_eq!(all("file.data"), [some("first"), some("2nd"), None]);
    assert_eq!(field(tx, "http.request_body", Dir::ToServer, 0).as_deref(), Some(form));
    assert!(files(&connection).iter().all(|file| file.2 == FileState::Closed));
    let plain = run(&[c("PUT /dir/n%61me?x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")]);
    assert_eq!(files(&plain), [("/dir/name".to_owned(), 3, FileState::Closed, false)]);
    assert!(plain.txs()[0].files(Dir::ToServer)[0].md5.is_some());
}

#[test]
fn limits() {
    let config = Config { response_body_limit: 10, headers_limit: 3, field_limit: 64, ..Config::default() };
    let response = "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nContent-Length: 20\r\n\r\n01234567890123456789";
    let long = format!("GET /{} HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "a".repeat(100), "b".repeat(1000));
    for step in [1, 7, 5000] {
        let connection = Connection::new(config.clone()).run(&[c(&long), s(response)], step);
        let tx = connection.txs()[0];
        assert_eq!(field(tx, "http.response_body", Dir::ToClient, 0).as_deref(), Some("0123456789"));
        assert_eq!(field(tx, "http.response_header", Dir::ToClient, 3).as_deref(), Some("Content-Length: 20"));
        assert_eq!((files(&connection)[0].1, files(&connection)[0].2), (10, FileState::Truncated));
        let cut = ["request_field_too_long", "request_field_too_long", "response_too_many_headers"];
        assert_eq!(events(tx), cut, "by {step}");
        assert_eq!(field(tx, "http.uri", Dir::ToServer, 0).map(|uri| uri.len()), Some(60));
    }
}

#[test]
fn too_many_transactions() {
    let config = Config { max_tx: 3, ..Config::default() };
    let get = c("GET / HTTP/1.0\r\n\r\n");
    let mut connection = Connection::new(config).run(&vec![get.clone(); 5], usize::MAX);
    let progress: Vec<_> = connection.txs().iter().map(|tx| tx.progress(Dir::ToClient)).collect();
    assert_eq!(progress, [5, 5, 0, 0, 0], "the oldest end");
    connection.session.release(1);
    assert_eq!(connection.session.transactions(), 0..5);
    connection.session.release(0);
    assert_eq!(connection.session.transactions(), 2..5);
    assert!(connection.session.transaction(1).is_none());
    let connection = connection.run(&vec![get; 20], usize::MAX);
    assert_eq!(connection.session.transactions(), 19..25, "and go where nobody releases them");
}

#[test]
fn inspected_bytes_go() {
    let config = Config { response_inspect_minimum: 4, response_inspect_window: 8, ..Config::default() };
    let get = c("GET / HTTP/1.0\r\n\r\n");
    let mut connection =
        Connection::new(config).run(&[get, s("HTTP/1.0 200 OK\r\n\r\n0123456789abcdefghij")], usize::MAX);
    let number = fields::FIELDS.iter().position(|field| field.info.name == "file.data").expect("a field");
    let before = connection.txs()[0].revision(Dir::ToClient);
    connection.session.inspected(0, Dir::ToClient);
    let connection = connection.run(&[s("k")], usize::MAX);
    let tx = connection.txs()[0];
    let expected = Value::Stream { data: b"cdefghijk", offset: 12, complete: false };
    assert_eq!(tx.field(number, Dir::ToClient, 0, &mut Vec::new()), expected);
    assert_ne!(tx.revision(Dir::ToClient), before);
}

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
            let config = Config { lzma_enabled: true, ..Config::default() };
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
    let config = Config { response_body_limit: 0, compression_bomb_limit: 1024 * 1024, ..Config::default() };
    let (content, events) = coded("gzip, gzip", &bomb, config, usize::MAX);
    assert_eq!(events, ["compression_bomb_limit_reached"]);
    assert!(content.expect("some").len() < 2 * 1024 * 1024);
    let (content, events) = coded("gzip, gzip", &bomb, Config::default(), usize::MAX);
    assert_eq!((content.expect("some").len(), events.len()), (100 * 1024, 0), "not decompressed beyond what is kept");
}

#[test]
fn declarations() {
    let mut names: Vec<_> = fields::FIELDS
        .iter()
        .flat_map(|field| field.info.aliases.iter().chain(&field.info.modifier).chain([&field.info.name]))
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "each name once");
    assert_eq!(events::NAMES.len(), events::Event::InvalidGap as usize + 1);
    let states = PROTOCOL.states.map(<[_]>::len);
    assert_eq!(states, [tx::Progress::Complete as usize + 1; 2]);
    assert!(fields::FIELDS.iter().all(|field| matches!(field.info.kind, Kind::Bytes(_)) && !field.info.doc.is_empty()));
}

#[test]
fn probing() {
    let rows: [(&[u8], Dir, Probe); 7] = [
        (b"ABC /x HTTP/1.1\r\n", Dir::ToServer, Probe::Yes(Dir::ToServer)),
        (b"\r\nABC /x HTTP/1.1\r\n", Dir::ToServer, Probe::Yes(Dir::ToServer)),
        (b"ABC /x HT", Dir::ToServer, Probe::Unsure),
        (b"EHLO x\r\n", Dir::ToServer, Probe::No),
        (b"\x16\x03\x01", Dir::ToServer, Probe::No),
        (b"http/1.1 200 OK", Dir::ToClient, Probe::Yes(Dir::ToClient)),
        (b"SSH-2.0", Dir::ToClient, Probe::No),
    ];
    for (data, dir, expected) in rows {
        assert_eq!(probe(data, dir, false), expected, "{data:?}");
    }
}

/// Requests and responses with everything that may be in them, in order.
fn conversation() -> impl Strategy<Value = Vec<Act>> {
    let eol = prop::sample::select(vec!["\r\n", "\n"]);
    let target = prop::sample::select(vec!["/", "/a/../b%20c", "http://h:1/x?y", "/sp ace"]);
    let header = prop::sample::select(vec![
        "Host: h",
        "X: 1",
        "x: 2",
        "Cookie: a",
        "no colon",
        ": empty",
        "A : b",
        "F: a\r\n b",
        "N: a\0b",
        "Bare: x\rY: z",
        "Content-Encoding: gzip",
    ]);
    let framing = prop::sample::select(vec![
        ("Content-Length: 5", "hello"),
        ("Transfer-Encoding: chunked", "2;x\r\nhe\r\n003\nllo\r\n0\r\nT: r\r\n\r\n"),
        ("Content-Length: 0", ""),
    ]);
    let message = (target, prop::collection::vec(header, 0..5), framing, eol);
    prop::collection::vec((message.clone(), message), 1..4).prop_map(|pairs| {
        let text = |first: String, headers: &[&str], (length, body): (&str, &str), eol: &str| {
            let mut out = first + eol;
            headers.iter().chain([&length]).for_each(|header| out += &format!("{header}{eol}"));
            out + eol + body
        };
        let mut acts = Vec::new();
        for ((target, headers, framing, eol), (_, more, answer, end)) in pairs {
            acts.push(c(text(format!("POST {target} HTTP/1.1"), &headers, framing, eol)));
            acts.push(s(text("HTTP/1.1 200 OK".into(), &more, answer, end)));
        }
        acts.extend(Dir::BOTH.map(Act::End));
        acts
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Where TCP cuts a stream must not change what is parsed.
    #[test]
    fn cuts_do_not_matter(acts in conversation(), step in 1_usize..40) {
        let whole = Connection::new(Config::default()).run(&acts, usize::MAX);
        let cut = Connection::new(Config::default()).run(&acts, step);
        prop_assert_eq!(whole.shown(), cut.shown());
    }

    /// No bytes panic, and all of them are used in the end.
    #[test]
    fn any_bytes(
        parts in prop::collection::vec((any::<bool>(), prop::collection::vec(prop::sample::select(
            b"GETPOSHTP/1.02\r\n\t :;,chunked5a%\x00\xff\x1f\x8b".to_vec()), 0..60), any::<bool>()), 0..12),
        step in 1_usize..20,
    ) {
        let mut acts: Vec<Act> = Vec::new();
        for (client, bytes, gap) in parts {
            let dir = if client { Dir::ToServer } else { Dir::ToClient };
            acts.push(if client { Act::C(bytes) } else { Act::S(bytes) });
            if gap {
                acts.push(Act::Gap(dir, 7));
            }
        }
        acts.extend(Dir::BOTH.map(Act::End));
        let connection = Connection::new(Config::default()).run(&acts, step);
        prop_assert!(connection.switched.is_some() || connection.unused.iter().all(Vec::is_empty));
        let _ = connection.shown();
    }
}
