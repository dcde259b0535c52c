//! The state of one connection: lines up to the one with the version (RFC 4253 §4.2), then packets (§6) until the side
//! begins to use its keys.
//!
//! Of packets only the key exchange is put together; of the others the head is read. Once something is lost nothing
//! can be read any more: packets have no marks to find them by.

use std::ops::Range;

use super::banner::Banner;
use super::events::Event;
use super::kex::Hassh;
use super::tx::{Tx, progress};
use super::{Config, START, unit};
use crate::app::config::Encrypted;
use crate::app::frames::Spans;
use crate::app::parser::{self, Input, Parsed};
use crate::field::Dir;

/// Longest line with a version, its end included (RFC 4253 §4.2).
const LONGEST_BANNER: usize = 255;
/// Bytes of other lines that a server may send before it.
const MOST_LINES: usize = 8192;
/// Length, length of the padding, type: what is looked at of each packet (RFC 4253 §6).
const HEAD: usize = 6;
/// Bytes that the length of a packet leaves out: its own.
const LENGTH: usize = 4;
/// Padding and type, which the length counts.
const COUNTED_HEAD: usize = HEAD - LENGTH;
/// Longest packet that all can deal with (RFC 4253 §6.1).
const LONGEST_KEX: usize = 35_000;
/// Longest packet that is believed.
const LONGEST_PACKET: usize = 1 << 18;

/// Types of messages (RFC 4253 §12).
mod message {
    pub(super) const KEXINIT: u8 = 20;
    pub(super) const NEWKEYS: u8 = 21;
}

/// Where a direction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before its version; so many bytes of other lines were passed over.
    Lines(usize),
    /// In the rest of a line that is too long.
    LongLine,
    /// At the start of a packet.
    Packet,
    /// In a packet, of which so many bytes are to come.
    Content(usize),
    /// Where nothing can be read.
    Opaque,
}

/// What a step came to.
enum Next {
    /// So many bytes are used up.
    Go(usize),
    /// It takes so many bytes to get further; 0: any.
    Wait(usize),
    Failed,
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Session {
    config: Config,
    /// `None` once it was released.
    tx: Option<Tx>,
    places: [Place; 2],
    spans: Spans,
    /// What became of keys, by direction.
    keyed: [bool; 2],
}

impl Session {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            tx: Some(Tx::default()),
            places: [Place::Lines(0); 2],
            spans: Spans::default(),
            keyed: [false; 2],
        }
    }

    fn place(&mut self, dir: Dir) -> &mut Place {
        let [client, server] = &mut self.places;
        if dir == Dir::ToServer { client } else { server }
    }

    fn note(&mut self, dir: Dir, event: Event) {
        if let Some(tx) = &mut self.tx {
            tx.note(dir, event);
        }
    }

    fn reach(&mut self, dir: Dir, progress: u8) {
        if let Some(tx) = &mut self.tx {
            tx.reach(dir, progress);
        }
    }

    /// `data` begins at `at` of the input.
    fn step(&mut self, data: &[u8], at: usize, dir: Dir) -> Next {
        match *self.place(dir) {
            _ if data.is_empty() => Next::Wait(0),
            Place::Lines(passed) => self.line(data, passed, dir),
            Place::LongLine => {
                let end = data.iter().position(|byte| *byte == b'\n');
                if end.is_some() {
                    self.greeted(dir);
                }
                Next::Go(end.map_or(data.len(), |end| end + 1))
            }
            Place::Packet => self.packet(data, at, dir),
            Place::Content(left) => {
                let used = left.min(data.len());
                *self.place(dir) = if used == left { Place::Packet } else { Place::Content(left - used) };
                Next::Go(used)
            }
            Place::Opaque => Next::Go(data.len()),
        }
    }

    fn line(&mut self, data: &[u8], passed: usize, dir: Dir) -> Next {
        let end = data.iter().position(|byte| *byte == b'\n');
        let line = data.get(..end.unwrap_or(data.len())).unwrap_or(data);
        let used = end.map_or(data.len(), |end| end + 1);
        if !line.starts_with(START) {
            if end.is_none() && data.len() < LONGEST_BANNER {
                return Next::Wait(0);
            }
            // Only servers may say something before (RFC 4253 §4.2).
            let passed = passed + used;
            if dir == Dir::ToServer || passed > MOST_LINES {
                self.note(dir, Event::InvalidBanner);
                return Next::Failed;
            }
            *self.place(dir) = Place::Lines(passed);
            return Next::Go(used);
        }
        let long = used > LONGEST_BANNER;
        if end.is_none() && !long {
            return Next::Wait(0);
        }
        let line = line.get(..LONGEST_BANNER).unwrap_or(line);
        let Some(banner) = Banner::read(line.strip_suffix(b"\r").unwrap_or(line)) else {
            self.note(dir, Event::InvalidBanner);
            return Next::Failed;
        };
        if let Some(tx) = &mut self.tx {
            tx.change(dir).banner = Some(banner);
        }
        if long {
            self.note(dir, Event::LongBanner);
        }
        if end.is_some() {
            self.greeted(dir);
        } else {
            self.reach(dir, progress::BANNER_WAIT_EOL);
            *self.place(dir) = Place::LongLine;
        }
        Next::Go(used)
    }

    /// The line with the version is over.
    fn greeted(&mut self, dir: Dir) {
        let new = self.tx.as_ref().and_then(|tx| tx.side(dir).banner.as_ref()).is_some_and(Banner::is_version_2);
        *self.place(dir) = if new { Place::Packet } else { Place::Opaque };
        self.reach(dir, progress::BANNER_DONE);
    }

    /// The head of a packet; all of it where keys are exchanged.
    fn packet(&mut self, data: &[u8], at: usize, dir: Dir) -> Next {
        let Some((&[a, b, c, d, padding, kind], behind)) = data.split_first_chunk::<HEAD>() else {
            return Next::Wait(HEAD);
        };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length < COUNTED_HEAD || usize::from(padding) >= length || length > LONGEST_PACKET {
            self.note(dir, Event::InvalidRecord);
            return Next::Failed;
        }
        let content = length - COUNTED_HEAD;
        let long = length > LONGEST_KEX;
        if kind == message::KEXINIT && !long {
            let Some(content) = behind.get(..content) else { return Next::Wait(LENGTH + length) };
            self.exchange(content, dir);
        } else if kind == message::KEXINIT {
            self.note(dir, Event::LongKexRecord);
        }
        self.mark(at, length, dir);
        *self.place(dir) = if content == 0 { Place::Packet } else { Place::Content(content) };
        if kind == message::NEWKEYS {
            *self.place(dir) = Place::Opaque;
            let [client, server] = &mut self.keyed;
            *(if dir == Dir::ToServer { client } else { server }) = true;
            self.reach(dir, progress::FINISHED);
        }
        Next::Go(HEAD)
    }

    fn exchange(&mut self, content: &[u8], dir: Dir) {
        let hassh = self.config.hassh.then(|| Hassh::of(content, dir)).flatten();
        if let Some(tx) = &mut self.tx
            && tx.side(dir).hassh.is_none()
        {
            tx.change(dir).hassh = hassh;
        }
    }

    /// Reports the frames of a packet.
    fn mark(&mut self, at: usize, length: usize, dir: Dir) {
        let frames = [
            (unit::PACKET, at, LENGTH + length),
            (unit::HEADER, at, HEAD),
            (unit::DATA, at + HEAD, length - COUNTED_HEAD),
        ];
        for (kind, at, length) in frames {
            self.spans.start(kind, dir, at, Some(length as u64), Some(0));
        }
    }
}

impl parser::Session for Session {
    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let mut at = 0;
        loop {
            let data = input.data.get(at..).unwrap_or_default();
            match self.step(data, at, input.dir) {
                Next::Go(used) => at += used,
                Next::Wait(need) => {
                    return Parsed::Used { bytes: at, need: if need > data.len() { need } else { 0 } };
                }
                Next::Failed => return Parsed::Failed,
            }
        }
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        let place = self.place(dir);
        *place = match *place {
            Place::Content(left) if bytes <= left as u64 => match left - usize::try_from(bytes).unwrap_or(left) {
                0 => Place::Packet,
                left => Place::Content(left),
            },
            Place::Opaque => Place::Opaque,
            Place::Lines(_) | Place::LongLine | Place::Packet | Place::Content(_) => return Parsed::Failed,
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
        self.keyed.iter().all(|keyed| *keyed).then_some(self.config.encrypted)
    }

    fn release(&mut self, id: u64) {
        if id == 0 {
            self.tx = None;
        }
    }
}
