//! Messages in, what is seen of them out.

use proptest::prelude::*;

use super::sample::{
    ADD_DONE, BIND_DONE, EXTENDED_DONE, SEARCH_DONE, TLS, add, bind, entry, extended, message, modify, result, search,
    sequence, text as octets,
};
use super::session::Session;
use super::*;
use crate::app::ber::value;
use crate::app::harness::{self, EXTENDED, input, text};
use crate::app::parser::{Parsed, Session as _};
use crate::field::Dir::{self, ToClient, ToServer};

type Feed = harness::Feed<Session>;

fn new() -> Feed {
    limited(Config::default().max_tx)
}

fn limited(max_tx: usize) -> Feed {
    Feed::new(&PROTOCOL, Session::new(Config { max_tx }, false))
}

/// What the record of each open transaction shows.
fn records(session: &Session) -> Vec<String> {
    let all = session.transactions().filter_map(|id| session.transaction(id));
    all.map(|tx| text(|out| tx.record(&EXTENDED, out))).collect()
}

fn events(session: &Session) -> Vec<&'static str> {
    let all = session.transactions().filter_map(|id| session.transaction(id));
    all.flat_map(|tx| tx.events().to_vec()).map(|event| PROTOCOL.events[usize::from(event)]).collect()
}

fn complete(session: &Session) -> Vec<bool> {
    let all = session.transactions().filter_map(|id| session.transaction(id));
    all.map(|tx| tx.progress(ToClient) == PROTOCOL.complete(ToClient)).collect()
}

fn conversation() -> Vec<(Dir, Vec<u8>)> {
    vec![
        (ToServer, bind(1, "cn=robin", "secret")),
        (ToClient, result(1, BIND_DONE, 49, "wrong")),
        (ToServer, search(2, "dc=a", &["cn", "mail"])),
        (ToServer, modify(3, "cn=b", 2, ("mail", &["new"]))),
        (ToClient, entry(2, "cn=b,dc=a", &[("cn", &["b", "bee"]), ("mail", &[])])),
        (ToClient, result(3, 0x67, 0, "")),
        (ToClient, entry(2, "cn=c,dc=a", &[])),
        (ToClient, result(2, SEARCH_DONE, 4, "more")),
        (ToServer, message(4, 0x42, b"")),
    ]
}

#[test]
fn responses_belong_to_their_requests() {
    let mut feed = new();
    conversation().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    let shown = [
        "request:{message_id:1,operation:'bind_request',bind_request:{version:3,name:'cn=robin'}},\
         responses:[{operation:'bind_response',bind_response:{result_code:'invalid_credentials',matched_dn:'',\
         message:'wrong'}}]",
        "request:{message_id:2,operation:'search_request',search_request:{base_object:'dc=a',scope:2,deref_alias:0,\
         size_limit:100,time_limit:30,types_only:false,attributes:['cn','mail']}},\
         responses:[{operation:'search_result_entry',search_result_entry:{base_object:'cn=b,dc=a',\
         attributes:[{type:'cn',values:['b','bee']},{type:'mail'}]}},\
         {operation:'search_result_entry',search_result_entry:{base_object:'cn=c,dc=a'}},\
         {operation:'search_result_done',search_result_done:{result_code:'size_limit_exceeded',matched_dn:'',\
         message:'more'}}]",
        "request:{message_id:3,operation:'modify_request',modify_request:{object:'cn=b',changes:[{operation:'replace',\
         modification:{attribute_type:'mail',attribute_values:['new']}}]}},\
         responses:[{operation:'modify_response',modify_response:{result_code:'success',matched_dn:'',message:''}}]",
        "request:{message_id:4,operation:'unbind_request'}",
    ];
    assert_eq!(records(&feed.session), shown);
    assert_eq!((events(&feed.session), complete(&feed.session)), (vec![], vec![true; 4]));
}

#[test]
fn each_operation_is_shown() {
    let some = |text: &str| octets(text);
    for (name, dir, bytes, shown) in [
        (
            "SASL",
            ToServer,
            message(
                1,
                0x60,
                &[value(2, &[3]), some(""), value(0xa3, &[some("GSSAPI"), some("key")].concat())].concat(),
            ),
            "bind_request:{version:3,name:'',sasl:{mechanism:'GSSAPI',credentials:'key'}}",
        ),
        (
            "add",
            ToServer,
            add(1, "cn=a", &[("cn", &["a"])]),
            "add_request:{entry:'cn=a',attributes:[{name:'cn',values:['a']}]}",
        ),
        ("delete", ToServer, message(1, 0x4a, b"cn=a"), "del_request:{dn:'cn=a'}"),
        (
            "rename",
            ToServer,
            message(1, 0x6c, &[some("cn=a"), some("cn=b"), value(1, &[255]), value(0x80, b"dc=c")].concat()),
            "mod_dn_request:{entry:'cn=a',new_rdn:'cn=b',delete_old_rdn:true,new_superior:'dc=c'}",
        ),
        (
            "compare",
            ToServer,
            message(1, 0x6e, &[some("cn=a"), sequence(&[some("sn"), some("b")])].concat()),
            "compare_request:{entry:'cn=a',attribute_value_assertion:{description:'sn',value:'b'}}",
        ),
        ("abandon", ToServer, message(1, 0x50, &[7]), "abandon_request:{message_id:7}"),
        (
            "extended",
            ToServer,
            message(1, 0x77, &[value(0x80, b"1.2"), value(0x81, b"v")].concat()),
            "extended_request:{name:'1.2',value:'v'}",
        ),
        (
            "answered",
            ToClient,
            message(0, 0x78, &[value(10, &[52]), some(""), some("down"), value(0x8a, b"1.3")].concat()),
            "extended_response:{result_code:'unavailable',matched_dn:'',message:'down',name:'1.3'}",
        ),
        ("intermediate", ToClient, message(0, 0x79, &value(0x80, b"1.4")), "intermediate_response:{name:'1.4'}"),
        ("reference", ToClient, message(0, 0x73, &some("ldap://b/")), "operation:'search_result_reference'"),
        ("unnamed code", ToClient, result(0, ADD_DONE, 90, ""), "add_response:{result_code:'no_memory'"),
        ("no code", ToClient, result(0, ADD_DONE, 77, ""), "add_response:{result_code:'77'"),
        ("bound", ToClient, result(0, BIND_DONE, 14, ""), "result_code:'sasl_bind_in_progress'"),
    ] {
        let mut feed = new();
        feed.push(dir, &bytes);
        assert!(records(&feed.session).concat().contains(shown), "{name}: {:?}", records(&feed.session));
        assert!(events(&feed.session).is_empty(), "{name}");
    }
}

#[test]
fn controls_are_passed_over() {
    let control = value(0xa0, &sequence(&[octets("1.2.840.113556.1.4.319"), octets("page")]));
    let bytes = sequence(&[value(2, &[1]), value(0x4a, b"cn=a"), control]);
    let mut feed = new();
    feed.push(ToServer, &bytes);
    assert!(feed.record(&EXTENDED).contains("del_request:{dn:'cn=a'}") && feed.events().is_empty());
}

#[test]
fn what_is_odd_is_named() {
    let response = result(9, ADD_DONE, 0, "");
    for (name, dir, bytes, expected, failed) in [
        ("nobody asked", ToClient, response.clone(), "request_not_found", false),
        ("a response of the client", ToServer, response, "invalid_data", false),
        ("a request of the server", ToClient, message(9, 0x42, b""), "invalid_data", false),
        ("no operation", ToServer, message(9, 0x5e, b""), "invalid_data", false),
        ("no text", ToServer, message(9, 0x4a, b"\xff\xfe"), "invalid_data", false),
        ("nothing in it", ToServer, sequence(&[]), "invalid_data", false),
        ("no message", ToServer, b"GET / HTTP/1.1\r\n".to_vec(), "invalid_data", true),
        ("endless", ToServer, vec![0x30, 0x80, 2, 1, 1], "invalid_data", true),
    ] {
        let mut feed = new();
        feed.push(dir, &bytes);
        assert_eq!((feed.events(), feed.failed), (vec![expected], failed), "{name}");
    }
}

#[test]
fn long_messages_are_passed_over() {
    let mut feed = new();
    feed.push(ToServer, &[0x30, 0x84, 0x00, 0x20, 0x00, 0x00, 2, 1, 1]);
    feed.push(ToServer, &vec![0; 0x20_0000 - 3]);
    feed.push(ToServer, &message(1, 0x4a, b"cn=a"));
    assert_eq!(events(&feed.session), ["invalid_data"]);
    assert!(records(&feed.session)[1].contains("del_request"));
}

#[test]
fn datagrams_hold_several_messages() {
    let both = [entry(1, "", &[("netlogon", &["x"])]), result(1, SEARCH_DONE, 0, "")].concat();
    for (name, bytes, expected, count) in [
        ("both", both.clone(), &[][..], 2),
        ("cut", both[..both.len() - 1].to_vec(), &["incomplete_data"], 1),
        ("junk", [&both[..], b"junk"].concat(), &["invalid_data"], 2),
    ] {
        let mut session = Session::new(Config::default(), true);
        session.parse(input(ToServer, &search(1, "", &["Netlogon"]), false));
        assert_eq!(session.parse(input(ToClient, &bytes, false)), Parsed::Used { bytes: bytes.len(), need: 0 });
        assert_eq!(events(&session), expected, "{name}");
        assert_eq!(records(&session)[0].matches("operation:").count(), 1 + count, "{name}");
    }
}

#[test]
fn tls_follows_where_both_agree() {
    for (name, udp, answer, switches) in [
        ("yes", false, result(1, EXTENDED_DONE, 0, ""), true),
        ("refused", false, result(1, EXTENDED_DONE, 2, ""), false),
        ("to another", false, result(2, EXTENDED_DONE, 0, ""), false),
        ("a datagram", true, result(1, EXTENDED_DONE, 0, ""), false),
    ] {
        let mut session = Session::new(Config::default(), udp);
        session.parse(input(ToServer, &extended(1, TLS), false));
        session.parse(input(ToServer, &extended(2, "1.2"), false));
        let parsed = session.parse(input(ToClient, &answer, false));
        let switched = Parsed::Switch { bytes: answer.len(), to: Some("tls") };
        assert_eq!(parsed == switched, switches, "{name}");
    }
}

#[test]
fn abandoned_requests_are_over() {
    let mut feed = new();
    feed.push(ToServer, &search(1, "dc=a", &[]));
    feed.push(ToServer, &search(2, "dc=b", &[]));
    feed.push(ToServer, &message(3, 0x50, &[1]));
    assert_eq!(complete(&feed.session), [true, false, true]);
    feed.push(ToClient, &entry(1, "cn=late,dc=a", &[]));
    feed.push(ToClient, &entry(2, "cn=c,dc=b", &[]));
    assert_eq!((events(&feed.session), feed.session.held().0), (vec![], 1));
    assert!(records(&feed.session)[1].contains("cn=c"));
}

#[test]
fn another_request_of_the_same_number_ends_the_first() {
    let mut feed = new();
    feed.push(ToServer, &search(1, "dc=a", &[]));
    feed.push(ToServer, &search(1, "dc=b", &[]));
    feed.push(ToClient, &result(1, SEARCH_DONE, 0, "b"));
    assert_eq!((complete(&feed.session), feed.session.held().0), (vec![true; 2], 0));
    assert!(records(&feed.session)[1].contains("message:'b'"));
}

#[test]
fn what_is_kept_is_bounded() {
    let mut feed = limited(2);
    (1..=3).for_each(|id| feed.push(ToServer, &search(id, "dc=a", &[])));
    assert_eq!((events(&feed.session), feed.session.held().0), (vec!["too_many_transactions"], 2));
    feed.push(ToClient, &result(1, SEARCH_DONE, 0, ""));
    assert_eq!(events(&feed.session), ["too_many_transactions", "request_not_found", "too_many_transactions"]);

    let mut feed = new();
    feed.push(ToServer, &search(1, "dc=a", &[]));
    (0..2000).for_each(|_| feed.push(ToClient, &entry(1, "cn=a", &[("cn", &[])])));
    feed.push(ToClient, &result(1, SEARCH_DONE, 0, "last"));
    assert_eq!(
        (feed.events(), feed.values("ldap.responses.count", ToClient)),
        (vec!["too_many_responses"], vec!["2001".to_owned()])
    );
    assert_eq!(feed.record(&EXTENDED).matches("search_result_entry:").count(), 1024);
    assert!(feed.record(&EXTENDED).contains("message:'last'"));

    let mut feed = new();
    let large = "x".repeat(60_000);
    for id in 1..=100 {
        feed.push(ToServer, &search(id, "dc=a", &[]));
        feed.push(ToClient, &entry(id, &large, &[]));
    }
    assert!(feed.session.held().1 <= 4 << 20, "{:?}", feed.session.held());
    let all: Vec<u64> = feed.session.transactions().collect();
    all.into_iter().for_each(|id| feed.session.release(id));
    assert_eq!(feed.session.held().1, 0);
}

#[test]
fn gaps_cost_the_message_they_are_in() {
    let whole = search(1, "dc=a", &[]);
    for (name, lost, failed) in [("within", 3, false), ("to the end", 8, false), ("beyond", 9, true)] {
        let mut feed = new();
        feed.push(ToServer, &whole[..whole.len() - 8]);
        feed.gap(ToServer, lost);
        assert_eq!(feed.failed, failed, "{name}");
        feed.push(ToServer, &whole[whole.len() - 8 + (lost as usize).min(8)..]);
        feed.push(ToServer, &whole);
        assert_eq!(records(&feed.session).len(), usize::from(!failed), "{name}");
    }
}

proptest! {
    /// Where TCP cuts the streams must not change what is read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..60, 1..40)) {
        let (mut whole, mut cut) = (new(), new());
        let mut cuts = cuts.into_iter().cycle();
        for (dir, bytes) in conversation() {
            whole.push(dir, &bytes);
            cut.push_cut(dir, &bytes, &mut cuts);
        }
        prop_assert_eq!(records(&cut.session), records(&whole.session));
        prop_assert_eq!(complete(&cut.session), complete(&whole.session));
    }

    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..200, any::<u8>()), 0..12)) {
        let mut feed = new();
        for (dir, mut bytes) in conversation() {
            harness::overwrite(&mut bytes, &flips);
            feed.push(dir, &bytes);
        }
        records(&feed.session);
        if !feed.session.transactions().is_empty() {
            feed.look();
        }
    }
}
