//! Which flows go to the kernel stage, and when they are taken back.
//!
//! A flow is released when nothing looks at its packets any more but to count them, which the kernel stage can do as
//! well: a rule, an exception policy or a setting has bypassed it, or it is *done*. It is done when nobody reads what it
//! brings (beyond the depth of its stream, encrypted, of no protocol that is looked into), and no rule looks at its
//! packets one by one. A direction of which something is still read is watched: whatever it brings is handed up, and
//! whatever opens or ends the connection. Records are the same with and without: a release only moves the counting.

use super::config::Release;
use super::visit::{self, Conn};
use super::worker::{Worker, quoted_ends};
use super::{Command, Config, Sink};
use crate::app::config::Encrypted;
use crate::app::state::Found;
use crate::detect::interest::lasting::{Standing, Wants};
use crate::detect::rule_set::{Generation, RuleSet};
use crate::field::Dir;
use crate::flow::release::{can_be_carried, up};
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

/// What is still to be seen of a flow after a packet, if it is done.
fn done(entry: &mut Entry<Conn>, rules: &RuleSet, dir: Dir) -> Option<Watch> {
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
    let watch = watch(flow, deaf, &wants).filter(|_| !rules.follows_tags(detect));
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

/// Which directions must be watched; `None` if the kernel stage cannot do what it takes, or would have nothing to carry.
fn watch(flow: &Flow, deaf: [bool; 2], wants: &Wants) -> Option<Watch> {
    let tcp = flow.proto == ip_proto::TCP;
    if tcp && wants.bare != [false; 2] {
        return None;
    }
    let watched = Dir::BOTH.map(|dir| {
        let is = |dirs: [bool; 2]| dirs.get(dir.index()).copied().unwrap_or_default();
        // The first packet of a direction makes a flow established.
        let silent = flow.counts.get(dir.index()).is_none_or(|count| count.packets == 0);
        !is(deaf) || is(wants.data) || !tcp && silent
    });
    (watched != [true; 2]).then_some(Watch(watched))
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
        let held_to_be_valid = config.inline && config.stream.drop_invalid;
        let Some(entry) = self.flows.get_mut(id) else { return };
        if entry.flow.done.is_none() && (config.release == Release::Done || held_to_be_valid) {
            entry.flow.done = done(entry, rules, dir);
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
        let idle = self.flows.may_be_idle(id).unwrap_or_default();
        let Some(entry) = self.flows.get_mut(id) else { return };
        let flow = &mut entry.flow;
        if may_stay && !flow.released && can_be_carried(flow) {
            flow.released = true;
            let Watch([to_server, to_client]) = watch;
            let watch = if up(flow) == Dir::ToServer { [to_server, to_client] } else { [to_client, to_server] };
            out.kernel(Command::Release { key: flow.key, idle, watch });
        }
    }

    /// Takes back what is released of the flow that a packet belongs or refers to, if it is of more interest than by its
    /// size, or the flow's end may have come.
    pub(super) fn recall(&mut self, packet: &Packet<'_>, arrival: &Arrival<'_>, out: &mut impl Sink) {
        if self.config.release == Release::Nothing {
            return;
        }
        let now = self.now.max(packet.time);
        let needs = |flow: &Flow| {
            let dir = if flow.client == arrival.src { Dir::ToServer } else { Dir::ToClient };
            let watch = if flow.state == State::Bypassed { Watch::default() } else { flow.done.unwrap_or_default() };
            watch.wants(packet, dir)
        };
        self.flows.recall_before(&arrival.key, now, needs, |flow| out.recall(&flow.key));
        if let Some((src, dst, proto)) = quoted_ends(packet) {
            let key = arrival.quoted_key(src, dst, proto);
            let inspected = |flow: &Flow| flow.state != State::Bypassed;
            self.flows.recall_before(&key, now, inspected, |flow| out.recall(&flow.key));
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
