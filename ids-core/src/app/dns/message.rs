//! A DNS message (RFC 1035 §4): bytes → positions of what is in it.
//!
//! In: the bytes of one message.  Out: a [`Message`] with as much as could be read, and the events on the way:
//! what is odd is noted, what cannot be read ends the reading.

use smallvec::SmallVec;

use super::name;
use super::rdata::{self, Data};
use super::tables::rrtype;
use crate::app::events::Events;
use crate::app::parser::Probe;
use crate::field::Dir;

/// Names of the events; the position is the number.
pub(super) const EVENTS: &[&str] = &[
    "malformed_data",
    "not_request",
    "not_response",
    "z_flag_set",
    "invalid_opcode",
    "name_too_long",
    "infinite_loop",
    "too_many_labels",
    "invalid_additionals",
    "invalid_authorities",
];

/// An event: a position in [`EVENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    MalformedData,
    NotRequest,
    NotResponse,
    ZFlagSet,
    InvalidOpcode,
    NameTooLong,
    InfiniteLoop,
    TooManyLabels,
    InvalidAdditionals,
    InvalidAuthorities,
}

/// Bytes of the header.
const HEADER: usize = 12;
/// The fewest bytes of a question: root name, type, class.
const QUESTION: usize = 5;
/// The fewest bytes of a record: root name, type, class, TTL, length.
const RECORD: usize = 11;
/// The last opcode that means something (DSO, RFC 8490).
const LAST_OPCODE: u8 = 6;

/// The header (RFC 1035 §4.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u16,
    pub(super) flags: u16,
    /// How many questions, answers, authorities and additionals there should be.
    counts: [u16; 4],
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (head, _) = bytes.split_first_chunk::<HEADER>()?;
        let [a, b, c, d, counts @ ..] = head;
        let mut header = Self { id: u16::from_be_bytes([*a, *b]), flags: u16::from_be_bytes([*c, *d]), counts: [0; 4] };
        for (count, bytes) in header.counts.iter_mut().zip(counts.as_chunks::<2>().0) {
            *count = u16::from_be_bytes(*bytes);
        }
        Some(header)
    }

    /// Whether a flag is set, by its mask.
    pub(super) const fn has(self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    pub(super) const fn opcode(self) -> u8 {
        (self.flags >> 11 & 0xf) as u8
    }

    pub(super) const fn rcode(self) -> u16 {
        self.flags & 0xf
    }
}

/// Flag bits of the header (RFC 1035 §4.1.1, RFC 4035 §3).
pub(super) mod flag {
    pub(in super::super) const QR: u16 = 0x8000;
    pub(in super::super) const AA: u16 = 0x0400;
    pub(in super::super) const TC: u16 = 0x0200;
    pub(in super::super) const RD: u16 = 0x0100;
    pub(in super::super) const RA: u16 = 0x0080;
    pub(in super::super) const Z: u16 = 0x0040;
    pub(in super::super) const AD: u16 = 0x0020;
    pub(in super::super) const CD: u16 = 0x0010;
}

/// Position of a name in its message, and whether its text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) at: u16,
    pub(super) cut: bool,
}

/// A question (RFC 1035 §4.1.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) name: Name,
    pub(super) rrtype: u16,
}

/// A resource record (RFC 1035 §4.1.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) name: Name,
    pub(super) rrtype: u16,
    pub(super) ttl: u32,
    pub(super) data: Data,
}

/// A part of the message that holds records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Answers,
    Authorities,
    Additionals,
}

/// What could be read of a message.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// All of it: at most 65,535 bytes.
    pub(super) bytes: Vec<u8>,
    /// `None` if there were not even twelve bytes.
    pub(super) header: Option<Header>,
    pub(super) questions: SmallVec<[Question; 1]>,
    records: Vec<Record>,
    /// Where authorities and additionals start in `records`.
    starts: [usize; 2],
    /// Host names in the data of answers, authorities and additionals.
    pub(super) hosts: Vec<Name>,
    /// Numbers of what was odd, each once.
    pub(super) events: Events,
}

impl Message {
    /// Reads a message.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut message = Self { bytes: bytes.to_vec(), ..Self::default() };
        match Header::read(bytes) {
            Some(header) => message.body(header),
            None => message.note(Event::MalformedData),
        }
        message
    }

    /// The records of a section.
    pub(super) fn section(&self, section: Section) -> &[Record] {
        let [authorities, additionals] = self.starts;
        match section {
            Section::Answers => self.records.get(..authorities),
            Section::Authorities => self.records.get(authorities..additionals),
            Section::Additionals => self.records.get(additionals..),
        }
        .unwrap_or_default()
    }

    /// All records, in the order of the message.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Records, those of character strings once for each string; at least once.
    pub(super) fn strings_apart<'a>(
        &'a self,
        records: &'a [Record],
    ) -> impl Iterator<Item = (&'a Record, Option<&'a [u8]>)> {
        records.iter().flat_map(|record| {
            let data = match record.data {
                Data::Strings(span) => span.of(&self.bytes),
                _ => &[],
            };
            let strings = rdata::strings(data).map(Some);
            let none = data.is_empty().then_some(None);
            strings.chain(none).map(move |string| (record, string))
        })
    }

    /// Whether it calls itself a response.
    pub(super) fn response(&self) -> bool {
        self.header.is_some_and(|header| header.has(flag::QR))
    }

    /// Notes an event.
    pub(super) fn note(&mut self, event: Event) {
        self.events.note(event as u8);
    }

    /// Reads what follows the header. A section that cannot be read ends it: without it nobody knows where
    /// the next one starts.
    fn body(&mut self, header: Header) {
        self.header = Some(header);
        if header.has(flag::Z) {
            self.note(Event::ZFlagSet);
        }
        if header.opcode() > LAST_OPCODE {
            self.note(Event::InvalidOpcode);
        }
        let [questions, answers, authorities, additionals] = header.counts;
        // As many as announced, as far as there is room for them.
        let announced = [answers, authorities, additionals].iter().map(|count| usize::from(*count)).sum::<usize>();
        self.records.reserve_exact(announced.min(self.bytes.len() / RECORD));
        let mut at = HEADER;
        let read = self.questions(&mut at, questions) && self.records_of(&mut at, answers);
        self.starts = [self.records.len(); 2];
        if !read {
            return self.note(Event::MalformedData);
        }
        let read = self.records_of(&mut at, authorities);
        self.starts = [self.starts[0], self.records.len()];
        if !read {
            return self.note(Event::InvalidAuthorities);
        }
        if !self.records_of(&mut at, additionals) {
            self.note(Event::InvalidAdditionals);
        }
    }

    fn questions(&mut self, at: &mut usize, count: u16) -> bool {
        (0..count).all(|_| self.question(at).is_some())
    }

    fn question(&mut self, at: &mut usize) -> Option<()> {
        let (name, end) = self.name(*at)?;
        let ([a, b, ..], _) = self.bytes.get(end..)?.split_first_chunk::<4>()?;
        let rrtype = u16::from_be_bytes([*a, *b]);
        *at = end + 4;
        self.questions.push(Question { name, rrtype });
        Some(())
    }

    fn records_of(&mut self, at: &mut usize, count: u16) -> bool {
        (0..count).all(|_| self.record(at).is_some())
    }

    fn record(&mut self, at: &mut usize) -> Option<()> {
        let (name, end) = self.name(*at)?;
        let (head, rest) = self.bytes.get(end..)?.split_first_chunk::<10>()?;
        let [a, b, _, _, t, u, v, w, x, y] = *head;
        let length = usize::from(u16::from_be_bytes([x, y]));
        rest.get(..length)?;
        let (rrtype, ttl) = (u16::from_be_bytes([a, b]), u32::from_be_bytes([t, u, v, w]));
        *at = end + 10 + length;
        let data = self.data(rrtype, end + 10, length);
        self.records.push(Record { name, rrtype, ttl, data });
        Some(())
    }

    /// Where the data of a record is; [`Data::Other`] if it is not what its type should have.
    fn data(&mut self, kind: u16, at: usize, length: usize) -> Data {
        let host = match kind {
            rrtype::CNAME | rrtype::NS | rrtype::PTR | rrtype::SOA => Some(at),
            rrtype::MX => Some(at + 2),
            rrtype::SRV => Some(at + 6),
            _ => None,
        };
        let Some(host) = host else { return Data::plain(kind, at, length, &self.bytes) };
        let Some((name, end)) = self.name(host).filter(|(_, end)| *end <= at + length) else { return Data::Other };
        if !matches!(kind, rrtype::SRV) {
            self.hosts.push(name);
        }
        match kind {
            rrtype::SOA => match self.name(end) {
                Some((mailbox, end)) if end + 20 <= at + length => Data::soa(name, mailbox, end),
                _ => Data::Other,
            },
            rrtype::SRV => Data::srv(name, at),
            _ => Data::Host(name),
        }
    }

    /// Passes over the name at `at`, noting what is odd. Out: its place, and the position after it.
    fn name(&mut self, at: usize) -> Option<(Name, usize)> {
        let read = name::read(&self.bytes, at, |_| ())?;
        let odd = [
            (read.odd.too_long, Event::NameTooLong),
            (read.odd.too_many_labels, Event::TooManyLabels),
            (read.odd.endless, Event::InfiniteLoop),
        ];
        for (_, event) in odd.into_iter().filter(|(is, _)| *is) {
            self.note(event);
        }
        Some((Name { at: u16::try_from(at).ok()?, cut: read.odd.cut() }, read.end))
    }
}

/// Whether bytes look like the start of a message: for recognising the protocol, and for finding back into
/// a stream. A message says itself which way it goes.
pub(super) fn plausible(data: &[u8], udp: bool) -> Probe {
    let (message, length) = match data.split_first_chunk::<2>() {
        _ if udp => (data, data.len()),
        Some((length, rest)) => {
            let length = usize::from(u16::from_be_bytes(*length));
            (rest.get(..length).unwrap_or(rest), length)
        }
        None => return Probe::Unsure,
    };
    if length < HEADER {
        return Probe::No;
    }
    let Some(header) = Header::read(message) else { return Probe::Unsure };
    let response = header.has(flag::QR);
    let [questions, records @ ..] = header.counts;
    let records: usize = records.iter().map(|count| usize::from(*count)).sum();
    let fits = usize::from(questions) * QUESTION + records * RECORD <= length - HEADER;
    // A response may repeat nothing of its question; a request that asks nothing is none.
    if !fits || (questions == 0 && !response) {
        return Probe::No;
    }
    if questions > 0 && name::read(message, HEADER, |_| ()).is_none() {
        return if message.len() < length { Probe::Unsure } else { Probe::No };
    }
    Probe::Yes(if response { Dir::ToClient } else { Dir::ToServer })
}
