//! One packet's visit to its flow: stream, application layer, detection, in that order.
//!
//! Every chunk of a stream is parsed and its transactions inspected before the next chunk, so that pipelined
//! requests are each seen in time.

use super::conclude::{self, Setting};
use super::context::Known;
use super::worker::Conn;
use super::{Config, Sink, tell};
use crate::app::App;
use crate::app::parser::{Input, Parsed};
use crate::app::state::{self, Findings};
use crate::counters::{Counter, Counters};
use crate::detect::{Detector, Hits, RuleSet, Scene, StreamChunk};
use crate::event::{Event, FlowEnd};
use crate::field::Dir;
use crate::flow::{Action, End, Entry, State};
use crate::packet::{Packet, Transport};
use crate::stream::{self, Chunk, Env, Exception, Outcome};
use crate::time::Time;
use crate::verdict::{DropReason, Verdict};

/// What a visit works with: the worker's parts, apart from the flow table.
pub(super) struct Visit<'w, S> {
    pub(super) config: &'w Config,
    pub(super) app: &'w App,
    pub(super) rules: &'w RuleSet,
    pub(super) detector: &'w mut Detector,
    pub(super) hits: &'w mut Hits,
    pub(super) counters: &'w mut Counters,
    pub(super) memory: &'w mut stream::Memory,
    pub(super) out: &'w mut S,
    /// Client and server turned out to be the other way round: the table must turn the flow.
    pub(super) turned: bool,
}

/// How often bytes are handed to a parser for one packet. A parser that uses some bytes each time ends long
/// before; one that does not must not hold up the packet.
const ROUNDS: usize = 4096;

impl<S: Sink> Visit<'_, S> {
    /// Takes a packet through its flow.
    pub(super) fn packet(&mut self, entry: &mut Entry<Conn>, packet: &mut Packet<'_>, dir: Dir) -> Verdict {
        if entry.flow.action == Action::Drop && self.config.inline {
            return self.refuse(entry, packet, dir, DropReason::FlowDrop);
        }
        let outcome = match packet.layers.transport {
            Transport::Tcp => self.stream(entry, packet, dir),
            _ => Outcome { valid: true, ..Outcome::default() },
        };
        if let Some(reason) = outcome.drop {
            return self.refuse(entry, packet, dir, reason);
        }
        if let Some(verdict) = self.exception(entry, packet, dir, &outcome) {
            return verdict;
        }
        match packet.layers.transport {
            Transport::Tcp if outcome.valid => self.feed(entry, Some(packet), packet.time),
            Transport::Udp => self.datagram(entry, packet, dir),
            _ => {}
        }
        let dir = if self.turned { dir.flip() } else { dir };
        self.detect(entry, packet, dir, &outcome);
        let known = Known::of(entry);
        let setting = Setting { packet, known: Some(known), dir: Some(dir) };
        let concluded = conclude::packet(self.config, self.rules, &setting, self.hits, self.counters, self.out);
        conclude::mark(&mut entry.flow, &concluded);
        tell::anomalies(packet, Some(Known::of(entry)), Some(dir), self.out);
        tell::transactions(entry, Some(packet), packet.time, self.counters, self.out);
        if let Some(session) = &mut entry.tcp {
            session.settle(self.memory);
        }
        concluded.verdict
    }
}
