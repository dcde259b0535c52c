//! Connections in, what is seen of them out.

use proptest::prelude::*;

use super::sample::{self, Message, body, smb1};
use super::session::Session;
use super::*;
use crate::app::harness::{self, EXTENDED, text};
use crate::app::parser::{Detail, Session as _};
use crate::field::Dir::{ToClient, ToServer};

type Feed = harness::Feed<Session>;

fn new() -> Feed {
    Feed::new(&PROTOCOL, Session::new(Config::default()))
}

/// Both directions, one after the other.
fn exchange([request, response]: [Vec<u8>; 2]) -> [(Dir, Vec<u8>); 2] {
    [(ToServer, request), (ToClient, response)]
}

/// What records show of all transactions.
fn records(feed: &Feed) -> Vec<String> {
    let ids = feed.session.transactions();
    let record = |id| {
        let tx = feed.session.transaction(id)?;
        Some(text(|out| tx.record(&Detail { tx_id: id, ..EXTENDED }, out)))
    };
    ids.filter_map(record).collect()
}

/// Names of the events of all transactions.
fn events(feed: &Feed) -> Vec<&'static str> {
    let txs = feed.session.transactions().filter_map(|id| feed.session.transaction(id));
    txs.flat_map(|tx| tx.events()).map(|event| events::NAMES[usize::from(*event)]).collect()
}

/// Somebody signs on, opens a file and renames it.
fn usual() -> Vec<(Dir, Vec<u8>)> {
    let [mut rename, done] = [Message::new(17, 5, false), Message::new(17, 5, true)].map(|message| message.with(&[]));
    let name = sample::wide("new");
    rename.extend(body(&[(33, 2), (1, 1), (10, 1), (20 + name.len() as u64, 4), (96, 2), (0, 2), (0, 4)]));
    rename.extend([9; 16]);
    rename.extend(body(&[(0, 8), (0, 8), (name.len() as u64, 4)]));
    rename.extend(name);
    let length = rename.len() as u32 - 4;
    rename[..4].copy_from_slice(&length.to_be_bytes());
    let open = [
        Message::new(5, 4, false).with(&sample::create("dir\\a.txt", 2, 0x1000)),
        Message::new(5, 4, true).with(&sample::created(9, 77)),
    ];
    [
        exchange(sample::negotiate(1, &[0x0302, 0x0210])),
        exchange(sample::setup(2, &sample::ntlm("DOM", "ann"))),
        exchange(sample::tree(3, "\\\\srv\\files", 1)),
        exchange(open),
        exchange([rename, done]),
    ]
    .concat()
}

#[test]
fn each_command_with_its_answer_is_a_transaction() {
    let mut feed = new();
    usual().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    let start = |id, command| {
        format!(
            "id:{id},dialect:'3.02',command:'SMB2_COMMAND_{command}',status:'STATUS_SUCCESS',status_code:'0x0',session_id:7,tree_id:5"
        )
    };
    let guid = |digits: &str| {
        format!(
            "{}-{}-{}-{}-{}",
            digits.repeat(4),
            digits.repeat(2),
            digits.repeat(2),
            digits.repeat(2),
            digits.repeat(6)
        )
    };
    let (client, server, file) = (guid("11"), guid("22"), guid("09"));
    assert_eq!(
        records(&feed),
        [
            format!(
                "{},client_dialects:['3.02','2.10'],client_guid:'{client}',server_guid:'{server}',max_read_size:1048576,max_write_size:65536",
                start(1, "NEGOTIATE_PROTOCOL")
            ),
            format!(
                "{},ntlmssp:{{domain:'DOM',user:'ann',host:'host',version:'10.0 build 17763 rev 15'}}",
                start(2, "SESSION_SETUP")
            ),
            format!("{},share:'\\\\srv\\files',share_type:'FILE'", start(3, "TREE_CONNECT")),
            format!(
                "{},filename:'dir\\a.txt',disposition:'FILE_CREATE',access:'delete on close',created:1577836800,accessed:1577836800,modified:1577836800,changed:1577836800,size:77,fuid:'{file}'",
                start(4, "CREATE")
            ),
            format!("{},rename:{{from:'dir\\a.txt',to:'new'}},fuid:'{file}'", start(5, "SET_INFO")),
        ]
    );
    assert_eq!(events(&feed), [""; 0]);
    for id in 0..5 {
        let tx = feed.session.transaction(id).unwrap();
        assert_eq!((tx.progress(ToServer), tx.progress(ToClient)), (1, 1));
        feed.session.release(id);
    }
    assert_eq!(feed.session.transactions(), 5..5);
}

#[test]
fn chains_and_late_answers_are_followed() {
    let mut feed = new();
    let name = sample::create("a", 1, 0);
    let first = Message { flags: 0, ..Message::new(5, 1, false) }.chained(&[&name[..], &[0; 6]].concat(), 64 + 64);
    let second = Message::new(6, 2, false).chained(&[0; 24], 0);
    feed.push(ToServer, &sample::record(&[first, second].concat()));
    let late = Message { status: 0x103, flags: 3, ..Message::new(5, 1, true) };
    feed.push(ToClient, &late.with(&[0; 9]));
    assert_eq!(records(&feed).iter().filter(|record| record.contains("status")).count(), 0, "pending is no answer");
    feed.push(ToClient, &Message { flags: 3, tree: 99, ..Message::new(5, 1, true) }.with(&sample::created(9, 0)));
    feed.push(ToClient, &Message { status: 0xc000_0022, ..Message::new(6, 2, true) }.with(&[0; 9]));
    let records = records(&feed);
    assert!(records[0].contains("'STATUS_SUCCESS'") && records[0].contains("tree_id:5,filename:'a'"), "{records:?}");
    assert!(records[1].contains("'SMB2_COMMAND_CLOSE',status:'STATUS_ACCESS_DENIED',status_code:'0xc0000022'"));
    assert_eq!((records.len(), events(&feed)), (2, vec![]));
}

#[test]
fn smb1_is_read_as_well() {
    let mut feed = new();
    feed.push(ToServer, &smb1(0x72, false, 1, &[], b"\x02PC NETWORK\0\x02NT LM 0.12\0"));
    let chosen = body(&[(1, 2), (0, 1), (0, 2), (0, 2), (0, 4), (0, 4), (0, 4), (0x8000_0000, 4), (0, 8), (0, 3)]);
    feed.push(ToClient, &smb1(0x72, true, 1, &chosen, &[0x33; 16]));
    let setup = body(&[(0xff, 1), (0, 3), (0, 2), (0, 2), (0, 2), (0, 4), (0, 2), (0, 4), (0, 4)]);
    feed.push(ToServer, &smb1(0x73, false, 2, &setup, b"os\0lm\0"));
    feed.push(ToClient, &smb1(0x73, true, 2, &body(&[(0xff, 1), (0, 3), (0, 2), (0, 2)]), b"OS\0LM\0"));
    let connect = body(&[(0xff, 1), (0, 3), (0, 2), (1, 2)]);
    feed.push(ToServer, &smb1(0x75, false, 3, &connect, b"\0\\\\srv\\IPC$\0?????\0"));
    feed.push(ToClient, &smb1(0x75, true, 3, &body(&[(0xff, 1), (0, 3), (0, 2)]), b"IPC\0"));
    let open =
        body(&[(0xff, 1), (0, 4), (3, 2), (0, 4), (0, 4), (0, 4), (0, 8), (0, 4), (0, 4), (1, 4), (0, 4), (0, 5)]);
    feed.push(ToServer, &smb1(0xa2, false, 4, &open, b"a.b\0"));
    for request in [b"a", b"b"] {
        feed.push(ToServer, &smb1(0x10, false, 0, &[], request));
    }
    feed.push(ToClient, &smb1(0x10, true, 0, &[], &[]));
    let records = records(&feed);
    let answered = |record: &String| record.contains("CHECK_DIRECTORY',status");
    assert_eq!([4, 5].map(|id: usize| answered(&records[id])), [true, false], "both have the same number");
    for (record, wanted) in records.iter().zip([
        "dialect:'NT LM 0.12',command:'SMB1_COMMAND_NEGOTIATE_PROTOCOL',status:'STATUS_SUCCESS',status_code:'0x0',\
         session_id:4,tree_id:2,client_dialects:['PC NETWORK','NT LM 0.12'],server_guid:'33333333-",
        "request:{native_os:'os',native_lm:'lm'},response:{native_os:'OS',native_lm:'LM'}",
        "named_pipe:'\\\\srv\\IPC$',service:{request:'?????',response:'IPC'}",
        "tree_id:2,filename:'a.b',disposition:'FILE_OPEN',access:'normal'",
    ]) {
        assert!(record.contains(wanted), "{record}");
    }
    assert_eq!((records.len(), events(&feed)), (6, vec![]));
}

#[test]
fn what_is_odd_is_named() {
    let request = |command, body: &[u8]| vec![(ToServer, Message::new(command, 9, false).with(body))];
    let twice = [sample::negotiate(1, &[0x0302]), sample::negotiate(2, &[0x0302])].map(exchange).concat();
    let mut backwards = sample::ntlm("DOM", "ann");
    backwards[32] = 200;
    let blob = |blob: &[u8]| exchange(sample::setup(1, blob)).to_vec();
    for (name, steps, wanted) in [
        ("a body that is cut short", request(5, &[0; 9]), &["malformed_data"][..]),
        ("a name that lies outside", request(3, &body(&[(9, 2), (0, 2), (72, 2), (9, 2)])), &["malformed_data"]),
        ("two negotiations", twice, &["duplicate_negotiate"]),
        ("dialects of no kind", vec![(ToServer, smb1(0x72, false, 1, &[], b"NT"))], &["negotiate_malformed_dialects"]),
        ("a name outside of the message", blob(&backwards), &["malformed_ntlmssp_request"]),
        ("half a message of NTLM", blob(b"NTLMSSP\0\x03\0\0\0"), &["malformed_ntlmssp_request"]),
        ("an answer to the server", vec![(ToServer, Message::new(5, 1, true).with(&[]))], &["response_to_server"]),
        ("a request to the client", vec![(ToClient, Message::new(5, 1, false).with(&[]))], &["request_to_client"]),
        (
            "a chain that ends nowhere",
            vec![(ToServer, sample::record(&Message::new(13, 1, false).chained(&[], 9)))],
            &["malformed_data"],
        ),
        ("an encrypted message", vec![(ToServer, sample::record(b"\xfdSMB and what follows"))], &[]),
        ("no message", [usual(), vec![(ToServer, sample::record(b"what is this"))]].concat(), &["malformed_data"]),
        ("no record", [usual(), vec![(ToServer, b"what is this".to_vec())]].concat(), &["malformed_data"]),
    ] {
        let mut feed = new();
        steps.iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
        assert_eq!((events(&feed).as_slice(), feed.failed), (wanted, false), "{name}");
    }
}

#[test]
fn too_many_transactions_end_it() {
    let mut feed = Feed::new(&PROTOCOL, Session::new(Config { max_tx: 2 }));
    for number in 0..5 {
        feed.push(ToServer, &Message::new(13, number, false).with(&[4, 0, 0, 0]));
    }
    assert_eq!((records(&feed).len(), events(&feed), feed.failed), (2, vec!["too_many_transactions"], true));
}

#[test]
fn behind_a_gap_the_next_message_is_found() {
    let echo = |number| Message::new(13, number, false).with(&[4, 0, 0, 0]);
    for (name, lost) in [("in a message", 40), ("of a message", 72), ("of more", 100)] {
        let mut feed = new();
        feed.push(ToServer, &echo(1));
        feed.push(ToServer, &echo(2)[..20]);
        feed.gap(ToServer, lost);
        feed.push(ToServer, &[&echo(3)[50..], &echo(4)[..], &echo(5)].concat());
        assert_eq!((records(&feed).len(), feed.failed), (3, false), "{name}");
    }
    let mut feed = new();
    let write = Message::new(9, 1, false).with(&[0; 500]);
    feed.push(ToServer, &write[..200]);
    feed.gap(ToServer, 300);
    feed.push(ToServer, &[&write[500..], &echo(2)].concat());
    assert_eq!((records(&feed).len(), events(&feed)), (1, vec![]), "data is passed over");
}

#[test]
fn connections_tell_themselves_and_which_way_they_go() {
    let [request, response] = sample::negotiate(1, &[0x0302]);
    let old = smb1(0x72, true, 1, &[], &[]);
    for (bytes, dir, wanted) in [
        (&request[..], ToServer, Probe::Yes(ToServer)),
        (&request, ToClient, Probe::Yes(ToServer)),
        (&response, ToServer, Probe::Yes(ToClient)),
        (&old, ToServer, Probe::Yes(ToClient)),
        (&old[..10], ToServer, Probe::Unsure),
        (&request[..5], ToServer, Probe::Unsure),
        (b"\0\0\0\x09\xfdSMB", ToClient, Probe::Yes(ToClient)),
        (b"\0\0\0\x09\xfdSMX", ToClient, Probe::No),
        (b"\x81\0\0\x44 CK", ToServer, Probe::Yes(ToServer)),
        (b"\x81\0\0\x44\0CKF", ToServer, Probe::No),
        (b"\x82\0\0\0", ToClient, Probe::Yes(ToClient)),
        (b"\x82\0\0\0", ToServer, Probe::Unsure),
        (b"\x83\0\0\x01\x80", ToClient, Probe::Yes(ToClient)),
        (b"", ToClient, Probe::Unsure),
        (b"GET", ToClient, Probe::No),
    ] {
        assert_eq!(probe(bytes, dir, false), wanted, "{bytes:?}");
    }
}

proptest! {
    /// Where TCP cuts the streams must not change what is read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..90, 1..40)) {
        let mut whole = new();
        usual().iter().for_each(|(dir, bytes)| whole.push(*dir, bytes));
        let mut cut = new();
        let mut cuts = cuts.into_iter().cycle();
        for (dir, bytes) in usual() {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(cuts.next().unwrap_or(90).min(rest.len()));
                cut.push(dir, piece);
                rest = after;
            }
        }
        prop_assert_eq!(records(&cut), records(&whole));
    }

    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..300, any::<u8>()), 0..12)) {
        let mut feed = new();
        for (dir, mut bytes) in usual() {
            for (at, value) in &flips {
                if let Some(byte) = bytes.get_mut(*at) {
                    *byte = *value;
                }
            }
            feed.push(dir, &bytes);
        }
        records(&feed);
    }
}
