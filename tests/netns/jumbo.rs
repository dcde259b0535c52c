//! Frames that are longer than a buffer.

use std::net::UdpSocket;
use std::time::Duration;

use ids_ebpf::Outcome;
use ids_sensor::kernel::Attach;
use ids_sensor::live::{Guard, Settings, Status};

use crate::needs_root;
use crate::support::inspectors::{Marker, Then};
use crate::support::lab::{CLIENT, Lab, SERVER, SERVER6, balanced, inspected_bytes, wait_until};
use crate::support::site::{Site, stop};

const MTU: u32 = 9000;

/// Payload of the longest ping in one frame.
const PING: u32 = MTU - 28;

fn lab(queues: u32) -> Lab {
    let lab = Lab::with_queues(queues);
    lab.set_mtu(MTU);
    lab
}

fn lost(status: &[Status]) -> u64 {
    let queues = status.iter().flat_map(|port| &port.queues);
    queues.flat_map(|queue| queue.lost.named()).map(|(_, count)| count).sum()
}

#[test]
fn they_pass_whole_in_every_mode() {
    needs_root!();
    for (name, attach, workers) in
        [("driver", Attach::Driver, 1), ("generic", Attach::Generic, 1), ("two workers", Attach::Driver, 2)]
    {
        let lab = lab(workers);
        let workers = workers as usize;
        let settings = Settings { attach, workers, deadline: Duration::from_secs(20), ..lab.inline() };
        let live = lab.start(&settings, Guard::default);
        assert_eq!(lab.ping(SERVER, 10, PING), 10, "{name}");
        assert_eq!(lab.ping(SERVER6, 10, PING - 20), 10, "{name}");
        assert_eq!(lab.ping(SERVER, 10, 56), 10, "{name}: short ones");
        let site = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..2_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        std::fs::write(site.path().join("large"), &bytes).unwrap();
        let _server = lab.serve(site.path());
        let (worked, body) = lab.curl(&format!("http://{SERVER}/large"), 60);
        assert!(worked && std::fs::read(body).unwrap() == bytes, "{name}: the same bytes");
        let status = live.stop().unwrap();
        balanced(&status);
        assert_eq!(lost(&status), 0, "{name}: {status:?}");
        let fragments: u64 = status.iter().map(|port| port.decided.of(Outcome::InspectFragment).packets).sum();
        assert_eq!(fragments, 0, "{name}");
        let Status { decided, queues, .. } = &status[0];
        let delivered: u64 = queues.iter().map(|queue| queue.received.bytes).sum();
        assert_eq!(delivered, inspected_bytes(decided), "{name}: every byte was delivered");
        assert!(delivered > 20 * 9000, "{name}: {delivered}");
    }
}

#[test]
fn the_fast_path_takes_them() {
    needs_root!();
    let lab = lab(1);
    let site = tempfile::tempdir().unwrap();
    let bytes = vec![7u8; 5_000_000];
    std::fs::write(site.path().join("large"), &bytes).unwrap();
    let _server = lab.serve(site.path());
    let live = lab.start(&lab.inline(), || Marker { marker: b"GET /large", then: Then::Release });
    let (worked, body) = lab.curl(&format!("http://{SERVER}/large"), 30);
    assert!(worked && std::fs::read(body).unwrap() == bytes);
    let status = live.stop().unwrap();
    balanced(&status);
    let fast = status.iter().map(|port| port.decided.of(Outcome::FastReleased));
    let (packets, bytes) = fast.fold((0, 0), |sum, fast| (sum.0 + fast.packets, sum.1 + fast.bytes));
    assert!(bytes > 4_000_000 && bytes / packets > 3_500, "{packets} frames with {bytes} bytes");
}

#[test]
fn rules_see_and_change_all_of_them() {
    needs_root!();
    let site = Site::new();
    site.lab.set_mtu(MTU);
    let rules = "alert udp any any -> any 9 (msg:\"far behind\"; content:\"secret\"; offset:7000; sid:1;)\n\
                 alert udp any any -> any 9 (msg:\"hidden\"; content:\"secret\"; replace:\"******\"; sid:2;)\n";
    let sensor = site.start(&format!("--inline a0,b0 --deadline 20s -S {}", site.rules(rules)));
    let sink = site.lab.server.run(|| UdpSocket::bind((SERVER, 9)).unwrap());
    sink.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let source = site.lab.client.run(|| UdpSocket::bind((CLIENT, 0)).unwrap());
    // The third lies across the border between two buffers of 3,840 bytes, whichever of them the headers are in.
    for places in [&[7500][..], &[0, 8000], &[3792, 3795, 3798, 7632, 7635, 7638]] {
        for at in places {
            let mut sent = vec![b'.'; 8200];
            sent[*at..at + 6].copy_from_slice(b"secret");
            source.send_to(&sent, (SERVER, 9)).unwrap();
            let mut got = vec![0; 9000];
            let length = sink.recv(&mut got).unwrap();
            sent[*at..at + 6].copy_from_slice(b"******");
            assert!(got[..length] == sent, "{at}: {}", String::from_utf8_lossy(&got[*at..at + 6]));
        }
    }
    wait_until("the alerts", || site.sids("alerts list --json").iter().filter(|sid| **sid == 2).count() == 9);
    assert_eq!(site.sids("alerts list --json").iter().filter(|sid| **sid == 1).count(), 5);
    assert_eq!(stop(sensor).0, Some(0));
}
