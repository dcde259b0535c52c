//! Connections in, what is seen of them out.

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;

use super::sample::frame;
use super::session::Session;
use super::*;
use crate::app::harness::{self, EXTENDED, text};
use crate::app::parser::{Parsed, Session as _, Transaction};
use crate::app::upgrade::Upgrade;
use crate::field::Dir::{self, ToClient, ToServer};
use crate::field::Value;

type Feed = harness::Feed<Session>;

const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);

fn with(config: Config, parameters: &str) -> Feed {
    let mut session = Session::new(config);
    session.upgraded(&Upgrade { parameters: parameters.as_bytes().to_vec(), ..Upgrade::default() });
    Feed::new(&PROTOCOL, session)
}

fn new() -> Feed {
    with(Config::default(), "permessage-deflate")
}

/// Compresses messages of one direction, which share a window.
fn deflated(messages: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut deflate = Compress::new(Compression::best(), false);
    let compress = |message: &&[u8]| {
        let mut out = Vec::with_capacity(4096);
        deflate.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
        assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
        out.truncate(out.len() - 4);
        out
    };
    messages.iter().map(compress).collect()
}

/// Of each message: its record, what it says, and its events.
fn seen(feed: &Feed) -> Vec<(String, String, Vec<&'static str>)> {
    let all = feed.session.transactions().filter_map(|id| feed.session.transaction(id));
    all.map(|tx| (text(|out| tx.record(&EXTENDED, out)), payload(tx), events(tx))).collect()
}

fn payload(tx: &dyn Transaction) -> String {
    let dir = if tx.dirs().contains(ToServer) { ToServer } else { ToClient };
    match tx.field(0, dir, 0, &mut Vec::new()) {
        Value::Stream { data, .. } => String::from_utf8_lossy(data).into_owned(),
        _ => String::new(),
    }
}

fn events(tx: &dyn Transaction) -> Vec<&'static str> {
    tx.events().iter().map(|event| PROTOCOL.events[usize::from(*event)]).collect()
}

/// Messages in one and in several frames, with others between them, compressed and not.
fn conversation() -> Vec<(Dir, Vec<u8>)> {
    let packed = deflated(&[b"said again and again", b"said again and again"]);
    let (first, second) = packed[1].split_at(3);
    vec![
        (ToServer, frame(0x81, MASK, b"hello")),
        (ToClient, frame(0x02, None, b"in two")),
        (ToClient, frame(0x89, None, b"?")),
        (ToServer, frame(0x8a, MASK, b"?")),
        (ToClient, frame(0x80, None, b" parts")),
        (ToClient, frame(0xc1, None, &packed[0])),
        (ToClient, frame(0x41, None, first)),
        (ToClient, frame(0x80, None, second)),
        (ToServer, frame(0x82, MASK, &[b'x'; 300])),
        (ToServer, frame(0x88, None, b"")),
    ]
}

#[test]
fn messages_are_transactions_however_many_frames_they_come_in() {
    let mut feed = new();
    conversation().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    let long = "x".repeat(300);
    let expected = [
        ("fin:true,mask:16909060,opcode:'text'", "hello"),
        ("fin:true,opcode:'binary'", "in two parts"),
        ("fin:true,opcode:'ping'", "?"),
        ("fin:true,mask:16909060,opcode:'pong'", "?"),
        ("fin:true,opcode:'text'", "said again and again"),
        ("fin:true,opcode:'text'", "said again and again"),
        ("fin:true,mask:16909060,opcode:'binary'", long.as_str()),
        ("fin:true,opcode:'close'", ""),
    ];
    let found = seen(&feed);
    let found: Vec<_> = found.iter().map(|(record, said, _)| (record.as_str(), said.as_str())).collect();
    assert_eq!(found, expected);
    assert!(seen(&feed).iter().all(|(.., events)| events.is_empty()));
}

#[test]
fn what_came_of_a_message_is_seen_before_its_end() {
    let mut feed = new();
    feed.push(ToServer, &frame(0x01, MASK, b"early"));
    feed.push(ToServer, &frame(0x00, MASK, b" and late")[..8]);
    let tx = feed.session.transaction(0).unwrap();
    assert_eq!((payload(tx).as_str(), tx.progress(ToServer)), ("early a", 0));
    assert_eq!(tx.progress(ToServer), 0);
    assert_eq!(feed.values("websocket.opcode", ToServer), ["1"]);
    assert!(feed.values("websocket.opcode", ToClient).is_empty());
    feed.push(ToServer, &frame(0x80, None, b""));
    assert!(feed.session.transactions().count() == 1, "the frame before has not ended");
}

#[test]
fn what_is_too_long_is_cut() {
    let few = || with(Config { max_payload: 10 }, "");
    let run = |frames: &[Vec<u8>]| {
        let mut feed = few();
        frames.iter().for_each(|frame| feed.push(ToServer, frame));
        seen(&feed).into_iter().map(|(_, said, events)| (said, events)).collect::<Vec<_>>()
    };
    let ten = || "0123456789".to_owned();
    assert_eq!(run(&[frame(0x81, MASK, b"0123456789")]), [(ten(), vec![])]);
    assert_eq!(
        run(&[frame(0x81, MASK, b"0123456789x"), frame(0x81, None, b"y")]),
        [(ten(), vec!["skip_end_of_payload"]), ("y".to_owned(), vec![])]
    );
    assert_eq!(
        run(&[frame(0x01, MASK, b"01234567"), frame(0x80, MASK, b"89x")]),
        [(ten(), vec!["reassembly_limit_reached"])]
    );
    let zeros = deflated(&[&[b'0'; 4000]]);
    let (said, events) = run(&[frame(0xc1, None, &zeros[0])]).remove(0);
    assert_eq!((said.len(), events.contains(&"reassembly_limit_reached")), (10, true));
}

#[test]
fn what_cannot_be_decompressed_is_shown_as_it_was_sent() {
    let mut feed = new();
    feed.push(ToServer, &frame(0xc1, MASK, b"\xff\xff no deflate"));
    feed.push(ToServer, &frame(0xc1, MASK, b"nor this"));
    let said: Vec<_> = seen(&feed).into_iter().map(|(_, said, _)| said).collect();
    assert!(said[0].ends_with("no deflate"), "{said:?}");
    assert_eq!(said[1], "nor this");
    // Messages that do not depend on each other do not suffer from each other.
    let mut feed = with(Config::default(), "permessage-deflate; client_no_context_takeover");
    feed.push(ToServer, &frame(0xc1, MASK, b"\xff\xff no deflate"));
    feed.push(ToServer, &frame(0xc1, MASK, &deflated(&[b"but this"])[0]));
    assert_eq!(seen(&feed)[1].1, "but this");
}

#[test]
fn what_is_lost_of_a_payload_costs_that_alone() {
    for (lost, failed) in [(3, false), (5, false), (6, true)] {
        let mut feed = new();
        feed.push(ToClient, &frame(0x81, None, b"0123456789")[..7]);
        feed.gap(ToClient, lost);
        assert_eq!(feed.failed, failed, "{lost}");
    }
    let mut feed = new();
    feed.push(ToServer, &frame(0x81, MASK, b"0123456789")[..11]);
    feed.gap(ToServer, 3);
    let rest = frame(0x81, MASK, b"0123456789");
    feed.push(ToServer, &rest[14..]);
    feed.push(ToServer, &frame(0x81, MASK, b"next"));
    let said: Vec<_> = seen(&feed).into_iter().map(|(_, said, _)| said).collect();
    assert_eq!(said, ["89", "next"], "the mask goes on where it should");
    let mut feed = new();
    feed.gap(ToServer, 1);
    assert!(feed.failed, "where a frame would begin is not known any more");
}

#[test]
fn open_messages_are_limited() {
    let mut feed = new();
    (0..1000).for_each(|_| feed.push(ToServer, &frame(0x89, None, b"")));
    assert_eq!(feed.session.transactions().count(), 256);
    feed.session.release(999);
    // Many at once are read in turns, also at the end.
    let many = frame(0x81, None, b"x").repeat(600);
    feed.push(ToServer, &many);
    assert_eq!(feed.session.transactions().end, 1600);
    let last = feed.session.parse(harness::input(ToServer, &many, true));
    assert!(last.pauses(many.len()), "{last:?}");
    assert_eq!(feed.session.parse(harness::input(ToServer, b"\x81", true)), Parsed::Used { bytes: 1, need: 0 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Where TCP cuts a stream must not change what is parsed.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1_usize..9, 1..20)) {
        let (mut whole, mut cut) = (new(), new());
        let mut cuts = cuts.into_iter().cycle();
        for (dir, bytes) in conversation() {
            whole.push(dir, &bytes);
            cut.push_cut(dir, &bytes, &mut cuts);
        }
        prop_assert_eq!(seen(&whole), seen(&cut));
    }

    /// No bytes panic.
    #[test]
    fn any_bytes(changes in prop::collection::vec((0_usize..400, any::<u8>()), 0..8), gap in 0_usize..15) {
        let mut feed = new();
        let mut at = 0;
        for (number, (dir, mut bytes)) in conversation().into_iter().enumerate() {
            let here: Vec<_> = changes.iter().filter_map(|(place, byte)| Some((place.checked_sub(at)?, *byte))).collect();
            at += bytes.len();
            harness::overwrite(&mut bytes, &here);
            if number == gap {
                feed.gap(dir, 2);
            }
            feed.push(dir, &bytes);
        }
        seen(&feed);
    }
}
