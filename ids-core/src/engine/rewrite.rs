//! Inline, a later copy of a byte that differs from the first becomes the first again, so that nobody can show the
//! engine one stream and the receiver another; and rules have bytes overwritten (`replace`).
//!
//! In: what the TCP engine wants changed in a segment, what rules want changed in a packet.  Out: the captured frame with
//! the changes made and the checksum of segment or datagram following them. Checksums around it need no change:
//! together with its checksum it adds up to what it did before.

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
    /// Where its checksum stands in it.
    checksum: usize,
    /// Where the bytes go.
    at: usize,
    bytes: Vec<u8>,
}

/// Where in a TCP header the checksum stands (RFC 9293 §3.1).
const TCP_CHECKSUM: usize = 16;

/// Where in a UDP header it does, if it is not zero (RFC 768).
const UDP_CHECKSUM: usize = 6;

impl Edits {
    /// Takes note of changes to a packet of the frame. Out: whether they can be made. They cannot where the packet was
    /// put together from fragments: the others have left by then.
    pub(super) fn note(&mut self, packet: &Packet<'_>, rewrites: &[Rewrite]) -> bool {
        if rewrites.is_empty() || packet.layers.transport != Transport::Tcp {
            return true;
        }
        self.add(packet, TCP_CHECKSUM, rewrites.iter().map(|rewrite| (rewrite.at, &rewrite.bytes)))
    }

    /// Takes note of what rules want overwritten in the payload of a packet. It stays as it is where it was put together
    /// from fragments, and over other transports than TCP and UDP.
    pub(super) fn replace(&mut self, packet: &Packet<'_>, replacements: &[(usize, Vec<u8>)]) {
        let checksum = match packet.layers.transport {
            Transport::Tcp => TCP_CHECKSUM,
            Transport::Udp => UDP_CHECKSUM,
            _ => return,
        };
        self.add(packet, checksum, replacements.iter().map(|(at, bytes)| (*at, bytes)));
    }

    fn add<'b>(
        &mut self,
        packet: &Packet<'_>,
        checksum: usize,
        changes: impl Iterator<Item = (usize, &'b Vec<u8>)>,
    ) -> bool {
        let Some(frame_at) = packet.frame_at else { return false };
        self.0.extend(changes.map(|change| Edit::of(packet, frame_at as usize, checksum, change)));
        true
    }

    /// Makes the changes.
    pub(super) fn apply(&mut self, frame: &mut [u8]) {
        for edit in self.0.drain(..) {
            // Places come from decoding this very frame; what does not lie in it is not there to be changed.
            let _ = edit.apply(frame);
        }
    }

    /// Adds those that another engine asks for.
    pub(super) fn append(&mut self, others: &mut Self) {
        self.0.append(&mut others.0);
    }
}

/// A segment as its receiver gets it, where that is not as it came: rules look at that. Its bytes go into `room`.
pub(super) fn received<'b>(packet: &Packet<'b>, rewrites: &[Rewrite], room: &'b mut Vec<u8>) -> Option<Packet<'b>> {
    if rewrites.is_empty() || packet.layers.transport != Transport::Tcp {
        return None;
    }
    room.extend_from_slice(packet.bytes);
    for rewrite in rewrites {
        Edit::of(packet, 0, TCP_CHECKSUM, (rewrite.at, &rewrite.bytes)).apply(room)?;
    }
    Some(Packet { bytes: room, ..packet.clone() })
}

impl Edit {
    /// A change in the payload of a packet that begins `start` bytes from the first.
    fn of(packet: &Packet<'_>, start: usize, checksum: usize, (at, bytes): (usize, &Vec<u8>)) -> Self {
        let segment = start + packet.layers.transport_at as usize;
        Self { segment, checksum, at: segment + packet.layers.transport_len as usize + at, bytes: bytes.clone() }
    }

    fn apply(&self, frame: &mut [u8]) -> Option<()> {
        let place = self.at..self.at + self.bytes.len();
        let field = self.segment + self.checksum..self.segment + self.checksum + 2;
        let before = u16::from_be_bytes(frame.get(field.clone())?.try_into().ok()?);
        let after = match checksum::updated(before, self.at - self.segment, frame.get(place.clone())?, &self.bytes) {
            // In UDP zero means that there is none, and stays; a sum of zero is written as its other form.
            _ if self.checksum == UDP_CHECKSUM && before == 0 => 0,
            0 if self.checksum == UDP_CHECKSUM => u16::MAX,
            after => after,
        };
        frame.get_mut(place)?.copy_from_slice(&self.bytes);
        frame.get_mut(field)?.copy_from_slice(&after.to_be_bytes());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::fixtures::{Carrier, segment};
    use super::super::{Engine, fixtures};
    use crate::app::App;
    use crate::checksum::{self, Checksum};
    use crate::counters::Counters;
    use crate::decode::{self, Frame, Start};
    use crate::detect::compile::Loader;
    use crate::detect::rule_set::RuleSet;
    use crate::detect::settings::Settings;
    use crate::detect::shared::Shared;
    use crate::packet::LinkType;
    use crate::time::Time;
    use crate::verdict::{DropReason, Verdict};

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
        let config = fixtures::inline();
        let decode = config.decode.clone();
        (Engine::new(Arc::new(config), Arc::new(App::default()), Shared::default()), decode)
    }

    fn push(engine: &mut Engine, id: u64, bytes: &mut [u8]) -> Verdict {
        fixtures::push(engine, &RuleSet::default(), id, bytes).verdict
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
    fn what_a_rule_replaces_leaves_changed_with_right_checksums() {
        let rules = |action: &str| {
            let text =
                format!("{action} ip any any -> any any (content:\"secret\"; nocase; replace:\"******\"; sid:1;)");
            let parsed = crate::rules::parse(&text).rules.into_iter().map(|rule| (0, rule));
            Loader::default().compile(parsed, &Settings::default()).unwrap().rules
        };
        let datagram = || {
            let builder = etherparse::PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
            let mut frame = Vec::new();
            builder.udp(4000, 53).write(&mut frame, b"a SECRET, a secret").unwrap();
            frame
        };
        let tcp = |carrier| segment(carrier, true, "PA", 114, 501, b"a SECRET, a secret");
        for (name, carrier, frame, action, want) in [
            ("TCP", Carrier::V4, tcp(Carrier::V4), "alert", "a ******, a secret"),
            ("IPv6", Carrier::V6, tcp(Carrier::V6), "alert", "a ******, a secret"),
            ("UDP", Carrier::V4, datagram(), "alert", "a ******, a secret"),
            ("passed", Carrier::V4, datagram(), "pass", "a SECRET, a secret"),
        ] {
            let (mut engine, decode) = engine();
            talk(&mut engine, carrier, b"GET /one HTTP");
            let mut frame = frame;
            let told = fixtures::push(&mut engine, &rules(action), 9, &mut frame);
            assert_eq!(told.verdict, Verdict::Accept, "{name}");
            let (checksums, payload) = checks(&frame, &decode);
            assert_eq!(String::from_utf8_lossy(&payload), want, "{name}");
            assert!(checksums.iter().all(|one| *one == Checksum::Valid), "{name}: {checksums:?}");
        }
    }

    #[test]
    fn rules_look_at_what_the_receiver_gets() {
        let text = "alert tcp-pkt any any -> any any (content:\"one\"; sid:1;)\n\
                    alert tcp-pkt any any -> any any (content:\"BAD\"; sid:2;)\n\
                    alert tcp-pkt any any -> any any (tcpv4-csum:invalid; sid:3;)";
        let parsed = crate::rules::parse(text).rules.into_iter().map(|rule| (0, rule));
        let rules = Loader::default().compile(parsed, &Settings::default()).unwrap().rules;
        for (name, copy, want) in [
            ("changed", &b"GET /BAD HTTP"[..], &[1][..]),
            ("the same", b"GET /one HTTP", &[1]),
            ("what is new", b"GET /one HTTP/BAD", &[1, 2]),
        ] {
            let (mut engine, _) = engine();
            talk(&mut engine, Carrier::V4, b"GET /one HTTP");
            let mut frame = segment(Carrier::V4, true, "PA", 101, 501, copy);
            let told = fixtures::push(&mut engine, &rules, 9, &mut frame);
            assert_eq!(told.sids, want, "{name}");
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
