//! The inner loop: batches of packets → engine → outputs.

use std::sync::Arc;

use ids_core::app::App;
use ids_core::counters::{Counter, Counters};
use ids_core::detect::shared::Shared;
use ids_core::engine::{self, Command, Engine, Side, Sink};
use ids_core::event::Event;
use ids_core::time::Time;
use ids_core::verdict::Verdict;

use super::Plan;
use super::summary::{Summary, Tally};
use crate::capture::pcap::Pcap;
use crate::capture::source::{Batch, Source};
use crate::config;
use crate::output::Outputs;
use crate::output::renderer::Renderer;
use crate::output::sink::{RulesLoaded, Scene, Stats};
use crate::ruleset::Loaded;

/// Drives one engine at a time over captures.
#[derive(Debug)]
pub struct Driver<'a> {
    outputs: &'a Outputs,
    rules: &'a Loaded,
    settings: Arc<engine::Config>,
    app: Arc<App>,
    inline: bool,
    stats: bool,
    batch: Batch,
    tally: Tally,
    /// Sums over all captures so far.
    counters: Counters,
    first: Option<Time>,
    last: Time,
    scene: Arc<Scene>,
}

impl<'a> Driver<'a> {
    /// In: where records go, what the plan says, and the rules.
    pub fn new(outputs: &'a Outputs, plan: &Plan<'_>, rules: &'a Loaded) -> Self {
        let settings = config::core::engine(plan.config, plan.inline);
        Self {
            outputs,
            rules,
            app: Arc::new(App::new(settings.app.clone())),
            settings: Arc::new(settings),
            inline: plan.inline,
            stats: plan.config.stats.enabled,
            batch: Batch::default(),
            tally: Tally::default(),
            counters: Counters::default(),
            first: None,
            last: Time::ZERO,
            scene: Arc::default(),
        }
    }

    /// Takes a whole capture through a fresh engine. `advance` hears how many bytes of the file were read.
    pub fn capture(&mut self, scene: Arc<Scene>, capture: &mut Pcap, mut advance: impl FnMut(u64)) {
        let mut engine = Engine::new(Arc::clone(&self.settings), Arc::clone(&self.app), Shared::default());
        let rules = &self.rules.rules;
        let mut sink = EngineSink { renderer: self.outputs.renderer(&scene), tally: &mut self.tally };
        let mut position = 0;
        let mut more = true;
        while more {
            self.batch.clear();
            more = capture.fill(&mut self.batch);
            if let Some(latest) = self.batch.latest() {
                self.first.get_or_insert(latest);
                self.last = self.last.max(latest);
            }
            sink.tally.packets += self.batch.len() as u64;
            sink.tally.bytes += self.batch.bytes() as u64;
            self.batch.each(|packet| engine.push(rules, packet, &mut sink));
            engine.tick(rules, self.last, &mut sink);
            sink.renderer.hand_over();
            advance(capture.position() - position);
            position = capture.position();
        }
        engine.finish(rules, &mut sink);
        sink.renderer.hand_over();
        self.counters.merge(engine.counters());
        self.scene = scene;
    }

    /// Tells the counters and sums up.
    pub fn finish(self, summary: &mut Summary) {
        if self.stats {
            let mut renderer = self.outputs.renderer(&self.scene);
            let span = self.first.map_or(0, |first| self.last.since(first).as_secs());
            renderer.stats(&Stats {
                time: self.last,
                uptime: span,
                counters: &self.counters,
                threads: &[("W#01", &self.counters)],
                rules: RulesLoaded {
                    when: self.first.unwrap_or_default(),
                    loaded: self.rules.rules.len() as u64,
                    failed: self.rules.failed,
                    skipped: self.rules.skipped,
                },
                more: &[],
                inline: self.inline,
            });
            renderer.hand_over();
        }
        summary.flows = self.counters.get(Counter::FlowTotal);
        summary.tally = self.tally;
    }
}

/// Where the engine's words go in replay: events to the outputs; nothing is sent and nothing blocked.
struct EngineSink<'t> {
    renderer: Renderer,
    tally: &'t mut Tally,
}

impl Sink for EngineSink<'_> {
    fn verdict(&mut self, _: u64, verdict: Verdict) {
        self.tally.dropped += u64::from(verdict != Verdict::Accept);
    }

    fn inject(&mut self, _: u16, _: Side, _: &[u8]) {}

    fn kernel(&mut self, _: Command) {}

    fn event(&mut self, event: Event<'_>) {
        self.tally.event(&event);
        self.renderer.event(&event);
    }
}
