//! Before the connection is established: what a packet means when nothing, a SYN, or a SYN/ACK was seen.
//!
//! Source: RFC 9293 §3.5 and §3.10.7; data on SYN: RFC 7413; simultaneous open ("4-way"): RFC 9293 figure 8.

use super::half::LARGEST_WINDOW;
use super::session::{Session, State};
use super::{Policy, Refusal, Step, Taken};
use crate::anomaly::Anomaly;
use crate::counters::Counter;
use crate::exception::Trouble;
use crate::field::Dir;
use crate::wire::tcp::{Flags, Tcp};

/// What a SYN said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Syn {
    isn: u32,
    window: u16,
    scale: Option<u8>,
    stamp: Option<u32>,
    /// Bytes of data that came with a fast open cookie.
    data: u32,
}

impl Syn {
    fn of(tcp: &Tcp<'_>) -> Self {
        let data = if has_fast_open(tcp) { u32::try_from(tcp.payload.len()).unwrap_or_default() } else { 0 };
        let stamp = tcp.timestamps().map(|(value, _)| value);
        Self { isn: tcp.seq(), window: tcp.window(), scale: tcp.window_scale(), stamp, data }
    }

    /// Whether an acknowledgment number answers this SYN, with or without its data.
    const fn is_answered_by(&self, ack: u32) -> bool {
        ack.wrapping_sub(self.isn.wrapping_add(1)) <= self.data
    }

    /// Whether it carries data in a way that the server may take.
    pub(super) fn opens_fast(tcp: &Tcp<'_>) -> bool {
        Self::of(tcp).data > 0
    }
}

/// What a SYN/ACK said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SynAck {
    syn: Syn,
    ack: u32,
}

/// Whether a SYN carries a fast open cookie: option 34, or the experimental option 254 with its magic number.
fn has_fast_open(tcp: &Tcp<'_>) -> bool {
    tcp.options().any(|(kind, data)| match (kind, data) {
        (34, cookie) => !cookie.is_empty(),
        (254, [0xf9, 0x89, cookie @ ..]) => !cookie.is_empty(),
        _ => false,
    })
}

impl Session {
    /// A packet of a flow that has no session: begins one where that is possible.
    pub(super) fn begin(step: &mut Step<'_, '_, '_>, policies: impl FnOnce() -> [Policy; 2]) -> Option<Box<Self>> {
        let flags = step.flags();
        if flags.has(Flags::RST) {
            step.note(Anomaly::StreamRstButNoSession);
            return None;
        }
        if flags.has(Flags::FIN) && !flags.has(Flags::SYN) {
            step.note(Anomaly::StreamFinButNoSession);
            return None;
        }
        if !flags.any(Flags::SYN | Flags::ACK) {
            return None;
        }
        if !step.is_syn() {
            step.out.trouble = Some((Trouble::Midstream, step.env.config.midstream_policy));
            if !step.env.config.midstream {
                return None;
            }
        }
        let mut session = Self::allocate(step, policies)?;
        session.half(step.dir).flags |= flags.0;
        if step.is_syn() {
            session.take_syn(step);
        } else if step.is_synack() {
            session.begin_at_synack(step);
        } else {
            session.begin_midstream(step);
        }
        session.conclude(State::None, Ok(()), step);
        Some(session)
    }

    /// A new session, if there is memory for it.
    fn allocate(step: &mut Step<'_, '_, '_>, policies: impl FnOnce() -> [Policy; 2]) -> Option<Box<Self>> {
        let env = &mut *step.env;
        if env.memory.session_bytes() + size_of::<Self>() as u64 > env.config.memcap {
            env.counters.count(Counter::TcpSsnMemcapDrop);
            step.out.trouble = Some((Trouble::SessionMemcap, env.config.memcap_policy));
            return None;
        }
        env.memory.sessions += 1;
        env.counters.count(Counter::TcpSessions);
        Some(Box::new(Self::new(env, policies())))
    }

    /// A SYN is in force: the first one, or a different one.
    fn take_syn(&mut self, step: &mut Step<'_, '_, '_>) {
        let syn = Syn::of(step.tcp);
        self.use_syn(syn);
        self.syns.push(syn);
        self.client.stamps.take(step.tcp, step.facts.time);
        self.state = State::SynSent;
        self.fast_open |= syn.data > 0;
        if syn.data > 0 {
            self.client.next += i64::from(syn.data);
            self.store(1, step);
        }
    }

    /// Begins the client's sequence space with a SYN.
    fn use_syn(&mut self, syn: Syn) {
        self.client.open(syn.isn);
        self.client.window = i64::from(syn.window);
        self.client.scale = syn.scale.unwrap_or_default();
    }

    /// The first packet is a SYN/ACK: the client's SYN went another way, or before the sensor looked.
    fn begin_at_synack(&mut self, step: &mut Step<'_, '_, '_>) {
        step.env.counters.count(Counter::TcpMidstreamPickups);
        self.midstream = true;
        self.client.open(step.tcp.ack().wrapping_sub(1));
        self.client.window = LARGEST_WINDOW;
        self.take_synack(step);
        // Whether the client offered a window shift is unknown; the server offers one in answer alone.
        self.client.scale = 14;
        self.server.scale = step.tcp.window_scale().unwrap_or_default();
    }

    /// The first packet is from the middle of a connection.
    fn begin_midstream(&mut self, step: &mut Step<'_, '_, '_>) {
        step.env.counters.count(Counter::TcpMidstreamPickups);
        self.midstream = true;
        let (sender, peer) = self.pair(step.dir);
        for half in [&mut *sender, &mut *peer] {
            half.scale = 14;
            half.window = LARGEST_WINDOW;
        }
        sender.open(step.tcp.seq().wrapping_sub(1));
        peer.open(step.tcp.ack().wrapping_sub(1));
        sender.acked = 1;
        sender.grant(1 + step.len(), LARGEST_WINDOW);
        peer.grant(1, LARGEST_WINDOW);
        self.state = State::Established;
        self.accept(step);
    }

    /// After a SYN.
    pub(super) fn syn_sent(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        if step.dir == Dir::ToClient {
            self.check_echo(step)?;
        }
        match step.dir {
            _ if step.flags().has(Flags::RST) => self.syn_sent_reset(step),
            _ if step.is_synack() => self.syn_sent_synack(step),
            _ if step.is_syn() => self.syn_sent_syn(step),
            Dir::ToServer => self.syn_sent_ack(step),
            Dir::ToClient => Err(Refusal::Invalid),
        }
    }

    /// A server's first packet may echo nothing (0) or a timestamp that the client sent.
    fn check_echo(&self, step: &mut Step<'_, '_, '_>) -> Taken {
        let Some((_, echo)) = step.tcp.timestamps() else { return Ok(()) };
        if echo == 0 || self.syns.iter().any(|syn| syn.stamp == Some(echo)) {
            return Ok(());
        }
        step.note(Anomaly::StreamPktInvalidTimestamp);
        Err(Refusal::Invalid)
    }

    /// The server refuses the connection. A client that gives up sends nothing: its reset answers something else.
    fn syn_sent_reset(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        if step.dir == Dir::ToServer {
            return Ok(());
        }
        let answers = self.syns.iter().any(|syn| syn.is_answered_by(step.tcp.ack()));
        if !step.flags().has(Flags::ACK) || !answers {
            step.note(Anomaly::StreamPktInvalidAck);
            step.note(Anomaly::StreamRstInvalidAck);
            return Err(Refusal::Invalid);
        }
        self.reset_by = Some((step.dir, self.state));
        self.state = State::Closed;
        Ok(())
    }

    fn syn_sent_synack(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        if self.four_way {
            return self.four_way_synack(step);
        }
        if step.dir == Dir::ToServer {
            step.note(Anomaly::StreamHandshakeSynackInWrongDirection);
            return Err(Refusal::Invalid);
        }
        let Some(syn) = self.syns.iter().rev().find(|syn| syn.is_answered_by(step.tcp.ack())).copied() else {
            step.note(Anomaly::StreamHandshakeSynackWithWrongAck);
            return Err(Refusal::Invalid);
        };
        if syn.isn != self.client.isn() {
            self.client.assembly.refuse_all();
            self.use_syn(syn);
        }
        if syn.data > 0 && step.tcp.ack() == syn.isn.wrapping_add(1) {
            step.note(Anomaly::StreamHandshakeSynackTfoDataIgnored);
            self.client.assembly.refuse_all();
            self.client.next = 1;
            self.fast_open = false;
            self.fast_open_refused = true;
        }
        self.take_synack(step);
        Ok(())
    }

    /// A SYN/ACK is in force.
    fn take_synack(&mut self, step: &mut Step<'_, '_, '_>) {
        let synack = SynAck { syn: Syn::of(step.tcp), ack: step.tcp.ack() };
        self.synacks.retain(|known| *known != synack);
        self.synacks.push(synack);
        self.use_synack(synack);
        self.server.stamps.take(step.tcp, step.facts.time);
        self.state = State::SynRecv;
        if self.fast_open && !step.tcp.payload.is_empty() {
            self.server.next += step.len();
            self.store(1, step);
        }
    }

    /// Begins the server's sequence space with a SYN/ACK.
    fn use_synack(&mut self, synack: SynAck) {
        self.server.open(synack.syn.isn);
        self.server.window = i64::from(synack.syn.window);
        self.server.scale = synack.syn.scale.unwrap_or_default();
        self.server.grant(1, self.client.window);
        let ack = self.client.position(synack.ack);
        self.client.acknowledge(ack, self.server.window);
    }

    fn syn_sent_syn(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        if step.dir == Dir::ToClient {
            self.four_way = true;
            self.server.open(step.tcp.seq());
            self.server.window = i64::from(step.tcp.window());
            self.server.scale = step.tcp.window_scale().unwrap_or_default();
            self.server.stamps.take(step.tcp, step.facts.time);
            self.server.grant(1, self.client.window);
            self.client.grant(1, self.server.window);
            return Ok(());
        }
        let syn = Syn::of(step.tcp);
        if self.syns.contains(&syn) {
            return Ok(());
        }
        if self.syns.len() > step.env.config.max_syn_queued {
            // The real one may be any of them; those of long ago are the least likely.
            step.note(Anomaly::StreamHandshakeSynFlood);
            self.syns.remove(0);
        }
        if syn.isn != self.client.isn() {
            self.client.assembly.refuse_all();
        }
        self.take_syn(step);
        Ok(())
    }

    /// The client goes on though no SYN/ACK was seen. Unless one-sided connections are followed this says nothing of the
    /// connection; the packet is inspected by itself.
    fn syn_sent_ack(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        if !step.flags().has(Flags::ACK) {
            return Err(Refusal::Invalid);
        }
        if !step.env.config.async_oneside {
            return Ok(());
        }
        if self.start(step) != self.client.next {
            step.note(Anomaly::StreamHandshakeAsyncWrongSeq);
            return Err(Refusal::Invalid);
        }
        self.one_sided = true;
        self.server.open(step.tcp.ack().wrapping_sub(1));
        self.client.assembly.one_sided();
        self.server.assembly.one_sided();
        self.establish();
        self.established(step)
    }

    /// After both sides sent a SYN: each answers the other's.
    fn four_way_synack(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        let (sender, peer) = self.pair(step.dir);
        if step.tcp.ack() != peer.isn().wrapping_add(1) {
            step.note(Anomaly::StreamFourWaySynackWithWrongAck);
            return Err(Refusal::Invalid);
        }
        if step.tcp.seq() != sender.isn() {
            step.note(Anomaly::StreamFourWaySynackWithWrongSyn);
            return Err(Refusal::Invalid);
        }
        let window = i64::from(step.tcp.window());
        peer.acknowledge(1, window);
        self.state = State::SynRecv;
        Ok(())
    }

    /// After a SYN/ACK.
    pub(super) fn syn_recv(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        if step.flags().has(Flags::RST) {
            return self.reset(step);
        }
        if step.is_synack() {
            return if self.four_way { self.four_way_synack(step) } else { self.syn_recv_synack(step) };
        }
        if step.is_syn() {
            return self.syn_recv_syn(step);
        }
        if !step.flags().has(Flags::ACK) {
            return Err(Refusal::Invalid);
        }
        match step.dir {
            _ if self.four_way => self.four_way_ack(step),
            Dir::ToServer => self.syn_recv_ack(step),
            Dir::ToClient => self.syn_recv_from_server(step),
        }
    }

    fn syn_recv_synack(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        if step.dir == Dir::ToServer {
            step.note(Anomaly::StreamHandshakeSynackToserverOnSynRecv);
            return Err(Refusal::Invalid);
        }
        let answers = self.syns.last().is_none_or(|syn| syn.is_answered_by(step.tcp.ack()));
        if !answers || (self.midstream && self.synacks.iter().any(|known| known.ack != step.tcp.ack())) {
            step.note(Anomaly::StreamHandshakeSynackResendWithDiffAck);
            return Err(Refusal::Invalid);
        }
        if self.synacks.iter().any(|known| known.syn.isn == step.tcp.seq()) {
            return Ok(());
        }
        step.note(Anomaly::StreamHandshakeSynackResendWithDiffSeq);
        if self.synacks.len() > step.env.config.max_synack_queued {
            step.note(Anomaly::StreamHandshakeSynackFlood);
            return Err(Refusal::Invalid);
        }
        // Which one the client took shows in its acknowledgment.
        self.synacks.push(SynAck { syn: Syn::of(step.tcp), ack: step.tcp.ack() });
        Ok(())
    }

    fn syn_recv_syn(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        if step.dir == Dir::ToClient {
            step.note(Anomaly::StreamHandshakeSynToclientOnSynRecv);
            return Err(Refusal::Invalid);
        }
        if step.tcp.seq() != self.client.isn() {
            step.note(Anomaly::StreamHandshakeSynResendDiffSeqOnSynRecv);
            return Err(Refusal::Invalid);
        }
        // The client did not take the SYN/ACK: the handshake begins again.
        self.state = State::SynSent;
        self.syn_sent_syn(step)
    }

    /// The client answers the SYN/ACK.
    fn syn_recv_ack(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        let chosen = self.synacks.iter().find(|known| known.syn.isn.wrapping_add(1) == step.tcp.ack()).copied();
        if let Some(synack) = chosen.filter(|synack| synack.syn.isn != self.server.isn()) {
            self.use_synack(synack);
        }
        let ack = self.server.position(step.tcp.ack());
        let right_ack = chosen.is_some() || (1..=self.server.next).contains(&ack);
        let start = self.start(step);
        let right_start = start == self.client.next;
        match (right_start, right_ack) {
            (true, false) => step.note(Anomaly::StreamHandshakeRightSeqWrongAckEvasion),
            (false, false) => step.note(Anomaly::StreamHandshakeWrongSeqWrongAck),
            // Packets in between were lost on the way to the sensor.
            (false, true) if start < 1 || !self.client.may_send(start, step.len()) => {
                step.note(Anomaly::StreamHandshakeWrongSeqWrongAck);
            }
            _ => {
                self.establish();
                return self.established(step);
            }
        }
        Err(Refusal::Invalid)
    }

    /// The server goes on before the client answered its SYN/ACK.
    fn syn_recv_from_server(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        if self.fast_open || self.midstream {
            self.establish();
            return self.established(step);
        }
        if step.env.config.inline && !step.tcp.payload.is_empty() {
            step.note(Anomaly::StreamHandshakeAckDataInject);
            return Err(Refusal::Drop(crate::verdict::DropReason::StreamError));
        }
        step.note(Anomaly::StreamHandshakeAckInWrongDir);
        Err(Refusal::Invalid)
    }

    fn four_way_ack(&mut self, step: &mut Step<'_, '_, '_>) -> Taken {
        if self.start(step) != self.half_ref(step.dir).next {
            step.note(Anomaly::StreamFourWayWrongSeq);
            return Err(Refusal::Invalid);
        }
        if self.ack(step) != Some(1) {
            step.note(Anomaly::StreamFourWayInvalidAck);
            return Err(Refusal::Invalid);
        }
        self.establish();
        self.established(step)
    }

    /// The handshake is done: window shifts and timestamps hold if both sides offered them (RFC 7323 §2.2, §3.2).
    fn establish(&mut self) {
        self.state = State::Established;
        let unknown = self.midstream || self.four_way || self.one_sided;
        let (syn, answer) = (self.syns.last(), self.synacks.last().map(|synack| &synack.syn));
        let both = |offers: fn(&Syn) -> bool| unknown || (syn.is_some_and(offers) && answer.is_some_and(offers));
        let (scales, stamps) = (both(|syn| syn.scale.is_some()), both(|syn| syn.stamp.is_some()));
        for half in [&mut self.client, &mut self.server] {
            if !scales {
                half.scale = 0;
            }
            if !stamps {
                half.stamps.ignore();
            }
        }
        self.syns.clear();
        self.synacks.clear();
    }
}
