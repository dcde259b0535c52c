//! What the reader hands to a worker: the worker's share of a batch, or of part of one.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ids_core::packet::{Detached, Packet};
use ids_core::time::Time;
use ids_core::verdict::Verdict;

/// One worker's share. All workers get one for every piece of the capture, if only an empty one.
#[derive(Debug, Default)]
pub(super) struct Piece {
    units: Vec<Unit>,
    bytes: Vec<u8>,
    /// Captured packets that are dropped on account of the first stage: step and number.
    pub(super) dropped: Vec<Dropped>,
    /// What to do after the packets.
    pub(super) close: Close,
    /// The first step after this piece.
    pub(super) next: u64,
}

/// A captured packet that a part of was dropped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dropped {
    /// The step of that part.
    pub(super) step: u64,
    /// Number of the captured packet.
    pub(super) id: u64,
    /// Its fate.
    pub(super) verdict: Verdict,
}

/// How a piece ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Close {
    /// The reader needs to know what became of its last captured packet, by number.
    Ask(u64),
    /// The batch is over: time passes up to this.
    Tick(Time),
    /// The capture is over.
    #[default]
    Finish,
}

/// A decoded packet, its bytes apart.
#[derive(Debug)]
struct Unit {
    at: At,
    packet: Detached,
    start: usize,
    len: usize,
}

/// When and how a worker takes a packet.
#[derive(Clone, Debug)]
pub(super) struct At {
    /// The step: packets and ticks of the capture, counted.
    pub(super) step: u64,
    /// The largest packet time so far.
    pub(super) clock: Time,
    /// Whose it is.
    pub(super) claim: Claim,
}

/// Whose a packet is. For an ICMP error the worker of the flow that it quotes is asked whether there is such a flow;
/// without one the error belongs to the worker of its own addresses.
#[derive(Clone, Debug)]
pub(super) enum Claim {
    /// The worker's that has it.
    Own,
    /// The worker's that has it, if it knows the quoted flow; it says so here.
    IfQuoted(Arc<AtomicBool>),
    /// The worker's that has it, unless this other worker said that it knows the quoted flow.
    Unless(Arc<AtomicBool>, usize),
}

impl Piece {
    /// Adds a copy of a packet.
    pub(super) fn push(&mut self, packet: &Packet<'_>, at: At) {
        let (start, len) = (self.bytes.len(), packet.bytes.len());
        self.bytes.extend_from_slice(packet.bytes);
        self.units.push(Unit { at, packet: packet.into(), start, len });
    }

    /// The packets, in order.
    pub(super) fn packets(&mut self) -> impl Iterator<Item = (At, Packet<'_>)> {
        let bytes = &self.bytes;
        self.units.drain(..).map(move |unit| {
            let bytes = bytes.get(unit.start..unit.start + unit.len).expect("pushed together with the unit");
            (unit.at, unit.packet.with(bytes))
        })
    }
}
