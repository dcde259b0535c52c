//! Connections in, what is seen of them out.

use std::io::Write as _;

use proptest::prelude::*;

use super::frame::kind;
use super::sample::{block, data, frame, get, headers, settings};
use super::session::Session;
use super::*;
use crate::app::harness::{self, EXTENDED, text};
use crate::app::parser::{Session as _, Transaction};
use crate::app::upgrade::Upgrade;
use crate::field::Dir::{ToClient, ToServer};
use crate::field::Value;

type Feed = harness::Feed<Session>;

fn with(config: &Config, midstream: bool) -> Feed {
    Feed::new(&PROTOCOL, Session::new(config, Care::default(), midstream))
}

/// A connection whose client has begun.
fn begun() -> Feed {
    let mut feed = with(&Config::default(), false);
    feed.push(ToServer, PREFACE);
    feed
}

fn transactions(feed: &Feed) -> Vec<&dyn Transaction> {
    feed.session.transactions().filter_map(|id| feed.session.transaction(id)).collect()
}

fn record(tx: &dyn Transaction) -> String {
    text(|out| tx.record(&EXTENDED, out))
}

/// The records of all transactions that have one.
fn records(feed: &Feed) -> Vec<String> {
    transactions(feed).into_iter().filter(|tx| tx.recorded()).map(record).collect()
}

/// The events of all transactions.
fn events(feed: &Feed) -> Vec<&'static str> {
    let all = transactions(feed).into_iter().flat_map(|tx| tx.events().to_vec());
    all.map(|event| PROTOCOL.events[usize::from(event)]).collect()
}

/// All instances of a field of a transaction.
fn values(tx: &dyn Transaction, name: &str, dir: Dir) -> Vec<String> {
    let fields = (PROTOCOL.fields)();
    let field = fields.iter().position(|info| info.name == name).expect(name);
    let mut scratch = Vec::new();
    (0..9)
        .map_while(|instance| match tx.field(field, dir, instance, &mut scratch) {
            Value::Bytes(bytes) | Value::Stream { data: bytes, .. } => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
            Value::Uint(number) => Some(number.to_string()),
            Value::Absent => None,
        })
        .collect()
}

/// Everything that is seen of a connection.
fn seen(feed: &Feed) -> Vec<String> {
    let mut out = vec![format!("{:?} {}", events(feed), feed.failed)];
    for tx in transactions(feed) {
        out.push(record(tx));
        for info in (PROTOCOL.fields)() {
            for dir in Dir::BOTH {
                out.push(format!("{} {:?} {:?}", info.name, tx.progress(dir), values(tx, info.name, dir)));
            }
        }
        for file in Dir::BOTH.into_iter().flat_map(|dir| tx.files(dir)) {
            out.push(format!("{:?} {} {:?}", file.name, file.size, file.state));
        }
    }
    out
}

/// The transaction of a stream on which this is sent.
fn on_stream(parts: &[(Dir, Vec<u8>)]) -> Feed {
    let mut feed = begun();
    parts.iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    feed
}

fn zipped(content: &[u8]) -> Vec<u8> {
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zip.write_all(content).unwrap();
    zip.finish().unwrap()
}

/// Two streams side by side, with all that frames may have.
fn conversation() -> Vec<(Dir, Vec<u8>)> {
    let post = block(&[(":method", "POST"), (":path", "/up?x=1"), (":authority", "u@One.example:80"), ("host", "two")]);
    let (first, second) = post.split_at(20);
    let promise =
        [&[0, 0, 0, 2][..], &block(&[(":method", "GET"), (":path", "/pushed"), ("host", "[::1]:8080")])].concat();
    let body = zipped(b"what was asked for");
    let (early, late) = body.split_at(9);
    vec![
        (ToServer, [PREFACE, &settings(&[(1, 8192), (4, 65535)])].concat()),
        (ToClient, settings(&[(3, 100), (0xfafa, 1)])),
        (ToServer, frame(kind::HEADERS, 0x28, 1, &[&[2, 0, 0, 0, 0, 99][..], first, &[0, 0]].concat())),
        (ToServer, frame(kind::CONTINUATION, 4, 1, second)),
        (ToServer, get(3, "three", "/x")),
        (ToClient, headers(0, 3, &[(":status", "103"), ("link", "early")])),
        (ToClient, frame(kind::PUSH_PROMISE, 4, 3, &promise)),
        (
            ToClient,
            frame(
                kind::HEADERS,
                4,
                3,
                &[&[0x3f, 0xe1, 0x1f, 0x88][..], &block(&[("content-encoding", "gzip")])].concat(),
            ),
        ),
        (ToServer, data(1, false, b"up")),
        (ToClient, data(3, false, early)),
        (ToServer, frame(kind::DATA, 9, 1, &[&[3][..], b"loaded", &[0; 3]].concat())),
        (ToClient, frame(kind::DATA, 8, 3, &[&[1][..], late, &[0]].concat())),
        (ToClient, headers(1, 3, &[("trailer", "t")])),
        (ToServer, frame(kind::WINDOW_UPDATE, 0, 3, &[0, 0, 1, 0])),
        (ToClient, headers(0, 1, &[(":status", "404"), ("content-type", "text/html; x")])),
        (ToClient, data(1, true, b"no")),
        (ToServer, frame(kind::PING, 0, 0, &[0; 8])),
        (ToServer, frame(kind::RST_STREAM, 0, 2, &[0, 0, 0, 8])),
        (ToClient, frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 2])),
        (ToServer, frame(0xfa, 0, 0, b"grease")),
    ]
}

#[test]
fn streams_are_transactions_and_so_are_frames_of_the_connection() {
    let feed = on_stream(&[]);
    assert!(transactions(&feed).is_empty(), "the preface is no frame");
    let mut feed = with(&Config::default(), false);
    conversation().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    let expected = [
        "version:'2',http2:{stream_id:0,request:{settings:[{settings_id:'SETTINGSHEADERTABLESIZE',settings_value:8192},\
         {settings_id:'SETTINGSINITIALWINDOWSIZE',settings_value:65535}]}}",
        "version:'2',http2:{stream_id:0,response:{settings:[{settings_id:'SETTINGSMAXCONCURRENTSTREAMS',settings_value:100},\
         {settings_id:'64250',settings_value:1}]}}",
        "hostname:'one.example',url:'/up?x=1',version:'2',http_method:'POST',http_content_type:'text/html',status:404,length:2,\
         request_headers:[{name:':method',value:'POST'},{name:':path',value:'/up?x=1'},\
         {name:':authority',value:'u@One.example:80'},{name:'host',value:'two'}],\
         response_headers:[{name:':status',value:'404'},{name:'content-type',value:'text/html; x'}],\
         http2:{stream_id:1,request:{priority:99}}",
        "hostname:'three',url:'/x',version:'2',http_method:'GET',status:200,length:38,\
         request_headers:[{name:':method',value:'GET'},{name:':scheme',value:'http'},{name:':path',value:'/x'},\
         {name:':authority',value:'three'}],\
         response_headers:[{table_size_update:4096},{name:':status',value:'200'},{name:'content-encoding',value:'gzip'},\
         {name:'trailer',value:'t'}],http2:{stream_id:3}",
        "hostname:'[::1]',url:'/pushed',version:'2',http_method:'GET',\
         request_headers:[{name:':method',value:'GET'},{name:':path',value:'/pushed'},{name:'host',value:'[::1]:8080'}],\
         http2:{stream_id:2,request:{error_code:'CANCEL'}}",
        "version:'2',http2:{stream_id:0,response:{error_code:'INTERNALERROR'}}",
    ];
    assert_eq!(records(&feed), expected);
    assert_eq!(events(&feed), ["authority_host_mismatch", "userinfo_in_uri"]);
    let txs = transactions(&feed);
    assert_eq!(txs.len(), 8, "PING and what is not known are transactions, too");
    assert!(txs.iter().all(|tx| Dir::BOTH.into_iter().all(|dir| tx.progress(dir) == PROTOCOL.complete(dir))));
    let shown = [
        (2, "http.request_body", ToServer, &["uploaded"][..]),
        (2, "http2.frametype", ToServer, &["0", "1", "9"]),
        (2, "http2.priority", ToServer, &["99"]),
        (2, "http.request_line", ToServer, &["POST /up?x=1 HTTP/2\r\n"]),
        (2, "http.response_line", ToClient, &["HTTP/2 404\r\n"]),
        (2, "http.host", ToServer, &["one.example"]),
        (2, "http.host.raw", ToServer, &["u@One.example:80"]),
        (2, "http2.header_name", ToClient, &[":status", "content-type"]),
        (2, "http.header_names", ToClient, &["\r\n:status\r\ncontent-type\r\n\r\n"]),
        (2, "http.header", ToClient, &[":status: 404\r\ncontent-type: text/html; x\r\n"]),
        (2, "http.response_header", ToClient, &[":status: 404", "content-type: text/html; x"]),
        (3, "http.response_body", ToClient, &["what was asked for"]),
        (3, "http2.size_update", ToClient, &["4096"]),
        (3, "http2.window", ToServer, &["256"]),
        (3, "http2.frametype", ToClient, &["0", "1", "5"]),
        (0, "http2.settings", ToServer, &["4294975488", "17179934719"]),
        (0, "http.protocol", ToClient, &["HTTP/2"]),
        (0, "http.stat_msg", ToClient, &[""]),
        (0, "http.method", ToServer, &[]),
    ];
    for (tx, name, dir, expected) in shown {
        assert_eq!(values(txs[tx], name, dir), expected, "{name}");
    }
    let files: Vec<_> = txs.iter().flat_map(|tx| Dir::BOTH.into_iter().flat_map(|dir| tx.files(dir))).collect();
    let names: Vec<_> = files.iter().map(|file| (String::from_utf8_lossy(&file.name), file.size)).collect();
    assert_eq!(names, [("/up".into(), 8), ("/up".into(), 2), ("/x".into(), 18)]);
}

#[test]
fn odd_things_are_told() {
    let started = [":method", "GET"];
    let get = |stream| get(stream, "h", "/");
    let long = frame(kind::DATA, 1, 1, &[b'x'; 16385]);
    let table: &[(&str, Vec<u8>, &[&str])] = &[
        ("settings on a stream", frame(kind::SETTINGS, 0, 1, &[]), &["invalid_frame_header"]),
        ("settings that end early", frame(kind::SETTINGS, 0, 0, &[0; 5]), &["invalid_frame_length"]),
        ("a field that is not there", frame(kind::HEADERS, 5, 1, &[0xc0]), &["invalid_header"]),
        ("a field that ends early", frame(kind::HEADERS, 5, 1, &[0, 3, b'a']), &["extra_header_data"]),
        ("a number that is too large", frame(kind::HEADERS, 5, 1, &[0xff; 12]), &["header_integer_overflow"]),
        ("too much padding", frame(kind::DATA, 8, 1, &[5, 0, 0]), &["invalid_frame_data"]),
        ("padding without a length", frame(kind::DATA, 8, 1, &[]), &["invalid_frame_data"]),
        ("content of no stream", data(0, true, b"x"), &["data_stream_zero"]),
        ("long content", [get(1), long].concat(), &["long_frame_data"]),
        ("streams that go back", [get(5), get(3)].concat(), &["stream_id_reuse"]),
        ("more of nothing", frame(kind::CONTINUATION, 4, 1, &[]), &["invalid_frame_header"]),
        (
            "something between",
            [frame(kind::HEADERS, 1, 1, &block(&[(started[0], started[1])])), get(3)].concat(),
            &["invalid_frame_header"],
        ),
        ("a promise of nothing", frame(kind::PUSH_PROMISE, 4, 1, &[0; 4]), &["invalid_frame_data"]),
        ("a plain request", get(1), &[]),
    ];
    for (name, bytes, expected) in table {
        let feed = on_stream(&[(ToServer, bytes.clone())]);
        assert_eq!(events(&feed), *expected, "{name}");
        assert!(!feed.failed, "{name}");
    }
    let response = |fields: &[(&str, &str)], content: &[u8]| {
        let feed =
            on_stream(&[(ToServer, get(1)), (ToClient, headers(0, 1, fields)), (ToClient, data(1, true, content))]);
        events(&feed)
    };
    assert_eq!(response(&[(":status", "206"), ("content-range", "bytes 9-1/x")], b"x"), ["invalid_range"]);
    assert_eq!(response(&[(":status", "200"), ("content-encoding", "gzip")], b"no gzip"), ["failed_decompression"]);
    let mut feed = with(&Config::default(), false);
    feed.push(ToServer, b"PRI * HTTP/2.0\r\n\r\nXX");
    assert_eq!((events(&feed), feed.failed), (vec!["invalid_client_magic"], true));
}

#[test]
fn what_a_side_takes_decides_what_is_long() {
    let long = frame(kind::DATA, 1, 1, &[b'x'; 20000]);
    let response = || [headers(0, 1, &[(":status", "200")]), long.clone()].concat();
    for (size, expected) in [(16384, 1), (20000, 0)] {
        let feed =
            on_stream(&[(ToServer, [settings(&[(5, size)]), get(1, "h", "/")].concat()), (ToClient, response())]);
        assert_eq!(events(&feed).len(), expected, "{size}");
    }
    let mut feed = with(&Config::default(), true);
    feed.push(ToClient, &response());
    assert_eq!(events(&feed), Vec::<&str>::new(), "nobody knows what was said before");
}

#[test]
fn tables_of_fields_are_those_of_a_direction() {
    // Put into the table, then taken from there.
    let put = frame(kind::HEADERS, 5, 1, &[&[0x82, 0x84, 0x86, 0x40][..], &block(&[("x-kept", "1")])[1..]].concat());
    let used = frame(kind::HEADERS, 5, 3, &[0x82, 0x84, 0x86, 0xbe]);
    let feed = on_stream(&[(ToServer, [put, used].concat()), (ToClient, frame(kind::HEADERS, 5, 1, &[0x88, 0xbe]))]);
    let txs = transactions(&feed);
    assert_eq!(values(txs[1], "http.request_header", ToServer).last().map(String::as_str), Some("x-kept: 1"));
    assert_eq!(events(&feed), ["invalid_header"], "the server has put nothing there");
}

#[test]
fn an_upgrade_begins_with_a_request_that_came_before() {
    let upgrade = |parameters: &str| Upgrade {
        method: b"GET".to_vec(),
        target: b"/robots.txt".to_vec(),
        host: b"Nghttp2.org:80".to_vec(),
        parameters: parameters.as_bytes().to_vec(),
    };
    let mut feed = with(&Config::default(), false);
    feed.session.upgraded(&upgrade("AAMAAABkAARAAAAAAAIAAAAA"));
    feed.push(ToServer, PREFACE);
    feed.push(ToClient, &[headers(0, 1, &[(":status", "200")]), data(1, true, b"User-agent: *")].concat());
    assert_eq!(
        records(&feed),
        [
            "version:'2',http2:{stream_id:0,request:{settings:[\
             {settings_id:'SETTINGSMAXCONCURRENTSTREAMS',settings_value:100},\
             {settings_id:'SETTINGSINITIALWINDOWSIZE',settings_value:1073741824},\
             {settings_id:'SETTINGSENABLEPUSH',settings_value:0}]}}",
            "hostname:'nghttp2.org',url:'/robots.txt',version:'2',http_method:'GET',status:200,length:13,\
             request_headers:[{name:':method',value:'GET'},{name:':path',value:'/robots.txt'},\
             {name:':authority',value:'Nghttp2.org:80'}],response_headers:[{name:':status',value:'200'}],\
             http2:{stream_id:1}",
        ]
    );
    for wrong in ["AAMAAA", "AAMAAABkAAR", "!"] {
        let mut feed = with(&Config::default(), false);
        feed.session.upgraded(&upgrade(wrong));
        assert_eq!(events(&feed), ["invalid_http1_settings"], "{wrong}");
    }
}

#[test]
fn limits_hold() {
    let few = Config { max_streams: 3, ..Config::default() };
    let mut feed = with(&few, true);
    (0..10).for_each(|at| feed.push(ToServer, &get(1 + 2 * at, "h", "/")));
    assert_eq!((transactions(&feed).len(), feed.session.open()), (3, 3));
    assert_eq!(events(&feed), ["too_many_streams"; 3]);
    feed.session.release(9);
    assert_eq!((transactions(&feed).len(), feed.session.open()), (2, 2));

    let short = Config { max_block: 100, ..Config::default() };
    let mut feed = with(&short, true);
    feed.push(ToServer, &frame(kind::HEADERS, 1, 1, &block(&[(":method", "GET"), ("a", "1")])));
    feed.push(ToServer, &frame(kind::CONTINUATION, 0, 1, &block(&[("b", &"x".repeat(60)), ("c", "1")])));
    feed.push(ToServer, &frame(kind::CONTINUATION, 4, 1, &block(&[("d", &"x".repeat(60))])));
    let tx = transactions(&feed)[0];
    assert_eq!(values(tx, "http2.header_name", ToServer), [":method", "a", "b", "c"], "what is kept is seen");
    assert_eq!(events(&feed), ["extra_header_data", "reassembly_limit_reached"]);

    let mut feed = with(&short, true);
    feed.push(ToServer, &[frame(kind::HEADERS, 5, 1, &[0x82; 200]), get(3, "h", "/")].concat());
    assert_eq!(events(&feed), ["long_frame_data"]);
    assert_eq!(records(&feed).len(), 1, "what follows is read");

    let mut feed = with(&short, true);
    feed.push(ToServer, &headers(0, 1, &[(":method", "GET")]));
    (0..400).for_each(|_| feed.push(ToServer, &frame(kind::HEADERS, 4, 1, &[0x3e, 0x3e, 0x82, 0x84])));
    let tx = transactions(&feed)[0];
    let size: usize = values(tx, "http.header.raw", ToServer).iter().map(String::len).sum();
    assert!((60..150).contains(&size), "fields that come again and again make {size} bytes");
    assert_eq!(events(&feed), ["reassembly_limit_reached"]);

    let mut feed = begun();
    let many: Vec<_> = (0..400).map(|id| (id, 1)).collect();
    feed.push(ToServer, &settings(&many));
    (0..400).for_each(|_| feed.push(ToServer, &frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])));
    feed.push(ToServer, &get(1, "h", "/"));
    (0..400).for_each(|_| feed.push(ToServer, &frame(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])));
    assert_eq!(events(&feed), ["too_many_frames"; 2]);
}

#[test]
fn a_stream_that_is_reset_is_cut() {
    let reset = frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 2]);
    let feed = on_stream(&[
        (ToServer, get(1, "h", "/f")),
        (ToClient, [headers(0, 1, &[(":status", "200")]), data(1, false, b"half"), reset].concat()),
    ]);
    let tx = transactions(&feed)[0];
    let [file] = tx.files(ToClient) else { panic!("one file") };
    assert_eq!((file.size, file.state), (4, crate::app::file::State::Truncated));
    assert_eq!(tx.progress(ToClient), PROTOCOL.complete(ToClient));
    assert!(record(tx).ends_with("http2:{stream_id:1,response:{error_code:'INTERNALERROR'}}"));
}

#[test]
fn content_that_is_lost_costs_that_alone() {
    let open = || {
        let mut feed = begun();
        feed.push(ToServer, &get(1, "h", "/f"));
        feed.push(ToClient, &headers(0, 1, &[(":status", "200")]));
        feed.push(ToClient, &frame(kind::DATA, 9, 1, &[&[2][..], b"0123456789", &[0, 0]].concat())[..14]);
        feed
    };
    for (lost, failed) in [(6, false), (7, false), (8, false), (9, true)] {
        let mut feed = open();
        feed.gap(ToClient, lost);
        assert_eq!(feed.failed, failed, "{lost}");
        if !failed {
            let file = &transactions(&feed)[0].files(ToClient)[0];
            assert_eq!((file.size, file.gaps), (10, true), "{lost}");
        }
    }
    let mut feed = open();
    feed.gap(ToClient, 3);
    feed.push(ToClient, b"789\0\0");
    feed.push(ToClient, &data(1, false, b"").as_slice()[..9]);
    assert!(!feed.failed);
    assert_eq!(transactions(&feed)[0].files(ToClient)[0].size, 10);
    let mut feed = begun();
    feed.gap(ToServer, 1);
    assert!(feed.failed, "where a frame would begin is not known any more");
}

#[test]
fn a_connection_that_ends_takes_its_messages_with_it() {
    let mut feed = on_stream(&[(ToServer, get(1, "h", "/f")), (ToClient, headers(0, 1, &[(":status", "200")]))]);
    feed.push(ToClient, &data(1, false, b"half"));
    feed.session.parse(harness::input(ToClient, b"", true));
    let tx = transactions(&feed)[0];
    assert_eq!(tx.progress(ToClient), PROTOCOL.complete(ToClient));
    assert_eq!(tx.files(ToClient)[0].state, crate::app::file::State::Truncated);
}

#[test]
fn servers_are_known_by_their_settings() {
    let first = settings(&[(3, 100)]);
    for (data, dir, expected) in [
        (&first[..], ToClient, Probe::Yes(ToClient)),
        (&first[..5], ToClient, Probe::Unsure),
        (&first[..], ToServer, Probe::No),
        (&frame(kind::SETTINGS, 1, 0, &[]), ToClient, Probe::No),
        (&frame(kind::SETTINGS, 0, 0, &[0; 5]), ToClient, Probe::No),
        (&frame(kind::PING, 0, 0, &[0; 8]), ToClient, Probe::No),
        (b"HTTP/1.1 ", ToClient, Probe::No),
        (b"", ToClient, Probe::Unsure),
    ] {
        assert_eq!(super::settings(data, dir), expected, "{data:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Where TCP cuts a stream must not change what is parsed.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1_usize..30, 1..20)) {
        let (mut whole, mut cut) = (with(&Config::default(), false), with(&Config::default(), false));
        let mut cuts = cuts.into_iter().cycle();
        for (dir, bytes) in conversation() {
            whole.push(dir, &bytes);
            cut.push_cut(dir, &bytes, &mut cuts);
        }
        prop_assert_eq!(seen(&whole), seen(&cut));
    }

    /// No bytes panic.
    #[test]
    fn any_bytes(changes in prop::collection::vec((0_usize..900, any::<u8>()), 0..8), gap in 0_usize..30) {
        let mut feed = with(&Config::default(), true);
        let mut at = 0;
        for (number, (dir, mut bytes)) in conversation().into_iter().enumerate() {
            let here: Vec<_> = changes.iter().filter_map(|(place, byte)| Some((place.checked_sub(at)?, *byte))).collect();
            at += bytes.len();
            harness::overwrite(&mut bytes, &here);
            if number == gap {
                feed.gap(dir, 5);
            }
            feed.push(dir, &bytes);
        }
        seen(&feed);
    }
}
