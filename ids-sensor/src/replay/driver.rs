//! The loop over batches of packets → engine → outputs, with one worker or several.

use std::sync::Arc;

use ids_core::app::App;
use ids_core::counters::{Counter, Counters};
use ids_core::detect::cost::Costs;
use ids_core::detect::shared::Shared;
use ids_core::engine::{self, Command, Engine, Side, Sink};
use ids_core::event::Event;
use ids_core::time::Time;
use ids_core::verdict::Verdict;

use super::summary::{Summary, Tally};
use super::{Plan, team};
use crate::capture::pcap::Pcap;
use crate::capture::source::{Batch, Source};
use crate::config;
use crate::output::Outputs;
use crate::output::renderer::Renderer;
use crate::output::sink::{RulesLoaded, Scene, Stats};
use crate::ruleset::Loaded;

/// Drives engines over captures, one capture after another.
#[derive(Debug)]
pub struct Driver<'a> {
    outputs: &'a Outputs,
    rules: &'a Loaded,
    settings: Arc<engine::Config>,
    app: Arc<App>,
    workers: usize,
    inline: bool,
    stats: bool,
    batch: Batch,
    tally: Tally,
    /// Sums over all captures so far.
    counters: Counters,
    costs: Option<Costs>,
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
            workers: usize::from(plan.workers),
            inline: plan.inline,
            stats: plan.config.stats.enabled,
            batch: Batch::default(),
            tally: Tally::default(),
            counters: Counters::default(),
            costs: None,
            first: None,
            last: Time::ZERO,
            scene: Arc::default(),
        }
    }

    /// Takes a whole capture through fresh engines. `advance` hears how many bytes of the file were read.
    pub fn capture(&mut self, scene: Arc<Scene>, capture: &mut Pcap, advance: impl FnMut(u64)) {
        self.scene = scene;
        if self.workers > 1 { self.share(capture, advance) } else { self.alone(capture, advance) }
    }

    /// One engine, in this thread.
    fn alone(&mut self, capture: &mut Pcap, mut advance: impl FnMut(u64)) {
        let mut engine = Engine::new(Arc::clone(&self.settings), Arc::clone(&self.app), Shared::default());
        let rules = &self.rules.rules;
        let mut tally = Tally::default();
        let mut sink = EngineSink { renderer: self.outputs.renderer(&self.scene), tally: &mut tally };
        let (mut clock, mut more) = (Time::ZERO, true);
        while more {
            more = self.read(capture, &mut clock, &mut advance);
            self.batch.each(|packet| engine.push(rules, packet, &mut sink));
            engine.tick(rules, clock, &mut sink);
            sink.renderer.hand_over();
        }
        engine.finish(rules, &mut sink);
        sink.renderer.hand_over();
        let counted = Counted::of(&engine);
        self.add(tally, &counted);
    }

    /// Several engines, each in a thread of its own.
    fn share(&mut self, capture: &mut Pcap, mut advance: impl FnMut(u64)) {
        let (outputs, rules, scene) = (self.outputs, self.rules, Arc::clone(&self.scene));
        let (settings, app) = (Arc::clone(&self.settings), Arc::clone(&self.app));
        let (workers, rules) = (self.workers, &rules.rules);
        let setup = team::Setup { workers, rules, settings: &settings, app: &app, outputs, scene: &scene };
        let (tally, counted) = team::run(&setup, |dealer| {
            let (mut clock, mut more) = (Time::ZERO, true);
            while more {
                more = self.read(capture, &mut clock, &mut advance);
                self.batch.each(|packet| dealer.push(packet));
                dealer.tick(clock);
            }
        });
        self.add(tally, &counted);
    }

    fn add(&mut self, tally: Tally, counted: &Counted) {
        self.counters.merge(&counted.counters);
        merge(&mut self.costs, counted.costs.as_ref());
        self.tally.add([tally]);
    }

    /// Reads the next batch; `clock` becomes the largest time of this capture's packets so far. Out: whether more may
    /// follow.
    fn read(&mut self, capture: &mut Pcap, clock: &mut Time, advance: &mut impl FnMut(u64)) -> bool {
        let before = capture.position();
        self.batch.clear();
        let more = capture.fill(&mut self.batch);
        if let Some(latest) = self.batch.latest() {
            *clock = latest.max(*clock);
            self.first.get_or_insert(latest);
            self.last = self.last.max(latest);
        }
        self.tally.packets += self.batch.len() as u64;
        self.tally.bytes += self.batch.bytes() as u64;
        advance(capture.position() - before);
        more
    }

    /// Tells the counters and sums up. Out: what rules and flows cost, if that was measured.
    pub fn finish(self, summary: &mut Summary) -> Option<Costs> {
        if self.stats {
            let mut renderer = self.outputs.renderer(&self.scene);
            // What is still on its way to the disk counts.
            self.outputs.queue().flush();
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
                more: &self.outputs.files().iter().flat_map(|tally| tally.counters()).collect::<Vec<_>>(),
                inline: self.inline,
            });
            renderer.hand_over();
        }
        summary.flows = self.counters.get(Counter::FlowTotal);
        summary.tally = self.tally;
        self.costs
    }
}

/// What one engine or several have counted and measured.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) counters: Counters,
    pub(super) costs: Option<Costs>,
}

impl Counted {
    pub(super) fn of(engine: &Engine) -> Self {
        Self { counters: engine.counters().clone(), costs: engine.costs().filter(|costs| costs.packets() > 0).cloned() }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.counters.merge(&other.counters);
        merge(&mut self.costs, other.costs.as_ref());
    }
}

fn merge(sum: &mut Option<Costs>, more: Option<&Costs>) {
    match (sum, more) {
        (Some(sum), Some(more)) => sum.merge(more),
        (sum @ None, Some(more)) => *sum = Some(more.clone()),
        (_, None) => {}
    }
}

/// Where the engine's words go in replay: events to the outputs; nothing is sent and nothing blocked.
pub(super) struct EngineSink<'t> {
    pub(super) renderer: Renderer,
    pub(super) tally: &'t mut Tally,
}

impl Sink for EngineSink<'_> {
    fn verdict(&mut self, _: u64, verdict: Verdict) {
        self.tally.dropped += u64::from(verdict != Verdict::Accept);
    }

    fn inject(&mut self, _: u16, _: Side, _: &[u8]) {}

    fn kernel(&mut self, _: Command) {}

    fn event(&mut self, event: Event<'_>) {
        self.tally.event(&event, self.renderer.order(&event));
        self.renderer.event(&event);
    }
}
