//! Connections in, what is seen of them out.

use proptest::prelude::*;

use super::sample::{exchange, packet};
use super::session::Session;
use super::*;
use crate::app::harness::{self, EXTENDED, input};
use crate::app::parser::Session as _;

type Feed = harness::Feed<Session>;

fn new() -> Feed {
    Feed::new(&PROTOCOL, Session::new(Config::default()))
}

/// Up to the point where both sides encrypt.
fn handshake() -> Vec<(Dir, Vec<u8>)> {
    let algorithms = "kex";
    let done = [packet(21, &[]), vec![0xee; 40]].concat();
    vec![
        (Dir::ToServer, [b"SSH-2.0-OpenSSH_9.6 a comment\r\n", &exchange(algorithms)[..]].concat()),
        (Dir::ToClient, b"Welcome, stranger\r\nSSH-1.99-srv-1\n".to_vec()),
        (Dir::ToClient, exchange(algorithms)),
        (Dir::ToServer, packet(30, &[1; 32])),
        (Dir::ToClient, [packet(31, &[2; 100]), done.clone()].concat()),
        (Dir::ToServer, done),
    ]
}

#[test]
fn a_connection_is_read_until_it_is_encrypted() {
    let mut feed = new();
    let mut states = Vec::new();
    for (dir, bytes) in handshake() {
        assert_eq!(feed.session.encrypted(), None);
        feed.push(dir, &bytes);
        states.push((feed.tx().progress(Dir::ToServer), feed.tx().progress(Dir::ToClient)));
    }
    assert_eq!(states, [(2, 0), (2, 2), (2, 2), (2, 2), (2, 3), (3, 3)]);
    assert_eq!(feed.session.encrypted(), Some(Encrypted::TrackOnly));
    assert_eq!(feed.events(), [""; 0]);
    assert_eq!(
        feed.record(&EXTENDED),
        "client:{proto_version:'2.0',software_version:'OpenSSH_9.6',\
         hassh:{hash:'bd56a7287cf9713a394b1c0481151e9b',string:'kex;enc;mac;none'}},\
         server:{proto_version:'1.99',software_version:'srv-1',\
         hassh:{hash:'6cd8bddc183d88ae01655d018d1954fd',string:'kex;enc-back;mac-back;none-back'}}"
    );
    for (name, client, server) in [
        ("ssh.proto", &["2.0"][..], &["1.99"][..]),
        ("ssh.software", &["OpenSSH_9.6"], &["srv-1"]),
        ("ssh.hassh.string", &["kex;enc;mac;none"], &["kex;enc;mac;none"]),
        ("ssh.hassh.server.string", &["kex;enc-back;mac-back;none-back"], &["kex;enc-back;mac-back;none-back"]),
    ] {
        assert_eq!(feed.values(name, Dir::ToServer), client, "{name}");
        assert_eq!(feed.values(name, Dir::ToClient), server, "{name}");
    }
}

#[test]
fn what_is_odd_is_named() {
    let hello = b"SSH-2.0-x\r\n";
    let long = [b"SSH-2.0-x ", &[b'c'; 300][..]].concat();
    let after = |bytes: &[u8]| [hello, bytes].concat();
    for (name, dir, bytes, events, failed) in [
        ("a short line", Dir::ToServer, hello.to_vec(), &[][..], false),
        ("no version", Dir::ToServer, b"SSH-2.0\r\n".to_vec(), &["invalid_banner"], true),
        ("a client that chats", Dir::ToServer, b"hello\r\n".to_vec(), &["invalid_banner"], true),
        ("a server that chats", Dir::ToClient, b"hello\r\n".to_vec(), &[], false),
        ("a server that does not stop", Dir::ToClient, b"hello\r\n".repeat(2000), &["invalid_banner"], true),
        ("a long line", Dir::ToServer, long.clone(), &["long_banner"], false),
        ("a long line that ends", Dir::ToServer, [&long[..], b"\r\n"].concat(), &["long_banner"], false),
        ("no content", Dir::ToServer, after(&[0, 0, 0, 1, 0, 20]), &["invalid_record"], true),
        ("all padding", Dir::ToServer, after(&[0, 0, 0, 9, 9, 20]), &["invalid_record"], true),
        ("huge", Dir::ToServer, after(&[9, 0, 0, 9, 9, 20]), &["invalid_record"], true),
        ("a long exchange", Dir::ToServer, after(&[0, 0, 0x90, 0, 4, 20]), &["long_kex_record"], false),
        ("a long other packet", Dir::ToServer, after(&[0, 0, 0x90, 0, 4, 30]), &[], false),
        ("an exchange that is cut short", Dir::ToServer, after(&packet(20, &[1; 20])), &[], false),
        ("the version before", Dir::ToServer, [b"SSH-1.5-x\n", &[0xff; 20][..]].concat(), &[], false),
    ] {
        let mut feed = new();
        feed.push(dir, &bytes);
        assert_eq!((feed.events().as_slice(), feed.failed), (events, failed), "{name}");
        feed.look();
    }
}

#[test]
fn gaps_end_what_can_be_read_unless_they_lie_in_a_packet() {
    let begin = [b"SSH-2.0-x\r\n", &packet(30, &[1; 50])[..20]].concat();
    for (name, lost, failed) in [("within", 30, false), ("to the end", 40, false), ("beyond", 41, true)] {
        let mut feed = new();
        feed.push(Dir::ToServer, &begin);
        feed.gap(Dir::ToServer, lost);
        assert_eq!(feed.failed, failed, "{name}");
    }
    let mut feed = new();
    handshake().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    feed.gap(Dir::ToServer, 1 << 40);
    assert!(!feed.failed, "encrypted");
    feed.session.parse(input(Dir::ToServer, &[], true));
    feed.session.release(0);
    assert!(feed.session.transaction(0).is_none());
    assert_eq!(feed.session.transactions(), 1..1);
}

#[test]
fn connections_without_a_version_have_no_record() {
    let mut feed = new();
    feed.push(Dir::ToServer, b"SSH-");
    assert!(!feed.tx().recorded());
    feed.push(Dir::ToServer, b"2.0-x\n");
    assert!(feed.tx().recorded());
}

proptest! {
    /// Where TCP cuts the streams must not change what is read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..90, 1..40)) {
        let mut whole = new();
        handshake().iter().for_each(|(dir, bytes)| whole.push(*dir, bytes));
        let mut cut = new();
        let mut cuts = cuts.into_iter().cycle();
        for (dir, bytes) in handshake() {
            cut.push_cut(dir, &bytes, &mut cuts);
        }
        prop_assert_eq!(cut.record(&EXTENDED), whole.record(&EXTENDED));
        prop_assert_eq!(cut.tx().progress(Dir::ToClient), 3);
    }

    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..300, any::<u8>()), 0..12)) {
        let mut feed = new();
        for (dir, mut bytes) in handshake() {
            harness::overwrite(&mut bytes, &flips);
            feed.push(dir, &bytes);
        }
        feed.look();
    }
}
