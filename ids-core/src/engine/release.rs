//! Which flows go to the kernel stage, and when they are taken back.
//!
//! A flow is released when nothing looks at its packets any more but to count them, which the kernel stage can do as
//! well: a rule, an exception policy or a setting has bypassed it, or it is *done*. It is done when nobody reads what it
//! brings (beyond the depth of its stream, encrypted, of no protocol that is looked into), and no rule looks at its
//! packets one by one. A direction of which something is still read is watched: whatever it brings is handed up, and
//! whatever opens or ends the connection or does not continue it as it should. So is data that looks as some rule wants
//! it. Records are the same with and without: a release only moves the counting.

use super::config::Release;
use super::visit::{self, Conn};
use super::worker::{Worker, quoted_ends};
use super::{Command, Config, Sink};
use crate::app::config::Encrypted;
use crate::app::state::Found;
use crate::detect::interest::lasting::{Standing, Wants};
use crate::detect::rule_set::{Generation, RuleSet};
use crate::field::Dir;
use crate::flow::release::{Taken, can_be_carried, up};
use crate::flow::{Action, Arrival, Entry, Flow, FlowId, State, Watch};
use crate::packet::Packet;
use crate::stream::{self, Session};
use crate::wire::ip_proto;

/// Whether settings bypass a flow from now on: beyond the depth of the stream in one direction (the first to reach it
/// triggers the bypass: `stream.bypass` in `suricata.yaml`), encrypted, or large.
pub(super) fn bypasses(config: &Config, flow: &Flow, session: Option<&Session>, encrypted: Option<Encrypted>) -> bool {
    let deep = |session: &Session| Dir::BOTH.into_iter().any(|dir| session.depth_reached(dir));
    let bytes = flow.counts.iter().fold(0u64, |sum, count| sum.saturating_add(count.bytes));
    config.stream.bypass && session.is_some_and(deep)
        || encrypted == Some(Encrypted::Bypass)
        || config.bypass_above.is_some_and(|most| bytes > most)
}

/// How long nothing new has come of a flow. What one direction brings may be looked at only when the other one is heard,
/// so that both must have been before a flow can be done.
#[derive(Debug, Default)]
pub(super) struct Lull {
    since: Option<Standstill>,
    heard: [bool; 2],
    /// Rules were asked, and want to see something.
    kept: bool,
}

/// What does not change while nothing new comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standstill {
    rules: Generation,
    proto: Found,
    transactions: u64,
    action: Action,
    session: Option<stream::State>,
    /// Directions of which nothing more is read.
    deaf: [bool; 2],
}

impl Lull {
    /// A packet came, and this is how things stand. Out: whether rules are to be asked.
    fn note(&mut self, now: Standstill, dir: Dir) -> bool {
        if self.since != Some(now) {
            *self = Self { since: Some(now), ..Self::default() };
        } else if let Some(heard) = self.heard.get_mut(dir.index()) {
            *heard = true;
        }
        !self.kept && (now.session.is_none() || self.heard == [true; 2])
    }
}

/// Whether it pays to release a flow again: one that the kernel stage keeps finding something in is taken back at once each
/// time, which costs more than it saves.
#[derive(Debug, Default)]
pub(super) struct Worth {
    /// Packets of the flow when it was released last; 0 if it never was.
    last: u64,
    /// How many it must have since until it is again.
    pause: u64,
}

/// Shortest and longest pause, in packets.
const PAUSES: (u64, u64) = (4, 256);

impl Worth {
    /// A flow with so many packets in all could be released. Out: whether to do it; the pause grows as long as the very next
    /// packet comes up again.
    fn pays(&mut self, packets: u64) -> bool {
        let since = packets.saturating_sub(self.last);
        if self.last > 0 && since <= self.pause {
            return false;
        }
        let in_vain = self.last > 0 && since == self.pause + 1;
        self.pause = if in_vain { (self.pause * 2).clamp(PAUSES.0, PAUSES.1) } else { 0 };
        self.last = packets;
        true
    }
}

/// What is still to be seen of a flow after a packet, if it is done.
fn done(config: &Config, entry: &mut Entry<Conn>, rules: &RuleSet, dir: Dir) -> Option<Watch> {
    let deaf = deaf(entry)?;
    let Entry { flow, tcp, data: Conn { app, detect, sealed, lull, .. } } = entry;
    let now = Standstill {
        rules: rules.generation(),
        proto: app.protocol(),
        transactions: app.tx_count(),
        action: flow.action,
        session: tcp.as_ref().map(|session| session.state()),
        deaf,
    };
    if !lull.note(now, dir) {
        return None;
    }
    let settled = match tcp {
        Some(session) => Dir::BOTH.into_iter().all(|dir| session.is_read(dir)),
        None => app.transactions().next().is_none(),
    };
    if !settled {
        return None;
    }
    let wants = match flow.action {
        Action::None => rules.wants(&Standing {
            flow,
            state: detect,
            app: visit::view(app, &[]),
            established: visit::established(flow, tcp.as_deref()),
            sealed: *sealed,
        }),
        Action::Pass | Action::Drop => Wants::default(),
    };
    let watch = watch(config, flow, deaf, &wants).filter(|_| !rules.follows_tags(detect));
    lull.kept = watch.is_none();
    watch
}

/// Of which directions nothing more is read; `None` if something is of both.
fn deaf(entry: &Entry<Conn>) -> Option<[bool; 2]> {
    let Entry { flow, tcp, data } = entry;
    if flow.action == Action::Drop {
        return None;
    }
    let deaf = match tcp {
        Some(session) if session.state() == stream::State::Established => {
            let [to_server, to_client] = data.sealed;
            let over =
                |dir: Dir| session.depth_reached(dir) || if dir == Dir::ToServer { to_server } else { to_client };
            Dir::BOTH.map(|dir| over(dir) && session.is_deaf(dir))
        }
        Some(_) => return None,
        None if flow.proto == ip_proto::TCP => return None,
        None => Dir::BOTH.map(|dir| flow.proto != ip_proto::UDP || !data.app.wants(dir)),
    };
    (deaf != [false; 2]).then_some(deaf)
}

/// What must be watched; `None` if the kernel stage cannot do what it takes, or would have nothing to carry. Where it sees
/// copies of what the network stack carries on, it adds nothing up: so rules on wrong checksums keep flows there. That a
/// segment with a wrong one is no part of its stream does not, as the network stack has no use for it either.
fn watch(config: &Config, flow: &Flow, deaf: [bool; 2], wants: &Wants) -> Option<Watch> {
    let tcp = flow.proto == ip_proto::TCP;
    let asked = tcp && wants.sums != [false; 2];
    if tcp && wants.bare != [false; 2] || asked && config.late {
        return None;
    }
    let sums = asked || tcp && config.stream.checksum_validation && !config.late;
    let again = tcp && (config.stream_anomalies || wants.again != [false; 2]);
    let data = Dir::BOTH.map(|dir| {
        let is = |dirs: [bool; 2]| dirs.get(dir.index()).copied().unwrap_or_default();
        // The first packet of a direction makes a flow established.
        let silent = flow.counts.get(dir.index()).is_none_or(|count| count.packets == 0);
        // Copies are not searched either.
        let sought = config.late && wants.looks.get(dir.index()).is_some_and(|look| look.seekers != 0);
        !is(deaf) || is(wants.data) || sought || !tcp && silent
    });
    (data != [true; 2]).then_some(Watch { data, looks: wants.looks, sums, again })
}

/// Whether packets of a flow are tunnels: what is in them belongs to other flows.
fn is_tunnel(config: &Config, flow: &Flow) -> bool {
    match flow.proto {
        ip_proto::UDP => config.decode.is_tunnel([flow.client.port, flow.server.port]),
        proto => matches!(proto, ip_proto::IPV4 | ip_proto::IPV6 | ip_proto::GRE),
    }
}

impl Worker {
    /// Releases a flow if nothing but its counts is of interest any more. `dir` is that of the latest packet.
    pub(super) fn release(&mut self, rules: &RuleSet, (id, dir): (FlowId, Dir), out: &mut impl Sink) {
        let config = &self.config;
        let Some(entry) = self.flows.get_mut(id) else { return };
        if !self.hits.is_empty() {
            // What matched may have left something behind that rules ask for.
            entry.flow.done = None;
        }
        if entry.flow.done.is_none() && config.release == Release::Done {
            entry.flow.done = done(config, entry, rules, dir);
        }
        let bypassed = entry.flow.state == State::Bypassed;
        let watch = if bypassed { Some(Watch::default()) } else { entry.flow.done };
        let Some(watch) = watch.filter(|_| match config.release {
            Release::Nothing => false,
            Release::Bypassed => bypassed,
            // How much a flow has carried in all is to be known, as long as that could bypass it.
            Release::Done => bypassed || config.bypass_above.is_none(),
        }) else {
            return;
        };
        let closed = entry.tcp.as_ref().is_some_and(|session| session.state().is_closed());
        // Where every packet is told of, none may stay in the kernel.
        let may_stay = !config.packets && !closed && !is_tunnel(config, &entry.flow);
        // Of a bypassed connection flags are enough.
        let followed = entry.tcp.as_ref().filter(|_| !bypassed);
        let pace = followed.map(|session| session.pace());
        let idle = self.flows.may_be_idle(id).unwrap_or_default();
        let Some(Entry { flow, data: Conn { worth, .. }, .. }) = self.flows.get_mut(id) else { return };
        let again = flow.released;
        let packets = flow.counts.iter().map(|count| count.packets).sum();
        let able = may_stay && !(again && bypassed) && can_be_carried(flow) && pace != Some(None);
        if able && (again || bypassed || worth.pays(packets)) {
            flow.released = true;
            let (mut watch, mut pace) = (watch, pace.flatten());
            if up(flow) == Dir::ToClient {
                watch = watch.turned();
                pace = pace.map(|[client, server]| [server, client]);
            }
            out.kernel(Command::Release { key: flow.key, idle, watch, pace, again });
        }
    }

    /// Takes back what is released of the flow that a packet belongs or refers to, if it is of more interest than by its
    /// size, or the flow's end may have come. What was on its way when its flow was released is none of that: it is looked
    /// at all the same.
    pub(super) fn recall(&mut self, packet: &Packet<'_>, arrival: &Arrival<'_>, out: &mut impl Sink) {
        if self.config.release == Release::Nothing {
            return;
        }
        let now = self.now.max(packet.time);
        self.flows.recall_before(&arrival.key, now, |flow, over| {
            let dir = if flow.client == arrival.src { Dir::ToServer } else { Dir::ToClient };
            let bypassed = flow.state == State::Bypassed;
            let watch = if bypassed { Watch::default() } else { flow.done.unwrap_or_default() };
            let wanted = over || watch.wants(packet, dir) || !bypassed && out.is_reopened(&flow.key);
            wanted.then(|| Taken(out.recall(&flow.key)))
        });
        if let Some((src, dst, proto)) = quoted_ends(packet) {
            let key = arrival.quoted_key(src, dst, proto);
            self.flows.recall_before(&key, now, |flow, over| {
                (over || flow.state != State::Bypassed).then(|| Taken(out.recall(&flow.key)))
            });
        }
    }

    /// Goes over to another rule set, if this is one: it may want what the one before did not.
    pub(super) fn adopt(&mut self, rules: &RuleSet, out: &mut impl Sink) {
        if self.generation != rules.generation() {
            self.generation = rules.generation();
            self.flows.recall_done(self.now, |flow| out.recall(&flow.key));
        }
    }
}

#[cfg(test)]
mod tests;
