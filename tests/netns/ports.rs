//! Interfaces are given back as they were.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use ids_core::event::Event;
use ids_sensor::capture::af_xdp::BusyPoll;
use ids_sensor::live::{Capture, Guard, Live, Settings, Topology, detach};
use ids_sensor::ports::{Ports, Use};

use crate::needs_root;
use crate::support::lab::{Lab, SERVER, balanced, wait_until};
use crate::support::namespace::Running;
use crate::support::site::{Site, stop};

/// What can be seen of an interface from outside: flags and features.
fn look(lab: &Lab, port: &str) -> (String, BTreeSet<String>) {
    let line = lab.sensor.ip(&format!("-d link show {port}"));
    let flags = line.split(['<', '>']).nth(1).unwrap().to_owned();
    let features = lab.sensor.must(&format!("ethtool -k {port}"));
    (flags, features.lines().map(str::to_owned).collect())
}

fn is_on(lab: &Lab, port: &str, feature: &str) -> bool {
    look(lab, port).1.iter().any(|line| line.starts_with(&format!("{feature}: on")))
}

#[test]
fn ports_are_given_back_as_they_were() {
    needs_root!();
    let lab = Lab::new();
    lab.sensor.must("ethtool -K a0 gro on rxvlan on");
    let before = [look(&lab, "a0"), look(&lab, "b0")];
    assert!(!before[0].0.contains("PROMISC"));

    let folder = lab.folder.path();
    let ports = lab.sensor.run(|| Ports::set_up(folder, "lab", &["a0", "b0"], Use::Xdp)).unwrap();
    assert!(look(&lab, "a0").0.contains("PROMISC"));
    for feature in ["generic-receive-offload", "rx-vlan-offload"] {
        assert!(!is_on(&lab, "a0", feature), "{feature}");
    }
    assert!(folder.join("lab.ports.json").exists());
    lab.sensor.run(|| ports.give_back()).unwrap();
    assert_eq!([look(&lab, "a0"), look(&lab, "b0")], before);
    assert!(!folder.join("lab.ports.json").exists());

    // A whole run, ended in an orderly way.
    let live = lab.start(&lab.inline(), Guard::default);
    assert!(look(&lab, "b0").0.contains("PROMISC"));
    lab.sensor.run(|| live.stop()).unwrap();
    assert_eq!([look(&lab, "a0"), look(&lab, "b0")], before);

    // And one that is dropped.
    let live = lab.start(&lab.inline(), Guard::default);
    lab.sensor.run(|| drop(live));
    assert_eq!([look(&lab, "a0"), look(&lab, "b0")], before);
}

#[test]
fn what_was_set_before_stays_set() {
    needs_root!();
    let lab = Lab::new();
    lab.sensor.ip("link set a0 promisc on");
    lab.sensor.must("ethtool -K a0 gro off rxvlan off");
    let before = look(&lab, "a0");
    let folder = lab.folder.path();
    let ports = lab.sensor.run(|| Ports::set_up(folder, "lab", &["a0"], Use::Xdp)).unwrap();
    lab.sensor.run(|| ports.give_back()).unwrap();
    assert_eq!(look(&lab, "a0"), before);
}

#[test]
fn what_this_machine_needs_is_not_taken_from_it() {
    needs_root!();
    let lab = Lab::new();
    lab.sensor.ip("addr add 10.0.0.9/24 dev a0");
    let taken = lab.sensor.run(|| Ports::set_up(lab.folder.path(), "lab", &["a0"], Use::Xdp)).unwrap_err();
    assert!(taken.to_string().starts_with("a0 has addresses, and what comes in by it"), "{taken}");
    let settings = lab.settings(Topology::Mirror(vec!["a0".to_owned()]));
    let settings = Settings { capture: Capture::XdpOrPackets, ..settings };
    let live = lab.start(&settings, Guard::default);
    assert_eq!(lab.ping("10.0.0.9", 3, 56), 3, "copies are watched");
    assert_eq!(lab.sensor.run(|| live.stop()).unwrap()[0].queues[0].lost.receive_ring_full, 0);
}

#[test]
fn an_interface_that_cannot_be_used_says_what_to_do() {
    needs_root!();
    let lab = Lab::new();
    let before = look(&lab, "a0");
    let refused = |port: &str| {
        let folder = lab.folder.path();
        lab.sensor.run(|| Ports::set_up(folder, "lab", &["a0", port], Use::Xdp)).unwrap_err().to_string()
    };
    assert_eq!(refused("none"), "there is no interface none; `ip link` lists them");
    lab.sensor.ip("link set b0 down");
    assert_eq!(refused("b0"), "b0 is down: `ip link set b0 up`");
    assert_eq!(look(&lab, "a0"), before, "the one set up before it is given back");
}

#[test]
fn a_failed_start_leaves_nothing_behind() {
    needs_root!();
    let lab = Lab::new();
    let before = [look(&lab, "a0"), look(&lab, "b0")];
    let first = lab.start(&lab.settings(Topology::Mirror(vec!["b0".to_owned()])), Guard::default);
    let mut settings = lab.inline();
    settings.name = "other".to_owned();
    let second = lab.sensor.run(|| Live::prepare(&settings)?.start(|_| (Guard::default(), |_: Event<'_>| {})));
    // The queue, or the interface, belongs to the first.
    let error = second.map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("b0"), "{error}");
    lab.sensor.run(|| first.stop()).unwrap();
    assert_eq!([look(&lab, "a0"), look(&lab, "b0")], before);
    assert_eq!(lab.ping(SERVER, 1, 56), 0);
    let nothing = lab.sensor.run(|| detach("lab", lab.folder.path(), lab.folder.path())).unwrap();
    assert!(!nothing);
}

/// What busy polling changes of an interface.
fn attributes(lab: &Lab, port: &str) -> [u64; 2] {
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("/sys/class/net/{port}/{name}")).unwrap();
        text.trim().parse().unwrap()
    };
    lab.sensor.run_with_sysfs(|| ["napi_defer_hard_irqs", "gro_flush_timeout"].map(read))
}

#[test]
fn queues_are_polled_busily_and_interrupts_given_back() {
    needs_root!();
    let lab = Lab::new();
    let how = BusyPoll { micros: 20, budget: 64, flush_timeout: 2_000_000, deferred: 2 };
    let other = BusyPoll { flush_timeout: 3_000_000, ..how };
    let busy_poll = vec![("a0".to_owned(), other), ("default".to_owned(), how)];
    let settings = Settings { busy_poll, deadline: Duration::from_secs(20), ..lab.inline() };
    let start =
        || lab.sensor.run_with_sysfs(|| Live::prepare(&settings)?.start(|_| (Guard::default(), |_: Event<'_>| {})));
    let both = || [attributes(&lab, "a0"), attributes(&lab, "b0")];
    let before = both();
    assert_eq!(before, [[0, 0]; 2]);

    let live = start().unwrap();
    assert_eq!(both(), [[2, 3_000_000], [2, 2_000_000]]);
    assert_eq!(lab.ping(SERVER, 50, 56), 50);
    let status = lab.sensor.run_with_sysfs(|| live.stop()).unwrap();
    balanced(&status);
    assert_eq!(both(), before);

    // What a process that is gone had changed is known to the next.
    let ports = lab.sensor.run_with_sysfs(|| {
        let mut ports = Ports::set_up(lab.folder.path(), "lab", &["a0", "b0"], Use::Xdp).unwrap();
        ports.set_attributes("a0", &how.attributes()).unwrap();
        ports
    });
    std::mem::forget(ports);
    assert_eq!(both()[0], [2, 2_000_000]);
    assert!(lab.sensor.run_with_sysfs(|| detach("lab", lab.folder.path(), lab.folder.path())).unwrap());
    assert_eq!(both(), before);

    // A wire that outlives its sensor is not left waiting for somebody who polls.
    lab.sensor.run_with_sysfs(|| {
        let mut ports = Ports::set_up(lab.folder.path(), "lab", &["a0", "b0"], Use::Xdp).unwrap();
        ports.set_attributes("a0", &how.attributes()).unwrap();
        ports.leave();
    });
    assert_eq!(both(), before);
}

#[test]
fn a_sensor_with_few_rights_left_gives_interrupts_back() {
    needs_root!();
    let site = Site::new();
    let config = site.folder().join("config.yaml");
    std::fs::write(&config, "af-xdp: [{interface: default, enable-busy-poll: yes, gro-flush-timeout: 1000000}]\n")
        .unwrap();
    let mut command = site.command("run --inline a0,b0 --deadline 20s --disable-detection");
    command.arg("-c").arg(&config).arg("-l").arg(site.folder().join("log")).stdout(Stdio::piped());
    let sensor = site.lab.sensor.run_with_sysfs(|| Running(command.spawn().unwrap()));
    wait_until("the sensor", || site.ask("status --json").status.success());
    assert_eq!(attributes(&site.lab, "b0"), [2, 1_000_000]);
    assert_eq!(site.lab.ping(SERVER, 20, 56), 20);
    assert_eq!(stop(sensor).0, Some(0));
    assert_eq!(attributes(&site.lab, "b0"), [0, 0]);
    assert_eq!(site.lab.ping(SERVER, 20, 56), 20, "the wire goes on");
}
