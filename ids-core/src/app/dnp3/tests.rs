//! Frames in, what is seen of them out.

use proptest::prelude::*;

use super::sample::{fragment, frame, request, response};
use super::session::Session;
use super::*;
use crate::app::harness::{self, EXTENDED, input, text};
use crate::app::parser::{Parsed, Probe, Session as _};
use crate::field::Dir::{self, ToClient, ToServer};

type Feed = harness::Feed<Session>;

fn new() -> Feed {
    Feed::new(&PROTOCOL, Session::new(Config { max_tx: 2, max_points: 9, max_objects: 3 }))
}

/// Of each transaction, what the record shows and the names of the events.
fn seen(feed: &Feed) -> Vec<String> {
    let all = feed.session.transactions().map(|id| feed.session.transaction(id).unwrap());
    all.map(|tx| {
        let events: String = tx.events().iter().map(|event| format!(" {}", EVENTS[usize::from(*event)])).collect();
        let record = if tx.recorded() { text(|out| tx.record(&EXTENDED, out)) } else { "none".to_owned() };
        record + &events
    })
    .collect()
}

/// What is shown of the objects of a fragment.
fn objects(dir: Dir, bytes: &[u8]) -> String {
    let mut feed = new();
    feed.push(dir, bytes);
    let shown = seen(&feed).concat();
    let (_, objects) = shown.split_once("objects:[").unwrap_or_default();
    objects.replace(",complete:true}", "")
}

#[test]
fn fragments_are_transactions() {
    let mut feed = new();
    feed.push(ToServer, &request(1, &[60, 2, 6, 60, 3, 6]));
    feed.push(ToClient, &response(129, 0x0280, &[1, 2, 0, 7, 7, 0x81]));
    feed.push(ToClient, &response(130, 0, &[]));
    let link = |dir, src, dst| {
        format!("control:{{dir:{dir},pri:true,fcb:false,fcv:false,function_code:4}},src:{src},dst:{dst}")
    };
    let control = |con| format!("control:{{fir:true,fin:true,con:{con},uns:false,sequence:1}}");
    let object = "qualifier:6,prefix_code:0,range_code:6,start:0,stop:0,count:0";
    let expected = [
        format!(
            "type:'request',{},application:{{{},function_code:1,objects:[{{group:60,variation:2,{object}}},\
             {{group:60,variation:3,{object}}}],complete:true}}",
            link(true, 3, 2),
            control(false)
        ),
        format!(
            "type:'response',{},application:{{{},function_code:129,objects:[{{group:1,variation:2,qualifier:0,\
             prefix_code:0,range_code:0,start:7,stop:7,count:1,points:[{{prefix:0,index:7,online:1,restart:0,comm_lost:0,\
             remote_forced:0,local_forced:0,chatter_filter:0,reserved:0,state:1}}]}}],complete:true}},\
             iin:{{indicators:['device_restart','object_unknown']}}",
            link(false, 3, 2),
            control(true)
        ),
        format!(
            "type:'unsolicited_response',{},application:{{{},function_code:130,complete:true}}",
            link(false, 3, 2),
            control(true)
        ),
    ];
    assert_eq!(seen(&feed), expected);
    feed.look();
}

#[test]
fn points_are_read_by_kind_and_qualifier() {
    for (name, bytes, expected) in [
        ("bits", &[80, 1, 0, 6, 7, 0b10][..], "points:[{prefix:0,index:6,state:0},{prefix:0,index:7,state:1}]}]"),
        ("pairs of bits", &[3, 1, 0, 0, 1, 0b1001], "points:[{prefix:0,index:0,state:1},{prefix:0,index:1,state:2}]}]"),
        ("an index of one byte", &[34, 1, 0x17, 1, 5, 1, 2], "points:[{prefix:5,index:5,deadband_value:513}]}]"),
        (
            "an index of two bytes",
            &[30, 4, 0x28, 1, 0, 0, 1, 0xfe, 0xff],
            "count:1,points:[{prefix:256,index:256,value:-2}]}]",
        ),
        (
            "a range of two bytes",
            &[30, 3, 1, 1, 0, 1, 0, 1, 0, 0, 0x80],
            "points:[{prefix:0,index:1,value:-2147483647}]}]",
        ),
        ("a fraction", &[34, 3, 7, 1, 0, 0, 0x80, 0x3f], "points:[{prefix:0,index:0,deadband_value:1}]}]"),
        ("a time", &[50, 1, 7, 1, 1, 0, 0, 0, 0, 1], "points:[{prefix:0,index:0,timestamp:1099511627777}]}]"),
        ("octets", &[110, 3, 0x17, 1, 4, b'a', b'b', b'c'], "points:[{prefix:4,index:4,data:'abc'}]}]"),
        (
            "a size before a text",
            &[70, 8, 0x5b, 1, 3, 0, b'x', b'y', b'z'],
            "points:[{prefix:3,index:0,size:3,file_specification:'xyz'}]}]",
        ),
        (
            "a control",
            &[12, 1, 0x17, 1, 2, 0x43, 1, 100, 0, 0, 0, 9, 0, 0, 0, 0x84],
            "points:[{prefix:2,index:2,op_type:3,qu:0,cr:0,tcc:1,count:1,ontime:100,offtime:9,status_code:4,reserved:1}]}]",
        ),
    ] {
        let shown = objects(ToServer, &request(2, bytes));
        assert!(shown.ends_with(expected), "{name}: {shown}");
    }
    let named = objects(ToServer, &request(1, &[1, 2, 0, 0, 7, 60, 1, 6]));
    assert!(
        !named.contains("points") && named.contains("group:60"),
        "points that are asked for are not there: {named}"
    );
    let frozen = objects(ToServer, &request(11, &[50, 2, 7, 1, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 20, 0, 6]));
    assert!(frozen.contains("interval:2") && frozen.contains("group:20"), "{frozen}");
}

#[test]
fn what_is_odd_is_named() {
    let read = request(1, &[60, 1, 6]);
    let damaged = |at: usize| {
        let mut bytes = read.clone();
        bytes[at] ^= 1;
        bytes
    };
    let many = |count: usize| fragment(0xc4, &[&[0xc1, 1][..], &[60, 1, 6].repeat(count)].concat());
    for (name, bytes, expected) in [
        ("nothing", read.clone(), ""),
        ("no user data", frame(0xc9, &[]), ""),
        ("a damaged header", damaged(8), "none bad_link_crc"),
        ("damaged data", damaged(11), "none bad_transport_crc"),
        ("a length that is too small", header(3), "none len_too_small"),
        ("user data of no bytes", frame(0xc4, &[]), "none len_too_small"),
        ("a fragment of one byte", frame(0xc4, &[0xc0, 0xc0]), "none len_too_small"),
        ("a response without indications", frame(0x44, &[0xc0, 0xc0, 129]), "none len_too_small"),
        ("no frame", b"hello, world".to_vec(), "none malformed"),
        ("an object that is cut", request(2, &[1, 2, 7, 2, 0]), " malformed"),
        ("a range that ends before it begins", request(1, &[1, 2, 0, 2, 1]), " malformed"),
        ("a qualifier that is none", request(1, &[1, 2, 15]), " malformed"),
        ("an object that is not known", request(2, &[99, 9, 7, 1, 0]), " unknown_object"),
        ("too many points", request(2, &[1, 2, 7, 10, 0]), " too_many_points"),
        ("too many objects", many(4), " too_many_objects"),
        ("as many as allowed", many(3), ""),
        ("a fragment that is too long", fragment(0xc4, &[0; 65 * 249]), "none too_long_reassembly"),
    ] {
        let mut feed = new();
        feed.push(ToServer, &bytes);
        let found: Vec<_> = seen(&feed).iter().map(|tx| tx.split('}').next_back().unwrap().to_owned()).collect();
        assert_eq!(found.concat(), expected, "{name}");
        feed.push(ToServer, &read);
        assert!(seen(&feed).last().unwrap().starts_with("type:'request'"), "{name}: what follows is read");
    }
}

/// A header with this length, and a checksum that is right.
fn header(length: u8) -> Vec<u8> {
    let mut out = vec![5, 0x64, length, 0xc4, 2, 0, 3, 0];
    out.extend(link::checksum(&out).to_le_bytes());
    out
}

#[test]
fn requests_without_a_response_are_a_flood() {
    let mut feed = new();
    let confirm = request(0, &[]);
    for bytes in [request(1, &[]), confirm.clone(), request(1, &[]), request(1, &[]), request(1, &[])] {
        feed.push(ToServer, &bytes);
    }
    feed.push(ToClient, &response(130, 0, &[]));
    (0..2).for_each(|_| feed.push(ToClient, &response(129, 0, &[])));
    feed.push(ToServer, &request(1, &[]));
    assert_eq!(seen(&feed)[1], "none", "what confirms is not recorded");
    let floods: Vec<_> = seen(&feed).iter().map(|tx| tx.ends_with("flooded")).collect();
    assert_eq!(floods, [false, false, false, true, false, false, false, false, true]);
}

#[test]
fn parts_must_follow_each_other() {
    let content = [&[0xc1, 2][..], &[110, 250, 7, 2], &[b'a'; 500]].concat();
    let whole = fragment(0xc4, &content);
    let first = 10 + 250 + 2 * 16;
    for (name, bytes, expected) in [
        ("all of them", whole.clone(), 1),
        ("without the first", whole[first..].to_vec(), 0),
        ("without the second", [&whole[..first], &whole[2 * first..]].concat(), 0),
        ("the first twice", [&whole[..first], &whole].concat(), 1),
    ] {
        let mut feed = new();
        feed.push(ToServer, &bytes);
        assert_eq!(seen(&feed).len(), expected, "{name}");
        assert!(seen(&feed).iter().all(|tx| tx.contains("count:2")), "{name}");
    }
}

#[test]
fn gaps_cost_the_fragment_they_are_in() {
    let mut feed = new();
    let read = request(1, &[60, 1, 6]);
    feed.push(ToServer, &read[..12]);
    feed.gap(ToServer, 3);
    feed.push(ToServer, &[&b"\x05rest\x05"[..], &read].concat());
    assert_eq!(seen(&feed).len(), 1);
    assert!(seen(&feed)[0].starts_with("type:'request'"));
}

#[test]
fn first_bytes() {
    for (bytes, expected) in [
        (&request(1, &[])[..], Probe::Yes(ToServer)),
        (&response(129, 0, &[]), Probe::Yes(ToClient)),
        (&frame(0x80, &[]), Probe::Yes(ToServer)),
        (&[5, 0x64, 4, 0xc4], Probe::No),
        (&[5, 0x65], Probe::No),
        (&[5, 0x64, 5], Probe::Unsure),
        (&[5], Probe::Unsure),
        (&[], Probe::Unsure),
    ] {
        assert_eq!(link::probe(bytes, ToServer, false), expected, "{bytes:?}");
    }
}

#[test]
fn reading_pauses() {
    let read = request(1, &[60, 1, 6]);
    let parsed = Session::new(Config::default()).parse(input(ToServer, &read.repeat(65), false));
    assert_eq!(parsed, Parsed::Used { bytes: 64 * read.len(), need: 1 });
}

proptest! {
    /// Where TCP cuts the streams must not change what is read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..90, 1..40)) {
        let long = fragment(0x44, &[&[0xc1, 129, 0, 0][..], &[110, 250, 7, 2], &[b'a'; 500]].concat());
        let talk = [
            (ToServer, [request(1, &[60, 2, 6]), b"\x05\x05\x64x".to_vec(), request(2, &[80, 1, 0, 7, 7, 0])].concat()),
            (ToClient, [long, frame(0x0b, &[]), response(130, 0x80, &[2, 1, 0x28, 1, 0, 0, 0, 1])].concat()),
        ];
        let (mut whole, mut cut) = (new(), new());
        let mut cuts = cuts.into_iter().cycle();
        for (dir, bytes) in talk {
            whole.push(dir, &bytes);
            cut.push_cut(dir, &bytes, &mut cuts);
        }
        prop_assert_eq!(seen(&cut), seen(&whole));
    }

    /// No objects make reading, showing or looking fail.
    #[test]
    fn any_objects_can_be_read(function in any::<u8>(), bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut feed = new();
        feed.push(ToServer, &fragment(0xc4, &[&[0xc1, function], &bytes[..]].concat()));
        seen(&feed);
        feed.look();
    }

    /// No bytes do.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..60, any::<u8>()), 0..12)) {
        let mut feed = new();
        for mut bytes in [request(2, &[80, 1, 0, 7, 7, 0]), request(1, &[60, 2, 6])] {
            harness::overwrite(&mut bytes, &flips);
            feed.push(ToServer, &bytes);
        }
        seen(&feed);
        if !feed.session.transactions().is_empty() {
            feed.look();
        }
    }
}
