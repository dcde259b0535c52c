//! Connections in, what is seen of them out.

use proptest::prelude::*;

use super::message::kind;
use super::sample::{answer, connack, connect, message, publish, topics};
use super::session::Session;
use super::*;
use crate::app::harness::{self, EXTENDED, text};
use crate::app::parser::{Detail, Session as _, Transaction};
use crate::field::Dir::{ToClient, ToServer};

type Feed = harness::Feed<Session>;

fn new() -> Feed {
    Feed::new(&PROTOCOL, Session::new(Config::default(), false))
}

/// A connection that was there before; its version is 5.
fn with(config: Config) -> Feed {
    let mut feed = Feed::new(&PROTOCOL, Session::new(config, true));
    feed.push(ToClient, &connack(0, 0));
    feed.session.release(0);
    feed
}

/// Everything that a client and a server say to each other, in version 5.
fn conversation() -> Vec<(Dir, Vec<u8>)> {
    vec![
        (ToServer, connect(0xc2, "a")),
        (ToClient, connack(1, 0)),
        (ToServer, topics(kind::SUBSCRIBE, 1, &["x", "y"])),
        (ToClient, answer(kind::SUBACK, 1, &[1, 0x80])),
        (ToServer, publish(0x04, 2, "x", "twice")),
        (ToClient, answer(kind::PUBREC, 2, &[])),
        (ToServer, answer(kind::PUBREL, 2, &[])),
        (ToClient, answer(kind::PUBCOMP, 2, &[0])),
        (ToClient, publish(0x03, 2, "x", "once")),
        (ToServer, answer(kind::PUBACK, 2, &[])),
        (ToServer, topics(kind::UNSUBSCRIBE, 3, &["y"])),
        (ToClient, answer(kind::UNSUBACK, 3, &[0x11])),
        (ToServer, message(0xc0, &[])),
        (ToClient, message(0xd0, &[])),
        (ToServer, message(0xe0, &[])),
    ]
}

fn transactions(feed: &Feed) -> Vec<&dyn Transaction> {
    feed.session.transactions().map(|id| feed.session.transaction(id).unwrap()).collect()
}

fn record(tx: &dyn Transaction, detail: &Detail<'_>) -> String {
    text(|out| tx.record(detail, out))
}

/// The events of all transactions.
fn events(feed: &Feed) -> Vec<&'static str> {
    let all = transactions(feed).into_iter().flat_map(|tx| tx.events().to_vec());
    all.map(|event| PROTOCOL.events[usize::from(event)]).collect()
}

#[test]
fn messages_and_what_answers_them_are_one_transaction() {
    let mut feed = new();
    conversation().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    let shown = [
        "connect:{qos:0,retain:false,dup:false,protocol_string:'MQTT',protocol_version:5,\
         flags:{username:true,password:true,will:true,will_retain:false,clean_session:true},client_id:'a-id',\
         will:{topic:'a-topic',message:'a-gone',properties:{payload_format_indicator:1}},username:'a-user',\
         password:'a-password',properties:{receive_maximum:20}},\
         connack:{qos:0,retain:false,dup:false,session_present:true,return_code:0,properties:{topic_alias_maximum:10}}",
        "subscribe:{qos:1,retain:false,dup:false,message_id:1,topics:[{topic:'x',qos:1},{topic:'y',qos:1}]},\
         suback:{qos:0,retain:false,dup:false,message_id:1,qos_granted:[1,128]}",
        "publish:{qos:2,retain:false,dup:false,topic:'x',message_id:2,message:'twice'},\
         pubrec:{qos:0,retain:false,dup:false,message_id:2,reason_code:0},\
         pubrel:{qos:1,retain:false,dup:false,message_id:2,reason_code:0},\
         pubcomp:{qos:0,retain:false,dup:false,message_id:2,reason_code:0}",
        "publish:{qos:1,retain:true,dup:false,topic:'x',message_id:2,message:'once'},\
         puback:{qos:0,retain:false,dup:false,message_id:2,reason_code:0}",
        "unsubscribe:{qos:1,retain:false,dup:false,message_id:3,topics:['y']},\
         unsuback:{qos:0,retain:false,dup:false,message_id:3,reason_codes:[17]}",
        "pingreq:{qos:0,retain:false,dup:false}",
        "pingresp:{qos:0,retain:false,dup:false}",
        "disconnect:{qos:0,retain:false,dup:false,reason_code:0}",
    ];
    let seen: Vec<_> = transactions(&feed).into_iter().map(|tx| record(tx, &EXTENDED)).collect();
    assert_eq!(seen, shown);
    assert!(transactions(&feed).iter().all(|tx| tx.progress(ToServer) == 1));
    assert_eq!(events(&feed), [""; 0]);
    feed.look();
}

#[test]
fn what_is_odd_is_named() {
    let hello = connect(0, "a");
    let after = |dir, bytes: Vec<u8>| {
        let mut all = vec![(ToServer, hello.clone()), (ToClient, connack(0, 0))];
        all.push((dir, bytes));
        all
    };
    for (name, steps, expected) in [
        ("nothing", after(ToServer, message(0xe0, &[])), &[][..]),
        ("an answer first", vec![(ToClient, connack(0, 0)), (ToServer, hello.clone())], &["missing_connect"]),
        ("no connection", vec![(ToServer, publish(0, 0, "x", "y"))], &["unintroduced_message"]),
        ("twice", after(ToServer, hello.clone()), &["double_connect"]),
        ("what was not published", after(ToClient, answer(kind::PUBACK, 7, &[])), &["missing_publish"]),
        ("what was not subscribed to", after(ToClient, answer(kind::SUBACK, 7, &[0])), &["missing_subscribe"]),
        ("what was not given up", after(ToClient, answer(kind::UNSUBACK, 7, &[0])), &["missing_unsubscribe"]),
        ("a quality of 3", after(ToServer, publish(0x06, 1, "x", "y")), &["invalid_qos_level"]),
        ("number 0", after(ToServer, publish(0x02, 0, "x", "y")), &["missing_msg_id"]),
        ("no number", after(ToServer, message(0x82, &[1])), &["missing_msg_id"]),
        ("type 0", after(ToServer, message(0x00, &[])), &["unassigned_msg_type"]),
        ("properties that do not fit", after(ToServer, message(0x30, b"\0\x01x\x7f")), &["malformed_traffic"]),
        ("an unknown property", after(ToServer, message(0x30, b"\0\x01x\x01\x7f")), &["malformed_traffic"]),
        ("a topic that is cut short", after(ToServer, message(0x82, b"\0\x01\0\0\x05x")), &["malformed_traffic"]),
        ("a length without end", after(ToServer, vec![0x30, 0xff, 0xff, 0xff, 0xff, 0xff]), &["malformed_traffic"]),
    ] {
        let mut feed = new();
        steps.iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
        assert_eq!(events(&feed), expected, "{name}");
        feed.look();
    }
}

#[test]
fn long_messages_and_texts_are_cut() {
    let mut feed = with(Config { max_message: 31, ..Config::default() });
    for (id, length) in [(1, 19), (2, 200)] {
        feed.push(ToServer, &publish(0x02, id, "topic", &"y".repeat(length)));
    }
    feed.push(ToServer, &publish(0, 0, "topic", "short"));
    let detail = Detail { text_limit: Some(4), ..EXTENDED };
    let shown: Vec<_> = transactions(&feed).into_iter().map(|tx| record(tx, &detail)).collect();
    assert_eq!(
        shown,
        [
            "publish:{qos:1,retain:false,dup:false,topic:'topic',message_id:1,\
             message:'yyyy[truncated 15 additional bytes]'}",
            "publish:{qos:1,retain:false,dup:false,skipped_length:213,truncated:true}",
            "publish:{qos:0,retain:false,dup:false,topic:'topic',message:'shor[truncated 1 additional bytes]'}",
        ]
    );
}

#[test]
fn properties_have_names_of_their_own() {
    let mut feed = with(Config::default());
    let properties = [&[0x26, 0, 0, 0, 1, b'x'][..], &[0x26, 0, 1, b'a', 0, 1, b'1'], &[0x26, 0, 1, b'a', 0, 1, b'2']];
    feed.push(ToServer, &message(0xe0, &[&[0, 20][..], &properties.concat()].concat()));
    assert!(record(transactions(&feed)[0], &EXTENDED).ends_with("reason_code:0,properties:{a:'1'}}"));
}

#[test]
fn passwords_can_be_hidden() {
    let mut feed = new();
    feed.push(ToServer, &connect(0xc0, "a"));
    assert!(!feed.record(&Detail { hide_passwords: true, ..EXTENDED }).contains("password:'"));
}

#[test]
fn gaps_cost_the_message_they_are_in() {
    let whole = publish(0, 0, "topic", "content");
    for (name, lost, failed) in [("within", 3, false), ("to the end", 8, false), ("beyond", 9, true)] {
        let mut feed = with(Config::default());
        feed.push(ToServer, &whole[..whole.len() - 8]);
        feed.gap(ToServer, lost);
        assert_eq!(feed.failed, failed, "{name}");
        if failed {
            continue;
        }
        feed.push(ToServer, &whole[whole.len() - 8 + lost as usize..]);
        feed.push(ToServer, &whole);
        let shown: Vec<_> = transactions(&feed).into_iter().map(|tx| record(tx, &EXTENDED)).collect();
        assert!(shown[0].contains("skipped_length:17") && shown[1].contains("message:'content'"), "{name}: {shown:?}");
    }
}

#[test]
fn what_nobody_answers_does_not_pile_up() {
    let mut feed = with(Config { max_tx: 10, ..Config::default() });
    for id in 1..=100 {
        feed.push(ToServer, &publish(0x02, id, "x", "y"));
    }
    assert_eq!(feed.session.transactions(), 91..101);
    assert_eq!(feed.session.waiting(), 10);
    assert_eq!(events(&feed), ["too_many_transactions"; 10]);
    // The same number again: the first one gets no answer any more.
    feed.push(ToServer, &publish(0x0a, 100, "x", "y"));
    let over: Vec<_> = transactions(&feed).iter().rev().map(|tx| tx.progress(ToServer)).take(3).collect();
    assert_eq!(over, [0, 1, 0]);
    for _ in 0..40 {
        feed.push(ToServer, &answer(kind::PUBREL, 100, &[]));
    }
    assert!(events(&feed).contains(&"too_many_messages"));
}

#[test]
fn a_server_that_says_much_speaks_version_5() {
    let mut feed = new();
    feed.push(ToClient, &connack(0, 0x86));
    assert!(feed.record(&EXTENDED).contains("return_code:134,properties:{topic_alias_maximum:10}"));
    feed.push(ToServer, &message(0xe0, &[4]));
    assert!(record(transactions(&feed)[1], &EXTENDED).ends_with("reason_code:4}"));
}

proptest! {
    /// Where TCP cuts the streams must not change what is read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..40, 1..40)) {
        let (mut whole, mut cut) = (new(), new());
        let mut cuts = cuts.into_iter().cycle();
        for (dir, bytes) in conversation() {
            whole.push(dir, &bytes);
            cut.push_cut(dir, &bytes, &mut cuts);
        }
        let shown = |feed: &Feed| -> Vec<_> { transactions(feed).into_iter().map(|tx| record(tx, &EXTENDED)).collect() };
        prop_assert_eq!(shown(&cut), shown(&whole));
    }

    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..60, any::<u8>()), 0..12)) {
        let mut feed = new();
        for (dir, mut bytes) in conversation() {
            harness::overwrite(&mut bytes, &flips);
            feed.push(dir, &bytes);
        }
        if !feed.session.transactions().is_empty() {
            feed.look();
        }
        transactions(&feed).into_iter().for_each(|tx| {
            record(tx, &EXTENDED);
        });
    }
}
