//! The DNS state of one flow: datagrams or a stream → transactions.
//!
//! Over TCP each message has its length before it (RFC 1035 §4.2.2). After a gap the stream is found back
//! into: after the rest of the message that was being received, if the gap ends within it, and wherever the
//! bytes handed in begin with something that looks like a message.

use std::ops::Range;

use super::message::{self, Event, Message};
use crate::app::frames::Spans;
use crate::app::parser::{self, Detail, Input, Parsed, Probe};
use crate::app::queue::Queue;
use crate::field::{Dir, Dirs, Value};
use crate::record::Writer;

/// Messages after which reading pauses.
const BATCH: usize = 256;

/// Open transactions at which the oldest is dropped for a new one.
const MAX_OPEN: usize = 4096;

/// The frame of a message: its position among those of either protocol.
const PDU: usize = 0;

/// Which of the two protocols a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Client and server.
    Dns,
    /// One to many: requests and responses travel the same way.
    Mdns,
}

/// One message.
#[derive(Debug)]
pub(super) struct Tx {
    pub(super) message: Message,
    pub(super) dir: Dir,
    kind: Kind,
}

/// Where a stream's direction stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stream {
    /// At the start of a message, of which so many bytes are still missing.
    #[default]
    Aligned,
    /// At the start of a message that is there, until those before it are inspected.
    Paused,
    /// Waiting for the rest of a message: so many bytes of it have not come yet.
    Within(u64),
    /// After a gap within a message, of which so many bytes are to be passed over.
    Skip(u64),
    /// After a gap, anywhere.
    Lost,
}

/// The DNS state of one flow.
#[derive(Debug)]
pub(super) struct Session {
    kind: Kind,
    udp: bool,
    streams: [Stream; 2],
    queue: Queue<Tx>,
    spans: Spans,
}

impl Session {
    pub(super) fn new(kind: Kind, udp: bool) -> Self {
        Self { kind, udp, streams: [Stream::default(); 2], queue: Queue::default(), spans: Spans::default() }
    }

    /// Takes one message, which begins so far into the input.
    fn message(&mut self, bytes: &[u8], dir: Dir, at: usize) {
        let mut message = Message::read(bytes);
        if self.kind == Kind::Dns && message.header.is_some() {
            match (dir, message.response()) {
                (Dir::ToServer, true) => message.note(Event::NotRequest),
                (Dir::ToClient, false) => message.note(Event::NotResponse),
                _ => {}
            }
        }
        if self.queue.open() >= MAX_OPEN {
            self.queue.drop_oldest();
        }
        let id = self.queue.push(Tx { message, dir, kind: self.kind });
        self.spans.start(PDU, dir, at, Some(bytes.len() as u64), Some(id));
    }

    /// Takes whole messages from a stream. Out: bytes used, and where the stream stands.
    fn stream(&mut self, input: Input<'_>, state: Stream) -> (usize, Stream) {
        let (mut used, mut taken) = (0, 0);
        let mut state = state;
        loop {
            let rest = input.data.get(used..).unwrap_or_default();
            match state {
                Stream::Skip(missing) => {
                    let passed = usize::try_from(missing).unwrap_or(usize::MAX).min(rest.len());
                    used += passed;
                    match missing - passed as u64 {
                        0 => state = Stream::Lost,
                        missing => return (used, Stream::Skip(missing)),
                    }
                }
                Stream::Lost => match message::plausible(rest, false) {
                    Probe::Yes(_) => state = Stream::Aligned,
                    Probe::No => return (input.data.len(), Stream::Lost),
                    Probe::Unsure => return (used, Stream::Lost),
                },
                Stream::Aligned | Stream::Paused | Stream::Within(_) => {
                    let Some((length, body)) = rest.split_first_chunk::<2>() else {
                        return (used, Stream::Aligned);
                    };
                    let length = usize::from(u16::from_be_bytes(*length));
                    let Some(body) = body.get(..length) else {
                        return (used, Stream::Within((2 + length - rest.len()) as u64));
                    };
                    if taken == BATCH {
                        return (used, Stream::Paused);
                    }
                    taken += 1;
                    self.message(body, input.dir, used + 2);
                    used += 2 + length;
                    state = Stream::Aligned;
                }
            }
        }
    }

    fn stream_of(&mut self, dir: Dir) -> &mut Stream {
        let [request, response] = &mut self.streams;
        if dir == Dir::ToServer { request } else { response }
    }
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        if self.udp {
            if !input.data.is_empty() {
                self.message(input.data, input.dir, 0);
            }
            return Parsed::all(&input);
        }
        let state = *self.stream_of(input.dir);
        let (used, state) = self.stream(input, state);
        *self.stream_of(input.dir) = state;
        if input.last && matches!(state, Stream::Within(_) | Stream::Lost) {
            return Parsed::all(&input);
        }
        let left = input.data.len() - used;
        let need = match state {
            Stream::Within(missing) => usize::try_from(missing).unwrap_or(usize::MAX).saturating_add(left),
            Stream::Paused => 1,
            Stream::Aligned | Stream::Skip(_) | Stream::Lost => 0,
        };
        Parsed::Used { bytes: used, need }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        let stream = self.stream_of(dir);
        *stream = match *stream {
            Stream::Within(missing) | Stream::Skip(missing) if bytes <= missing => Stream::Skip(missing - bytes),
            _ => Stream::Lost,
        };
        Parsed::Used { bytes: 0, need: 0 }
    }

    fn spans(&mut self) -> Option<&mut Spans> {
        Some(&mut self.spans)
    }

    fn transactions(&self) -> Range<u64> {
        self.queue.numbers()
    }

    fn transaction(&self, id: u64) -> Option<&dyn parser::Transaction> {
        self.queue.get(id).map(|tx| tx as &dyn parser::Transaction)
    }

    fn release(&mut self, id: u64) {
        self.queue.release(id);
    }
}

impl parser::Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        let fields = match self.kind {
            Kind::Dns => super::fields::DNS,
            Kind::Mdns => super::fields::MDNS,
        };
        match fields.get(field) {
            Some(field) if dir == self.dir => (field.get)(self, dir, instance, scratch),
            _ => Value::Absent,
        }
    }

    fn dirs(&self) -> Dirs {
        self.dir.only()
    }

    fn progress(&self, _: Dir) -> u8 {
        // A message is whole when it becomes a transaction.
        super::PROTOCOL.complete(self.dir)
    }

    fn revision(&self, _: Dir) -> u32 {
        0
    }

    fn events(&self) -> &[u8] {
        &self.message.events
    }

    fn recorded(&self) -> bool {
        let malformed = self.message.events.contains(&(Event::MalformedData as u8));
        let empty = self.message.questions.is_empty() && self.message.records().is_empty();
        !malformed && !empty
    }

    fn record(&self, detail: &Detail<'_>, out: &mut dyn Writer) {
        match self.kind {
            Kind::Dns => super::record::write(&self.message, self.dir, detail, out),
            Kind::Mdns => super::mdns::record(&self.message, out),
        }
    }
}
