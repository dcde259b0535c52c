//! What every source of packets looks like: it fills batches.
//!
//! A batch owns the bytes of its packets in one piece of memory, which is used again for the next batch.

use ids_core::packet::{LinkType, PacketIn};
use ids_core::time::Time;

/// Packets of a batch, at most.
pub const BATCH_PACKETS: usize = 256;

/// A source of packets.
pub trait Source {
    /// Adds packets to a batch until it is full or nothing more is there for now. Out: whether something may
    /// still follow.
    fn fill(&mut self, batch: &mut Batch) -> bool;
}

/// Packets that are processed together.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    frames: Vec<Frame>,
}

/// Where a packet of a batch lies.
#[derive(Clone, Copy, Debug)]
struct Frame {
    id: u64,
    port: u16,
    time: Time,
    link: LinkType,
    start: usize,
    len: usize,
}

/// What a source knows of a packet besides its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// Number of the packet, from 1.
    pub id: u64,
    /// Port it came in on.
    pub port: u16,
    /// When it was captured.
    pub time: Time,
    /// What its first byte is.
    pub link: LinkType,
}

impl Batch {
    /// Forgets all packets, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
    }

    /// Whether another packet should go into the next batch.
    pub fn is_full(&self) -> bool {
        self.frames.len() >= BATCH_PACKETS
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// How many packets it holds.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// How many bytes its packets have.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a copy of a packet.
    pub fn push(&mut self, meta: Meta, bytes: &[u8]) {
        let Meta { id, port, time, link } = meta;
        self.frames.push(Frame { id, port, time, link, start: self.bytes.len(), len: bytes.len() });
        self.bytes.extend_from_slice(bytes);
    }

    /// The largest time of its packets; `None` if it is empty.
    pub fn latest(&self) -> Option<Time> {
        self.frames.iter().map(|frame| frame.time).max()
    }

    /// Hands every packet to `each`, in order.
    pub fn each(&mut self, mut each: impl FnMut(PacketIn<'_>)) {
        for frame in &self.frames {
            let Frame { id, port, time, link, start, len } = *frame;
            let bytes = self.bytes.get_mut(start..start + len).expect("pushed together with the frame");
            each(PacketIn { id, port, time, link, bytes });
        }
    }
}
