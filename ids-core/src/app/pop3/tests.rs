//! Connections in, what is seen of them out.

use proptest::prelude::*;

use super::session::Session;
use super::*;
use crate::app::file::State;
use crate::app::harness::{self, EXTENDED, input, text};
use crate::app::mime;
use crate::app::parser::{Detail, Parsed, Session as _};

type Feed = harness::Feed<Session>;

const C: Dir = Dir::ToServer;
const S: Dir = Dir::ToClient;

fn session() -> Session {
    Session::new(&mime::Config { inspect_minimum: 0, ..mime::Config::default() }, Care::default())
}

fn run(talk: &[(Dir, &str)]) -> Feed {
    let mut feed = Feed::new(&PROTOCOL, session());
    talk.iter().for_each(|(dir, text)| feed.push(*dir, text.as_bytes()));
    feed
}

/// Of each transaction, what the record shows and the names of the events.
fn seen(feed: &Feed) -> Vec<String> {
    let all = feed.session.transactions().map(|id| feed.session.transaction(id).unwrap());
    all.map(|tx| {
        let events: String = tx.events().iter().map(|event| format!(" {}", EVENTS[usize::from(*event)])).collect();
        text(|out| {
            tx.record(&EXTENDED, out);
            tx.record_beside(&Detail::default(), out);
        }) + &events
    })
    .collect()
}

fn ok(command: &str, header: &str, data: &str) -> String {
    format!("request:{{command:{command}}},response:{{success:true,status:'OK',header:'{header}',data:[{data}]}}")
}

const MAIL: &str = "From: A <a@x>\r\nTo: b@x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\n\r\n..\r\nhttp://www.a.example/x\r\n\
    --b\r\nContent-Disposition: attachment; filename=f.txt\r\n\r\n..one\r\n.two\r\n--b--\r\n.\r\n";

const TALK: &[(Dir, &str)] = &[
    (S, "+OK ready <1@x>\r\n"),
    (C, "CAPA\r\n"),
    (S, "+OK\r\nTOP\r\nUSER\r\n.\r\n"),
    (C, "AUTH PLAIN\r\n"),
    (S, "+ \r\n"),
    (C, "AGEAYg==\r\n"),
    (S, "-ERR no\r\n"),
    (C, "USER a\r\nPASS b c\r\nLIST\r\n"),
    (S, "+OK\r\n+OK in\r\n+OK 2 messages\r\n1 10\r\n..2 20\r\n.\r\n"),
    (C, "LIST 1\r\nretr 1\r\n"),
    (S, "+OK 1 10\r\n+OK 10 octets\r\n"),
    (S, MAIL),
    (C, "QUIT\r\n"),
    (S, "+OK bye\r\n"),
];

#[test]
fn a_command_and_its_answer_are_a_transaction() {
    let feed = run(TALK);
    let mail = "email:{status:'PARSE_DONE',from:'A <a@x>',to:['b@x'],attachment:['f.txt'],url:['www.a.example/x']}";
    assert_eq!(
        seen(&feed),
        [
            "response:{success:true,status:'OK',header:'ready <1@x>',data:[]}".to_owned(),
            ok("'CAPA',args:[]", "", "'TOP','USER'"),
            ok("'AUTH',args:['PLAIN']", "", ""),
            "request:{command:'<SASL DATA>',args:[]},response:{success:false,status:'ERR',header:'no',data:[]}"
                .to_owned(),
            ok("'USER',args:['a']", "", ""),
            ok("'PASS',args:['b c']", "in", ""),
            ok("'LIST',args:[]", "2 messages", "'1 10','.2 20'"),
            ok("'LIST',args:['1']", "1 10", ""),
            ok("'RETR',args:['1']", "10 octets", "") + "," + mail,
            ok("'QUIT',args:[]", "bye", ""),
        ]
    );
    let complete =
        |id| feed.session.transaction(id).is_some_and(|tx| Dir::BOTH.iter().all(|dir| tx.progress(*dir) == 1));
    assert!(feed.session.transactions().all(complete));
    feed.look();
}

#[test]
fn a_message_that_is_fetched_is_mail() {
    let mut feed = run(&[(C, "RETR 1\r\n"), (S, "+OK\r\n"), (S, MAIL)]);
    assert_eq!(feed.values("file.data", S), [".one\r\ntwo"]);
    assert_eq!(feed.values("email.from", S), ["A <a@x>"]);
    assert!(feed.values("email.from", C).is_empty());
    assert_eq!(feed.session.files_mut(0, S)[0].state, State::Closed);
    assert!(feed.session.files_mut(0, C).is_empty());
    let cut = MAIL.split_inclusive("..one\r\n").next().unwrap();
    let mut part = run(&[(C, "TOP 1 9\r\n"), (S, "+OK\r\n"), (S, cut), (S, ".\r\n")]);
    assert_eq!(part.session.files_mut(0, S)[0].state, State::Truncated);
    assert!(seen(&run(&[(C, "TOP 1 0\r\n"), (S, "+OK\r\nFrom: a@x\r\n\r\n.\r\n")]))[0].contains("PARSE_DONE"));
}

#[test]
fn passwords_can_be_left_out() {
    for command in ["PASS secret", "APOP a secret", "AUTH PLAIN secret"] {
        let feed = run(&[(C, command), (C, "\r\n")]);
        for hide_passwords in [true, false] {
            let shown = feed.record(&Detail { hide_passwords, ..Detail::default() });
            assert_eq!(shown.contains("secret"), !hide_passwords, "{command}");
        }
    }
}

#[test]
fn what_is_odd_is_named() {
    let long = format!("DELE {}\r\n", "1".repeat(300));
    let endless = "x".repeat(20_000);
    let auth = format!("AUTH PLAIN {}\r\n", "A".repeat(300));
    let header = format!("+OK {}\r\n", "x".repeat(600));
    for (name, talk, events) in [
        ("nothing", &[(C, "NOOP\r\n"), (S, "+OK\r\n")][..], &[][..]),
        ("no such command", &[(C, "HELP\r\n")], &["unknown_command"]),
        ("no argument", &[(C, "USER\r\n")], &["incorrect_argument_count"]),
        ("too many arguments", &[(C, "RETR 1 2\r\n")], &["incorrect_argument_count"]),
        ("a long command", &[(C, &long)], &["request_too_long"]),
        ("an endless command", &[(C, &endless)], &["request_too_long", "unknown_command"]),
        ("a long log-in", &[(C, &auth)], &[]),
        ("a long answer", &[(C, "NOOP\r\n"), (S, &header)], &["response_too_long"]),
    ] {
        let feed = run(talk);
        assert_eq!(feed.events(), events, "{name}");
        feed.look();
    }
    let mut feed = run(&[]);
    (0..257).for_each(|_| feed.push(C, b"NOOP\r\n"));
    assert_eq!(feed.session.transactions(), 1..257);
    let newest = feed.session.transaction(256).unwrap().events();
    assert_eq!(newest, [Event::TooManyTransactions as u8]);
    feed.push(S, b"+OK 1\r\n");
    assert!(seen(&feed)[0].contains("header:'1'"), "the oldest that is left is answered");
}

#[test]
fn tls_may_follow() {
    for (name, answer, next, expected) in [
        ("after a yes", "+OK\r\n", &b""[..], Some(5)),
        ("after a no", "-ERR\r\n", b"\x16\x03", None),
        ("before the answer", "", b"\x16\x03", Some(0)),
    ] {
        let mut session = session();
        session.parse(input(C, b"STLS\r\n", false));
        let parsed = [session.parse(input(S, answer.as_bytes(), false)), session.parse(input(C, next, false))];
        let switch = parsed.into_iter().find_map(|parsed| match parsed {
            Parsed::Switch { bytes, to: Some("tls") } => Some(bytes),
            _ => None,
        });
        assert_eq!(switch, expected, "{name}");
    }
}

#[test]
fn reading_pauses() {
    let commands = "NOOP\r\n".repeat(65);
    assert_eq!(session().parse(input(C, commands.as_bytes(), false)), Parsed::Used { bytes: 64 * 6, need: 1 });
}

#[test]
fn gaps_are_survived() {
    let mut feed = run(&[(C, "RETR 1\r\n"), (S, "+OK\r\nFrom: a@x\r\n\r\nhel")]);
    feed.gap(S, 5);
    feed.push(S, b"lo\r\n.\r\n");
    assert!(seen(&feed)[0].contains("PARSE_ERROR"));
    let mut feed = run(&[(C, "LIST\r\n")]);
    feed.gap(S, 5);
    feed.push(S, b"1 10\r\n2 20\r\n.\r\n");
    feed.push(C, b"NOOP\r\n");
    feed.push(S, b"+OK\r\n");
    assert_eq!(seen(&feed), ["request:{command:'LIST',args:[]}".to_owned(), ok("'NOOP',args:[]", "", "")]);
}

#[test]
fn the_end_of_the_connection_ends_a_message() {
    let mut feed = run(&[(C, "RETR 1\r\n")]);
    feed.session.parse(input(S, b"+OK\r\nFrom: a@x\r\n\r\nhello", true));
    assert!(seen(&feed)[0].contains("PARSE_ERROR"));
    assert_eq!(feed.tx().progress(S), 1);
}

#[test]
fn lists_are_kept_up_to_a_limit() {
    let lines = "1 10\r\n".repeat(10_000);
    let feed = run(&[(C, "LIST\r\n"), (S, "+OK\r\n"), (S, &lines), (S, ".\r\n")]);
    assert!(seen(&feed)[0].len() < 40_000);
    assert_eq!(feed.tx().progress(S), 1);
}

proptest! {
    /// Where TCP cuts the streams must not change what is read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..60, 1..40)) {
        let (whole, mut cut) = (run(TALK), run(&[]));
        let mut cuts = cuts.into_iter().cycle();
        TALK.iter().for_each(|(dir, text)| cut.push_cut(*dir, text.as_bytes(), &mut cuts));
        prop_assert_eq!(seen(&cut), seen(&whole));
    }

    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..300, any::<u8>()), 0..12)) {
        let mut feed = Feed::new(&PROTOCOL, session());
        for (dir, text) in TALK {
            let mut bytes = text.as_bytes().to_vec();
            harness::overwrite(&mut bytes, &flips);
            if feed.session.parse(input(*dir, &bytes, false)) == Parsed::Failed {
                break;
            }
        }
        seen(&feed);
        if feed.session.transaction(0).is_some() {
            feed.look();
        }
    }
}
