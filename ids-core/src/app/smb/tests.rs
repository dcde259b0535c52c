//! Connections in, what is seen of them out.

use proptest::prelude::*;

use super::sample::{self, Message, body, smb1};
use super::session::Session;
use super::*;
use crate::app::dcerpc::sample as rpc;
use crate::app::harness::{self, EXTENDED, text};
use crate::app::parser::{Detail, Session as _};
use crate::field::Dir::{ToClient, ToServer};

type Feed = harness::Feed<Session>;

fn new() -> Feed {
    Feed::new(&PROTOCOL, Session::new(Config::default(), Care::default()))
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

/// The body of WRITE: these bytes at this place of a file.
fn write(file: u8, place: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = body(&[(49, 2), (112, 2), (bytes.len() as u64, 4), (place, 8)]);
    out.extend([file; 16]);
    out.extend([0; 16]);
    out.extend(bytes);
    out
}

/// READ of this place of a file, and its answer with these bytes.
fn read(number: u64, file: u8, place: u64, bytes: &[u8]) -> [Vec<u8>; 2] {
    let mut request = body(&[(49, 2), (0, 2), (4096, 4), (place, 8)]);
    request.extend([file; 16]);
    request.extend([0; 17]);
    let mut response = body(&[(17, 2), (80, 1), (0, 1), (bytes.len() as u64, 4), (0, 8)]);
    response.extend(bytes);
    [Message::new(8, number, false).with(&request), Message::new(8, number, true).with(&response)]
}

/// A file is opened under a share of this kind, in tree 5.
fn opened(name: &str, kind: u64) -> Vec<(Dir, Vec<u8>)> {
    let open = [
        Message::new(5, 2, false).with(&sample::create(name, 1, 0)),
        Message::new(5, 2, true).with(&sample::created(9, 0)),
    ];
    [exchange(sample::tree(1, "\\\\srv\\x", kind)), exchange(open)].concat()
}

/// It is closed.
fn closed(number: u64) -> [(Dir, Vec<u8>); 2] {
    let mut request = body(&[(24, 2), (0, 2), (0, 4)]);
    request.extend([9; 16]);
    exchange([Message::new(6, number, false).with(&request), Message::new(6, number, true).with(&[0; 60])])
}

/// A file is written in pieces, read in one, and closed.
fn transfers() -> Vec<(Dir, Vec<u8>)> {
    let written = |number, place, bytes: &[u8]| {
        exchange([
            Message::new(9, number, false).with(&write(9, place, bytes)),
            Message::new(9, number, true).with(&[0; 16]),
        ])
    };
    let steps = [
        written(10, 0, b"one "),
        written(11, 8, b"three"),
        written(12, 4, b"two "),
        exchange(read(13, 9, 0, b"one two three")),
        closed(14),
    ];
    [opened("a.txt", 1), steps.concat()].concat()
}

/// Name, size, state and content of the files of all transactions.
fn files(feed: &Feed) -> Vec<String> {
    let txs = feed.session.transactions().filter_map(|id| feed.session.transaction(id));
    let both = txs.flat_map(|tx| Dir::BOTH.map(|dir| (tx, dir)));
    both.flat_map(|(tx, dir)| tx.files(dir).iter().map(move |file| (tx, dir, file)))
        .map(|(tx, dir, file)| {
            let field = fields::FIELDS.iter().position(|field| field.info.name == "file.data").unwrap();
            let content = match tx.field(field, dir, 0, &mut Vec::new()) {
                crate::field::Value::Stream { data, .. } => String::from_utf8_lossy(data).into_owned(),
                _ => String::new(),
            };
            let name = String::from_utf8_lossy(&file.name);
            format!("{} {name} {} {} {content}", dir.name(), file.size, file.state.name())
        })
        .collect()
}

#[test]
fn what_is_read_and_written_is_a_file_each() {
    let mut feed = new();
    transfers().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    assert_eq!(files(&feed), ["to_server a.txt 13 CLOSED one two three", "to_client a.txt 13 CLOSED one two three"]);
    feed.look();
    let records = records(&feed);
    assert_eq!(records.len(), 5, "{records:?}");
    for (record, command) in records[2..4].iter().zip(["WRITE", "READ"]) {
        assert!(record.contains(&format!("'SMB2_COMMAND_{command}',status:'STATUS_SUCCESS'")), "{record}");
        assert!(record.contains("filename:'a.txt',share:'\\\\srv\\x',fuid:'09090909-"), "{record}");
    }
    assert_eq!(events(&feed), [""; 0]);
}

#[test]
fn what_is_lost_of_a_file_is_a_hole_in_it() {
    let mut feed = new();
    opened("a", 1).iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    let message = Message::new(9, 3, false).with(&write(9, 0, &[b'x'; 500]));
    feed.push(ToServer, &message[..216]);
    feed.gap(ToServer, 100);
    feed.push(ToServer, &message[316..]);
    closed(4).iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    assert_eq!(files(&feed), [format!("to_server a 500 TRUNCATED {}", "x".repeat(300))]);
    feed.push(ToServer, &Message::new(9, 5, false).with(&write(8, 0, b"of a file that nobody opened")));
    feed.session.parse(harness::input(ToServer, &[], true));
    assert_eq!(files(&feed)[1], "to_server  28 TRUNCATED of a file that nobody opened");
}

#[test]
fn files_that_are_forgotten_end() {
    let written = |number, file| (ToServer, Message::new(9, number, false).with(&write(file, 0, b"some")));
    let again = opened("b", 1)[2..].to_vec();
    let call = rpc::packet(0, 3, 2, &rpc::head(9, b"x"));
    let called = (ToServer, Message::new(9, 3, false).with(&write(9, 0, &call)));
    for (name, kind, first, over) in [
        ("one of the same number", 1, written(3, 9), true),
        ("another one", 1, written(3, 8), false),
        ("a pipe of the same number", 2, called, true),
    ] {
        let mut feed = new();
        [opened("a", kind), vec![first], again.clone()].concat().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
        assert_eq!(feed.session.transaction(2).unwrap().progress(ToClient) == 1, over, "{name}");
    }
    let mut feed = new();
    for number in 0..1025_u64 {
        let mut body = write(0, 0, b"some");
        body[16..24].copy_from_slice(&number.to_le_bytes());
        feed.push(ToServer, &Message::new(9, number, false).with(&body));
    }
    assert_eq!(files(&feed)[0], "to_server  4 TRUNCATED some", "the oldest of too many");
}

#[test]
fn too_much_is_told() {
    let limited = Config { max_read_size: 100, max_write_size: 100, ..Config::default() };
    for (name, steps, wanted) in [
        ("negotiated", exchange(sample::negotiate(1, &[0x0302])).to_vec(), "negotiate_max_read_size_too_large"),
        ("asked for", vec![(ToServer, read(1, 9, 0, b"x")[0].clone())], "read_request_too_large"),
        (
            "written",
            vec![(ToServer, Message::new(9, 1, false).with(&write(9, 0, &[0; 101])))],
            "write_request_too_large",
        ),
    ] {
        let mut feed = Feed::new(&PROTOCOL, Session::new(limited, Care::default()));
        steps.iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
        assert_eq!(events(&feed), [wanted], "{name}");
    }
}

#[test]
fn calls_go_through_pipes() {
    let [ask, answer] = rpc::bind(1, 1, 7, 0);
    let request = rpc::packet(0, 3, 2, &rpc::head(9, b"arguments"));
    let response = rpc::packet(2, 3, 2, &rpc::head(0, b"results"));
    let (first, rest) = response.split_at(20);
    let mut control = body(&[(57, 2), (0, 2), (0x0011_c017, 4)]);
    control.extend([9; 16]);
    control.extend(body(&[(120, 4), (request.len() as u64, 4), (0, 4), (0, 4), (0, 4), (9, 4), (1, 4), (0, 4)]));
    let mut controlled = body(&[(49, 2), (0, 2), (0x0011_c017, 4)]);
    controlled.extend([9; 16]);
    controlled.extend(body(&[(0, 4), (0, 4), (112, 4), (first.len() as u64, 4), (0, 8)]));
    let steps = [
        exchange([Message::new(9, 3, false).with(&write(9, 0, &ask)), Message::new(9, 3, true).with(&[0; 16])]),
        exchange(read(4, 9, 0, &answer)),
        exchange([
            Message::new(11, 5, false).with(&[control, request].concat()),
            Message { status: 0x8000_0005, ..Message::new(11, 5, true) }.with(&[&controlled, first].concat()),
        ]),
        exchange(read(6, 9, 0, rest)),
    ];
    for pipes in [opened("svcctl", 2), vec![]] {
        let mut feed = new();
        [pipes.clone(), steps.concat()].concat().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
        let calls: Vec<_> = records(&feed).into_iter().filter(|record| record.contains("dcerpc")).collect();
        let interface =
            "interfaces:[{uuid:'33221101-5544-7766-0809-0a0b0c0d0e0f',version:'7.0',ack_result:0,ack_reason:0}]";
        assert!(calls[0].contains("'SMB2_COMMAND_WRITE',status:'STATUS_SUCCESS'"), "{}", calls[0]);
        assert!(calls[0].ends_with(&format!("dcerpc:{{request:'BIND',response:'BINDACK',{interface},call_id:1}}")));
        let wanted = format!(
            "dcerpc:{{request:'REQUEST',response:'RESPONSE',opnum:9,{interface},\
             req:{{frag_cnt:1,stub_data_size:9}},res:{{frag_cnt:1,stub_data_size:7}},call_id:2}}"
        );
        assert!(calls[1].contains("'SMB2_COMMAND_IOCTL'") && calls[1].ends_with(&wanted), "{}", calls[1]);
        assert_eq!((calls.len(), records(&feed).len() - 2, files(&feed).len()), (2, pipes.len() / 2, 0));
    }
}

#[test]
fn files_and_pipes_of_smb1() {
    let words = |file: u64, rest: &[(u64, usize)]| [body(&[(0xff, 1), (0, 3), (file, 2)]), body(rest)].concat();
    let mut feed = new();
    let place = |length: u64| words(9, &[(0, 4), (0, 8), (0, 2), (length, 2), (64, 2), (0, 4)]);
    feed.push(ToServer, &smb1(0x2f, false, 1, &place(5), b"\0hello"));
    feed.push(ToClient, &smb1(0x2f, true, 1, &body(&[(0xff, 1), (0, 11)]), &[]));
    feed.push(ToServer, &smb1(0x2e, false, 2, &words(9, &[(0, 4), (9, 2), (0, 8), (0, 4)]), &[]));
    let answer = body(&[(0xff, 1), (0, 9), (3, 2), (60, 2), (0, 10)]);
    feed.push(ToClient, &smb1(0x2e, true, 2, &answer, b"\0bye"));
    feed.push(ToServer, &smb1(0x04, false, 3, &body(&[(9, 2), (0, 4)]), &[]));
    feed.push(ToClient, &smb1(0x04, true, 3, &[], &[]));
    assert_eq!(files(&feed), ["to_server  5 CLOSED hello", "to_client  3 CLOSED bye"]);
    let request = rpc::packet(0, 3, 2, &rpc::head(9, b"x"));
    let setup = body(&[(0, 22), (request.len() as u64, 2), (67, 2), (2, 2), (0x26, 2), (8, 2)]);
    feed.push(ToServer, &smb1(0x25, false, 4, &setup, &request));
    let response = rpc::packet(2, 3, 2, &rpc::head(0, b"y"));
    let back = body(&[(0, 12), (response.len() as u64, 2), (55, 2), (0, 4)]);
    feed.push(ToClient, &smb1(0x25, true, 4, &back, &response));
    let records = records(&feed);
    assert!(records[3].contains("'SMB1_COMMAND_TRANS'") && records[3].contains("response:'RESPONSE'"), "{records:?}");
    assert_eq!(events(&feed), [""; 0]);
}

#[test]
fn of_too_many_transactions_the_oldest_end() {
    let mut feed = Feed::new(&PROTOCOL, Session::new(Config { max_tx: 2, ..Config::default() }, Care::default()));
    for number in 0..9 {
        feed.push(ToServer, &echo(number));
    }
    let over = |feed: &Feed| {
        let txs = feed.session.transactions().filter_map(|id| feed.session.transaction(id));
        txs.map(|tx| (tx.progress(ToClient), tx.events().len())).collect::<Vec<_>>()
    };
    assert_eq!((over(&feed), feed.failed), (vec![(1, 1), (1, 1), (0, 1), (0, 1)], false));
    assert_eq!(events(&feed), ["too_many_transactions"; 4]);
    (5..7).for_each(|id| feed.session.release(id));
    feed.push(ToClient, &Message::new(13, 8, true).with(&[4, 0, 0, 0]));
    assert_eq!(over(&feed), [(0, 1), (1, 1)]);
    feed.session.release(8);
    feed.push(ToServer, &echo(9));
    assert_eq!(over(&feed), [(0, 1), (0, 0)], "it goes on");
}

#[test]
fn a_file_whose_transaction_had_to_end_goes_on() {
    let mut feed = Feed::new(&PROTOCOL, Session::new(Config { max_tx: 1, ..Config::default() }, Care::default()));
    feed.push(ToServer, &Message::new(9, 1, false).with(&write(9, 0, b"first")));
    feed.push(ToServer, &Message::new(9, 2, false).with(&write(9, 99, b"early")));
    assert_eq!(files(&feed), ["to_server  5 UNKNOWN first"]);
    feed.push(ToServer, &echo(3));
    assert_eq!(files(&feed), ["to_server  104 TRUNCATED early"]);
    feed.push(ToServer, &Message::new(9, 4, false).with(&write(9, 11, b" and last")));
    feed.push(ToServer, &Message::new(9, 5, false).with(&write(9, 5, b"second")));
    assert_eq!(files(&feed), ["to_server  20 UNKNOWN second and last"]);
}

#[test]
fn unanswered_commands_of_one_number_are_bounded() {
    let mut feed = new();
    for _ in 0..100 {
        feed.push(ToServer, &echo(1));
    }
    feed.push(ToClient, &Message::new(13, 1, true).with(&[4, 0, 0, 0]));
    let answered = records(&feed).iter().filter(|record| record.contains("status")).count();
    assert_eq!(answered, 64, "the oldest are forgotten");
}

#[test]
fn after_a_batch_there_is_time_to_inspect() {
    let mut session = Session::new(Config::default(), Care::default());
    let all: Vec<u8> = (0..600).flat_map(echo).collect();
    let length = echo(0).len();
    for (used, begun) in [(0, 256), (256, 512), (512, 600)] {
        let rest = &all[used * length..];
        let need = usize::from(begun < 600);
        let wanted = crate::app::parser::Parsed::Used { bytes: (begun - used) * length, need };
        assert_eq!(session.parse(harness::input(ToServer, rest, false)), wanted);
        assert_eq!(session.transactions(), 0..begun as u64, "answers are not waited for");
    }
}

/// A command of which nothing is told.
fn echo(number: u64) -> Vec<u8> {
    Message::new(13, number, false).with(&[4, 0, 0, 0])
}

#[test]
fn behind_a_gap_the_next_message_is_found() {
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
        let all = [usual(), transfers()].concat();
        let mut whole = new();
        all.iter().for_each(|(dir, bytes)| whole.push(*dir, bytes));
        let mut cut = new();
        let mut cuts = cuts.into_iter().cycle();
        for (dir, bytes) in all {
            cut.push_cut(dir, &bytes, &mut cuts);
        }
        prop_assert_eq!(records(&cut), records(&whole));
        prop_assert_eq!(files(&cut), files(&whole));
    }

    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..300, any::<u8>()), 0..12)) {
        let mut feed = new();
        for (dir, mut bytes) in [usual(), transfers()].concat() {
            harness::overwrite(&mut bytes, &flips);
            feed.push(dir, &bytes);
        }
        records(&feed);
    }
}
