//! One connection: bytes → frames, and the message that each belongs to.
//!
//! A frame has its length before it and nothing else to be found by: what is lost of a payload costs that alone, what is
//! lost anywhere else ends reading.

use std::borrow::Cow;
use std::ops::Range;

use super::frame::{Head, flag, opcode};
use super::inflate::Inflate;
use super::tx::Tx;
use super::{Config, Event, unit};
use crate::app::frames::Spans;
use crate::app::parser::{self, Input, Parsed};
use crate::app::queue::Queue;
use crate::app::upgrade::Upgrade;
use crate::field::Dir;

/// Frames after which reading pauses.
const BATCH: usize = 256;
/// Open messages at which the oldest is dropped for a new one.
const MAX_OPEN: usize = 256;
/// How much larger than what is kept a message may become when it is decompressed.
const BOMB_RATIO: u64 = 16;

/// What a direction is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the start of a frame.
    Head,
    /// In the payload of a frame, so many bytes of which came.
    Payload { head: Head, came: u64 },
}

/// One direction.
struct Side {
    place: Place,
    /// The message that the frame at hand belongs to.
    current: u64,
    /// The message of which the end did not come.
    begun: Option<u64>,
    inflate: Inflate,
}

/// The state of one connection.
pub(super) struct Session {
    config: Config,
    sides: [Side; 2],
    queue: Queue<Tx>,
    spans: Spans,
}

impl Session {
    pub(super) fn new(config: Config) -> Self {
        let side = || Side { place: Place::Head, current: 0, begun: None, inflate: Inflate::new(false) };
        Self { config, sides: [side(), side()], queue: Queue::default(), spans: Spans::default() }
    }

    fn side(&mut self, dir: Dir) -> &mut Side {
        let [client, server] = &mut self.sides;
        if dir == Dir::ToServer { client } else { server }
    }

    /// Takes what it can from the start of `data`, which begins at `at` of the input. Out: bytes used; none if it takes
    /// more.
    fn step(&mut self, data: &[u8], at: usize, dir: Dir) -> usize {
        match self.side(dir).place {
            Place::Head => {
                let Some(head) = Head::read(data) else { return 0 };
                self.begin(head, at, dir);
                self.side(dir).place = Place::Payload { head, came: 0 };
                self.close(dir);
                head.size
            }
            Place::Payload { head, came } => {
                let left = usize::try_from(head.length - came).unwrap_or(usize::MAX);
                let part = data.get(..left).unwrap_or(data);
                self.payload(part, head, came, dir);
                self.side(dir).place = Place::Payload { head, came: came + part.len() as u64 };
                self.close(dir);
                part.len()
            }
        }
    }

    /// A frame begins: it goes on with a message, or begins another.
    fn begin(&mut self, head: Head, at: usize, dir: Dir) {
        let begun = self.side(dir).begun.filter(|_| head.opcode == opcode::CONTINUATION);
        let id = match begun {
            Some(id) => id,
            None => {
                if self.queue.open() >= MAX_OPEN {
                    self.queue.drop_oldest();
                }
                self.queue.push(Tx::new(dir, head))
            }
        };
        let whole = head.length.saturating_add(head.size as u64);
        self.spans.start(unit::HEADER, dir, at, Some(head.size as u64), Some(id));
        self.spans.start(unit::PDU, dir, at, Some(whole), Some(id));
        self.spans.start(unit::DATA, dir, at + head.size, Some(head.length), Some(id));
        self.side(dir).current = id;
        let Some(tx) = self.queue.get_mut(id) else { return };
        tx.change();
        tx.flags |= head.flags;
        if head.length > self.config.max_payload as u64 {
            tx.note(Event::SkipEndOfPayload);
        }
        if opcode::is_control(head.opcode) {
            return;
        }
        let side = self.side(dir);
        if begun.is_none() {
            side.inflate.begin();
        }
        side.begun = (head.flags & flag::FIN == 0).then_some(id);
    }

    /// Payload comes, of which so many bytes came before.
    fn payload(&mut self, bytes: &[u8], head: Head, came: u64, dir: Dir) {
        let plain = head.mask.map_or(Cow::Borrowed(bytes), |mask| {
            let mask = mask.rotate_left(8 * (came % 4) as u32).to_be_bytes();
            bytes.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
        });
        let limit = self.config.max_payload as u64;
        self.with(dir, |tx, inflate| {
            let compressed = tx.is_compressed() && !opcode::is_control(head.opcode);
            let payload = &mut tx.payload;
            let whole = if compressed {
                inflate.feed(&plain, limit.saturating_mul(BOMB_RATIO), |bytes| payload.push_within(bytes, limit))
            } else {
                payload.push_within(&plain, limit);
                true
            };
            // What a single frame has too much was told already.
            if !whole || tx.payload.complete && head.length <= limit {
                tx.note(Event::ReassemblyLimitReached);
            }
            tx.change();
        });
    }

    /// Ends the frame at hand if all of it came, and its message if it is the last.
    fn close(&mut self, dir: Dir) {
        let Place::Payload { head, came } = self.side(dir).place else { return };
        if came < head.length {
            return;
        }
        self.side(dir).place = Place::Head;
        if head.flags & flag::FIN == 0 && !opcode::is_control(head.opcode) {
            return;
        }
        let limit = self.config.max_payload as u64;
        self.with(dir, |tx, inflate| {
            if tx.is_compressed() && !opcode::is_control(head.opcode) {
                let payload = &mut tx.payload;
                inflate.end(limit.saturating_mul(BOMB_RATIO), |bytes| payload.push_within(bytes, limit));
            }
            tx.end();
        });
    }

    /// Does something with the message at hand; nothing if it was released or dropped.
    fn with(&mut self, dir: Dir, act: impl FnOnce(&mut Tx, &mut Inflate)) {
        let Self { sides: [client, server], queue, .. } = self;
        let side = if dir == Dir::ToServer { client } else { server };
        if let Some(tx) = queue.get_mut(side.current) {
            act(tx, &mut side.inflate);
        }
    }
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let mut at = 0;
        for _ in 0..BATCH {
            let data = input.data.get(at..).unwrap_or_default();
            match self.step(data, at, input.dir) {
                0 => break,
                used => at += used,
            }
        }
        let rest = input.data.get(at..).unwrap_or_default();
        let pauses = match self.side(input.dir).place {
            Place::Head => Head::read(rest).is_some(),
            Place::Payload { .. } => !rest.is_empty(),
        };
        if input.last && !pauses {
            return Parsed::all(&input);
        }
        Parsed::Used { bytes: at, need: usize::from(pauses) }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        let Place::Payload { head, came } = self.side(dir).place else { return Parsed::Failed };
        if bytes > head.length - came {
            return Parsed::Failed;
        }
        self.with(dir, |tx, inflate| {
            if tx.is_compressed() && !opcode::is_control(head.opcode) {
                inflate.lose();
            }
            tx.payload.gap(bytes);
            tx.change();
        });
        self.side(dir).place = Place::Payload { head, came: came + bytes };
        self.close(dir);
        Parsed::Used { bytes: 0, need: 0 }
    }

    /// Extensions: whether messages of a side are compressed each by itself (RFC 7692 §7.1.1).
    fn upgraded(&mut self, upgrade: &Upgrade) {
        let names =
            [(Dir::ToServer, &b"client_no_context_takeover"[..]), (Dir::ToClient, b"server_no_context_takeover")];
        for (dir, name) in names {
            let alone = upgrade.parameters.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name));
            self.side(dir).inflate = Inflate::new(alone);
        }
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
