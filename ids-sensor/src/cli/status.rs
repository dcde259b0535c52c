//! `status`: what a running sensor says about itself, once or again and again.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use super::args::Status;
use super::{Failure, ask, running, say};
use crate::costs;
use crate::layout::{self, Column, Gives};

/// Back to the upper left corner, and everything from there on is cleared (ECMA-48 §8.3.21, §8.3.39).
const REFRESH: &str = "\x1b[H\x1b[J";

/// Runs the command.
///
/// # Errors
/// See [`Failure`]; with `--watch` also the end of the sensor.
pub fn run(args: &Status) -> Result<(), Failure> {
    let mut client = running(&args.instance)?;
    let name = &args.instance.name;
    let status: Value = ask(&mut client, "status", &json!({}))?;
    if !args.watch {
        return if args.json { say::line(status) } else { say::text(text(name, &status, None)) };
    }
    let in_place = !args.json && std::io::stdout().is_terminal();
    let (mut before, mut when) = (status, Instant::now());
    loop {
        thread::sleep(args.interval);
        let status: Value = ask(&mut client, "status", &json!({}))?;
        let seconds = when.elapsed().as_secs_f64();
        when = Instant::now();
        let shown = if args.json {
            format!("{status}\n")
        } else {
            let start = if in_place { REFRESH } else { "" };
            let end = if in_place { "" } else { "\n" };
            format!("{start}{}{end}", text(name, &status, Some((&before, seconds))))
        };
        if !say::while_read(shown)? {
            return Ok(());
        }
        before = status;
    }
}

/// Everything for people. With an earlier status and the seconds since, rates instead of totals.
fn text(name: &str, status: &Value, since: Option<(&Value, f64)>) -> String {
    let mut text = String::new();
    let mut line = |what: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{what}");
    };
    let [uptime, pid] = ["uptime", "pid"].map(|key| &status[key]);
    line(format_args!("`{name}` has been running for {uptime} s (process {pid})"));
    let rules = &status["rules"];
    let [loaded, failed, reloads] = ["loaded", "failed", "reloads"].map(|key| &rules[key]);
    line(format_args!("{loaded} rules in force, {failed} did not load; reloaded {reloads} times"));
    if let Some(refused) = rules["refused"].as_str().filter(|refused| !refused.is_empty()) {
        line(format_args!("the latest reload was refused: {refused}"));
    }
    let ports = match since {
        None => totals(status),
        Some((before, seconds)) => rates(status, before, seconds),
    };
    line(format_args!("{}", ports.trim_end()));
    for (port, queue, cause, count) in losses(status) {
        let more = since.map_or(0, |(before, _)| count - same_loss(before, &port, queue, &cause).min(count));
        let now = if more > 0 { format!(", {more} of them just now") } else { String::new() };
        line(format_args!("lost on {port} queue {queue}: {count} ({}){now}", cause.replace('_', " ")));
    }
    for port in array(&status["ports"]) {
        not_sent(port).into_iter().for_each(|text| line(format_args!("{text}")));
    }
    line(format_args!("{}", blocks(&status["blocks"])));
    for list in array(&status["block_lists"]) {
        line(format_args!("{}", block_list(list)));
    }
    for (key, what) in [
        ("records_lost", "records were not written because the disk was too slow"),
        ("alerts_not_stored", "alerts are in the log files only: the store was too slow"),
    ] {
        if number(&status[key]) > 0 {
            line(format_args!("{} {what}", status[key]));
        }
    }
    if !status["costs"].is_null() {
        line(format_args!("{}", costs::text(&status["costs"], layout::width()).trim_end()));
    }
    text
}

/// Packets since the start, by port.
fn totals(status: &Value) -> String {
    let row = |port: &Value| {
        let Figures { received, inspected, dropped, blocked, lost, .. } = Figures::of(port);
        [received, inspected, dropped, blocked, lost].map(|count| count.to_string())
    };
    table(status, ["RECEIVED", "INSPECTED", "DROPPED BY RULES", "BY BLOCKS", "LOST"], row)
}

/// Packets in a second, by port.
fn rates(status: &Value, before: &Value, seconds: f64) -> String {
    let row = |port: &Value| {
        let then = array(&before["ports"]).find(|earlier| earlier["interface"] == port["interface"]);
        let (now, then) = (Figures::of(port), then.map(Figures::of).unwrap_or_default());
        // Counters stay far below 2^52.
        let rate = |of: fn(&Figures) -> u64| of(&now).saturating_sub(of(&then)) as f64 / seconds.max(1e-3);
        let bits = rate(|figures| figures.bytes) * 8.0 / 1e6;
        [
            format!("{:.0}", rate(|figures| figures.received)),
            format!("{bits:.2}"),
            format!("{:.0}", rate(|figures| figures.inspected)),
            format!("{:.0}", rate(|figures| figures.dropped)),
            format!("{:.0}", rate(|figures| figures.blocked)),
            format!("{:.0}", rate(|figures| figures.lost)),
        ]
    };
    table(status, ["PACKETS/S", "MBIT/S", "INSPECTED/S", "DROPPED/S", "BY BLOCKS/S", "LOST/S"], row)
}

/// One row a port: what it is, and these figures.
fn table<const N: usize>(status: &Value, titles: [&'static str; N], figures: impl Fn(&Value) -> [String; N]) -> String {
    let port: [Column; 3] = [("PORT", Gives::Nothing), ("MODE", Gives::Out(1)), ("LINK", Gives::Out(2))];
    let columns: Vec<Column> = port.into_iter().chain(titles.map(|title| (title, Gives::Nothing))).collect();
    let row = |port: &Value| {
        let words = ["interface", "mode", "link"].map(|key| text_of(&port[key]));
        words.into_iter().chain(figures(port)).collect()
    };
    layout::table(&columns, array(&status["ports"]).map(row).collect(), layout::width())
}

/// The counters of one port that people look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    received: u64,
    bytes: u64,
    inspected: u64,
    /// By rules, in the workers.
    dropped: u64,
    /// In the kernel, on account of blocks and limits.
    blocked: u64,
    lost: u64,
}

impl Figures {
    fn of(port: &Value) -> Self {
        let kernel = |name: &str| number(&port["kernel"][name]["packets"]);
        let sum = |name: &str| array(&port["queues"]).map(|queue| number(&queue[name])).sum();
        let causes = array(&port["queues"]).filter_map(|queue| queue["lost"].as_object());
        Self {
            received: number(&port["received"]["packets"]),
            bytes: number(&port["received"]["bytes"]),
            inspected: sum("received"),
            dropped: sum("dropped"),
            blocked: ["drop.flow", "drop.host", "drop.flood_syn", "drop.flood_udp"].map(kernel).iter().sum(),
            lost: causes.flat_map(|causes| causes.values()).map(number).sum(),
        }
    }
}

/// All losses: port, queue, cause, packets.
fn losses(status: &Value) -> Vec<(String, u64, String, u64)> {
    let mut found = Vec::new();
    for port in array(&status["ports"]) {
        for queue in array(&port["queues"]) {
            for (cause, count) in queue["lost"].as_object().into_iter().flatten() {
                if number(count) > 0 {
                    let name = text_of(&port["interface"]);
                    found.push((name, number(&queue["queue"]), cause.clone(), number(count)));
                }
            }
        }
    }
    found
}

/// What a port was given to send, and did not.
fn not_sent(port: &Value) -> Option<String> {
    let sent = &port["sent"];
    let missing = sent["missing"].as_i64().and_then(|missing| u64::try_from(missing).ok()).unwrap_or_default();
    let causes =
        [(number(&sent["dropped"]), "dropped by the driver"), (missing, "refused by the kernel, or under way")];
    let causes: Vec<String> =
        causes.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let interface = text_of(&port["interface"]);
    (!causes.is_empty()).then(|| format!("not sent by {interface}: {}", causes.join(", ")))
}

fn same_loss(status: &Value, port: &str, queue: u64, cause: &str) -> u64 {
    let same = |(p, q, c, _): &(String, u64, String, u64)| p == port && *q == queue && c == cause;
    losses(status).into_iter().find(same).map_or(0, |(.., count)| count)
}

/// What rules had blocked and released, and what was not carried out and why.
fn blocks(blocks: &Value) -> String {
    let [hosts, flows, released, failed] =
        ["hosts_blocked", "flows_blocked", "released", "blocks_failed"].map(|key| number(&blocks[key]));
    let mut text = format!("blocked by rules: {hosts} hosts, {flows} flows; released: {released} flows");
    if failed > 0 {
        let _ = write!(text, "\nblocks that found no room: {failed}");
    }
    let reasons: Vec<String> = blocks["refused"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, count)| number(count) > 0)
        .map(|(reason, count)| format!("{} {count}", reason.replace('_', " ")))
        .collect();
    if !reasons.is_empty() {
        let _ = write!(text, "\nblocks not carried out: {}", reasons.join(", "));
    }
    text
}

fn block_list(list: &Value) -> String {
    let mut text = format!("block list {}: {} blocked", text_of(&list["file"]), list["blocked"]);
    let others = [("bad_lines", "bad lines"), ("allowed", "not to be blocked"), ("no_room", "without room")];
    for (key, what) in others {
        if number(&list[key]) > 0 {
            let _ = write!(text, ", {} {what}", list[key]);
        }
    }
    match list["error"].as_str() {
        Some(error) if !error.is_empty() => text + "; " + error,
        _ => text,
    }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(received: u64, full: u64) -> Value {
        json!({
            "uptime": 5, "pid": 7,
            "rules": {"loaded": 3, "failed": 0, "reloads": 0, "refused": ""},
            "ports": [{
                "interface": "eth1", "mode": "driver", "link": "up",
                "received": {"packets": received, "bytes": received * 1000},
                "sent": {"given": 20, "packets": 12, "dropped": 5, "missing": 3},
                "kernel": {"drop.flow": {"packets": 1}, "drop.host": {"packets": 2}},
                "queues": [
                    {"queue": 0, "received": 4, "dropped": 1, "lost": {"receive_ring_full": full, "stale": 0}},
                    {"queue": 1, "received": 6, "dropped": 0, "lost": {"receive_ring_full": 0, "stale": 0}},
                ],
            }],
            "blocks": {"hosts_blocked": 1, "flows_blocked": 2, "released": 3, "blocks_failed": 0,
                       "refused": {"allowed": 0, "too_many": 4}},
            "block_lists": [{"file": "a.txt", "blocked": 9, "bad_lines": 1, "allowed": 0, "no_room": 0, "error": "gone"}],
            "records_lost": 0, "alerts_not_stored": 6,
        })
    }

    /// The row of the port, word by word.
    fn row(text: &str) -> Vec<&str> {
        text.lines().find(|line| line.contains("driver")).unwrap().split_whitespace().collect()
    }

    #[test]
    fn totals_and_rates() {
        let (before, now) = (status(100, 0), status(300, 8));
        let once = text("one", &now, None);
        assert_eq!(row(&once), ["eth1", "driver", "up", "300", "10", "1", "3", "8"], "{once}");
        for line in [
            "lost on eth1 queue 0: 8 (receive ring full)",
            "not sent by eth1: 5 dropped by the driver, 3 refused by the kernel, or under way",
            "blocked by rules: 1 hosts, 2 flows; released: 3 flows",
            "blocks not carried out: too many 4",
            "block list a.txt: 9 blocked, 1 bad lines; gone",
            "6 alerts are in the log files only: the store was too slow",
        ] {
            assert!(once.lines().any(|found| found == line), "{line} in {once}");
        }
        assert!(!once.contains("records were not written"), "{once}");
        let since = text("one", &now, Some((&before, 2.0)));
        assert_eq!(row(&since), ["eth1", "driver", "up", "100", "0.80", "0", "0", "0", "4"], "{since}");
        assert!(since.contains("queue 0: 8 (receive ring full), 8 of them just now"), "{since}");
    }
}
