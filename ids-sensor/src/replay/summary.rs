//! What a replay came to, for people and as JSON.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use comfy_table::{Table, presets};
use ids_core::event::{Alert, Event};
use ids_core::time::Time;
use indicatif::{HumanBytes, HumanCount};
use serde_json::json;

use crate::output::lines::Order;
use crate::output::names;
use crate::output::timestamp::Stamps;

/// Alerts shown at the end; the others are in the records.
const SHOWN: usize = 20;

/// What is counted while packets go through.
#[derive(Debug, Default)]
pub struct Tally {
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets that were dropped.
    pub dropped: u64,
    /// Alerts.
    pub alerts: u64,
    /// The first of them.
    pub first: Vec<Line>,
}

/// One alert as the table shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    order: Order,
    time: Time,
    action: &'static str,
    sid: u32,
    signature: String,
    flow: String,
}

impl Tally {
    /// Counts an event.
    pub fn event(&mut self, event: &Event<'_>, order: Order) {
        if let Event::Alert(alert) = event {
            self.alerts += 1;
            if self.first.len() < SHOWN {
                self.first.push(Line::of(alert, order));
            }
        }
    }

    /// Adds what several workers counted in the same piece of the capture, after all that came before.
    pub fn add(&mut self, parts: impl IntoIterator<Item = Self>) {
        let mut first = Vec::new();
        for part in parts {
            self.packets += part.packets;
            self.bytes += part.bytes;
            self.dropped += part.dropped;
            self.alerts += part.alerts;
            first.extend(part.first);
        }
        first.sort_by_key(|line| line.order);
        self.first.extend(first);
        self.first.truncate(SHOWN);
    }
}

impl Line {
    fn of(alert: &Alert<'_>, order: Order) -> Self {
        let at = &alert.context;
        let mut flow = Vec::new();
        if let Some(proto) = at.proto {
            names::proto(proto, &mut flow);
        }
        let mut flow = String::from_utf8_lossy(&flow).into_owned();
        if let (Some(src), Some(dst)) = (at.src, at.dst) {
            let port =
                |port: u16| if matches!(at.proto, Some(6 | 17 | 132)) { format!(":{port}") } else { String::new() };
            let _ = write!(flow, " {src}{} -> {dst}{}", port(at.src_port), port(at.dst_port));
        }
        let action = if alert.blocked { "blocked" } else { "allowed" };
        Self { order, time: at.time, action, sid: alert.rule.sid, signature: alert.rule.msg.clone(), flow }
    }
}

/// What a replay came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// Captures read.
    pub captures: u64,
    /// Packets and alerts.
    pub tally: Tally,
    /// Flows.
    pub flows: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Where records are.
    pub places: Vec<PathBuf>,
    /// What was wrong with captures.
    pub warnings: Vec<String>,
    /// What could not be written.
    pub write_errors: Vec<String>,
}

impl Summary {
    /// For programs.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "captures": self.captures,
            "packets": self.tally.packets,
            "bytes": self.tally.bytes,
            "dropped": self.tally.dropped,
            "flows": self.flows,
            "alerts": self.tally.alerts,
            "seconds": self.elapsed.as_secs_f64(),
            "outputs": self.places,
            "warnings": self.warnings,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if !self.tally.first.is_empty() {
            let _ = writeln!(out, "{}\n", self.table());
        }
        let left = self.tally.alerts - self.tally.first.len() as u64;
        if left > 0 {
            let _ = writeln!(out, "… and {} more alerts\n", HumanCount(left));
        }
        let Tally { packets, bytes, dropped, alerts, .. } = self.tally;
        let seconds = self.elapsed.as_secs_f64().max(0.001);
        let _ = write!(out, "{} packets, {}", HumanCount(packets), HumanBytes(bytes));
        let _ = write!(out, ", {} flows, {} alerts", HumanCount(self.flows), HumanCount(alerts));
        if dropped > 0 {
            let _ = write!(out, ", {} packets dropped", HumanCount(dropped));
        }
        let rate = packets as f64 / seconds;
        let _ = writeln!(out, " in {seconds:.2} s ({} packets/s)", HumanCount(rate as u64));
        for place in &self.places {
            let _ = writeln!(out, "  {}", place.display());
        }
        out
    }

    fn table(&self) -> Table {
        let mut stamps = Stamps::default();
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["TIME", "ACTION", "SID", "SIGNATURE", "FLOW"]);
        for line in &self.tally.first {
            let mut time = Vec::new();
            stamps.iso(&mut time, line.time);
            time.truncate(19);
            let time = String::from_utf8_lossy(&time).into_owned();
            table.add_row([
                time,
                line.action.to_owned(),
                line.sid.to_string(),
                line.signature.clone(),
                line.flow.clone(),
            ]);
        }
        table
    }
}
