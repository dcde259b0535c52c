//! Connections in, what is seen of them out.

use proptest::prelude::*;

use super::sample::{self, ONE, TWO, record, server_name, usual};
use super::session::Session;
use super::*;
use crate::app::harness::{self, EXTENDED, input};
use crate::app::parser::{Detail, Session as _};

type Feed = harness::Feed<Session>;

fn new() -> Feed {
    Feed::new(&PROTOCOL, Session::new(Config::default()))
}

fn hello(extensions: &[Vec<u8>]) -> Vec<u8> {
    record(22, 0x0301, &sample::client_hello(0x0303, 1, &extensions.concat()))
}

/// A handshake of TLS 1.2 up to the point where both sides encrypt.
fn handshake() -> Vec<(Dir, Vec<u8>)> {
    let flight = sample::server_flight(0x0303, 2, "h2", &[ONE.der(), TWO.der()]);
    let done = [record(20, 0x0303, &[1]), record(22, 0x0303, &[0xee; 40])].concat();
    let keys = [record(22, 0x0303, &sample::message(16, &[0; 66])), done.clone()].concat();
    vec![
        (Dir::ToServer, hello(&[server_name("one.example"), sample::alpn("h2"), usual()])),
        (Dir::ToClient, flight),
        (Dir::ToServer, keys),
        (Dir::ToClient, done),
    ]
}

#[test]
fn a_handshake_is_read() {
    let mut feed = new();
    let mut states = Vec::new();
    for (dir, bytes) in handshake() {
        feed.push(dir, &bytes);
        states.push((feed.tx().progress(Dir::ToServer), feed.tx().progress(Dir::ToClient), feed.tx().settled()));
    }
    assert_eq!(states, [(1, 0, false), (1, 3, true), (3, 3, true), (3, 4, true)]);
    assert_eq!(feed.events(), [""; 0]);
    assert_eq!(
        feed.record(&EXTENDED),
        "subject:'C=XX, O=Example, Inc., CN=one.example, Email=a@example.org',\
         issuerdn:'C=XX, O=Example, Inc., CN=CA of one.example, Email=a@example.org',serial:'12:AB',\
         fingerprint:'fe:26:0d:aa:9c:64:d6:48:22:7b:6b:37:1c:c4:a9:6f:52:ea:16:74',sni:'one.example',\
         version:'TLS 1.2',notbefore:'1969-12-31T00:00:00',notafter:'2200-01-01T00:00:00',\
         ja3:{hash:'a2da8b58285ec40a588b9bea15c9cc91',string:'771,49195-47,0-16-10-11-13,29-23,0'},\
         ja3s:{hash:'73c5401bc2544038f608637524b63c6a',string:'771,49195,16'},ja4:'t12d0205h2_a137a120d3d9_876bcc86782c',subjectaltname:['www.one.example','192.0.2.1'],\
         client_alpns:['h2'],server_alpns:['h2']"
    );
}

#[test]
fn fields_show_each_side() {
    let mut feed = new();
    handshake().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    for (name, client, server) in [
        ("tls.sni", &["one.example"][..], &[][..]),
        ("tls.alpn", &["h2"], &["h2"]),
        ("tls.cert_serial", &[], &["12:AB"]),
        ("tls.subjectaltname", &[], &["www.one.example", "192.0.2.1"]),
        ("tls.cert_chain_len", &[], &["2"]),
        ("tls.random_time", &["\u{1}\u{1}\u{1}\u{1}"], &["\u{2}\u{2}\u{2}\u{2}"]),
        ("tls.version", &["771"], &["771"]),
        ("ssl_state", &["7"], &["7"]),
        ("tls_cert_valid", &[], &["1"]),
        ("tls_cert_expired", &[], &["0"]),
        ("ja3.string", &["771,49195-47,0-16-10-11-13,29-23,0"], &[]),
        ("ja3s.string", &[], &["771,49195,16"]),
    ] {
        assert_eq!(feed.values(name, Dir::ToServer), client, "{name}");
        assert_eq!(feed.values(name, Dir::ToClient), server, "{name}");
    }
    assert_eq!(feed.values("tls.certs", Dir::ToClient).len(), 2);
    assert_eq!(feed.values("tls.random", Dir::ToServer)[0].len(), 32);
    assert_eq!(feed.values("tls.random_bytes", Dir::ToServer)[0].len(), 28);
}

#[test]
fn what_is_asked_for_by_name_is_shown_alone() {
    let mut feed = new();
    handshake().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    let custom = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        feed.record(&Detail { custom: &names, ..EXTENDED })
    };
    assert_eq!(custom(&["sni", "version"]), "sni:'one.example',version:'TLS 1.2'");
    assert_eq!(
        custom(&["client-handshake", "server-handshake"]),
        "client_handshake:{version:'TLS 1.2',ciphers:[6682,49195,47],exts:[0,16,2570,10,11,13],sig_algs:[1027,2052]},\
         server_handshake:{version:'TLS 1.2',cipher:49195,exts:[16]}"
    );
    let chain = custom(&["certificate", "chain"]);
    assert!(chain.starts_with("certificate:'MII") && chain.contains("',chain:['MII"), "{chain}");
    let short = feed.record(&Detail { extended: false, ..EXTENDED });
    assert!(short.starts_with("subject:") && short.contains(",issuerdn:") && !short.contains("sni"), "{short}");
}

#[test]
fn what_the_connection_spoke_before_is_shown() {
    let mut feed = Feed::new(&PROTOCOL, Session::new(Config::default()).after(Some("smtp")));
    handshake().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    assert!(feed.record(&EXTENDED).contains(",from_proto:'smtp',"));
    assert!(!feed.record(&Detail { extended: false, ..EXTENDED }).contains("from_proto"));
}

#[test]
fn versions_have_names() {
    let versions = |list: &[u8]| sample::extension(43, &[&[u8::try_from(list.len()).unwrap()], list].concat());
    let selected = |version: u16| sample::extension(43, &version.to_be_bytes());
    for (offered, legacy, chosen, name, number) in [
        (vec![], 0x0301, vec![], "TLSv1", 0x0301),
        (vec![], 0x0300, vec![], "SSLv3", 0x0300),
        (vec![], 0x0302, vec![], "TLS 1.1", 0x0302),
        (versions(&[3, 4, 3, 3]), 0x0303, selected(0x0304), "TLS 1.3", 0x0304),
        (versions(&[0x7f, 28]), 0x0303, selected(0x7f1c), "TLS 1.3 draft-28", 0x0304),
        (versions(&[0xfb, 0x1a]), 0x0303, selected(0xfb1a), "TLS 1.3 draft-26-fb", 0x0304),
        (vec![], 0x7f0f, vec![], "TLS 1.3 draft-<16", 0x0304),
    ] {
        let mut feed = new();
        feed.push(Dir::ToServer, &hello(&[offered]));
        let mut server = sample::server_hello(legacy, 2, &chosen);
        if legacy >> 8 == 0x7f {
            // No session and no compression in there.
            server = sample::message(2, &[&legacy.to_be_bytes()[..], &[2; 32], &[0x13, 1]].concat());
        }
        feed.push(Dir::ToClient, &record(22, 0x0303, &server));
        assert!(feed.record(&EXTENDED).contains(&format!("version:'{name}'")), "{name}: {}", feed.record(&EXTENDED));
        assert_eq!(feed.values("tls.version", Dir::ToClient), [number.to_string()], "{name}");
        assert_eq!(feed.events(), [""; 0], "{name}");
    }
}

#[test]
fn a_resumed_session_has_no_certificate() {
    let mut feed = new();
    feed.push(Dir::ToServer, &hello(&[]));
    feed.push(Dir::ToClient, &record(22, 0x0303, &sample::server_hello(0x0303, 2, &[])));
    assert!(!feed.tx().settled());
    feed.push(Dir::ToClient, &record(20, 0x0303, &[1]));
    assert!(feed.tx().settled());
    assert!(feed.record(&EXTENDED).starts_with("session_resumed:true,version:'TLS 1.2'"));
}

#[test]
fn a_client_that_is_asked_shows_its_certificate() {
    let mut feed = new();
    feed.push(Dir::ToServer, &hello(&[]));
    let flight = [
        sample::server_hello(0x0303, 2, &[]),
        sample::certificates(&[ONE.der()]),
        sample::message(13, &[0; 4]),
        sample::message(14, &[]),
    ];
    feed.push(Dir::ToClient, &record(22, 0x0303, &flight.concat()));
    assert!(!feed.tx().settled(), "the client's certificate is to come");
    feed.push(Dir::ToServer, &record(22, 0x0303, &sample::certificates(&[TWO.der()])));
    assert!(feed.tx().settled());
    assert_eq!(feed.tx().progress(Dir::ToServer), 2);
    assert_eq!(feed.values("tls.cert_serial", Dir::ToServer), ["77"]);
    assert_eq!(feed.values("tls_cert_expired", Dir::ToServer), ["1"]);
    assert!(feed.record(&EXTENDED).contains("client:{subject:'C=XX, O=Example, Inc., CN=two.example,"));
}

#[test]
fn another_hello_may_be_asked_for() {
    let retry: [u8; 32] = super::hello::RETRY;
    let body = [&[3, 3][..], &retry, &[0, 0x13, 1, 0], &[0, 0]].concat();
    let mut feed = new();
    feed.push(Dir::ToServer, &hello(&[server_name("one.example")]));
    feed.push(Dir::ToClient, &[record(22, 0x0303, &sample::message(2, &body)), record(20, 0x0303, &[1])].concat());
    assert_eq!(feed.tx().progress(Dir::ToClient), 0);
    feed.push(Dir::ToServer, &hello(&[server_name("two.example")]));
    feed.push(Dir::ToClient, &record(22, 0x0303, &sample::server_hello(0x0303, 2, &[])));
    assert_eq!(feed.values("tls.sni", Dir::ToServer), ["one.example"], "the first counts");
    assert_eq!(feed.tx().progress(Dir::ToClient), 1);
}

#[test]
fn ssl_2_is_read_and_may_become_tls() {
    let client =
        b"\x80\x28\x01\x03\x01\x00\x0f\x00\x00\x00\x10\x01\x00\x80\x00\x00\x2f\x00\x00\x35\x00\x00\x0a\x00\xc0\x2b\
        0123456789abcdef";
    assert_eq!(probe(client, Dir::ToServer, false), Probe::Yes(Dir::ToServer));
    assert_eq!(probe(&client[..4], Dir::ToServer, false), Probe::Unsure);
    let mut feed = new();
    feed.push(Dir::ToServer, client);
    assert_eq!(feed.values("ssl_version", Dir::ToServer), ["4"]);
    assert_eq!(feed.values("tls.random_bytes", Dir::ToServer)[0].trim_start_matches('\0'), "0123456789abcdef");
    assert_eq!(feed.tx().progress(Dir::ToServer), 1);
    let mut upgraded = new();
    upgraded.push(Dir::ToServer, client);
    upgraded.push(Dir::ToClient, &sample::server_flight(0x0301, 2, "x", &[ONE.der()]));
    assert!(upgraded.record(&EXTENDED).contains("version:'TLSv1'"));
    let der = ONE.der();
    let length = u16::try_from(der.len()).unwrap();
    let body = [&[4, 0, 1, 0, 2][..], &length.to_be_bytes(), &[0, 3, 0, 2], &der, &[1, 0, 0x80], &[9, 9]].concat();
    let head = (0x8000 | u16::try_from(body.len()).unwrap()).to_be_bytes();
    feed.push(Dir::ToClient, &[&head[..], &body].concat());
    assert!(feed.record(&EXTENDED).contains("version:'SSLv2'") && feed.tx().settled());
    assert_eq!(feed.values("tls.cert_serial", Dir::ToClient), ["12:AB"]);
    assert_eq!(feed.events(), [""; 0]);
}

#[test]
fn what_is_odd_is_told() {
    let sni = |list: &[u8]| hello(&[sample::extension(0, list)]);
    let certificate = |list: &[u8]| record(22, 0x0303, &sample::message(11, list));
    let single = |der: &[u8]| record(22, 0x0303, &sample::certificates(&[der.to_vec()]));
    let changed = |from: &[u8], to: &[u8]| {
        let der = ONE.der();
        let at = der.windows(from.len()).position(|part| part == from).unwrap();
        single(&[&der[..at], to, &der[at + from.len()..]].concat())
    };
    let late = sample::Certificate { days: [ONE.days[1], ONE.days[0]], ..ONE };
    let many = record(21, 0x0303, &[1, 90]).repeat(31);
    let mut wrong = Vec::new();
    for (what, dir, bytes, wanted) in [
        ("a plain hello", Dir::ToServer, hello(&[]), &[][..]),
        ("two names", Dir::ToServer, hello(&[server_name("a"), server_name("b")]), &["multiple_sni_extensions"]),
        ("a name of another type", Dir::ToServer, sni(&[0, 4, 1, 0, 1, 97]), &["invalid_sni_type"]),
        ("a name past its list", Dir::ToServer, sni(&[0, 4, 0, 0, 9, 97]), &["invalid_sni_length"]),
        (
            "half a hello",
            Dir::ToServer,
            record(22, 0x0301, &sample::message(1, &[3, 3, 0])),
            &["invalid_handshake_message"],
        ),
        (
            "a server's hello",
            Dir::ToServer,
            record(22, 0x0301, &sample::server_hello(0x0303, 1, &[])),
            &["invalid_handshake_message"],
        ),
        (
            "an unknown message",
            Dir::ToServer,
            record(22, 0x0301, &sample::message(99, &[])),
            &["invalid_handshake_message"],
        ),
        ("a message without end", Dir::ToServer, record(22, 0x0301, &[1, 0xff, 0, 0]), &["handshake_invalid_length"]),
        ("an unknown record", Dir::ToServer, record(30, 0x0301, &[1]), &["invalid_record_type", "invalid_ssl_record"]),
        ("no record at all", Dir::ToServer, b"GET / HTTP".to_vec(), &["invalid_tls_header", "invalid_ssl_record"]),
        ("another version", Dir::ToServer, record(21, 0x0901, &[1, 0]), &["invalid_record_version"]),
        ("a long record", Dir::ToServer, [&[23, 3, 3, 0xff, 0xff][..], &[0; 9]].concat(), &["invalid_record_length"]),
        ("an alert", Dir::ToServer, record(21, 0x0301, &[1, 0]), &[]),
        ("a fatal alert", Dir::ToServer, record(21, 0x0301, &[2, 40]), &[]),
        ("no alert", Dir::ToServer, record(21, 0x0301, &[9, 40]), &["invalid_alert_message"]),
        (
            "a heartbeat",
            Dir::ToServer,
            record(24, 0x0302, &[&[1, 0, 1][..], &[0; 17]].concat()),
            &["heartbeat_message"],
        ),
        (
            "one that asks for too much",
            Dir::ToServer,
            record(24, 0x0302, &[1, 0x40, 0]),
            &["heartbeat_message", "overflow_heartbeat_message"],
        ),
        (
            "one of no type",
            Dir::ToServer,
            record(24, 0x0302, &[9, 0, 0]),
            &["heartbeat_message", "invalid_heartbeat_message"],
        ),
        ("many records", Dir::ToServer, many, &["too_many_records_in_packet"]),
        (
            "a list past its message",
            Dir::ToClient,
            certificate(&[0, 0, 9, 0]),
            &["certificate_invalid_length", "invalid_handshake_message"],
        ),
        (
            "a certificate past its list",
            Dir::ToClient,
            certificate(&[0, 0, 4, 0, 0, 9, 0]),
            &["certificate_invalid_length", "invalid_handshake_message"],
        ),
        (
            "a certificate without end",
            Dir::ToClient,
            single(b"\x30\x06\x30\x84\xff\xff\xff\xfa"),
            &["invalid_certificate", "invalid_handshake_message"],
        ),
        (
            "one without even a length",
            Dir::ToClient,
            single(b"\x30\x05\x30\x84\xff\xff\xff"),
            &["certificate_invalid_length", "invalid_handshake_message"],
        ),
        ("no DER", Dir::ToClient, single(b"GET / HTTP/1.1"), &["invalid_certificate", "invalid_handshake_message"]),
        (
            "another version of X.509",
            Dir::ToClient,
            changed(b"\xa0\x03\x02\x01", b"\xa0\x03\x04\x01"),
            &["certificate_invalid_version", "invalid_handshake_message"],
        ),
        (
            "a serial that is no number",
            Dir::ToClient,
            changed(b"\x02\x02\x12\xab", b"\x04\x02\x12\xab"),
            &["certificate_invalid_serial", "invalid_handshake_message"],
        ),
        (
            "dates that are none",
            Dir::ToClient,
            changed(b"19691231", b"1969x231"),
            &["certificate_invalid_date", "invalid_handshake_message"],
        ),
        (
            "a subject that is no text",
            Dir::ToClient,
            changed(b"\x0c\x0bone", b"\x0c\x0b\xff\xfee"),
            &["certificate_invalid_subject", "invalid_handshake_message"],
        ),
        ("dates the wrong way round", Dir::ToClient, single(&late.der()), &["certificate_invalid_validity"]),
    ] {
        let mut feed = new();
        feed.push(dir, &bytes);
        if feed.events() != wanted {
            wrong.push((what, feed.events()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn encrypted_heartbeats_must_not_grow() {
    for (asked, answered, odd) in [(30, 30, false), (30, 31, true)] {
        let mut feed = new();
        handshake().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
        feed.push(Dir::ToServer, &record(24, 0x0303, &vec![9; asked]));
        feed.push(Dir::ToClient, &record(24, 0x0303, &vec![9; answered]));
        assert_eq!(feed.events().contains(&"dataleak_heartbeat_mismatch"), odd, "{answered}");
    }
}

#[test]
fn gaps_cost_what_they_hit() {
    let flight = sample::server_flight(0x0303, 2, "h2", &[ONE.der()]);
    let begin = |feed: &mut Feed| feed.push(Dir::ToServer, &hello(&[]));
    // Within the certificate: the record is passed over.
    let mut feed = new();
    begin(&mut feed);
    let lost = 200;
    feed.push(Dir::ToClient, &flight[..200]);
    feed.gap(Dir::ToClient, lost as u64);
    feed.push(Dir::ToClient, &flight[200 + lost..]);
    assert_eq!((feed.tx().progress(Dir::ToClient), feed.events()), (1, vec![]));
    feed.push(Dir::ToClient, &record(22, 0x0303, &sample::message(14, &[])));
    assert_eq!(feed.tx().progress(Dir::ToClient), 3, "the next record is read again");
    // All of the hello and more: the stream is found back into.
    let mut feed = new();
    begin(&mut feed);
    feed.gap(Dir::ToClient, 1000);
    feed.push(Dir::ToClient, b"the tail of something else");
    feed.push(Dir::ToClient, &record(22, 0x0303, &sample::certificates(&[ONE.der()])));
    assert_eq!(feed.values("tls.cert_serial", Dir::ToClient), ["12:AB"]);
    assert_eq!(feed.events(), [""; 0]);
}

#[test]
fn the_end_ends_both_sides() {
    let mut feed = new();
    handshake().iter().for_each(|(dir, bytes)| feed.push(*dir, bytes));
    for dir in Dir::BOTH {
        feed.session.parse(input(dir, &[], true));
        assert_eq!(feed.tx().progress(dir), PROTOCOL.complete(dir));
    }
    feed.session.release(0);
    assert_eq!(feed.session.transactions(), 1..1);
    assert!(feed.session.transaction(0).is_none());
    feed.push(Dir::ToServer, &hello(&[]));
}

proptest! {
    /// Where TCP cuts the streams, and where records cut messages, must not change what is read.
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(1usize..300, 0..40), size in 1usize..600) {
        let mut whole = new();
        handshake().iter().for_each(|(dir, bytes)| whole.push(*dir, bytes));
        let mut cut = new();
        let mut cuts = cuts.into_iter().cycle().chain(std::iter::repeat(1000));
        for (at, (dir, bytes)) in handshake().into_iter().enumerate() {
            let records: Vec<u8> = match at {
                0 | 1 => bytes[5..].chunks(size).flat_map(|part| record(22, 0x0303, part)).collect(),
                _ => bytes,
            };
            cut.push_cut(dir, &records, &mut cuts);
        }
        prop_assert_eq!(cut.record(&EXTENDED), whole.record(&EXTENDED));
        prop_assert_eq!(cut.tx().progress(Dir::ToClient), 4);
    }

    /// No bytes make reading, showing or looking fail.
    #[test]
    fn any_bytes_can_be_read(flips in prop::collection::vec((0usize..1200, any::<u8>()), 0..12)) {
        let mut feed = new();
        for (dir, mut bytes) in handshake() {
            harness::overwrite(&mut bytes, &flips);
            feed.push(dir, &bytes);
        }
        feed.look();
    }
}
