//! Reassembly against a model that keeps every byte by itself.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::stream::assembly::{Assembly, Room};
use crate::stream::overlap::Span;

/// A byte and the segment it came in.
type Cell = (u8, usize);

/// One direction, byte by byte.
struct Model {
    policy: Policy,
    inline: bool,
    cells: BTreeMap<u64, Cell>,
    acked: u64,
    end: u64,
    /// What readers got; `None` for a byte that was lost.
    out: Vec<Option<u8>>,
}

impl Model {
    fn insert(&mut self, id: usize, at: u64, data: &[u8]) {
        let end = at + data.len() as u64;
        let later = Span { start: at.max(self.acked), end };
        let from = at.max(self.end);
        let mut cells = Vec::new();
        let mut position = from;
        while position < end {
            let Some(earlier) = self.piece(position) else {
                cells.push((position, (data[(position - at) as usize], id)));
                position += 1;
                continue;
            };
            let common = position..earlier.end.min(end);
            let differs = common.clone().any(|byte| self.cells[&byte].0 != data[(byte - at) as usize]);
            if differs && self.policy.later_wins(earlier, later) {
                let owner = self.cells[&position].1;
                let inside = earlier.start < common.start && earlier.end > common.end;
                for byte in common.clone() {
                    cells.push((byte, (data[(byte - at) as usize], if inside { owner } else { id })));
                }
            }
            position = common.end;
        }
        self.cells.extend(cells);
        self.advance();
    }

    /// The stretch of one segment's bytes around a position.
    fn piece(&self, position: u64) -> Option<Span> {
        let owner = self.cells.get(&position)?.1;
        let same = |byte: &u64| self.cells.get(byte).is_some_and(|cell| cell.1 == owner);
        let settled = if self.inline { self.end } else { self.acked.max(self.end) };
        let start = (settled..position).rev().take_while(|byte| same(byte)).last().unwrap_or(position);
        let end = (position..).take_while(|byte| same(byte)).last()? + 1;
        Some(Span { start, end })
    }

    fn acknowledge(&mut self, upto: u64) {
        self.acked = self.acked.max(upto);
        self.advance();
    }

    fn advance(&mut self) {
        loop {
            let limit = if self.inline { u64::MAX } else { self.acked };
            while let Some(cell) = self.cells.get(&self.end).filter(|_| self.end < limit) {
                self.out.push(Some(cell.0));
                self.end += 1;
            }
            match self.cells.range(self.end..).next() {
                Some((&first, _)) if first > self.end && first <= self.acked => self.lose(first),
                _ => return,
            }
        }
    }

    fn lose(&mut self, to: u64) {
        self.out.extend((self.end..to).map(|_| None));
        self.end = to;
    }

    fn finish(&mut self) {
        while let Some((&next, cell)) = self.cells.range(self.end..).next() {
            let value = cell.0;
            self.lose(next);
            self.out.push(Some(value));
            self.end += 1;
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Insert(u64, Vec<u8>),
    Ack(u64),
}

/// Few values, so that overlaps are often equal and often not; a short stretch, so that it is often filled.
fn ops() -> impl Strategy<Value = Vec<Op>> {
    let insert = (0u64..16, prop::collection::vec(0u8..2, 1..8)).prop_map(|(at, data)| Op::Insert(at, data));
    prop::collection::vec(prop_oneof![4 => insert, 1 => (0u64..20).prop_map(Op::Ack)], 1..40)
}

/// Any flags, numbers mostly near each other.
fn senseless() -> impl Strategy<Value = P> {
    let number = || prop_oneof![8 => 0u32..40, 2 => 0u32..9_000, 1 => any::<u32>()];
    let data = prop_oneof![4 => prop::collection::vec(0u8..2, 0..20), 1 => prop::collection::vec(0u8..2, 0..9_000)];
    let flags = prop_oneof![6 => Just(Flags::ACK), 2 => Just(Flags::ACK | Flags::URG), 1 => any::<u8>()];
    (any::<bool>(), flags, number(), number(), any::<u16>(), 0u16..30, data).prop_map(
        |(up, flags, seq, ack, window, urgent, data)| {
            let packet = p(if up { '>' } else { '<' }, "", seq, ack).window(window).urgent(urgent).data(data);
            P { flags, ..packet }
        },
    )
}

fn drain(assembly: &mut Assembly, out: &mut Vec<Option<u8>>) {
    loop {
        let used = match assembly.app() {
            None => return,
            Some(Chunk::Gap { bytes }) => {
                out.extend((0..bytes).map(|_| None));
                0
            }
            Some(Chunk::Data { bytes, .. }) => {
                out.extend(bytes.iter().map(|byte| Some(*byte)));
                bytes.len()
            }
        };
        assembly.app_used(used, 0);
    }
}

fn run(ops: &[Op], policy: Policy, inline: bool, eager: bool) -> (Vec<Option<u8>>, Vec<Option<u8>>) {
    let config = config::Reassembly::default();
    let mut assembly = Assembly::new(&config, inline, policy, 1);
    assembly.raw_stop();
    let policy = if inline { Policy::First } else { policy };
    let mut model = Model { policy, inline, cells: BTreeMap::new(), acked: 0, end: 0, out: Vec::new() };
    let mut out = Vec::new();
    for (id, op) in ops.iter().enumerate() {
        match op {
            Op::Insert(at, data) => {
                let mut rewrites = Vec::new();
                let room = Room { bytes: 1 << 20, regions: 8 };
                assembly.insert(*at, data, room, &mut rewrites);
                model.insert(id, *at, data);
            }
            Op::Ack(upto) => {
                assembly.acknowledge(*upto);
                model.acknowledge(*upto);
            }
        }
        if eager {
            drain(&mut assembly, &mut out);
        }
    }
    assembly.finish();
    model.finish();
    drain(&mut assembly, &mut out);
    (out, model.out)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whatever arrives in whatever order, every policy gives the bytes that the model gives.
    #[test]
    fn passive_gives_what_the_model_gives(ops in ops(), policy in prop::sample::select(&Policy::ALL[..]), eager: bool) {
        let (ours, model) = run(&ops, policy, false, eager);
        prop_assert_eq!(ours, model);
    }

    /// Inline the first copy of a byte wins whatever the policy.
    #[test]
    fn inline_gives_what_the_model_gives(ops in ops(), policy in prop::sample::select(&Policy::ALL[..]), eager: bool) {
        let (ours, model) = run(&ops, policy, true, eager);
        prop_assert_eq!(ours, model);
    }

    /// After rewriting, every copy of a byte that the receiver may read is the first one.
    #[test]
    fn rewriting_leaves_one_copy_of_every_byte(ops in ops()) {
        let mut assembly = Assembly::new(&config::Reassembly::default(), true, Policy::First, 1);
        let mut sent: BTreeMap<u64, u8> = BTreeMap::new();
        let mut acked = 0;
        for op in &ops {
            match op {
                Op::Ack(upto) => {
                    // A receiver acknowledges what it has.
                    acked = (acked..*upto).find(|at| !sent.contains_key(at)).unwrap_or(acked.max(*upto));
                    assembly.acknowledge(acked);
                }
                Op::Insert(at, data) => {
                    let mut data = data.clone();
                    let mut rewrites = Vec::new();
                    assembly.insert(*at, &data, Room { bytes: 1 << 20, regions: 8 }, &mut rewrites);
                    for rewrite in rewrites {
                        data[rewrite.at..rewrite.at + rewrite.bytes.len()].copy_from_slice(&rewrite.bytes);
                    }
                    for (position, byte) in (*at..).zip(data).filter(|(position, _)| *position >= acked) {
                        prop_assert_eq!(*sent.entry(position).or_insert(byte), byte, "at {}", position);
                    }
                }
            }
            let mut sink = Vec::new();
            drain(&mut assembly, &mut sink);
        }
    }

    /// No packets, however senseless, break anything: readers come to an end, and all memory comes back.
    #[test]
    fn nothing_breaks(
        packets in prop::collection::vec(senseless(), 1..120),
        inline: bool,
        lenient: bool,
        urgent: bool,
        policy in prop::sample::select(&Policy::ALL[..]),
    ) {
        let config = Config { inline, midstream: lenient, async_oneside: lenient, ..Config::default() };
        let mut talk = Talk { policy, ..Talk::with(config) };
        talk.config.reassembly.depth = 20_000;
        talk.config.reassembly.urgent_limit = if urgent { 3 } else { 0 };
        if !lenient {
            talk = talk.established();
        }
        for packet in &packets {
            talk.push(packet);
            if talk.slot.is_some() {
                for dir in ['>', '<'] {
                    talk.app(dir);
                    talk.raw(dir);
                }
            }
        }
        if let Some(mut session) = talk.slot.take() {
            session.finish();
            session.settle(&mut talk.memory);
            talk.memory.forget(&session, &mut talk.counters);
        }
        prop_assert_eq!((talk.memory.sessions(), talk.memory.reassembly_bytes()), (0, 0));
    }

    /// Loss that is repaired, reordering, duplicates, any cut, any initial sequence number: the stream comes out whole.
    #[test]
    fn a_session_gives_the_stream(
        stream in prop::collection::vec(any::<u8>(), 1..3_000),
        cuts in prop::collection::vec(1usize..200, 1..40),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        isn: u32,
        inline: bool,
        policy in prop::sample::select(&Policy::ALL[..]),
    ) {
        let mut talk = if inline { Talk::inline() } else { Talk::default() };
        talk.isn = [isn, !isn];
        talk.policy = policy;
        let mut talk = talk.established();
        let mut segments = Vec::new();
        let mut at = 0;
        for cut in cuts.iter().cycle() {
            let end = (at + cut).min(stream.len());
            segments.push((at, stream[at..end].to_vec()));
            at = end;
            if at == stream.len() {
                break;
            }
        }
        let mut arriving: Vec<_> = order.iter().map(|index| index.get(&segments).clone()).collect();
        arriving.extend(segments);
        let mut got = Vec::new();
        for (at, data) in arriving {
            talk.push(&p('>', "A", 1 + u32::try_from(at).unwrap(), 1).data(data));
            let session = talk.session();
            while let Some(Chunk::Data { bytes, .. }) = session.app(Dir::ToServer) {
                got.extend_from_slice(bytes);
                let used = bytes.len();
                session.app_used(Dir::ToServer, used, 0);
            }
        }
        prop_assert_eq!(inline, got == stream);
        talk.push(&p('<', "A", 1, 1 + u32::try_from(stream.len()).unwrap()));
        if let Some(Chunk::Data { bytes, .. }) = talk.session().app(Dir::ToServer) {
            got.extend_from_slice(bytes);
        }
        prop_assert_eq!(got, stream);
    }
}
