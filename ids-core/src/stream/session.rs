//! One TCP connection: its state, both directions, and what readers ask of it.

use smallvec::SmallVec;

use super::assembly::{Assembly, Inserted, Refused, Room};
use super::chunk::{Chunk, Raw, Rewrite};
use super::config::UrgentPolicy;
use super::half::Half;
use super::handshake::{Syn, SynAck};
use super::{Env, Memory, Policy, Refusal, Step, Summary, Taken};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::exception::Trouble;
use crate::field::Dir;
use crate::verdict::DropReason;
use crate::wire::tcp::{Flags, Tcp};

/// State of a connection, named as the server's (RFC 9293 §3.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing was seen.
    #[default]
    None,
    /// The client's SYN was seen.
    SynSent,
    /// The server's SYN/ACK was seen.
    SynRecv,
    /// The handshake is done.
    Established,
    /// The server ended its stream.
    FinWait1,
    /// … and the client acknowledged that.
    FinWait2,
    /// … and the client ended its own.
    TimeWait,
    /// The client ended its stream, then the server its own.
    LastAck,
    /// The client ended its stream.
    CloseWait,
    /// Both ended their streams at the same time.
    Closing,
    /// Both ends are acknowledged, or there was a reset.
    Closed,
}

impl State {
    /// The text in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SynSent => "syn_sent",
            Self::SynRecv => "syn_recv",
            Self::Established => "established",
            Self::FinWait1 => "fin_wait1",
            Self::FinWait2 => "fin_wait2",
            Self::TimeWait => "time_wait",
            Self::LastAck => "last_ack",
            Self::CloseWait => "close_wait",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }

    /// Whether the handshake is not over.
    pub const fn is_new(self) -> bool {
        matches!(self, Self::None | Self::SynSent | Self::SynRecv)
    }

    /// Whether both sides ended their streams, or there was a reset: the flow counts as closed.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::TimeWait | Self::LastAck | Self::Closing | Self::Closed)
    }
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    pub(super) state: State,
    pub(super) client: Half,
    pub(super) server: Half,
    /// The start was not seen, so that window shifts are unknown.
    pub(super) midstream: bool,
    /// Only the client's packets are seen.
    pub(super) one_sided: bool,
    /// Both sides sent a SYN without ACK (simultaneous open).
    pub(super) four_way: bool,
    /// The client sent data with its SYN (RFC 7413).
    pub(super) fast_open: bool,
    /// … and the server did not take it.
    pub(super) fast_open_refused: bool,
    /// Who sent the reset that closed it, and the state before.
    pub(super) reset_by: Option<(Dir, State)>,
    /// Different SYNs, the one in force last; empty once established.
    pub(super) syns: SmallVec<[Syn; 1]>,
    /// Different SYN/ACKs, likewise.
    pub(super) synacks: SmallVec<[SynAck; 1]>,
    rewrites: Vec<Rewrite>,
    /// What `Memory` counts as held by this session.
    accounted: u64,
}

impl Session {
    /// An empty session.
    pub(super) fn new(env: &Env<'_>, [to_server, to_client]: [Policy; 2]) -> Self {
        let config = &env.config.reassembly;
        let inline = env.config.inline;
        let [server_chunk, client_chunk] = config.chunk_size;
        Self {
            state: State::None,
            client: Half::new(Assembly::new(config, inline, to_server, server_chunk)),
            server: Half::new(Assembly::new(config, inline, to_client, client_chunk)),
            midstream: false,
            one_sided: false,
            four_way: false,
            fast_open: false,
            fast_open_refused: false,
            reset_by: None,
            syns: SmallVec::new(),
            synacks: SmallVec::new(),
            rewrites: Vec::new(),
            accounted: 0,
        }
    }

    /// Takes a packet.
    pub(super) fn push(&mut self, step: &mut Step<'_, '_, '_>) {
        self.rewrites.clear();
        let before = self.state;
        self.half(step.dir).flags |= step.flags().0;
        let taken = self.dispatch(step);
        self.conclude(before, taken, step);
    }

    /// What a packet means in the state that the connection is in.
    pub(super) fn dispatch(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        match self.state {
            State::None => Ok(()),
            State::SynSent => self.syn_sent(step),
            State::SynRecv => self.syn_recv(step),
            State::Established => self.established(step),
            State::FinWait1 => self.fin_wait1(step),
            State::FinWait2 => self.fin_wait2(step),
            State::TimeWait => self.time_wait(step),
            State::LastAck => self.last_ack(step),
            State::CloseWait => self.close_wait(step),
            State::Closing => self.closing(step),
            State::Closed => self.closed(step),
        }
    }

    /// Fills in the outcome of a packet.
    pub(super) fn conclude(&mut self, before: State, taken: Taken, step: &mut Step<'_, '_, '_>) {
        step.out.valid = taken.is_ok();
        step.out.established_now = before.is_new() && !self.state.is_new() && self.state != State::Closed;
        step.out.closed_now = before != State::Closed && self.state == State::Closed;
        if step.env.config.inline {
            step.out.drop = match taken {
                Ok(()) => None,
                Err(Refusal::Invalid) => step.env.config.drop_invalid.then_some(DropReason::StreamError),
                Err(Refusal::Drop(reason)) => Some(reason),
            };
        }
        if step.out.closed_now {
            self.client.assembly.close();
            self.server.assembly.close();
        }
        self.settle(step.env.memory);
        step.env.memory.show(step.env.counters);
    }

    /// Whether a packet begins another connection on the same addresses and ports: a SYN after this one ended, or one
    /// with which the client begins anew, without the data that the server did not take with the first. Of a `bypassed`
    /// connection only the flags are known ([`Session::pass_by`]).
    pub fn is_reuse(&self, tcp: &Tcp<'_>, bypassed: bool) -> bool {
        let flags = tcp.flags();
        let ending = Flags(self.client.flags | self.server.flags).any(Flags::FIN | Flags::RST);
        let over = matches!(self.state, State::Closed | State::TimeWait) || bypassed && ending;
        let anew = self.state.is_new() && self.fast_open_refused && !Syn::opens_fast(tcp);
        (over || anew) && flags.has(Flags::SYN) && !flags.any(Flags::ACK | Flags::RST | Flags::FIN)
    }

    /// Where the connection is.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether the start of the connection was not seen.
    pub const fn is_midstream(&self) -> bool {
        self.midstream
    }

    /// Whether the other side has acknowledged bytes of this direction of which none was seen.
    pub fn start_lost(&self, dir: Dir) -> bool {
        let sender = self.half_ref(dir);
        sender.acked > 1 && sender.fin != Some(1) && sender.assembly.nothing_yet()
    }

    /// Whether a handshake was seen from its beginning to its end, from both sides.
    pub fn handshake_seen(&self) -> bool {
        let refused = self.reset_by.is_some_and(|(_, before)| before.is_new());
        !self.midstream && !self.one_sided && !self.state.is_new() && !refused
    }

    /// Bytes of the packet just pushed that must be rewritten to the copy that was let through before. Inline alone.
    pub fn rewrites(&self) -> &[Rewrite] {
        &self.rewrites
    }

    /// The next piece of one direction for the application layer; call until `None`. A gap counts as taken.
    pub fn app(&mut self, dir: Dir) -> Option<Chunk<'_>> {
        self.half(dir).assembly.app()
    }

    /// The application layer is done with so many of the bytes it got. The rest is handed out again, with what
    /// follows, once there are `need` unused bytes in all (0: as soon as there is anything new).
    pub fn app_used(&mut self, dir: Dir, bytes: usize, need: usize) {
        self.half(dir).assembly.app_used(bytes, need);
    }

    /// What the application layer left unused of a direction is handed out again, whether or not anything followed.
    pub fn app_again(&mut self, dir: Dir) {
        self.half(dir).assembly.app_again();
    }

    /// The application layer wants nothing more of a direction.
    pub fn app_stop(&mut self, dir: Dir) {
        self.half(dir).assembly.app_stop();
    }

    /// The bytes of a direction that are held, as text with a note where some are missing; `None` if none are.
    pub fn with_holes(&self, dir: Dir) -> Option<Vec<u8>> {
        self.half_ref(dir).assembly.with_holes()
    }

    /// Whether payload rules should look at a direction now.
    pub fn raw_due(&self, dir: Dir) -> bool {
        self.half_ref(dir).assembly.raw_due()
    }

    /// What payload rules should look at.
    pub fn raw(&mut self, dir: Dir) -> Raw<'_> {
        self.half(dir).assembly.raw()
    }

    /// Payload rules saw everything before this position of the stream ([`Raw::end`]).
    pub fn raw_done(&mut self, dir: Dir, upto: u64) {
        self.half(dir).assembly.raw_done(upto);
    }

    /// Makes what is visible due for payload rules.
    pub fn raw_flush(&mut self, dir: Dir) {
        self.half(dir).assembly.raw_flush();
    }

    /// Payload rules want nothing more of a direction.
    pub fn raw_stop(&mut self, dir: Dir) {
        self.half(dir).assembly.raw_stop();
    }

    /// Another depth for a direction than `stream.reassembly.depth`, in bytes; 0 for none.
    pub fn set_depth(&mut self, dir: Dir, depth: u64) {
        self.half(dir).assembly.set_depth(depth);
    }

    /// Whether a direction went beyond its depth, so that what follows is not looked at.
    pub fn depth_reached(&self, dir: Dir) -> bool {
        self.half_ref(dir).assembly.depth_reached
    }

    /// Whether everything that a direction has brought was looked at by whoever reads it.
    pub fn is_read(&self, dir: Dir) -> bool {
        self.half_ref(dir).assembly.is_read()
    }

    /// Whether nobody reads what a direction brings from now on: it lies beyond the depth, or both readers have stopped.
    pub fn is_deaf(&self, dir: Dir) -> bool {
        self.half_ref(dir).assembly.is_deaf()
    }

    /// How many sequence numbers a direction has used, SYN and FIN included (`stream_size`).
    pub fn size(&self, dir: Dir) -> u64 {
        u64::try_from(self.half_ref(dir).next).unwrap_or_default()
    }

    /// The flow ends: everything held becomes visible, acknowledged or not, and `last` is told.
    pub fn finish(&mut self) {
        self.client.assembly.finish();
        self.server.assembly.finish();
    }

    /// Client and server turn out to be the other way round.
    pub fn turn(&mut self) {
        std::mem::swap(&mut self.client, &mut self.server);
        self.reset_by = self.reset_by.map(|(by, before)| (by.flip(), before));
        self.state = match self.state {
            State::CloseWait => State::FinWait1,
            State::FinWait1 | State::FinWait2 => State::CloseWait,
            other => other,
        };
    }

    /// What it was like so far.
    pub fn summary(&self) -> Summary {
        let (client, server) = (&self.client, &self.server);
        let urgent = |half: &Half| u32::try_from(half.assembly.urgent.total()).unwrap_or(u32::MAX);
        Summary {
            flags: [client.flags, server.flags],
            state: self.state.name(),
            gap: [client.assembly.had_gap, server.assembly.had_gap],
            regions: [client.assembly.max_regions, server.assembly.max_regions],
            urgent: [urgent(client), urgent(server)],
        }
    }

    /// Brings the account of memory up to date: call it when readers are done with a packet.
    pub fn settle(&mut self, memory: &mut Memory) {
        let held = (self.client.assembly.held() + self.server.assembly.held()) as u64;
        memory.reassembly = memory.reassembly.saturating_sub(self.accounted) + held;
        self.accounted = held;
    }

    pub(super) const fn accounted(&self) -> u64 {
        self.accounted
    }

    pub(super) const fn half(&mut self, dir: Dir) -> &mut Half {
        match dir {
            Dir::ToServer => &mut self.client,
            Dir::ToClient => &mut self.server,
        }
    }

    pub(super) const fn half_ref(&self, dir: Dir) -> &Half {
        match dir {
            Dir::ToServer => &self.client,
            Dir::ToClient => &self.server,
        }
    }

    /// The sender of packets in `dir` and its peer.
    pub(super) const fn pair(&mut self, dir: Dir) -> (&mut Half, &mut Half) {
        match dir {
            Dir::ToServer => (&mut self.client, &mut self.server),
            Dir::ToClient => (&mut self.server, &mut self.client),
        }
    }

    /// Position of a packet's first byte.
    pub(super) fn start(&self, step: &Step<'_, '_, '_>) -> i64 {
        self.half_ref(step.dir).position(step.tcp.seq())
    }

    /// Position that a packet acknowledges, if it does.
    pub(super) fn ack(&self, step: &Step<'_, '_, '_>) -> Option<i64> {
        step.flags().has(Flags::ACK).then(|| self.half_ref(step.dir.flip()).position(step.tcp.ack()))
    }

    /// Puts the payload of a packet, whose first byte is at `start`, into the stream.
    pub(super) fn store(&mut self, start: i64, step: &mut Step<'_, '_, '_>) {
        let config = step.env.config;
        // Nothing that lies at the SYN or before belongs to the stream.
        let skip = usize::try_from(1 - start).unwrap_or_default().min(step.tcp.payload.len());
        let payload = step.tcp.payload.get(skip..).unwrap_or_default();
        let Ok(offset) = u64::try_from((start - 1).max(0)) else { return };
        if payload.is_empty() {
            step.note(Anomaly::StreamReassemblyInsertInvalid);
            return;
        }
        let room = Room {
            bytes: usize::try_from(config.reassembly.memcap.saturating_sub(step.env.memory.reassembly))
                .unwrap_or(usize::MAX),
            regions: config.reassembly.max_regions,
        };
        let mut rewrites = std::mem::take(&mut self.rewrites);
        let (sender, peer) = self.pair(step.dir);
        let done = sender.assembly.insert(offset, payload, room, &mut rewrites);
        // An answer has begun: what was asked is complete.
        peer.assembly.raw_flush();
        rewrites.iter_mut().for_each(|rewrite| rewrite.at += skip);
        self.rewrites = rewrites;
        step.out.payload_in_stream = done.in_stream;
        step.report(done);
    }

    /// What the urgent policy makes of a packet. `Ok(false)`: its payload is left out of the stream.
    pub(super) fn urgent(&mut self, start: i64, step: &mut Step<'_, '_, '_>) -> Result<bool, Refusal> {
        let pointer = i64::from(step.tcp.urgent());
        if !step.flags().has(Flags::URG) || pointer == 0 {
            return Ok(true);
        }
        let config = &step.env.config.reassembly;
        let mut policy = config.urgent;
        let urgent = &mut self.half(step.dir).assembly.urgent;
        if policy == UrgentPolicy::OutOfBand && urgent.total() >= config.urgent_limit {
            policy = config.urgent_limit_policy;
            step.env.note(Anomaly::StreamReassemblyUrgentOobLimitReached);
        }
        match policy {
            UrgentPolicy::Inline => {}
            UrgentPolicy::Gap => return Ok(false),
            UrgentPolicy::Drop if step.env.config.inline => return Err(Refusal::Drop(DropReason::StreamUrgent)),
            UrgentPolicy::Drop => return Ok(false),
            // The pointer names the byte after the urgent one (RFC 6093 §2.1: what all receivers do).
            UrgentPolicy::OutOfBand => {
                let assembly = &mut self.half(step.dir).assembly;
                if u64::try_from(start + pointer - 2).is_ok_and(|at| assembly.take_out(at)) {
                    step.env.counters.count(Counter::TcpUrgentOobData);
                }
            }
        }
        Ok(true)
    }
}

impl Step<'_, '_, '_> {
    /// Notes and counts what became of a segment.
    fn report(&mut self, done: Inserted) {
        let notes = [
            (done.before_base, Anomaly::StreamReassemblySegmentBeforeBaseSeq),
            (done.depth_reached, Anomaly::StreamReassemblyDepthReached),
            (done.invalid, Anomaly::StreamReassemblyInsertInvalid),
            (done.refused == Some(Refused::Limit), Anomaly::StreamReassemblyInsertLimit),
            (done.refused == Some(Refused::Memcap), Anomaly::StreamReassemblyInsertMemcap),
            (done.refused == Some(Refused::Memcap), Anomaly::StreamReassemblyNoSegment),
        ];
        for (_, anomaly) in notes.into_iter().filter(|(happened, _)| *happened) {
            self.note(anomaly);
        }
        if done.depth_reached {
            self.env.counters.count(Counter::TcpStreamDepthReached);
        }
        if done.overlap {
            self.env.counters.count(Counter::TcpOverlap);
        }
        if done.differs {
            self.env.counters.count(Counter::TcpOverlapDiffData);
            if self.env.config.reassembly.check_overlap {
                self.note(Anomaly::StreamReassemblyOverlapDifferentData);
            }
        }
        if done.refused == Some(Refused::Memcap) {
            self.env.counters.count(Counter::TcpSegmentMemcapDrop);
            self.out.trouble = Some((Trouble::ReassemblyMemcap, self.env.config.reassembly.memcap_policy));
        }
        self.report_gaps(done.gaps);
    }

    /// Notes and counts holes that were given up.
    pub(super) fn report_gaps(&mut self, gaps: u32) {
        if gaps > 0 {
            self.note(Anomaly::StreamReassemblySeqGap);
            self.env.counters.add(Counter::TcpReassemblyGap, u64::from(gaps));
        }
    }
}
