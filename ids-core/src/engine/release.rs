//! Which flows go to the kernel stage, and when they are taken back.
//!
//! A flow is released when nothing looks at its packets any more but to count them, which the kernel stage can do as
//! well: a rule, an exception policy or a setting has bypassed it. Records are the same with and without: a release only
//! moves the counting.

use super::worker::{Worker, quoted_ends};
use super::{Command, Config, Sink};
use crate::app::config::Encrypted;
use crate::field::Dir;
use crate::flow::release::can_be_carried;
use crate::flow::{Arrival, Flow, FlowId, State};
use crate::packet::Packet;
use crate::stream::Session;
use crate::wire::tcp::Flags;

/// Whether settings bypass a flow from now on: beyond the depth of the stream, encrypted, or large.
pub(super) fn bypasses(config: &Config, flow: &Flow, session: Option<&Session>, encrypted: Option<Encrypted>) -> bool {
    let deep = |session: &Session| Dir::BOTH.into_iter().any(|dir| session.depth_reached(dir));
    let bytes = flow.counts.iter().fold(0u64, |sum, count| sum.saturating_add(count.bytes));
    config.stream.bypass && session.is_some_and(deep)
        || encrypted == Some(Encrypted::Bypass)
        || config.bypass_above.is_some_and(|most| bytes > most)
}

impl Worker {
    /// Releases a flow if nothing but its counts is of interest any more.
    pub(super) fn release(&mut self, id: FlowId, out: &mut impl Sink) {
        // Where every packet is told of, none may stay in the kernel.
        if !self.config.release || self.config.packets {
            return;
        }
        let idle = self.flows.may_be_idle(id).unwrap_or_default();
        let Some(entry) = self.flows.get_mut(id) else { return };
        let flow = &mut entry.flow;
        if flow.state == State::Bypassed && !flow.released && can_be_carried(flow) {
            flow.released = true;
            out.kernel(Command::Release { key: flow.key, idle });
        }
    }

    /// Takes back what is released of the flow that a packet belongs or refers to, if its end may have come.
    pub(super) fn recall(&mut self, packet: &Packet<'_>, arrival: &Arrival<'_>, out: &mut impl Sink) {
        if !self.config.release {
            return;
        }
        let opens = arrival.tcp.is_some_and(|tcp| tcp.flags().has(Flags::SYN) && !tcp.flags().has(Flags::ACK));
        let now = self.now.max(packet.time);
        self.flows.recall_before(&arrival.key, opens, now, |flow| out.recall(&flow.key));
        if let Some((src, dst, proto)) = quoted_ends(packet) {
            let key = arrival.quoted_key(src, dst, proto);
            self.flows.recall_before(&key, false, now, |flow| out.recall(&flow.key));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::fixtures::{self, Carrier, Told, segment};
    use super::super::{Command, Config, Engine};
    use crate::app::config::Encrypted;
    use crate::app::tls;
    use crate::app::{self, App};
    use crate::detect::compile::Loader;
    use crate::detect::rule_set::RuleSet;
    use crate::detect::settings::Settings;
    use crate::detect::shared::Shared;
    use crate::flow::Carried;
    use crate::flow::release::OneWay;
    use crate::time::Time;
    use crate::{rules, stream};

    fn rules(text: &str) -> RuleSet {
        let parsed = rules::parse(text).rules.into_iter().map(|rule| (0, rule));
        Loader::default().compile(parsed, &Settings::default()).unwrap().rules
    }

    fn engine(config: Config) -> Engine {
        let config = Config { release: true, ..config };
        let app = App::new(config.app.clone());
        Engine::new(Arc::new(config), Arc::new(app), Shared::default())
    }

    const BYPASS: &str = "alert tcp any any -> any any (content:\"past\"; noalert; bypass; sid:1;)";

    fn handshake(carrier: Carrier) -> Vec<Vec<u8>> {
        vec![
            segment(carrier, true, "S", 100, 0, b""),
            segment(carrier, false, "SA", 500, 101, b""),
            segment(carrier, true, "A", 101, 501, b""),
        ]
    }

    fn frames(carrier: Carrier, rest: &[(bool, &[u8])]) -> Vec<Vec<u8>> {
        let mut next = [101, 501];
        let mut all = handshake(carrier);
        for (from_client, data) in rest {
            let (me, peer) = if *from_client { (0, 1) } else { (1, 0) };
            all.push(segment(carrier, *from_client, "PA", next[me], next[peer], data));
            next[me] += u32::try_from(data.len()).unwrap();
        }
        all
    }

    /// After which packet of these a flow is released, counted from 1.
    fn released(config: Config, rule: &str, frames: &[Vec<u8>]) -> Vec<u64> {
        let (mut engine, rules) = (engine(config), rules(rule));
        let told = |(id, frame): (u64, &Vec<u8>)| {
            let told = fixtures::push(&mut engine, &rules, id, &mut frame.clone());
            let any = told.commands.iter().any(|command| matches!(command, Command::Release { .. }));
            any.then_some(id)
        };
        (1..).zip(frames).filter_map(told).collect()
    }

    #[test]
    fn a_flow_is_released_once_when_nothing_looks_at_it_any_more() {
        let said = |data: &'static [u8]| frames(Carrier::V4, &[(true, data), (false, data), (true, data)]);
        let stream = |bypass| {
            let reassembly = stream::config::Reassembly { depth: 8, ..Default::default() };
            Config { stream: stream::Config { bypass, reassembly, ..Default::default() }, ..Config::default() }
        };
        let tls = |encrypted| {
            let tls = tls::Config { encrypted, ..Default::default() };
            Config { app: app::config::Config { tls, ..Default::default() }, ..Config::default() }
        };
        let hello: &[u8] = &[22, 3, 1, 0, 4, 1, 0, 0, 0];
        let answer: &[u8] = &[22, 3, 3, 0, 4, 2, 0, 0, 0];
        let data: &[u8] = &[23, 3, 3, 0, 1, 0];
        let spoken = |rest: &[(bool, &[u8])]| frames(Carrier::V4, &[&[(true, hello), (false, answer)], rest].concat());
        let inline =
            Config { stream: stream::Config { inline: true, ..Default::default() }, inline: true, ..Config::default() };
        let packets = Config { packets: true, ..inline.clone() };
        let above = |bytes| Config { bypass_above: Some(bytes), ..Config::default() };
        let none: &[u64] = &[];
        type Case<'a> = (&'a str, Config, &'a str, Vec<Vec<u8>>, &'a [u64]);
        let cases: [Case<'_>; 12] = [
            ("a rule bypasses", inline.clone(), BYPASS, said(b"past"), &[4]),
            ("over IPv6", inline.clone(), BYPASS, frames(Carrier::V6, &[(true, b"past")]), &[4]),
            ("in a tunnel", fixtures::inline(), BYPASS, frames(Carrier::Vxlan, &[(true, b"past")]), none),
            ("no rule does", inline, BYPASS, said(b"here"), none),
            ("every packet is told of", packets, BYPASS, said(b"past"), none),
            ("beyond the depth", stream(true), "", said(b"0123456789"), &[4]),
            ("beyond the depth, where that is inspected", stream(false), "", said(b"0123456789"), none),
            (
                "both sides are encrypted",
                tls(Encrypted::Bypass),
                "",
                spoken(&[(true, data), (false, data), (true, data)]),
                &[8],
            ),
            ("one side is", tls(Encrypted::Bypass), "", spoken(&[(true, data), (true, data)]), none),
            ("encryption does not matter", tls(Encrypted::TrackOnly), "", spoken(&[(true, data), (false, data)]), none),
            ("small", above(10_000), "", said(b"0123456789"), none),
            ("large", above(170), "", said(b"0123456789"), &[4]),
        ];
        for (name, config, rule, frames, want) in cases {
            assert_eq!(released(config, rule, &frames), want, "{name}");
        }
    }

    /// A sink for which flows carry ten packets up and twenty down, the last one at this second.
    fn carrying(second: u64, tcp_flags: u8) -> Told {
        let way = |packets| OneWay { packets, bytes: packets * 100, tcp_flags };
        let carried = Carried { up: way(10), down: way(20), last: Some(Time::from_micros(1000 + second, 0)) };
        Told { carried, ..Told::default() }
    }

    #[test]
    fn what_went_by_is_in_the_record_and_keeps_the_flow_alive() {
        let all = frames(Carrier::V4, &[(true, b"past")]);
        let (client, server) =
            (segment(Carrier::V4, true, "PA", 105, 501, b"more"), segment(Carrier::V4, false, "A", 501, 105, b""));
        let syn = segment(Carrier::V4, true, "S", 900, 0, b"");
        // A packet at this second, and how often the flow was taken back by then; with FIN among what went by or not;
        // the flows that have ended when it has come, and the last one at the end.
        type Case<'a> = (&'a str, &'a Vec<u8>, u64, u64, u8, usize, Option<[u64; 2]>, [u64; 2]);
        let cases: [Case<'_>; 6] = [
            ("a packet that was on its way", &server, 6, 5, 0, 0, None, [13, 22]),
            ("idle for the engine, not in the kernel", &client, 200, 150, 0, 1, None, [14, 21]),
            ("idle for both", &client, 400, 150, 0, 1, Some([13, 21]), [1, 0]),
            ("a SYN after what may be any packet", &syn, 60, 50, 0, 1, None, [14, 21]),
            ("a SYN after a FIN", &syn, 60, 50, 0x11, 1, Some([13, 21]), [1, 0]),
            ("a packet after a FIN", &client, 60, 50, 0x11, 0, None, [14, 21]),
        ];
        for (name, last, at, heard, flags, recalls, ended, at_the_end) in cases {
            let config = Config {
                inline: true,
                stream: stream::Config { inline: true, ..Default::default() },
                ..Config::default()
            };
            let (mut engine, rules) = (engine(config), rules(BYPASS));
            for (id, frame) in (1..).zip(&all) {
                fixtures::push(&mut engine, &rules, id, &mut frame.clone());
            }
            let mut told = carrying(heard, flags);
            fixtures::push_to(&mut told, &mut engine, &rules, at, &mut last.clone());
            assert_eq!(told.recalls, recalls, "{name}");
            let counts = |told: &Told| told.ended.first().map(|(counts, _)| *counts);
            assert_eq!(counts(&told), ended, "{name}");
            let mut end = if recalls == 0 { carrying(heard, flags) } else { Told::default() };
            engine.finish(&rules, &mut end);
            assert_eq!(counts(&end), Some(at_the_end), "{name}");
        }
    }

    #[test]
    fn a_sweep_ends_a_released_flow_when_the_kernel_has_heard_nothing_either() {
        let config =
            Config { inline: true, stream: stream::Config { inline: true, ..Default::default() }, ..Config::default() };
        let (mut engine, rules) = (engine(config), rules(BYPASS));
        for (id, frame) in (1..).zip(frames(Carrier::V4, &[(true, b"past")])) {
            fixtures::push(&mut engine, &rules, id, &mut frame.clone());
        }
        let mut told = carrying(90, 0);
        // Second of the sweep, recalls so far, flows ended so far. A bypassed flow may be idle for 100 seconds.
        for (second, recalls, ended) in [(104, 0, 0), (105, 1, 0), (190, 1, 0), (191, 1, 1)] {
            engine.tick(&rules, Time::from_micros(1000 + second, 0), &mut told);
            assert_eq!((told.recalls, told.ended.len()), (recalls, ended), "at {second}");
        }
        let last = Time::from_micros(1090, 0);
        assert_eq!(told.ended, [([13, 21], last)]);
        assert!(last.since(Time::from_micros(1004, 0)) < Duration::from_secs(100));
    }
}
