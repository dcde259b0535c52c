//! The record layer (RFC 8446 §5, RFC 5246 §6.2) of one connection: bytes → handshake messages, alerts, heartbeats.
//!
//! Content is used as it comes, so that no record is waited for; only what is put together is held. After a gap
//! the stream is found back into at the end of the record, if the gap ends within it, and else wherever the bytes
//! handed in begin with something that looks like a record.

use std::ops::Range;

use super::Config;
use super::certificate::Chain;
use super::events::Event;
use super::handshake::{Assembly, Step, message};
use super::hello::{ClientHello, ServerHello};
use super::sslv2;
use super::tx::{Exchanged, Tx, progress};
use super::{Cursor, LARGEST_RECORD, unit, version};
use crate::app::config::Encrypted;
use crate::app::frames::Spans;
use crate::app::parser::{self, Input, Parsed};
use crate::field::Dir;
use crate::time::Time;

/// Types of records.
mod content {
    pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(super) const ALERT: u8 = 21;
    pub(super) const HANDSHAKE: u8 = 22;
    pub(super) const APPLICATION_DATA: u8 = 23;
    pub(super) const HEARTBEAT: u8 = 24;
}

/// Bytes before the content of a record.
const HEADER: usize = 5;
/// Bytes of content that must be there before it is looked at: all of an alert, the head of a heartbeat or a message.
const LOOK: usize = 4;
/// Type and length of a heartbeat (RFC 6520 §4) …
const HEARTBEAT_HEAD: usize = 3;
/// … and the padding that it has at least.
const HEARTBEAT_PADDING: usize = 16;
/// More records than this …
const MANY_RECORDS: usize = 30;
/// … in this many bytes, which one packet holds, are too many.
const PACKET: usize = 1500;

/// Where a direction stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// At the start of a record.
    #[default]
    Header,
    /// In the content of a record, of which so many bytes are to come; it is handshake in the clear, or passed over.
    Content { left: usize, handshake: bool },
    /// After a gap, anywhere.
    Lost,
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    place: Place,
    messages: Assembly,
    /// Content cannot be read any more.
    encrypted: bool,
    /// It has sent records in the form of TLS; of SSL 2.0.
    modern: bool,
    ancient: bool,
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Session {
    config: Config,
    /// `None` once it was released.
    tx: Option<Tx>,
    sides: [Side; 2],
    /// The server asked for another hello: it has not encrypted anything yet.
    retry: bool,
    /// Length of the client's encrypted heartbeat that was not answered yet.
    heartbeat: Option<usize>,
    spans: Spans,
}

/// What a step came to.
enum Next {
    /// So many bytes are used up.
    Go(usize),
    /// It takes so many bytes to get further.
    Wait(usize),
    Failed,
}

impl Session {
    pub(super) fn new(config: Config) -> Self {
        let tx = Some(Tx::new(config.ja4));
        Self { config, tx, sides: Default::default(), retry: false, heartbeat: None, spans: Spans::default() }
    }

    /// On a connection that spoke another protocol before.
    pub(super) fn after(mut self, before: Option<&'static str>) -> Self {
        if let Some(tx) = &mut self.tx {
            tx.before = before;
        }
        self
    }

    fn side(&mut self, dir: Dir) -> &mut Side {
        let [client, server] = &mut self.sides;
        if dir == Dir::ToServer { client } else { server }
    }

    fn note(&mut self, event: Event) {
        if let Some(tx) = &mut self.tx {
            tx.note(event);
        }
    }

    fn reach(&mut self, dir: Dir, progress: u8) {
        if let Some(tx) = &mut self.tx {
            tx.reach(dir, progress);
        }
    }

    fn exchanged(&mut self, what: Exchanged) {
        if let Some(tx) = &mut self.tx {
            tx.exchanged(what);
        }
    }

    /// One step on `data`, which begins `at` bytes behind the start of the input.
    fn step(&mut self, data: &[u8], at: usize, input: &Input<'_>) -> Next {
        match self.side(input.dir).place {
            _ if data.is_empty() => Next::Wait(1),
            Place::Header => self.header(data, at, input),
            Place::Lost if looks_like_record(data) => {
                self.side(input.dir).place = Place::Header;
                Next::Go(0)
            }
            Place::Lost if data.len() < HEADER && !input.last => Next::Wait(HEADER),
            Place::Lost => Next::Go(data.len()),
            Place::Content { left, handshake } => {
                let part = data.get(..left).unwrap_or(data);
                let left = left - part.len();
                let place = if left == 0 { Place::Header } else { Place::Content { left, handshake } };
                self.side(input.dir).place = place;
                if handshake {
                    self.handshake(part, input.dir, input.time);
                }
                Next::Go(part.len())
            }
        }
    }

    /// The header of a record, and what can be told from it and the first bytes after it.
    fn header(&mut self, data: &[u8], at: usize, input: &Input<'_>) -> Next {
        let dir = input.dir;
        let first = data.first().copied().unwrap_or_default();
        let modern = matches!(first, content::CHANGE_CIPHER_SPEC..=content::HEARTBEAT);
        let side = self.side(dir);
        if !side.modern && (first & 0x80 != 0 || side.ancient && !modern) {
            return self.ancient(data, at, input);
        }
        let mut header = Cursor::big(data);
        let (Some(kind), Some(version), Some(length)) = (header.u8(), header.u16(), header.u16()) else {
            return Next::Wait(HEADER);
        };
        let (length, known) = (usize::from(length), (version::SSL3..=version::TLS1_3).contains(&version));
        if !modern {
            self.note(if known { Event::InvalidRecordType } else { Event::InvalidTlsHeader });
            return Next::Failed;
        }
        if !known {
            self.note(Event::InvalidRecordVersion);
        }
        if length > LARGEST_RECORD {
            self.note(Event::InvalidRecordLength);
        }
        let begin = header.rest().get(..length).unwrap_or(header.rest());
        let enough = if kind == content::APPLICATION_DATA { 0 } else { length.min(LOOK) };
        if begin.len() < enough && !input.last {
            return Next::Wait(HEADER + enough);
        }
        self.side(dir).modern = true;
        self.mark(kind, at, length, dir);
        let handshake = self.record(kind, begin, length, dir);
        self.side(dir).place = if length == 0 { Place::Header } else { Place::Content { left: length, handshake } };
        Next::Go(HEADER)
    }

    /// A record begins. Out: whether its content is handshake that can be read.
    fn record(&mut self, kind: u8, begin: &[u8], length: usize, dir: Dir) -> bool {
        let encrypted = self.side(dir).encrypted;
        match kind {
            content::HANDSHAKE => return !encrypted && self.side(dir).messages.resume(begin, length),
            content::CHANGE_CIPHER_SPEC => self.encrypted(dir),
            content::ALERT if !encrypted => self.alert(begin, length, dir),
            content::HEARTBEAT => self.beat(begin, length, dir),
            content::APPLICATION_DATA => self.encrypted(dir),
            _ => {}
        }
        false
    }

    /// From here on the direction cannot be read.
    fn encrypted(&mut self, dir: Dir) {
        if self.retry {
            return;
        }
        self.side(dir).encrypted = true;
        if let Some(tx) = &mut self.tx {
            tx.encrypted(dir);
        }
    }

    /// An alert in the clear (RFC 8446 §6).
    fn alert(&mut self, begin: &[u8], length: usize, dir: Dir) {
        match begin {
            [1 | 2, ..] if length == 2 => {}
            _ => self.note(Event::InvalidAlertMessage),
        }
        if let [2, _] | [1, 0] = begin {
            self.reach(dir, progress::finished(dir));
        }
    }

    /// A heartbeat (RFC 6520): one that promises more than it holds asks for memory that is not its own, and so does an
    /// encrypted one that is answered with more than was asked.
    fn beat(&mut self, begin: &[u8], length: usize, dir: Dir) {
        self.note(Event::HeartbeatMessage);
        if self.side(dir).encrypted {
            match (dir, self.heartbeat.take()) {
                (Dir::ToServer, _) => self.heartbeat = Some(length),
                (Dir::ToClient, Some(asked)) if length > asked => self.note(Event::DataleakHeartbeatMismatch),
                (Dir::ToClient, _) => {}
            }
            return;
        }
        let mut head = Cursor::big(begin);
        match (head.u8(), head.u16()) {
            (Some(1 | 2), Some(payload)) if HEARTBEAT_HEAD + usize::from(payload) + HEARTBEAT_PADDING > length => {
                self.note(Event::OverflowHeartbeatMessage);
            }
            (Some(1 | 2), Some(_)) => {}
            _ => self.note(Event::InvalidHeartbeatMessage),
        }
    }

    /// Reports the frames of a record.
    fn mark(&mut self, kind: u8, at: usize, length: usize, dir: Dir) {
        let content = (at + HEADER, length);
        self.frame(unit::RECORD, dir, (at, HEADER + length));
        self.frame(unit::HEADER, dir, (at, HEADER));
        self.frame(unit::DATA, dir, content);
        match kind {
            content::ALERT => self.frame(unit::ALERT, dir, content),
            content::HEARTBEAT => self.frame(unit::HEARTBEAT, dir, content),
            _ => {}
        }
    }

    fn frame(&mut self, kind: usize, dir: Dir, (at, length): (usize, usize)) {
        if length > 0 {
            self.spans.start(kind, dir, at, Some(length as u64), Some(0));
        }
    }

    /// A record of SSL 2.0.
    fn ancient(&mut self, data: &[u8], at: usize, input: &Input<'_>) -> Next {
        let dir = input.dir;
        let Some((header, length)) = sslv2::header(data) else { return Next::Wait(2) };
        if self.side(dir).encrypted {
            self.mark_ancient(at, header, length, dir);
            self.side(dir).place = Place::Content { left: header - 2 + length, handshake: false };
            return Next::Go(2);
        }
        let Some(record) = data.get(header..header + length).filter(|record| !record.is_empty()) else {
            if length > 0 && !input.last {
                return Next::Wait(header + length);
            }
            self.note(Event::InvalidSslv2Header);
            return Next::Failed;
        };
        self.side(dir).ancient = true;
        self.mark_ancient(at, header, length, dir);
        if !self.ancient_message(record, dir, input.time) {
            self.note(Event::InvalidSslv2Header);
            return Next::Failed;
        }
        Next::Go(header + length)
    }

    fn mark_ancient(&mut self, at: usize, header: usize, length: usize, dir: Dir) {
        self.frame(unit::SSL2_RECORD, dir, (at, header + length));
        self.frame(unit::SSL2_HEADER, dir, (at, header));
    }

    /// Out: whether it could be read.
    fn ancient_message(&mut self, record: &[u8], dir: Dir, time: Time) -> bool {
        use sslv2::message::{CLIENT_HELLO, CLIENT_MASTER_KEY, ERROR, LAST, SERVER_HELLO};
        match (record.first().copied().unwrap_or(u8::MAX), dir) {
            (CLIENT_HELLO, Dir::ToServer) => {
                let hello = sslv2::client_hello(record);
                hello.map(|hello| self.client_hello(hello)).is_some()
            }
            (SERVER_HELLO, Dir::ToClient) => {
                let Some((hello, certificate)) = sslv2::server_hello(record) else { return false };
                self.server_hello(hello);
                if let Some(tx) = &mut self.tx
                    && !certificate.is_empty()
                {
                    tx.certificate(dir, |note| Chain::single(certificate, time, note));
                }
                self.reach(dir, progress::SERVER_HELLO_DONE);
                true
            }
            (CLIENT_MASTER_KEY, Dir::ToServer) => {
                self.exchanged(Exchanged::ClientKey);
                for dir in Dir::BOTH {
                    self.encrypted(dir);
                }
                true
            }
            (ERROR, _) => {
                self.note(Event::ErrorMessageEncountered);
                true
            }
            (kind, _) => kind <= LAST,
        }
    }

    /// Content of handshake records.
    fn handshake(&mut self, mut part: &[u8], dir: Dir, time: Time) {
        while !part.is_empty() {
            let used = match self.side(dir).messages.push(part) {
                Step::Wait => return,
                Step::Message(kind, body, used) => {
                    self.message(kind, &body, dir, time);
                    used
                }
                Step::TooLong(used) => {
                    self.note(Event::HandshakeInvalidLength);
                    used
                }
                Step::Unknown(used) => {
                    self.note(Event::InvalidHandshakeMessage);
                    used
                }
            };
            part = part.get(used..).unwrap_or_default();
        }
    }

    fn message(&mut self, kind: u8, body: &[u8], dir: Dir, time: Time) {
        match (kind, dir) {
            (message::CLIENT_HELLO, Dir::ToServer) => {
                let (hello, whole) = ClientHello::read(body, &mut |event| {
                    if let Some(tx) = &mut self.tx {
                        tx.note(event);
                    }
                });
                self.check(whole);
                self.client_hello(hello);
            }
            (message::SERVER_HELLO, Dir::ToClient) => {
                let (hello, whole) = ServerHello::read(body);
                self.check(whole);
                self.server_hello(hello);
            }
            (message::HELLO_RETRY_REQUEST, Dir::ToClient) => self.retry = true,
            (message::CERTIFICATE, _) => {
                if let Some(tx) = &mut self.tx {
                    tx.certificate(dir, |note| Chain::read(body, time, note));
                }
            }
            (message::SERVER_KEY_EXCHANGE, Dir::ToClient) => self.exchanged(Exchanged::ServerKey),
            (message::CERTIFICATE_REQUEST, Dir::ToClient) => self.exchanged(Exchanged::CertificateRequest),
            (message::SERVER_HELLO_DONE, Dir::ToClient) => self.reach(dir, progress::SERVER_HELLO_DONE),
            (message::CLIENT_KEY_EXCHANGE, Dir::ToServer) => self.exchanged(Exchanged::ClientKey),
            (message::CLIENT_HELLO | message::SERVER_HELLO | message::SERVER_HELLO_DONE, _) => {
                self.note(Event::InvalidHandshakeMessage);
            }
            _ => {}
        }
    }

    fn check(&mut self, whole: bool) {
        if !whole {
            self.note(Event::InvalidHandshakeMessage);
        }
    }

    fn client_hello(&mut self, hello: ClientHello) {
        let config = self.config;
        if let Some(tx) = &mut self.tx {
            tx.client_hello(hello, &config);
        }
    }

    fn server_hello(&mut self, hello: ServerHello) {
        self.retry = hello.is_retry();
        if !version::is_known(hello.version()) {
            self.note(Event::InvalidRecordVersion);
        }
        if let Some(tx) = self.tx.as_mut().filter(|_| !self.retry) {
            tx.server_hello(hello, &self.config);
        }
    }
}

/// Whether bytes begin with a record's header.
fn looks_like_record(data: &[u8]) -> bool {
    let mut header = Cursor::big(data);
    let kind = header.u8().is_some_and(|kind| (content::CHANGE_CIPHER_SPEC..=content::HEARTBEAT).contains(&kind));
    let version = header.u16().is_some_and(|version| (version::SSL3..=version::TLS1_3).contains(&version));
    kind && version && header.u16().is_some_and(|length| usize::from(length) <= LARGEST_RECORD)
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let (mut at, mut records) = (0, 0);
        loop {
            records += usize::from(self.side(input.dir).place == Place::Header);
            match self.step(input.data.get(at..).unwrap_or_default(), at, &input) {
                Next::Go(used) => at += used,
                Next::Failed => {
                    self.note(Event::InvalidSslRecord);
                    return Parsed::Failed;
                }
                Next::Wait(_) if input.last => {
                    self.reach(input.dir, progress::finished(input.dir));
                    return Parsed::all(&input);
                }
                Next::Wait(need) => {
                    let left = input.data.len() - at;
                    return Parsed::Used { bytes: at, need: if need > left { need } else { 0 } };
                }
            }
            if records == MANY_RECORDS + 1 && at <= PACKET {
                self.note(Event::TooManyRecordsInPacket);
            }
        }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        let side = self.side(dir);
        side.messages.tear();
        side.place = match side.place {
            Place::Content { left, .. } if bytes < left as u64 => {
                Place::Content { left: left - usize::try_from(bytes).unwrap_or(left), handshake: false }
            }
            Place::Content { left, .. } if bytes == left as u64 => Place::Header,
            _ => Place::Lost,
        };
        Parsed::Used { bytes: 0, need: 0 }
    }

    fn spans(&mut self) -> Option<&mut Spans> {
        Some(&mut self.spans)
    }

    fn transactions(&self) -> Range<u64> {
        u64::from(self.tx.is_none())..1
    }

    fn transaction(&self, id: u64) -> Option<&dyn parser::Transaction> {
        self.tx.as_ref().filter(|_| id == 0).map(|tx| tx as &dyn parser::Transaction)
    }

    fn encrypted(&self) -> Option<Encrypted> {
        self.sides.iter().all(|side| side.encrypted).then_some(self.config.encrypted)
    }

    fn release(&mut self, id: u64) {
        if id == 0 {
            self.tx = None;
        }
    }
}
