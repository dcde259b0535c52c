//! One connection: bytes → frames, and header blocks that several frames make up.
//!
//! A frame has its length before it and nothing else to be found by. What is lost within content costs that alone; what is
//! lost anywhere else ends reading, since nobody knows any more what fields refer to.

use std::ops::Range;

use super::events::Event;
use super::frame::{HEAD, Head, MAX_FRAME_SIZE, USUAL_LIMIT, flag, kind};
use super::hpack::Table;
use super::payload::Payload;
use super::streams::Streams;
use super::{Config, PREFACE, unit};
use crate::app::file::{Care, File};
use crate::app::frames::Spans;
use crate::app::parser::{self, Input, Parsed};
use crate::app::upgrade::Upgrade;
use crate::field::Dir;

/// Frames after which reading pauses.
const BATCH: usize = 256;

/// What a direction is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the beginning of the connection.
    Start,
    /// At the start of a frame.
    Head,
    /// In content of a stream, so many bytes before its end, behind which so much padding follows; whether it is the last.
    Content { stream: u32, left: u64, padding: u64, last: bool },
    /// In something that is passed over, so many bytes before its end.
    Skip(u64),
}

impl Place {
    /// So many bytes before the end of a frame.
    const fn skip(left: u64) -> Self {
        if left == 0 { Self::Head } else { Self::Skip(left) }
    }
}

/// A header block of which the end did not come.
struct Block {
    stream: u32,
    /// The stream that is promised, if that is what it is about.
    promised: Option<u32>,
    priority: Option<u8>,
    bytes: Vec<u8>,
    /// It came in several frames.
    continued: bool,
    /// More came than is kept.
    cut: bool,
    ends: bool,
}

/// One direction.
struct Side {
    place: Place,
    table: Table,
    block: Option<Block>,
    /// Longest payload that this side takes, if it is known.
    takes: Option<u32>,
}

/// The state of one connection.
pub(super) struct Session {
    sides: [Side; 2],
    streams: Streams,
    midstream: bool,
    spans: Spans,
}

impl Session {
    /// `midstream`: its beginning was not seen.
    pub(super) fn new(config: &Config, care: Care, midstream: bool) -> Self {
        let side = |place| Side {
            place,
            table: Table::new(config.max_table),
            block: None,
            takes: (!midstream).then_some(USUAL_LIMIT),
        };
        Self {
            sides: [side(Place::Start), side(Place::Head)],
            streams: Streams::new(config, care, midstream),
            midstream,
            spans: Spans::default(),
        }
    }

    /// How many streams have a transaction.
    #[cfg(test)]
    pub(super) fn open(&self) -> usize {
        self.streams.open()
    }

    fn side(&mut self, dir: Dir) -> &mut Side {
        let [client, server] = &mut self.sides;
        if dir == Dir::ToServer { client } else { server }
    }

    /// Takes what it can from the start of `data`, which begins at `at` of the input. Out: bytes used, or how many it
    /// takes.
    fn step(&mut self, data: &[u8], at: usize, dir: Dir) -> Result<usize, Parsed> {
        match self.side(dir).place {
            Place::Start => self.start(data, at, dir),
            Place::Head => self.head(data, at, dir),
            Place::Content { stream, left, padding, last } => {
                let used = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
                self.streams.data(dir, stream, data.get(..used).unwrap_or_default());
                self.content(dir, stream, left - used as u64, padding, last);
                Ok(used)
            }
            Place::Skip(left) => {
                let used = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
                self.side(dir).place = Place::skip(left - used as u64);
                Ok(used)
            }
        }
    }

    /// The beginning of what a client sends.
    fn start(&mut self, data: &[u8], at: usize, dir: Dir) -> Result<usize, Parsed> {
        let begun = data.iter().zip(PREFACE).all(|(byte, known)| byte == known);
        match (begun, self.midstream) {
            (true, _) if data.len() < PREFACE.len() => Err(Parsed::Used { bytes: at, need: PREFACE.len() }),
            (true, _) => {
                self.side(dir).place = Place::Head;
                Ok(PREFACE.len())
            }
            (false, true) => {
                self.side(dir).place = Place::Head;
                self.head(data, at, dir)
            }
            (false, false) => {
                self.streams.odd(0, Event::InvalidClientMagic);
                Err(Parsed::Failed)
            }
        }
    }

    /// The start of a frame: content is taken as it comes, all else as a whole.
    fn head(&mut self, data: &[u8], at: usize, dir: Dir) -> Result<usize, Parsed> {
        let wait = |need| Err(Parsed::Used { bytes: at, need });
        let Some(head) = Head::read(data) else { return wait(HEAD) };
        if head.kind == kind::DATA {
            return self.content_head(head, data, at, dir);
        }
        let whole = HEAD + head.length;
        if head.length > self.streams.config.max_block {
            self.mark(head, at, dir);
            self.streams.odd(head.stream, Event::LongFrameData);
            self.side(dir).place = Place::Skip(head.length as u64);
            return Ok(HEAD);
        }
        let Some(payload) = data.get(HEAD..whole) else { return wait(whole) };
        self.mark(head, at, dir);
        self.check_length(head, dir);
        match Payload::read(head, payload) {
            Ok(payload) => self.frame(head, &payload, dir),
            Err(event) => {
                self.side(dir).block = None;
                self.streams.odd(head.stream, event);
            }
        }
        Ok(whole)
    }

    fn content_head(&mut self, head: Head, data: &[u8], at: usize, dir: Dir) -> Result<usize, Parsed> {
        let padded = head.has(flag::PADDED);
        let padding = match data.get(HEAD) {
            _ if !padded => 0,
            _ if head.length == 0 => usize::MAX,
            Some(padding) => usize::from(*padding),
            None => return Err(Parsed::Used { bytes: at, need: HEAD + 1 }),
        };
        self.mark(head, at, dir);
        self.check_length(head, dir);
        self.interrupt(head.stream, dir);
        let Some(content) = head.length.checked_sub(usize::from(padded)).and_then(|rest| rest.checked_sub(padding))
        else {
            self.streams.odd(head.stream, Event::InvalidFrameData);
            self.side(dir).place = Place::skip(head.length as u64);
            return Ok(HEAD);
        };
        if self.streams.begin_data(dir, head.stream) {
            self.content(dir, head.stream, content as u64, padding as u64, head.has(flag::END_STREAM));
            Ok(HEAD + usize::from(padded))
        } else {
            self.side(dir).place = Place::skip(head.length as u64);
            Ok(HEAD)
        }
    }

    /// In content, so many bytes before its end.
    fn content(&mut self, dir: Dir, stream: u32, left: u64, padding: u64, last: bool) {
        if left > 0 {
            self.side(dir).place = Place::Content { stream, left, padding, last };
            return;
        }
        if last {
            self.streams.end(dir, stream, true);
        }
        self.side(dir).place = Place::skip(padding);
    }

    /// Reports the frames of a frame.
    fn mark(&mut self, head: Head, at: usize, dir: Dir) {
        let frames = [(unit::HDR, at, HEAD), (unit::DATA, at + HEAD, head.length), (unit::PDU, at, HEAD + head.length)];
        for (kind, at, length) in frames {
            self.spans.start(kind, dir, at, Some(length as u64), None);
        }
    }

    /// Tells of a payload that is longer than the other side takes.
    fn check_length(&mut self, head: Head, dir: Dir) {
        let takes = self.side(dir.flip()).takes.and_then(|takes| usize::try_from(takes).ok());
        if takes.is_some_and(|takes| head.length > takes) {
            self.streams.odd(head.stream, Event::LongFrameData);
        }
    }

    /// Something else comes where more of a header block should.
    fn interrupt(&mut self, stream: u32, dir: Dir) {
        if self.side(dir).block.take().is_some() {
            self.streams.odd(stream, Event::InvalidFrameHeader);
        }
    }

    fn frame(&mut self, head: Head, payload: &Payload<'_>, dir: Dir) {
        if let Payload::Continuation(bytes) = payload {
            return self.go_on(head, bytes, dir);
        }
        self.interrupt(head.stream, dir);
        let begin = |promised, priority, bytes: &[u8]| Block {
            stream: head.stream,
            promised,
            priority,
            bytes: bytes.to_vec(),
            continued: false,
            cut: false,
            ends: head.has(flag::END_STREAM) && promised.is_none(),
        };
        match payload {
            Payload::Headers { priority, block } => self.block(begin(None, *priority, block), head, dir),
            Payload::Promise { stream, block } => self.block(begin(Some(*stream), None, block), head, dir),
            // That settings have come says nothing.
            Payload::Settings(_) if head.has(flag::ACK) => {}
            Payload::Settings(settings) => {
                let told = settings.iter().filter(|(id, _)| *id == MAX_FRAME_SIZE).last();
                let side = self.side(dir);
                side.takes = told.map(|(_, value)| value).or(side.takes);
                self.streams.frame(dir, head.stream, head.kind, payload);
            }
            _ => self.streams.frame(dir, head.stream, head.kind, payload),
        }
    }

    /// More of a header block.
    fn go_on(&mut self, head: Head, bytes: &[u8], dir: Dir) {
        let limit = self.streams.config.max_block;
        let block = self.side(dir).block.take();
        let Some(mut block) = block.filter(|block| block.stream == head.stream) else {
            return self.streams.odd(head.stream, Event::InvalidFrameHeader);
        };
        let room = limit.saturating_sub(block.bytes.len());
        block.cut |= bytes.len() > room;
        block.bytes.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        block.continued = true;
        self.block(block, head, dir);
    }

    /// A header block, as far as it came: it is taken apart once it is whole.
    fn block(&mut self, block: Block, head: Head, dir: Dir) {
        if !head.has(flag::END_HEADERS) {
            self.side(dir).block = Some(block);
            return;
        }
        let limit = self.streams.config.max_block;
        let mut decoded = self.side(dir).table.decode(&block.bytes, limit);
        if block.cut {
            decoded.odd.push(Event::ReassemblyLimitReached);
        }
        match block.promised {
            Some(promised) => {
                let first = Payload::Promise { stream: promised, block: &[] };
                self.streams.promise(block.stream, promised, &first, decoded);
            }
            None => {
                let first = Payload::Headers { priority: block.priority, block: &[] };
                self.streams.headers(dir, block.stream, &first, decoded, block.ends);
            }
        }
        if block.continued {
            self.streams.frame(dir, block.stream, kind::CONTINUATION, &Payload::Continuation(&[]));
        }
    }
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let mut at = 0;
        for _ in 0..BATCH {
            match self.step(input.data.get(at..).unwrap_or_default(), at, input.dir) {
                Ok(used) => at += used,
                Err(parsed) if input.last && parsed != Parsed::Failed => {
                    self.streams.end_all(input.dir);
                    return Parsed::all(&input);
                }
                Err(parsed) => return parsed,
            }
            if at == input.data.len() {
                break;
            }
        }
        if input.last && at == input.data.len() {
            self.streams.end_all(input.dir);
        }
        Parsed::Used { bytes: at, need: usize::from(at < input.data.len()) }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        let place = match self.side(dir).place {
            Place::Content { stream, left, padding, last } if bytes <= left => {
                self.streams.data_gap(dir, stream, bytes);
                self.content(dir, stream, left - bytes, padding, last);
                return Parsed::Used { bytes: 0, need: 0 };
            }
            Place::Content { stream, left, padding, last } if bytes <= left.saturating_add(padding) => {
                self.streams.data_gap(dir, stream, left);
                self.content(dir, stream, 0, padding, last);
                Place::skip(left + padding - bytes)
            }
            Place::Skip(left) if bytes <= left => Place::skip(left - bytes),
            Place::Start | Place::Head | Place::Content { .. } | Place::Skip(_) => return Parsed::Failed,
        };
        self.side(dir).place = place;
        Parsed::Used { bytes: 0, need: 0 }
    }

    fn upgraded(&mut self, upgrade: &Upgrade) {
        self.streams.upgraded(upgrade);
    }

    fn spans(&mut self) -> Option<&mut Spans> {
        Some(&mut self.spans)
    }

    fn transactions(&self) -> Range<u64> {
        self.streams.queue().numbers()
    }

    fn transaction(&self, id: u64) -> Option<&dyn parser::Transaction> {
        self.streams.queue().get(id).map(|tx| tx.as_ref() as &dyn parser::Transaction)
    }

    fn inspected(&mut self, id: u64, dir: Dir) {
        self.streams.inspected(id, dir);
    }

    fn files_mut(&mut self, id: u64, dir: Dir) -> &mut [File] {
        let tx = self.streams.queue_mut().get_mut(id);
        tx.map_or(&mut [], |tx| &mut tx.side(dir).body.files)
    }

    fn release(&mut self, id: u64) {
        self.streams.release(id);
    }
}
