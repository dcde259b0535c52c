//! What follows from the rules that matched: alerts, the verdict, answers to rejected packets, commands for the
//! kernel stage.

use std::time::Duration;

use super::context::{self, Known};
use super::{Command, Config, Sink};
use crate::counters::{Counter, Counters};
use crate::detect::hits::{Decision, Findings, Hit, Hits};
use crate::detect::rule::{Block, RuleInfo, Scope as BlockScope};
use crate::detect::rule_set::{RuleSet, Scope};
use crate::detect::state::AppState;
use crate::event::{Alert, Dropped, Event, Tagged, TxAt, VerdictInfo};
use crate::field::Dir;
use crate::flow::{Action, Flow};
use crate::packet::{Packet, Transport};
use crate::reject::{self, Side};
use crate::verdict::{DropReason, RejectTo, Verdict};

/// Where the matches happened.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a, 'p> {
    pub(super) packet: &'a Packet<'p>,
    pub(super) known: Option<Known<'a>>,
    /// `None` for packets without a flow, and at the end of one.
    pub(super) dir: Option<Dir>,
    /// Stream data that rules matched on.
    pub(super) stream: &'a [u8],
    /// Both addresses are those of the hosts that sent the packets: the packet belongs to a TCP connection whose
    /// handshake was seen whole, and came out of no tunnel, in which anybody can write both sides of one.
    pub(super) proven: bool,
}

/// How long a dropped flow stays in the kernel's map where no policy says otherwise.
const FLOW_BLOCK: Duration = Duration::from_secs(600);

/// Tells the alerts and carries out what was decided. Out: the verdict on the packet.
#[allow(clippy::too_many_arguments, reason = "each is another part of the worker")]
pub(super) fn packet(
    config: &Config,
    rules: &RuleSet,
    setting: &Setting<'_, '_>,
    hits: &Hits,
    decision: &Decision,
    app: Option<&AppState>,
    counters: &mut Counters,
    out: &mut impl Sink,
) -> Verdict {
    let verdict = VerdictInfo {
        dropped: decision.drop.is_some(),
        passed: decision.pass.is_some(),
        reject: decision.reject.map(|(_, to)| to),
    };
    for hit in hits.alerts() {
        alert(rules, setting, (hit, hits.findings(hit.rule)), app, verdict, out);
    }
    if hits.tagged() {
        let context = context::of_packet(setting.packet, setting.known, setting.dir);
        out.event(Event::Tagged(Tagged { context, packet: setting.packet }));
    }
    if let Some((_, to)) = decision.reject {
        rejected(config, setting.packet, to, counters, out);
    }
    match decision.drop {
        Some((rule, scope, reason)) => {
            counters.count(Counter::IpsBlocked);
            counters.dropped(reason);
            let rule = rules.info(rule);
            block(setting, rule, scope, out);
            let context = context::of_packet(setting.packet, setting.known, setting.dir);
            let reject = decision.reject.map(|(_, to)| to);
            out.event(Event::Drop(Dropped { context, packet: setting.packet, reason, rule, reject }));
            Verdict::Drop(reason)
        }
        None => {
            if config.inline && setting.dir.is_some() {
                counters.count(Counter::IpsAccepted);
            }
            Verdict::Accept
        }
    }
}

/// A packet that is dropped before rules see it; `reject` says who is told.
pub(super) fn refused(
    config: &Config,
    setting: &Setting<'_, '_>,
    reason: DropReason,
    reject: Option<RejectTo>,
    counters: &mut Counters,
    out: &mut impl Sink,
) {
    counters.count(Counter::IpsBlocked);
    counters.dropped(reason);
    if let Some(to) = reject {
        rejected(config, setting.packet, to, counters, out);
    }
    let context = context::of_packet(setting.packet, setting.known, setting.dir);
    let packet = setting.packet;
    out.event(Event::Drop(Dropped { context, packet, reason, rule: None, reject }));
}

/// Counts a rejected packet and answers it.
pub(super) fn rejected(
    config: &Config,
    packet: &Packet<'_>,
    to: RejectTo,
    counters: &mut Counters,
    out: &mut impl Sink,
) {
    counters.count(Counter::IpsRejected);
    answer(packet, to, config.arrive(), out);
}

/// Takes over on the flow what was decided for the rest of it.
pub(super) fn mark(flow: &mut Flow, decision: &Decision, inline: bool) {
    match (decision.pass, decision.drop) {
        (Some(Scope::Flow), _) => flow.action = Action::Pass,
        (None, Some((_, Scope::Flow, _))) if inline => flow.action = Action::Drop,
        // Who is told gives the flow up, though nothing holds its packets back.
        (None, None) if matches!(decision.reject, Some((Scope::Flow, _))) => flow.action = Action::Drop,
        _ => {}
    }
}

fn alert(
    rules: &RuleSet,
    setting: &Setting<'_, '_>,
    (hit, findings): (&Hit, Option<&Findings>),
    app: Option<&AppState>,
    verdict: VerdictInfo,
    out: &mut impl Sink,
) {
    let Some(rule) = rules.info(hit.rule) else { return };
    let brought = || app?.newest(hit.dir).filter(|_| on_datagram(rules, setting, hit));
    let tx = hit.tx.or_else(brought).and_then(|id| {
        let (protocol, tx) = app?.transaction(id)?;
        Some(TxAt { id, protocol, tx })
    });
    let context = match (setting.dir, setting.known) {
        (None, Some(known)) => context::at_end(setting.packet, known, hit.dir),
        _ => context::of_packet(setting.packet, setting.known, setting.dir),
    };
    out.event(Event::Alert(Alert {
        context,
        rule,
        blocked: hit.blocked,
        findings,
        tx,
        frame: hit.frame.and_then(|id| app?.frame(hit.dir, id)),
        tx_guessed: false,
        payload: if hit.stream { setting.stream } else { setting.packet.payload() },
        stream: hit.stream,
        packet: Some(setting.packet),
        verdict,
    }));
}

/// Whether a rule on an application protocol matched on a datagram as such: what that brought is shown with it.
fn on_datagram(rules: &RuleSet, setting: &Setting<'_, '_>, hit: &Hit) -> bool {
    let udp = setting.packet.layers.transport == Transport::Udp && setting.dir.is_some();
    udp && hit.frame.is_none() && rules.names_protocols(hit.rule)
}

/// Sends resets or unreachables.
fn answer(packet: &Packet<'_>, to: RejectTo, arrives: bool, out: &mut impl Sink) {
    let sides: &[Side] = match to {
        RejectTo::Source => &[Side::Sender],
        RejectTo::Destination => &[Side::Receiver],
        RejectTo::Both => &[Side::Sender, Side::Receiver],
    };
    // Rejects are rare: the memory is not kept.
    let mut memory = Vec::new();
    for side in sides {
        if let Some(frame) = reject::frame(packet, *side, arrives, &mut memory) {
            out.inject(packet.port, *side, frame);
        }
    }
}

/// Tells the kernel stage: what a policy says for the rule, and the flow where the drop is for all of it.
fn block(setting: &Setting<'_, '_>, rule: Option<&RuleInfo>, scope: Scope, out: &mut impl Sink) {
    let (Some(rule), Some(known)) = (rule, setting.known) else { return };
    let flow = |ttl| Command::BlockFlow { key: known.flow.key, port: setting.packet.port, ttl, sid: rule.sid };
    let addresses = setting.packet.addresses();
    let policy = rule.block.map(|block| (block.scope, block));
    let command = match (policy, addresses) {
        (Some((BlockScope::Source, Block { ttl, spoofable, .. })), Some((addr, _)))
        | (Some((BlockScope::Destination, Block { ttl, spoofable, .. })), Some((_, addr))) => {
            let spoofable = !setting.proven && !spoofable;
            out.kernel(Command::BlockHost { addr, ttl, sid: rule.sid, spoofable });
            (scope == Scope::Flow).then(|| flow(FLOW_BLOCK))
        }
        (Some((BlockScope::Flow, Block { ttl, .. })), _) => Some(flow(ttl)),
        _ => (scope == Scope::Flow).then(|| flow(FLOW_BLOCK)),
    };
    if let Some(command) = command {
        out.kernel(command);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use etherparse::PacketBuilder;

    use super::super::fixtures::{self, Carrier, segment};
    use super::super::{Command, Engine};
    use crate::app::App;
    use crate::detect::compile::Loader;
    use crate::detect::rule::{Block, Scope};
    use crate::detect::settings::{BlockOn, Settings};
    use crate::detect::shared::Shared;
    use crate::rules;

    /// Whether the sender of the last frame is to be blocked, and whether its address may be forged.
    fn asked(policy: bool, frames: &[Vec<u8>]) -> Option<bool> {
        let block = Block { scope: Scope::Source, ttl: Duration::from_secs(1), spoofable: policy };
        let settings = Settings { blocks: vec![(BlockOn::Sid(1), block)], ..Settings::default() };
        let parsed = rules::parse("drop ip any any -> any any (content:\"evil\"; sid:1;)");
        let rules = parsed.rules.into_iter().map(|rule| (0, rule));
        let rules = Loader::default().compile(rules, &settings).unwrap().rules;
        let mut config = fixtures::inline();
        // Rules also see packets that are no valid part of their connection.
        config.stream.drop_invalid = false;
        let mut engine = Engine::new(Arc::new(config), Arc::new(App::default()), Shared::default());
        let mut told = fixtures::Told::default();
        for (id, frame) in frames.iter().enumerate() {
            told = fixtures::push(&mut engine, &rules, id as u64 + 1, &mut frame.clone());
        }
        told.commands.iter().find_map(|command| match command {
            Command::BlockHost { spoofable, .. } => Some(*spoofable),
            _ => None,
        })
    }

    #[test]
    fn an_address_is_proven_by_a_handshake_alone() {
        let handshake = |carrier| {
            vec![
                segment(carrier, true, "S", 100, 0, b""),
                segment(carrier, false, "SA", 500, 101, b""),
                segment(carrier, true, "A", 101, 501, b""),
            ]
        };
        let evil = |carrier| segment(carrier, true, "PA", 101, 501, b"evil");
        let mut datagram = Vec::new();
        let ether = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
        ether.udp(1, 2).write(&mut datagram, b"evil").unwrap();
        for (name, mut frames, last, want) in [
            ("a whole handshake", handshake(Carrier::V4), evil(Carrier::V4), Some(false)),
            ("over IPv6", handshake(Carrier::V6), evil(Carrier::V6), Some(false)),
            (
                "in a tunnel, where one host writes both sides",
                handshake(Carrier::Vxlan),
                evil(Carrier::Vxlan),
                Some(true),
            ),
            ("no handshake", vec![], evil(Carrier::V4), Some(true)),
            ("a SYN with data", vec![], segment(Carrier::V4, true, "S", 100, 0, b"evil"), Some(true)),
            ("the server never answered", handshake(Carrier::V4)[..1].to_vec(), evil(Carrier::V4), Some(true)),
            (
                "the client never answered",
                handshake(Carrier::V4)[..2].to_vec(),
                segment(Carrier::V4, true, "PA", 101, 77, b"evil"),
                Some(true),
            ),
            ("a datagram", vec![], datagram, Some(true)),
            ("a datagram of another matter", vec![], segment(Carrier::V4, true, "S", 100, 0, b"good"), None),
        ] {
            frames.push(last);
            assert_eq!(asked(false, &frames), want, "{name}");
            assert_eq!(asked(true, &frames), want.map(|_| false), "{name}, where the policy does not mind");
        }
    }

    #[test]
    fn a_receiver_is_reset_behind_what_arrived_and_late_drops_are_of_flows() {
        let parsed = rules::parse("rejectdst tcp any any -> any any (dsize:4; sid:1;)");
        let rules = parsed.rules.into_iter().map(|rule| (0, rule));
        let rules = Loader::default().compile(rules, &Settings::default()).unwrap().rules;
        for (name, inline, late, seq, blocks) in
            [("inline", true, false, 101, 0), ("late", true, true, 105, 1), ("passive", false, false, 105, 0)]
        {
            let config = super::Config { inline, late, ..fixtures::inline() };
            let mut engine = Engine::new(Arc::new(config), Arc::new(App::default()), Shared::default());
            let mut told = fixtures::Told::default();
            let packets = [
                (true, "S", 100, 0, &b""[..]),
                (false, "SA", 500, 101, b""),
                (true, "A", 101, 501, b""),
                (true, "PA", 101, 501, b"evil"),
            ];
            for (id, (from_client, flags, at, ack, data)) in packets.into_iter().enumerate() {
                let mut frame = segment(Carrier::V4, from_client, flags, at, ack, data);
                told = fixtures::push(&mut engine, &rules, id as u64 + 1, &mut frame);
            }
            let [reset] = told.answered.as_slice() else { panic!("{name}") };
            assert_eq!(reset[38..42], u32::to_be_bytes(seq), "{name}");
            assert_eq!(told.commands.len(), blocks, "{name}");
        }
    }
}
