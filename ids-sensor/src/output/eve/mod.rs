//! EVE: one JSON object a line, in the form that consumers of Suricata 8 know.
//!
//! In: events, and what an instance is configured to show.  Out: lines.
//! One file for each kind of record; what all of them have in common is in [`common`]. Field names, types and
//! options follow the EVE chapter of the Suricata 8 user guide and its published schema.

pub mod alert;
pub mod anomaly;
pub mod arp;
pub mod common;
pub mod community_id;
pub mod drop;
pub mod file;
pub mod flood;
pub mod flow;
pub mod frame;
pub mod json;
pub mod packet;
pub mod probe;
pub mod transaction;
pub mod xff;

use std::collections::HashSet;
use std::sync::Arc;

use ids_core::event::Event;
use ids_core::field::Dir;

use super::lines::{Kind, Lines};
use super::sink::{Flooded, Output, Scene, Stats};
use super::stats;
use super::timestamp::Stamps;
use crate::config::eve as config;
use crate::config::outputs::Stats as Counters;
use common::Head;

/// Flows whose first drop is remembered; beyond that, further ones show every drop.
const MAX_DROPPED_FLOWS: usize = 1 << 16;

/// One instance.
#[derive(Debug)]
pub struct Eve {
    settings: config::Eve,
    counters: Counters,
    scene: Arc<Scene>,
    stamps: Stamps,
    /// Memory for fields that transactions put together.
    scratch: Vec<u8>,
    /// Flows and directions that had a `drop` record (`flows: start`).
    dropped: HashSet<(u64, Option<Dir>)>,
    /// Counters of the last record, for `deltas`.
    before: stats::Before,
}

impl Eve {
    /// In: what to show, which counters there are, and what holds for the whole run.
    pub fn new(settings: config::Eve, counters: Counters, scene: Arc<Scene>) -> Self {
        let (stamps, scratch) = (Stamps::default(), Vec::new());
        Self { settings, counters, scene, stamps, scratch, dropped: HashSet::new(), before: stats::Before::default() }
    }

    /// Whether a `drop` record is wanted for a packet of this flow and direction.
    fn wants_drop(&mut self, options: &config::Drop, event: &ids_core::event::Dropped<'_>) -> bool {
        let Some(flow) = event.context.flow.filter(|_| options.flow_start) else { return true };
        self.dropped.len() >= MAX_DROPPED_FLOWS || self.dropped.insert((flow.id, event.context.dir))
    }
}

impl Output for Eve {
    fn event(&mut self, event: &Event<'_>, lines: &mut Lines) {
        match event {
            Event::Alert(alert) => {
                if let Some(options) = &self.settings.types.alert {
                    let (settings, scene, stamps) = (&self.settings, &self.scene, &mut self.stamps);
                    let mut head = Head { settings, scene, stamps };
                    lines.add(Kind::Alert, |out| alert::write(alert, options, &mut head, &mut self.scratch, out));
                }
            }
            Event::Anomaly(odd) => {
                let shown = self.settings.types.anomaly.as_ref().filter(|options| anomaly::wanted(odd, options));
                if let Some(options) = shown {
                    let (settings, scene, stamps) = (&self.settings, &self.scene, &mut self.stamps);
                    let mut head = Head { settings, scene, stamps };
                    lines.add(Kind::Anomaly, |out| anomaly::write(odd, options, &mut head, out));
                }
            }
            Event::Transaction(tx) => {
                let shown = self.settings.types.transactions.iter().find(|options| transaction::wanted(tx, options));
                if let Some(options) = shown {
                    let (settings, scene, stamps) = (&self.settings, &self.scene, &mut self.stamps);
                    let mut head = Head { settings, scene, stamps };
                    lines.add(Kind::Transaction, |out| transaction::write(tx, options, &mut head, out));
                }
            }
            Event::File(file) => {
                if let Some(options) = &self.settings.types.files {
                    let (settings, scene, stamps) = (&self.settings, &self.scene, &mut self.stamps);
                    let mut head = Head { settings, scene, stamps };
                    lines.add(Kind::File, |out| file::write(file, options, &mut head, out));
                }
            }
            Event::Frame(frame) => {
                if let Some(options) = &self.settings.types.frame {
                    let (settings, scene, stamps) = (&self.settings, &self.scene, &mut self.stamps);
                    let mut head = Head { settings, scene, stamps };
                    lines.add(Kind::Transaction, |out| {
                        frame::write(frame, options, &mut head, &mut self.scratch, out);
                    });
                }
            }
            Event::Flow(flow) => {
                self.dropped.remove(&(flow.flow.id, Some(Dir::ToServer)));
                self.dropped.remove(&(flow.flow.id, Some(Dir::ToClient)));
                let (settings, scene, stamps) = (&self.settings, &self.scene, &mut self.stamps);
                let mut head = Head { settings, scene, stamps };
                if settings.types.flow {
                    lines.add(Kind::Flow, |out| flow::write(flow, &mut head, out));
                }
                if settings.types.netflow {
                    for dir in Dir::BOTH.into_iter().filter(|dir| flow::has_netflow(flow, *dir)) {
                        lines.add(Kind::Flow, |out| flow::write_netflow(flow, dir, &mut head, out));
                    }
                }
            }
            Event::Drop(dropped) => {
                let Some(options) = self.settings.types.drop.clone() else { return };
                if self.wants_drop(&options, dropped) {
                    let (settings, scene, stamps) = (&self.settings, &self.scene, &mut self.stamps);
                    let mut head = Head { settings, scene, stamps };
                    lines.add(Kind::Drop, |out| drop::write(dropped, &options, &mut head, out));
                }
            }
            Event::Certificates(_) | Event::FileContent(_) | Event::Packet(_) => {}
            Event::Variables(found) => {
                if self.settings.types.metadata {
                    let (settings, scene, stamps) = (&self.settings, &self.scene, &mut self.stamps);
                    let mut head = Head { settings, scene, stamps };
                    lines.add(Kind::Flow, |out| head.record(common::METADATA, &found.context, out, |_, _| {}));
                }
            }
            Event::Arp(packet) => {
                if self.settings.types.arp {
                    let (settings, scene, stamps) = (&self.settings, &self.scene, &mut self.stamps);
                    let mut head = Head { settings, scene, stamps };
                    lines.add(Kind::Packet, |out| arp::write(packet, &mut head, out));
                }
            }
            Event::Tagged(tagged) => {
                if self.settings.types.alert.as_ref().is_some_and(|options| options.tagged) {
                    let (settings, scene, stamps) = (&self.settings, &self.scene, &mut self.stamps);
                    let mut head = Head { settings, scene, stamps };
                    lines.add(Kind::Packet, |out| packet::write(tagged, &mut head, out));
                }
            }
        }
    }

    fn flood(&mut self, flooded: &Flooded, lines: &mut Lines) {
        lines.add(Kind::Anomaly, |out| flood::write(self, flooded, out));
    }

    fn stats(&mut self, now: &Stats<'_>, lines: &mut Lines) {
        let Some(show) = &self.settings.types.stats else { return };
        lines.add(Kind::Stats, |out| {
            out.extend_from_slice(self.settings.prefix.as_bytes());
            let mut json = json::Json::begin(out);
            json.verbatim("timestamp", |out| self.stamps.iso(out, now.time));
            json.str("event_type", "stats");
            json.str_opt("host", self.scene.sensor.as_deref());
            stats::write(now, &self.counters, show, &mut self.before, &mut json);
            json.end();
            out.push(b'\n');
        });
    }
}

#[cfg(test)]
mod tests;
