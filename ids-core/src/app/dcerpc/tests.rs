//! Connections and datagrams in, what is seen of calls out.

use proptest::prelude::*;

use super::sample::{bind, datagram, head, packet};
use super::*;
use crate::app::harness::{self, EXTENDED, input, text};
use crate::app::parser::{Parsed, Session as _};
use crate::field::Dir::{ToClient, ToServer};

type Feed = harness::Feed<stream::Session>;

const UUID: &str = "33221101-5544-7766-0809-0a0b0c0d0e0f";

fn new() -> Feed {
    Feed::new(&PROTOCOL, stream::Session::new(Config::default()))
}

/// What records show of all calls.
fn records(session: &dyn crate::app::parser::Session) -> Vec<String> {
    let txs = session.transactions().filter_map(|id| session.transaction(id));
    txs.map(|tx| text(|out| tx.record(&EXTENDED, out))).collect()
}

/// An interface is agreed on and called, in two packets each way.
fn usual() -> Vec<(Dir, Vec<u8>)> {
    let [ask, answer] = bind(1, 1, 7, 0);
    vec![
        (ToServer, ask),
        (ToClient, answer),
        (ToServer, packet(0, 1, 2, &head(9, b"argu"))),
        (ToServer, packet(0, 2, 2, &head(9, b"ments"))),
        (ToClient, packet(2, 1, 2, &head(0, b"resu"))),
        (ToClient, packet(2, 2, 2, &head(0, b"lts"))),
    ]
}

#[test]
fn calls_are_put_together() {
    let mut feed = new();
    usual().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    let interface = format!("interfaces:[{{uuid:'{UUID}',version:'7.0',ack_result:0}}]");
    assert_eq!(
        records(&feed.session),
        [
            format!("request:'BIND',response:'BINDACK',{interface},call_id:1,rpc_version:'5.0'"),
            format!(
                "request:'REQUEST',response:'RESPONSE',{interface},req:{{opnum:9,frag_cnt:2,stub_data_size:9}},\
                 res:{{frag_cnt:2,stub_data_size:23}},call_id:2,rpc_version:'5.0'"
            ),
        ]
    );
    feed.session.release(0);
    let tx = feed.session.transaction(1).unwrap();
    assert!(tx.little_endian(ToServer) && tx.little_endian(ToClient));
    assert_eq!((tx.progress(ToServer), tx.progress(ToClient)), (1, 1));
    let mut scratch = Vec::new();
    let mut seen = |field, dir| match tx.field(field, dir, 0, &mut scratch) {
        crate::field::Value::Bytes(bytes) => bytes.to_vec(),
        crate::field::Value::Uint(number) => number.to_string().into_bytes(),
        other => panic!("{other:?}"),
    };
    assert_eq!(seen(0, ToClient), b"\x33\x22\x11\x01\x55\x44\x77\x66\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\0\x07\x01");
    assert_eq!((seen(1, ToClient), seen(2, ToServer)), (b"9".to_vec(), b"arguments".to_vec()));
}

#[test]
fn what_is_missing_is_told() {
    let [ask, refusal] = bind(1, 1, 7, 2);
    let call = || (ToServer, packet(0, 3, 2, &head(9, b"x")));
    let whole = |kind, call| packet(kind, 3, call, &head(0, &[]));
    let mut silent = ask.clone();
    silent[3] = 0;
    for (name, steps, wanted) in [
        ("no answer", vec![call()], &["REQUEST UNREPLIED"][..]),
        ("no request", vec![(ToClient, whole(2, 5))], &["REQUEST_LOST RESPONSE"]),
        ("another's answer", vec![call(), (ToClient, whole(2, 3))], &["REQUEST UNREPLIED", "REQUEST_LOST RESPONSE"]),
        (
            "a number that is used again",
            vec![call(), call(), (ToClient, whole(2, 2))],
            &["REQUEST UNREPLIED", "REQUEST RESPONSE"],
        ),
        ("a fault", vec![call(), (ToClient, whole(3, 2))], &["REQUEST FAULT"]),
        (
            "a refusal",
            vec![(ToServer, ask.clone()), (ToClient, refusal), call()],
            &["BIND BINDACK", "REQUEST UNREPLIED"],
        ),
        ("a BIND that is not the first", vec![(ToServer, silent), call()], &["BIND UNREPLIED", "REQUEST UNREPLIED"]),
        ("no call", vec![(ToServer, whole(16, 1))], &[]),
    ] {
        let mut feed = new();
        steps.iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
        let texts = records(&feed.session).into_iter().map(|record| {
            let words: Vec<_> = record.split('\'').collect();
            assert!(words[1] == "BIND" || !record.contains("interfaces"), "{name}: {record}");
            format!("{} {}", words[1], words[3])
        });
        assert_eq!(texts.collect::<Vec<_>>(), wanted, "{name}");
    }
}

#[test]
fn behind_a_gap_the_next_packet_is_found() {
    let mut feed = new();
    feed.push(ToServer, &packet(0, 3, 2, &head(9, b"some arguments"))[..20]);
    feed.push(ToClient, &packet(2, 3, 2, &head(0, b"y")));
    assert_eq!(feed.tx().progress(ToServer), 0, "the request may still come");
    feed.gap(ToServer, 100);
    feed.push(ToServer, &[&b"rest of something"[..], &packet(0, 3, 3, &head(9, b"x"))].concat());
    assert_eq!(feed.tx().progress(ToServer), 1);
    feed.push(ToClient, &packet(2, 3, 9, &head(0, b"y")));
    let texts = records(&feed.session);
    assert!(texts[1].contains("call_id:3") && texts[2].contains("REQUEST_LOST"), "{texts:?}");
    assert_eq!(feed.session.transaction(2).unwrap().progress(ToServer), 1, "what is lost does not come");
    feed.push(ToServer, b"no packet, but twenty bytes");
    assert!(feed.failed);
}

#[test]
fn calls_are_not_kept_without_bound() {
    let mut feed = Feed::new(&PROTOCOL, stream::Session::new(Config { max_tx: 2 }));
    for call in 0..9 {
        feed.push(ToServer, &packet(0, 3, call, &head(9, b"x")));
    }
    assert_eq!(feed.session.transactions(), 5..9);
    let done = |id| feed.session.transaction(id).unwrap().progress(ToClient);
    assert_eq!([5, 6, 7, 8].map(done), [1, 1, 0, 0], "two may be open");
}

#[test]
fn after_a_batch_there_is_time_to_inspect() {
    let mut session = stream::Session::new(Config::default());
    let call = |number| packet(0, 3, number, &head(9, b"x"));
    let (all, length) = ((0..300).flat_map(call).collect::<Vec<_>>(), call(0).len());
    assert_eq!(session.parse(input(ToServer, &all, true)), Parsed::Used { bytes: 256 * length, need: 1 });
    assert_eq!(session.transactions(), 0..256);
    assert_eq!(
        session.parse(input(ToServer, &all[256 * length..], true)),
        Parsed::Used { bytes: 44 * length, need: 0 }
    );
    assert_eq!(session.transactions(), 0..300);
}

#[test]
fn datagrams_say_what_they_are() {
    let mut session = datagram::Session::new(Config::default());
    for (dir, kind, number) in [(ToServer, 0, 4), (ToServer, 2, 4), (ToClient, 0, 5), (ToClient, 7, 5)] {
        let bytes = datagram(kind, number, 3, b"stub");
        assert!(datagram::looks_like_one(&bytes) && !datagram::looks_like_one(&bytes[..83]));
        assert_eq!(session.parse(input(dir, &bytes, false)), Parsed::Used { bytes: 84, need: 0 });
    }
    session.parse(input(ToServer, &[4; 40], false));
    let activity = "activityuuid:'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'";
    let call = format!("interfaces:[{{uuid:'{UUID}',version:'7.0'}}],req:{{opnum:3,frag_cnt:1,stub_data_size:4}}");
    assert_eq!(
        records(&session),
        [
            format!(
                "request:'REQUEST',response:'RESPONSE',{call},res:{{frag_cnt:1,stub_data_size:4}},{activity},seqnum:4,\
                 rpc_version:'4.0'"
            ),
            format!("request:'REQUEST',response:'UNREPLIED',{call},{activity},seqnum:5,rpc_version:'4.0'"),
        ]
    );
    session.release(0);
    assert_eq!(session.transactions(), 1..2);
}

#[test]
fn connections_tell_themselves_and_which_way_they_go() {
    let [ask, answer] = bind(1, 1, 7, 0);
    let mut odd = ask.clone();
    odd[10] = 0xff;
    odd[11] = 0xff;
    for (bytes, wanted) in [
        (&ask[..], Probe::Yes(ToServer)),
        (&answer, Probe::Yes(ToClient)),
        (&ask[..15], Probe::Unsure),
        (&ask[..1], Probe::Unsure),
        (b"", Probe::Unsure),
        (&odd, Probe::No),
        (b"\x05\x02", Probe::No),
        (b"GET", Probe::No),
    ] {
        assert_eq!(probe(bytes, ToServer, false), wanted, "{bytes:?}");
    }
}

proptest! {
    /// Where TCP cuts the streams must not change what is read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..40, 1..40)) {
        let mut whole = new();
        usual().iter().for_each(|(dir, bytes)| whole.push(*dir, bytes));
        let mut cut = new();
        let mut cuts = cuts.into_iter().cycle();
        for (dir, bytes) in usual() {
            cut.push_cut(dir, &bytes, &mut cuts);
        }
        prop_assert_eq!(records(&cut.session), records(&whole.session));
    }

    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..90, any::<u8>()), 0..12)) {
        let mut feed = new();
        for (dir, mut bytes) in usual() {
            harness::overwrite(&mut bytes, &flips);
            feed.push(dir, &bytes);
        }
        records(&feed.session);
    }
}
