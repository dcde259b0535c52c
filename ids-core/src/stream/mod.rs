//! TCP: segments in any order → sessions and ordered bytes.
//!
//! In: a TCP header with payload and the direction it travels in ([`push`]).  Out: an [`Outcome`] for the packet, oddities,
//! and, from the [`Session`], bytes in order for the application layer and for payload rules.
//! Holds: a session per connection; its bytes until both readers have passed them. Caps: `stream.memcap`,
//! `stream.reassembly.memcap`, depth, pieces and regions by direction; each has a counter and a policy.
//! Must not know: rules, protocols, events, the flow table.
//!
//! | file | what it does |
//! |---|---|
//! | [`config`] | settings |
//! | `session` | one connection: its states, its readers |
//! | `handshake`, `transfer` | what a packet means in each state |
//! | `unseen` | packets that went by, and what they have done to the connection |
//! | `half` | sequence numbers, window and timestamps of one sender |
//! | `assembly`, `run`, `waiting`, `urgent` | bytes of one direction |
//! | [`overlap`] | which copy of a byte wins |
//! | [`chunk`] | what readers get |

mod assembly;
pub mod chunk;
pub mod config;
mod half;
mod handshake;
pub mod overlap;
mod run;
mod session;
#[cfg(test)]
mod tests;
mod transfer;
mod unseen;
mod urgent;
mod waiting;

use crate::anomaly::Anomaly;
use crate::counters::{Counter, Counters};
use crate::exception::{Exception, Trouble};
use crate::field::Dir;
use crate::packet::Anomalies;
use crate::time::Time;
use crate::verdict::DropReason;
use crate::wire::tcp::{Flags, Tcp};
pub use chunk::{Chunk, Raw, Rewrite};
pub use config::Config;
pub use half::Stamp;
pub use overlap::Policy;
pub use session::{Session, State};
pub use unseen::Pace;

/// What a TCP session was like, for `flow` records (`tcp` object).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All flags seen, by direction.
    pub flags: [u8; 2],
    /// Name of the state it ended in: `established`, `closed`, `fin_wait1` ….
    pub state: &'static str,
    /// Whether bytes were missing, by direction.
    pub gap: [bool; 2],
    /// Largest number of separate regions of data held, by direction.
    pub regions: [u32; 2],
    /// Urgent bytes taken out of band, by direction.
    pub urgent: [u32; 2],
}

/// What the packet around a TCP header is.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// When it was captured.
    pub time: Time,
    /// Whether its checksum is right, or need not be.
    pub checksum_ok: bool,
}

/// What all sessions of a worker hold together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    sessions: u64,
    reassembly: u64,
}

impl Memory {
    /// Number of sessions.
    pub const fn sessions(&self) -> u64 {
        self.sessions
    }

    /// Bytes that sessions hold, reassembly aside.
    pub const fn session_bytes(&self) -> u64 {
        self.sessions * size_of::<Session>() as u64
    }

    /// Bytes that reassembly holds.
    pub const fn reassembly_bytes(&self) -> u64 {
        self.reassembly
    }

    /// A session is about to be dropped: gives back what it held. Must be called once for every session.
    pub fn forget(&mut self, session: &Session, counters: &mut Counters) {
        self.sessions = self.sessions.saturating_sub(1);
        self.reassembly = self.reassembly.saturating_sub(session.accounted());
        self.show(counters);
    }

    /// Sets the counters that show levels.
    fn show(&self, counters: &mut Counters) {
        counters.set(Counter::TcpActiveSessions, self.sessions);
        counters.set(Counter::TcpMemuse, self.session_bytes());
        counters.set(Counter::TcpReassemblyMemuse, self.reassembly);
    }
}

/// What a session works with besides itself.
#[derive(Debug)]
pub struct Env<'e> {
    /// Settings.
    pub config: &'e Config,
    /// What all sessions hold together.
    pub memory: &'e mut Memory,
    /// Counters.
    pub counters: &'e mut Counters,
    /// Oddities of the packet; whoever owns the list counts them.
    pub anomalies: &'e mut Anomalies,
}

impl Env<'_> {
    /// Notes an oddity of the packet, once.
    fn note(&mut self, anomaly: Anomaly) {
        if !self.anomalies.contains(&anomaly) {
            // A full list is fine: the packet is odd enough by then.
            let _ = self.anomalies.try_push(anomaly);
        }
    }
}

/// What the TCP engine makes of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// It is a valid part of its connection.
    pub valid: bool,
    /// Its payload is in the stream, now or by an earlier copy, or beyond its depth; if not, it can be inspected by itself
    /// alone.
    pub payload_in_stream: bool,
    /// The handshake was completed by it.
    pub established_now: bool,
    /// The connection ended by it.
    pub closed_now: bool,
    /// Inline: it must not be forwarded.
    pub drop: Option<DropReason>,
    /// An exception policy applies, also where it says to ignore the trouble.
    pub trouble: Option<(Trouble, Exception)>,
}

/// Takes a packet of a flow. Starts a session in `slot` if the packet begins one; `policies` tells how each receiver
/// resolves overlaps, by direction of travel, and is asked for new sessions only.
pub fn push(
    slot: &mut Option<Box<Session>>,
    tcp: &Tcp<'_>,
    dir: Dir,
    facts: Facts,
    policies: impl FnOnce() -> [Policy; 2],
    env: &mut Env<'_>,
) -> Outcome {
    if !facts.checksum_ok && env.config.checksum_validation {
        env.counters.count(Counter::TcpInvalidChecksum);
        return Outcome::default();
    }
    count(tcp, env);
    note_odd_headers(tcp, env);
    let mut step = Step { tcp, dir, facts, env, out: Outcome::default() };
    match slot {
        Some(session) => session.push(&mut step),
        None => *slot = Session::begin(&mut step, policies),
    }
    step.out
}

fn count(tcp: &Tcp<'_>, env: &mut Env<'_>) {
    let flags = tcp.flags();
    if flags.has(Flags::SYN | Flags::ACK) {
        env.counters.count(Counter::TcpSynack);
    } else if flags.has(Flags::SYN) {
        env.counters.count(Counter::TcpSyn);
    }
    if flags.has(Flags::RST) {
        env.counters.count(Counter::TcpRst);
    }
    if flags.has(Flags::URG) {
        env.counters.count(Counter::TcpUrg);
    }
}

/// Oddities that need no state to be seen.
fn note_odd_headers(tcp: &Tcp<'_>, env: &mut Env<'_>) {
    let flags = tcp.flags();
    if !flags.has(Flags::ACK) && tcp.ack() != 0 {
        env.note(Anomaly::StreamPktBrokenAck);
    }
    if flags.has(Flags::SYN | Flags::FIN) {
        env.note(Anomaly::StreamFinSyn);
    }
    if flags.has(Flags::RST) && !tcp.payload.is_empty() {
        env.note(Anomaly::StreamRstWithData);
    }
}

/// One packet on its way through a session.
struct Step<'s, 'a, 'e> {
    tcp: &'s Tcp<'a>,
    dir: Dir,
    facts: Facts,
    env: &'s mut Env<'e>,
    out: Outcome,
}

impl Step<'_, '_, '_> {
    fn note(&mut self, anomaly: Anomaly) {
        self.env.note(anomaly);
    }

    fn flags(&self) -> Flags {
        self.tcp.flags()
    }

    /// Length of the payload.
    fn len(&self) -> i64 {
        // A packet is far shorter than 2^63.
        self.tcp.payload.len() as i64
    }

    /// A SYN that is no SYN/ACK.
    fn is_syn(&self) -> bool {
        self.flags().has(Flags::SYN) && !self.flags().has(Flags::ACK)
    }

    fn is_synack(&self) -> bool {
        self.flags().has(Flags::SYN | Flags::ACK)
    }
}

/// Why a packet is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It is no valid part of the connection.
    Invalid,
    /// It must be dropped, whatever is configured for invalid ones.
    Drop(DropReason),
}

type Taken = Result<(), Refusal>;
