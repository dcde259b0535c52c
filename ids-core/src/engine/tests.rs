//! What rules make of traffic that has gone through the whole engine.

use std::sync::Arc;

use super::Engine;
use super::fixtures::{self, Carrier, segment};
use crate::app::App;
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
    let mut engine = Engine::new(Arc::new(config), Arc::new(App::default()), Shared::default());
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
fn a_connection_without_a_beginning_is_not_established() {
    let rules = "alert tcp any any -> any any (flow:established; content:\"USER \"; sid:1;)\n\
                 alert tcp any any -> any any (content:\"USER \"; sid:2;)\n";
    for (with_handshake, want) in [(true, vec![1, 2]), (false, vec![2])] {
        let told = dialogue(rules, &[b"hello\n", b"USER a\n"], with_handshake);
        assert_eq!(told, want, "with a handshake: {with_handshake}");
    }
}
