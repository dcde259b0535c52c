//! Messages in, what is seen of them out.

use proptest::prelude::*;

use super::sample::{error, framed, reply, request};
use super::session::Session;
use super::*;
use crate::app::harness::{self, EXTENDED, input, text};
use crate::app::parser::{Parsed, Session as _};
use crate::field::Dir::{self, ToClient, ToServer};

type Feed = harness::Feed<Session>;

fn new() -> Feed {
    Feed::new(&PROTOCOL, Session::new(false))
}

fn conversation() -> Vec<(Dir, Vec<u8>)> {
    vec![
        (ToServer, framed(&request(10, "robin", "krbtgt/REALM"))),
        (ToClient, framed(&error(25, "krbtgt/REALM"))),
        (ToServer, framed(&request(10, "robin", "krbtgt/REALM"))),
        (ToClient, framed(&reply(11, "robin", "krbtgt/REALM", [18, 18]))),
        (ToServer, framed(&request(12, "robin", "cifs/files"))),
        (ToClient, framed(&reply(13, "robin", "cifs/files", [23, 23]))),
    ]
}

fn records(feed: &Feed) -> Vec<String> {
    let all = feed.session.transactions().map(|id| feed.session.transaction(id).unwrap());
    all.map(|tx| text(|out| tx.record(&EXTENDED, out))).collect()
}

fn events(feed: &Feed) -> Vec<&'static str> {
    let all = feed.session.transactions().flat_map(|id| feed.session.transaction(id).unwrap().events().to_vec());
    all.map(|event| PROTOCOL.events[usize::from(event)]).collect()
}

#[test]
fn each_message_is_a_transaction() {
    let mut feed = new();
    conversation().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    let ask = |kind: &str, server: &str| {
        format!(
            "msg_type:'{kind}',cname:'robin',realm:'REALM',sname:'{server}',encryption:'<none>',weak_encryption:false"
        )
    };
    let aes = "aes256-cts-hmac-sha1-96";
    let first = ask("KRB_AS_REQ", "krbtgt/REALM");
    let shown = [
        first.clone(),
        "msg_type:'KRB_ERROR',failed_request:'KRB_AS_REQ',error_code:'KDC_ERR_PREAUTH_REQUIRED',cname:'<empty>',\
         realm:'REALM',sname:'krbtgt/REALM',encryption:'<none>',weak_encryption:false"
            .to_owned(),
        first,
        format!(
            "msg_type:'KRB_AS_REP',cname:'robin',realm:'REALM',sname:'krbtgt/REALM',encryption:'{aes}',\
             weak_encryption:false,ticket_encryption:'{aes}',ticket_weak_encryption:false"
        ),
        ask("KRB_TGS_REQ", "cifs/files"),
        "msg_type:'KRB_TGS_REP',cname:'robin',realm:'REALM',sname:'cifs/files',encryption:'rc4-hmac',\
         weak_encryption:true,ticket_encryption:'rc4-hmac',ticket_weak_encryption:true"
            .to_owned(),
    ];
    assert_eq!(records(&feed), shown);
    assert_eq!(events(&feed), ["weak_encryption"]);
}

#[test]
fn what_is_no_message_is_named() {
    for (name, bytes, expected, failed) in [
        ("cut short", framed(&request(10, "a", "b")[..30]), &["malformed_data"][..], false),
        ("no message", framed(b"hello"), &["malformed_data"], false),
        ("nothing", framed(b""), &["malformed_data"], false),
        ("one of another protocol", framed(&[0x6e, 2, 0x30, 0]), &[], false),
        ("too long", vec![0x7f, 0, 0, 0], &[], true),
    ] {
        let mut feed = new();
        feed.push(ToServer, &bytes);
        assert_eq!((events(&feed).as_slice(), feed.failed), (expected, failed), "{name}");
        assert!(records(&feed).iter().all(String::is_empty), "{name}");
    }
}

#[test]
fn datagrams_have_no_length() {
    let mut session = Session::new(true);
    assert_eq!(
        session.parse(input(ToServer, &request(10, "a", "b"), false)),
        Parsed::Used { bytes: request(10, "a", "b").len(), need: 0 }
    );
    assert_eq!(session.transactions(), 0..1);
}

#[test]
fn gaps_cost_the_message_they_are_in() {
    let whole = framed(&request(10, "robin", "krbtgt/REALM"));
    for (name, lost, failed) in [("within", 3, false), ("to the end", 8, false), ("beyond", 9, true)] {
        let mut feed = new();
        feed.push(ToServer, &whole[..whole.len() - 8]);
        feed.gap(ToServer, lost);
        assert_eq!(feed.failed, failed, "{name}");
        feed.push(ToServer, &whole[whole.len() - 8 + (lost as usize).min(8)..]);
        feed.push(ToServer, &whole);
        assert_eq!(records(&feed).len(), usize::from(!failed), "{name}");
    }
}

proptest! {
    /// Where TCP cuts the streams must not change what is read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..90, 1..40)) {
        let (mut whole, mut cut) = (new(), new());
        let mut cuts = cuts.into_iter().cycle();
        for (dir, bytes) in conversation() {
            whole.push(dir, &bytes);
            cut.push_cut(dir, &bytes, &mut cuts);
        }
        prop_assert_eq!(records(&cut), records(&whole));
    }

    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((4usize..200, any::<u8>()), 0..12)) {
        let mut feed = new();
        for (dir, mut bytes) in conversation() {
            harness::overwrite(&mut bytes, &flips);
            feed.push(dir, &bytes);
        }
        records(&feed);
        if !feed.session.transactions().is_empty() {
            feed.look();
        }
    }
}
