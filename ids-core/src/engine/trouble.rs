//! What follows when the engine cannot do its work: carries out the exception policies.

use super::conclude::{self, Setting};
use super::context::Known;
use super::visit::{Conn, Visit};
use super::{Config, Sink, tell};
use crate::counters::Counters;
use crate::defrag::Refusal;
use crate::exception::{Exception, Trouble};
use crate::field::Dir;
use crate::flow::{self, Action, Entry};
use crate::packet::Packet;
use crate::verdict::{DropReason, RejectTo, Verdict};

/// What exception policies say of one packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Special {
    /// It is dropped.
    pub(super) drop: Option<DropReason>,
    /// Who is told of that.
    pub(super) reject: Option<RejectTo>,
    /// No rule looks at it.
    pub(super) pass: bool,
}

impl Special {
    /// Takes what a policy says of the packet at hand. The first drop is named.
    fn take(&mut self, trouble: Trouble, policy: Exception, inline: bool) {
        self.pass |= policy.passes();
        if policy.drops() && inline && self.drop.is_none() {
            self.drop = Some(trouble.drop_reason());
            self.reject = policy.reject();
        }
    }

    /// What is said of a packet that belongs to no flow: `full` if it should have one. Counts what is applied.
    pub(super) fn of_lone_packet(config: &Config, packet: &Packet<'_>, full: bool, counters: &mut Counters) -> Self {
        let mut special = Self::default();
        let refused = packet.refused == Some(Refusal::Full);
        for (trouble, policy, _) in
            [(Trouble::FlowMemcap, config.flow_full, full), (Trouble::DefragMemcap, config.defrag_full, refused)]
                .into_iter()
                .filter(|(_, _, happened)| *happened)
        {
            counters.exception(trouble);
            special.take(trouble, policy, config.inline);
        }
        special
    }
}

/// Why packets of a dropped flow are dropped.
pub(super) fn flow_drop(applied: &[(Trouble, Exception)]) -> DropReason {
    let by_policy = applied.iter().any(|(_, policy)| policy.on_flow() == Action::Drop);
    if by_policy { DropReason::ExceptionFlowDrop } else { DropReason::FlowDrop }
}

impl<S: Sink> Visit<'_, S> {
    /// Carries out what the exception policy says about trouble, as far as it is about the flow; what is about the packet
    /// is put into [`Visit::special`].
    pub(super) fn trouble(
        &mut self,
        entry: &mut Entry<Conn>,
        packet: &Packet<'_>,
        trouble: Trouble,
        policy: Exception,
    ) {
        self.counters.exception(trouble);
        let applied = &mut entry.data.exceptions;
        if !applied.contains(&(trouble, policy)) {
            applied.push((trouble, policy));
        }
        self.special.take(trouble, policy, self.config.inline);
        match policy.on_flow() {
            Action::Drop if self.config.inline => entry.flow.action = Action::Drop,
            Action::Pass => entry.flow.action = Action::Pass,
            Action::Drop | Action::None => {}
        }
        if policy == Exception::Bypass {
            entry.flow.state = flow::State::Bypassed;
        }
        if let Some(to) = policy.reject().filter(|_| !self.config.inline) {
            conclude::rejected(self.config, packet, to, self.counters, self.out);
        }
    }

    /// The packet is dropped before rules look at it.
    pub(super) fn refuse(&mut self, entry: &Entry<Conn>, packet: &Packet<'_>, dir: Dir, reason: DropReason) -> Verdict {
        let known = Known { flow: &entry.flow, app: entry.data.app.info(), vars: None };
        let setting = Setting { packet, known: Some(known), dir: Some(dir), stream: &[], proven: false };
        conclude::refused(self.config, &setting, reason, self.special.reject, self.counters, self.out);
        tell::anomalies(packet, Some(known), Some(dir), self.out);
        Verdict::Drop(reason)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::fixtures::{self, Carrier, segment};
    use super::super::{Engine, Side};
    use super::*;
    use crate::app::App;
    use crate::counters::Counter;
    use crate::detect::compile::Loader;
    use crate::detect::rule_set::RuleSet;
    use crate::detect::settings::Settings;
    use crate::detect::shared::Shared;
    use crate::{flow, rules};

    const DATA: &str = "alert tcp any any -> any any (content:\"data\"; sid:1;)";

    fn rules() -> RuleSet {
        let parsed = rules::parse(DATA).rules.into_iter().map(|rule| (0, rule));
        Loader::default().compile(parsed, &Settings::default()).unwrap().rules
    }

    fn engine(config: Config) -> Engine {
        Engine::new(Arc::new(config), Arc::new(App::default()), Shared::default())
    }

    /// Two packets of a connection whose start was not seen: verdict and alerts of each, and where answers went.
    fn midstream(policy: Exception, inline: bool) -> ([(Verdict, usize); 2], Vec<Side>, u64) {
        let mut config = fixtures::inline();
        config.inline = inline;
        config.stream.midstream_policy = policy;
        let (mut engine, rules) = (engine(config), rules());
        let told = [101, 105].map(|seq| {
            let mut frame = segment(Carrier::V4, true, "PA", seq, 501, b"data");
            fixtures::push(&mut engine, &rules, u64::from(seq), &mut frame)
        });
        let answers = told.iter().flat_map(|told| told.answers.iter().copied()).collect();
        let bypassed = engine.counters().get(Counter::FlowBypassedPkts);
        (told.map(|told| (told.verdict, told.sids.len())), answers, bypassed)
    }

    #[test]
    fn policies_of_a_connection_without_a_start() {
        const START: Verdict = Verdict::Drop(DropReason::StreamMidstream);
        const REST: Verdict = Verdict::Drop(DropReason::ExceptionFlowDrop);
        const GOES: Verdict = Verdict::Accept;
        const BOTH: [Side; 2] = [Side::Sender, Side::Receiver];
        for (policy, inline, want, answers, bypassed) in [
            (Exception::Ignore, true, [(GOES, 1); 2], &[][..], 0),
            (Exception::DropPacket, true, [(START, 0); 2], &[], 0),
            (Exception::DropFlow, true, [(START, 0), (REST, 0)], &[], 0),
            (Exception::Reject, true, [(START, 0), (REST, 0)], &BOTH[..1], 0),
            (Exception::RejectBoth, true, [(START, 0), (REST, 0)], &BOTH, 0),
            (Exception::PassPacket, true, [(GOES, 0); 2], &[], 0),
            (Exception::PassFlow, true, [(GOES, 0); 2], &[], 0),
            (Exception::Bypass, true, [(GOES, 0); 2], &[], 1),
            // Where nothing can be dropped, rules see what would have been.
            (Exception::DropPacket, false, [(GOES, 1); 2], &[], 0),
            (Exception::DropFlow, false, [(GOES, 1); 2], &[], 0),
            (Exception::Reject, false, [(GOES, 1); 2], &[Side::Sender; 2], 0),
            (Exception::PassFlow, false, [(GOES, 0); 2], &[], 0),
        ] {
            let got = midstream(policy, inline);
            assert_eq!(got, (want, answers.to_vec(), bypassed), "{policy:?}, inline: {inline}");
        }
    }

    #[test]
    fn a_flow_is_let_go_when_a_direction_reaches_the_depth() {
        for (bypass, passed) in [(true, 2), (false, 0)] {
            let mut config = fixtures::inline();
            config.stream.bypass = bypass;
            config.stream.reassembly.depth = 2;
            let mut engine = engine(config);
            let v4 = Carrier::V4;
            let frames = [
                segment(v4, true, "S", 100, 0, b""),
                segment(v4, false, "SA", 500, 101, b""),
                segment(v4, true, "A", 101, 501, b""),
                segment(v4, true, "PA", 101, 501, b"data"),
                segment(v4, false, "A", 501, 105, b""),
                segment(v4, true, "PA", 105, 501, b"data"),
            ];
            for (id, mut frame) in frames.into_iter().enumerate() {
                let told = fixtures::push(&mut engine, &RuleSet::default(), id as u64 + 1, &mut frame);
                assert_eq!(told.verdict, Verdict::Accept, "{id}");
            }
            assert_eq!(engine.counters().get(Counter::FlowBypassedPkts), passed, "bypass: {bypass}");
        }
    }

    #[test]
    fn policies_of_a_full_flow_table() {
        const FULL: Verdict = Verdict::Drop(DropReason::FlowMemcap);
        for (policy, want) in [
            (Exception::Ignore, (Verdict::Accept, 1)),
            (Exception::DropPacket, (FULL, 0)),
            (Exception::Reject, (FULL, 0)),
            (Exception::PassPacket, (Verdict::Accept, 0)),
        ] {
            let mut config = fixtures::inline();
            config.flow = flow::Config { memcap: 0, evict: false, ..flow::Config::default() };
            config.flow_full = policy;
            let (mut engine, rules) = (engine(config), rules());
            // There is always place for one flow.
            fixtures::push(&mut engine, &rules, 1, &mut segment(Carrier::V6, true, "S", 100, 0, b""));
            let told = fixtures::push(&mut engine, &rules, 2, &mut segment(Carrier::V4, true, "PA", 1, 1, b"data"));
            assert_eq!((told.verdict, told.sids.len()), want, "{policy:?}");
            assert_eq!(told.answers.len(), usize::from(policy == Exception::Reject), "{policy:?}");
        }
    }
}
