//! An exchange: what came on a stream, or a frame by itself.

use smallvec::SmallVec;

use super::events::Event;
use super::hpack::MAX_FIELDS;
use super::payload::Payload;
use super::{fields, record};
use crate::app::events::Events;
use crate::app::file::File;
use crate::app::http::Odd;
use crate::app::http::body::{Body, Context};
use crate::app::http::headers::Headers;
use crate::app::parser::{Detail, Transaction};
use crate::field::{Dir, Value};
use crate::record::Writer;

/// Numbers of a kind that are kept of one side.
const MAX_NUMBERS: usize = 256;

/// How far a message has come. The order is that of `Protocol::states`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Progress {
    /// Its header fields did not come, or not those of the final response.
    #[default]
    Started,
    /// They did.
    Headers,
    /// All of it is there, or no more will come.
    Complete,
}

/// What one side has sent.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub headers: Headers,
    /// New sizes of the sender's table of header fields.
    pub updates: SmallVec<[u64; 1]>,
    pub notes: Notes,
    pub body: Body,
    pub progress: Progress,
    pub revision: u32,
}

impl Message {
    /// Takes what a header block says of the table of its sender.
    pub(super) fn update(&mut self, sizes: &[u64]) {
        let room = MAX_NUMBERS.saturating_sub(self.updates.len());
        self.updates.extend(sizes.iter().take(room).copied());
    }

    /// Adds header fields that come behind others, as many as make `limit` bytes with those. Out: whether that was all.
    pub(super) fn add(&mut self, headers: &Headers, limit: usize) -> bool {
        headers.iter().all(|(name, value, _)| {
            let size = self.headers.raw().len() + name.len() + value.len();
            let room = size <= limit && self.headers.fields.len() < MAX_FIELDS;
            if room {
                self.headers.push(name, value);
            }
            room
        })
    }
}

/// What frames say besides header fields and content.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Which types of frames came: a bit for each.
    kinds: [u64; 4],
    pub priorities: SmallVec<[u8; 1]>,
    pub errors: SmallVec<[u32; 1]>,
    pub windows: SmallVec<[u32; 2]>,
    pub settings: Vec<(u16, u32)>,
}

impl Notes {
    /// A frame of this type came.
    pub(super) fn kind(&mut self, kind: u8) {
        if let Some(bits) = self.kinds.get_mut(usize::from(kind / 64)) {
            *bits |= 1 << (kind % 64);
        }
    }

    /// The types of frames that came, each once.
    pub(super) fn kinds(&self) -> impl Iterator<Item = u8> {
        let set = |kind: &u8| self.kinds.get(usize::from(kind / 64)).is_some_and(|bits| bits & 1 << (kind % 64) != 0);
        (0..=u8::MAX).filter(set)
    }

    /// Keeps the numbers of a frame. Out: whether there was room.
    fn add(&mut self, payload: &Payload<'_>) -> bool {
        match payload {
            Payload::Headers { priority: Some(weight), .. } | Payload::Priority(weight) => {
                keep(self.priorities.len(), || self.priorities.push(*weight))
            }
            Payload::Reset(reason) | Payload::GoAway(reason) => keep(self.errors.len(), || self.errors.push(*reason)),
            Payload::Window(size) => keep(self.windows.len(), || self.windows.push(*size)),
            Payload::Settings(settings) => {
                let room = MAX_NUMBERS.saturating_sub(self.settings.len());
                self.settings.extend(settings.iter().take(room));
                settings.iter().nth(room).is_none()
            }
            Payload::Headers { .. } | Payload::Promise { .. } | Payload::Continuation(_) | Payload::Other => true,
        }
    }
}

fn keep(held: usize, push: impl FnOnce()) -> bool {
    let room = held < MAX_NUMBERS;
    if room {
        push();
    }
    room
}

/// One exchange.
#[derive(Debug)]
pub(super) struct Tx {
    pub stream: u32,
    pub request: Message,
    pub response: Message,
    /// Host that is asked, in lower case and without port.
    pub host: Vec<u8>,
    events: Events,
}

impl Tx {
    /// A stream that begins.
    pub(super) fn new(stream: u32) -> Self {
        let (request, response) = (Message::default(), Message::default());
        Self { stream, request, response, host: Vec::new(), events: Events::default() }
    }

    /// A frame by itself: nothing belongs to it.
    pub(super) fn lone(stream: u32) -> Self {
        let mut tx = Self::new(stream);
        tx.request.progress = Progress::Complete;
        tx.response.progress = Progress::Complete;
        tx
    }

    pub(super) fn message(&self, dir: Dir) -> &Message {
        match dir {
            Dir::ToServer => &self.request,
            Dir::ToClient => &self.response,
        }
    }

    /// What a side has sent, to change what cannot be seen of it.
    pub(super) fn side(&mut self, dir: Dir) -> &mut Message {
        match dir {
            Dir::ToServer => &mut self.request,
            Dir::ToClient => &mut self.response,
        }
    }

    /// What a side has sent, to change it.
    pub(super) fn message_mut(&mut self, dir: Dir) -> &mut Message {
        let message = self.side(dir);
        message.revision += 1;
        message
    }

    pub(super) fn note(&mut self, event: Event) {
        self.message_mut(Dir::ToServer);
        self.message_mut(Dir::ToClient);
        self.events.note(event as u8);
    }

    /// A frame of this type came, which says this.
    pub(super) fn frame(&mut self, dir: Dir, kind: u8, payload: &Payload<'_>) {
        let notes = &mut self.message_mut(dir).notes;
        notes.kind(kind);
        if !notes.add(payload) {
            self.note(Event::TooManyFrames);
        }
    }

    /// Does something with the content of a message.
    pub(super) fn content(&mut self, dir: Dir, act: impl FnOnce(&mut Body, &mut dyn FnMut(Odd))) {
        let mut odd = SmallVec::<[Event; 2]>::new();
        act(&mut self.message_mut(dir).body, &mut |found| odd.extend(Event::of(found)));
        odd.into_iter().for_each(|event| self.note(event));
    }

    /// Ends a message. `whole` tells whether it ended where it should.
    pub(super) fn end(&mut self, at: &Context<'_>, whole: bool) {
        if self.message(at.dir).progress < Progress::Complete {
            self.content(at.dir, |body, mut odd| body.end(whole, at, &mut odd));
            self.message_mut(at.dir).progress = Progress::Complete;
        }
    }

    /// The path that is asked for, without a query.
    pub(super) fn path(&self) -> &[u8] {
        let target = self.request.headers.get(":path").unwrap_or_default();
        target.split(|byte| *byte == b'?').next().unwrap_or_default()
    }
}

impl Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        fields::FIELDS.get(self, field, dir, instance, scratch)
    }

    fn progress(&self, dir: Dir) -> u8 {
        self.message(dir).progress as u8
    }

    fn revision(&self, dir: Dir) -> u32 {
        self.message(dir).revision
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn files(&self, dir: Dir) -> &[File] {
        &self.message(dir).body.files
    }

    fn recorded(&self) -> bool {
        record::is_shown(self)
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        record::write(self, out);
    }
}
