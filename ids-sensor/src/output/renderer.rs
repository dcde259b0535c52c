//! A worker's side of the outputs: renders every event for every output and hands the lines over in batches.

use ids_core::event::{Context, Event};

use super::lines::{Lines, Order};
use super::sink::{Output, Stats};
use super::writer::Queue;

/// Lines are handed over when they have grown to this many bytes, at the latest.
const HAND_OVER: usize = 64 * 1024;

/// Renders the events of one worker.
pub struct Renderer {
    outputs: Vec<Box<dyn Output>>,
    lines: Lines,
    queue: Queue,
    alerts: u64,
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Renderer").field("outputs", &self.outputs.len()).field("queue", &self.queue).finish()
    }
}

impl Renderer {
    pub(super) fn new(outputs: Vec<Box<dyn Output>>, queue: Queue) -> Self {
        Self { outputs, lines: Lines::default(), queue, alerts: 0 }
    }

    /// Renders an event for every output.
    pub fn event(&mut self, event: &Event<'_>) {
        self.alerts += u64::from(matches!(event, Event::Alert(_)));
        let context = context(event);
        let order = Order { packet: context.packet.unwrap_or_default(), event: context.order };
        for (number, output) in self.outputs.iter_mut().enumerate() {
            self.lines.aim(u16::try_from(number).unwrap_or(u16::MAX), order);
            output.event(event, &mut self.lines);
        }
        if self.lines.size() >= HAND_OVER {
            self.hand_over();
        }
    }

    /// Renders counters for every output.
    pub fn stats(&mut self, stats: &Stats<'_>) {
        for (number, output) in self.outputs.iter_mut().enumerate() {
            self.lines.aim(u16::try_from(number).unwrap_or(u16::MAX), Order { packet: u64::MAX, event: 0 });
            output.stats(stats, &mut self.lines);
        }
    }

    /// How many alerts there were so far.
    pub fn alerts(&self) -> u64 {
        self.alerts
    }

    /// Hands the lines over to the writer. Call it after each batch of packets.
    pub fn hand_over(&mut self) {
        if !self.lines.is_empty() {
            self.queue.send(&mut self.lines);
        }
    }
}

/// Where and when an event happened.
pub fn context<'e, 'a>(event: &'e Event<'a>) -> &'e Context<'a> {
    match event {
        Event::Alert(event) => &event.context,
        Event::Anomaly(event) => &event.context,
        Event::Transaction(event) => &event.context,
        Event::File(event) => &event.context,
        Event::Flow(event) => &event.context,
        Event::Drop(event) => &event.context,
        Event::Tagged(event) => &event.context,
    }
}
