//! What rules make of traffic that has gone through the whole engine.

mod certificates;
mod files;
mod pause;
mod share;

use std::sync::Arc;

use etherparse::{Icmpv4Type, PacketBuilder, icmpv4};

use super::Engine;
use super::fixtures::{self, Carrier, segment};
use crate::app::{self, App};
use crate::counters::Counter;
use crate::detect::compile::Loader;
use crate::detect::rule_set::RuleSet;
use crate::detect::settings::Settings;
use crate::detect::shared::Shared;
use crate::time::Time;

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
    let mut engine = fixtures::engine(fixtures::config(false));
    let v4 = Carrier::V4;
    let mut frames = if with_handshake { fixtures::handshake() } else { Vec::new() };
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

#[test]
fn an_icmp_error_about_a_flow_is_icmp_and_from_who_sent_it() {
    let rules = compile(
        "alert udp any any -> any any (sid:1;)\nalert icmp any any -> any any (itype:3; sid:2;)\n\
         alert icmp 10.0.0.9 any -> any any (sid:3;)\nalert ip 10.0.0.2 any -> any any (sid:4;)",
    );
    let ether = || PacketBuilder::ethernet2([2; 6], [4; 6]);
    let mut asked = Vec::new();
    ether().ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(4000, 9).write(&mut asked, b"hello").unwrap();
    let unreachable = Icmpv4Type::DestinationUnreachable(icmpv4::DestUnreachableHeader::Port);
    let router = ether().ipv4([10, 0, 0, 9], [10, 0, 0, 1], 64).icmpv4(unreachable);
    let mut refused = Vec::new();
    router.write(&mut refused, &asked[14..14 + 28]).unwrap();
    let (config, app) = (Arc::new(fixtures::inline()), Arc::new(App::new(app::config::Config::default())));
    let mut engine = Engine::new(config, app, Shared::default());
    let mut sids = |id, frame: &mut [u8]| fixtures::push(&mut engine, &rules, id, frame).sids;
    assert_eq!(sids(1, &mut asked), [1]);
    assert_eq!(sids(2, &mut refused), [2, 3]);
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
fn alerts_on_transactions_show_the_stream_that_they_were_read_from() {
    let request = b"GET /evil HTTP/1.1\r\nHost: h\r\n\r\n";
    let end = 101 + request.len() as u32;
    let said = vec![
        segment(Carrier::V4, true, "PA", 101, 501, &request[..9]),
        segment(Carrier::V4, true, "PA", 110, 501, &request[9..]),
        // What it acknowledges was not looked at before, and it has nothing to show itself.
        segment(Carrier::V4, false, "A", 501, end, b""),
    ];
    let told = at_end("alert http any any -> any any (http.uri; content:\"/evil\"; sid:1;)", said);
    assert_eq!((told.sids, told.payloads), (vec![1], vec![request.to_vec()]));
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
    let mut engine = fixtures::engine(fixtures::config(false));
    let handshake = fixtures::handshake();
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

#[test]
fn memory_in_use_is_counted_against_its_caps() {
    let mut config = fixtures::inline();
    config.stream.reassembly.memcap = 4000;
    let app = App::new(config.app.clone());
    let mut engine = Engine::new(Arc::new(config), Arc::new(app), Shared::default());
    let v4 = Carrier::V4;
    let frames = [
        segment(v4, true, "S", 100, 0, b""),
        segment(v4, false, "SA", 500, 101, b""),
        segment(v4, true, "A", 101, 501, b""),
        // Behind a gap, and so kept.
        segment(v4, true, "PA", 201, 501, &[b'x'; 1000]),
    ];
    let pressure = |engine: &Engine| {
        [Counter::MemcapPressure, Counter::MemcapPressureMax].map(|counter| engine.counters().get(counter))
    };
    let mut told = fixtures::Told::default();
    for (id, mut frame) in frames.into_iter().enumerate() {
        fixtures::push_to(&mut told, &mut engine, &RuleSet::default(), id as u64 + 1, &mut frame);
    }
    assert_eq!(pressure(&engine), [0, 0], "nobody has looked yet");
    engine.tick(&RuleSet::default(), Time::from_micros(1010, 0), &mut told);
    let held = pressure(&engine);
    assert!(held[0] >= 25 && held[0] == held[1], "{held:?}");
    engine.tick(&RuleSet::default(), Time::from_micros(9000, 0), &mut told);
    engine.tick(&RuleSet::default(), Time::from_micros(9010, 0), &mut told);
    assert_eq!(pressure(&engine), [0, held[1]], "the flow has ended");
}
