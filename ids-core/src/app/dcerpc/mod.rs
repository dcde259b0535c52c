//! Remote procedure calls of DCE over TCP and UDP (C706 §12, MS-RPCE).
//!
//! In: ordered bytes of both directions, or datagrams.  Out: one transaction for each call.
//!
//! `stream` finds packets in TCP, `datagram` reads those of UDP; what they say is read by [`rpc`](super::rpc). `tx` is what
//! is told of a call, which `fields` shows.

mod datagram;
mod fields;
#[cfg(test)]
pub(crate) mod sample;
mod stream;
#[cfg(test)]
mod tests;
mod tx;

use super::frames::frame;
use super::parser::{Probe, Probing, Protocol};
use super::rpc::packet::{self, direction};
use crate::field::{Dir, Info};

/// DCE/RPC.
pub static PROTOCOL: Protocol = Protocol {
    name: "dcerpc",
    rule_names: &["dcerpc"],
    tcp: true,
    udp: true,
    probe: Some(Probing { ports: &[], probe }),
    fields: || fields::FIELDS.iter().map(|field| &field.info).collect(),
    record: Some("dcerpc"),
    frames: FRAMES,
    session: Some(|config, facts| match facts.udp {
        true => Box::new(datagram::Session::new(config.dcerpc)),
        false => Box::new(stream::Session::new(config.dcerpc)),
    }),
    ..Protocol::BARE
};

/// Which way the first packet goes, if it is one.
fn probe(data: &[u8], dir: Dir, udp: bool) -> Probe {
    if udp {
        return if datagram::looks_like_one(data) { Probe::Yes(dir) } else { Probe::No };
    }
    match data {
        [5, 0 | 1, kind @ 0..=20, ..] if stream::looks_like_one(data) => Probe::Yes(direction(*kind)),
        [] | [5] | [5, 0 | 1] | [5, 0 | 1, 0..=20] | [5, 0 | 1, 0..=20, _] => Probe::Unsure,
        [5, 0 | 1, 0..=20, _, 0x00 | 0x10, ..] if data.len() < packet::HEADER => Probe::Unsure,
        _ => Probe::No,
    }
}

/// Kinds of frames: positions in [`FRAMES`].
mod unit {
    pub(super) const PACKET: usize = 0;
    pub(super) const HEADER: usize = 1;
    pub(super) const DATA: usize = 2;
}

const FRAMES: &[Info] = &[
    frame("dcerpc.pdu", "A packet (C706 §12.6)."),
    frame("dcerpc.hdr", "Its header (C706 §12.6.3.1)."),
    frame("dcerpc.data", "What follows its header (C706 §12.6.4)."),
    frame("dcerpc.stream", "All data of the connection."),
];

/// Settings (`app-layer.protocols.dcerpc`).
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Calls of a connection that wait for their end at once (`max-tx`); the oldest end first.
    pub max_tx: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_tx: 1024 }
    }
}
