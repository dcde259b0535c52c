//! What every output looks like: it renders events into lines.

use std::sync::Arc;

use ids_core::counters::Counters;
use ids_core::event::Event;
use ids_core::time::Time;

use super::lines::Lines;
use crate::kernel::floods::Flood;

/// Renders events. One for each worker and output; what it writes is lines for its own destination, the one
/// that the caller has set in `lines`.
pub trait Output: Send {
    /// Renders one event, if it is one that this output shows.
    fn event(&mut self, event: &Event<'_>, lines: &mut Lines);

    /// Renders what the kernel stage noticed. Only one renderer is asked.
    fn flood(&mut self, flooded: &Flooded, lines: &mut Lines) {
        let _ = (flooded, lines);
    }

    /// Renders counters. Only one worker's renderer is asked, with everything summed up.
    fn stats(&mut self, stats: &Stats<'_>, lines: &mut Lines) {
        let _ = (stats, lines);
    }
}

/// A source was over a limit of `ips.flood`.
#[derive(Clone, Copy, Debug)]
pub struct Flooded {
    /// When it was noticed.
    pub time: Time,
    /// Who, which limit, and by how many packets.
    pub flood: Flood,
    /// The packets went on.
    pub dry_run: bool,
}

/// What holds for all events of a run.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// Names of the ports that packets come in on; empty in replay.
    pub interfaces: Vec<Arc<str>>,
    /// The capture file, in replay.
    pub capture: Option<String>,
    /// Name of the sensor.
    pub sensor: Option<String>,
    /// Whether verdicts are carried out (or played).
    pub inline: bool,
    /// Whether they hold from the next packet on: the packet itself had passed.
    pub late: bool,
}

/// Counters at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Stats<'a> {
    /// The moment.
    pub time: Time,
    /// Seconds since the start.
    pub uptime: u64,
    /// Sums over all workers.
    pub counters: &'a Counters,
    /// Each worker: its name and counters.
    pub threads: &'a [(&'a str, &'a Counters)],
    /// What loading rules came to.
    pub rules: RulesLoaded,
    /// Further counters of the sensor itself, by dotted name.
    pub more: &'a [(&'a str, u64)],
    /// Whether verdicts are carried out.
    pub inline: bool,
}

/// What loading rules came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RulesLoaded {
    /// When.
    pub when: Time,
    /// Rules in force.
    pub loaded: u64,
    /// Rules with errors.
    pub failed: u64,
    /// Rules whose `requires` does not hold.
    pub skipped: u64,
}
