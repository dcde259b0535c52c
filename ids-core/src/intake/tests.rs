//! The order of what comes out, tunnels and fragments within each other, and verdicts for late copies.

use super::*;
use crate::counters::Counter;
use crate::defrag::Refusal;
use crate::packet::{LinkType, Source, Transport};
use crate::verdict::DropReason;

fn ipv4(proto: u8, id: u16, field: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap();
    let mut bytes = vec![0x45, 0];
    bytes.extend(length.to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend(field.to_be_bytes());
    bytes.extend([64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend(payload);
    bytes
}

/// An IPv4 datagram in two fragments.
fn halves(proto: u8, id: u16, payload: &[u8]) -> [Vec<u8>; 2] {
    let (first, last) = payload.split_at(payload.len() / 16 * 8);
    [ipv4(proto, id, 0x2000, first), ipv4(proto, id, u16::try_from(first.len() / 8).unwrap(), last)]
}

fn udp() -> Vec<u8> {
    [&[0, 1, 0, 2, 0, 32, 0, 0][..], &[b'x'; 24]].concat()
}

#[derive(Default)]
struct Bed {
    intake: Intake,
    counters: Counters,
    id: u64,
}

impl Bed {
    /// Why a fragment is not kept.
    fn refused(&mut self, bytes: &[u8]) -> Option<Refusal> {
        let frame = Frame { id: 1, port: 0, time: Time::from_micros(1, 0), link: LinkType::Raw, bytes };
        let mut refused = None;
        self.intake.push(&frame, &mut self.counters, &mut |packet, _| refused = packet.refused);
        refused
    }

    fn push(&mut self, bytes: &[u8]) -> (Vec<(Source, Transport, u8)>, Fate) {
        self.id += 1;
        let frame = Frame { id: self.id, port: 0, time: Time::from_micros(self.id, 0), link: LinkType::Raw, bytes };
        let mut seen = Vec::new();
        let fate = self.intake.push(&frame, &mut self.counters, &mut |packet, _| {
            assert_eq!((packet.id, packet.time), (frame.id, frame.time));
            seen.push((packet.source, packet.layers.transport, packet.tunnel.map_or(0, |tunnel| tunnel.depth)));
        });
        (seen, fate)
    }
}

#[test]
fn a_datagram_follows_the_fragment_that_completes_it() {
    let mut bed = Bed::default();
    let [first, last] = halves(17, 1, &udp());
    assert_eq!(bed.push(&first).0, [(Source::Wire, Transport::None, 0)]);
    assert_eq!(bed.push(&last).0, [(Source::Wire, Transport::None, 0), (Source::Defrag, Transport::Udp, 0)]);
    assert_eq!(bed.counters.get(Counter::DecoderPkts), 2);
    assert_eq!(bed.counters.get(Counter::DefragIpv4Reassembled), 1);
}

#[test]
fn tunnels_in_datagrams_and_fragments_in_tunnels_are_followed() {
    let mut bed = Bed::default();
    // IP in IP, whose inner packets are fragments; the outer ones are fragments, too.
    let [inner_first, inner_last] = halves(17, 2, &udp());
    assert_eq!(bed.push(&ipv4(4, 3, 0, &inner_first)).0.len(), 2);
    let [first, last] = halves(4, 4, &inner_last);
    assert_eq!(bed.push(&last).0, [(Source::Wire, Transport::None, 0)]);
    assert_eq!(
        bed.push(&first).0,
        [
            (Source::Wire, Transport::None, 0),
            (Source::Defrag, Transport::None, 0),
            (Source::Ipv4Tunnel, Transport::None, 1),
            (Source::Defrag, Transport::Udp, 1),
        ]
    );
}

#[test]
fn fragments_of_tunnels_in_fragments_of_tunnels_end_at_the_limit() {
    let mut bed = Bed::default();
    // Every level is the last fragment of a datagram whose first one came before, and is IP in IP.
    let mut bytes = udp();
    for id in 0..60 {
        let [first, last] = halves(if id == 0 { 17 } else { 4 }, id, &bytes);
        let mut wrapped = first;
        for outer in id + 1..60 {
            wrapped = ipv4(4, outer, 0, &wrapped);
        }
        bed.push(&wrapped);
        bytes = last;
    }
    let before = bed.counters.get(Counter::DecoderTooManyLayers);
    let (seen, _) = bed.push(&bytes);
    assert_eq!(bed.counters.get(Counter::DecoderTooManyLayers), before + 1);
    assert_eq!(seen.iter().filter(|row| row.0 == Source::Defrag).count(), 5, "{seen:?}");
}

#[test]
fn late_copies_share_the_fate_of_their_datagram() {
    let dropped = Verdict::Drop(DropReason::Rules);
    for (settled, late) in [(Verdict::Accept, Verdict::Accept), (dropped, dropped)] {
        let mut bed = Bed::default();
        let [first, last] = halves(17, 1, &udp());
        assert_eq!(bed.push(&first).1, Fate::default());
        let datagrams = bed.intake.completed();
        bed.intake.settle(&datagrams, Verdict::Accept);
        assert_eq!(bed.push(&last).1, Fate::default());
        let datagrams = bed.intake.completed();
        bed.intake.settle(&datagrams, settled);
        let (seen, fate) = bed.push(&last);
        assert_eq!((seen.len(), fate.verdict), (1, late));
    }
}

#[test]
fn refused_fragments_say_why() {
    let mut bed = Bed::default();
    assert_eq!(bed.refused(&ipv4(17, 1, 0x2000, &[])), Some(Refusal::Malformed));
    bed.intake = Intake::new(decode::Config::default(), defrag::Config { trackers: 0, ..Default::default() });
    assert_eq!(bed.refused(&halves(17, 1, &udp())[0]), Some(Refusal::Full));
}
