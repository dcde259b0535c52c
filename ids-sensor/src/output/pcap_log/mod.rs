//! `pcap-log`: packets → capture files.
//!
//! In: every packet that came off the wire or out of a file, and whether a rule fired on it or its flow.  Out: records
//! in [`mod@file`]s, in the order of the packets. What came out of tunnels and fragments is in there as it was captured.
//! Source: the pcap-log section of the Suricata 8 user guide.

pub mod file;
mod held;
mod record;
#[cfg(test)]
mod tests;

use ids_core::event::{Event, Seen};
use ids_core::flow::Action;
use ids_core::packet::Source;

use self::held::Held;
use super::lines::{Kind, Lines};
use super::sink::Output;
use crate::config::pcap_log::{PcapLog as Settings, Which};

/// Bytes that a record takes beyond its packet.
const OVERHEAD: usize = 20;

/// Renders packets as records of capture files.
#[derive(Debug)]
pub struct PcapLog {
    settings: Settings,
    held: Held,
}

impl PcapLog {
    /// In: which packets.
    pub fn new(settings: Settings) -> Self {
        Self { settings, held: Held::default() }
    }

    fn packet(&mut self, seen: &Seen<'_>, lines: &mut Lines) {
        let (packet, flow) = (seen.packet, seen.context.flow);
        let unwanted = self.settings.honor_pass && flow.is_some_and(|flow| flow.action == Action::Pass);
        let filtered = self.settings.filter.as_ref().is_some_and(|filter| !filter.wants(packet.link, packet.bytes));
        if packet.source != Source::Wire || unwanted || filtered {
            return;
        }
        let write = |out: &mut Vec<u8>| record::write(packet.link, packet.time, packet.bytes, out);
        match (self.settings.which, flow) {
            (Which::Alerts, Some(flow)) if !seen.alerted => {
                // Without payload there is nothing that a rule could fire on later.
                if packet.tcp().is_some() && !packet.payload().is_empty() {
                    self.held.push(flow.id, packet.bytes.len() + OVERHEAD, write);
                }
                return;
            }
            (Which::Alerts, None) if !seen.alerted => return,
            (Which::Tagged, _) if !seen.tagged => return,
            (Which::Alerts, Some(flow)) => {
                self.held.release(flow.id, |held| lines.add(Kind::Packet, |out| out.extend_from_slice(held)));
            }
            _ => {}
        }
        lines.add(Kind::Packet, write);
    }
}

impl Output for PcapLog {
    fn event(&mut self, event: &Event<'_>, lines: &mut Lines) {
        match event {
            Event::Packet(seen) => self.packet(seen, lines),
            Event::Flow(ended) => self.held.forget(ended.flow.id),
            _ => {}
        }
    }
}

impl Drop for PcapLog {
    fn drop(&mut self) {
        if self.held.refused > 0 {
            tracing::warn!(packets = self.held.refused, "no room to hold packets until a rule fires on their flow");
        }
    }
}
