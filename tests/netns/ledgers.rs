//! Both ledgers of a pair, to the packet: what the kernel stage decided, and what became of what was decided.

use ids_ebpf::Outcome;
use ids_ebpf::interest::Interest;
use ids_sensor::kernel::port::interface_index;
use ids_sensor::live::sent::Sent;
use ids_sensor::live::{Guard, Live, Status};

use crate::needs_root;
use crate::support::bpf::Program;
use crate::support::lab::{CLIENT, Lab, SERVER, balanced, wait_until};
use crate::support::packet::udp;
use crate::support::site::{EVIL, Site, stop};

/// How many frames are more than any queue on their way holds.
const MANY: u32 = 4000;

/// Frames that the client's port sends as a driver does, by its own program.
fn send(lab: &Lab, count: u32) {
    let frame = udp((CLIENT, 4000), (SERVER, 9), b"datagram").bytes();
    lab.client.run(|| {
        let sender = Program::returns().unwrap();
        // No more at a time than a queue holds, so that all of them come to a0.
        for _ in 0..count / 50 {
            sender.run(interface_index("c0").unwrap(), &frame, 50).unwrap();
        }
    });
}

/// The ports once nothing is under way any more: what came in and what went out do not change.
fn at_rest(lab: &Lab, live: &Live) -> Vec<Status> {
    let look = || lab.sensor.run(|| live.status().unwrap());
    let counts = |ports: &[Status]| -> Vec<(u64, Option<Sent>)> {
        ports.iter().map(|port| (port.decided.received.packets, port.sent)).collect()
    };
    let mut before = look();
    wait_until("all packets", || {
        // Workers tell ten times a second.
        std::thread::sleep(std::time::Duration::from_millis(150));
        let now = look();
        let rests = counts(&now) == counts(&before);
        before = now;
        rests
    });
    before
}

/// A lab whose ends say nothing by themselves.
fn quiet() -> Lab {
    let lab = Lab::new();
    for (end, port) in [(&lab.client, "c0"), (&lab.server, "s0")] {
        end.must(&format!("sysctl -qw net.ipv6.conf.{port}.disable_ipv6=1"));
    }
    lab
}

fn decided(port: &Status, outcome: Outcome) -> u64 {
    port.decided.of(outcome).packets
}

#[test]
fn what_is_sent_on_is_what_arrives() {
    needs_root!();
    for (name, uninteresting) in [("inspected", false), ("fast path", true)] {
        let lab = quiet();
        let live = lab.start(&lab.inline(), Guard::default);
        if uninteresting {
            live.tables().set_interest(&Interest::NOTHING).unwrap();
        }
        let arrived = || lab.server.run(|| received("s0"));
        let before = (arrived(), at_rest(&lab, &live)[1].sent.unwrap());
        send(&lab, MANY);
        let ports = at_rest(&lab, &live);
        balanced(&ports);
        let [a, b] = [&ports[0], &ports[1]].map(|port| port.sent.unwrap());
        assert_eq!((a.dropped, a.missing()), (0, 0), "{name}: {a:?}");
        assert_eq!((b.dropped, b.missing()), (0, 0), "{name}: {b:?}");
        assert_eq!(b.given - before.1.given, u64::from(MANY), "{name}: {b:?}");
        assert_eq!(b.packets - before.1.packets, arrived() - before.0, "{name}: the far end counts the same");
        let fast = decided(&ports[0], Outcome::FastUninteresting);
        assert_eq!(fast, if uninteresting { u64::from(MANY) } else { 0 }, "{name}");
    }
}

/// Packets that an interface of this thread's network has received (proc(5)).
fn received(interface: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let line = text.lines().find_map(|line| line.trim().strip_prefix(interface)?.strip_prefix(':'));
    line.unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn what_a_full_peer_does_not_take_is_counted() {
    needs_root!();
    let lab = quiet();
    let live = lab.start(&lab.inline(), Guard::default);
    live.tables().set_interest(&Interest::NOTHING).unwrap();
    // The far end looks at its queue of 256 frames only when a timer says so.
    lab.server.run_with_sysfs(|| {
        for (name, value) in [("napi_defer_hard_irqs", "1000000"), ("gro_flush_timeout", "1000000000")] {
            std::fs::write(format!("/sys/class/net/s0/{name}"), value).unwrap();
        }
    });
    let before = at_rest(&lab, &live)[1].sent.unwrap();
    send(&lab, MANY);
    let now = || lab.sensor.run(|| live.status().unwrap());
    wait_until("what the queue holds", || now()[1].sent.is_some_and(|sent| sent.missing() == 0));
    let ports = now();
    balanced(&ports);
    let sent = ports[1].sent.unwrap();
    assert!(sent.dropped - before.dropped > u64::from(MANY) / 2, "{sent:?}");
    assert_eq!(sent.given - before.given, u64::from(MANY), "{sent:?}");
}

#[test]
fn what_the_kernel_refuses_is_missing() {
    needs_root!();
    let lab = quiet();
    let live = lab.start(&lab.inline(), Guard::default);
    live.tables().set_interest(&Interest::NOTHING).unwrap();
    // A veth takes no redirected frames without NAPI at its other end, and nobody counts them.
    lab.server.must("ethtool -K s0 gro off");
    let before = at_rest(&lab, &live)[1].sent.unwrap();
    send(&lab, MANY);
    let sent = at_rest(&lab, &live)[1].sent.unwrap();
    assert_eq!((sent.dropped, sent.packets), (0, before.packets), "{sent:?}");
    assert_eq!(sent.missing(), i64::from(MANY), "{sent:?}");
}

#[test]
fn status_tells_both() {
    needs_root!();
    let site = Site::new();
    let sensor = site.start(&format!("--inline a0,b0 -S {}", site.rules(EVIL)));
    assert_eq!(site.lab.ping(SERVER, 10, 56), 10);
    wait_until("a balance", || {
        let port = &site.status()["ports"][1];
        port["sent"]["given"].as_u64().unwrap() >= 10 && port["sent"]["missing"] == 0
    });
    // The tables of a running sensor: nothing is of interest any more.
    site.tables().set_interest(&Interest::NOTHING).unwrap();
    site.lab.server.must("ethtool -K s0 gro off");
    send(&site.lab, 100);
    let told = || String::from_utf8(site.ask("status").stdout).unwrap();
    wait_until("what is missing", || told().contains("not sent by b0: 10") && told().contains("refused by the kernel"));
    assert_eq!(stop(sensor).0, Some(0));
}
