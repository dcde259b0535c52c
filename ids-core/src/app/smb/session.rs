//! The streams of one connection → messages.
//!
//! In: ordered bytes and gaps of both directions.  Out: messages for `smb1` and `smb2`, frames.
//! A record of the session service holds one message, or a chain of messages of SMB 2. Of long messages no more than
//! [`WHOLE`] is looked at. Behind a gap that does not lie in what is passed over, the next record is looked for by what
//! messages begin with.

use std::ops::Range;

use super::connection::Connection;
use super::events::Event;
use super::header::{self, Header, magic};
use super::opens::Payload;
use super::tx::Tx;
use super::{Config, smb1, smb2, unit};
use crate::app::file::{Care, File};
use crate::app::frames::Spans;
use crate::app::parser::{self, Input, Parsed, Transaction};
use crate::field::Dir;

/// Transactions that may begin before what came up is inspected: only what is done with can make room for others. A
/// message may bring a few more.
const BATCH: u64 = 256;
/// Bytes of a message that are looked at.
pub(super) const WHOLE: usize = 64 << 10;
/// Bytes that all magic numbers have.
const MAGIC: usize = magic::SMB2.len();

/// Types of records (RFC 1002 §4.3.1).
mod record {
    pub(super) const MESSAGE: u8 = 0;
    pub(super) const FIRST_OTHER: u8 = 0x81;
    pub(super) const LAST_OTHER: u8 = 0x85;
}

/// Where a direction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start of a record.
    Record,
    /// At the start of a message; the record has so many bytes to come.
    Message(usize),
    /// In what is passed over: so many bytes of a message, and so many of the record behind it.
    Pass { message: usize, record: usize },
    /// In data that is read or written: so many bytes before it, of it, of the message behind it, and of the record
    /// behind that.
    Data { before: usize, data: usize, message: usize, record: usize },
    /// Where it is not known what stands there.
    Lost,
}

/// What a step came to.
enum Next {
    /// So many bytes are used up.
    Go(usize),
    /// It takes so many bytes to get further.
    Wait(usize),
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Session {
    connection: Connection,
    places: [Place; 2],
    spans: Spans,
}

impl Session {
    pub(super) fn new(config: Config, care: Care) -> Self {
        Self { connection: Connection::new(config, care), places: [Place::Record; 2], spans: Spans::default() }
    }

    fn place(&mut self, dir: Dir) -> &mut Place {
        let [client, server] = &mut self.places;
        if dir == Dir::ToServer { client } else { server }
    }

    fn go(&mut self, dir: Dir, used: usize, place: Place) -> Next {
        *self.place(dir) = match place {
            Place::Pass { message: 0, record } => Place::Message(record),
            place => place,
        };
        if let Place::Message(0) = *self.place(dir) {
            *self.place(dir) = Place::Record;
        }
        Next::Go(used)
    }

    /// `data` begins at `at` of the input, and is not empty.
    fn step(&mut self, data: &[u8], at: usize, dir: Dir) -> Next {
        match *self.place(dir) {
            Place::Record => self.record(data, at, dir),
            Place::Message(left) => self.message(data, at, left, dir),
            Place::Pass { message, record } => {
                let used = message.min(data.len());
                self.go(dir, used, Place::Pass { message: message - used, record })
            }
            Place::Data { before, data: left, message, record } => {
                let passed = before.min(data.len());
                let bytes = data.get(passed..).unwrap_or_default();
                let bytes = bytes.get(..left).unwrap_or(bytes);
                if !bytes.is_empty() {
                    self.connection.data(dir, bytes);
                }
                let (before, left) = (before - passed, left - bytes.len());
                self.flow(dir, passed + bytes.len(), Place::Data { before, data: left, message, record })
            }
            Place::Lost => self.search(data, dir),
        }
    }

    /// Goes on in data; behind it what follows is passed over.
    fn flow(&mut self, dir: Dir, used: usize, place: Place) -> Next {
        match place {
            Place::Data { data: 0, before, message, record } => {
                self.connection.end_data(dir);
                self.go(dir, used, Place::Pass { message: before + message, record })
            }
            place => self.go(dir, used, place),
        }
    }

    /// Where it goes on behind the head of a message of so many bytes, which may bring data.
    fn behind(&mut self, dir: Dir, payload: Option<Payload>, head: usize, length: usize, record: usize) -> Next {
        let Some(Payload { data, start }) = payload.filter(|payload| payload.start <= length) else {
            return self.go(dir, head, Place::Pass { message: length - head, record });
        };
        let used = head.min(start);
        let bytes = data.length.min(length - start);
        self.connection.begin_data(dir, data);
        let message = length - start - bytes;
        self.flow(dir, used, Place::Data { before: start - used, data: bytes, message, record })
    }

    /// The header of a record.
    fn record(&mut self, data: &[u8], at: usize, dir: Dir) -> Next {
        let Some((&[kind, a, b, c], _)) = data.split_first_chunk::<{ header::NBSS }>() else {
            return Next::Wait(header::NBSS);
        };
        let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        match kind {
            record::MESSAGE => {
                self.mark(dir, unit::NBSS, at, header::NBSS, header::NBSS + length);
                self.go(dir, header::NBSS, Place::Message(length))
            }
            record::FIRST_OTHER..=record::LAST_OTHER => {
                self.mark(dir, unit::NBSS, at, header::NBSS, header::NBSS + length);
                self.go(dir, header::NBSS, Place::Pass { message: length, record: 0 })
            }
            _ => {
                self.connection.odd(None, Event::MalformedData);
                self.go(dir, 0, Place::Lost)
            }
        }
    }

    /// A message of a record that has `left` bytes to come.
    fn message(&mut self, data: &[u8], at: usize, left: usize, dir: Dir) -> Next {
        let Some(start) = data.get(..MAGIC.min(left)) else { return Next::Wait(MAGIC.min(left)) };
        match start {
            magic::SMB1 => self.smb1(data, at, left, dir),
            magic::SMB2 => self.smb2(data, at, left, dir),
            magic::SMB3 => {
                self.mark(dir, unit::SMB3, at, header::TRANSFORM, left);
                self.go(dir, 0, Place::Pass { message: left, record: 0 })
            }
            _ => {
                self.connection.odd(None, Event::MalformedData);
                self.go(dir, 0, Place::Pass { message: left, record: 0 })
            }
        }
    }

    fn smb1(&mut self, data: &[u8], at: usize, left: usize, dir: Dir) -> Next {
        let head = left.min(header::SMB1);
        let Some(start) = data.get(..head) else { return Next::Wait(head) };
        let Some(header) = Header::smb1(start) else { return self.unreadable(left, dir) };
        let wanted = smb1::wanted(&header, left);
        let Some(message) = data.get(..wanted) else { return Next::Wait(wanted) };
        self.mark(dir, unit::SMB1, at, header::SMB1, left);
        let payload = match (self.goes(&header, dir), dir) {
            (false, _) => None,
            (true, Dir::ToServer) => smb1::request(&mut self.connection, &header, message),
            (true, Dir::ToClient) => smb1::response(&mut self.connection, &header, message),
        };
        self.behind(dir, payload, wanted, left, 0)
    }

    fn smb2(&mut self, data: &[u8], at: usize, left: usize, dir: Dir) -> Next {
        let head = left.min(header::SMB2);
        let Some(start) = data.get(..head) else { return Next::Wait(head) };
        let Some(header) = Header::smb2(start) else { return self.unreadable(left, dir) };
        let chained = header.next >= header::SMB2 && header.next <= left;
        let length = if chained { header.next } else { left };
        let wanted = smb2::wanted(&header, length);
        let Some(message) = data.get(..wanted) else { return Next::Wait(wanted) };
        if !chained && header.next != 0 {
            self.connection.odd(Some(&header), Event::MalformedData);
        }
        self.mark(dir, unit::SMB2, at, header::SMB2, length);
        let payload = match (self.goes(&header, dir), dir) {
            (false, _) => None,
            (true, Dir::ToServer) => smb2::request(&mut self.connection, &header, message),
            (true, Dir::ToClient) => smb2::response(&mut self.connection, &header, message),
        };
        self.behind(dir, payload, wanted, length, left - length)
    }

    /// A message without a header that could be read.
    fn unreadable(&mut self, left: usize, dir: Dir) -> Next {
        self.connection.odd(None, Event::MalformedData);
        self.go(dir, 0, Place::Pass { message: left, record: 0 })
    }

    /// Whether a message goes the way that it says.
    fn goes(&mut self, header: &Header, dir: Dir) -> bool {
        if header.dir != dir {
            let event = if dir == Dir::ToServer { Event::ResponseToServer } else { Event::RequestToClient };
            self.connection.odd(Some(header), event);
        }
        header.dir == dir
    }

    /// Looks for the next record.
    fn search(&mut self, data: &[u8], dir: Dir) -> Next {
        const START: usize = header::NBSS + MAGIC;
        let begins = |start: &[u8]| {
            start.first() == Some(&record::MESSAGE)
                && start
                    .get(header::NBSS..)
                    .is_some_and(|magic| [magic::SMB1, magic::SMB2, magic::SMB3].contains(&magic))
        };
        match data.windows(START).position(begins) {
            Some(found) => self.go(dir, found, Place::Record),
            None if data.len() < START => Next::Wait(START),
            None => Next::Go(data.len() - START + 1),
        }
    }

    /// Reports the frames of a unit whose header has so many bytes, of so many in all.
    fn mark(&mut self, dir: Dir, kind: unit::Kind, at: usize, header: usize, length: usize) {
        let header = header.min(length);
        self.spans.start(kind.whole, dir, at, Some(length as u64), None);
        self.spans.start(kind.header, dir, at, Some(header as u64), None);
        self.spans.start(kind.data, dir, at + header, Some((length - header) as u64), None);
    }
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let begun = self.transactions().end;
        let mut at = 0;
        while let Some(data) = input.data.get(at..).filter(|data| !data.is_empty()) {
            match self.step(data, at, input.dir) {
                Next::Go(used) => at += used,
                Next::Wait(need) => return Parsed::Used { bytes: at, need },
            }
            if self.transactions().end - begun >= BATCH && at < input.data.len() {
                return Parsed::Used { bytes: at, need: 1 };
            }
        }
        if input.last {
            self.connection.close_all(input.dir);
        }
        Parsed::Used { bytes: at, need: 0 }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let place = match *self.place(dir) {
            Place::Pass { message, record } if bytes <= message => Place::Pass { message: message - bytes, record },
            // Within the record, but not at the start of a message.
            Place::Pass { message, record } if bytes <= message + record => {
                Place::Pass { message: message + record - bytes, record: 0 }
            }
            Place::Data { before, data, message, record } => {
                let rest = bytes.saturating_sub(before);
                let lost = rest.min(data);
                if lost > 0 {
                    self.connection.data_lost(dir, lost as u64);
                }
                let (before, behind) = (before - before.min(bytes), rest - lost);
                if behind <= message {
                    Place::Data { before, data: data - lost, message: message - behind, record }
                } else if behind <= message + record {
                    Place::Data { before, data: 0, message: message + record - behind, record: 0 }
                } else {
                    self.connection.end_data(dir);
                    Place::Lost
                }
            }
            _ => Place::Lost,
        };
        self.flow(dir, 0, place);
        Parsed::Used { bytes: 0, need: 0 }
    }

    fn spans(&mut self) -> Option<&mut Spans> {
        Some(&mut self.spans)
    }

    fn transactions(&self) -> Range<u64> {
        self.connection.txs.numbers()
    }

    fn transaction(&self, id: u64) -> Option<&dyn Transaction> {
        self.connection.txs.get(id).map(|tx: &Tx| tx as &dyn Transaction)
    }

    fn inspected(&mut self, id: u64, dir: Dir) {
        if let Some(transfer) = self.connection.txs.get_mut(id).and_then(|tx| tx.transfer_mut(dir)) {
            transfer.inspected();
        }
    }

    fn files_mut(&mut self, id: u64, dir: Dir) -> &mut [File] {
        let transfer = self.connection.txs.get_mut(id).and_then(|tx| tx.transfer_mut(dir));
        transfer.map_or(&mut [], |transfer| std::slice::from_mut(&mut transfer.file))
    }

    fn release(&mut self, id: u64) {
        self.connection.txs.release(id);
    }
}
