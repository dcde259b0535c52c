//! HTTP/1 as a whole: conversations in, what fields, events, files and records show of them out.

mod codings;
mod cuts;
mod files;
mod lenient;

use std::io::Write as _;

use super::*;
use crate::app::config;
use crate::app::file::{State as FileState, Wanted};
use crate::app::parser::{Detail, Input, Parsed, Session, Transaction};
use crate::app::state::Facts;
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

/// Settings that differ in what becomes of content.
fn content(content: http::Config) -> Config {
    Config { content, ..Config::default() }
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
        let facts = Facts { files: Wanted { hashes, ..Wanted::default() }, ..Facts::default() };
        let config = config::Config { http1: config, ..config::Config::default() };
        Self {
            session: PROTOCOL.session.expect("HTTP is parsed")(&config, facts),
            unused: Default::default(),
            switched: None,
        }
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
    let rows: [(&[u8], Dir, Probe); 9] = [
        (b"ABC /x HTTP/1.1\r\n", Dir::ToServer, Probe::Yes(Dir::ToServer)),
        (b"\r\nABC /x HTTP/1.1\r\n", Dir::ToServer, Probe::Yes(Dir::ToServer)),
        (b"ABC /x HT", Dir::ToServer, Probe::Unsure),
        (b"EHLO x\r\n", Dir::ToServer, Probe::No),
        (b"\x16\x03\x01", Dir::ToServer, Probe::No),
        (b"http/1.1 200 OK", Dir::ToClient, Probe::Yes(Dir::ToClient)),
        (b"SSH-2.0", Dir::ToClient, Probe::No),
        (b"HTTP/1.1 200 OK", Dir::ToServer, Probe::Yes(Dir::ToClient)),
        (b"GET / HTTP/1.1\r\n", Dir::ToClient, Probe::Yes(Dir::ToServer)),
    ];
    for (data, dir, expected) in rows {
        assert_eq!(probe(data, dir, false), expected, "{data:?}");
    }
}
