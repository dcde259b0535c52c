//! Inline, a later copy of a byte that differs from the first becomes the first again, so that nobody can show the
//! engine one stream and the receiver another.
//!
//! In: what the TCP engine wants changed in a segment.  Out: the captured frame with the changes made and the
//! segment's checksum following them. Checksums around the segment need no change: a segment together with its
//! checksum adds up to what it did before.

use crate::checksum;
use crate::packet::{Packet, Transport};
use crate::stream::Rewrite;

/// Changes of one captured frame.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<Edit>);

/// One change; places are in bytes from the first of the frame.
#[derive(Debug)]
struct Edit {
    /// Where the segment begins.
    segment: usize,
    /// Where the bytes go.
    at: usize,
    bytes: Vec<u8>,
}

/// Where in a TCP header the checksum stands (RFC 9293 §3.1).
const CHECKSUM: usize = 16;

impl Edits {
    /// Takes note of changes to a packet of the frame. Out: whether they can be made. They cannot where the packet was
    /// put together from fragments: the others have left by then.
    pub(super) fn note(&mut self, packet: &Packet<'_>, rewrites: &[Rewrite]) -> bool {
        if rewrites.is_empty() || packet.layers.transport != Transport::Tcp {
            return true;
        }
        let Some(frame_at) = packet.frame_at else { return false };
        let segment = frame_at as usize + packet.layers.transport_at as usize;
        let payload = segment + packet.layers.transport_len as usize;
        let edit = |rewrite: &Rewrite| Edit { segment, at: payload + rewrite.at, bytes: rewrite.bytes.clone() };
        self.0.extend(rewrites.iter().map(edit));
        true
    }

    /// Makes the changes.
    pub(super) fn apply(&mut self, frame: &mut [u8]) {
        for edit in self.0.drain(..) {
            // Places come from decoding this very frame; what does not lie in it is not there to be changed.
            let _ = edit.apply(frame);
        }
    }

    /// Forgets them, where nobody sends the frame on.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

impl Edit {
    fn apply(&self, frame: &mut [u8]) -> Option<()> {
        let place = self.at..self.at + self.bytes.len();
        let field = self.segment + CHECKSUM..self.segment + CHECKSUM + 2;
        let before = u16::from_be_bytes(frame.get(field.clone())?.try_into().ok()?);
        let after = checksum::updated(before, self.at - self.segment, frame.get(place.clone())?, &self.bytes);
        frame.get_mut(place)?.copy_from_slice(&self.bytes);
        frame.get_mut(field)?.copy_from_slice(&after.to_be_bytes());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;
    use std::sync::Arc;

    use etherparse::PacketBuilder;

    use super::super::{Command, Config, Engine, Side, Sink};
    use crate::app::App;
    use crate::checksum::{self, Checksum};
    use crate::counters::Counters;
    use crate::decode::{self, Frame, Ports, Start};
    use crate::detect::rule_set::RuleSet;
    use crate::detect::shared::Shared;
    use crate::event::Event;
    use crate::packet::{LinkType, PacketIn};
    use crate::stream;
    use crate::time::Time;
    use crate::verdict::{DropReason, Verdict};

    /// Keeps the last verdict.
    struct Last(Verdict);

    impl Sink for Last {
        fn verdict(&mut self, _: u64, verdict: Verdict) {
            self.0 = verdict;
        }
        fn inject(&mut self, _: u16, _: Side, _: &[u8]) {}
        fn kernel(&mut self, _: Command) {}
        fn event(&mut self, _: Event<'_>) {}
    }

    /// What carries the TCP packets.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Carrier {
        V4,
        V6,
        /// IPv4 in Ethernet in VXLAN over IPv6, whose UDP checksum must not be left out.
        Vxlan,
    }

    fn segment(carrier: Carrier, from_client: bool, flags: &str, seq: u32, ack: u32, data: &[u8]) -> Vec<u8> {
        let (a, b) = if from_client { (1, 2) } else { (2, 1) };
        let (sport, dport) = if from_client { (4000, 80) } else { (80, 4000) };
        let v6 = |last| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).octets();
        let ether = PacketBuilder::ethernet2([2; 6], [4; 6]);
        let ip = match carrier {
            Carrier::V6 => ether.ipv6(v6(a), v6(b), 64),
            Carrier::V4 | Carrier::Vxlan => ether.ipv4([10, 0, 0, a as u8], [10, 0, 0, b as u8], 64),
        };
        let mut tcp = ip.tcp(sport, dport, seq, 60_000);
        for flag in flags.chars() {
            tcp = match flag {
                'S' => tcp.syn(),
                'P' => tcp.psh(),
                _ => tcp.ack(ack),
            };
        }
        let mut bytes = Vec::new();
        tcp.write(&mut bytes, data).unwrap();
        if carrier != Carrier::Vxlan {
            return bytes;
        }
        let inner = [&[8, 0, 0, 0, 0, 0, 7, 0][..], &bytes].concat();
        let mut outer = Vec::new();
        let tunnel = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv6(v6(a + 16), v6(b + 16), 64).udp(5000, 4789);
        tunnel.write(&mut outer, &inner).unwrap();
        outer
    }

    /// All checksums of a frame and what it carries, and the last payload.
    fn checks(bytes: &[u8], config: &decode::Config) -> (Vec<Checksum>, Vec<u8>) {
        let mut counters = Counters::default();
        let frame = Frame { id: 1, port: 0, time: Time::ZERO, link: LinkType::Ethernet, bytes };
        let mut start = Some(Start::captured(&frame, config, &mut counters));
        let (mut found, mut payload) = (Vec::new(), Vec::new());
        while let Some(mut one) = start {
            start = decode::decode(&mut one, config, &mut counters);
            found.push(checksum::transport(&one.packet));
            payload = one.packet.payload().to_vec();
        }
        (found, payload)
    }

    fn engine() -> (Engine, decode::Config) {
        let decode = decode::Config { vxlan: Ports::These(vec![4789]), ..decode::Config::default() };
        let stream = stream::Config { inline: true, checksum_validation: true, ..stream::Config::default() };
        let config = Config { inline: true, decode: decode.clone(), stream, ..Config::default() };
        (Engine::new(Arc::new(config), Arc::new(App::default()), Shared::default()), decode)
    }

    fn push(engine: &mut Engine, id: u64, bytes: &mut [u8]) -> Verdict {
        let mut last = Last(Verdict::Accept);
        let time = Time::from_micros(1000 + id, 0);
        engine.push(&RuleSet::default(), PacketIn { id, port: 0, time, link: LinkType::Ethernet, bytes }, &mut last);
        last.0
    }

    /// Handshake, then `first`, acknowledged.
    fn talk(engine: &mut Engine, carrier: Carrier, first: &[u8]) {
        let mut opening = [
            segment(carrier, true, "S", 100, 0, b""),
            segment(carrier, false, "SA", 500, 101, b""),
            segment(carrier, true, "A", 101, 501, b""),
            segment(carrier, true, "PA", 101, 501, first),
        ];
        for (id, bytes) in opening.iter_mut().enumerate() {
            assert_eq!(push(engine, id as u64 + 1, bytes), Verdict::Accept);
        }
    }

    #[test]
    fn a_changed_copy_becomes_the_first_one_with_right_checksums() {
        for carrier in [Carrier::V4, Carrier::V6, Carrier::Vxlan] {
            for (at, copy, want) in [
                (0, &b"GET /BAD HTTP"[..], &b"GET /one HTTP"[..]),
                (5, b"two", b"one"),
                (4, b"\\two/", b"/one "),
                (12, b"Q and more", b"P and more"),
            ] {
                let (mut engine, decode) = engine();
                talk(&mut engine, carrier, b"GET /one HTTP");
                let mut frame = segment(carrier, true, "PA", 101 + at, 501, copy);
                let length = frame.len();
                assert_eq!(push(&mut engine, 9, &mut frame), Verdict::Accept, "{carrier:?} {at}");
                let (checksums, payload) = checks(&frame, &decode);
                assert_eq!(String::from_utf8_lossy(&payload), String::from_utf8_lossy(want), "{carrier:?} {at}");
                assert!(checksums.iter().all(|one| *one == Checksum::Valid), "{carrier:?} {at}: {checksums:?}");
                assert_eq!(frame.len(), length);
            }
        }
    }

    #[test]
    fn an_equal_copy_is_left_alone() {
        let (mut engine, _) = engine();
        talk(&mut engine, Carrier::V4, b"GET /one HTTP");
        let sent = segment(Carrier::V4, true, "PA", 101, 501, b"GET /one HTTP");
        let mut frame = sent.clone();
        assert_eq!(push(&mut engine, 9, &mut frame), Verdict::Accept);
        assert_eq!(frame, sent);
    }

    #[test]
    fn a_changed_copy_in_fragments_does_not_come_together() {
        let (mut engine, _) = engine();
        talk(&mut engine, Carrier::V4, b"GET /one HTTP");
        let whole = segment(Carrier::V4, true, "PA", 101, 501, b"GET /BAD HTTP");
        let (link, ip, body) = (&whole[..14], &whole[14..34], &whole[34..]);
        let mut verdicts = Vec::new();
        for (id, (part, offset, more)) in [(&body[..24], 0u16, 0x2000), (&body[24..], 3, 0)].into_iter().enumerate() {
            let mut header = etherparse::Ipv4Header::from_slice(ip).unwrap().0;
            header.set_payload_len(part.len()).unwrap();
            let mut bytes = header.to_bytes().to_vec();
            bytes[6..8].copy_from_slice(&(offset | more).to_be_bytes());
            let header = etherparse::Ipv4Header::from_slice(&bytes).unwrap().0;
            bytes[10..12].copy_from_slice(&header.calc_header_checksum().to_be_bytes());
            verdicts.push(push(&mut engine, 9 + id as u64, &mut [link, &bytes, part].concat()));
        }
        assert_eq!(verdicts, [Verdict::Accept, Verdict::Drop(DropReason::StreamError)]);
    }
}
