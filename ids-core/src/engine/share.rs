//! Several engines behind one port: whichever of them receives a packet, the engine of its flow inspects it.
//!
//! In: captured packets ([`Engine::share`]), and packets that other engines received ([`Engine::take_over`]).  Out: packets
//! that are others', through [`Peers`]; what this engine has to say on a captured packet ([`Owed`]), whose fate is known once
//! all parts that were handed over have come back ([`Engine::conclude`]).
//! A captured packet has several parts if it is a tunnel, or completes a datagram. Must not know threads and queues.

use super::rewrite::Edits;
use super::worker::Worker;
use super::{Engine, Route, Sink};
use crate::defrag;
use crate::detect::rule_set::RuleSet;
use crate::intake::Fragments;
use crate::packet::{Detached, Packet, PacketIn};
use crate::verdict::Verdict;

/// The other engines behind the port.
pub trait Peers {
    /// Which of them has the flows of a hash ([`Route`]); `None`: this engine has.
    fn owner(&self, hash: u64) -> Option<usize>;

    /// Hands a packet over, without waiting. It comes back, or the packet it is part of is lost: the other side knows.
    fn hand_over(&mut self, to: usize, packet: &Packet<'_>, claim: Claim);
}

/// Whose a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The engine's that has it.
    Own,
    /// An ICMP error: the engine's that has it if it knows the flow that is quoted, else that of this hash.
    IfQuoted(u64),
}

/// What is to become of a captured packet, as far as it is known.
#[derive(Debug, Default)]
pub struct Owed {
    pub(super) verdict: Verdict,
    pub(super) edits: Edits,
    /// Datagrams that it completed.
    pub(super) datagrams: Vec<defrag::Key>,
}

impl Owed {
    /// Adds what another engine has to say.
    pub fn add(&mut self, part: &mut Part) {
        self.verdict = self.verdict.and(part.verdict);
        self.edits.append(&mut part.edits);
    }
}

/// One packet on its way to the engine of its flow and back.
#[derive(Debug)]
pub struct Part {
    packet: Detached,
    bytes: Vec<u8>,
    claim: Claim,
    verdict: Verdict,
    edits: Edits,
}

impl Part {
    /// A copy of a packet.
    pub fn new(packet: &Packet<'_>, claim: Claim) -> Self {
        let (bytes, edits) = (packet.bytes.to_vec(), Edits::default());
        Self { packet: packet.into(), bytes, claim, verdict: Verdict::Accept, edits }
    }

    /// The same in memory that is not used any more.
    pub fn renew(&mut self, packet: &Packet<'_>, claim: Claim) {
        self.bytes.clear();
        self.bytes.extend_from_slice(packet.bytes);
        (self.packet, self.claim, self.verdict) = (packet.into(), claim, Verdict::Accept);
    }

    /// Number of the captured packet that it is, or came out of.
    pub const fn id(&self) -> u64 {
        self.packet.id()
    }
}

impl Engine {
    /// Takes one captured packet, as [`Engine::push`] does, but packets in it that are others' are handed over.
    pub fn share(
        &mut self,
        rules: &RuleSet,
        packet: &PacketIn<'_>,
        peers: &mut impl Peers,
        out: &mut impl Sink,
    ) -> Owed {
        self.take_in(packet, |worker, packet| match home(worker, packet, peers) {
            None => worker.packet(rules, packet, packet.time, out),
            Some((other, claim)) => {
                peers.hand_over(other, packet, claim);
                Verdict::Accept
            }
        })
    }

    /// Takes a packet that another engine received. Out: the engine that it goes on to, if it is not this one's; else the
    /// part holds what is to become of it.
    pub fn take_over(
        &mut self,
        rules: &RuleSet,
        part: &mut Part,
        peers: &impl Peers,
        out: &mut impl Sink,
    ) -> Option<usize> {
        let mut packet = part.packet.with(&part.bytes);
        if let Claim::IfQuoted(own) = part.claim
            && !self.worker.knows_quoted(&packet, packet.time)
            && let Some(other) = peers.owner(own)
        {
            part.claim = Claim::Own;
            return Some(other);
        }
        let time = packet.time;
        part.verdict = self.worker.packet(rules, &mut packet, time, out);
        part.edits = self.worker.take_edits();
        None
    }

    /// The fragments that wait for others.
    pub fn fragments(&self) -> Fragments {
        self.intake.fragments()
    }

    /// From now on fragments wait together with those of another engine behind the port.
    pub fn join(&mut self, fragments: Fragments) {
        self.intake.join(fragments);
    }
}

/// The engine that a packet is to be handed over to.
fn home(worker: &mut Worker, packet: &Packet<'_>, peers: &impl Peers) -> Option<(usize, Claim)> {
    let route = Route::of(packet, &worker.config.flow);
    if let Some(quoted) = route.quoted {
        match peers.owner(quoted) {
            Some(other) => return Some((other, Claim::IfQuoted(route.own))),
            None if worker.knows_quoted(packet, packet.time) => return None,
            None => {}
        }
    }
    peers.owner(route.own).map(|other| (other, Claim::Own))
}
