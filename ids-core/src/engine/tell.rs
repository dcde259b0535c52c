//! What the engine tells of a packet or flow besides alerts: oddities, transactions, files.

use smallvec::SmallVec;

use super::Sink;
use super::context::{self, Known};
use crate::app::parser::Protocol;
use crate::app::probe::DetectionEvent;
use crate::app::state::Open;
use crate::app::{file, parser};
use crate::detect::hits::Hits;
use crate::detect::state::{AppState, FlowState, TxState};
use crate::event::{ArpRef, Context, Event, FileRef, FrameRef, Odd, Oddity, Seen, TxAt, TxRef, Variables};
use crate::field::{Dir, Dirs};
use crate::packet::Packet;
use crate::time::Time;

/// Tells what is odd about a packet.
pub(super) fn anomalies(packet: &Packet<'_>, known: Option<Known<'_>>, dir: Option<Dir>, out: &mut impl Sink) {
    for anomaly in &packet.anomalies {
        let context = context::of_packet(packet, known, dir);
        out.event(Event::Anomaly(Odd { context, what: Oddity::Packet(*anomaly), packet: Some(packet) }));
    }
}

/// Tells of variables that rules captured on the packet.
pub(super) fn variables(packet: &Packet<'_>, known: Known<'_>, dir: Dir, out: &mut impl Sink) {
    let context = context::of_packet(packet, Some(known), Some(dir));
    out.event(Event::Variables(Variables { context }));
}

/// Tells of a packet that was inspected, and what came of it.
pub(super) fn packet(
    packet: &Packet<'_>,
    known: Option<Known<'_>>,
    dir: Option<Dir>,
    hits: &Hits,
    out: &mut impl Sink,
) {
    let context = context::of_packet(packet, known, dir);
    let alerted = !hits.alerts().is_empty() || known.is_some_and(|known| known.flow.alerted);
    out.event(Event::Packet(Seen { context, packet, alerted, tagged: hits.tagged() }));
}

/// Tells of an ARP packet.
pub(super) fn arp(packet: &Packet<'_>, out: &mut impl Sink) {
    if let Some(arp) = packet.arp() {
        out.event(Event::Arp(ArpRef { context: context::of_packet(packet, None, None), arp }));
    }
}

/// Tells what was odd about finding out the protocol.
pub(super) fn recognition(
    events: &[DetectionEvent],
    packet: &Packet<'_>,
    known: Known<'_>,
    dir: Dir,
    out: &mut impl Sink,
) {
    for event in events {
        let context = context::of_packet(packet, Some(known), Some(dir));
        let what = Oddity::Detection { protocol: known.app.proto, event: event.record_name() };
        out.event(Event::Anomaly(Odd { context, what, packet: Some(packet) }));
    }
}

/// The occasion on which transactions are told of.
#[derive(Clone, Copy)]
pub(super) struct Occasion<'a, 'p> {
    /// The packet and its direction; `None` at the end of a flow.
    pub(super) packet: Option<(&'a Packet<'p>, Dir)>,
    pub(super) known: Known<'a>,
    pub(super) time: Time,
}

/// Tells of transactions that came to their end, of files that did, and of parsers' events. `unrecorded` says of a transaction's number that rules want no record of it.
pub(super) fn transactions(
    app: &mut AppState,
    flow: &FlowState,
    occasion: Occasion<'_, '_>,
    unrecorded: impl Fn(u64) -> bool,
    out: &mut impl Sink,
) {
    for mut open in app.transactions() {
        open.state.logged |= unrecorded(open.state.id);
        events(&mut open, occasion, out);
        for dir in Dir::BOTH {
            files(&mut open, flow, occasion, dir, out);
        }
        let over = |dir: Dir| open.complete(dir) || !open.tx.dirs().contains(dir);
        if !open.state.logged && (open.tx.settled() || Dir::BOTH.into_iter().all(over)) {
            open.state.logged = true;
            if open.tx.recorded() && open.protocol.record.is_some() {
                let context = occasion.context(shown_as(open.protocol, open.tx.dirs()));
                out.event(Event::Transaction(TxRef { context, at: at(&open) }));
            }
        }
    }
}

/// Tells of frames that came to their end, if they are `wanted`.
pub(super) fn frames(app: &mut AppState, occasion: Occasion<'_, '_>, wanted: bool, out: &mut impl Sink) {
    for dir in Dir::BOTH {
        for open in app.frames(dir).filter(|open| !open.state.told && (!wanted || open.seen.is_final())) {
            open.state.told = true;
            if wanted {
                out.event(Event::Frame(FrameRef { context: occasion.context(dir), frame: open.seen }));
            }
        }
    }
}

impl<'a> Occasion<'a, '_> {
    pub(super) fn context(&self, dir: Dir) -> Context<'a> {
        context::of_transaction(self.packet.map(|(packet, _)| packet), self.known, self.time, dir)
    }

    /// For what shows the packet that brought it about, rather than who is who in the transaction.
    fn of_packet(&self, otherwise: Dir) -> Context<'a> {
        match self.packet {
            Some((packet, dir)) => context::of_packet(packet, Some(self.known), Some(dir)),
            // Where only the server was heard, it is the server's.
            None => {
                let [client, _] = &self.known.flow.counts;
                self.context(if client.packets == 0 { Dir::ToClient } else { otherwise })
            }
        }
    }
}

/// Whose address a transaction's record shows as the source: the client's, but for a lone response.
const fn shown_as(_: &Protocol, dirs: Dirs) -> Dir {
    match dirs {
        Dirs::ToClient => Dir::ToClient,
        Dirs::ToServer | Dirs::Both => Dir::ToServer,
    }
}

fn at<'a>(open: &Open<'a, TxState>) -> TxAt<'a> {
    TxAt { id: open.state.id, protocol: open.protocol, tx: open.tx }
}

/// Tells of the parser's events that are new.
fn events(open: &mut Open<'_, TxState>, occasion: Occasion<'_, '_>, out: &mut impl Sink) {
    let all = open.tx.events();
    for number in all.get(open.state.events..).unwrap_or_default() {
        let Some(event) = open.protocol.events.get(usize::from(*number)).copied() else { continue };
        let what = Oddity::App { protocol: open.protocol.name, event, tx: Some(at(open)) };
        let context = occasion.of_packet(shown_as(open.protocol, open.tx.dirs()));
        out.event(Event::Anomaly(Odd { context, what, packet: None }));
    }
    open.state.events = all.len();
}

/// Tells of the files that came to their end, in order, once no rule can want them stored any more.
fn files(open: &mut Open<'_, TxState>, flow: &FlowState, occasion: Occasion<'_, '_>, dir: Dir, out: &mut impl Sink) {
    let (tx, over): (&dyn parser::Transaction, bool) = (open.tx, open.complete(dir));
    let Some(told) = open.state.files.get(dir.index()).copied() else { return };
    let inspected = open.state.inspected.get(dir.index()).copied().unwrap_or_default();
    let undecided = |file: &file::File| file.is_held() && !file.is_stored() && !inspected;
    let ended = |file: &file::File| (over || file.state != file::State::Open) && !undecided(file);
    let mut count = 0;
    for (place, file) in tx.files(dir).iter().enumerate().skip(told).take_while(|(_, file)| ended(file)) {
        let context = occasion.context(dir);
        let mut sids: SmallVec<[u32; 4]> = open.state.detect.stores(dir, place).chain(flow.stores(dir)).collect();
        sids.sort_unstable();
        sids.dedup();
        out.event(Event::File(FileRef { context, at: at(open), file, sids: &sids }));
        count += 1;
    }
    if let Some(told) = open.state.files.get_mut(dir.index()) {
        *told += count;
    }
}
