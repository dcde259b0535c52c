//! What was given to ports to be sent, and what became of it.
//!
//! In: what the kernel stage and the workers gave, and the interfaces' own counters, now and from before the programs were
//! attached.  Out: [`Sent`].
//! The kernel stage decides where a frame goes, and does not see whether it gets there: a driver drops it where its queue is
//! full, and the kernel does where the driver takes none, which is counted nowhere. So what was given is held against what
//! the interface says. Must not know maps and sockets.

use ids_ebpf::Outcome;
use ids_ebpf::outcome::Way;

use super::Status;
use crate::ports::Traffic;

/// What a port of a pair was given to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// By the fast path of the other port, from the lines of workers, and of the engine's own.
    pub given: u64,
    /// Sent, by the interface's count.
    pub packets: u64,
    /// Dropped by the interface: its driver, or the far end of a virtual one, has no room.
    pub dropped: u64,
}

impl Sent {
    /// Given, and neither sent nor dropped. When nothing is under way: what the kernel refused before the driver had it, as
    /// for a port that is down. Below zero where others send by this port, too.
    pub const fn missing(&self) -> i64 {
        self.given.wrapping_sub(self.packets).wrapping_sub(self.dropped).cast_signed()
    }
}

/// Adds to the ports of pairs, which have neighbouring numbers, what was given to each; `counted` says what an interface
/// has counted since the programs were attached.
pub(super) fn fill(ports: &mut [Status], mut counted: impl FnMut(usize) -> Option<Traffic>) {
    for first in (0..ports.len()).step_by(2) {
        let Some([a, b]) = ports.get_mut(first..first + 2) else { continue };
        let to = [given(b, a), given(a, b)];
        for (at, (port, given)) in [a, b].into_iter().zip(to).enumerate() {
            port.sent =
                counted(first + at).map(|Traffic { sent, not_sent }| Sent { given, packets: sent, dropped: not_sent });
        }
    }
}

/// What `from` and its workers gave to `to`, and the workers of `to` themselves.
fn given(from: &Status, to: &Status) -> u64 {
    // What comes in before the program is told how to behave goes to the network stack.
    let fast =
        Outcome::ALL.into_iter().filter(|outcome| outcome.way() == Way::Fast && *outcome != Outcome::FastUnconfigured);
    let fast: u64 = fast.map(|outcome| from.decided.of(outcome).packets).sum();
    let accepted: u64 = from.queues.iter().map(|queue| queue.accepted).sum();
    let own: u64 = to.queues.iter().map(|queue| queue.injected).sum();
    let invalid: u64 = to.queues.iter().map(|queue| queue.lost.transmit_invalid).sum();
    (fast + accepted + own).saturating_sub(invalid)
}
