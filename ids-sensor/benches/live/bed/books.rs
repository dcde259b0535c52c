//! Where every packet went, by everybody's count: the sender's, the kernel's, the kernel stage's, the workers', and that
//! of the far end.

use serde_json::Value;

use super::figures::{Goal, Table};
use super::{Which, counter};
use crate::support::site::Site;

/// The way of packets from `c0` by `a0` and `b0` to `s0`, counted at one moment, with nothing under way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Books {
    /// The kernel could not hand them to `a0`: its ring was full.
    pub not_sent: u64,
    /// The kernel stage at `a0` took them in.
    pub received: u64,
    /// And decided: what was sent on in the kernel, dropped there, or handed over.
    pub fast: u64,
    pub dropped: u64,
    pub handed_over: u64,
    /// Of those handed over: what the workers got.
    pub delivered: u64,
    /// What they could not take: rings full, no buffers, too old.
    pub lost: u64,
    /// Of those delivered: put in line to be sent, dropped, and lost in that line.
    pub accepted: u64,
    pub refused: u64,
    pub unsent: u64,
    /// Frames that the engine itself put in line at `b0`.
    pub injected: u64,
    /// The kernel could not hand them to `s0`.
    pub not_forwarded: u64,
    /// They came in at `s0`.
    pub arrived: u64,
}

impl Books {
    /// As a running sensor and the kernel tell them.
    pub fn open(site: &Site) -> Self {
        let status = site.status();
        let (a, b) = (&status["ports"][0], &status["ports"][1]);
        let kernel = |kind: &str| -> u64 {
            let outcomes = a["kernel"].as_object().unwrap().iter().filter(|(name, _)| name.starts_with(kind));
            outcomes.map(|(_, count)| number(&count["packets"])).sum()
        };
        let lost = |causes: &[&str]| -> u64 {
            let queues = array(&a["queues"]);
            queues.map(|queue| causes.iter().map(|cause| number(&queue["lost"][cause])).sum::<u64>()).sum()
        };
        let queues = |name: &str| array(&a["queues"]).map(|queue| number(&queue[name])).sum();
        let there = |port: &Value, interface| {
            if port.is_null() { 0 } else { counter(&site.lab.sensor, interface, Which::NotSent) }
        };
        Self {
            not_sent: counter(&site.lab.client, "c0", Which::NotSent),
            received: number(&a["received"]["packets"]),
            fast: kernel("fast."),
            dropped: kernel("drop."),
            handed_over: kernel("inspect."),
            delivered: queues("received"),
            lost: lost(&["receive_ring_full", "no_buffer", "stale"]),
            accepted: queues("accepted"),
            refused: queues("dropped"),
            unsent: lost(&["transmit_ring_full"]),
            injected: array(&b["queues"]).map(|queue| number(&queue["injected"])).sum(),
            not_forwarded: there(b, "b0"),
            arrived: counter(&site.lab.server, "s0", Which::Received),
        }
    }

    /// What has happened since an earlier moment.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            not_sent: self.not_sent - earlier.not_sent,
            received: self.received - earlier.received,
            fast: self.fast - earlier.fast,
            dropped: self.dropped - earlier.dropped,
            handed_over: self.handed_over - earlier.handed_over,
            delivered: self.delivered - earlier.delivered,
            lost: self.lost - earlier.lost,
            accepted: self.accepted - earlier.accepted,
            refused: self.refused - earlier.refused,
            unsent: self.unsent - earlier.unsent,
            injected: self.injected - earlier.injected,
            not_forwarded: self.not_forwarded - earlier.not_forwarded,
            arrived: self.arrived - earlier.arrived,
        }
    }

    /// What is missing between each two who counted; nothing, if nobody forgot any.
    pub fn differences(&self, sent: u64, inline: bool) -> Vec<(&'static str, i64)> {
        let minus = |a: u64, b: u64| a.cast_signed() - b.cast_signed();
        let mut all = vec![
            ("sent = not taken by the port + received", minus(sent, self.not_sent + self.received)),
            (
                "received = fast + dropped + handed over",
                minus(self.received, self.fast + self.dropped + self.handed_over),
            ),
            ("handed over = delivered + lost", minus(self.handed_over, self.delivered + self.lost)),
            (
                "delivered = accepted + dropped + not put in line",
                minus(self.delivered, self.accepted + self.refused + self.unsent),
            ),
        ];
        if inline {
            let gone = self.fast + self.accepted + self.injected;
            all.push((
                "fast + accepted = not taken by the peer + arrived",
                minus(gone, self.not_forwarded + self.arrived),
            ));
        }
        all
    }

    /// Rows with the counts, and with what is missing.
    pub fn rows(&self, table: &mut Table, name: &str, sent: u64, inline: bool) {
        for (what, count) in [
            ("sent", sent),
            ("not taken by the port", self.not_sent),
            ("received", self.received),
            ("handed over", self.handed_over),
            ("lost, counted", self.lost + self.unsent),
            ("not taken by the peer", self.not_forwarded),
            ("arrived", self.arrived),
        ] {
            table.row(&format!("{name}: {what}"), count as f64, "packets", Goal::None);
        }
        for (what, missing) in self.differences(sent, inline) {
            table.row(
                &format!("{name}: missing in {what}"),
                missing.unsigned_abs() as f64,
                "packets",
                Goal::AtMost(0.0),
            );
        }
    }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
