//! One packet's visit to its flow: stream, application layer, detection, in that order.
//!
//! Every chunk of a stream is parsed and its transactions inspected before the next chunk, so that pipelined
//! requests are each seen in time.

use std::mem;

use arrayvec::ArrayVec;
use smallvec::SmallVec;

use super::conclude::{self, Setting};
use super::context::{self, Known};
use super::expected;
use super::release::{self, Lull, Worth};
use super::rewrite::{self, Edits};
use super::tell::{self, Occasion};
use super::trouble::Special;
use super::{Config, Sink};
use crate::app::App;
use crate::app::config::Encrypted;
use crate::app::parser::{Input, Parsed};
use crate::app::probe::DetectionEvent;
use crate::app::registry;
use crate::app::state::{Facts, Findings, Found, GaveUp};
use crate::checksum::{self, Checksum};
use crate::counters::{Counter, Counters, ProtocolCounts};
use crate::detect::detector::Detector;
use crate::detect::hits::Hits;
use crate::detect::rule_set::{RuleSet, Scope};
use crate::detect::scene::{AppView, Scene, StreamChunk};
use crate::detect::shared::Shared;
use crate::detect::state::{AppState, FlowState};
use crate::event::{Event, FlowEnd};
use crate::exception::{Exception, Trouble};
use crate::field::Dir;
use crate::flow::{self, Action, End, Entry, Flow};
use crate::packet::{Packet, Transport};
use crate::stream::{self, Chunk, Env, Outcome};
use crate::time::Time;
use crate::verdict::{DropReason, Verdict};
use crate::wire::ip_proto;

/// What belongs to a flow besides its own state and its TCP session.
#[derive(Default)]
pub(super) struct Conn {
    pub(super) app: AppState,
    pub(super) detect: FlowState,
    /// Exception policies that were applied, each once.
    pub(super) exceptions: SmallVec<[(Trouble, Exception); 1]>,
    /// Payload rules have seen what could be read of a direction, and look no further.
    pub(super) sealed: [bool; 2],
    /// How long nothing new has come of it.
    pub(super) lull: Lull,
    /// Whether releases of it pay.
    pub(super) worth: Worth,
}

/// What a visit works with: the worker's parts, apart from the flow table.
pub(super) struct Visit<'w, S> {
    pub(super) config: &'w Config,
    pub(super) app: &'w App,
    pub(super) shared: &'w Shared,
    pub(super) rules: &'w RuleSet,
    pub(super) detector: &'w mut Detector,
    pub(super) hits: &'w mut Hits,
    pub(super) counters: &'w mut Counters,
    pub(super) memory: &'w mut stream::Memory,
    /// What must be changed in the packet.
    pub(super) edits: &'w mut Edits,
    /// Stream data that rules matched on, for their alerts.
    pub(super) matched: &'w mut Vec<u8>,
    pub(super) out: &'w mut S,
    /// Client and server turned out to be the other way round.
    pub(super) turned: bool,
    /// See [`Setting::proven`].
    pub(super) proven: bool,
    /// What recognising the protocol found odd on this occasion.
    pub(super) odd: ArrayVec<DetectionEvent, 8>,
    /// What exception policies say of the packet.
    pub(super) special: Special,
    /// Whether the flow was established before the packet: the one that completes a handshake is part of it.
    pub(super) established: bool,
}

/// How often bytes are handed to a parser on account of one packet. A parser that uses some each time ends long
/// before that.
const ROUNDS: usize = 4096;

impl<S: Sink> Visit<'_, S> {
    /// Takes a packet through its flow.
    pub(super) fn packet(&mut self, entry: &mut Entry<Conn>, packet: &mut Packet<'_>, dir: Dir) -> Verdict {
        if entry.flow.state == flow::State::Bypassed {
            return self.pass_by(entry, packet, dir);
        }
        if entry.flow.done.is_some_and(|watch| watch.wants(packet, dir)) {
            entry.flow.done = None;
        }
        if entry.flow.action == Action::Drop && self.config.inline {
            let reason = super::trouble::flow_drop(&entry.data.exceptions);
            return self.refuse(entry, packet, dir, reason);
        }
        self.established = established(&entry.flow, entry.tcp.as_deref());
        let outcome = match packet.layers.transport {
            Transport::Tcp => self.stream(entry, packet, dir),
            _ => Outcome { valid: true, ..Outcome::default() },
        };
        if let Some((trouble, policy)) = outcome.trouble {
            self.trouble(entry, packet, trouble, policy);
        }
        let unchanged = entry.tcp.as_ref().is_some_and(|session| !self.edits.note(packet, session.rewrites()));
        if let Some(reason) = self.special.drop.or(outcome.drop).or(unchanged.then_some(DropReason::StreamError)) {
            return self.refuse(entry, packet, dir, reason);
        }
        let mut room = Vec::new();
        let received = entry.tcp.as_ref().and_then(|session| rewrite::received(packet, session.rewrites(), &mut room));
        let packet = received.as_ref().unwrap_or(packet);
        let whole = entry.tcp.as_ref().is_some_and(|session| session.handshake_seen());
        self.proven = whole && outcome.valid && packet.tunnel.is_none() && packet.layers.transport == Transport::Tcp;
        let mut dir = dir;
        if entry.flow.state != flow::State::Bypassed {
            match packet.layers.transport {
                Transport::Tcp => self.feed(entry, packet, dir),
                Transport::Udp => self.datagram(entry, packet, dir),
                _ => {}
            }
            dir = if self.turned { dir.flip() } else { dir };
            if let Some(reason) = self.special.drop {
                return self.refuse(entry, packet, dir, reason);
            }
            // What the packet's own direction brought: what the other side's did is inspected when that side is heard
            // again, so that matches are on packets of the direction that rules name.
            self.transactions(entry, packet, dir);
            self.frames(entry, packet, dir);
            self.streams(entry, packet, dir, false);
            self.seal(entry, packet, dir);
            if self.ruled(&entry.flow) {
                self.rules(entry, packet, dir, outcome.payload_in_stream);
            }
        }
        self.settle(entry, packet, Some(dir))
    }

    /// A last look at what a flow left, and its record.
    pub(super) fn end(&mut self, entry: &mut Entry<Conn>, end: End, now: Time) {
        let packet = context::farewell(&entry.flow, now);
        if let Some(session) = &mut entry.tcp {
            session.finish();
        }
        // What a dropped flow left never arrived.
        let refused = entry.flow.action == Action::Drop && self.config.inline;
        if entry.flow.state != flow::State::Bypassed && !refused {
            if entry.tcp.is_some() {
                self.feed(entry, &packet, Dir::ToClient);
            }
            entry.data.app.finished();
            for dir in Dir::BOTH {
                self.transactions(entry, &packet, dir);
                self.frames(entry, &packet, dir);
            }
            Dir::BOTH.into_iter().for_each(|dir| self.last_streams(entry, &packet, dir));
        }
        if !refused {
            entry.data.app.finished();
            self.settle(entry, &packet, None);
        }
        self.counters.count(match entry.flow.state {
            flow::State::New => Counter::FlowEndNew,
            flow::State::Established => Counter::FlowEndEstablished,
            flow::State::Closed => Counter::FlowEndClosed,
            flow::State::Bypassed => Counter::FlowEndBypassed,
        });
        let tcp = entry.tcp.as_ref().map(|session| session.summary());
        if let Some(session) = entry.tcp.take() {
            self.memory.forget(&session, self.counters);
        }
        let shown = self.rules.vars(Some(&entry.data.detect), self.hits);
        let known = Known { flow: &entry.flow, app: entry.data.app.info(), vars: Some(&shown) };
        let context = context::of_flow(known, now);
        self.out.event(Event::Flow(FlowEnd {
            context,
            flow: &entry.flow,
            end,
            tcp,
            exceptions: &entry.data.exceptions,
        }));
    }

    /// Weighs what matched, and tells everything there is to tell. `dir` is `None` at the end of a flow.
    fn settle(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Option<Dir>) -> Verdict {
        let Entry { flow, tcp, data: Conn { app, detect, .. } } = entry;
        let info = app.info();
        let mut decision = {
            let mut scene = scene(packet, self.config, self.shared);
            (scene.flow, scene.dir) = (Some(&*flow), dir.unwrap_or(Dir::ToServer));
            scene.state = Some(&mut *detect);
            self.hits.decide(self.rules, &mut scene, self.counters)
        };
        if let Some((_, scope, _)) = decision.drop.as_mut().filter(|_| self.config.late) {
            *scope = Scope::Flow;
        }
        let shown = self.rules.vars(Some(detect), self.hits);
        let known = Known { flow, app: info, vars: Some(&shown) };
        let occasion = Occasion { packet: dir.map(|dir| (packet, dir)), known, time: packet.time };
        let setting = Setting { packet, known: Some(known), dir, stream: self.matched, proven: self.proven };
        let concluded = conclude::packet(
            self.config,
            self.rules,
            &setting,
            self.hits,
            &decision,
            Some(app),
            self.counters,
            self.out,
        );
        if self.config.inline && !self.config.late && decision.drop.is_none() && decision.pass.is_none() {
            self.edits.replace(packet, self.hits.replacements());
        }
        if let Some(dir) = dir {
            tell::anomalies(packet, Some(known), Some(dir), self.out);
            tell::recognition(&self.odd, packet, known, dir, self.out);
            if !self.hits.packet_vars().is_empty() {
                tell::variables(packet, known, dir, self.out);
            }
        }
        let unrecorded = |id| detect.unrecorded() || self.hits.unrecorded().contains(&id);
        let wanted = self.config.app.files.wanted(self.rules.files());
        let stored = super::store::contents(app, detect, wanted, self.shared, occasion, self.out);
        if self.rules.wants_certificates() {
            super::certificates::tell(app, self.hits, occasion, self.out);
        }
        tell::transactions(app, detect, occasion, unrecorded, self.out);
        tell::frames(app, occasion, self.config.frames, self.out);
        let losses = app.release();
        self.counters.add(Counter::DetectFramesLost, losses.frames);
        self.counters.add(Counter::DetectFrameBytesLost, losses.bytes);
        let alerted = flow.alerted || !self.hits.alerts().is_empty();
        flow.alerted = alerted;
        conclude::mark(flow, &decision, self.config.inline);
        if decision.bypass || release::bypasses(self.config, flow, tcp.as_deref(), app.encrypted()) {
            flow.state = flow::State::Bypassed;
        }
        if let Some(session) = tcp {
            if let Some(depth) = self.config.app.files.depth {
                let dirs = Dir::BOTH.into_iter().zip(stored).filter(|(_, stored)| *stored);
                dirs.for_each(|(dir, _)| session.set_depth(dir, depth));
            }
            session.settle(self.memory);
        }
        concluded
    }

    /// Tries packet rules on the packet, with the stream data that is due in its direction.
    fn rules(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Dir, streamed: bool) {
        let Entry { flow, tcp, data: Conn { app, detect, sealed, .. } } = entry;
        let mut scene = scene(packet, self.config, self.shared);
        scene.flow = Some(flow);
        scene.state = Some(detect);
        scene.dir = dir;
        scene.streamed = streamed;
        scene.established = self.established;
        scene.sizes = Dir::BOTH.map(|dir| tcp.as_ref().map_or(0, |session| session.size(dir)));
        scene.app = AppView { encrypted: is(*sealed, dir), ..view(app, &self.odd) };
        self.detector.packet(self.rules, &mut scene, self.hits);
    }

    /// Tries payload rules on what is left of a direction. Alerts show all of it, with a note where bytes are missing.
    fn last_streams(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Dir) {
        let whole = entry.tcp.as_ref().and_then(|session| session.with_holes(dir));
        let other = mem::take(self.matched);
        self.streams(entry, packet, dir, true);
        if self.matched.is_empty() {
            *self.matched = other;
        } else if let Some(whole) = whole {
            *self.matched = whole;
        }
    }

    /// Tries payload rules on the stream data of a direction, if it is due or `all` is: on each piece between holes.
    fn streams(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Dir, all: bool) {
        let due = |entry: &Entry<Conn>| entry.tcp.as_ref().is_some_and(|session| session.raw_due(dir));
        let open = !is(entry.data.sealed, dir);
        let mut upto = (open && (all || due(entry))).then(|| self.piece(entry, packet, dir)).flatten();
        while let Some(before) = upto.filter(|_| due(entry)) {
            upto = self.piece(entry, packet, dir).filter(|upto| *upto > before);
        }
    }

    /// Where encryption has begun, payload rules look at what is left before it, and at nothing after.
    fn seal(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Dir) {
        let unread = matches!(entry.data.app.encrypted(), Some(Encrypted::TrackOnly | Encrypted::Bypass));
        if is(entry.data.sealed, dir) || !unread {
            return;
        }
        self.streams(entry, packet, dir, true);
        if let Some(session) = &mut entry.tcp {
            session.raw_stop(dir);
        }
        if let Some(sealed) = entry.data.sealed.get_mut(dir.index()) {
            *sealed = true;
        }
    }

    /// Tries payload rules on one piece. Out: up to where that went, if there was any.
    fn piece(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Dir) -> Option<u64> {
        let Entry { flow, tcp: Some(session), data: Conn { app, detect, .. } } = entry else { return None };
        let ruled = self.ruled(flow);
        let sizes = Dir::BOTH.map(|dir| session.size(dir));
        let established = established(flow, Some(session));
        let raw = session.raw(dir);
        let (upto, any) = (raw.end(), !raw.data.is_empty());
        if any && ruled {
            let mut scene = scene(packet, self.config, self.shared);
            scene.flow = Some(flow);
            scene.state = Some(detect);
            scene.dir = dir;
            scene.established = established;
            scene.sizes = sizes;
            scene.app = view(app, &[]);
            scene.stream = Some(StreamChunk { data: raw.data, offset: raw.offset, last: raw.last });
            if self.detector.stream(self.rules, &mut scene, self.hits) {
                self.matched.clear();
                self.matched.extend_from_slice(raw.data);
            }
        }
        session.raw_done(dir, upto);
        any.then_some(upto)
    }

    /// Tries rules on the transactions that a direction has brought further; where no rule looks at the flow any more,
    /// they count as inspected.
    pub(super) fn transactions(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Dir) {
        let Entry { flow, tcp, data: Conn { app, detect, sealed, .. } } = entry;
        let ruled = self.ruled(flow);
        let established = established(flow, tcp.as_deref());
        let mut inspected = SmallVec::<[u64; 16]>::new();
        let mut scene = scene(packet, self.config, self.shared);
        scene.flow = Some(flow);
        scene.state = Some(detect);
        scene.dir = dir;
        scene.established = established;
        scene.sizes = Dir::BOTH.map(|dir| tcp.as_ref().map_or(0, |session| session.size(dir)));
        scene.app = view(app, &[]);
        // Rules on transactions may ask something of the payload too. Inline that is the packet's own; else it is the
        // stream that was not looked at yet, since the packet only acknowledges what the transaction is made of.
        let session = tcp.as_mut().filter(|_| ruled && !self.config.stream.inline && !is(*sealed, dir));
        let raw = session.map(|session| session.raw(dir)).filter(|raw| !raw.data.is_empty());
        scene.stream = raw.map(|raw| StreamChunk { data: raw.data, offset: raw.offset, last: raw.last });
        for mut open in app.transactions() {
            if ruled {
                self.detector.transaction(self.rules, &mut scene, &mut open, self.hits);
            }
            if open.complete(dir)
                && let Some(over) = open.state.inspected.get_mut(dir.index())
            {
                *over = true;
            }
            inspected.push(open.state.id);
        }
        if let Some(chunk) = scene.stream.filter(|_| self.hits.on_stream()) {
            self.matched.clear();
            self.matched.extend_from_slice(chunk.data);
        }
        inspected.into_iter().for_each(|id| app.inspected(id, dir));
    }

    /// The TCP engine's part.
    fn stream(&mut self, entry: &mut Entry<Conn>, packet: &mut Packet<'_>, dir: Dir) -> Outcome {
        let Some(tcp) = packet.tcp() else { return Outcome::default() };
        let checked = self.config.stream.checksum_validation;
        let facts = stream::Facts {
            time: packet.time,
            checksum_ok: !checked || checksum::transport(packet) != Checksum::Invalid,
        };
        let (client, server) = (entry.flow.client.addr, entry.flow.server.addr);
        let hosts = &self.config.hosts;
        let before = packet.anomalies.len();
        let mut env = Env {
            config: &self.config.stream,
            memory: self.memory,
            counters: self.counters,
            anomalies: &mut packet.anomalies,
        };
        let policies = || [hosts.policy(server), hosts.policy(client)];
        let outcome = stream::push(&mut entry.tcp, &tcp, dir, facts, policies, &mut env);
        for anomaly in packet.anomalies.iter().skip(before) {
            self.counters.anomaly(*anomaly);
        }
        outcome
    }

    /// Whether rules look at the packet and what it brought.
    pub(super) fn ruled(&self, flow: &Flow) -> bool {
        flow.action == Action::None && !self.special.pass
    }

    /// Hands both directions' bytes to the application layer. A packet acknowledges the other side's data, so that
    /// comes first.
    fn feed(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Dir) {
        for dir in [dir.flip(), dir] {
            let turned = self.turned;
            self.drain(entry, packet, if turned { dir.flip() } else { dir });
        }
    }

    /// Hands the bytes of one direction to the application layer, chunk by chunk.
    fn drain(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Dir) {
        let mut dir = dir;
        let mut other_done = false;
        entry.data.app.want(self.frames_wanted());
        for _ in 0..ROUNDS {
            let Entry { flow, tcp: Some(session), data: Conn { app, .. } } = entry else { return };
            if !app.wants(dir) {
                return session.app_stop(dir);
            }
            let files = self.config.app.files.wanted(self.rules.files());
            let (midstream, other_lost) = (session.is_midstream(), session.start_lost(dir.flip()));
            let facts =
                Facts { udp: false, midstream, other_lost, files, client: Some(flow.client.addr), before: None };
            let ports = ports(flow, dir);
            let mut found = Findings::default();
            let deep = session.depth_reached(dir);
            let mut paused = false;
            let parsed = match session.app(dir) {
                None => return,
                Some(Chunk::Data { bytes, last }) => {
                    expected::take(self.shared, flow, app, packet.time, &mut found);
                    if last && deep {
                        app.cut(dir);
                    }
                    let input = Input { dir, data: bytes, last, time: packet.time, ports };
                    let parsed = app.data(self.app, input, facts, &mut found);
                    paused = parsed.pauses(bytes.len());
                    parsed
                }
                Some(Chunk::Gap { bytes }) => app.gap(dir, bytes, &mut found),
            };
            if found.turn {
                session.turn();
                dir = dir.flip();
            }
            match parsed {
                Parsed::Used { bytes, need } => session.app_used(dir, bytes, need),
                Parsed::Switch { bytes, .. } => session.app_used(dir, bytes, 0),
                Parsed::Failed => Dir::BOTH.into_iter().for_each(|dir| session.app_stop(dir)),
            }
            expected::put(self.shared, flow, app, packet.time);
            let other_first = found.other_first && !other_done;
            self.learned(entry, &found, false);
            if parsed == Parsed::Failed {
                self.trouble(entry, packet, Trouble::AppError, self.config.app_error);
            }
            if self.config.stream.inline || paused {
                self.transactions(entry, packet, dir);
            }
            if self.config.stream.inline {
                self.frames(entry, packet, dir);
            }
            if paused {
                self.make_room(entry, packet, dir);
                if let Some(session) = &mut entry.tcp {
                    session.app_again(dir);
                }
            }
            if other_first {
                other_done = true;
                if let Some(session) = &mut entry.tcp {
                    Dir::BOTH.into_iter().for_each(|dir| session.app_again(dir));
                }
                self.drain(entry, packet, dir.flip());
            }
        }
    }

    /// Hands a datagram to the application layer.
    fn datagram(&mut self, entry: &mut Entry<Conn>, packet: &Packet<'_>, dir: Dir) {
        let mut rest = packet.payload();
        let mut dir = dir;
        entry.data.app.want(self.frames_wanted());
        for _ in 0..ROUNDS {
            let Entry { flow, data: Conn { app, .. }, .. } = entry;
            if rest.is_empty() || !app.wants(dir) {
                return;
            }
            let input = Input { dir, data: rest, last: false, time: packet.time, ports: ports(flow, dir) };
            let mut found = Findings::default();
            let files = self.config.app.files.wanted(self.rules.files());
            let facts = Facts { udp: true, files, ..Facts::default() };
            let parsed = app.data(self.app, input, facts, &mut found);
            if found.turn {
                dir = dir.flip();
            }
            self.learned(entry, &found, true);
            self.transactions(entry, packet, dir);
            self.frames(entry, packet, dir);
            rest = match parsed {
                Parsed::Used { bytes, .. } | Parsed::Switch { bytes, .. } if bytes > 0 => {
                    rest.get(bytes..).unwrap_or_default()
                }
                Parsed::Failed => return self.trouble(entry, packet, Trouble::AppError, self.config.app_error),
                _ => return,
            };
        }
    }

    /// Takes note of what the application layer found out.
    fn learned(&mut self, entry: &mut Entry<Conn>, found: &Findings, udp: bool) {
        if found.turn {
            self.turned = !self.turned;
            entry.flow.turn();
        }
        if let Some(id) = found.known {
            self.counters.protocol(registry::counter(id, udp), ProtocolCounts { flows: 1, ..Default::default() });
        }
        if found.failed {
            self.counters.protocol(registry::counter_failed(udp), ProtocolCounts { flows: 1, ..Default::default() });
        }
        if (found.transactions > 0 || found.gave_up.is_some())
            && let Some(id) = entry.data.app.protocol().proto()
        {
            let counts = ProtocolCounts {
                flows: 0,
                transactions: if id.protocol().uncounted { 0 } else { found.transactions },
                gap_errors: (found.gave_up == Some(GaveUp::Gap)).into(),
                parser_errors: (found.gave_up == Some(GaveUp::Content)).into(),
            };
            self.counters.protocol(registry::counter(id, udp), counts);
        }
        self.odd.extend(found.events.iter().copied().take(self.odd.remaining_capacity()));
    }
}

/// What rules see of a packet without a flow; the rest is filled in by who has one.
pub(super) fn scene<'a>(packet: &'a Packet<'a>, config: &Config, shared: &'a Shared) -> Scene<'a> {
    Scene {
        packet,
        flow: None,
        state: None,
        dir: Dir::ToServer,
        established: false,
        anomalies: &packet.anomalies,
        stream: None,
        streamed: false,
        sizes: [0; 2],
        app: AppView::default(),
        shared,
        inline: config.inline,
        checksums: true,
    }
}

/// What is so of a direction.
const fn is([to_server, to_client]: [bool; 2], dir: Dir) -> bool {
    match dir {
        Dir::ToServer => to_server,
        Dir::ToClient => to_client,
    }
}

/// What rules see of the application layer.
pub(super) fn view<'a>(app: &AppState, events: &'a [DetectionEvent]) -> AppView<'a> {
    AppView {
        proto: app.protocol().proto(),
        sides: Dir::BOTH.map(|dir| app.protocol_of(dir).proto()),
        original: app.original(),
        failed: app.protocol() == Found::Failed,
        encrypted: false,
        events,
    }
}

/// TCP after the handshake, of which the session tells; others once both sides were seen.
pub(super) fn established(flow: &Flow, session: Option<&stream::Session>) -> bool {
    match session {
        Some(session) => !session.state().is_new(),
        None => flow.proto != ip_proto::TCP && flow.counts.iter().all(|count| count.packets > 0),
    }
}

/// Ports of what travels in a direction.
fn ports(flow: &Flow, dir: Dir) -> (u16, u16) {
    let (from, to) = flow.ends(dir);
    (from.port, to.port)
}
