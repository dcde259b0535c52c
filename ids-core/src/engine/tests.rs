//! What rules make of traffic that has gone through the whole engine.

use std::sync::Arc;

use super::Engine;
use super::fixtures::{self, Carrier, Told, segment};
use crate::app::file::{Fate, Wanted};
use crate::app::{self, App};
use crate::detect::compile::Loader;
use crate::detect::rule_set::RuleSet;
use crate::detect::settings::Settings;
use crate::detect::shared::Shared;

fn compile(text: &str) -> RuleSet {
    let parsed = crate::rules::parse(text);
    assert!(parsed.faults.is_empty(), "{:?}", parsed.faults);
    let rules = parsed.rules.into_iter().map(|rule| (0, rule));
    let rules = Loader::default().compile(rules, &Settings::default()).unwrap().rules;
    assert_eq!(rules.len(), text.lines().count(), "all of them load");
    rules
}

/// The rules that fire, in order, while a client says one thing after the other, and the server a word to each.
fn dialogue(rules: &str, parts: &[&[u8]], with_handshake: bool) -> Vec<u32> {
    let rules = compile(rules);
    let mut config = fixtures::inline();
    (config.inline, config.stream.inline) = (false, false);
    let app = App::new(config.app.clone());
    let mut engine = Engine::new(Arc::new(config), Arc::new(app), Shared::default());
    let v4 = Carrier::V4;
    let mut frames = Vec::new();
    if with_handshake {
        frames.push(segment(v4, true, "S", 100, 0, b""));
        frames.push(segment(v4, false, "SA", 500, 101, b""));
        frames.push(segment(v4, true, "A", 101, 501, b""));
    }
    let (mut seq, mut ack) = (101, 501);
    for part in parts {
        frames.push(segment(v4, true, "PA", seq, ack, part));
        seq += part.len() as u32;
        frames.push(segment(v4, false, "PA", ack, seq, b"ok\n"));
        ack += 3;
        frames.push(segment(v4, true, "A", seq, ack, b""));
    }
    let push = |(id, mut frame): (usize, Vec<u8>)| fixtures::push(&mut engine, &rules, id as u64 + 1, &mut frame).sids;
    frames.into_iter().enumerate().flat_map(push).collect()
}

/// Name of a file, whether it is stored, and the rules that wanted that.
type NamedFile = (String, bool, Vec<u32>);

/// What comes of two exchanges and a form with two files, while rules look on: files stored by number, and the files
/// told of, with the rules that wanted them.
fn stored(rules: &str, all: bool) -> (Vec<(u64, String)>, Vec<NamedFile>) {
    let rules = compile(rules);
    let mut config = fixtures::inline();
    (config.inline, config.stream.inline) = (false, false);
    config.app.files.store = true;
    config.app.files.care.wanted = Wanted { content: all, all, ..Wanted::default() };
    let app = App::new(config.app.clone());
    let mut engine = Engine::new(Arc::new(config), Arc::new(app), Shared::default());
    let form = "--B\r\nContent-Disposition: form-data; filename=\"x.exe\"\r\n\r\nMZ1\r\n\
        --B\r\nContent-Disposition: form-data; filename=\"y.txt\"\r\n\r\ntext\r\n--B--\r\n";
    let post = "POST /c HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: ";
    let says = [
        (true, "GET /a.exe HTTP/1.1\r\nHost: h\r\n\r\n".to_owned()),
        (false, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nMZ2".to_owned()),
        (false, "abc".to_owned()),
        (true, "GET /b.txt HTTP/1.1\r\nHost: h\r\n\r\n".to_owned()),
        (false, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nb-b".to_owned()),
        (true, format!("{post}{}\r\n\r\n{form}", form.len())),
        (false, "HTTP/1.1 204 No\r\n\r\n".to_owned()),
    ];
    let (v4, mut next) = (Carrier::V4, [101, 501]);
    let mut frames = vec![
        segment(v4, true, "S", 100, 0, b""),
        segment(v4, false, "SA", 500, 101, b""),
        segment(v4, true, "A", 101, 501, b""),
    ];
    for (from_client, text) in says {
        let [client, server] = next;
        let (seq, ack) = if from_client { (client, server) } else { (server, client) };
        frames.push(segment(v4, from_client, "PA", seq, ack, text.as_bytes()));
        next[usize::from(!from_client)] += text.len() as u32;
        frames.push(segment(v4, !from_client, "A", ack, seq + text.len() as u32, b""));
    }
    let mut told: Vec<Told> = frames
        .into_iter()
        .enumerate()
        .map(|(id, mut frame)| fixtures::push(&mut engine, &rules, id as u64 + 1, &mut frame))
        .collect();
    let mut last = Told::default();
    engine.finish(&rules, &mut last);
    told.push(last);
    let (mut contents, mut files) = (Vec::<(u64, String)>::new(), Vec::new());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for told in told {
        for (number, bytes) in told.contents {
            match contents.iter_mut().find(|row| row.0 == number) {
                Some(row) => row.1.push_str(&text(&bytes)),
                None => contents.push((number, text(&bytes))),
            }
        }
        files.extend(told.files.into_iter().map(|(name, fate, sids)| (text(&name), fate != Fate::Undecided, sids)));
    }
    files.sort();
    (contents, files)
}

#[test]
fn rules_store_files() {
    const NAMES: [&str; 4] = ["/a.exe", "/b.txt", "x.exe", "y.txt"];
    const CONTENTS: [&str; 4] = ["MZ2abc", "b-b", "MZ1", "text"];
    let cases: &[(&str, &[usize])] = &[
        ("filestore; sid:1;", &[0, 1, 2, 3]),
        ("fileext:\"exe\"; filestore; sid:1;", &[0, 2]),
        ("file.name; content:\"y.txt\"; filestore; sid:1;", &[3]),
        ("file.data; content:\"abc\"; filestore; sid:1;", &[0]),
        ("fileext:\"exe\"; filesize:3; filestore; sid:1;", &[2]),
        ("fileext:\"exe\"; filestore:both; sid:1;", &[0, 2]),
        ("http.uri; content:\"/a\"; filestore:response,tx; sid:1;", &[0]),
        ("http.uri; content:\"/b\"; filestore:both,flow; sid:1;", &[1, 2, 3]),
        ("http.uri; content:\"/b\"; filestore:to_client,ssn; sid:1;", &[1]),
        ("filestore:to_server,flow; sid:1;", &[2, 3]),
        ("filesize:>5; filestore:to_client,file; sid:1;", &[0]),
        ("http.uri; content:\"/nothing\"; filestore:both,flow; sid:1;", &[]),
    ];
    for (options, expected) in cases {
        let (contents, files) = stored(&format!("alert http any any -> any any ({options})"), false);
        let texts: Vec<&str> = contents.iter().map(|row| row.1.as_str()).collect();
        assert_eq!(texts, expected.iter().map(|at| CONTENTS[*at]).collect::<Vec<_>>(), "{options}");
        let numbers: Vec<u64> = contents.iter().map(|row| row.0).collect();
        assert_eq!(numbers, (1..=expected.len() as u64).collect::<Vec<_>>());
        for (at, (name, stored, sids)) in files.iter().enumerate() {
            let wanted = expected.contains(&at);
            assert_eq!((name.as_str(), *stored, sids.len()), (NAMES[at], wanted, usize::from(wanted)), "{options}");
        }
        assert_eq!(files.len(), NAMES.len());
    }
    assert_eq!(stored("alert http any any -> any any (http.uri; content:\"/no\"; sid:1;)", true).0.len(), 4);
    assert_eq!(stored("alert http any any -> any any (http.uri; content:\"/no\"; sid:1;)", false).0.len(), 0);
}

#[test]
fn what_was_told_of_a_stream_is_not_told_again() {
    let rules = "alert tcp any any -> any any (content:\"USER \"; sid:1;)\n\
                 alert tcp any any -> any any (content:\"USER \"; content:\"|0a|\"; distance:0; sid:2;)\n\
                 alert tcp any any -> any any (content:\"USER \"; content:\"JOIN \"; distance:0; sid:3;)\n\
                 alert tcp any any -> any any (content:\"USER \"; flowbits:isset,joined; sid:4;)\n\
                 alert tcp any any -> any any (content:\"JOIN \"; flowbits:set,joined; flowbits:noalert; sid:5;)\n";
    let long = [b'.'; 4000];
    let told = dialogue(rules, &[b"USER a\n", b"NICK b\n", b"JOIN c\n", b"QUIT\n", &long, b"USER d\n"], true);
    // The fourth is due when the bit is set, though its bytes were there before; far behind, all begins anew.
    assert_eq!(told, [1, 2, 4, 3, 4, 1, 2], "of those that fire together, those on bits come first");
}

#[test]
fn a_request_that_only_its_answer_explains_comes_before_it() {
    let rules = "alert http any any -> any any (app-layer-event:http.unable_to_match_response_to_request; sid:1;)\n\
                 alert http any any -> any any (http.method; content:\"ODD/1.1\"; sid:2;)\n\
                 alert http any any -> any any (http.stat_code; content:\"400\"; sid:3;)";
    let (ask, answer) = (b"ODD/1.1\nHost: h\n\n", b"HTTP/1.0 400 Bad\r\nContent-Length: 0\r\n\r\n");
    let (seq, ack) = (101 + ask.len() as u32, 501 + answer.len() as u32);
    let v4 = Carrier::V4;
    let said = vec![
        segment(v4, true, "PA", 101, 501, ask),
        segment(v4, false, "PA", 501, seq, answer),
        segment(v4, true, "A", seq, ack, b""),
        segment(v4, false, "A", ack, seq, b""),
    ];
    assert_eq!(at_end(rules, said).sids, [2, 3]);
}

#[test]
fn alerts_at_the_end_show_where_bytes_are_missing() {
    let v4 = Carrier::V4;
    let data = |seq, text: &'static [u8]| segment(v4, true, "PA", seq, 501, text);
    for (name, mut said, told, shown) in [
        ("inside", vec![data(101, b"VERY"), data(109, b"DATA")], vec![1, 3], "VERY[4 bytes missing]DATA"),
        ("at the start", vec![data(105, b"GOOD"), data(109, b"DATA")], vec![2, 3], "[4 bytes missing]GOODDATA"),
        ("nowhere", vec![data(101, b"VERYGOOD"), data(109, b"DATA")], vec![1, 2, 3], "VERYGOODDATA"),
    ] {
        let rules = "alert tcp-stream any any -> any any (content:\"VERY\"; sid:1;)\n\
                     alert tcp-stream any any -> any any (content:\"GOOD\"; sid:2;)\n\
                     alert tcp-stream any any -> any any (content:\"DATA\"; sid:3;)\n\
                     alert tcp-stream any any -> any any (content:\"YDA\"; sid:4;)";
        said.push(segment(v4, false, "A", 501, 113, b""));
        let end = at_end(rules, said);
        assert_eq!(end.sids, told, "{name}");
        assert!(end.payloads.iter().all(|payload| payload == shown.as_bytes()), "{name}: {:?}", end.payloads);
    }
}

#[test]
fn a_connection_without_a_beginning_is_not_established() {
    let rules = "alert tcp any any -> any any (flow:established; content:\"USER \"; sid:1;)\n\
                 alert tcp any any -> any any (content:\"USER \"; sid:2;)\n";
    for (with_handshake, want) in [(true, vec![1, 2]), (false, vec![2])] {
        let told = dialogue(rules, &[b"hello\n", b"USER a\n"], with_handshake);
        assert_eq!(told, want, "with a handshake: {with_handshake}");
    }
}

#[test]
fn the_last_part_of_a_handshake_belongs_to_it() {
    let rules = "alert tcp any any -> any any (flow:not_established; sid:1;)\n\
                 alert tcp any any -> any any (flow:established; sid:2;)\n";
    assert_eq!(dialogue(rules, &[b"hello\n"], true), [1, 1, 1, 2, 2, 2]);
}

/// A passive engine, and what was told of a connection at its end after the handshake and `rest`.
fn at_end(rules: &str, rest: Vec<Vec<u8>>) -> fixtures::Told {
    let rules = compile(rules);
    let mut config = fixtures::inline();
    (config.inline, config.stream.inline) = (false, false);
    let mut engine =
        Engine::new(Arc::new(config), Arc::new(App::new(app::config::Config::default())), Shared::default());
    let v4 = Carrier::V4;
    let handshake = [
        segment(v4, true, "S", 100, 0, b""),
        segment(v4, false, "SA", 500, 101, b""),
        segment(v4, true, "A", 101, 501, b""),
    ];
    let mut all = fixtures::Told::default();
    for (id, mut frame) in handshake.into_iter().chain(rest).enumerate() {
        let told = fixtures::push(&mut engine, &rules, id as u64 + 1, &mut frame);
        all.sids.extend(told.sids);
        all.records += told.records;
        all.payloads.extend(told.payloads);
    }
    engine.finish(&rules, &mut all);
    all
}

#[test]
fn all_that_a_flow_leaves_is_looked_at() {
    let v4 = Carrier::V4;
    let said = vec![
        segment(v4, false, "PA", 501, 101, b"Please "),
        segment(v4, true, "A", 101, 508, b""),
        // Four bytes are missing.
        segment(v4, false, "PA", 512, 101, b"Me In"),
    ];
    for (text, found) in [("Please", 1), ("Me In", 1), ("Please Me", 0)] {
        let rule = format!("alert tcp any any -> any any (flow:to_client,only_stream; content:\"{text}\"; sid:1;)\n");
        assert_eq!(at_end(&rule, said.clone()).sids.len(), found, "{text}");
    }
}

#[test]
fn a_config_rule_keeps_transactions_out_of_the_records() {
    let v4 = Carrier::V4;
    let (mut said, mut seq, mut ack) = (Vec::new(), 101, 501);
    for host in ["one", "two", "one"] {
        let ask = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        said.push(segment(v4, true, "PA", seq, ack, ask.as_bytes()));
        seq += ask.len() as u32;
        said.push(segment(v4, false, "PA", ack, seq, answer));
        ack += answer.len() as u32;
    }
    said.push(segment(v4, true, "A", seq, ack, b""));
    for (host, scope, records) in [("none", "tx", 3), ("one", "tx", 1), ("two", "tx", 2), ("two", "flow", 1)] {
        let rule = format!(
            "config http any any -> any any (http.host; content:\"{host}\"; config:logging disable, type tx, scope {scope}; sid:1;)\n"
        );
        let told = at_end(&rule, said.clone());
        assert_eq!((told.records, told.sids.len()), (records, 0), "{host}, {scope}");
    }
}

#[test]
fn who_is_told_passively_gives_the_flow_up() {
    let v4 = Carrier::V4;
    let said = vec![
        segment(v4, true, "PA", 101, 501, b"one"),
        segment(v4, false, "A", 501, 104, b""),
        segment(v4, true, "PA", 104, 501, b"two"),
        segment(v4, false, "A", 501, 107, b""),
    ];
    for (action, want) in [("reject:flow", vec![1]), ("reject", vec![1, 2]), ("drop:flow", vec![1, 2])] {
        let rules = format!(
            "{action} tcp-pkt any any -> any any (content:\"one\"; sid:1;)\n\
             alert tcp-pkt any any -> any any (content:\"two\"; sid:2;)\n"
        );
        assert_eq!(at_end(&rules, said.clone()).sids, want, "{action}");
    }
}

#[test]
fn what_a_rule_on_transactions_asks_of_the_payload_is_looked_for_in_the_stream() {
    let rules = "alert tcp any any -> any any (content:\"Accept: a\"; http.uri; content:\"two\"; sid:1;)\n\
                 alert tcp any any -> any any (content:\"Accept: b\"; http.uri; content:\"two\"; sid:2;)\n\
                 alert tcp any any -> any any (content:\"GET /two\"; http.method; content:\"GET\"; sid:3;)\n\
                 alert tcp any any -> any any (http.uri; content:\"two\"; sid:4;)\n";
    let told = dialogue(rules, &[b"GET /two HTTP/1.1\r\nHost: a\r\nAccept: a\r\n\r\n"], true);
    assert_eq!(told, [1, 3, 4]);
}
