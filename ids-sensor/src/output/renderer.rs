//! A worker's side of the outputs: renders every event for every output and hands the lines over in batches.

use ids_core::event::{Context, Event};

use super::lines::{Lines, Order};
use super::sink::{Flooded, Output, Stats};
use super::writer::Queue;

/// Lines are handed over when they have grown to this many bytes, at the latest.
const HAND_OVER: usize = 64 * 1024;

/// Renders the events of one worker.
pub struct Renderer {
    outputs: Vec<Box<dyn Output>>,
    lines: Lines,
    /// Where lines go by themselves; without, they are fetched.
    queue: Option<Queue>,
    alerts: u64,
    step: u64,
    ending: bool,
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Renderer").field("outputs", &self.outputs.len()).field("queue", &self.queue).finish()
    }
}

impl Renderer {
    pub(super) fn new(outputs: Vec<Box<dyn Output>>, queue: Option<Queue>) -> Self {
        Self { outputs, lines: Lines::default(), queue, alerts: 0, step: 0, ending: false }
    }

    /// Renders an event for every output.
    pub fn event(&mut self, event: &Event<'_>) {
        self.alerts += u64::from(matches!(event, Event::Alert(_)));
        let order = self.order(event);
        for (number, output) in self.outputs.iter_mut().enumerate() {
            self.lines.aim(u16::try_from(number).unwrap_or(u16::MAX), order);
            output.event(event, &mut self.lines);
        }
        if self.lines.size() >= HAND_OVER {
            self.hand_over();
        }
    }

    /// What is rendered next belongs to this step; `ending`: one in which flows of all workers end.
    pub fn step(&mut self, step: u64, ending: bool) {
        (self.step, self.ending) = (step, ending);
    }

    /// Where an event stands in the order of the run.
    pub fn order(&self, event: &Event<'_>) -> Order {
        let flow = context(event).flow.filter(|_| self.ending).map_or((0, 0), |flow| (flow.first_packet, flow.id));
        Order { step: self.step, flow }
    }

    /// Renders what the kernel stage noticed for every output.
    pub fn flood(&mut self, flooded: &Flooded) {
        for (number, output) in self.outputs.iter_mut().enumerate() {
            self.lines.aim(u16::try_from(number).unwrap_or(u16::MAX), Order { step: u64::MAX, flow: (0, 0) });
            output.flood(flooded, &mut self.lines);
        }
    }

    /// Renders counters for every output.
    pub fn stats(&mut self, stats: &Stats<'_>) {
        for (number, output) in self.outputs.iter_mut().enumerate() {
            self.lines.aim(u16::try_from(number).unwrap_or(u16::MAX), Order { step: u64::MAX, flow: (0, 0) });
            output.stats(stats, &mut self.lines);
        }
    }

    /// How many alerts there were so far.
    pub fn alerts(&self) -> u64 {
        self.alerts
    }

    /// Hands the lines over to the writer. Call it after each batch of packets.
    pub fn hand_over(&mut self) {
        if let Some(queue) = self.queue.as_ref().filter(|_| !self.lines.is_empty()) {
            queue.send(&mut self.lines);
        }
    }

    /// What was rendered and not handed over.
    pub fn take(&mut self) -> Lines {
        std::mem::take(&mut self.lines)
    }
}

/// Where and when an event happened.
pub fn context<'e, 'a>(event: &'e Event<'a>) -> &'e Context<'a> {
    match event {
        Event::Alert(event) => &event.context,
        Event::Anomaly(event) => &event.context,
        Event::Transaction(event) => &event.context,
        Event::Certificates(event) => &event.context,
        Event::FileContent(event) => &event.context,
        Event::File(event) => &event.context,
        Event::Frame(event) => &event.context,
        Event::Flow(event) => &event.context,
        Event::Drop(event) => &event.context,
        Event::Tagged(event) => &event.context,
        Event::Packet(event) => &event.context,
        Event::Variables(event) => &event.context,
        Event::Arp(event) => &event.context,
    }
}
