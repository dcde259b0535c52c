//! Connections in, what is seen of them out.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::session::Ftp;
use super::*;
use crate::app::config::Config as App;
use crate::app::expected::{Expected, Topic};
use crate::app::file::State;
use crate::app::harness::{self, EXTENDED, input};
use crate::app::parser::{Detail, Parsed, Session as _};
use crate::app::state::Facts;
use crate::field::Value;

type Feed = harness::Feed<Ftp>;

const C: Dir = Dir::ToServer;
const S: Dir = Dir::ToClient;
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn new(config: Config) -> Feed {
    Feed::new(&PROTOCOL, Ftp::new(config, Some(CLIENT)))
}

fn run(talk: &[(Dir, &str)]) -> Feed {
    let mut feed = new(Config::default());
    talk.iter().for_each(|(dir, text)| feed.push(*dir, text.as_bytes()));
    feed
}

/// What the record of a transaction shows, and the names of its events.
fn shown(session: &Ftp, id: u64) -> (String, Vec<&'static str>) {
    let tx = session.transaction(id).unwrap();
    let events = tx.events().iter().map(|event| PROTOCOL.events[usize::from(*event)]).collect();
    (harness::text(|out| tx.record(&Detail::default(), out)), events)
}

const TALK: &[(Dir, &str)] = &[
    (S, "220 (server)\r\n"),
    (C, "USER bob\r\n"),
    (S, "230-Welcome\r\n 230 not yet\r\n230 in\r\n"),
    (C, "PORT 192,0,2,1,4,1\r\n"),
    (S, "200 ok\r\n"),
    (C, "retr a.txt\r\n"),
    (S, "150 opening\r\n"),
    (S, "226 done\r\n"),
    (C, "EPSV\r\n"),
    (S, "229 Entering (|||6446|)\r\n"),
];

#[test]
fn a_command_with_its_replies_is_a_transaction() {
    let feed = run(TALK);
    let rest = "reply_received:'yes',reply_truncated:false";
    for (id, expected) in [
        (0, "command_truncated:false,completion_code:['220'],reply:['(server)'],reply_received:'no',reply_truncated:false".into()),
        (1, format!("command:'USER',command_data:'bob',command_truncated:false,completion_code:['230','230'],reply:['Welcome',' 230 not yet','in'],{rest}")),
        (2, format!("command:'PORT',command_data:'192,0,2,1,4,1',command_truncated:false,completion_code:['200'],reply:['ok'],dynamic_port:1025,mode:'active',{rest}")),
        (3, format!("command:'retr',command_data:'a.txt',command_truncated:false,completion_code:['150','226'],reply:['opening','done'],{rest}")),
        (4, format!("command:'EPSV',command_truncated:false,completion_code:['229'],reply:['Entering (|||6446|)'],dynamic_port:6446,mode:'passive',{rest}")),
    ] {
        assert_eq!(shown(&feed.session, id), (expected, vec![]), "{id}");
        assert_eq!(feed.session.transaction(id).unwrap().progress(S), 1, "{id}");
    }
    assert_eq!(feed.session.transactions(), 0..5);
    feed.look();
}

#[test]
fn data_connections_are_announced() {
    let expected = |opener, to, port, command, name: &str| {
        let topic = Topic { command, name: name.as_bytes().to_vec() };
        Some(Expected { opener, to, port, proto: "ftp-data", topic })
    };
    let port = (C, "PORT 192,0,2,1,4,1\r\n");
    for (name, talk, want) in [
        ("active", &[port, (C, "RETR a\r\n")][..], expected(S, Some(CLIENT), 1025, "RETR", "a")),
        ("extended", &[(C, "EPRT |1|192.0.2.1|1025|\r\nSTOR b c\r\n")], expected(S, Some(CLIENT), 1025, "STOR", "b c")),
        ("passive", &[(C, "PASV\r\n"), (S, "220 a\r\n227 (10,0,0,1,4,2)\r\n"), (C, "LIST -l\r\n")], None),
        (
            "passive, late",
            &[(S, "220 a\r\n"), (C, "PASV\r\n"), (S, "227 (10,0,0,1,4,2)\r\n"), (C, "LIST -l\r\n")],
            expected(C, None, 1026, "LIST", ""),
        ),
        ("not yet", &[port], None),
        ("to nowhere", &[(C, "RETR a\r\n")], None),
    ] {
        assert_eq!(run(talk).session.expects(), want, "{name}");
    }
}

#[test]
fn what_is_odd_is_named() {
    let long = format!("RETR {}\r\n", "x".repeat(5000));
    let reply = format!("200 {}\r\n", "x".repeat(5000));
    for (name, talk, events) in [
        ("nothing", &[(C, "USER a\r\n"), (S, "331 b\r\n")][..], &[][..]),
        ("no port", &[(C, "RETR a\r\n")], &["file_before_port"]),
        ("no name", &[(C, "STOR\r\n")], &["file_before_port", "file_without_name"]),
        ("a list needs none", &[(C, "LIST\r\n")], &["file_before_port"]),
        ("a long command", &[(C, &long)], &["request_command_too_long", "file_before_port"]),
        ("a long reply", &[(C, "USER a\r\n"), (S, &reply)], &["response_command_too_long"]),
    ] {
        let feed = run(talk);
        assert_eq!(feed.events(), events, "{name}");
        feed.look();
    }
    let (record, _) = shown(&run(&[(C, &long), (C, "QUIT\r\n")]).session, 0);
    assert!(record.contains(&format!("'{}',command_truncated:true", "x".repeat(4091))));
}

#[test]
fn there_is_a_limit_to_commands_without_replies() {
    let mut feed = new(Config { max_tx: 2, ..Config::default() });
    feed.push(C, b"PWD\r\nPWD\r\n");
    assert!(!feed.failed);
    feed.push(C, b"PWD\r\n");
    assert!(feed.failed);
    assert_eq!(shown(&feed.session, 1).1, ["too_many_transactions"]);
    let mut feed = new(Config { max_tx: 2, ..Config::default() });
    feed.push(S, &b"\n".repeat(1000));
    assert_eq!(feed.session.transactions(), 0..2);
}

#[test]
fn clients_that_send_others_to_somebody_are_seen() {
    for (command, bounces) in [
        ("PORT 192,0,2,1,4,1", "0"),
        ("PORT 192,0,2,2,0,80", "1"),
        ("EPRT |1|192.0.2.2|80|", "1"),
        ("PORT 1,2", "0"),
        ("USER 192,0,2,2,0,80", "0"),
    ] {
        assert_eq!(run(&[(C, &format!("{command}\r\n"))]).values("ftpbounce", C), [bounces], "{command}");
    }
}

#[test]
fn tls_follows_if_the_server_agrees() {
    for (answer, switches) in [("234 go\r\n", true), ("530 no\r\n", false)] {
        let mut session = Ftp::new(Config::default(), None);
        session.parse(input(C, b"AUTH TLS\r\n", false));
        let parsed = session.parse(input(S, answer.as_bytes(), false));
        assert_eq!(matches!(parsed, Parsed::Switch { bytes: 8, to: Some("tls") }), switches, "{answer}");
    }
}

#[test]
fn behind_lost_bytes_lines_are_found_again() {
    let mut feed = run(&[(C, "USER a\r\nPA")]);
    feed.gap(C, 3);
    feed.push(C, b"S b\r\nQUIT\r\n");
    feed.push(S, b"221 bye\r\n");
    assert!(shown(&feed.session, 1).0.starts_with("command:'QUIT'"));
    assert_eq!(feed.session.transactions(), 0..2);
}

/// A data connection of which this is said, after the bytes of a direction and its end.
fn data(command: &'static str, name: &str, pieces: &[(Dir, &str, bool)]) -> Box<dyn crate::app::parser::Session> {
    let mut session = data::PROTOCOL.session.unwrap()(&App::default(), Facts::default());
    session.about(&Topic { command, name: name.as_bytes().to_vec() });
    for (dir, text, last) in pieces {
        session.parse(input(*dir, text.as_bytes(), *last));
    }
    session
}

#[test]
fn a_data_connection_brings_a_file() {
    let mut session = data("RETR", "a.txt", &[(S, "con", false), (C, "", true), (S, "tent", true)]);
    let tx = session.transaction(0).unwrap();
    assert_eq!(harness::text(|out| tx.record(&EXTENDED, out)), "command:'RETR',filename:'a.txt'");
    assert_eq!(tx.field(1, S, 0, &mut Vec::new()), Value::Stream { data: b"content", offset: 0, complete: true });
    assert_eq!(tx.field(1, C, 0, &mut Vec::new()), Value::Absent);
    assert_eq!((tx.field(0, C, 0, &mut Vec::new()), tx.progress(C)), (Value::Uint(3), 1));
    assert_eq!(session.files_mut(0, S)[0].state, State::Closed);
    session.release(0);
    assert!(session.transaction(0).is_none());
    let session = data("LIST", "", &[(S, "a.txt\r\n", true)]);
    let tx = session.transaction(0).unwrap();
    assert_eq!((tx.files(S).len(), tx.progress(S)), (0, 1));
}

#[test]
fn files_may_come_in_part() {
    let mut session = data("STOR", "a", &[(C, "con", false)]);
    session.gap(C, 5);
    session.parse(input(C, b"t", true));
    let file = &session.files_mut(0, C)[0];
    assert_eq!((file.size, file.gaps, file.state), (9, true, State::Truncated));
    let mut session = data("STOR", "a", &[(C, "con", false)]);
    session.cut(C);
    session.parse(input(C, b"t", true));
    assert_eq!(session.files_mut(0, C)[0].state, State::Truncated);
}

proptest! {
    /// Where TCP cuts the streams must not change what is read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..20, 1..40)) {
        let whole = run(TALK);
        let mut cut = new(Config::default());
        let mut cuts = cuts.into_iter().cycle();
        for (dir, text) in TALK {
            cut.push_cut(*dir, text.as_bytes(), &mut cuts);
        }
        for id in 0..5 {
            prop_assert_eq!(shown(&cut.session, id), shown(&whole.session, id));
        }
    }

    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..40, any::<u8>()), 1..8)) {
        let mut feed = new(Config::default());
        for (dir, text) in TALK {
            let mut bytes = text.as_bytes().to_vec();
            harness::overwrite(&mut bytes, &flips);
            feed.push(*dir, &bytes);
        }
        for id in feed.session.transactions() {
            shown(&feed.session, id);
        }
    }
}
