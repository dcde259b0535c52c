//! Tables of conversations: which state each packet leads to.

use super::*;

/// Packets and the state after each; none of them may be odd or invalid.
fn check(name: &str, mut talk: Talk, rows: &[(P, &str)]) -> Talk {
    for (row, (packet, state)) in rows.iter().enumerate() {
        let (outcome, noted) = talk.push(packet);
        assert_eq!((talk.state(), &noted[..]), (*state, &[][..]), "{name}, row {row}: {packet:?}");
        assert!(outcome.valid, "{name}, row {row}");
    }
    talk
}

#[test]
fn a_lost_start_shows_once_it_is_acknowledged() {
    let mut talk = Talk::default().established();
    assert!(!talk.session().start_lost(Dir::ToServer));
    talk.push(&p('<', "A", 1, 6).data("answer"));
    assert!(talk.session().start_lost(Dir::ToServer));
    assert!(!talk.session().start_lost(Dir::ToClient));

    let mut talk = Talk::default().established();
    talk.push(&p('>', "FA", 1, 1));
    talk.push(&p('<', "A", 1, 2));
    assert!(!talk.session().start_lost(Dir::ToServer), "it has sent nothing but its end");
}

#[test]
fn ordinary_ends() {
    let open = || Talk::default().established();
    check(
        "client first",
        open(),
        &[
            (p('>', "FA", 1, 1), "close_wait"),
            (p('<', "A", 1, 2), "close_wait"),
            (p('<', "A", 1, 2).data("rest"), "close_wait"),
            (p('<', "FA", 5, 2), "last_ack"),
            (p('>', "A", 2, 6), "closed"),
        ],
    );
    check(
        "server first",
        open(),
        &[
            (p('<', "FA", 1, 1), "fin_wait1"),
            (p('>', "A", 1, 2), "fin_wait2"),
            (p('>', "A", 1, 2).data("more"), "fin_wait2"),
            (p('>', "FA", 5, 2), "time_wait"),
            (p('<', "A", 2, 6), "closed"),
        ],
    );
    check(
        "server first, one packet less",
        open(),
        &[(p('<', "FA", 1, 1), "fin_wait1"), (p('>', "FA", 1, 2), "time_wait"), (p('<', "A", 2, 2), "closed")],
    );
    check(
        "both at once",
        open(),
        &[
            (p('<', "FA", 1, 1), "fin_wait1"),
            (p('>', "FA", 1, 1), "closing"),
            (p('<', "A", 2, 2), "closing"),
            (p('>', "A", 2, 2), "closed"),
        ],
    );
    check(
        "both at once, other order",
        open(),
        &[
            (p('<', "FA", 1, 1), "fin_wait1"),
            (p('>', "FA", 1, 1), "closing"),
            (p('>', "A", 2, 2), "time_wait"),
            (p('<', "A", 2, 2), "closed"),
        ],
    );
    check("reset by the client", open(), &[(p('>', "R", 1, 0), "closed")]);
    check("reset by the server", open(), &[(p('<', "RA", 1, 1), "closed"), (p('<', "R", 1, 0), "closed")]);
}

#[test]
fn handshakes() {
    check(
        "SYN resent",
        Talk::default(),
        &[
            (p('>', "S", 0, 0), "syn_sent"),
            (p('>', "S", 0, 0), "syn_sent"),
            (p('<', "SA", 0, 1), "syn_recv"),
            (p('<', "SA", 0, 1), "syn_recv"),
            (p('>', "A", 1, 1), "established"),
        ],
    );
    check(
        "SYN/ACK lost behind the sensor",
        Talk::default(),
        &[
            (p('>', "S", 0, 0).stamp(10, 0), "syn_sent"),
            (p('<', "SA", 0, 1).stamp(500, 10), "syn_recv"),
            (p('>', "S", 0, 0).stamp(20, 0), "syn_sent"),
            (p('<', "SA", 0, 1).stamp(510, 10), "syn_recv"),
            (p('>', "A", 1, 1).stamp(21, 510), "established"),
        ],
    );
    check("refused", Talk::default(), &[(p('>', "S", 0, 0), "syn_sent"), (p('<', "RA", 0, 1), "closed")]);
    check(
        "ACK lost, data first",
        Talk::default(),
        &[
            (p('>', "S", 0, 0), "syn_sent"),
            (p('<', "SA", 0, 1), "syn_recv"),
            (p('>', "A", 5, 1).data("later"), "established"),
        ],
    );
    check(
        "simultaneous open",
        Talk::default(),
        &[
            (p('>', "S", 0, 0), "syn_sent"),
            (p('<', "S", 0, 0), "syn_sent"),
            (p('>', "SA", 0, 1), "syn_recv"),
            (p('<', "A", 1, 1), "established"),
            (p('<', "A", 1, 1).data("hello"), "established"),
        ],
    );
    check(
        "the reset of a client that gives nothing up",
        Talk::default(),
        &[(p('>', "S", 0, 0), "syn_sent"), (p('>', "R", 1, 0), "syn_sent"), (p('<', "SA", 0, 1), "syn_recv")],
    );
    // A different SYN: whichever the server answers counts.
    let mut talk = Talk::default();
    talk.push(&p('>', "S", 0, 0));
    talk.push(&p('>', "S", 70_000, 0));
    let (_, noted) = talk.push(&p('<', "SA", 0, 1));
    assert_eq!((talk.state(), noted), ("syn_recv", vec![]));
    let (outcome, _) = talk.push(&p('>', "A", 1, 1));
    assert!(outcome.established_now);
}

#[test]
fn the_client_chooses_among_different_synacks() {
    let mut talk = Talk::default();
    talk.push(&p('>', "S", 0, 0));
    talk.push(&p('<', "SA", 0, 1));
    let (_, noted) = talk.push(&p('<', "SA", 5_000, 1));
    assert_eq!(noted, [Anomaly::StreamHandshakeSynackResendWithDiffSeq]);
    let (outcome, noted) = talk.push(&p('>', "A", 1, 5_001));
    assert!(outcome.established_now, "{noted:?}");
    talk.push(&p('<', "A", 5_001, 1).data("yes"));
    talk.push(&p('>', "A", 1, 5_004));
    assert_eq!(talk.app('<'), "yes");
}

#[test]
fn fast_open() {
    let mut talk = Talk::default();
    talk.push(&p('>', "S", 0, 0).cookie().data("GET /"));
    assert_eq!(talk.app('>'), "");
    let (_, noted) = talk.push(&p('<', "SA", 0, 6));
    assert_eq!((talk.app('>').as_str(), noted), ("GET /", vec![]));
    // The server answers before the client's ACK.
    let (outcome, noted) = talk.push(&p('<', "PA", 1, 6).data("200"));
    assert_eq!((talk.state(), noted), ("established", vec![]));
    assert!(outcome.payload_in_stream && outcome.established_now);
    talk.push(&p('>', "A", 6, 4));
    assert_eq!(talk.app('<'), "200");
}

#[test]
fn fast_open_data_that_the_server_ignores() {
    let mut talk = Talk::default();
    talk.push(&p('>', "S", 0, 0).cookie().data("EVIL"));
    let (_, noted) = talk.push(&p('<', "SA", 0, 1));
    assert_eq!(noted, [Anomaly::StreamHandshakeSynackTfoDataIgnored]);
    talk.push(&p('>', "PA", 1, 1).data("GOOD"));
    talk.push(&p('<', "A", 1, 5));
    assert_eq!((talk.state(), talk.app('>').as_str()), ("established", "GOOD"));
    // Inline it was inspected and let through: the first copy stays.
    let mut talk = Talk::inline();
    talk.push(&p('>', "S", 0, 0).cookie().data("EVIL"));
    assert_eq!(talk.app('>'), "EVIL");
    talk.push(&p('<', "SA", 0, 1));
    talk.push(&p('>', "PA", 1, 1).data("GOOD"));
    assert_eq!(talk.session().rewrites(), [Rewrite { at: 0, bytes: b"EVIL".to_vec() }]);
}

#[test]
fn data_on_a_syn_without_cookie_is_no_data() {
    let mut talk = Talk::default();
    let (outcome, _) = talk.push(&p('>', "S", 0, 0).data("AAAA"));
    assert!(outcome.valid && !outcome.payload_in_stream);
    talk.push(&p('<', "SA", 0, 1));
    talk.push(&p('>', "PA", 1, 1).data("real"));
    talk.push(&p('<', "A", 1, 5));
    assert_eq!(talk.app('>'), "real");
}

#[test]
fn midstream() {
    let data = || p('<', "PA", 100, 200).data("HTTP");
    // Off: no session, but the policy is asked.
    let mut talk = Talk::default();
    let (outcome, _) = talk.push(&data());
    assert_eq!((outcome.trouble, outcome.valid), (Some((Trouble::Midstream, Exception::Ignore)), false));
    assert!(talk.slot.is_none());
    // On.
    let config = Config { midstream: true, midstream_policy: Exception::PassFlow, ..Config::default() };
    let mut talk = Talk::with(config.clone());
    let (outcome, _) = talk.push(&data());
    assert_eq!(outcome.trouble, Some((Trouble::Midstream, Exception::PassFlow)));
    assert!(outcome.established_now && outcome.payload_in_stream);
    talk.push(&p('>', "A", 200, 104));
    assert_eq!((talk.app('<').as_str(), talk.state()), ("HTTP", "established"));
    assert_eq!(talk.counters.get(Counter::TcpMidstreamPickups), 1);
    // From the SYN/ACK on, and only the server is ever seen.
    let mut talk = Talk::with(config);
    for (packet, state) in [
        (p('<', "SA", 0, 1).scale(3), "syn_recv"),
        (p('<', "A", 1, 397), "established"),
        (p('<', "PA", 1, 397).data("HTTP/1.1 200"), "established"),
        (p('<', "FPA", 13, 397).data("<html>"), "fin_wait1"),
        (p('<', "A", 20, 398), "fin_wait1"),
    ] {
        let (outcome, noted) = talk.push(&packet);
        assert_eq!((outcome.valid, talk.state(), noted), (true, state, vec![]), "{packet:?}");
    }
    assert_eq!(talk.app('<'), "");
    talk.session().finish();
    assert_eq!(talk.app('<'), "HTTP/1.1 200<html>.");
}

#[test]
fn one_sided() {
    let packets = || {
        [
            p('>', "S", 0, 0),
            p('>', "A", 1, 1),
            p('>', "PA", 1, 1).data("GET / HTTP/1.0"),
            p('>', "A", 15, 237),
            p('>', "FA", 15, 237),
        ]
    };
    let mut talk = Talk::with(Config { async_oneside: true, ..Config::default() });
    packets().iter().for_each(|packet| assert_eq!(talk.push(packet).1, []));
    // Whether the other side closes will never be seen.
    assert_eq!(talk.state(), "established");
    assert_eq!(talk.app('>'), "GET / HTTP/1.0.");
    let mut talk = Talk::default();
    packets().iter().for_each(|packet| assert_eq!(talk.push(packet).1, []));
    assert_eq!(talk.state(), "syn_sent");
}

#[test]
fn reuse_is_a_syn_after_the_end() {
    let syn = [0u8, 1, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, Flags::SYN, 0, 0, 0, 0, 0, 0];
    let syn = Tcp::parse(&syn).unwrap();
    let mut talk = Talk::default().established();
    assert!(!talk.session().is_reuse(&syn, false));
    talk.push(&p('<', "R", 1, 0));
    assert!(talk.session().is_reuse(&syn, false));
}

#[test]
fn windows_are_scaled_only_if_both_sides_say_so() {
    for (shift, fits) in [(Some(4), true), (None, false)] {
        let scaled = |packet: P| if let Some(shift) = shift { packet.scale(shift) } else { packet };
        let mut talk = Talk::default();
        talk.push(&p('>', "S", 0, 0).scale(4).window(1_000));
        talk.push(&scaled(p('<', "SA", 0, 1).window(1_000)));
        talk.push(&p('>', "A", 1, 1).window(1_000));
        talk.push(&p('<', "A", 1, 1).window(1_000));
        let (outcome, _) = talk.push(&p('>', "A", 1, 1).data(vec![b'x'; 1_500]));
        assert_eq!(outcome.valid, fits, "{shift:?}");
    }
}

#[test]
fn turning_swaps_the_sides() {
    let mut talk = Talk::with(Config { midstream: true, ..Config::default() });
    talk.push(&p('>', "PA", 50, 60).data("220 ready"));
    talk.push(&p('>', "FA", 59, 60));
    assert_eq!(talk.state(), "close_wait");
    talk.session().turn();
    assert_eq!(talk.state(), "fin_wait1");
    assert_eq!(talk.session().size(Dir::ToClient), 11);
}

#[test]
fn summary_tells_flags_and_state() {
    let mut talk = Talk::default();
    talk.push(&p('>', "S", 0, 0));
    let summary = talk.session().summary();
    let expected = Summary { flags: [2, 0], state: "syn_sent", gap: [false; 2], regions: [1; 2], urgent: [0; 2] };
    assert_eq!(summary, expected);
}

#[test]
fn a_false_reset_ends_nothing() {
    let mut talk = Talk::default().established();
    talk.push(&p('>', "RA", 1, 1));
    assert_eq!(talk.state(), "closed");
    // What the server has under way is nothing odd.
    let (outcome, noted) = talk.push(&p('<', "PA", 1, 1).data("late"));
    assert_eq!((outcome.valid, noted), (false, vec![]));
    let (outcome, noted) = talk.push(&p('>', "PA", 1, 5).data("GET /"));
    assert_eq!((outcome.valid, noted), (true, vec![Anomaly::StreamSuspectedRstInject]));
    let (_, noted) = talk.push(&p('<', "A", 5, 6));
    assert_eq!((talk.state(), noted), ("established", vec![]));
    assert_eq!((talk.app('>').as_str(), talk.app('<').as_str()), ("GET /", "late"));
}

#[test]
fn a_false_refusal_ends_nothing() {
    let mut talk = Talk::default();
    talk.push(&p('>', "S", 0, 0));
    talk.push(&p('<', "RA", 0, 1));
    let (_, noted) = talk.push(&p('<', "SA", 0, 1));
    assert_eq!((talk.state(), noted), ("syn_recv", vec![Anomaly::StreamSuspectedRstInject]));
}

#[test]
fn giving_up_fast_open_is_a_new_connection() {
    let packet = |flags: u8, offset: u8| {
        let mut bytes = vec![0u8, 1, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0, offset << 4, flags, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(&[34, 6, 1, 2, 3, 4, 1, 1]);
        bytes
    };
    let (plain, fast) = (packet(Flags::SYN, 5), packet(Flags::SYN, 7));
    let mut talk = Talk::inline();
    talk.push(&p('>', "S", 0, 0).cookie().data("hello"));
    talk.push(&p('<', "SA", 0, 1));
    let data: Vec<u8> = fast.iter().chain(b"hello").copied().collect();
    // The same again is the same; the plain one is not. (Its payload is what follows 20 bytes.)
    assert!(!talk.session().is_reuse(&Tcp::parse(&data).unwrap(), false));
    assert!(talk.session().is_reuse(&Tcp::parse(&plain[..20]).unwrap(), false));
}

#[test]
fn the_real_syn_in_a_flood_is_found() {
    let mut talk = Talk::default();
    let mut floods = 0;
    for n in 0..40u32 {
        let (outcome, noted) = talk.push(&p('>', "S", 1_000_000 + n * 77, 0));
        assert!(outcome.valid);
        floods += usize::from(noted.contains(&Anomaly::StreamHandshakeSynFlood));
    }
    talk.push(&p('>', "S", 0, 0));
    talk.push(&p('>', "S", 5, 0));
    let (_, noted) = talk.push(&p('<', "SA", 0, 1));
    assert_eq!((talk.state(), noted, floods), ("syn_recv", vec![], 29));
    assert!(talk.push(&p('>', "A", 1, 1)).0.established_now);
}
