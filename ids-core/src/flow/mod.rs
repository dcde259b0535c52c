//! Packets → flows: both directions of a conversation, its state and its timeouts.
//!
//! In: decoded packets as [`Arrival`]s.  Out: the flow each belongs to and its direction ([`Table::touch`]), and flows that
//! ended. Holds: a slab of flows with what later stages keep by flow; its cap is `flow.memcap`.
//! Must not know: what later stages keep.

pub mod arrival;
pub mod config;
pub mod key;
pub mod release;
pub mod table;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use arrayvec::ArrayVec;

use crate::field::Dir;
use crate::time::Time;
pub use arrival::Arrival;
pub use config::Config;
pub use key::Key;
pub use release::{Carried, Look, Watch};
pub use table::{Entry, FlowId, Table};

/// One end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// Its address.
    pub addr: IpAddr,
    /// Its port; 0 where the protocol has none.
    pub port: u16,
}

/// How far a flow has come (`flow.state`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// One side was seen, or the handshake is not over.
    #[default]
    New,
    /// Both sides were seen (TCP: handshake done).
    Established,
    /// TCP: ended by FIN or RST.
    Closed,
    /// Nothing can match on it any more.
    Bypassed,
}

impl State {
    /// The text in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Established => "established",
            Self::Closed => "closed",
            Self::Bypassed => "bypassed",
        }
    }
}

/// What was decided for the rest of a flow (`flow.action`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    #[default]
    None,
    /// All its packets are dropped.
    Drop,
    /// No rule looks at it any more.
    Pass,
}

/// Why a flow ended (`flow.reason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing was heard of it for too long.
    Timeout,
    /// The table was full.
    Forced,
    /// The engine stopped.
    Shutdown,
    /// A new connection took its addresses and ports.
    TcpReuse,
}

impl End {
    /// The text in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Forced => "forced",
            Self::Shutdown => "shutdown",
            Self::TcpReuse => "tcp_reuse",
        }
    }
}

/// What a flow carried in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes, link layer included.
    pub bytes: u64,
    /// Smallest TTL seen; 0 if none.
    pub min_ttl: u8,
    /// Largest TTL seen.
    pub max_ttl: u8,
}

/// MAC addresses that are kept for each side of a flow.
pub const MAX_MACS: usize = 8;

/// MAC addresses of the packets of a flow: by side, client first, in the order in which they came up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Macs([ArrayVec<[u8; 6], MAX_MACS>; 2]);

impl Macs {
    /// Those of the side that sends in `dir`.
    pub fn senders(&self, dir: Dir) -> &[[u8; 6]] {
        let [client, server] = &self.0;
        if dir == Dir::ToServer { client } else { server }
    }

    /// A packet that travelled in `dir` had this source and destination. Beyond [`MAX_MACS`] they are not kept.
    pub fn note(&mut self, dir: Dir, (src, dst): ([u8; 6], [u8; 6])) {
        let [client, server] = &mut self.0;
        let (from, to) = if dir == Dir::ToServer { (client, server) } else { (server, client) };
        for (side, mac) in [(from, src), (to, dst)] {
            if !side.contains(&mac) {
                let _ = side.try_push(mac);
            }
        }
    }
}

/// The part of a flow that every stage and every output may know.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Number in records (`flow_id`): the same in every run over the same packets, below 2^53.
    pub id: u64,
    /// What its packets have in common.
    pub key: Key,
    /// Who sent the first packet (or was found to be the client later).
    pub client: Endpoint,
    /// The other one.
    pub server: Endpoint,
    /// IP protocol number.
    pub proto: u8,
    /// VLAN ids of its first packet, outermost first; only the first `vlans` count.
    pub vlan: [u16; 3],
    /// How many VLAN ids there are.
    pub vlans: u8,
    /// Port that its first packet came in on.
    pub port: u16,
    /// Number of its first packet.
    pub first_packet: u64,
    /// Number of its latest packet.
    pub last_packet: u64,
    /// Time of its first packet.
    pub start: Time,
    /// Time of its latest packet.
    pub last: Time,
    /// What it carried, by direction.
    pub counts: [Count; 2],
    /// Type and code of the first ICMP packet by direction.
    pub icmp: [Option<(u8, u8)>; 2],
    /// ESP: its security association, which goes one way.
    pub spi: Option<u32>,
    /// MAC addresses that its packets had, if they are kept.
    pub macs: Option<Box<Macs>>,
    /// How far it has come.
    pub state: State,
    /// What was decided for the rest of it.
    pub action: Action,
    /// Whether a rule fired on it.
    pub alerted: bool,
    /// Nothing can match on it any more but in what is watched; `None` as long as something can.
    pub done: Option<Watch>,
    /// The kernel stage carries it; what goes by there is not in the counts yet ([`release`]).
    pub released: bool,
}

impl Flow {
    /// Client and server turn out to be the other way round.
    pub fn turn(&mut self) {
        std::mem::swap(&mut self.client, &mut self.server);
        self.counts.reverse();
        self.icmp.reverse();
        self.done = self.done.map(Watch::turned);
        if let Some(macs) = &mut self.macs {
            macs.0.reverse();
        }
    }

    /// Sender and receiver of a packet that travels in `dir`.
    pub const fn ends(&self, dir: Dir) -> (Endpoint, Endpoint) {
        match dir {
            Dir::ToServer => (self.client, self.server),
            Dir::ToClient => (self.server, self.client),
        }
    }
}
