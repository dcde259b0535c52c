//! Alerts are asked for while many come in, and the sensor is killed while it writes them.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::needs_root;
use crate::support::lab::{CLIENT, SERVER, wait_until};
use crate::support::site::{Site, stop};

/// Every datagram is an alert.
const EACH: &str = "alert udp any any -> any 9 (msg:\"each\"; content:\"datagram\"; sid:7;)\n";

/// Datagrams that may be under way: fewer than any queue between both ends holds, so that none is lost on a slow machine.
const WINDOW: u64 = 64;

/// Between two datagrams: some thousands of alerts a second, which are asked for again and again.
const PACE: Duration = Duration::from_micros(200);

/// Datagrams from the client to the server, no faster than they arrive.
struct Load {
    over: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Load {
    /// Sends while `work` runs. Out: how many were sent, and how many arrived.
    fn during(site: &Site, work: impl FnOnce(&Self)) -> (u64, u64) {
        let load = Self { over: AtomicBool::new(false), sent: AtomicU64::new(0), received: AtomicU64::new(0) };
        let sink = site.lab.server.run(|| UdpSocket::bind((SERVER, 9)).unwrap());
        sink.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let source = site.lab.client.run(|| UdpSocket::bind((CLIENT, 0)).unwrap());
        source.connect((SERVER, 9)).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| load.receive(&sink));
            scope.spawn(|| load.send(&source));
            // Whatever becomes of the work, the threads must end.
            let _over = SetOnDrop(&load.over);
            work(&load);
        });
        (load.sent.into_inner(), load.received.into_inner())
    }

    fn send(&self, source: &UdpSocket) {
        while !self.over.load(Ordering::Relaxed) {
            if self.sent.load(Ordering::Relaxed) - self.received.load(Ordering::Relaxed) < WINDOW {
                source.send(b"datagram").unwrap();
                self.sent.fetch_add(1, Ordering::Relaxed);
            }
            std::thread::sleep(PACE);
        }
        source.send(b"end").unwrap();
    }

    fn receive(&self, sink: &UdpSocket) {
        let mut bytes = [0; 64];
        while let Ok(length) = sink.recv(&mut bytes) {
            if &bytes[..length] == b"end" {
                return;
            }
            self.received.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until so many more have arrived.
    fn goes_on(&self, more: u64) {
        let goal = self.received.load(Ordering::Relaxed) + more;
        wait_until("datagrams", || self.received.load(Ordering::Relaxed) >= goal);
    }
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The alerts that a command lists, by their ids, none of them twice.
fn listed(site: &Site, place: &str) -> BTreeSet<String> {
    let alerts = site.json(&format!("alerts list --json --limit 1000000 {place}"));
    let ids: BTreeSet<_> = alerts.iter().map(|alert| alert["alert_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), alerts.len(), "no alert is listed twice");
    ids
}

/// A deadline that a loaded machine does not miss: what is counted here is alerts.
fn line(site: &Site) -> String {
    format!("--inline a0,b0 --deadline 20s -S {}", site.rules(EACH))
}

#[test]
fn alerts_are_listed_while_they_come_in_and_none_is_missing() {
    needs_root!();
    let site = Site::new();
    let sensor = site.start(&line(&site));
    let mut seen = BTreeSet::new();
    let (sent, received) = Load::during(&site, |load| {
        for _ in 0..5 {
            load.goes_on(2_000);
            let now = listed(&site, "");
            assert!(now.is_superset(&seen), "what was listed once stays");
            assert!(now.len() > seen.len(), "and more comes");
            seen = now;
        }
    });
    assert!(sent >= 10_000 && sent == received, "{received} of {sent} datagrams arrived");
    wait_until("the last alerts", || listed(&site, "").len() as u64 >= sent);
    assert_eq!(listed(&site, "").len() as u64, sent, "one alert for each datagram");
    assert_eq!(stop(sensor).0, Some(0));
    let log = site.folder().join("log");
    assert_eq!(listed(&site, &format!("-l {}", log.display())).len() as u64, sent, "also without the sensor");
}

#[test]
fn what_was_listed_survives_a_kill_under_load() {
    needs_root!();
    let site = Site::new();
    let line = line(&site);
    let sensor = site.start(&line);
    let log = site.folder().join("log");
    let mut before = BTreeSet::new();
    Load::during(&site, |load| {
        load.goes_on(3_000);
        before = listed(&site, "");
        load.goes_on(500);
        // Killed, not ended, with alerts under way.
        drop(sensor);
    });
    assert!(before.len() > 1_000, "{}", before.len());
    let kept = listed(&site, &format!("-l {}", log.display()));
    assert!(kept.is_superset(&before), "{} of {} are lost", before.difference(&kept).count(), before.len());
    // The file was cut off wherever the kill met it: every line but the last is whole.
    let eve = std::fs::read_to_string(log.join("eve.json")).unwrap();
    let whole = eve.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let alerts = whole.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let alerts = alerts.filter(|record| record["event_type"] == "alert").count();
    assert!(alerts >= before.len(), "{alerts} of {}", before.len());

    let sensor = site.start(&line);
    Load::during(&site, |load| load.goes_on(1_000));
    wait_until("new alerts", || listed(&site, "").len() >= kept.len() + 1_000);
    assert!(listed(&site, "").is_superset(&kept));
    assert_eq!(stop(sensor).0, Some(0));
}
