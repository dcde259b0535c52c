//! A mirror port: every packet is accounted for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ids_ebpf::Outcome;
use ids_ebpf::interest::Interest;
use ids_sensor::kernel::Attach;
use ids_sensor::live::{Guard, Topology};

use crate::needs_root;
use crate::support::inspectors::Gated;
use crate::support::lab::{Lab, SERVER, balanced, wait_until};

/// Listens to a0 alone; the client talks to somebody who is not there.
fn mirror(lab: &Lab) -> ids_sensor::live::Settings {
    lab.client.ip(&format!("neigh add {SERVER} lladdr 02:00:00:00:00:99 dev c0"));
    lab.settings(Topology::Mirror(vec!["a0".to_owned()]))
}

#[test]
fn every_packet_is_seen_once() {
    needs_root!();
    let lab = Lab::new();
    let live = lab.start(&mirror(&lab), Guard::default);
    lab.ping(SERVER, 100, 56);
    let status = live.stop().unwrap();
    balanced(&status);
    let seen = status[0].queues[0].received;
    // IPv6 has something to say on its own when an interface comes up.
    assert!((100..120).contains(&seen.packets), "{seen:?}");
    assert!(seen.bytes >= 100 * 98);
    assert_eq!(status[0].queues[0].accepted, seen.packets);
}

#[test]
fn what_nobody_wants_stays_in_the_kernel() {
    needs_root!();
    let lab = Lab::new();
    let live = lab.start(&mirror(&lab), Guard::default);
    live.tables().set_interest(&Interest::NOTHING).unwrap();
    lab.ping(SERVER, 50, 56);
    let status = live.stop().unwrap();
    balanced(&status);
    assert!(status[0].decided.of(Outcome::FastUninteresting).packets >= 50);
    assert_eq!(lab.sensor.must("cat /proc/net/snmp").lines().filter(|line| line.starts_with("Icmp: 0")).count(), 1);
}

#[test]
fn losses_are_counted_by_cause() {
    needs_root!();
    let lab = Lab::new();
    let mut settings = mirror(&lab);
    settings.ring = 64;
    settings.deadline = Duration::from_secs(3600);
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let live = lab.start(&settings, move || Gated(Arc::clone(&gate)));
    lab.ping(SERVER, 300, 56);
    open.store(true, Ordering::Relaxed);
    let status = live.stop().unwrap();
    balanced(&status);
    let queue = &status[0].queues[0];
    assert!(queue.lost.receive_ring_full + queue.lost.no_buffer > 0, "{queue:?}");
    assert!(queue.received.packets >= 64, "what fitted was kept: {queue:?}");
}

#[test]
fn an_interface_without_driver_support_falls_back_to_generic_mode() {
    needs_root!();
    let lab = Lab::new();
    lab.sensor.ip("link add br0 type bridge");
    lab.sensor.ip("link set a0 master br0");
    lab.sensor.ip("link set br0 up");
    lab.client.ip(&format!("neigh add {SERVER} lladdr ff:ff:ff:ff:ff:ff dev c0"));
    let mut settings = lab.settings(Topology::Mirror(vec!["br0".to_owned()]));
    settings.attach = Attach::Auto;
    let live = lab.start(&settings, Guard::default);
    // A bridge port learns to forward after a moment.
    wait_until("a packet", || {
        lab.ping(SERVER, 2, 56);
        live.status().unwrap()[0].queues.iter().any(|queue| queue.received.packets > 0)
    });
    let status = live.stop().unwrap();
    assert_eq!(status[0].mode, "generic");
    balanced(&status);

    settings.attach = Attach::Driver;
    let refused = lab.sensor.run(|| ids_sensor::live::Live::prepare(&settings));
    let error = refused.map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("cannot attach the XDP program to br0 in driver mode: "), "{error}");
}
