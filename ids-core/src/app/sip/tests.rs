//! Messages in, what is seen of them out.

use proptest::prelude::*;

use super::sample::{call, description, message};
use super::session::Session;
use super::*;
use crate::app::harness::{self, EXTENDED, input, text};
use crate::app::parser::{Parsed, Probe, Session as _};
use crate::field::Dir::{ToClient, ToServer};

type Feed = harness::Feed<Session>;

fn tcp() -> Feed {
    Feed::new(&PROTOCOL, Session::new(false))
}

/// One datagram.
fn datagram(dir: Dir, bytes: &[u8]) -> Feed {
    let mut feed = Feed::new(&PROTOCOL, Session::new(true));
    assert_eq!(feed.session.parse(input(dir, bytes, false)), Parsed::Used { bytes: bytes.len(), need: 0 });
    feed
}

/// Of each transaction, what the record shows and the names of the events.
fn seen(feed: &Feed) -> Vec<String> {
    let all = feed.session.transactions().map(|id| feed.session.transaction(id).unwrap());
    all.map(|tx| {
        let events: Vec<_> = tx.events().iter().map(|event| EVENTS[usize::from(*event)]).collect();
        let record = if tx.recorded() { text(|out| tx.record(&EXTENDED, out)) } else { "none".to_owned() };
        format!("{record} {}", events.join(" "))
    })
    .collect()
}

fn bye(name: &str) -> Vec<u8> {
    format!("BYE sip:{name} SIP/2.0\r\nTo: {name}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

fn shown_bye(name: &str) -> String {
    format!("method:'BYE',uri:'sip:{name}',version:'SIP/2.0',request_line:'BYE sip:{name} SIP/2.0' ")
}

#[test]
fn records_show_first_line_and_session() {
    let [request, response] = call("INVITE", "2.0", 180, "x");
    let sdp = "sdp:{version:0,origin:'origin-x',session_name:'session-x',session_info:'info-x',uri:'uri-x',\
        email:'email-x',phone_number:'phone-x',connection_data:'IN-x',timezone:'zone-x',encryption_key:'key-x',\
        bandwidths:['AS:-x'],time_descriptions:[{time:'time-x',repeat_time:'repeat-x'}],attributes:['attribute-x'],\
        media_descriptions:[{media:'audio-x',media_info:'minfo-x',connection_data:'mIN-x',encryption_key:'mkey-x',\
        attributes:['mattribute-x']},{media:'video',attributes:['sendrecv']}]}";
    let mut feed = tcp();
    feed.push(ToServer, &request);
    feed.push(ToClient, &response);
    let expected = [
        format!(
            "method:'INVITE',uri:'sip:x.example',version:'SIP/2.0',request_line:'INVITE sip:x.example SIP/2.0',{sdp} "
        ),
        format!("version:'SIP/2.0',code:'180',reason:'Reason x',response_line:'SIP/2.0 180 Reason x',{sdp} "),
    ];
    assert_eq!(seen(&feed), expected);
    assert_eq!(seen(&datagram(ToServer, &request)), expected[..1]);
    assert_eq!(seen(&datagram(ToClient, &response)), expected[1..]);
    feed.look();
}

#[test]
fn header_fields_are_found_however_they_are_written() {
    let request = "INVITE  sip:u@h  SIP/2.0 \nTO :\n sip:one@h ;\n\t tag = 7\nf: a\nVIA: v1\nv:v2\nvIa : v3, v4\n\
        user-agent:\nl:  0\nc: text/plain\nsubject: from: x\n\n";
    let feed = datagram(ToServer, request.as_bytes());
    for (name, expected) in [
        ("sip.method", &["INVITE"][..]),
        ("sip.uri", &["sip:u@h"]),
        ("sip.request_line", &["INVITE  sip:u@h  SIP/2.0 "]),
        ("sip.protocol", &["SIP/2.0"]),
        ("sip.to", &["sip:one@h ; tag = 7"]),
        ("sip.from", &["a"]),
        ("sip.via", &["v1", "v2", "v3, v4"]),
        ("sip.user_agent", &[""]),
        ("sip.content_type", &["text/plain"]),
        ("sip.content_length", &["0"]),
        ("sip.stat_code", &[]),
        ("sdp.origin", &[]),
    ] {
        assert_eq!(feed.values(name, ToServer), expected, "{name}");
        assert!(feed.values(name, ToClient).is_empty(), "{name}");
    }
    assert!(feed.events().is_empty());
}

#[test]
fn first_lines() {
    for (line, expected) in [
        ("SIP/2.0 200 OK", Probe::Yes(ToClient)),
        ("sip/2.0 200", Probe::Yes(ToClient)),
        ("SIP/2.0 2000 OK", Probe::No),
        ("SIP/2.0 20x OK", Probe::No),
        ("SIP/2.0 20", Probe::No),
        ("SIP/2. 200 OK", Probe::No),
        ("NEWMETHOD tel:+1 SIP/2.0", Probe::Yes(ToServer)),
        ("INVITE sip:a b SIP/2.0", Probe::Yes(ToServer)),
        ("INVITE SIP/2.0", Probe::No),
        ("INV(TE sip:a SIP/2.0", Probe::No),
        ("INVITE sip:a HTTP/1.1", Probe::No),
        ("INVITE sip:a SIP/2.0.1", Probe::No),
    ] {
        for before in ["", "\r\n\r\n"] {
            assert_eq!(start::probe(format!("{before}{line}\r\n").as_bytes(), ToServer, false), expected, "{line}");
        }
    }
    for (line, over_tcp) in [
        ("", Probe::Unsure),
        ("REGI", Probe::Unsure),
        ("REGISTER sip:a", Probe::Unsure),
        ("SIP/", Probe::Unsure),
        ("SIP/2.0 20", Probe::Unsure),
        ("REGISTERED x", Probe::No),
        ("GET / HTTP", Probe::No),
    ] {
        assert_eq!(start::probe(line.as_bytes(), ToServer, false), over_tcp, "{line}");
        assert_eq!(start::probe(line.as_bytes(), ToServer, true), Probe::No, "{line}");
    }
}

#[test]
fn what_is_odd_is_named() {
    let with = |fields: &str| format!("BYE sip:a SIP/2.0\r\n{fields}\r\n\r\n").into_bytes();
    let fine = shown_bye("a");
    let named = |event: &str| vec![format!("{fine}{event}")];
    for (name, bytes, expected) in [
        ("nothing", with("To: a"), named("")),
        ("a line without a colon", with("To: a\r\nrubbish"), named("invalid_data")),
        ("a line that goes on from none", with(" To: a"), named("invalid_data")),
        ("a length that is none", with("Content-Length: x"), named("invalid_data")),
        ("a negative length", with("l: -1"), named("invalid_data")),
        ("two lengths", with("Content-Length: 0\r\nl: 1"), named("invalid_data")),
        ("twice the same length", with("Content-Length: 0\r\nl: 0"), named("")),
        ("more promised", with("Content-Length: 1"), named("incomplete_data")),
        ("no empty line", b"BYE sip:a SIP/2.0\r\nTo: a\r\n".to_vec(), named("incomplete_data")),
        ("no message", b"BYE sip:a HTTP/1.1\r\n\r\n".to_vec(), vec!["none invalid_data".to_owned()]),
        ("only empty lines", b"\r\n\r\n".to_vec(), vec![]),
        ("a keep-alive of five spaces", b"     ".to_vec(), vec![]),
        ("a binding request", b"\0\x01\0\0\x21\x12\xa4\x42".to_vec(), vec![]),
        ("a response", b"SIP/2.0 200 OK\r\n\r\n".to_vec(), vec![]),
    ] {
        assert_eq!(seen(&datagram(ToServer, &bytes)), expected, "{name}");
    }
}

#[test]
fn a_datagram_is_a_message_whatever_it_says() {
    let body = description("x");
    let short = format!("INVITE sip:a SIP/2.0\r\nc: Application/SDP\r\nl: 3\r\n\r\n{body}");
    let feed = datagram(ToServer, short.as_bytes());
    assert_eq!(feed.values("sdp.media.media", ToServer), ["audio-x", "video"]);
    assert!(feed.events().is_empty());
}

#[test]
fn descriptions_are_taken_as_they_are() {
    for (name, kind, body, expected) in [
        ("lines out of order", "application/sdp", "v=0\na=1\no=me\nm=x\n", Some("a=1 m=x")),
        ("lines of no kind", "application/sdp", "v=0\nxyz\n\nq=2\na 1\na=\nm=x\na=2", Some("a= a=2 m=x")),
        ("no version", "application/sdp", "o=me\nv=0\na=1\n", None),
        ("a version that is none", "application/sdp", "v=x\na=1\n", None),
        ("another type", "application/sdpx", "v=0\na=1\n", None),
        ("nothing", "application/sdp", "", None),
    ] {
        let request = format!("INVITE sip:a SIP/2.0\r\nContent-Type: {kind}\r\n\r\n{body}");
        let feed = datagram(ToServer, request.as_bytes());
        let values = |letter: &str, name: &str| {
            feed.values(name, ToServer).into_iter().map(|value| format!("{letter}={value}")).collect::<Vec<_>>()
        };
        let found = [values("a", "sdp.attribute"), values("m", "sdp.media.media")].concat();
        assert_eq!(found.join(" "), expected.unwrap_or_default(), "{name}");
        assert_eq!(feed.record(&EXTENDED).contains("sdp:{version:0"), expected.is_some(), "{name}");
    }
}

#[test]
fn each_time_has_its_repetitions() {
    let body = "v=0\nr=0\nt=1\nr=1a\nr=1b\nt=2\nt=3\nr=3a\n";
    let request = format!("INVITE sip:a SIP/2.0\r\nc: application/sdp\r\n\r\n{body}");
    let feed = datagram(ToServer, request.as_bytes());
    let times = "time_descriptions:[{time:'1',repeat_time:'1a'},{repeat_time:'1b'},{time:'2'},\
        {time:'3',repeat_time:'3a'}]";
    assert!(feed.record(&EXTENDED).contains(times), "{}", feed.record(&EXTENDED));
    assert_eq!(feed.values("sdp.repeat_time", ToServer), ["0", "1a", "1b", "3a"]);
}

#[test]
fn a_stream_says_how_long_messages_are() {
    let named = |name: &str, event: &str| format!("{}{event}", shown_bye(name));
    let long = |length: &str| format!("BYE sip:a SIP/2.0\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    for (name, parts, expected, failed) in [
        ("one behind the other", vec![bye("a"), bye("b")], vec![named("a", ""), named("b", "")], false),
        ("empty lines between", vec![b"\r\n\r\n".to_vec(), bye("a"), b"\r\n".to_vec()], vec![named("a", "")], false),
        ("a body", vec![long("3"), b"xyz".to_vec(), bye("b")], vec![named("a", ""), named("b", "")], false),
        ("a body that is not there yet", vec![long("3"), b"xy".to_vec()], vec![], false),
        (
            "a body that is too long to wait for",
            vec![long("300000"), vec![b'x'; 300_000], bye("b")],
            vec![named("a", ""), named("b", "")],
            false,
        ),
        (
            "no length",
            vec![b"BYE sip:a SIP/2.0\r\n\r\n".to_vec(), bye("b")],
            vec![named("a", ""), named("b", "")],
            false,
        ),
        ("no message", vec![bye("a"), b"xyz\r\n".to_vec()], vec![named("a", ""), "none invalid_data".into()], true),
        ("a line without end", vec![vec![b'x'; 9000]], vec!["none invalid_data".into()], true),
        (
            "a head without end",
            vec![b"BYE sip:a SIP/2.0\r\n".to_vec(), b"a: b\r\n".repeat(20_000)],
            vec!["none invalid_data".into()],
            true,
        ),
        ("what goes the other way", vec![b"SIP/2.0 200 OK\r\n\r\n".to_vec(), bye("b")], vec![named("b", "")], false),
    ] {
        let mut feed = tcp();
        parts.iter().for_each(|part| feed.push(ToServer, part));
        assert_eq!((seen(&feed), feed.failed), (expected, failed), "{name}");
    }
}

#[test]
fn what_the_stream_ends_in_is_taken() {
    for (name, bytes, cut, expected) in [
        ("in the head", &b"BYE sip:a SIP/2.0\r\nTo: a"[..], false, vec![shown_bye("a") + "incomplete_data"]),
        ("in the body", b"BYE sip:a SIP/2.0\r\nl: 3\r\n\r\nxy", false, vec![shown_bye("a") + "incomplete_data"]),
        ("where no more is looked at", b"BYE sip:a SIP/2.0\r\nl: 3\r\n\r\nxy", true, vec![shown_bye("a")]),
        ("in something else", b"BYE", false, vec!["none invalid_data".to_owned()]),
        ("between messages", b"\r\n", false, vec![]),
    ] {
        let mut feed = tcp();
        if cut {
            feed.session.cut(ToServer);
        }
        feed.session.parse(input(ToServer, bytes, true));
        assert_eq!(seen(&feed), expected, "{name}");
    }
}

#[test]
fn gaps_cost_the_message_they_are_in() {
    let start = b"BYE sip:a SIP/2.0\r\nContent-Length: 20\r\n\r\n0123456789";
    for (name, lost, rest) in [
        ("within a body", 4, &b"456789"[..]),
        ("to its end", 10, b""),
        ("beyond", 14, b"x\r\nSIP/2.0 OK 200\r\nl: 0\r\n\r\n"),
    ] {
        let mut feed = tcp();
        feed.push(ToServer, start);
        feed.gap(ToServer, lost);
        feed.push(ToServer, rest);
        feed.push(ToServer, &bye("b"));
        assert_eq!(seen(&feed), [shown_bye("b")], "{name}");
    }
}

#[test]
fn reading_pauses_and_the_oldest_go() {
    let mut feed = tcp();
    feed.push(ToServer, &bye("a").repeat(1030));
    assert_eq!(feed.session.transactions(), 6..1030);
    let pause = tcp().session.parse(input(ToServer, &bye("a").repeat(65), false));
    assert_eq!(pause, Parsed::Used { bytes: 64 * bye("a").len(), need: 1 });
}

proptest! {
    /// Where TCP cuts the streams must not change what is read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..200, 1..40)) {
        let [request, response] = call("INVITE", "2.0", 200, "x");
        let parts = [
            (ToServer, [bye("a"), b"\r\n\r\n".to_vec(), request, bye("b")].concat()),
            (ToClient, [response, message("SIP/2.0 100 Trying", "y"), b"HTTP/1.1 200 OK\r\n\r\n".to_vec()].concat()),
        ];
        let (mut whole, mut cut) = (tcp(), tcp());
        let mut cuts = cuts.into_iter().cycle();
        for (dir, bytes) in parts {
            whole.push(dir, &bytes);
            cut.push_cut(dir, &bytes, &mut cuts);
        }
        prop_assert_eq!(seen(&cut), seen(&whole));
        prop_assert_eq!(cut.failed, whole.failed);
    }

    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..600, any::<u8>()), 0..12)) {
        let (mut feed, mut datagrams) = (tcp(), Session::new(true));
        for (dir, mut bytes) in [ToServer, ToClient].into_iter().zip(call("INVITE", "2.0", 200, "x")) {
            harness::overwrite(&mut bytes, &flips);
            feed.push(dir, &bytes);
            datagrams.parse(input(dir, &bytes, false));
        }
        for feed in [feed, Feed::new(&PROTOCOL, datagrams)] {
            seen(&feed);
            if !feed.session.transactions().is_empty() {
                feed.look();
            }
        }
    }
}
