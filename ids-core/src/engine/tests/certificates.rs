//! Which certificates rules store.

use super::compile;
use crate::app::tls::sample::{self, ONE, TWO, record};
use crate::engine::fixtures::{self, Carrier, Told, segment};
use crate::field::Dir::{self, ToClient, ToServer};

/// A handshake in which both sides show certificates: who sends, and what.
fn handshake() -> Vec<(bool, Vec<u8>)> {
    let hello = sample::client_hello(0x0303, 1, &sample::server_name("one.example"));
    let chain = sample::certificates(&[TWO.der()]);
    vec![
        (true, record(22, 0x0301, &hello)),
        (false, sample::server_flight(0x0303, 2, "h2", &[ONE.der(), TWO.der()])),
        (true, record(22, 0x0303, &chain)),
        (false, record(20, 0x0303, &[1])),
    ]
}

/// What is stored while these rules look on: the side, and how many certificates.
fn stored(rules: &[&str]) -> Vec<(Dir, usize)> {
    let rules: Vec<String> = rules
        .iter()
        .enumerate()
        .map(|(at, rule)| format!("alert tls any any -> any any ({rule}; sid:{};)", at + 1))
        .collect();
    let rules = compile(&rules.join("\n"));
    let mut engine = fixtures::engine(fixtures::config(false));
    let v4 = Carrier::V4;
    let mut frames = fixtures::handshake();
    let mut next = [101, 501];
    for (from_client, bytes) in handshake() {
        let [client, server] = next;
        let (seq, ack) = if from_client { (client, server) } else { (server, client) };
        let end = seq + bytes.len() as u32;
        frames.push(segment(v4, from_client, "PA", seq, ack, &bytes));
        frames.push(segment(v4, !from_client, "A", ack, end, b""));
        next[usize::from(!from_client)] = end;
    }
    let mut told = Told::default();
    for (id, mut frame) in frames.into_iter().enumerate() {
        fixtures::push_to(&mut told, &mut engine, &rules, id as u64 + 1, &mut frame);
    }
    engine.finish(&rules, &mut told);
    assert!(told.certificates.iter().all(|row| !row.1.is_empty()), "{:?}", told.certificates);
    told.certificates.into_iter().map(|(dir, _, count)| (dir, count)).collect()
}

#[test]
fn those_of_the_side_that_a_rule_matched_on() {
    for (name, rules, want) in [
        ("nobody asks", &["tls.sni; content:\"one\""][..], &[][..]),
        ("the server's", &["flow:to_client; tls.cert_subject; content:\"one\"; tls.store"], &[(ToClient, 2)]),
        ("the client's", &["flow:to_server; tls.cert_subject; content:\"two\"; tls.store"], &[(ToServer, 1)]),
        ("another one's", &["tls.cert_subject; content:\"three\"; tls.store"], &[]),
        ("before there are any", &["tls.sni; content:\"one\"; tls.store"], &[(ToClient, 2)]),
        (
            "without telling",
            &["flow:to_client; tls.cert_subject; content:\"one\"; tls.store; noalert"],
            &[(ToClient, 2)],
        ),
        (
            "two rules",
            &[
                "flow:to_client; tls.cert_subject; content:\"one\"; tls.store",
                "flow:to_client; tls.cert_issuer; content:\"one\"; tls.store",
            ],
            &[(ToClient, 2)],
        ),
        (
            "both sides",
            &[
                "flow:to_client; tls.cert_subject; content:\"one\"; tls.store",
                "flow:to_server; tls.cert_subject; content:\"two\"; tls_store",
            ],
            &[(ToClient, 2), (ToServer, 1)],
        ),
    ] {
        assert_eq!(stored(rules), want, "{name}");
    }
}
