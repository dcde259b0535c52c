//! The streams of one connection → packets (C706 §12.6).
//!
//! A packet is read once it is there as a whole; it has at most 64 KiB. Behind a gap the next one is looked for by what
//! headers look like.

use std::ops::Range;

use super::tx::{Calls, Tx};
use super::{Config, unit};
use crate::app::frames::Spans;
use crate::app::parser::{self, Input, Parsed, Transaction};
use crate::app::rpc::packet::{HEADER, Header, is_call};
use crate::app::rpc::{Association, Call};
use crate::field::Dir;

/// Calls that may begin before what came up is inspected: only what is done with can make room for others.
const BATCH: u64 = 256;

/// Where a direction stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// At the start of a packet.
    #[default]
    Packet,
    /// Where it is not known what stands there.
    Lost,
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Session {
    calls: Calls,
    association: Association,
    places: [Place; 2],
    /// Something that the client sent will not come.
    lost: bool,
    spans: Spans,
}

/// Whether these bytes look like the header of a packet: a known data representation, and lengths that fit.
pub(super) fn looks_like_one(data: &[u8]) -> bool {
    let Some(&[_, minor, _, _, order, float, 0, 0, _, _, a, b, ..]) = data.first_chunk::<HEADER>() else {
        return false;
    };
    let auth = if order & 0x10 == 0 { u16::from_be_bytes([a, b]) } else { u16::from_le_bytes([a, b]) };
    let form = minor <= 1 && matches!(order, 0x00 | 0x10) && float < 4;
    form && Header::read(data).is_some_and(|header| usize::from(auth) < header.length)
}

impl Session {
    pub(super) fn new(config: Config) -> Self {
        Self {
            calls: Calls::new(config),
            association: Association::default(),
            places: [Place::Packet; 2],
            lost: false,
            spans: Spans::default(),
        }
    }

    fn place(&mut self, dir: Dir) -> &mut Place {
        let [client, server] = &mut self.places;
        if dir == Dir::ToServer { client } else { server }
    }

    fn packet(&mut self, header: &Header, body: &[u8]) {
        let lost = self.lost;
        let new = || Tx::new(Call::new(header.call, header.version), None);
        let tx = self.calls.find((None, header.call), |tx| tx.call.awaits(header), new);
        let Some(tx) = tx else { return };
        tx.change(|call| {
            // Rules and records of connections count what stands before the results of a call as part of them.
            call.take(header, body, 0, &mut self.association);
            if lost && call.is_lost() {
                call.finish(Dir::ToServer);
            }
        });
    }

    fn mark(&mut self, dir: Dir, at: usize, length: usize) {
        self.spans.start(unit::PACKET, dir, at, Some(length as u64), None);
        self.spans.start(unit::HEADER, dir, at, Some(HEADER as u64), None);
        self.spans.start(unit::DATA, dir, at + HEADER, Some((length - HEADER) as u64), None);
    }

    /// What the client sent before this will not come any more.
    fn lose(&mut self, dir: Dir) {
        if dir == Dir::ToServer {
            self.lost = true;
            self.calls.lose_requests();
        }
    }
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let dir = input.dir;
        if input.last {
            self.lose(dir);
        }
        let begun = self.transactions().end;
        let mut at = 0;
        while let Some(data) = input.data.get(at..).filter(|data| !data.is_empty()) {
            if self.transactions().end - begun >= BATCH {
                return Parsed::Used { bytes: at, need: 1 };
            }
            if *self.place(dir) == Place::Lost {
                let Some(found) = data.windows(HEADER).position(looks_like_one) else {
                    let kept = data.len().min(HEADER - 1);
                    return Parsed::Used { bytes: at + data.len() - kept, need: kept + 1 };
                };
                at += found;
                *self.place(dir) = Place::Packet;
                self.lose(dir);
                continue;
            }
            if data.len() < HEADER {
                return Parsed::Used { bytes: at, need: HEADER };
            }
            let Some(header) = Header::read(data) else { return Parsed::Failed };
            let Some(packet) = data.get(..header.length) else {
                return Parsed::Used { bytes: at, need: header.length };
            };
            self.mark(dir, at, header.length);
            if is_call(header.kind) {
                self.packet(&header, packet.get(HEADER..).unwrap_or_default());
            }
            at += header.length;
        }
        Parsed::Used { bytes: at, need: 0 }
    }

    fn gap(&mut self, dir: Dir, _: u64) -> Parsed {
        *self.place(dir) = Place::Lost;
        Parsed::Used { bytes: 0, need: 0 }
    }

    fn spans(&mut self) -> Option<&mut Spans> {
        Some(&mut self.spans)
    }

    fn transactions(&self) -> Range<u64> {
        self.calls.numbers()
    }

    fn transaction(&self, id: u64) -> Option<&dyn Transaction> {
        self.calls.get(id)
    }

    fn release(&mut self, id: u64) {
        self.calls.release(id);
    }
}
