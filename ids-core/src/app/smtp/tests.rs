//! Connections in, what is seen of them out.

use proptest::prelude::*;

use super::session::Smtp;
use super::*;
use crate::app::file::State;
use crate::app::frames::{self, Wanted};
use crate::app::harness::{self, EXTENDED, input};
use crate::app::parser::{Detail, Input, Parsed, Session as _};

type Feed = harness::Feed<Smtp>;

const C: Dir = Dir::ToServer;
const S: Dir = Dir::ToClient;

fn session() -> Smtp {
    let mime = mime::Config { body_md5: true, inspect_minimum: 0, ..mime::Config::default() };
    Smtp::new(&Config { raw: false, mime }, Care::default())
}

fn new() -> Feed {
    Feed::new(&PROTOCOL, session())
}

fn run(talk: &[(Dir, &str)]) -> Feed {
    let mut feed = new();
    talk.iter().for_each(|(dir, text)| feed.push(*dir, text.as_bytes()));
    feed
}

/// A mail with an attachment and a dot at the start of a line, sent as servers want it.
const MAIL: &[(Dir, &str)] = &[
    (S, "220-mx.example ESMTP\r\n220 ready\r\n"),
    (C, "EHLO c.example\r\n"),
    (S, "250-mx.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n"),
    (C, "AUTH LOGIN\r\n"),
    (S, "334 VXNlcm5hbWU6\r\n"),
    (C, "DATA\r\n"),
    (S, "235 ok\r\n"),
    (C, "MAIL FROM:<a@x> SIZE=5\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n"),
    (S, "250 ok\r\n250 ok\r\n550 no\r\n354 go ahead\r\n"),
    (
        C,
        "From: A <a@x>\r\nTo: b@x, \"c, d\" <c@x>\r\nSubject: s\r\nX-Mailer: m\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\n\r\nhttp://192.0.2.1/a.exe\r\n..\r\n..dots\r\n\
         --b\r\nContent-Disposition: attachment; filename=f.txt\r\n\r\n..one\r\n.two\r\n--b--\r\n.\r\n",
    ),
    (S, "250 queued\r\n"),
    (C, "QUIT\r\n"),
    (S, "221 bye\r\n"),
];

#[test]
fn a_mail_is_a_transaction() {
    let feed = run(MAIL);
    assert_eq!(feed.events(), [""; 0]);
    assert_eq!(
        feed.record(&EXTENDED),
        "helo:'c.example',mail_from:'<a@x>',rcpt_to:['<b@x>','<c@x>'],\
         email:{status:'PARSE_DONE',from:'A <a@x>',to:['b@x','\"c, d\" <c@x>'],attachment:['f.txt'],\
         url:['192.0.2.1/a.exe'],has_ipv4_url:true,has_exe_url:true,subject:'s',x_mailer:'m',\
         body_md5:'3756faf2da56b22c0207c1cce42ece79',subject_md5:'03c7c0ace395d80182db07ae2c30f034'}"
    );
    assert_eq!(feed.values("file.data", C), [".one\r\ntwo"]);
    assert_eq!(feed.values("smtp.rcpt_to", C), ["<b@x>", "<c@x>"]);
    let tx = feed.session.transaction(1).expect("QUIT is one of its own");
    assert_eq!(harness::text(|out| tx.record(&Detail::default(), out)), "helo:'c.example'");
    assert_eq!((tx.progress(C), feed.tx().progress(S)), (1, 1));
    assert_eq!(feed.session.transactions(), 0..2);
    feed.look();
}

#[test]
fn what_is_odd_is_named() {
    let hello: &[(Dir, &str)] = &[(S, "220 hi\r\n"), (C, "EHLO c\r\n"), (S, "250 ok\r\n")];
    let long = format!("NOOP {}\r\n", "x".repeat(600));
    let endless = "x".repeat(5000);
    let reply = format!("250 {}\r\n", "x".repeat(600));
    for (name, talk, events) in [
        ("nothing", &[(C, "MAIL FROM:<a>\r\n"), (S, "250 ok\r\n")][..], &[][..]),
        ("no reply", &[(C, "NOOP\r\n"), (S, "hello\r\n")], &["invalid_reply"]),
        ("a reply to nothing", &[(S, "250 ok\r\n")], &["unable_to_match_reply_with_request"]),
        ("a server that closes", &[(S, "421 too much\r\n")], &[]),
        ("a long command", &[(C, &long)], &["max_command_line_len_exceeded"]),
        ("an endless command", &[(C, &endless)], &["max_command_line_len_exceeded", "truncated_line"]),
        ("a long reply", &[(C, "NOOP\r\n"), (S, &reply)], &["max_reply_line_len_exceeded"]),
        ("two at once", &[(C, "NOOP\r\nNOOP\r\n")], &["invalid_pipelined_sequence"]),
        ("a chunk of no size", &[(C, "BDAT x\r\n")], &["bdat_chunk_len_exceeded"]),
        ("no TLS", &[(C, "STARTTLS\r\n"), (S, "454 no\r\n")], &["tls_rejected"]),
        ("no message", &[(C, "DATA\r\n"), (S, "503 no\r\n")], &["data_command_rejected"]),
        (
            "two senders",
            &[(C, "MAIL FROM:<a>\r\n"), (S, "250 ok\r\n"), (C, "MAIL FROM:<b>\r\n")],
            &["duplicate_fields"],
        ),
        ("another sender", &[(C, "MAIL FROM:<a>\r\n"), (S, "550 no\r\n"), (C, "MAIL FROM:<b>\r\n")], &[]),
        ("odd mail", &[(C, "DATA\r\n"), (S, "354 go\r\n"), (C, "none\r\n\r\n.\r\n")], &["mime_malformed_msg"]),
    ] {
        let feed = run(&[hello, talk].concat());
        assert_eq!(feed.events(), events, "{name}");
        feed.look();
    }
    let feed = run(&[(C, "EHLO c\r\n"), (S, "250 ok\r\n")]);
    assert_eq!(feed.events(), ["no_server_welcome_message"]);
    assert!(!feed.failed);
}

#[test]
fn what_follows_a_refused_message_is_commands() {
    let feed = run(&[(C, "EHLO c\r\nDATA\r\n"), (S, "220 hi\r\n250 ok\r\n503 no\r\n"), (C, "MAIL FROM:<a>\r\n")]);
    assert_eq!(feed.values("smtp.mail_from", C), ["<a>"]);
}

#[test]
fn messages_come_in_chunks_too() {
    let mut feed = run(&[
        (C, "EHLO c\r\nMAIL FROM:<a>\r\nBDAT 56\r\n"),
        (C, "Content-Disposition: attachment; filename=f\r\n\r\nhel.\r\n.\r\nBDAT 6 LAST\r\nlo\r\n.\nNOOP\r\n"),
    ]);
    assert_eq!(feed.values("file.data", C), ["hel.\r\n.\r\nlo\r\n."]);
    assert_eq!(feed.session.transactions(), 0..2);
    assert_eq!(feed.session.files_mut(0, C)[0].state, State::Closed);
}

#[test]
fn a_reset_ends_a_mail_that_has_begun() {
    for (name, talk, count) in
        [("before", "EHLO c\r\nRSET\r\nNOOP\r\n", 1), ("within", "EHLO c\r\nMAIL FROM:<a>\r\nRSET\r\nNOOP\r\n", 2)]
    {
        assert_eq!(run(&[(C, talk)]).session.transactions(), 0..count, "{name}");
    }
}

/// What STARTTLS comes to, given what the server says and what the client sends then.
fn starttls(answer: &str, next: &[u8]) -> [Parsed; 2] {
    let mut session = session();
    session.parse(input(C, b"EHLO c\nSTARTTLS\n", false));
    let server = session.parse(input(S, answer.as_bytes(), false));
    [server, session.parse(input(C, next, false))]
}

#[test]
fn tls_follows_if_the_server_agrees() {
    let switch = |bytes| Parsed::Switch { bytes, to: Some("tls") };
    assert_eq!(starttls("220 hi\n250 ok\n220 go\nrest", b"")[0], switch(21));
    assert!(matches!(starttls("220 hi\n250 ok\n454 no\n", b"\x16\x03")[1], Parsed::Used { .. }));
    assert_eq!(starttls("", b"\x16\x03\x01")[1], switch(0), "the answer was not seen");
}

#[test]
fn what_is_lost_is_missed_and_no_more() {
    let mut feed = run(&[(S, "220 hi\r\n"), (C, "EHLO c\r\nDATA\r\nContent-Disposition: attachment\r\n\r\nab")]);
    feed.gap(C, 10);
    feed.push(C, b".\r\n.\r\nMAIL FROM:<a>\r\n");
    assert_eq!(feed.session.transactions(), 0..2);
    assert!(feed.record(&EXTENDED).contains("PARSE_ERROR"));
    // The end of the message is lost; the reply to it tells.
    let mut feed = run(&[(C, "EHLO c\r\nDATA\r\na: bc")]);
    feed.gap(C, 10);
    feed.push(S, b"250 queued\r\n");
    feed.push(C, b"MAIL FROM:<b>\r\n");
    assert_eq!(feed.session.transactions(), 0..2);
    assert_eq!(feed.events(), ["no_server_welcome_message"]);
}

#[test]
fn a_mail_that_breaks_off_is_over() {
    let mut feed = run(&[(C, "DATA\r\nContent-Disposition: attachment; filename=f\r\n\r\nab")]);
    feed.session.parse(input(C, b"", true));
    assert_eq!(feed.session.files_mut(0, C)[0].state, State::Truncated);
    assert_eq!(feed.tx().progress(C), 1);
}

#[test]
fn few_mails_are_open_at_a_time() {
    let mut feed = new();
    feed.push(C, b"EHLO c\r\n");
    feed.push(C, "MAIL FROM:<a>\r\nRSET\r\n".repeat(1000).as_bytes());
    let open = feed.session.transactions();
    assert_eq!((open.end - open.start, open.end), (64, 1000));
}

#[test]
fn units_are_frames() {
    let app = crate::app::App::new(Default::default());
    let mut state: crate::app::state::State<(), ()> = Default::default();
    state.want(Wanted::ALL);
    for (dir, text) in
        [(S, "220 hi\r\n"), (C, "EHLO c\r\nDATA\r\n"), (S, "250 ok\r\n354 go\r\n"), (C, "a: b\r\n\r\nc\r\n.\r\n")]
    {
        let input = Input { ports: (40_000, 25), ..input(dir, text.as_bytes(), false) };
        state.data(&app, input, Default::default(), &mut Default::default());
    }
    let shown = |state: &mut crate::app::state::State<(), ()>, dir| {
        let frames = state.frames(dir).map(|open| {
            let name = open.seen.info().map(frames::short).unwrap();
            let bytes: Vec<u8> = open.seen.parts().flat_map(|part| part.data.to_vec()).collect();
            (name, String::from_utf8(bytes).unwrap(), open.seen.place.tx)
        });
        frames.filter(|frame| frame.0 != "stream").collect::<Vec<_>>()
    };
    let frame = |name, text: &str, tx| (name, text.to_owned(), tx);
    assert_eq!(
        shown(&mut state, C),
        [
            frame("command_line", "EHLO c\r\n", Some(0)),
            frame("command_line", "DATA\r\n", Some(0)),
            frame("data", "a: b\r\n\r\nc\r\n", Some(0)),
        ]
    );
    assert_eq!(
        shown(&mut state, S),
        [
            frame("response_line", "220 hi\r\n", None),
            frame("response_line", "250 ok\r\n", Some(0)),
            frame("response_line", "354 go\r\n", Some(0)),
        ]
    );
}

proptest! {
    /// Where TCP cuts the streams must not change what is read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..60, 1..40)) {
        let whole = run(MAIL);
        let mut cut = new();
        let mut cuts = cuts.into_iter().cycle();
        for (dir, text) in MAIL {
            cut.push_cut(*dir, text.as_bytes(), &mut cuts);
        }
        prop_assert_eq!(cut.record(&EXTENDED), whole.record(&EXTENDED));
        prop_assert_eq!(cut.values("file.data", C), whole.values("file.data", C));
        prop_assert_eq!(cut.events(), whole.events());
        prop_assert_eq!(cut.session.transactions(), 0..2);
    }

    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..300, any::<u8>()), 1..12), gap in any::<bool>()) {
        let mut session = session();
        for (dir, text) in MAIL {
            let mut bytes = text.as_bytes().to_vec();
            harness::overwrite(&mut bytes, &flips);
            if gap {
                session.gap(*dir, 5);
            }
            if let Parsed::Switch { .. } = session.parse(input(*dir, &bytes, false)) {
                return Ok(());
            }
        }
        for id in session.transactions() {
            let tx = session.transaction(id).unwrap();
            harness::text(|out| tx.record_beside(&EXTENDED, out));
        }
    }
}
