//! Datagrams (C706 §12.5): calls are found by the activity of the client and their number in it.
//!
//! What is request and what is response the datagram says, whichever way it goes.

use std::ops::Range;

use super::tx::{Calls, Tx};
use super::{Config, unit};
use crate::app::cursor::Cursor;
use crate::app::frames::Spans;
use crate::app::parser::{self, Input, Parsed, Transaction};
use crate::app::rpc::Call;
use crate::app::rpc::call::Datagram;
use crate::app::rpc::packet::{kind, uuid};
use crate::field::Dir;

/// Bytes of the header.
const HEADER: usize = 80;

/// Flags of the first set (C706 §12.5.2.4).
mod flags {
    pub(super) const LAST: u8 = 0x02;
    pub(super) const FRAGMENT: u8 = 0x04;
}

/// The header of a datagram, as far as it is of use.
struct Header {
    kind: u8,
    flags: u8,
    little: bool,
    interface: [u8; 16],
    activity: [u8; 16],
    version: u32,
    number: u32,
    operation: u16,
    length: usize,
    fragment: u16,
}

impl Header {
    fn read(data: &[u8]) -> Option<Self> {
        let [version, kind, flags, _, order, ..] = *data.first_chunk::<HEADER>()?;
        let little = order & 0x10 != 0;
        let mut at = Cursor::new(data.get(24..)?, little);
        let (interface, activity) = (uuid(at.array()?, little), at.array()?);
        at.skip(4)?;
        let (interface_version, number, operation) = (at.u32()?, at.u32()?, at.u16()?);
        at.skip(4)?;
        let (length, fragment) = (at.size16()?, at.u16()?);
        let header = Self {
            kind,
            flags,
            little,
            interface,
            activity,
            version: interface_version,
            number,
            operation,
            length,
            fragment,
        };
        (version == 4).then_some(header)
    }
}

/// Whether these bytes look like one: a known data representation, and a length that fits.
pub(super) fn looks_like_one(data: &[u8]) -> bool {
    let Some(&[_, kind, _, flags2, order, float, ..]) = data.first_chunk::<6>() else { return false };
    let form = kind <= 10 && flags2 < 4 && matches!(order, 0x00 | 0x10) && float < 4;
    form && Header::read(data).is_some_and(|header| data.len() == HEADER + header.length)
}

/// The state of one flow.
#[derive(Debug)]
pub(super) struct Session {
    calls: Calls,
    spans: Spans,
}

impl Session {
    pub(super) fn new(config: Config) -> Self {
        Self { calls: Calls::new(config), spans: Spans::default() }
    }

    fn datagram(&mut self, header: &Header, stub: &[u8]) {
        let key = (Some(header.activity), header.number);
        let new = || Tx::new(Call::new(header.number, (4, 0)), Some(header.activity));
        let whole = header.flags & flags::FRAGMENT == 0;
        let datagram = Datagram {
            kind: header.kind,
            little: header.little,
            interface: header.interface,
            version: (header.version & 0xffff) as u16,
            operation: header.operation,
            first: whole || header.fragment == 0,
            last: whole || header.flags & flags::LAST != 0,
            stub,
        };
        if let Some(tx) = self.calls.find(key, |_| true, new) {
            tx.change(|call| call.datagram(&datagram));
        }
    }

    fn mark(&mut self, dir: Dir, length: usize) {
        self.spans.start(unit::PACKET, dir, 0, Some(length as u64), None);
        self.spans.start(unit::HEADER, dir, 0, Some(HEADER as u64), None);
        self.spans.start(unit::DATA, dir, HEADER, Some((length - HEADER) as u64), None);
    }
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        // One that is none says nothing of those that follow.
        if let Some(header) = Header::read(input.data) {
            let stub = input.data.get(HEADER..).unwrap_or_default();
            let stub = stub.get(..header.length).unwrap_or(stub);
            self.mark(input.dir, HEADER + stub.len());
            if matches!(header.kind, kind::REQUEST | kind::RESPONSE | kind::FAULT | kind::REJECT) {
                self.datagram(&header, stub);
            }
        }
        Parsed::all(&input)
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
