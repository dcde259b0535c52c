//! What all measurements share: the wire of the tests ([`Lab`]), a sender without skbs, CPU time, tables.

pub mod books;
pub mod cpu;
pub mod endpoints;
pub mod figures;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ids_sensor::kernel::port::interface_index;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::support::bpf::{Attached, Program};
use crate::support::lab::Lab;
use crate::support::namespace::{Namespace, Running};
use crate::support::site::{EVIL, Site};
use cpu::Cpu;

/// Frames that are handed to the kernel in one call where the sender should be as fast as it can.
const AT_ONCE: u32 = 100_000;

/// What sending cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Frames.
    pub frames: u64,
    /// CPU time of the sender, in nanoseconds: with what the kernel did in its place with the frames, up to where
    /// another thread took them over.
    pub cpu: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Sent {
    /// Nanoseconds of CPU time a frame.
    pub fn each(&self) -> f64 {
        self.cpu as f64 / self.frames.max(1) as f64
    }
}

/// Sends frames out of `c0`, at the client's end of the wire.
pub struct Sender<'a> {
    lab: &'a Lab,
    program: Attached,
    /// Where the program is attached, for form's sake.
    _home: Namespace,
}

impl<'a> Sender<'a> {
    /// `program` says what becomes of each frame: [`Program::returns`] and its kin send it.
    pub fn new(lab: &'a Lab, program: Program) -> Self {
        let home = Namespace::new();
        let program = home.run(|| program.keep(interface_index("lo").unwrap()).unwrap());
        Self { lab, program, _home: home }
    }

    /// So many of one frame, as fast as it goes.
    pub fn send(&self, frame: &[u8], frames: u64) -> Sent {
        self.at_client(|interface, sent| {
            while sent.frames < frames {
                let now = u32::try_from(frames - sent.frames).unwrap_or(AT_ONCE).min(AT_ONCE);
                self.run(interface, frame, now, sent);
            }
        })
    }

    /// For a while, as fast as it goes.
    pub fn send_for(&self, frame: &[u8], span: Duration) -> Sent {
        let end = Instant::now() + span;
        self.at_client(|interface, sent| {
            while Instant::now() < end {
                self.run(interface, frame, AT_ONCE, sent);
            }
        })
    }

    /// `burst` frames every `pause`, `bursts` times. A burst that is late is not made up for.
    pub fn send_paced(&self, frame: &[u8], burst: u32, pause: Duration, bursts: u32) -> Sent {
        self.at_client(|interface, sent| {
            let mut next = Instant::now();
            for _ in 0..bursts {
                self.run(interface, frame, burst, sent);
                next = (next + pause).max(Instant::now());
                std::thread::sleep(next - Instant::now());
            }
        })
    }

    /// The same until `over` says so.
    pub fn send_until(&self, frame: &[u8], burst: u32, pause: Duration, over: impl Fn() -> bool + Send + Sync) -> Sent {
        self.at_client(|interface, sent| {
            while !over() {
                self.run(interface, frame, burst, sent);
                std::thread::sleep(pause);
            }
        })
    }

    fn run(&self, interface: u32, frame: &[u8], times: u32, sent: &mut Sent) {
        self.program.program.run(interface, frame, times).unwrap();
        sent.frames += u64::from(times);
    }

    fn at_client(&self, work: impl FnOnce(u32, &mut Sent) + Send) -> Sent {
        self.lab.client.run(|| {
            let interface = interface_index("c0").unwrap();
            to_last_cpu();
            let mut sent = Sent::default();
            let (start, before) = (Instant::now(), (Cpu::of_thread(), Cpu::of_softirqs().unwrap()));
            work(interface, &mut sent);
            sent.cpu = (Cpu::of_thread() - before.0) + (Cpu::of_softirqs().unwrap() - before.1);
            sent.seconds = start.elapsed().as_secs_f64();
            sent
        })
    }
}

/// Puts this thread where no worker is: those begin with the first CPU.
pub fn to_last_cpu() {
    let Ok(all) = sched_getaffinity(None) else { return };
    let Some(last) = (0..CpuSet::MAX_CPU).rev().find(|cpu| all.is_set(*cpu)) else { return };
    let mut one = CpuSet::new();
    one.set(last);
    // Wherever it runs, it measures the same.
    let _ = sched_setaffinity(None, &one);
}

/// The hardware address of an interface.
pub fn mac(namespace: &Namespace, interface: &str) -> [u8; 6] {
    let text = namespace.ip(&format!("-o link show dev {interface}"));
    let address = text.split_whitespace().skip_while(|word| *word != "link/ether").nth(1).unwrap();
    let mut bytes = address.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap());
    std::array::from_fn(|_| bytes.next().unwrap())
}

/// One of an interface's counters, as the kernel keeps them (`ip -s link`).
pub fn counter(namespace: &Namespace, interface: &str, which: Which) -> u64 {
    let text = namespace.must("cat /proc/thread-self/net/dev");
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'));
    let line = line.unwrap_or_else(|| panic!("no {interface} in {text}"));
    line.split_whitespace().nth(which as usize).unwrap().parse().unwrap()
}

/// Columns of `/proc/net/dev` (proc(5)).
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// Packets received.
    Received = 1,
    /// Packets sent.
    Sent = 9,
    /// Packets that could not be sent.
    NotSent = 11,
}

/// Waits until a number has come to rest: nothing is under way any more. Out: that number.
pub fn at_rest(mut number: impl FnMut() -> u64) -> u64 {
    let mut last = number();
    loop {
        std::thread::sleep(Duration::from_millis(150));
        let now = number();
        if now == last {
            return now;
        }
        last = now;
    }
}

/// The process of a sensor.
pub fn process(sensor: &Running) -> Pid {
    Pid::from_child(&sensor.0)
}

/// A line of `/proc/PID/status` in MB: `VmRSS`, `VmHWM` (proc(5)).
pub fn memory(sensor: &Running, line: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", sensor.0.id())).unwrap();
    let found = text.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kib: f64 = found.unwrap().split_whitespace().next().unwrap().parse().unwrap();
    kib * 1024.0 / 1e6
}

/// A set of rules to measure with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// One that drops.
    One,
    /// That one and a large set, which `BENCH_RULES` names.
    Many,
}

impl Rules {
    /// Those that can be had; what cannot is said.
    pub fn all() -> Vec<Self> {
        if large_set().is_some() {
            return vec![Self::One, Self::Many];
        }
        println!("skipped: rows with many rules: no rule file (see --rules)");
        vec![Self::One]
    }

    /// Most of those that can be had.
    pub fn most() -> Self {
        if large_set().is_some() { Self::Many } else { Self::One }
    }

    /// What tables call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "one rule",
            Self::Many => "many rules",
        }
    }

    /// Writes them to a file of the site; where it is.
    pub fn write(self, site: &Site) -> String {
        let large = large_set().filter(|_| self == Self::Many);
        let large = large.map_or_else(String::new, |path| std::fs::read_to_string(path).unwrap());
        site.rules(&format!("{EVIL}{large}"))
    }
}

fn large_set() -> Option<PathBuf> {
    std::env::var_os("BENCH_RULES").map(PathBuf::from)
}
