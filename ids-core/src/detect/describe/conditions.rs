//! Where a rule looks: on packets, in transactions by buffer, and what it leaves behind.

use super::{Description, packet};
use crate::detect::rule_set::{Check, Effect, FlowTest, Inspection};
use crate::detect::shared::Set;
use crate::field::Dir;
use crate::record::{Shape, Writer};

/// Progress that the buffer of an oddity is looked at: as soon as there is a transaction.
const FIRST: u8 = 0;

impl Description<'_> {
    /// What is looked at on packets.
    pub(super) fn packet_engines(&self, out: &mut dyn Writer) {
        let rule = self.rule;
        let payload = rule.payload.is_some();
        let packet = !rule.packet.is_empty() || !rule.state.is_empty() || tells_state(&rule.flow);
        let by_payload = self.chosen.as_ref().is_some_and(|chosen| chosen.inspection.is_none());
        out.open("pkt_engines", Shape::List);
        for (_, name, is_mpm) in
            [(payload, "payload", by_payload), (packet, "packet", false)].iter().filter(|row| row.0)
        {
            out.open("", Shape::Object);
            out.text("name", name.as_bytes());
            out.flag("is_mpm", *is_mpm);
            out.close();
        }
        out.close();
    }

    /// What is looked at in transactions: one entry for each buffer, protocol and direction.
    pub(super) fn engines(&self, out: &mut dyn Writer) {
        out.open("engines", Shape::List);
        for (at, inspection) in self.rule.inspections.iter().enumerate() {
            let is_mpm = self.chosen.as_ref().is_some_and(|chosen| chosen.inspection == Some(at));
            match &inspection.check {
                Check::Bytes { buffer, .. } | Check::Number { buffer, .. } => {
                    self.of_buffer(*buffer, at, inspection, is_mpm, out);
                }
                Check::Event(protos) => {
                    let protos: Vec<_> = protos.iter().map(|row| row.0).collect();
                    self.of_all("app-layer-events", &protos, at, inspection, out);
                }
                Check::Payload(_) => self.of_all("stream", &[], at, inspection, out),
                Check::State(..) => self.of_all("app-layer-state", &self.rule.apps, at, inspection, out),
                Check::File(_) => self.of_all("files", &self.rule.apps, at, inspection, out),
            }
        }
        out.close();
    }

    fn of_buffer(&self, buffer: u16, at: usize, inspection: &Inspection, is_mpm: bool, out: &mut dyn Writer) {
        let Some(known) = self.set.buffers.get(usize::from(buffer)) else { return };
        let name = self.set.buffer_name(buffer);
        for proto in known.fields.iter().map(|row| row.proto).filter(|proto| self.rule.apps.contains(proto)) {
            let seen = |dir: &Dir| known.info.dirs.contains(*dir);
            for dir in self.dirs(inspection).into_iter().filter(seen) {
                let [request, response] = known.info.ready;
                let progress = if dir == Dir::ToServer { request } else { response };
                let engine = Engine { name: &name, dir, is_mpm, app: Some(proto.name()), progress };
                self.engine(&engine, at, inspection, out);
            }
        }
    }

    fn of_all(
        &self,
        name: &str,
        protos: &[crate::app::registry::ProtoId],
        at: usize,
        inspection: &Inspection,
        out: &mut dyn Writer,
    ) {
        let app = match protos {
            [one] => Some(one.name()),
            _ => None,
        };
        for dir in self.dirs(inspection) {
            let engine = Engine { name, dir, is_mpm: false, app, progress: FIRST };
            self.engine(&engine, at, inspection, out);
        }
    }

    fn engine(&self, engine: &Engine<'_>, at: usize, inspection: &Inspection, out: &mut dyn Writer) {
        out.open("", Shape::Object);
        out.text("name", engine.name.as_bytes());
        let direction = if engine.dir == Dir::ToServer { "toserver" } else { "toclient" };
        out.text("direction", direction.as_bytes());
        out.flag("is_mpm", engine.is_mpm);
        if let Some(app) = engine.app {
            out.text("app_proto", app.as_bytes());
        }
        out.uint("progress", engine.progress.into());
        out.open("matches", Shape::List);
        let chosen = self.chosen.as_ref().filter(|chosen| chosen.inspection == Some(at));
        match &inspection.check {
            Check::Bytes { chain, .. } | Check::Payload(chain) => {
                chain.describe(chosen.map(|chosen| chosen.content), out);
            }
            Check::Number { tests, .. } => {
                tests.iter().for_each(|test| named(engine.name, out, |out| packet::number(&test.test, "", out)));
            }
            Check::Event(_) => named("app-layer-event", out, |_| {}),
            Check::State(..) => named("app-layer-state", out, |_| {}),
            Check::File(tests) => (0..tests.len().max(1)).for_each(|_| named("file", out, |_| {})),
        }
        out.close();
        out.close();
    }

    fn dirs(&self, inspection: &Inspection) -> Vec<Dir> {
        match inspection.dir.or(self.rule.flow.dir) {
            Some(dir) => vec![dir],
            None => Dir::BOTH.to_vec(),
        }
    }

    /// Tests of the packet, of its payload and of what was decoded; and what the rule leaves behind.
    pub(super) fn lists(&self, out: &mut dyn Writer) {
        out.open("lists", Shape::Object);
        let rule = self.rule;
        if !rule.packet.is_empty() || !rule.state.is_empty() || tells_state(&rule.flow) {
            matches("packet", out, |out| {
                if tells_state(&rule.flow) {
                    named("flow", out, |_| {});
                }
                rule.packet.iter().for_each(|test| packet::test(test, self.written, out));
                rule.state.iter().for_each(|test| packet::state(test, &self.set.names, out));
            });
        }
        if let Some(chain) = rule.payload.as_ref().filter(|_| rule.kind.on_packets()) {
            let chosen = self.chosen.as_ref().filter(|chosen| chosen.inspection.is_none());
            matches("payload", out, |out| chain.describe(chosen.map(|chosen| chosen.content), out));
        }
        if let Some(decoded) = rule.chains().find_map(|chain| chain.decoded()) {
            matches("base64_data", out, |out| decoded.describe(None, out));
        }
        if !rule.effects.is_empty() {
            matches("postmatch", out, |out| rule.effects.iter().for_each(|effect| self.effect(effect, out)));
        }
        out.close();
    }

    fn effect(&self, effect: &Effect, out: &mut dyn Writer) {
        let command = |set: &Set| match set {
            Set::On => "set",
            Set::Off => "unset",
            Set::Toggle => "toggle",
        };
        match effect {
            Effect::Flowbit { name, set } => packet::flowbits(command(set), &[*name], &self.set.names, out),
            Effect::Flowint { .. } => named("flowint", out, |_| {}),
            Effect::Xbit { set, .. } => named("xbits", out, |out| out.text("cmd", command(set).as_bytes())),
            Effect::Hostbit { set, .. } => named("hostbits", out, |out| out.text("cmd", command(set).as_bytes())),
            Effect::Bypass => named("bypass", out, |_| {}),
            Effect::Unrecorded(_) => named("config", out, |_| {}),
            Effect::Tag(_) => named("tag", out, |_| {}),
            Effect::Store(_) => named("filestore", out, |_| {}),
            Effect::Certificates => named("tls.store", out, |_| {}),
        }
    }
}

/// What one entry says of where it looks.
struct Engine<'a> {
    name: &'a str,
    dir: Dir,
    is_mpm: bool,
    app: Option<&'static str>,
    progress: u8,
}

/// Whether `flow` asks more than the direction.
fn tells_state(flow: &FlowTest) -> bool {
    flow.established.is_some() || flow.defragmented.is_some()
}

/// A list of tests.
fn matches(key: &str, out: &mut dyn Writer, content: impl FnOnce(&mut dyn Writer)) {
    out.open(key, Shape::Object);
    out.open("matches", Shape::List);
    content(out);
    out.close();
    out.close();
}

/// A test with its name, and what is known of it under its name.
pub(super) fn named(name: &str, out: &mut dyn Writer, content: impl FnOnce(&mut dyn Writer)) {
    out.open("", Shape::Object);
    out.text("name", name.as_bytes());
    out.open(&name.replace(['.', '-'], "_"), Shape::Object);
    content(out);
    out.close();
    out.close();
}
