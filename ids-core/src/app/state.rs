//! What a flow knows of its application protocol: which one it is, its session, its open transactions.
//!
//! In: the unused bytes of one direction, or a gap.  Out: how many of them are used up, and [`Findings`].
//! Holds: detection progress by direction, the session, and for each open transaction what the engine has
//! done with it (`super::txs`).
//!
//! Both directions are recognised on their own. The flow's protocol is what the first recognised direction
//! speaks; if they disagree, what goes to the server decides. Must not know rules, events or a protocol.

mod told;

use super::App;
use super::config::Encrypted;
use super::expected::{Expected, Topic};
use super::file::File;
use super::frames::{self, Losses, Seen};
use super::parser::{Input, Parsed, Protocol, Session, Transaction};
use super::probe::{Answer, DetectionEvent, Question};
use super::registry::{self, ProtoId};
use super::txs::Txs;
pub use super::txs::{Open, TxState};
use super::upgrade::Upgrade;
use crate::field::Dir;
pub use told::{AppInfo, Facts, Findings, GaveUp};

/// Bytes of an unrecognised direction of a stream that are held in case the other one tells the protocol.
pub const HELD: usize = 64 * 1024;

/// Datagrams of a direction that are looked at before it counts as unrecognised for good: one datagram of
/// junk must not hide what follows.
const DATAGRAMS: u8 = 8;

/// What is known of one direction.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    proto: Found,
    /// Datagrams of no known protocol, as long as none is known.
    datagrams: u8,
    /// Bytes were handed in and not used.
    held: bool,
    /// Bytes that were lost before there was a session to tell.
    lost: u64,
}

/// What a flow or one of its directions speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Found {
    /// Not known yet.
    #[default]
    Unknown,
    /// This.
    Known(ProtoId),
    /// Nothing that is known.
    Failed,
}

impl Found {
    /// The protocol, if it is a known one.
    pub const fn proto(self) -> Option<ProtoId> {
        match self {
            Self::Known(id) => Some(id),
            Self::Unknown | Self::Failed => None,
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Known(id) => Some(id.name()),
            Self::Failed => Some(FAILED),
        }
    }
}

/// The name of no known protocol.
const FAILED: &str = "failed";

/// What a flow knows; `T` is detection's state of one transaction, `F` that of one frame.
#[derive(Default)]
pub struct State<T, F = ()> {
    client: Side,
    server: Side,
    /// Who sent the first data.
    first: Option<Dir>,
    proto: Option<ProtoId>,
    /// What it was before it switched.
    original: Option<ProtoId>,
    /// What was announced when it switched.
    expected: Option<&'static str>,
    /// What the flow is about, if it was announced, until its session knows.
    topic: Option<Topic>,
    /// How it came to the protocol that is expected after a switch, until its session knows.
    upgrade: Option<Box<Upgrade>>,
    /// The session and its protocol; still that of the old protocol until the one switched to is found.
    session: Option<(ProtoId, Box<dyn Session>)>,
    /// Nothing more comes of the session's transactions.
    ended: bool,
    /// The protocol has no parser, or none that is to be used.
    unparsed: bool,
    /// No bytes are of use any more.
    off: bool,
    failed: bool,
    txs: Txs<T>,
    transactions: u64,
    /// Position of the next byte of each direction that is not used up.
    at: [u64; 2],
    /// Of which protocols frames are wanted.
    wanted: frames::Wanted,
    /// Frames, if some were wanted since the flow began.
    frames: Option<Box<frames::Table<F>>>,
}

impl<T: Default, F: Default> State<T, F> {
    /// Takes bytes: all unused ones of a stream's direction, or a datagram.
    ///
    /// Out: what is used up, as a parser says it. As long as bytes were used and `need` are left, inspect the
    /// transactions and call again with the rest: sessions bound how many are open at a time. `Failed`
    /// comes once; after it nothing is [wanted](Self::wants).
    pub fn data(&mut self, app: &App, input: Input<'_>, facts: Facts, out: &mut Findings) -> Parsed {
        let dir = input.dir;
        let parsed = self.take(app, input, facts, out);
        let dir = if out.turn { dir.flip() } else { dir };
        if let Parsed::Used { bytes, .. } | Parsed::Switch { bytes, .. } = parsed {
            *self.at(dir) += bytes as u64;
        }
        if let (Parsed::Switch { .. }, Some(frames)) = (parsed, &mut self.frames) {
            Dir::BOTH.into_iter().zip(self.at).for_each(|(dir, at)| frames.switch(dir, at));
        }
        parsed
    }

    fn take(&mut self, app: &App, mut input: Input<'_>, facts: Facts, out: &mut Findings) -> Parsed {
        if self.off {
            return Parsed::all(&input);
        }
        self.first = self.first.or((!input.data.is_empty()).then_some(input.dir));
        if self.side(input.dir).proto == Found::Unknown && !input.data.is_empty() {
            match self.recognise(app, &input, facts, out) {
                Some(dir) => input.dir = dir,
                None => return self.wait(&input, facts, out),
            }
        }
        if self.proto.is_none() {
            return self.wait(&input, facts, out);
        }
        if out.other_first {
            return Parsed::Used { bytes: 0, need: 0 };
        }
        self.parse(app, input, facts, out)
    }

    /// Whether nothing is known of the flow yet: it may have been announced.
    pub fn is_new(&self) -> bool {
        self.first.is_none() && self.proto.is_none() && !self.failed && !self.off
    }

    /// The flow was announced: it is of this protocol, whatever it looks like.
    pub fn announced(&mut self, id: ProtoId, topic: Topic, out: &mut Findings) {
        self.client.proto = Found::Known(id);
        self.server.proto = Found::Known(id);
        self.topic = Some(topic);
        self.adopt(id, Facts::default(), out);
    }

    /// What the flow announces since it was asked last.
    pub fn expects(&mut self) -> Option<Expected> {
        self.session.as_mut().and_then(|(_, session)| session.expects())
    }

    /// What comes next in a direction is the last because the rest is not looked at; see [`Session::cut`].
    pub fn cut(&mut self, dir: Dir) {
        if let Some((_, session)) = &mut self.session {
            session.cut(dir);
        }
    }

    /// So many bytes of a direction were lost. What cannot be recognised any more is not waited for.
    pub fn gap(&mut self, dir: Dir, bytes: u64, out: &mut Findings) -> Parsed {
        let side = self.side(dir);
        side.held = false;
        if side.proto == Found::Unknown {
            side.proto = Found::Failed;
            self.check_failed(out);
        }
        let start = *self.at(dir);
        *self.at(dir) += bytes;
        match &mut self.session {
            Some((id, session)) if !self.off && !self.ended => {
                if let Some(spans) = session.spans() {
                    let gap = self.frames.as_ref().map_or(start, |frames| frames.end(dir).max(start));
                    spans.begin(self.wanted, *id, gap);
                }
                let parsed = session.gap(dir, bytes);
                out.gave_up = (parsed == Parsed::Failed).then_some(GaveUp::Gap);
                if let Some(frames) = &mut self.frames {
                    session.spans().into_iter().for_each(|spans| frames.reports(*id, spans));
                    frames.gap(dir, start + bytes);
                }
                self.after(parsed, out)
            }
            _ => {
                let side = self.side(dir);
                side.lost = side.lost.saturating_add(bytes);
                Parsed::Used { bytes: 0, need: 0 }
            }
        }
    }

    /// The flow ended: what is open counts as complete, nothing more is wanted.
    pub fn finished(&mut self) {
        self.ended = true;
        self.off = true;
        if let Some(frames) = &mut self.frames {
            Dir::BOTH.into_iter().for_each(|dir| frames.finish(dir));
        }
    }

    /// Whether more bytes of a direction are of use.
    pub fn wants(&self, dir: Dir) -> bool {
        !self.off && (self.protocol_of(dir) == Found::Unknown || !self.unparsed)
    }

    /// What the flow speaks. One of datagrams that failed may still turn out to speak something.
    pub fn protocol(&self) -> Found {
        match self.proto {
            Some(id) => Found::Known(id),
            None if self.failed => Found::Failed,
            None => Found::Unknown,
        }
    }

    /// What one direction speaks.
    pub fn protocol_of(&self, dir: Dir) -> Found {
        if dir == Dir::ToServer { self.client.proto } else { self.server.proto }
    }

    /// What the flow spoke before it switched to another protocol.
    pub fn original(&self) -> Option<ProtoId> {
        self.original
    }

    /// What records tell of it.
    pub fn info(&self) -> AppInfo {
        let proto = self.protocol().name();
        let differs = |side: &Side| side.proto.name().filter(|name| self.proto.is_some() && proto != Some(name));
        AppInfo {
            proto,
            to_server: differs(&self.client),
            to_client: differs(&self.server),
            original: self.original.map(ProtoId::name),
            expected: self.expected.filter(|name| proto.is_some_and(|proto| proto != *name)),
            transactions: self.transactions,
        }
    }

    /// What the configuration wants where what both sides send from now on cannot be read; see [`Session::encrypted`].
    pub fn encrypted(&self) -> Option<Encrypted> {
        self.session.as_ref().filter(|_| !self.ended).and_then(|(_, session)| session.encrypted())
    }

    /// The open transactions, oldest first.
    pub fn transactions(&mut self) -> impl Iterator<Item = Open<'_, T>> {
        let ended = self.ended;
        let session = self.session.as_ref().map(|(id, session)| (*id, session.as_ref()));
        self.txs.iter().filter_map(move |state| {
            let (proto, session) = session?;
            Some(Open { protocol: proto.protocol(), proto, tx: session.transaction(state.id)?, state, ended })
        })
    }

    /// One of the open transactions, with its protocol.
    pub fn transaction(&self, id: u64) -> Option<(&'static Protocol, &dyn Transaction)> {
        let (proto, session) = self.session.as_ref()?;
        Some((proto.protocol(), session.transaction(id)?))
    }

    /// Number of the newest transaction, if it is open and has this direction.
    pub fn newest(&self, dir: Dir) -> Option<u64> {
        let (_, session) = self.session.as_ref()?;
        let id = session.transactions().end.checked_sub(1)?;
        session.transaction(id).filter(|tx| tx.dirs().contains(dir)).map(|_| id)
    }

    /// Tells the session that a body was inspected ([`Session::inspected`]).
    pub fn inspected(&mut self, id: u64, dir: Dir) {
        if let Some((_, session)) = &mut self.session {
            session.inspected(id, dir);
        }
    }

    /// Goes through the files of the open transactions, oldest first. `each` gets the transaction's number, detection's
    /// state of it, the direction, which file of it, and the file.
    pub fn each_file(&mut self, mut each: impl FnMut(u64, &T, Dir, usize, &mut File)) {
        let Some((_, session)) = &mut self.session else { return };
        for state in self.txs.iter() {
            for dir in Dir::BOTH {
                for (number, file) in session.files_mut(state.id, dir).iter_mut().enumerate() {
                    each(state.id, &state.detect, dir, number, file);
                }
            }
        }
    }

    /// Releases the transactions and frames that are logged and inspected. Out: what frames were lost to limits since
    /// the last call.
    pub fn release(&mut self) -> Losses {
        self.release_but(|_| false)
    }

    /// The same, but for transactions that somebody `holds`.
    pub fn release_but(&mut self, holds: impl Fn(u64) -> bool) -> Losses {
        if let Some((_, session)) = &mut self.session {
            self.txs.release(session.as_mut(), holds);
        }
        let at = self.at;
        self.frames.as_mut().map_or_else(Losses::default, |frames| {
            frames.release(at);
            frames.losses()
        })
    }

    /// From now on frames of these protocols are wanted.
    pub fn want(&mut self, wanted: frames::Wanted) {
        self.wanted = wanted;
    }

    /// Whether there are frames, or were.
    pub fn has_frames(&self) -> bool {
        self.frames.is_some()
    }

    /// The frames of a direction that are not done with, oldest first.
    pub fn frames(&mut self, dir: Dir) -> impl Iterator<Item = frames::Open<'_, F>> {
        self.frames.iter_mut().flat_map(move |frames| frames.open(dir))
    }

    /// One of them.
    pub fn frame(&self, dir: Dir, id: u64) -> Option<Seen<'_>> {
        self.frames.as_ref()?.get(dir, id)
    }

    /// How many transactions there were so far.
    pub fn tx_count(&self) -> u64 {
        self.transactions
    }

    fn at(&mut self, dir: Dir) -> &mut u64 {
        let [client, server] = &mut self.at;
        if dir == Dir::ToServer { client } else { server }
    }

    fn side(&mut self, dir: Dir) -> &mut Side {
        if dir == Dir::ToServer { &mut self.client } else { &mut self.server }
    }

    /// Finds out what a direction speaks. Out: the direction the bytes travel in, turned if need be; `None`
    /// while that takes more bytes.
    fn recognise(&mut self, app: &App, input: &Input<'_>, facts: Facts, out: &mut Findings) -> Option<Dir> {
        let dir = input.dir;
        let other = match self.protocol_of(dir.flip()) {
            Found::Known(id) => Some(id),
            Found::Unknown | Found::Failed => None,
        };
        let question = Question {
            data: input.data,
            dir,
            ports: input.ports,
            udp: facts.udp,
            last: input.last,
            either: (facts.udp || facts.midstream) && self.proto.is_none(),
            other,
        };
        let answer = match self.unmistakable(app) {
            Some(id) => Answer::Yes(id, dir),
            None => app.probes.find(&question),
        };
        match answer {
            Answer::Unsure => None,
            Answer::No => {
                self.unrecognised(dir, facts, out);
                Some(dir)
            }
            Answer::Yes(id, found) => Some(self.recognised(id, dir, found, facts, out)),
        }
    }

    /// What a switch has led to, if nothing else would give that away.
    fn unmistakable(&self, app: &App) -> Option<ProtoId> {
        let id = registry::by_name(self.expected?)?;
        let row = id.protocol();
        let hidden = row.session.is_some() && row.patterns.is_empty() && row.probe.is_none();
        let looked_for = app.config.protocols.iter().all(|switch| switch.name != row.name || switch.detect);
        (hidden && looked_for).then_some(id)
    }

    /// A direction speaks nothing that is known.
    fn unrecognised(&mut self, dir: Dir, facts: Facts, out: &mut Findings) {
        let known = self.proto.is_some();
        let side = self.side(dir);
        side.datagrams = side.datagrams.saturating_add(1);
        if known || !facts.udp || side.datagrams >= DATAGRAMS {
            side.proto = Found::Failed;
        }
        match (known, facts.udp) {
            (true, false) => out.note(DetectionEvent::OnlyOneDirection),
            (true, true) => {}
            (false, false) => self.check_failed(out),
            (false, true) => {
                self.fail(out);
                self.check_failed(out);
            }
        }
    }

    /// A direction speaks `id`; it was thought to be `dir`, and the bytes say `found`. Out: its true name.
    fn recognised(&mut self, id: ProtoId, mut dir: Dir, found: Dir, facts: Facts, out: &mut Findings) -> Dir {
        let current = self.proto;
        if current.is_none() && found != dir && (facts.udp || facts.midstream) {
            std::mem::swap(&mut self.client, &mut self.server);
            self.at.reverse();
            self.first = self.first.map(Dir::flip);
            out.turn = true;
            dir = found;
        }
        self.side(dir).proto = Found::Known(id);
        match current {
            None => {
                self.adopt(id, facts, out);
                let other = *self.side(dir.flip());
                if other.proto == Found::Failed && !facts.udp {
                    out.note(DetectionEvent::OnlyOneDirection);
                }
                out.other_first = other.held && self.first == Some(dir.flip());
            }
            Some(current) if current != id => {
                out.note(DetectionEvent::Mismatch);
                if dir == Dir::ToServer {
                    self.adopt(id, facts, out);
                }
            }
            Some(_) => {}
        }
        dir
    }

    /// The flow's protocol is `id` from now on.
    fn adopt(&mut self, id: ProtoId, facts: Facts, out: &mut Findings) {
        let unseen = facts.udp || facts.midstream || facts.other_lost;
        let start_seen = !unseen && self.original.is_none() && self.proto.is_none();
        self.proto = Some(id);
        self.failed = false;
        self.session = None;
        self.unparsed = false;
        self.ended = false;
        self.txs.clear();
        out.known = Some(id);
        if start_seen && self.first.is_some_and(|first| !id.protocol().opens.contains(first)) {
            out.note(DetectionEvent::WrongDirectionFirstData);
        }
        match self.expected {
            Some(expected) if expected == id.name() => {}
            Some("tls") => out.note(DetectionEvent::NoTlsAfterStartTls),
            Some(_) => out.note(DetectionEvent::Unexpected),
            None => {}
        }
    }

    /// The bytes cannot be parsed yet: holds a bounded number of them.
    fn wait(&mut self, input: &Input<'_>, facts: Facts, out: &mut Findings) -> Parsed {
        if facts.udp || input.last || self.off {
            return Parsed::all(input);
        }
        if input.data.len() < HELD {
            self.side(input.dir).held = !input.data.is_empty();
            return Parsed::Used { bytes: 0, need: input.data.len() + 1 };
        }
        if self.side(input.dir.flip()).proto == Found::Unknown {
            out.note(DetectionEvent::Skipped);
        }
        self.client.proto = Found::Failed;
        self.server.proto = Found::Failed;
        self.check_failed(out);
        Parsed::all(input)
    }

    /// Once both directions failed nothing more can be found out.
    fn check_failed(&mut self, out: &mut Findings) {
        let both = self.client.proto == Found::Failed && self.server.proto == Found::Failed;
        if self.proto.is_none() && both {
            self.fail(out);
            self.off = true;
        }
    }

    fn fail(&mut self, out: &mut Findings) {
        out.failed |= !self.failed;
        self.failed = true;
    }

    /// Hands bytes to the session, and starts one if need be.
    fn parse(&mut self, app: &App, input: Input<'_>, facts: Facts, out: &mut Findings) -> Parsed {
        let (dir, length) = (input.dir, input.data.len());
        if self.session.is_none() && !self.unparsed {
            self.start(app, facts);
        }
        let lost = std::mem::take(&mut self.side(dir).lost);
        let at = *self.at(dir);
        let Some((id, session)) = &mut self.session else { return Parsed::all(&input) };
        let id = *id;
        if let Some(spans) = session.spans() {
            spans.begin(self.wanted, id, at);
        }
        if lost > 0 && session.gap(dir, lost) == Parsed::Failed {
            out.gave_up = Some(GaveUp::Gap);
            return self.after(Parsed::Failed, out);
        }
        let parsed = session.parse(input);
        if parsed == Parsed::Failed {
            out.gave_up = Some(GaveUp::Content);
        }
        if self.wanted.any(id)
            && let Some(spans) = session.spans()
        {
            let frames = self.frames.get_or_insert_default();
            frames.data(id, &input, at, facts.udp, self.wanted);
            frames.reports(id, spans);
            if input.last {
                frames.finish(dir);
            }
        }
        self.side(dir).held = matches!(parsed, Parsed::Used { bytes, .. } if bytes < length);
        self.after(parsed, out)
    }

    /// Starts the session of the flow's protocol, if it is to be parsed.
    fn start(&mut self, app: &App, facts: Facts) {
        let facts = Facts { before: self.original.map(ProtoId::name), ..facts };
        self.session = self.proto.and_then(|id| {
            let switch = app.config.protocols.iter().find(|switch| switch.name == id.name());
            let start = id.protocol().session.filter(|_| switch.is_none_or(|switch| switch.parse))?;
            Some((id, start(&app.config, facts)))
        });
        if let (Some((_, session)), Some(topic)) = (&mut self.session, self.topic.take()) {
            session.about(&topic);
        }
        if let (Some((id, session)), Some(upgrade)) = (&mut self.session, self.upgrade.take())
            && self.expected == Some(id.name())
        {
            session.upgraded(&upgrade);
        }
        self.unparsed = self.session.is_none();
    }

    /// Takes note of what the parser did.
    fn after(&mut self, parsed: Parsed, out: &mut Findings) -> Parsed {
        if let Some((_, session)) = &self.session {
            let (met, dropped) = self.txs.meet(session.as_ref());
            self.transactions += met;
            out.transactions += met;
            out.dropped += dropped;
        }
        match parsed {
            Parsed::Used { .. } => {}
            Parsed::Failed => self.off = true,
            Parsed::Switch { to, .. } => {
                let told = self.session.as_mut().and_then(|(_, session)| session.upgrade());
                self.upgrade = told.map(Box::new);
                self.original = self.original.or(self.proto);
                self.expected = to;
                self.proto = None;
                self.client = Side::default();
                self.server = Side::default();
                self.unparsed = false;
                self.ended = true;
            }
        }
        parsed
    }
}

#[cfg(test)]
mod tests;
