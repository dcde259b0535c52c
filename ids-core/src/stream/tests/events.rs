//! Every oddity of the stream layer is raised where its name says.

use std::collections::BTreeSet;

use super::*;
use crate::anomaly::{ALL, Layer};
use crate::stream::config::UrgentPolicy;
use Anomaly::*;

/// A name, what leads there, the odd packet, what it must raise.
type Row = (&'static str, Talk, Vec<P>, P, &'static [Anomaly]);

fn open() -> Talk {
    Talk::default().established()
}

fn with(change: impl FnOnce(&mut Config)) -> Talk {
    let mut config = Config::default();
    change(&mut config);
    Talk::with(config)
}

#[rustfmt::skip]
fn handshake_rows() -> Vec<Row> {
    let syn = || vec![p('>', "S", 0, 0)];
    let synack = || vec![p('>', "S", 0, 0), p('<', "SA", 0, 1)];
    let both = || vec![p('>', "S", 0, 0), p('<', "S", 0, 0)];
    let answered = || vec![p('>', "S", 0, 0), p('<', "S", 0, 0), p('>', "SA", 0, 1)];
    let flood = |dir, flags, first: P, count: u32| {
        let mut packets = vec![first];
        packets.extend((0..count).map(|n| p(dir, flags, 1_000 * n, u32::from(dir == '<'))));
        packets
    };
    vec![
        ("ACK by the server", Talk::default(), synack(), p('<', "A", 1, 1), &[StreamHandshakeAckInWrongDir]),
        ("data by the server", Talk::inline(), synack(), p('<', "A", 1, 1).data("x"), &[StreamHandshakeAckDataInject]),
        ("one-sided, wrong seq", with(|c| c.async_oneside = true), syn(), p('>', "A", 2, 1), &[StreamHandshakeAsyncWrongSeq]),
        ("right seq, wrong ack", Talk::default(), synack(), p('>', "A", 1, 7), &[StreamHandshakeRightSeqWrongAckEvasion]),
        ("wrong seq, wrong ack", Talk::default(), synack(), p('>', "A", 9, 7), &[StreamHandshakeWrongSeqWrongAck]),
        ("SYN/ACK by the client", Talk::default(), syn(), p('>', "SA", 0, 1), &[StreamHandshakeSynackInWrongDirection]),
        ("SYN/ACK, other ack", Talk::default(), synack(), p('<', "SA", 0, 9), &[StreamHandshakeSynackResendWithDiffAck]),
        ("SYN/ACK, other seq", Talk::default(), synack(), p('<', "SA", 9, 1), &[StreamHandshakeSynackResendWithDiffSeq]),
        ("SYN/ACK late by the client", Talk::default(), synack(), p('>', "SA", 0, 1), &[StreamHandshakeSynackToserverOnSynRecv]),
        ("SYN/ACK, wrong ack", Talk::default(), syn(), p('<', "SA", 0, 9), &[StreamHandshakeSynackWithWrongAck]),
        ("many SYN/ACKs", Talk::default(), flood('<', "SA", p('>', "S", 0, 0), 6), p('<', "SA", 77, 1),
            &[StreamHandshakeSynackResendWithDiffSeq, StreamHandshakeSynackFlood]),
        ("many SYNs", Talk::default(), flood('>', "S", p('>', "S", 500, 0), 10), p('>', "S", 77, 0), &[StreamHandshakeSynFlood]),
        ("fast open ignored", Talk::default(), vec![p('>', "S", 0, 0).cookie().data("x")], p('<', "SA", 0, 1),
            &[StreamHandshakeSynackTfoDataIgnored]),
        ("SYN, other seq", Talk::default(), synack(), p('>', "S", 9, 0), &[StreamHandshakeSynResendDiffSeqOnSynRecv]),
        ("SYN by the server", Talk::default(), synack(), p('<', "S", 0, 0), &[StreamHandshakeSynToclientOnSynRecv]),
        ("4-way, wrong ack", Talk::default(), both(), p('>', "SA", 0, 9), &[StreamFourWaySynackWithWrongAck]),
        ("4-way, wrong SYN", Talk::default(), both(), p('>', "SA", 9, 1), &[StreamFourWaySynackWithWrongSyn]),
        ("4-way, wrong seq", Talk::default(), answered(), p('<', "A", 9, 1), &[StreamFourWayWrongSeq]),
        ("4-way, invalid ack", Talk::default(), answered(), p('<', "A", 1, 9), &[StreamFourWayInvalidAck]),
        ("FIN from nowhere", Talk::default(), vec![], p('>', "FA", 1, 1), &[StreamFinButNoSession]),
        ("RST from nowhere", Talk::default(), vec![], p('>', "R", 1, 0), &[StreamRstButNoSession]),
        ("SYN and FIN", Talk::default(), vec![], p('>', "SF", 0, 0), &[StreamFinSyn]),
        ("ack without ACK", Talk::default(), vec![], p('>', "S", 0, 5), &[StreamPktBrokenAck]),
        ("RST, wrong ack", Talk::default(), syn(), p('<', "RA", 0, 9), &[StreamPktInvalidAck, StreamRstInvalidAck]),
        ("a timestamp nobody offered", Talk::default(), syn(), p('<', "RA", 0, 1).stamp(100, 100), &[StreamPktInvalidTimestamp]),
        ("the echo of nothing", Talk::default(), vec![p('>', "S", 0, 0).stamp(5_000, 0)], p('<', "FA", 0, 1).stamp(100, 100),
            &[StreamPktInvalidTimestamp]),
        ("a timestamp that echoes nothing", Talk::default(), syn(), p('<', "SA", 0, 1).stamp(100, 0), &[]),
    ]
}

#[rustfmt::skip]
fn established_rows() -> Vec<Row> {
    let said = || vec![p('>', "A", 1, 1).data("hello"), p('<', "A", 1, 6)];
    let stamped = || {
        let mut talk = Talk::default();
        for packet in [p('>', "S", 0, 0).stamp(100, 0), p('<', "SA", 0, 1).stamp(7, 100), p('>', "A", 1, 1).stamp(101, 7)] {
            talk.push(&packet);
        }
        talk
    };
    vec![
        ("out of window", open(), vec![], p('>', "A", 9_000, 1).data("x"), &[StreamEstPacketOutOfWindow]),
        ("before last ack", open(), said(), p('>', "A", 1, 1).data("hell"),
            &[StreamEstPktBeforeLastAck, StreamPktSpuriousRetransmission]),
        ("sent again", open(), vec![p('>', "A", 1, 1).data("hello")], p('>', "A", 1, 1).data("hell"), &[StreamPktRetransmission]),
        ("the last bytes again", open(), said(), p('>', "A", 1, 1).data("hello"), &[StreamPktSpuriousRetransmission]),
        ("an old acknowledgment", open(), said(), p('>', "A", 1, 1), &[StreamEstPktBeforeLastAck]),
        ("a probe for a dead peer", open(), said(), p('>', "A", 5, 1), &[]),
        ("SYN/ACK", open(), vec![p('<', "A", 1, 1).data("x")], p('<', "SA", 0, 1), &[StreamEstSynackResend]),
        ("SYN/ACK, as its answer was lost", open(), vec![], p('<', "SA", 0, 1), &[]),
        ("SYN/ACK, after the client was answered", open(), said(), p('<', "SA", 0, 1), &[StreamEstSynackResendWithDiffAck]),
        ("SYN/ACK, other ack", open(), vec![], p('<', "SA", 0, 9), &[StreamEstSynackResendWithDiffAck]),
        ("SYN/ACK, other seq", open(), vec![], p('<', "SA", 9, 1), &[StreamEstSynackResendWithDiffSeq]),
        ("SYN/ACK by the client", open(), vec![], p('>', "SA", 0, 1), &[StreamEstSynackToserver]),
        ("SYN", open(), vec![], p('>', "S", 0, 0), &[StreamEstSynResend]),
        ("SYN, other seq", open(), vec![], p('>', "S", 9, 0), &[StreamEstSynResendDiffSeq]),
        ("SYN by the server", open(), vec![], p('<', "S", 0, 0), &[StreamEstSynToclient]),
        ("invalid ack", open(), vec![], p('>', "A", 1, 9_000), &[StreamPktInvalidAck, StreamEstInvalidAck]),
        ("FIN, invalid ack", open(), vec![], p('>', "FA", 1, 9_000), &[StreamPktInvalidAck, StreamFinInvalidAck]),
        ("FIN out of window", open(), vec![], p('>', "FA", 9_000, 1), &[StreamFinOutOfWindow]),
        ("RST, invalid ack", open(), vec![], p('>', "RA", 1, 9_000), &[StreamPktInvalidAck, StreamRstInvalidAck]),
        ("RST with data", open(), vec![], p('>', "RA", 1, 1).data("bye"), &[StreamRstWithData]),
        ("old timestamp", stamped(), vec![], p('>', "A", 1, 1).stamp(50, 7).data("x"), &[StreamPktInvalidTimestamp]),
        ("timestamps that were not agreed on", open(), vec![p('>', "A", 1, 1).stamp(100, 7).data("x")],
            p('>', "A", 2, 1).stamp(50, 7).data("y"), &[]),
        ("too old to be a retransmission", open(), vec![], p('>', "A", 0_u32.wrapping_sub(70_000), 1).data("x"), &[StreamEstPacketOutOfWindow]),
        ("window taken back", open(), vec![p('>', "A", 1, 1).data("hello")], p('<', "A", 1, 1).window(2), &[StreamPktBadWindowUpdate]),
        ("zero window probe", open(),
            vec![p('<', "A", 1, 1).window(0), p('>', "A", 1, 1).data(vec![b'x'; 8_192]), p('<', "A", 1, 8_193).window(0),
                 p('>', "A", 8_193, 1).data("y")],
            p('<', "A", 1, 8_194).window(0), &[StreamEstAckZwpData]),
        ("the reset side goes on", open(), vec![p('<', "R", 1, 0)], p('<', "A", 1, 1).data("x"), &[StreamSuspectedRstInject]),
    ]
}

#[rustfmt::skip]
fn closing_rows() -> Vec<Row> {
    let fin1 = || vec![p('<', "FA", 1, 1)];
    let fin2 = || vec![p('<', "FA", 1, 1), p('>', "A", 1, 2)];
    let time_wait = || vec![p('<', "FA", 1, 1), p('>', "FA", 1, 2)];
    let closing = || vec![p('<', "FA", 1, 1), p('>', "FA", 1, 1)];
    let close_wait = || vec![p('>', "A", 1, 1).data("hi"), p('>', "FA", 3, 1), p('<', "A", 1, 4)];
    let last_ack = || vec![p('>', "FA", 1, 1), p('<', "FA", 1, 2)];
    let far = |packet: P| packet.data("x");
    vec![
        ("fin_wait1, seq", open(), fin1(), far(p('>', "A", 9_000, 2)), &[StreamFin1AckWrongSeq]),
        ("fin_wait1, FIN", open(), fin1(), p('>', "FA", 9_000, 2), &[StreamFin1FinWrongSeq]),
        ("fin_wait1, ack", open(), fin1(), p('>', "A", 1, 9_000), &[StreamPktInvalidAck, StreamFin1InvalidAck]),
        ("fin_wait2, seq", open(), fin2(), far(p('>', "A", 9_000, 2)), &[StreamFin2AckWrongSeq]),
        ("fin_wait2, FIN", open(), fin2(), p('>', "FA", 9_000, 2), &[StreamFin2FinWrongSeq]),
        ("fin_wait2, ack", open(), fin2(), p('>', "A", 1, 9_000), &[StreamPktInvalidAck, StreamFin2InvalidAck]),
        ("time_wait, seq", open(), time_wait(), far(p('<', "A", 9_000, 2)), &[StreamTimewaitAckWrongSeq]),
        ("time_wait, ack", open(), time_wait(), p('<', "A", 2, 9_000), &[StreamPktInvalidAck, StreamTimewaitInvalidAck]),
        ("closing, seq", open(), closing(), far(p('<', "A", 9_000, 2)), &[StreamClosingAckWrongSeq]),
        ("closing, ack", open(), closing(), p('<', "A", 2, 9_000), &[StreamPktInvalidAck, StreamClosingInvalidAck]),
        ("close_wait, seq", open(), close_wait(), far(p('<', "A", 9_000, 2)), &[StreamClosewaitAckOutOfWindow]),
        ("close_wait, FIN", open(), close_wait(), p('<', "FA", 9_000, 2), &[StreamClosewaitFinOutOfWindow]),
        ("close_wait, FIN before sent bytes", open(), vec![p('<', "A", 1, 1).data("lost"), p('>', "FA", 1, 1)],
            p('<', "FA", 1, 2), &[StreamClosewaitFinOutOfWindow]),
        ("close_wait, FIN behind lost bytes", open(), vec![p('<', "A", 1, 1).data("lost"), p('>', "FA", 1, 1)],
            p('<', "FA", 5, 2), &[]),
        ("close_wait, ack", open(), close_wait(), p('<', "A", 1, 9_000), &[StreamPktInvalidAck, StreamClosewaitInvalidAck]),
        ("close_wait, old", open(), close_wait(), p('>', "A", 1, 1).data("hi"),
            &[StreamClosewaitPktBeforeLastAck, StreamPktSpuriousRetransmission]),
        ("last_ack, seq", open(), last_ack(), far(p('>', "A", 9_000, 2)), &[StreamLastackAckWrongSeq]),
        ("last_ack, ack", open(), last_ack(), p('>', "A", 2, 9_000), &[StreamPktInvalidAck, StreamLastackInvalidAck]),
        ("SYN in close_wait", open(), close_wait(), p('>', "S", 0, 0), &[StreamShutdownSynResend]),
        ("SYN/ACK when closed", open(), vec![p('<', "R", 1, 0)], p('<', "SA", 0, 1), &[StreamShutdownSynResend]),
    ]
}

#[rustfmt::skip]
fn reassembly_rows() -> Vec<Row> {
    let small = |memcap| with(|c| c.reassembly.memcap = memcap).established();
    let hole = || vec![p('>', "A", 4, 1).data("def")];
    let mut seen = open();
    seen.push(&p('>', "A", 1, 1).data("hello"));
    seen.push(&p('<', "A", 1, 6));
    seen.app('>');
    seen.session().raw_stop(Dir::ToServer);
    vec![
        ("a hole acknowledged", open(), hole(), p('<', "A", 1, 7), &[StreamReassemblySeqGap]),
        ("other bytes", open(), hole(), p('>', "A", 4, 1).data("dXf"),
            &[StreamPktRetransmission, StreamReassemblyOverlapDifferentData]),
        ("before what is held", seen, vec![], p('>', "A", 1, 1).data("hello"),
            &[StreamPktSpuriousRetransmission, StreamReassemblySegmentBeforeBaseSeq]),
        ("beyond the depth", with(|c| c.reassembly.depth = 4).established(), vec![], p('>', "A", 1, 1).data("hello"),
            &[StreamReassemblyDepthReached]),
        ("no memory", small(100), vec![], p('>', "A", 1, 1).data("hello"),
            &[StreamReassemblyInsertMemcap, StreamReassemblyNoSegment]),
        ("too many regions", with(|c| c.reassembly.max_regions = 0).established(), vec![], p('>', "A", 4, 1).data("x"),
            &[StreamReassemblyInsertLimit]),
        ("after the FIN", open(), vec![p('>', "FA", 1, 1)], p('>', "A", 2, 1).data("x"), &[StreamReassemblyInsertInvalid]),
        ("too much urgent data", with(|c| {
                c.reassembly.urgent_limit = 0;
                c.reassembly.urgent_limit_policy = UrgentPolicy::Gap;
            }).established(), vec![], p('>', "AU", 1, 1).urgent(1).data("x"), &[StreamReassemblyUrgentOobLimitReached]),
    ]
}

fn rows() -> Vec<Row> {
    [handshake_rows(), established_rows(), closing_rows(), reassembly_rows()].into_iter().flatten().collect()
}

#[test]
fn odd_packets_are_named() {
    for (name, mut talk, before, packet, expected) in rows() {
        for earlier in &before {
            talk.push(earlier);
        }
        let (_, noted) = talk.push(&packet);
        assert_eq!(noted, expected, "{name}");
    }
}

#[test]
fn every_oddity_has_a_row() {
    let raised: BTreeSet<Anomaly> = rows().iter().flat_map(|row| row.4).copied().collect();
    let missing: Vec<_> =
        ALL.iter().filter(|anomaly| anomaly.layer() == Layer::Stream && !raised.contains(anomaly)).collect();
    // Which worker a packet came to is not known here.
    assert_eq!(missing, [&StreamWrongThread]);
}

#[test]
fn inline_drops_what_is_invalid_unless_told_otherwise() {
    for (drop_invalid, drop) in [(true, Some(DropReason::StreamError)), (false, None)] {
        let mut talk = Talk::with(Config { inline: true, drop_invalid, ..Config::default() }).established();
        let (outcome, _) = talk.push(&p('>', "A", 9_000, 1).data("x"));
        assert_eq!((outcome.valid, outcome.drop), (false, drop));
    }
    let (outcome, _) = open().push(&p('>', "A", 9_000, 1).data("x"));
    assert_eq!((outcome.valid, outcome.drop), (false, None));
}

#[test]
fn evil_resets_with_wrong_timestamps_end_nothing() {
    let mut talk = Talk::default();
    for (packet, odd) in [
        (p('>', "S", 0, 0).stamp(1_821_165_629, 0), false),
        (p('<', "RA", 0, 1).stamp(100, 100), true),
        (p('<', "FA", 0, 1).stamp(100, 100), true),
        (p('>', "R", 1, 0), false),
        (p('<', "SA", 0, 1).stamp(1_821_165_629, 0), false),
        (p('>', "A", 1, 1).stamp(1_821_165_693, 1_821_165_629), false),
    ] {
        assert_eq!(!talk.push(&packet).1.is_empty(), odd, "{packet:?}");
    }
    assert_eq!(talk.state(), "established");
}

#[test]
fn keep_alives_are_neither_odd_nor_data() {
    let mut talk = open();
    talk.push(&p('>', "A", 1, 1).data("hello"));
    talk.push(&p('<', "A", 1, 6));
    for probe in [p('>', "A", 5, 1), p('>', "A", 5, 1).data("?")] {
        let (outcome, noted) = talk.push(&probe);
        assert_eq!((outcome.valid, noted), (true, vec![]));
    }
    assert_eq!(talk.app('>'), "hello");
}

#[test]
fn wrong_checksums_are_ignored() {
    let mut talk = open();
    let (outcome, _) = talk.push(&p('>', "R", 1, 0).bad_checksum());
    assert_eq!((outcome, talk.state()), (Outcome::default(), "established"));
    assert_eq!(talk.counters.get(Counter::TcpInvalidChecksum), 1);
    talk.config.checksum_validation = false;
    talk.push(&p('>', "R", 1, 0).bad_checksum());
    assert_eq!(talk.state(), "closed");
}
