//! The data plane outlives the process.
//!
//! The sensor runs in a process of its own here: this test program again, as [`sensor`].

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use ids_core::event::Event;
use ids_ebpf::config::FailPolicy;
use ids_sensor::kernel::tables::Sides;
use ids_sensor::kernel::{Pins, Sizes, Tables};
use ids_sensor::live::Guard;
use ids_sensor::live::{Live, Pinning, Schedule, Settings, detach};
use rustix::process::{Pid, Signal, kill_process};

use crate::needs_root;
use crate::support::lab::{Bpffs, CLIENT6, Lab, SERVER, SERVER6, wait_until};
use crate::support::namespace::Running;

const MINUTE: Duration = Duration::from_secs(60);
const DEADLINE: Duration = Duration::from_millis(300);

/// Not a test: the sensor as a process of its own, started by the tests below.
#[test]
#[ignore = "started by other tests"]
fn sensor() {
    let folder = PathBuf::from(std::env::var_os("IDS_TEST_FOLDER").expect("started by other tests"));
    let settings = Settings {
        pinning: Pinning::Folder(folder.join("bpf")),
        run_dir: folder,
        schedule: Schedule::anywhere(),
        deadline: DEADLINE,
        policy: if std::env::var_os("IDS_TEST_CLOSED").is_some() { FailPolicy::Closed } else { FailPolicy::Open },
        ..Settings::new("lab", ids_sensor::live::Topology::Inline(vec![("a0".to_owned(), "b0".to_owned())]))
    };
    let live = Live::prepare(&settings).unwrap().start(|_| (Guard::default(), |_: Event<'_>| {})).unwrap();
    println!("\nsensor is up");
    loop {
        std::thread::sleep(Duration::from_millis(50));
        assert!(live.is_whole());
    }
}

/// Starts [`sensor`] in the lab, and waits until it runs.
fn start(lab: &Lab, policy: FailPolicy) -> Running {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::sensor", "--ignored", "--nocapture"]);
    command.env("IDS_TEST_FOLDER", lab.folder.path()).stdout(Stdio::piped());
    if policy == FailPolicy::Closed {
        command.env("IDS_TEST_CLOSED", "1");
    }
    let mut child = lab.sensor.start(&mut command);
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "sensor is up"), "the sensor does not start");
    child
}

fn signal(child: &Running, signal: Signal) {
    kill_process(Pid::from_child(&child.0), signal).unwrap();
}

/// Another process's view of the pinned maps: this one's.
fn tables(lab: &Lab) -> Tables {
    let pins = Pins::existing(&lab.folder.path().join("bpf"), "lab").unwrap();
    Tables::open(&pins, Sizes::default()).unwrap()
}

#[test]
fn a_killed_sensor_leaves_the_wire_whole_and_blocks_in_force() {
    needs_root!();
    let lab = Lab::new();
    let bpffs = Bpffs::mount(lab.folder.path());
    let before = lab.sensor.must("ethtool -k a0") + &lab.sensor.ip("link show a0");
    let child = start(&lab, FailPolicy::Open);
    assert_eq!(lab.ping(SERVER, 5, 56), 5);
    tables(&lab).block(CLIENT6.parse().unwrap(), Sides::Both, MINUTE, 3).unwrap();
    assert_eq!(lab.ping(SERVER6, 3, 56), 0);

    drop(child);
    assert_eq!(lab.ping(SERVER, 5, 56), 5, "past the dead worker");
    assert_eq!(lab.ping(SERVER6, 3, 56), 0, "the block still holds");
    assert!(tables(&lab).blocks().unwrap()[0].hits >= 3);
    assert!(tables(&lab).unblock(CLIENT6.parse().unwrap()).unwrap(), "without a running sensor");
    // The ends must find each other again first.
    wait_until("an answer", || lab.ping(SERVER6, 1, 56) == 1);
    assert_eq!(lab.ping(SERVER6, 3, 56), 3);
    tables(&lab).block(CLIENT6.parse().unwrap(), Sides::Both, MINUTE, 3).unwrap();

    let child = start(&lab, FailPolicy::Open);
    assert_eq!(lab.ping(SERVER, 5, 56), 5, "a new sensor takes over");
    assert_eq!(lab.ping(SERVER6, 3, 56), 0, "with the blocks of the old one");

    drop(child);
    let found = lab.sensor.run(|| detach("lab", &bpffs.0, lab.folder.path())).unwrap();
    assert!(found);
    assert_eq!(lab.ping(SERVER, 2, 56), 0, "the programs are gone");
    let after = lab.sensor.must("ethtool -k a0") + &lab.sensor.ip("link show a0");
    assert_eq!(after, before, "and the ports are as they were");
    assert!(!lab.sensor.run(|| detach("lab", &bpffs.0, lab.folder.path())).unwrap(), "nothing is left");
}

#[test]
fn a_killed_sensor_closes_the_wire_where_the_policy_says_so() {
    needs_root!();
    let lab = Lab::new();
    let bpffs = Bpffs::mount(lab.folder.path());
    let child = start(&lab, FailPolicy::Closed);
    assert_eq!(lab.ping(SERVER, 5, 56), 5);
    drop(child);
    assert_eq!(lab.ping(SERVER, 3, 56), 0);
    assert!(lab.sensor.run(|| detach("lab", &bpffs.0, lab.folder.path())).unwrap());
}

#[test]
fn a_sensor_that_stands_still_is_passed_by() {
    needs_root!();
    let lab = Lab::new();
    let bpffs = Bpffs::mount(lab.folder.path());
    let child = start(&lab, FailPolicy::Open);
    assert_eq!(lab.ping(SERVER, 5, 56), 5);
    signal(&child, Signal::STOP);
    std::thread::sleep(DEADLINE + Duration::from_millis(100));
    assert_eq!(lab.ping(SERVER, 5, 56), 5, "past the silent worker");
    signal(&child, Signal::CONT);
    std::thread::sleep(DEADLINE);
    assert_eq!(lab.ping(SERVER, 5, 56), 5, "it goes on");
    drop(child);
    assert!(lab.sensor.run(|| detach("lab", &bpffs.0, lab.folder.path())).unwrap());
}
