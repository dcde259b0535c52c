//! Stand-ins for the engine.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ids_core::engine::{Command, Side, Sink};
use ids_core::flow::{Endpoint, Key, Watch};
use ids_core::packet::PacketIn;
use ids_core::time::Time;
use ids_core::verdict::{DropReason, Verdict};
use ids_ebpf::headers::Headers;
use ids_sensor::live::Inspector;

/// Drops packets that hold a marker, and blocks or releases their flow.
pub struct Marker {
    pub marker: &'static [u8],
    pub then: Then,
}

/// What happens to the flow of a marked packet.
#[derive(Clone, Copy)]
pub enum Then {
    Block(Duration),
    BlockHost(Duration),
    Release,
    /// It is dropped, and goes back to its sender with all addresses turned around (UDP over IPv4).
    Answer,
}

impl Inspector for Marker {
    fn push(&mut self, packet: PacketIn<'_>, out: &mut impl Sink) {
        if !packet.bytes.windows(self.marker.len()).any(|window| window == self.marker) {
            return out.verdict(packet.id, Verdict::Accept);
        }
        let (key, src) = key_of(packet.bytes);
        let port = packet.port;
        let verdict = match self.then {
            Then::Block(ttl) => {
                out.kernel(Command::BlockFlow { key, port, ttl, sid: 7 });
                Verdict::Drop(DropReason::Rules)
            }
            Then::BlockHost(ttl) => {
                out.kernel(Command::BlockHost { addr: src, ttl, sid: 8, spoofable: false });
                Verdict::Drop(DropReason::Rules)
            }
            Then::Answer => {
                let mut answer = packet.bytes.to_vec();
                answer[..12].rotate_left(6);
                answer[26..34].rotate_left(4);
                answer[34..38].rotate_left(2);
                out.inject(port, Side::Sender, &answer);
                // There is no such port: counted, not sent.
                out.inject(99, Side::Sender, &answer);
                Verdict::Drop(DropReason::Rules)
            }
            Then::Release => {
                out.kernel(Command::Release {
                    key,
                    idle: Duration::from_secs(60),
                    watch: Watch::default(),
                    pace: None,
                    again: false,
                });
                Verdict::Accept
            }
        };
        out.verdict(packet.id, verdict);
    }

    fn tick(&mut self, _: Time, _: &mut impl Sink) {}
    fn finish(&mut self, _: &mut impl Sink) {}
}

/// Gives each verdict only when `behind` more packets have come in, or at the end.
pub struct Late {
    pub behind: usize,
    pub waiting: VecDeque<u64>,
}

impl Inspector for Late {
    fn push(&mut self, packet: PacketIn<'_>, out: &mut impl Sink) {
        self.waiting.push_back(packet.id);
        if self.waiting.len() > self.behind
            && let Some(id) = self.waiting.pop_front()
        {
            out.verdict(id, Verdict::Accept);
        }
    }

    fn tick(&mut self, _: Time, out: &mut impl Sink) {
        self.finish(out);
    }
    fn finish(&mut self, out: &mut impl Sink) {
        for id in self.waiting.drain(..) {
            out.verdict(id, Verdict::Accept);
        }
    }
}

/// The engine's key of a packet, and its sender.
pub fn key_of(bytes: &[u8]) -> (Key, std::net::IpAddr) {
    let headers = Headers::parse(bytes);
    let addr = |addr: ids_ebpf::flow::Addr| match headers.version {
        4 => std::net::IpAddr::from(addr.v4_bytes()),
        _ => std::net::IpAddr::from(addr.bytes()),
    };
    let src = Endpoint { addr: addr(headers.src), port: headers.src_port };
    let dst = Endpoint { addr: addr(headers.dst), port: headers.dst_port };
    let [outer, inner] = headers.vlan;
    (Key::new(src, dst, headers.proto, [outer, inner, 0], 0).0, src.addr)
}

/// Takes no packet before it may.
pub struct Gated(pub Arc<AtomicBool>);

impl Inspector for Gated {
    fn push(&mut self, packet: PacketIn<'_>, out: &mut impl Sink) {
        while !self.0.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        out.verdict(packet.id, Verdict::Accept);
    }
    fn tick(&mut self, _: Time, _: &mut impl Sink) {}
    fn finish(&mut self, _: &mut impl Sink) {}
}
