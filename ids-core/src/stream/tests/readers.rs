//! What the application layer and payload rules get, and when.

use super::*;
use crate::stream::config::UrgentPolicy;

fn open() -> Talk {
    Talk::default().established()
}

#[test]
fn passive_waits_for_acknowledgments() {
    let mut talk = open();
    talk.push(&p('>', "A", 1, 1).data("hello"));
    assert_eq!(talk.app('>'), "");
    talk.push(&p('<', "A", 1, 3));
    assert_eq!(talk.app('>'), "he");
    talk.push(&p('<', "A", 1, 6));
    assert_eq!(talk.app('>'), "llo");
}

#[test]
fn inline_waits_for_nothing_but_order() {
    let mut talk = Talk::inline().established();
    talk.push(&p('>', "A", 6, 1).data("world"));
    assert_eq!(talk.app('>'), "");
    talk.push(&p('>', "A", 1, 1).data("hello"));
    assert_eq!(talk.app('>'), "helloworld");
}

#[test]
fn gaps_come_in_their_place() {
    let mut talk = open();
    talk.push(&p('>', "A", 1, 1).data("GET /malic"));
    talk.push(&p('<', "A", 1, 12));
    assert_eq!(talk.app('>'), "GET /malic");
    talk.push(&p('>', "A", 12, 1).data("ious"));
    talk.push(&p('<', "A", 1, 16));
    assert_eq!(talk.app('>'), "<1>ious");
    assert_eq!(talk.counters.get(Counter::TcpReassemblyGap), 1);
    assert!(talk.session().summary().gap[0]);
}

#[test]
fn a_gap_at_the_very_start() {
    let mut talk = open();
    talk.push(&p('>', "A", 5, 1).data("tail"));
    talk.push(&p('<', "A", 1, 9));
    assert_eq!(talk.app('>'), "<4>tail");
    assert_eq!(talk.raw('<'), Vec::<String>::new());
    assert_eq!(talk.raw('>'), ["|tail"]);
}

#[test]
fn unused_bytes_are_part_of_the_gap() {
    let mut talk = open();
    talk.push(&p('>', "A", 1, 1).data("abcdef"));
    talk.push(&p('<', "A", 1, 7));
    let session = talk.session();
    assert_eq!(session.app(Dir::ToServer), Some(Chunk::Data { bytes: b"abcdef", last: false }));
    session.app_used(Dir::ToServer, 4, 10);
    assert_eq!(session.app(Dir::ToServer), None);
    talk.push(&p('>', "A", 10, 1).data("xyz"));
    talk.push(&p('<', "A", 1, 13));
    assert_eq!(talk.app('>'), "<5>xyz");
}

#[test]
fn need_keeps_the_reader_from_being_called_in_vain() {
    let mut talk = Talk::inline().established();
    let mut asked = 0;
    for at in 0..10u32 {
        talk.push(&p('>', "A", 1 + at, 1).data("x"));
        let session = talk.session();
        if let Some(Chunk::Data { bytes, .. }) = session.app(Dir::ToServer) {
            asked += 1;
            assert!(bytes.len() == 1 || bytes.len() == 8, "{}", bytes.len());
            let used = if bytes.len() == 8 { 8 } else { 0 };
            session.app_used(Dir::ToServer, used, 8);
        }
    }
    assert_eq!(asked, 2);
}

#[test]
fn the_end_is_told_once() {
    let mut talk = open();
    talk.push(&p('>', "A", 1, 1).data("bye"));
    talk.push(&p('>', "FA", 4, 1));
    talk.push(&p('<', "A", 1, 5));
    assert_eq!(talk.app('>'), "bye.");
    assert_eq!(talk.app('>'), "");
    assert_eq!(talk.app('<'), "");
    talk.session().finish();
    assert_eq!((talk.app('>').as_str(), talk.app('<').as_str()), ("", "."));
}

#[test]
fn a_reset_shows_what_was_not_acknowledged_and_the_end_what_lies_behind_holes() {
    let mut talk = open();
    talk.push(&p('<', "PA", 1, 1).data("Please "));
    talk.push(&p('<', "PA", 12, 1).data("Me "));
    talk.push(&p('<', "PA", 15, 1).data("In!"));
    talk.push(&p('>', "RA", 1, 1));
    assert_eq!(talk.app('<'), "Please ");
    assert_eq!(talk.raw('<'), ["|Please "]);
    talk.session().finish();
    assert_eq!(talk.app('<'), "<4>Me In!.");
    assert_eq!(talk.raw('<'), ["|Me In!"]);
    // Nobody had the missing bytes: that is no gap.
    assert_eq!(talk.counters.get(Counter::TcpReassemblyGap), 0);
}

#[test]
fn raw_is_due_by_chunks_turns_and_flushes() {
    let mut talk = with_chunk(8);
    talk.push(&p('>', "A", 1, 1).data("abc"));
    talk.push(&p('<', "A", 1, 4));
    assert_eq!(talk.raw('>'), Vec::<String>::new());
    talk.push(&p('>', "A", 4, 1).data("defgh"));
    talk.push(&p('<', "A", 1, 9));
    assert_eq!(talk.raw('>'), ["|abcdefgh"]);
    talk.push(&p('>', "A", 9, 1).data("ij"));
    talk.push(&p('<', "A", 1, 11));
    assert_eq!(talk.raw('>'), Vec::<String>::new());
    talk.push(&p('<', "A", 1, 11).data("an answer"));
    assert_eq!(talk.raw('>'), ["efgh|ij"]);
    talk.push(&p('>', "A", 11, 1).data("k"));
    talk.push(&p('<', "A", 10, 12));
    talk.session().raw_flush(Dir::ToServer);
    assert_eq!(talk.raw('>'), ["ghij|k"]);
    // With nothing to look at, an answer makes nothing due later.
    talk.push(&p('<', "A", 10, 12).data("more"));
    talk.push(&p('>', "A", 12, 14).data("l"));
    talk.push(&p('<', "A", 14, 13));
    assert_eq!(talk.raw('>'), Vec::<String>::new());
}

fn with_chunk(chunk: u32) -> Talk {
    let mut config = Config::default();
    config.reassembly.chunk_size = [chunk; 2];
    config.reassembly.overlap_window = 4;
    Talk::with(config).established()
}

#[test]
fn raw_inline_looks_around_every_packet() {
    let mut talk = Talk::inline().established();
    talk.push(&p('<', "PA", 1, 1).data("Please "));
    assert_eq!(talk.raw('<'), ["|Please "]);
    talk.push(&p('<', "PA", 12, 1).data("Me "));
    assert_eq!(talk.raw('<'), ["|Me "]);
    // Behind a hole, but together with its neighbour.
    talk.push(&p('<', "PA", 15, 1).data("In!"));
    assert_eq!(talk.raw('<'), ["Me |In!"]);
    talk.push(&p('<', "PA", 8, 1).data("Let "));
    assert_eq!(talk.raw('<'), ["Please |Let Me In!"]);
    // A copy is looked at again, as the first copy that it is rewritten to.
    talk.push(&p('<', "PA", 8, 1).data("Lot "));
    assert_eq!(talk.session().rewrites(), [Rewrite { at: 0, bytes: b"Let ".to_vec() }]);
    assert_eq!(talk.raw('<'), ["Please |Let Me In!"]);
}

#[test]
fn the_receiver_decides_on_copies_before_it_acknowledges() {
    for (policy, bytes) in [(Policy::Bsd, "GOOD"), (Policy::OldLinux, "EVIL"), (Policy::Last, "EVIL")] {
        let mut talk = Talk { policy, ..Talk::default() }.established();
        talk.push(&p('>', "A", 1, 1).data("GOOD"));
        talk.push(&p('>', "A", 1, 1).data("EVIL"));
        talk.push(&p('<', "A", 1, 5));
        assert_eq!(talk.app('>'), bytes, "{policy:?}");
        assert_eq!(talk.counters.get(Counter::TcpOverlapDiffData), 1);
    }
}

#[test]
fn depth_ends_what_is_looked_at() {
    let mut config = Config::default();
    config.reassembly.depth = 6;
    let mut talk = Talk::with(config).established();
    talk.push(&p('>', "A", 1, 1).data("hello"));
    talk.push(&p('>', "A", 6, 1).data("world"));
    let (outcome, _) = talk.push(&p('>', "A", 11, 1).data("again"));
    assert!(outcome.payload_in_stream, "nor is it by itself");
    talk.push(&p('<', "A", 1, 16));
    assert_eq!(talk.app('>'), "hellow.");
    assert!(talk.session().depth_reached(Dir::ToServer));
    assert_eq!(talk.counters.get(Counter::TcpStreamDepthReached), 1);
    // Sequence numbers go on.
    assert_eq!(talk.session().size(Dir::ToServer), 16);
}

#[test]
fn a_flow_may_have_its_own_depth() {
    let mut talk = open();
    talk.session().set_depth(Dir::ToServer, 3);
    talk.push(&p('>', "A", 1, 1).data("hello"));
    talk.push(&p('<', "A", 1, 6));
    assert_eq!(talk.app('>'), "hel.");
}

#[test]
fn urgent_bytes() {
    let rows = [
        (UrgentPolicy::OutOfBand, false, "malicious", None),
        (UrgentPolicy::Inline, false, "malicXious", None),
        (UrgentPolicy::Gap, false, "malic<1>ious", None),
        (UrgentPolicy::Drop, false, "malic<1>ious", None),
        (UrgentPolicy::OutOfBand, true, "malicious", None),
        (UrgentPolicy::Drop, true, "malic<1>ious", Some(DropReason::StreamUrgent)),
    ];
    for (policy, inline, expected, drop) in rows {
        let mut config = Config { inline, ..Config::default() };
        config.reassembly.urgent = policy;
        let mut talk = Talk::with(config).established();
        talk.push(&p('>', "PA", 1, 1).data("malic"));
        let (outcome, _) = talk.push(&p('>', "PAU", 6, 1).urgent(1).data("X"));
        assert_eq!(outcome.drop, drop, "{policy:?}");
        talk.push(&p('<', "A", 1, 7));
        talk.push(&p('>', "PA", 7, 1).data("ious"));
        talk.push(&p('<', "A", 1, 11));
        assert_eq!(talk.app('>'), expected, "{policy:?}");
    }
}

#[test]
fn urgent_bytes_in_the_middle_survive_reordering_and_copies() {
    for policy in [Policy::Bsd, Policy::Last] {
        let mut talk = Talk { policy, ..Talk::default() }.established();
        talk.push(&p('>', "A", 8, 1).data("ghi"));
        talk.push(&p('>', "AU", 1, 1).urgent(4).data("abcXdef"));
        talk.push(&p('>', "A", 3, 1).data("cYdeF"));
        talk.push(&p('<', "A", 1, 11));
        let expected = if policy == Policy::Bsd { "abcdefghi" } else { "abcdeFghi" };
        assert_eq!(talk.app('>'), expected, "{policy:?}");
        assert_eq!(talk.session().summary().urgent, [1, 0]);
    }
}

#[test]
fn who_stops_reading_frees() {
    let mut talk = open();
    for dir in Dir::BOTH {
        talk.session().app_stop(dir);
        talk.session().raw_stop(dir);
    }
    for at in 0..50u32 {
        talk.push(&p('>', "A", 1 + at * 100, 1).data([b'x'; 100]));
    }
    assert_eq!(talk.memory.reassembly_bytes(), 0);
    assert_eq!(talk.app('>'), "");
}

#[test]
fn inline_a_hole_that_is_all_acknowledged_ends_with_nothing_behind_it() {
    let mut talk = Talk::inline().established();
    talk.push(&p('>', "A", 5, 1).data("tail"));
    assert_eq!(talk.raw('>'), ["|tail"]);
    talk.push(&p('<', "A", 1, 5));
    assert_eq!(talk.raw('>'), ["|tail"]);
    talk.push(&p('>', "A", 2, 1).data("old"));
    assert_eq!(talk.raw('>'), ["|"]);
}

#[test]
fn a_hole_of_urgent_bytes_alone_is_no_gap() {
    let mut talk = Talk::default().established();
    talk.push(&p('>', "AU", 1, 1).urgent(4).data("abc"));
    talk.push(&p('>', "A", 5, 1).data("def"));
    talk.push(&p('<', "A", 1, 8));
    assert_eq!(talk.app('>'), "abcdef");
    assert_eq!(talk.counters.get(Counter::TcpReassemblyGap), 0);
}
