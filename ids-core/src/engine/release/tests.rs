//! Which flows are released when, and that records do not show it.

use std::sync::Arc;
use std::time::Duration;

use super::super::fixtures::{self, Carrier, Told, segment};
use super::super::{Command, Config, Engine, Release};
use crate::app::config::Encrypted;
use crate::app::tls;
use crate::app::{self, App};
use crate::detect::compile::Loader;
use crate::detect::rule_set::RuleSet;
use crate::detect::settings::Settings;
use crate::detect::shared::Shared;
use crate::flow::Carried;
use crate::flow::release::OneWay;
use crate::stream::Pace;
use crate::time::Time;
use crate::{rules, stream};

fn rules(text: &str) -> RuleSet {
    let parsed = rules::parse(text).rules.into_iter().map(|rule| (0, rule));
    Loader::default().compile(parsed, &Settings::default()).unwrap().rules
}

fn engine(config: Config) -> Engine {
    let config = Config { release: Release::Done, ..config };
    let app = App::new(config.app.clone());
    Engine::new(Arc::new(config), Arc::new(app), Shared::default())
}

const BYPASS: &str = "alert tcp any any -> any any (content:\"past\"; noalert; bypass; sid:1;)";

fn handshake(carrier: Carrier) -> Vec<Vec<u8>> {
    vec![
        segment(carrier, true, "S", 100, 0, b""),
        segment(carrier, false, "SA", 500, 101, b""),
        segment(carrier, true, "A", 101, 501, b""),
    ]
}

fn frames(carrier: Carrier, rest: &[(bool, &[u8])]) -> Vec<Vec<u8>> {
    let mut next = [101, 501];
    let mut all = handshake(carrier);
    for (from_client, data) in rest {
        let (me, peer) = if *from_client { (0, 1) } else { (1, 0) };
        all.push(segment(carrier, *from_client, "PA", next[me], next[peer], data));
        next[me] += u32::try_from(data.len()).unwrap();
    }
    all
}

/// After which packet of these a flow is released, counted from 1.
fn released(config: Config, rule: &str, frames: &[Vec<u8>]) -> Vec<u64> {
    let (mut engine, rules) = (engine(config), rules(rule));
    let told = |(id, frame): (u64, &Vec<u8>)| {
        let told = fixtures::push(&mut engine, &rules, id, &mut frame.clone());
        let any = told.commands.iter().any(|command| matches!(command, Command::Release { again: false, .. }));
        any.then_some(id)
    };
    (1..).zip(frames).filter_map(told).collect()
}

#[test]
fn a_flow_is_released_once_when_nothing_looks_at_it_any_more() {
    let said = |data: &'static [u8]| frames(Carrier::V4, &[(true, data), (false, data), (true, data)]);
    let stream = |bypass| {
        let reassembly = stream::config::Reassembly { depth: 8, ..Default::default() };
        Config { stream: stream::Config { bypass, reassembly, ..Default::default() }, ..Config::default() }
    };
    let tls = |encrypted| {
        let tls = tls::Config { encrypted, ..Default::default() };
        Config { app: app::config::Config { tls, ..Default::default() }, ..Config::default() }
    };
    let hello: &[u8] = &[22, 3, 1, 0, 4, 1, 0, 0, 0];
    let answer: &[u8] = &[22, 3, 3, 0, 4, 2, 0, 0, 0];
    let data: &[u8] = &[23, 3, 3, 0, 1, 0];
    let spoken = |rest: &[(bool, &[u8])]| frames(Carrier::V4, &[&[(true, hello), (false, answer)], rest].concat());
    let inline =
        Config { stream: stream::Config { inline: true, ..Default::default() }, inline: true, ..Config::default() };
    let packets = Config { packets: true, ..inline.clone() };
    let above = |bytes| Config { bypass_above: Some(bytes), ..Config::default() };
    let none: &[u64] = &[];
    type Case<'a> = (&'a str, Config, &'a str, Vec<Vec<u8>>, &'a [u64]);
    let cases: [Case<'_>; 13] = [
        ("a rule bypasses", inline.clone(), BYPASS, said(b"past"), &[4]),
        ("over IPv6", inline.clone(), BYPASS, frames(Carrier::V6, &[(true, b"past")]), &[4]),
        ("in a tunnel", fixtures::inline(), BYPASS, frames(Carrier::Vxlan, &[(true, b"past")]), none),
        (
            "a tunnel is large, and what is in it",
            Config { bypass_above: Some(170), ..fixtures::inline() },
            "",
            frames(Carrier::Vxlan, &[(true, b"past"), (false, b"past")]),
            none,
        ),
        ("no rule does", inline, BYPASS, said(b"here"), none),
        ("every packet is told of", packets, BYPASS, said(b"past"), none),
        ("beyond the depth", stream(true), "", said(b"0123456789"), &[4]),
        ("beyond the depth, where that is inspected", stream(false), "", said(b"0123456789"), none),
        (
            "both sides are encrypted",
            tls(Encrypted::Bypass),
            "",
            spoken(&[(true, data), (false, data), (true, data)]),
            &[8],
        ),
        ("one side is", tls(Encrypted::Bypass), "", spoken(&[(true, data), (true, data)]), none),
        ("encryption does not matter", tls(Encrypted::TrackOnly), "", spoken(&[(true, data), (false, data)]), none),
        ("small", above(10_000), "", said(b"0123456789"), none),
        ("large", above(170), "", said(b"0123456789"), &[4]),
    ];
    for (name, config, rule, frames, want) in cases {
        assert_eq!(released(config, rule, &frames), want, "{name}");
    }
}

/// A sink for which flows carry ten packets up and twenty down, the last one at this second.
fn carrying(second: u64) -> Told {
    let way = |packets| OneWay { packets, bytes: packets * 100, tcp_flags: 0x18, pace: None };
    let last = Some(Time::from_micros(1000 + second, 0));
    let carried = Carried { up: way(10), down: way(20), last, heard: last };
    Told { carried, ..Told::default() }
}

#[test]
fn what_went_by_is_in_the_record_and_keeps_the_flow_alive() {
    let all = frames(Carrier::V4, &[(true, b"past")]);
    let (client, server) =
        (segment(Carrier::V4, true, "PA", 105, 501, b"more"), segment(Carrier::V4, false, "A", 501, 105, b""));
    let syn = segment(Carrier::V4, true, "S", 900, 0, b"");
    // A packet at this second, and how often the flow was taken back by then; the flows that have ended when it has
    // come, and the last one at the end.
    type Case<'a> = (&'a str, &'a Vec<u8>, u64, u64, usize, Option<[u64; 2]>, [u64; 2]);
    let cases: [Case<'_>; 4] = [
        ("a packet that was on its way", &server, 6, 5, 0, None, [13, 22]),
        ("idle for the engine, not in the kernel", &client, 200, 150, 1, None, [14, 21]),
        ("idle for both", &client, 400, 150, 1, Some([13, 21]), [1, 0]),
        ("a SYN after what may be any packet", &syn, 60, 50, 1, None, [14, 21]),
    ];
    for (name, last, at, heard, recalls, ended, at_the_end) in cases {
        let config =
            Config { inline: true, stream: stream::Config { inline: true, ..Default::default() }, ..Config::default() };
        let (mut engine, rules) = (engine(config), rules(BYPASS));
        for (id, frame) in (1..).zip(&all) {
            fixtures::push(&mut engine, &rules, id, &mut frame.clone());
        }
        let mut told = carrying(heard);
        fixtures::push_to(&mut told, &mut engine, &rules, at, &mut last.clone());
        assert_eq!(told.recalls, recalls, "{name}");
        let counts = |told: &Told| told.ended.first().map(|(counts, _)| *counts);
        assert_eq!(counts(&told), ended, "{name}");
        let mut end = if recalls == 0 { carrying(heard) } else { Told::default() };
        engine.finish(&rules, &mut end);
        assert_eq!(counts(&end), Some(at_the_end), "{name}");
    }
}

#[test]
fn a_sweep_ends_a_released_flow_when_the_kernel_has_heard_nothing_either() {
    let config =
        Config { inline: true, stream: stream::Config { inline: true, ..Default::default() }, ..Config::default() };
    let (mut engine, rules) = (engine(config), rules(BYPASS));
    for (id, frame) in (1..).zip(frames(Carrier::V4, &[(true, b"past")])) {
        fixtures::push(&mut engine, &rules, id, &mut frame.clone());
    }
    let mut told = carrying(90);
    // Second of the sweep, recalls so far, flows ended so far. A bypassed flow may be idle for 100 seconds.
    for (second, recalls, ended) in [(104, 0, 0), (105, 1, 0), (190, 1, 0), (191, 1, 1)] {
        engine.tick(&rules, Time::from_micros(1000 + second, 0), &mut told);
        assert_eq!((told.recalls, told.ended.len()), (recalls, ended), "at {second}");
    }
    let last = Time::from_micros(1090, 0);
    assert_eq!(told.ended, [([13, 21], last)]);
    assert!(last.since(Time::from_micros(1004, 0)) < Duration::from_secs(100));
}

#[test]
fn a_bypassed_connection_ends_when_its_ends_say_so() {
    let (fin, answer) =
        (segment(Carrier::V4, true, "FA", 105, 501, b""), segment(Carrier::V4, false, "FA", 501, 106, b""));
    let reset = segment(Carrier::V4, false, "R", 501, 0, b"");
    // The last packets, how often the flow is taken back and released again, and whether it is over a minute later.
    type Case<'a> = (&'a str, &'a [&'a Vec<u8>], usize, usize, bool);
    let cases: [Case<'_>; 4] = [
        ("both sides end", &[&fin, &answer], 2, 1, true),
        ("one side does", &[&fin], 1, 1, false),
        ("one side says it twice", &[&fin, &fin], 2, 2, false),
        ("a reset", &[&reset], 1, 0, true),
    ];
    for (name, last, recalls, again, over) in cases {
        let (mut engine, rules) = (engine(fixtures::inline()), rules(BYPASS));
        for (id, frame) in (1..).zip(frames(Carrier::V4, &[(true, b"past")])) {
            fixtures::push(&mut engine, &rules, id, &mut frame.clone());
        }
        let mut told = carrying(4);
        for (at, frame) in (10..).zip(last) {
            fixtures::push_to(&mut told, &mut engine, &rules, at, &mut (*frame).clone());
        }
        let released = told.commands.iter().filter(|command| matches!(command, Command::Release { .. })).count();
        assert_eq!((told.recalls, released), (recalls, again), "{name}");
        engine.tick(&rules, Time::from_micros(1080, 0), &mut told);
        assert_eq!(told.ended.len(), usize::from(over), "{name}");
    }
}

/// A download: a request, and an answer that goes beyond the depth, acknowledged piece by piece.
fn download(pieces: usize) -> Vec<Vec<u8>> {
    let piece = (false, &b"0123456789"[..]);
    let acknowledged = std::iter::repeat_n([piece, (true, &b""[..])], pieces).flatten();
    frames(Carrier::V4, &[(true, &b"ask"[..])].into_iter().chain(acknowledged).collect::<Vec<_>>())
}

fn shallow() -> Config {
    let reassembly = stream::config::Reassembly { depth: 8, ..Default::default() };
    Config { stream: stream::Config { reassembly, ..Default::default() }, ..Config::default() }
}

#[test]
fn a_flow_is_released_once_nothing_new_comes_of_it() {
    let both = |rest: &[(bool, &[u8])]| frames(Carrier::V4, rest);
    let (up, down) = ((true, &b"0123456789"[..]), (false, &b"0123456789"[..]));
    let talk = both(&[up, down, up, down, up, down]);
    let inline = fixtures::inline();
    let inline = Config { stream: stream::Config { inline: true, ..shallow().stream }, ..inline };
    let only_bypassed = |config: Config| Config { release: Release::Bypassed, ..config };
    let stream = "alert tcp any any -> any any (content:\"x\"; sid:1;)";
    let packet = |rest: &str| format!("alert tcp any any -> any any ({rest} sid:1;)");
    // By the smaller endpoint, which is the client, and the larger.
    let released = |watch| Some(watch);
    type Case<'a> = (&'a str, Config, String, Vec<Vec<u8>>, Option<[bool; 2]>);
    let bypassed_by_size = Config { bypass_above: Some(1 << 20), ..shallow() };
    let cases: [Case<'_>; 13] = [
        ("its size may bypass it yet", bypassed_by_size, String::new(), talk.clone(), None),
        ("a download", shallow(), stream.into(), download(5), released([true, false])),
        ("a short one", shallow(), stream.into(), download(1), None),
        ("inline", inline.clone(), stream.into(), download(5), released([true, false])),
        ("both sides beyond the depth", shallow(), stream.into(), talk.clone(), released([false, false])),
        ("within the depth", Config::default(), String::new(), talk.clone(), None),
        ("a rule on any packet", shallow(), packet("ttl:1;"), talk.clone(), None),
        ("a rule on requests", shallow(), packet("flow:to_server; dsize:>1;"), talk.clone(), released([true, false])),
        ("a rule on payload", shallow(), packet("dsize:>1;"), talk.clone(), None),
        ("a rule on a flowbit", shallow(), packet("flowbits:isset,a; ttl:1;"), talk.clone(), released([false; 2])),
        ("a rule that tags hosts", shallow(), packet("content:\"x\"; tag:host,9,packets,src;"), talk.clone(), None),
        (
            "a rule that passes",
            shallow(),
            "pass tcp any any -> any any (content:\"0\"; sid:1;)".into(),
            talk.clone(),
            released([false; 2]),
        ),
        ("only what is bypassed", only_bypassed(shallow()), String::new(), talk, None),
    ];
    for (name, config, rule, frames, want) in cases {
        let release = if config.release == Release::Bypassed { Release::Bypassed } else { Release::Done };
        let config = Config { release, ..config };
        let app = App::new(config.app.clone());
        let mut engine = Engine::new(Arc::new(config), Arc::new(app), Shared::default());
        let rules = rules(&rule);
        let mut told = Told::default();
        for (id, frame) in (1..).zip(frames) {
            fixtures::push_to(&mut told, &mut engine, &rules, id, &mut frame.clone());
        }
        let watches: Vec<[bool; 2]> = told
            .commands
            .iter()
            .filter_map(|command| match command {
                Command::Release { watch, again: false, .. } => Some(watch.data),
                _ => None,
            })
            .collect();
        assert_eq!(watches, want.into_iter().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn what_went_by_unseen_is_made_up_for() {
    let rules = rules("");
    let begin = || {
        let mut engine = engine(shallow());
        let mut told = Told::default();
        for (id, frame) in (1..).zip(download(5)) {
            fixtures::push_to(&mut told, &mut engine, &rules, id, &mut frame.clone());
        }
        assert!(told.commands.iter().any(|command| matches!(command, Command::Release { .. })));
        engine
    };
    // The client is the smaller endpoint; 1800 bytes came from the server, and were acknowledged.
    let (seq, ack) = (104, 551 + 1800);
    let pace =
        |next: u32| Pace { next, acked: next, edge: next + 60_000, reach: 60_000, window: 60_000, ..Pace::default() };
    let v4 = |from_client, flags, seq, ack, data| segment(Carrier::V4, from_client, flags, seq, ack, data);
    let (request, fin) = (v4(true, "PA", seq, ack, &b"more"[..]), v4(true, "FA", seq, ack, b""));
    let (answer, last) = (v4(false, "FA", ack, seq + 1, b""), v4(true, "A", seq + 1, ack + 1, b""));
    // The last packets, the state that they lead to, and how often the flow was taken back.
    type Case<'a> = (&'a str, Vec<Vec<u8>>, &'a str, usize);
    let cases: [Case<'_>; 6] = [
        ("a lone acknowledgment", vec![v4(true, "A", seq, ack, b"")], "established", 0),
        ("another request", vec![request], "established", 1),
        ("the client ends it", vec![fin.clone(), answer.clone(), last], "closed", 1),
        ("the server begins to", vec![v4(false, "FA", ack, seq, b"")], "fin_wait1", 1),
        ("a reset", vec![v4(false, "R", ack, 0, b"")], "closed", 1),
        ("a reset too far on", vec![v4(false, "R", ack + 200_000, 0, b"")], "established", 1),
    ];
    for (name, last, state, recalls) in cases {
        let mut engine = begin();
        let mut told = carrying(14);
        (told.carried.up.pace, told.carried.down.pace) = (Some(pace(seq)), Some(pace(ack)));
        for (at, frame) in (20..).zip(last) {
            fixtures::push_to(&mut told, &mut engine, &rules, at, &mut frame.clone());
        }
        assert_eq!(told.recalls, recalls, "{name}");
        engine.finish(&rules, &mut told);
        assert_eq!(told.states, [state], "{name}");
    }
}

#[test]
fn what_the_kernel_stage_finds_is_inspected_as_if_nothing_had_gone_by() {
    let rules = rules(
        "alert tcp any any -> any any (stream-event:pkt_spurious_retransmission; sid:1;)\n\
         alert tcp any any -> any any (content:\"wanted\"; depth:6; sid:2;)",
    );
    let v4 = |from_client, seq, ack, data: &[u8]| segment(Carrier::V4, from_client, "PA", seq, ack, data);
    let pace = |next| Pace { next, acked: next, edge: next + 60_000, reach: 60_000, window: 60_000, ..Pace::default() };
    // The last packet of the server, of which the stage has let 1800 bytes by, whether it was handed up on its own account,
    // the rules that alert, and how often the flow is taken back and released again.
    type Case<'a> = (&'a str, Vec<u8>, bool, &'a [u32], usize);
    let cases: [Case<'_>; 4] = [
        ("sent again", v4(false, 2000, 104, b"0123"), true, &[1], 1),
        ("what a rule looks for", v4(false, 2351, 104, b"wanted"), true, &[2], 1),
        ("what only looks like it", v4(false, 2351, 104, b"wander"), true, &[], 1),
        ("on its way when the flow was released", v4(false, 551, 104, b"0123"), false, &[], 0),
    ];
    for (name, mut last, reopened, sids, recalls) in cases {
        let mut engine = engine(shallow());
        let mut told = Told::default();
        for (id, frame) in (1..).zip(download(5)) {
            fixtures::push_to(&mut told, &mut engine, &rules, id, &mut frame.clone());
        }
        let asked = told.commands.iter().find_map(|command| match command {
            Command::Release { watch, pace, .. } => {
                Some((watch.looks[1].classes != 0, pace.map(|sides| sides[1].next)))
            }
            _ => None,
        });
        assert_eq!(asked, Some((true, Some(531))), "{name}: released with the third piece");
        let mut told = Told { reopened, ..carrying(14) };
        (told.carried.up.pace, told.carried.down.pace) = (Some(pace(104)), Some(pace(2351)));
        fixtures::push_to(&mut told, &mut engine, &rules, 20, &mut last);
        let anew =
            told.commands.iter().filter(|command| matches!(command, Command::Release { again: false, .. })).count();
        assert_eq!((&*told.sids, told.recalls, anew), (sids, recalls, recalls), "{name}");
    }
}

#[test]
fn what_is_sent_again_is_asked_for_where_somebody_minds() {
    let rule = "alert tcp any any -> any any (stream-event:pkt_retransmission; sid:1;)";
    for (rule, stream_anomalies, again) in [("", false, false), (rule, false, true), ("", true, true)] {
        let (mut engine, rules) = (engine(Config { stream_anomalies, ..shallow() }), rules(rule));
        let mut told = Told::default();
        for (id, frame) in (1..).zip(download(5)) {
            fixtures::push_to(&mut told, &mut engine, &rules, id, &mut frame.clone());
        }
        let asked = told.commands.iter().find_map(|command| match command {
            Command::Release { watch, .. } => Some(watch.again),
            _ => None,
        });
        assert_eq!(asked, Some(again), "{rule} {stream_anomalies}");
    }
}

#[test]
fn a_flow_that_is_taken_back_at_once_is_released_less_and_less() {
    // What each release carries, and at which packet the flow is released.
    let cases: [(u64, &[u64]); 3] = [(0, &[1, 2, 7, 16, 33]), (3, &[1, 5, 9, 13, 17]), (100, &[1, 102, 203, 304, 405])];
    for (carried, want) in cases {
        let (mut worth, mut packets, mut at) = (super::Worth::default(), 0, Vec::new());
        while at.len() < want.len() {
            packets += 1;
            if worth.pays(packets) {
                at.push(packets);
                packets += carried;
            }
        }
        assert_eq!(at, want, "{carried}");
    }
}

#[test]
fn other_rules_may_want_more() {
    let (mut engine, mut loader) = (engine(shallow()), Loader::default());
    let mut load = |text: &str| {
        let parsed = rules::parse(text).rules.into_iter().map(|rule| (0, rule));
        loader.compile(parsed, &Settings::default()).unwrap().rules
    };
    let (first, second) = (load(""), load("alert tcp any any -> any any (ttl:64; sid:1;)"));
    for (id, frame) in (1..).zip(download(5)) {
        fixtures::push(&mut engine, &first, id, &mut frame.clone());
    }
    let mut told = carrying(14);
    let mut frame = segment(Carrier::V4, true, "A", 104, 551, b"");
    fixtures::push_to(&mut told, &mut engine, &second, 20, &mut frame);
    assert_eq!((told.recalls, told.sids, told.commands.len()), (1, vec![1], 0));
}
