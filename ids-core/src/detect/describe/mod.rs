//! What was made of each rule: what `--engine-analysis` shows.
//!
//! In: the compiled rules; of the text of a rule only how its numbers are written.  Out: calls of a [`Writer`], one
//! object a rule. Shows what detection does and decides nothing: the fast pattern comes from
//! [`super::fast_pattern`], the kind and the tests from the rule. Names are those that `rules.json` of Suricata 8
//! has, so that its readers find them.

mod conditions;
mod dependencies;
mod groups;
mod packet;

use std::collections::BTreeMap;

use super::bytes::Chain;
use super::fast_pattern::{Chosen, choose};
use super::rule_set::{Check, Compiled, Kind, RuleId, RuleSet, StateTest};
use crate::field::Info;
use crate::record::{Shape, Writer};
use crate::rules::ast::Rule;
pub use groups::Grouping;
pub(super) use packet::number;

impl RuleSet {
    /// The numbers of all rules, in the order in which they are tried.
    pub fn ids(&self) -> impl Iterator<Item = RuleId> + use<> {
        (0..self.rules.len()).map(RuleId::new)
    }

    /// Tells what was made of one rule, as the members of an object that the caller opened.
    pub fn describe(&self, id: RuleId, out: &mut dyn Writer) {
        let Some(rule) = self.rule(id) else { return };
        // The text loaded: it can be read again.
        let parsed = crate::rules::parse(&rule.info.raw);
        let written = parsed.rules.first();
        let of = Description { set: self, rule, written, chosen: choose(rule, &|buffer| self.rank(buffer)) };
        of.head(out);
        of.requirements(out);
        out.text("type", of.kind().as_bytes());
        of.flags(out);
        of.packet_engines(out);
        of.engines(out);
        of.lists(out);
        of.first(out);
        of.notes(out);
        dependencies::describe(self, rule, out);
    }

    /// The contents of all rules by buffer and pattern: how many there are, and how many of them find their rule.
    pub fn describe_patterns(&self, out: &mut dyn Writer) {
        let mut buffers: BTreeMap<String, BTreeMap<String, (usize, u64, u64)>> = BTreeMap::new();
        for rule in &self.rules {
            let chosen = choose(rule, &|buffer| self.rank(buffer));
            let mut count = |name: &str, inspection: Option<usize>, chain: &Chain| {
                for (number, info) in chain.patterns().enumerate() {
                    let patterns = buffers.entry(name.to_owned()).or_default();
                    let row = patterns.entry(super::bytes::written(info.bytes)).or_default();
                    let finds = chosen.as_ref().is_some_and(|at| at.inspection == inspection && at.content == number);
                    *row = (info.bytes.len(), row.1 + 1, row.2 + u64::from(finds));
                }
            };
            if let Some(chain) = &rule.payload {
                count("payload", None, chain);
            }
            for (at, inspection) in rule.inspections.iter().enumerate() {
                match &inspection.check {
                    Check::Bytes { buffer, chain, .. } => count(&self.buffer_name(*buffer), Some(at), chain),
                    Check::Payload(chain) => count("payload", Some(at), chain),
                    _ => {}
                }
            }
        }
        out.open("buffers", Shape::List);
        for (name, patterns) in buffers {
            out.open("", Shape::Object);
            out.text("name", name.as_bytes());
            out.open("patterns", Shape::List);
            for (pattern, (length, count, finds)) in patterns {
                out.open("", Shape::Object);
                out.text("pattern", pattern.as_bytes());
                out.uint("patlen", length as u64);
                out.uint("cnt", count);
                out.uint("mpm", finds);
                out.close();
            }
            out.close();
            out.close();
        }
        out.close();
    }

    fn rank(&self, buffer: u16) -> u8 {
        self.buffer(buffer).map_or(crate::field::BytesKind::PLAIN.rank, Info::rank)
    }

    fn buffer(&self, buffer: u16) -> Option<&'static Info> {
        self.buffers.get(usize::from(buffer)).map(|buffer| buffer.info)
    }

    fn buffer_name(&self, buffer: u16) -> String {
        self.buffer(buffer).map(engine_name).unwrap_or_default()
    }
}

/// The name of a buffer in `rules.json`: that of the old modifier, else that of the keyword with underscores.
fn engine_name(info: &Info) -> String {
    info.modifier.map_or_else(|| info.name.replace('.', "_"), str::to_owned)
}

/// One rule while it is described.
struct Description<'a> {
    set: &'a RuleSet,
    rule: &'a Compiled,
    written: Option<&'a Rule>,
    chosen: Option<Chosen<'a>>,
}

impl Description<'_> {
    fn head(&self, out: &mut dyn Writer) {
        let info = &self.rule.info;
        out.text("raw", info.raw.as_bytes());
        out.uint("id", info.sid.into());
        out.uint("gid", info.gid.into());
        out.uint("rev", info.rev.into());
        out.text("msg", info.msg.as_bytes());
        out.text("app_proto", self.app().as_bytes());
    }

    /// The application protocol it is about.
    fn app(&self) -> &'static str {
        let mut names = self.rule.apps.iter().map(|id| id.name());
        match (names.next(), names.next()) {
            (Some(one), None) => one,
            (Some(_), Some(_)) if self.rule.apps.iter().all(|id| id.protocol().rule_names.contains(&"http")) => {
                "http_any"
            }
            _ => "unknown",
        }
    }

    fn kind(&self) -> &'static str {
        match self.rule.kind {
            Kind::Event => "de_only",
            Kind::Addresses => "ip_only",
            Kind::Protocol => "pd_only",
            Kind::App => "app_layer",
            // Negated addresses are looked at packet by packet.
            Kind::Packet if self.rule.asks_nothing() => "like_ip_only",
            Kind::Packet => "pkt",
            Kind::PacketAndStream => "pkt_stream",
            Kind::Stream => "stream",
            Kind::Transaction | Kind::Frame => "app_tx",
        }
    }

    /// What a packet must have for the rule to be looked at.
    fn requirements(&self, out: &mut dyn Writer) {
        let rule = self.rule;
        let sizes = || rule.packet.iter().filter(|test| test.field.name == "dsize").map(packet::size);
        let headers = rule.packet.iter().any(|test| test.field.name != "dsize") || !rule.headers.is_empty();
        let no_payload = sizes().any(|size| size.empty_only);
        let payload = sizes().any(|size| size.payload) || rule.looks_at_payload();
        let flow = rule.flow.established.is_some() || !rule.apps.is_empty() || !rule.state.is_empty();
        let flags = rule.packet.iter().any(|test| test.field.name == "tcp.flags");
        let real = headers || sizes().any(|size| size.either);
        let rows = [
            (no_payload, "no_payload"),
            (payload, "payload"),
            (flow, "flow"),
            (flags, "tcp_flags_init_deinit"),
            (real, "real_pkt"),
        ];
        list("requirements", rows, out);
    }

    fn flags(&self, out: &mut dyn Writer) {
        let (rule, header) = (self.rule, &self.rule.header);
        let dir = rule.flow.dir;
        let sizes = rule.state.iter().any(|test| matches!(test, StateTest::StreamSize { .. }));
        let on_packet = !rule.packet.is_empty() || !rule.headers.is_empty() || !rule.events.is_empty();
        let on_payload = rule.payload.is_some() && matches!(rule.kind, Kind::Packet | Kind::PacketAndStream);
        let waits = |test: &StateTest| {
            let known = matches!(test, StateTest::Protocol { .. } | StateTest::StreamSize { .. });
            !known && !matches!(test, StateTest::FlowStart | StateTest::Reputation(_))
        };
        let on_stream = rule.looks_at_payload() && rule.kind != Kind::Packet;
        let rows = [
            (header.src.is_any(), "src_any"),
            (header.dst.is_any(), "dst_any"),
            (header.src_ports.is_all(), "sp_any"),
            (header.dst_ports.is_all(), "dp_any"),
            (rule.noalert, "noalert"),
            (!rule.apps.is_empty(), "applayer"),
            (on_packet || on_payload || sizes, "need_packet"),
            (on_stream, "need_stream"),
            (rule.state.iter().any(waits), "need_flowvar"),
            (dir != Some(crate::field::Dir::ToClient), "toserver"),
            (dir != Some(crate::field::Dir::ToServer), "toclient"),
            (self.chosen.is_some(), "prefilter"),
        ];
        list("flags", rows, out);
    }

    /// What finds the rule: its pattern, or the test that the author chose.
    fn first(&self, out: &mut dyn Writer) {
        if let Some(chosen) = &self.chosen
            && let Some((name, chain)) = self.chain(chosen.inspection)
        {
            out.open("mpm", Shape::Object);
            out.text("buffer", name.as_bytes());
            chain.describe_content(chosen.content, out);
            out.close();
        }
        if let Some(name) = self.written.and_then(packet::preferred) {
            out.open("prefilter", Shape::Object);
            out.text("buffer", b"packet");
            out.text("name", name.as_bytes());
            out.close();
        }
    }

    fn chain(&self, inspection: Option<usize>) -> Option<(String, &Chain)> {
        let Some(at) = inspection else { return Some(("payload".to_owned(), self.rule.payload.as_ref()?)) };
        match &self.rule.inspections.get(at)?.check {
            Check::Bytes { buffer, chain, .. } => Some((self.set.buffer_name(*buffer), chain)),
            _ => None,
        }
    }

    fn notes(&self, out: &mut dyn Writer) {
        out.open("notes", Shape::List);
        for chain in self.rule.chains() {
            chain.describe_notes(out);
        }
        if self.written.is_some_and(packet::has_raw_flag) {
            out.text("", b"'/B' (rawbytes) option is a no-op and is silently ignored");
        }
        out.close();
    }
}

/// A list of the words that hold.
fn list<const N: usize>(key: &str, rows: [(bool, &str); N], out: &mut dyn Writer) {
    out.open(key, Shape::List);
    for (_, word) in rows.iter().filter(|row| row.0) {
        out.text("", word.as_bytes());
    }
    out.close();
}

impl Compiled {
    /// Whether nothing is asked but what the header says.
    fn asks_nothing(&self) -> bool {
        self.flow == super::rule_set::FlowTest::default()
            && self.packet.is_empty()
            && self.state.is_empty()
            && self.events.is_empty()
            && self.headers.is_empty()
            && self.payload.is_none()
    }

    /// Whether it looks at the payload of packet or stream.
    fn looks_at_payload(&self) -> bool {
        let inside = |check: &Check| matches!(check, Check::Payload(_));
        self.payload.is_some() || self.inspections.iter().any(|inspection| inside(&inspection.check))
    }

    /// All its tests of bytes.
    pub(super) fn chains(&self) -> impl Iterator<Item = &Chain> {
        let inspections = self.inspections.iter().filter_map(|inspection| match &inspection.check {
            Check::Bytes { chain, .. } | Check::Payload(chain) => Some(chain),
            _ => None,
        });
        self.payload.iter().chain(self.headers.iter().map(|test| &test.chain)).chain(inspections)
    }
}

#[cfg(test)]
mod tests;
