//! Messages in, what is seen of them out.

use proptest::prelude::*;

use super::message::Message;
use super::sample::{content, message, secured, trap};
use crate::app::datagram::tests::seen;
use crate::app::harness;
use crate::field::Dir::{ToClient, ToServer};

#[test]
fn each_version_is_shown() {
    for (name, bytes, shown) in [
        (
            "1",
            message(0, "public", &content(1, 5)),
            "version:1,pdu_type:'get_next_request',community:'public',vars:['1.3.6.1.2.5']",
        ),
        (
            "2c",
            message(1, "private", &content(3, 5)),
            "version:2,pdu_type:'set_request',community:'private',vars:['1.3.6.1.2.5']",
        ),
        (
            "trap",
            message(0, "public", &trap(3)),
            "version:1,pdu_type:'trap_v1',community:'public',trap_type:'linkup',trap_oid:'1.3.6.1.4',\
             trap_address:'10.0.0.1',vars:['1.3.6.1.2.3']",
        ),
        (
            "3",
            secured(3, "robin", Some(&content(8, 5))),
            "version:3,usm:'robin',pdu_type:'report',vars:['1.3.6.1.2.5']",
        ),
        ("encrypted", secured(3, "robin", None), "version:3,usm:'robin',pdu_type:'encrypted'"),
    ] {
        let seen = seen::<Message>(&[(ToServer, bytes)]);
        assert_eq!((seen.records, seen.events), (vec![shown.to_owned()], vec![]), "{name}");
    }
}

#[test]
fn what_is_odd_is_named() {
    let first = || (ToServer, message(0, "public", &content(0, 1)));
    let get = message(1, "public", &content(0, 1));
    for (name, datagrams, events, records) in [
        ("another version", vec![first(), (ToClient, get.clone())], vec!["version_mismatch"], 2),
        ("the same", vec![first(), first()], vec![], 2),
        ("cut", vec![(ToServer, get[..get.len() - 1].to_vec())], vec!["malformed_data"], 0),
        ("nothing", vec![(ToServer, Vec::new())], vec!["malformed_data"], 0),
        ("secured otherwise", vec![(ToServer, secured(9, "x", None))], vec!["unknown_security_model"], 1),
    ] {
        let seen = seen::<Message>(&datagrams);
        assert_eq!((seen.events, seen.records.len()), (events, records), "{name}");
    }
}

proptest! {
    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..120, any::<u8>()), 0..12)) {
        for mut bytes in [message(0, "public", &trap(6)), secured(3, "robin", Some(&content(2, 9)))] {
            harness::overwrite(&mut bytes, &flips);
            seen::<Message>(&[(ToServer, bytes.clone()), (ToClient, bytes)]);
        }
    }
}
