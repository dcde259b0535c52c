//! What became of packets between the kernel stage and the wire, by queue. Together with the kernel stage's own
//! counters every packet is accounted for.

use ids_ebpf::outcome::Count;

use crate::shield::Refusal;

/// One queue of one port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Its port's number.
    pub port: u16,
    /// Its number.
    pub queue: u32,
    /// Whether the driver writes into our memory itself.
    pub zero_copy: bool,
    /// Packets handed to the engine.
    pub received: Count,
    /// Of these: accepted, and put in line to be sent (inline) or done with (mirror).
    pub accepted: u64,
    /// Of these: dropped by verdict.
    pub dropped: u64,
    /// Of these: to be dropped, but they were copies of packets that had passed.
    pub late: u64,
    /// Of those handed to the engine: sent by this machine.
    pub outgoing: u64,
    /// Of these: still waiting for their verdict.
    pub held: u64,
    /// Of those handed to the engine: parts of them went to other workers, whose flows they are of.
    pub handed_over: u64,
    /// Frames of the engine's own that were put in line here.
    pub injected: u64,
    /// Lost, by cause.
    pub lost: Lost,
}

/// Packets that were lost, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// By the kernel: the receive ring was full, because the worker was too slow.
    pub receive_ring_full: u64,
    /// By the kernel: no buffer was free, or the packet was larger than one.
    pub no_buffer: u64,
    /// Not inspected and not sent: they waited for longer than the deadline.
    pub stale: u64,
    /// Not inspected, or in part, and not sent: the worker whose flow it is has too many waiting.
    pub not_handed_over: u64,
    /// Not sent: the verdict of another worker came after the deadline.
    pub overdue: u64,
    /// Accepted, but the line to send was full.
    pub transmit_ring_full: u64,
    /// Refused by the kernel as no valid frame to send.
    pub transmit_invalid: u64,
    /// Frames of the engine's own that found no buffer, no room or no such port.
    pub not_injected: u64,
    /// Without a verdict at the end.
    pub unsettled: u64,
    /// Buffers that the kernel gave back without having them: a defect of the driver.
    pub foreign_buffer: u64,
}

impl Lost {
    /// Those that nobody looked at, or not at all of them.
    pub const fn before_inspection(&self) -> u64 {
        self.receive_ring_full + self.no_buffer + self.stale + self.not_handed_over
    }

    /// All causes with their names.
    pub const fn named(&self) -> [(&'static str, u64); 10] {
        [
            ("receive_ring_full", self.receive_ring_full),
            ("no_buffer", self.no_buffer),
            ("stale", self.stale),
            ("not_handed_over", self.not_handed_over),
            ("overdue", self.overdue),
            ("transmit_ring_full", self.transmit_ring_full),
            ("transmit_invalid", self.transmit_invalid),
            ("not_injected", self.not_injected),
            ("unsettled", self.unsettled),
            ("foreign_buffer", self.foreign_buffer),
        ]
    }
}

/// What one worker could not tell the kernel stage; packets are not affected, the engine goes on deciding on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// Flows blocked.
    pub flows_blocked: u64,
    /// Hosts blocked.
    pub hosts_blocked: u64,
    /// Flows released.
    pub released: u64,
    /// Blocks that found the map full, or were refused.
    pub blocks_failed: u64,
    /// Releases that found the map or the list full, or were refused.
    pub releases_failed: u64,
    /// Blocks that must not be, by [`Refusal`].
    pub refused: [u64; Refusal::ALL.len()],
    /// Whatever should have been told it where there is none.
    pub no_kernel_stage: u64,
    /// Flows the kernel stage cannot tell apart: inside of tunnels, or below three VLANs.
    pub not_expressible: u64,
}
