//! The streams of a connection: frames, and which transaction each belongs to.
//!
//! In: what frames say, with their streams.  Out: transactions, numbered from 0. A stream is one until it was released; what
//! belongs to the connection, or comes on a stream that is not open, is one by itself.
//! Holds at most as many transactions as the configuration allows; the oldest goes for a new one.

use std::collections::HashMap;

use super::Config;
use super::events::Event;
use super::frame::kind;
use super::hpack::Decoded;
use super::payload::{Payload, Settings};
use super::tx::{Message, Progress, Tx};
use crate::app::file::Care;
use crate::app::http::body::Context;
use crate::app::http::coding::Decoder;
use crate::app::http::files;
use crate::app::http::range::Partial;
use crate::app::http::text::{leading, split};
use crate::app::queue::Queue;
use crate::app::upgrade::Upgrade;
use crate::field::Dir;

/// The streams of a connection.
pub(super) struct Streams {
    pub(super) config: Config,
    care: Care,
    queue: Queue<Box<Tx>>,
    /// The transactions of streams.
    open: HashMap<u32, u64, ahash::RandomState>,
    /// The last streams that servers and that clients have opened; nothing is known of those before where the beginning of
    /// the connection was not seen.
    latest: Option<[u32; 2]>,
    /// The file of which responses bring ranges.
    partial: Option<Box<Partial>>,
}

impl Streams {
    /// `midstream`: the beginning of the connection was not seen.
    pub(super) fn new(config: &Config, care: Care, midstream: bool) -> Self {
        Self {
            config: config.clone(),
            care,
            queue: Queue::default(),
            open: HashMap::default(),
            latest: (!midstream).then_some([0; 2]),
            partial: None,
        }
    }

    pub(super) fn queue(&self) -> &Queue<Box<Tx>> {
        &self.queue
    }

    pub(super) fn queue_mut(&mut self) -> &mut Queue<Box<Tx>> {
        &mut self.queue
    }

    /// How many streams have a transaction.
    #[cfg(test)]
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// The connection came about by `Upgrade` from HTTP/1.1: its first stream is half over (RFC 7540 §3.2).
    pub(super) fn upgraded(&mut self, upgrade: &Upgrade) {
        let bytes = data_encoding::BASE64URL_NOPAD.decode(&upgrade.parameters).ok();
        let mut tx = Tx::lone(0);
        match bytes.as_deref().and_then(Settings::new) {
            Some(settings) => tx.frame(Dir::ToServer, kind::SETTINGS, &Payload::Settings(settings)),
            None => tx.note(Event::InvalidHttp1Settings),
        }
        self.push(tx);
        let mut first = Tx::new(1);
        for (name, value) in [(":method", &upgrade.method), (":path", &upgrade.target), (":authority", &upgrade.host)] {
            first.request.headers.push(name.as_bytes(), value);
        }
        first.request.progress = Progress::Complete;
        let host = find_host(&mut first);
        first.host = host;
        let id = self.push(first);
        self.open.insert(1, id);
        if let Some([_, client]) = &mut self.latest {
            *client = 1;
        }
    }

    /// Something is odd on a stream, or on the connection.
    pub(super) fn odd(&mut self, stream: u32, event: Event) {
        let id = match self.open.get(&stream) {
            Some(id) => *id,
            None => self.push(Tx::lone(stream)),
        };
        if let Some(tx) = self.queue.get_mut(id) {
            tx.note(event);
        }
    }

    /// A frame without header fields or content.
    pub(super) fn frame(&mut self, dir: Dir, stream: u32, kind: u8, payload: &Payload<'_>) {
        let id = match self.open.get(&stream) {
            Some(id) => *id,
            None => self.push(Tx::lone(stream)),
        };
        let Self { config, care, queue, .. } = self;
        let Some(tx) = queue.get_mut(id) else { return };
        tx.frame(dir, kind, payload);
        if let Payload::Reset(_) = payload {
            for dir in Dir::BOTH {
                tx.end(&Context { dir, config: &config.content, care }, false);
            }
        }
    }

    /// A header block ends; so does the message if it `ends` the stream. In: what the first frame of the block said.
    pub(super) fn headers(&mut self, dir: Dir, stream: u32, first: &Payload<'_>, decoded: Decoded, ends: bool) {
        let id = self.begin(dir, stream);
        let Self { config, care, queue, partial, .. } = self;
        let Some(tx) = queue.get_mut(id) else { return };
        let at = Context { dir, config: &config.content, care };
        tx.frame(dir, kind::HEADERS, first);
        decoded.odd.iter().for_each(|event| tx.note(*event));
        let message = tx.message_mut(dir);
        message.update(&decoded.updates);
        if message.progress >= Progress::Headers {
            // What follows content, or should not follow at all.
            if !message.add(&decoded.headers, config.max_block) {
                tx.note(Event::ReassemblyLimitReached);
            }
        } else {
            message.headers = decoded.headers;
            if !is_interim(message) || ends {
                message.progress = Progress::Headers;
                begin_content(tx, partial, &at);
            }
        }
        if ends {
            self.end(dir, stream, true);
        }
    }

    /// A server will open a stream: it sends the header fields of the request that it answers.
    pub(super) fn promise(&mut self, stream: u32, promised: u32, first: &Payload<'_>, decoded: Decoded) {
        self.frame(Dir::ToClient, stream, kind::PUSH_PROMISE, first);
        if promised == 0 {
            return self.odd(stream, Event::InvalidFrameData);
        }
        let id = self.begin(Dir::ToServer, promised);
        let Some(tx) = self.queue.get_mut(id) else { return };
        decoded.odd.iter().for_each(|event| tx.note(*event));
        tx.response.update(&decoded.updates);
        let request = tx.message_mut(Dir::ToServer);
        if request.progress == Progress::Started {
            request.headers = decoded.headers;
            request.progress = Progress::Complete;
            let host = find_host(tx);
            tx.host = host;
        }
    }

    /// A frame with content begins. Out: whether there is somebody to take it.
    pub(super) fn begin_data(&mut self, dir: Dir, stream: u32) -> bool {
        if stream == 0 {
            self.odd(0, Event::DataStreamZero);
            return false;
        }
        let id = self.begin(dir, stream);
        if let Some(tx) = self.queue.get_mut(id) {
            tx.message_mut(dir).notes.kind(kind::DATA);
        }
        true
    }

    /// Content comes.
    pub(super) fn data(&mut self, dir: Dir, stream: u32, bytes: &[u8]) {
        let Self { config, care, queue, open, .. } = self;
        let at = Context { dir, config: &config.content, care };
        if let Some(tx) = open.get(&stream).and_then(|id| queue.get_mut(*id)) {
            tx.content(dir, |body, mut odd| body.append(bytes, &at, &mut odd));
        }
    }

    /// So many bytes of content were lost.
    pub(super) fn data_gap(&mut self, dir: Dir, stream: u32, bytes: u64) {
        if let Some(tx) = self.open.get(&stream).and_then(|id| self.queue.get_mut(*id)) {
            tx.message_mut(dir).body.gap(bytes);
        }
    }

    /// A side sends nothing more on a stream. `whole` tells whether it said so.
    pub(super) fn end(&mut self, dir: Dir, stream: u32, whole: bool) {
        let Self { config, care, queue, open, partial, .. } = self;
        let at = Context { dir, config: &config.content, care };
        if let Some(tx) = open.get(&stream).and_then(|id| queue.get_mut(*id)) {
            tx.end(&at, whole);
            *partial = tx.message_mut(dir).body.partial.take().or(partial.take());
        }
    }

    /// A side sends nothing more at all.
    pub(super) fn end_all(&mut self, dir: Dir) {
        let Self { config, care, queue, .. } = self;
        let at = Context { dir, config: &config.content, care };
        queue.iter_mut().for_each(|tx| tx.end(&at, false));
    }

    /// Bytes of content were inspected.
    pub(super) fn inspected(&mut self, id: u64, dir: Dir) {
        let at = Context { dir, config: &self.config.content, care: &self.care };
        if let Some(tx) = self.queue.get_mut(id) {
            tx.side(dir).body.inspected(&at);
        }
    }

    /// A transaction is done with.
    pub(super) fn release(&mut self, id: u64) {
        if let Some(stream) = self.queue.get(id).map(|tx| tx.stream) {
            self.forget(stream, id);
        }
        self.queue.release(id);
    }

    /// The transaction of a stream on which a message goes on or begins.
    fn begin(&mut self, dir: Dir, stream: u32) -> u64 {
        if let Some(id) = self.open.get(&stream) {
            return *id;
        }
        let mut tx = Tx::new(stream);
        // Streams of clients have odd numbers (RFC 9113 §5.1.1).
        let opener = self.latest.as_mut().and_then(|latest| latest.get_mut(stream as usize % 2));
        if let Some(latest) = opener {
            if stream <= *latest {
                tx.note(Event::StreamIdReuse);
            }
            *latest = stream.max(*latest);
        }
        if dir == Dir::ToClient {
            // Nobody has seen what is answered.
            tx.request.progress = Progress::Complete;
        }
        let id = self.push(tx);
        self.open.insert(stream, id);
        id
    }

    /// Adds a transaction. Where too many are open the oldest goes.
    fn push(&mut self, mut tx: Tx) -> u64 {
        if self.queue.open() >= self.config.max_streams.max(1) {
            tx.note(Event::TooManyStreams);
            if let Some((id, oldest)) = self.queue.drop_oldest() {
                self.forget(oldest.stream, id);
            }
        }
        self.queue.push(Box::new(tx))
    }

    fn forget(&mut self, stream: u32, id: u64) {
        if self.open.get(&stream) == Some(&id) {
            self.open.remove(&stream);
        }
    }
}

/// Whether a response is not the final one (RFC 9113 §8.1).
fn is_interim(message: &Message) -> bool {
    matches!(message.headers.get(":status"), Some([b'1', _, _]))
}

/// What a message's header fields say of its content.
fn begin_content(tx: &mut Tx, begun: &mut Option<Box<Partial>>, at: &Context<'_>) {
    let mut found = Vec::new();
    let odd = &mut |odd| found.extend(Event::of(odd));
    let headers = &tx.message(at.dir).headers;
    let decoder = Decoder::new(headers.all("content-encoding"), at.config, odd);
    let (file, partial) = match at.dir {
        Dir::ToServer => (files::of_request(tx.path(), at, odd), None),
        Dir::ToClient => files::of_response(headers, tx.path(), begun, at, odd),
    };
    let body = &mut tx.message_mut(at.dir).body;
    body.begin(decoder, None, file);
    body.partial = partial;
    if at.dir == Dir::ToServer {
        let host = find_host(tx);
        tx.host = host;
    }
    found.into_iter().for_each(|event| tx.note(event));
}

/// The host that is asked, in lower case and without port (RFC 9113 §8.3.1).
fn find_host(tx: &mut Tx) -> Vec<u8> {
    let headers = &tx.request.headers;
    let (authority, host) = (headers.get(":authority"), headers.get("host"));
    let differ = authority.zip(host).is_some_and(|(authority, host)| !authority.eq_ignore_ascii_case(host));
    let named = authority.or(host).unwrap_or_default();
    let bare = named.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
    let user = bare.len() < named.len();
    // The colons of an IPv6 address stand in brackets.
    let address = if bare.starts_with(b"[") { leading(bare, |byte| byte != b']') } else { 0 };
    let (address, rest) = split(bare, address);
    let found = [address, split(rest, leading(rest, |byte| byte != b':')).0].concat().to_ascii_lowercase();
    if differ {
        tx.note(Event::AuthorityHostMismatch);
    }
    if user {
        tx.note(Event::UserinfoInUri);
    }
    found
}
