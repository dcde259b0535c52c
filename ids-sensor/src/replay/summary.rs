//! What a replay came to, for people and as JSON.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use ids_core::event::{Alert, Event};
use ids_core::time::Time;
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

use crate::costs;
use crate::layout::{self, Column, Gives, count};
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
            let end = |addr, port| layout::endpoint(addr, matches!(at.proto, Some(6 | 17 | 132)).then_some(port));
            let _ = write!(flow, " {} -> {}", end(src, at.src_port), end(dst, at.dst_port));
        }
        let action = if alert.blocked { "blocked" } else { "allowed" };
        Self { order, time: at.time, action, sid: alert.rule.sid, signature: alert.rule.msg.clone(), flow }
    }
}

/// What became of rules.
#[derive(Debug, Default)]
pub struct RuleCount {
    /// Those in force.
    pub loaded: u64,
    /// Those that did not load.
    pub failed: u64,
    /// Rule files that could not be read.
    pub unread: Vec<PathBuf>,
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
    /// What became of rules.
    pub rules: RuleCount,
    /// Where records are.
    pub places: Vec<PathBuf>,
    /// What was wrong with captures.
    pub warnings: Vec<String>,
    /// What rules and flows cost, as [`crate::costs::json`] has it, if that was measured.
    pub costs: Option<Value>,
    /// What could not be written.
    pub write_errors: Vec<String>,
}

impl Summary {
    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "captures": self.captures,
            "packets": self.tally.packets,
            "bytes": self.tally.bytes,
            "dropped": self.tally.dropped,
            "flows": self.flows,
            "alerts": self.tally.alerts,
            "rules": {"loaded": self.rules.loaded, "failed": self.rules.failed, "unread": self.rules.unread},
            "seconds": self.elapsed.as_secs_f64(),
            "outputs": self.places,
            "warnings": self.warnings,
            "costs": self.costs,
        })
    }

    /// For people; `width` as with [`layout::table`].
    pub fn text(&self, width: Option<usize>) -> String {
        let mut out = String::new();
        if !self.tally.first.is_empty() {
            let mut stamps = Stamps::default();
            let rows = self.tally.first.iter().map(|line| line.row(&mut stamps)).collect();
            let _ = writeln!(out, "{}", layout::table(COLUMNS, rows, width));
        }
        let left = self.tally.alerts - self.tally.first.len() as u64;
        if left > 0 {
            let _ = writeln!(out, "… and {}\n", count(left, "more alert"));
        }
        if let Some(measured) = &self.costs {
            let _ = writeln!(out, "{}", costs::text(measured, width));
        }
        let Tally { packets, bytes, dropped, alerts, .. } = self.tally;
        let seconds = self.elapsed.as_secs_f64().max(0.001);
        let _ = write!(out, "{}, {}", count(packets, "packet"), HumanBytes(bytes));
        let _ = write!(out, ", {}, {}", count(self.flows, "flow"), count(alerts, "alert"));
        if dropped > 0 {
            let _ = write!(out, ", {} dropped", count(dropped, "packet"));
        }
        let rate = packets as f64 / seconds;
        let _ = writeln!(out, " in {seconds:.2} s ({} packets/s)", HumanCount(rate as u64));
        let _ = writeln!(out, "{}", self.rules.text());
        for place in &self.places {
            let _ = writeln!(out, "  {}", place.display());
        }
        out
    }
}

const COLUMNS: &[Column] = &[
    ("DATE", Gives::Out(1)),
    ("TIME", Gives::Nothing),
    ("ACTION", Gives::Out(3)),
    ("SID", Gives::Out(2)),
    ("SIGNATURE", Gives::Cut),
    ("FLOW", Gives::Nothing),
];

impl Line {
    fn row(&self, stamps: &mut Stamps) -> Vec<String> {
        let mut stamp = Vec::new();
        stamps.iso(&mut stamp, self.time);
        stamp.truncate(19);
        let stamp = String::from_utf8_lossy(&stamp);
        let (date, time) = stamp.split_once('T').unwrap_or(("", &stamp));
        let sid = self.sid.to_string();
        vec![date.to_owned(), time.to_owned(), self.action.to_owned(), sid, self.signature.clone(), self.flow.clone()]
    }
}

impl RuleCount {
    /// In one line, with what helps where something is missing.
    fn text(&self) -> String {
        let mut text = format!("{} in force", count(self.loaded, "rule"));
        if self.failed > 0 {
            let _ = write!(text, ", {} not (`ids-sensor rules check` says why)", HumanCount(self.failed));
        }
        if !self.unread.is_empty() {
            let names: Vec<_> = self.unread.iter().map(|path| path.display().to_string()).collect();
            let _ = write!(text, ", {} NOT READ: {}", count(names.len() as u64, "rule file"), names.join(", "));
        }
        text
    }
}
