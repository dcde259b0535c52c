//! What the kernel stage costs per packet on a wire, beside programs that only drop or forward, and beside nftables.
//!
//! Frames that no skb was made for come in at `a0`, and the CPU time of their sender counts, in whose place the kernel
//! runs the driver and the program. "Gross" is all of that; "net" is without what frames cost whose sender's program
//! drops them at once. All cases take turns, several times over; the least counts.

use std::any::Any;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::time::Duration;

use ids_ebpf::Outcome;
use ids_ebpf::config::{FailPolicy, Mode, PortConfig};
use ids_ebpf::flow::{FlowKey, Released};
use ids_ebpf::headers::Headers;
use ids_ebpf::interest::{Group, Interest};
use ids_sensor::kernel::clock::Monotonic;
use ids_sensor::kernel::port::interface_index;
use ids_sensor::kernel::tables::Sides;
use ids_sensor::kernel::{Attach, Frames, Pins, Port, Prefix, Sizes, Tables};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::bed::figures::{Goal, Table};
use crate::bed::{Sender, Which, counter, mac};
use crate::outcomes::{FLOWS, HOSTS, fill};
use crate::support::bpf::{Program, Sink};
use crate::support::lab::Lab;
use crate::support::packet::{self, ACK, Frame};

const HOUR: Duration = Duration::from_secs(3600);
const FRAMES: u64 = 1_000_000;
const ROUNDS: usize = 7;

/// How far the count of what was expected may lie below what was sent: rings may be full for a moment.
const MISSING: f64 = 0.001;

/// The kernel stage on both ports of an inline pair, with what it looks into.
struct Stage {
    pins: Pins,
    ports: [Port; 2],
    /// The map keeps no reference to a socket: it lives here.
    _socket: Box<dyn Any + Send>,
}

/// What one case sends, and what should become of it.
struct Case {
    name: &'static str,
    frame: Vec<u8>,
    stands: Stands,
}

/// What stands at `a0`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// Nothing is sent there: the sender alone.
    Nothing,
    /// A program that drops.
    Drop,
    /// A program that forwards to `b0`.
    Forward,
    /// The kernel stage, and this should come of it.
    Stage(Outcome),
    /// No program, but a rule of nftables that drops.
    Nftables,
}

/// Measures, and prints a table.
pub fn run() {
    let lab = Lab::new();
    let sink = lab.server.run(|| Sink::attach(interface_index("s0").unwrap()).unwrap());
    let cases = cases(&lab);
    let mut stage = Stage::new(&lab, &cases);
    let (send, discard) =
        (Sender::new(&lab, Program::returns().unwrap()), Sender::new(&lab, Program::drops().unwrap()));
    let mut costs = vec![f64::INFINITY; cases.len()];
    for _ in 0..ROUNDS {
        for (case, cost) in cases.iter().zip(&mut costs) {
            let sender = if case.stands == Stands::Nothing { &discard } else { &send };
            let each = case.measure(&lab, &mut stage, &sink, sender);
            *cost = cost.min(each);
        }
    }
    print(&cases, &costs);
}

fn cases(lab: &Lab) -> Vec<Case> {
    let client = "10.0.0.1";
    let tcp = |src: &str, port| packet::tcp((src, port), ("10.0.0.2", 80), ACK, b"");
    let udp = || packet::udp((client, 3), ("10.0.0.2", 4000), b"");
    let blocked = || tcp("198.18.0.1", 1234);
    let case = |name, frame: Frame, stands| Case { name, frame: padded(frame.bytes()), stands };
    let mut to_stack = blocked().bytes();
    // The stack looks at frames alone that are addressed to it.
    to_stack[..6].copy_from_slice(&mac(&lab.sensor, "a0"));
    vec![
        case("the sender alone", blocked(), Stands::Nothing),
        case("a program that drops", blocked(), Stands::Drop),
        case("a program that forwards", udp(), Stands::Forward),
        case("blocked host", blocked(), Stands::Stage(Outcome::DropHost)),
        case("blocked flow", tcp(client, 1), Stands::Stage(Outcome::DropFlow)),
        case("released flow", tcp(client, 2), Stands::Stage(Outcome::FastReleased)),
        case("uninteresting packet", udp(), Stands::Stage(Outcome::FastUninteresting)),
        Case { name: "nftables, prerouting", frame: padded(to_stack), stands: Stands::Nftables },
    ]
}

/// No frame is shorter than 60 bytes.
fn padded(mut frame: Vec<u8>) -> Vec<u8> {
    frame.resize(frame.len().max(60), 0);
    frame
}

impl Stage {
    /// Loaded and told everything, but not attached.
    fn new(lab: &Lab, cases: &[Case]) -> Self {
        lab.sensor.run(|| {
            let pins = Pins::private().unwrap();
            let mut tables = Tables::open(&pins, Sizes::default()).unwrap();
            let mut ports =
                ["a0", "b0"].map(|name| Port::load(&pins, Sizes::default(), name, Frames::OneBuffer).unwrap());
            let config = PortConfig::new(Mode::Inline, FailPolicy::Open, u64::MAX);
            let socket = socket_with(AddressFamily::XDP, SocketType::RAW, SocketFlags::CLOEXEC, None).unwrap();
            let peers = [ports[1].index(), ports[0].index()];
            for (port, peer) in ports.iter_mut().zip(peers) {
                port.configure(config).unwrap();
                port.set_peer(peer).unwrap();
                port.set_socket(0, socket.as_fd()).unwrap();
                port.heartbeat().unwrap().beat(0, Monotonic::now()).unwrap();
            }
            let mut interest = Box::new(Interest::NOTHING);
            interest.want_port(Group::Tcp, 80);
            tables.set_interest(&interest).unwrap();
            fill(&mut tables).unwrap();
            for case in cases {
                let key = FlowKey::of(&Headers::parse(&*case.frame), &config).0;
                match case.stands {
                    Stands::Stage(Outcome::DropFlow) => tables.flows.block(&key, HOUR, 1).unwrap(),
                    Stands::Stage(Outcome::FastReleased) => {
                        tables.flows.release(&key, HOUR, &Released::default()).unwrap()
                    }
                    Stands::Stage(Outcome::DropHost) => {
                        let host = Headers::parse(&*case.frame).src.v4_bytes().into();
                        tables.block(Prefix::host(host), Sides::Both, HOUR, 1).unwrap();
                    }
                    _ => {}
                }
            }
            Self { pins, ports, _socket: Box::new(socket) }
        })
    }
}

impl Case {
    /// Puts up what stands at `a0`, sends, and takes it down again. Out: nanoseconds a frame.
    fn measure(&self, lab: &Lab, stage: &mut Stage, sink: &Sink, sender: &Sender<'_>) -> f64 {
        let index = |name| interface_index(name).unwrap();
        let _standing: Option<Box<dyn Any + Send>> = match self.stands {
            Stands::Nothing => None,
            Stands::Drop => Some(lab.sensor.run(|| Box::new(Program::drops().unwrap().attach(index("a0")).unwrap()))),
            Stands::Forward => {
                let attach = || Program::forwards(index("b0")).unwrap().attach(index("a0")).unwrap();
                Some(lab.sensor.run(|| Box::new(attach())))
            }
            Stands::Stage(_) => {
                let Stage { pins, ports, .. } = &mut *stage;
                lab.sensor.run(|| {
                    ports.iter_mut().for_each(|port| {
                        port.attach(pins, Attach::Driver).unwrap();
                    })
                });
                None
            }
            Stands::Nftables => {
                lab.sensor.must("ethtool -K a0 gro on");
                nftables(lab);
                None
            }
        };
        let count = || match self.stands {
            Stands::Nothing | Stands::Drop => None,
            Stands::Forward => Some(sink.count().unwrap()),
            Stands::Stage(outcome) => Some(stage.ports[0].stats().unwrap().of(outcome).packets),
            Stands::Nftables => Some(counter(&lab.sensor, "a0", Which::Received)),
        };
        let before = count();
        let sent = sender.send(&self.frame, FRAMES);
        if let (Some(before), Some(after)) = (before, count()) {
            let missing = 1.0 - (after - before) as f64 / sent.frames as f64;
            assert!(missing < MISSING, "{}: {missing} of all frames went elsewhere", self.name);
        }
        match self.stands {
            Stands::Stage(_) => {
                lab.sensor.run(|| stage.ports.iter_mut().for_each(|port| port.detach().unwrap()));
            }
            Stands::Nftables => {
                lab.sensor.must("nft flush ruleset");
                lab.sensor.must("ethtool -K a0 gro off");
            }
            _ => {}
        }
        sent.each()
    }
}

/// As many blocked hosts as the kernel stage has, dropped as early as nftables sees packets of all protocols.
fn nftables(lab: &Lab) {
    let mut text = "table ip bench {\nset blocked { type ipv4_addr; elements = { ".to_owned();
    for number in 0..HOSTS {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}, ", IpAddr::V4(Ipv4Addr::from_bits(0xc612_0000 + number)));
    }
    text += "} }\nchain early { type filter hook prerouting priority -300; ip saddr @blocked drop; }\n}\n";
    let path = lab.folder.path().join("bench.nft");
    std::fs::write(&path, text).unwrap();
    lab.sensor.must(&format!("nft -f {}", path.display()));
}

fn print(cases: &[Case], costs: &[f64]) {
    let of = |wanted: Stands| cases.iter().zip(costs).find(|(case, _)| case.stands == wanted).map(|(_, cost)| *cost);
    let [sender, drops, forwards, nftables] =
        [Stands::Nothing, Stands::Drop, Stands::Forward, Stands::Nftables].map(|wanted| of(wanted).unwrap());
    let mut table = Table::default();
    for (case, cost) in cases.iter().zip(costs) {
        table.row(case.name, *cost, "ns", Goal::None);
    }
    for (case, cost) in cases.iter().zip(costs) {
        let Stands::Stage(outcome) = case.stands else { continue };
        let (base, name, goals) = match outcome {
            Outcome::DropHost | Outcome::DropFlow => {
                (drops, "a program that drops", [Goal::AtMost(1.25), Goal::AtMost(4.0)])
            }
            _ => (forwards, "a program that forwards", [Goal::None; 2]),
        };
        table.row(&format!("{} / {name}, gross", case.name), cost / base, "times", goals[0]);
        table.row(&format!("{} / {name}, net", case.name), (cost - sender) / (base - sender), "times", goals[1]);
        if outcome == Outcome::DropHost {
            table.row(&format!("{} / nftables, gross", case.name), cost / nftables, "times", Goal::AtMost(0.4));
            let net = (cost - sender) / (nftables - sender);
            table.row(&format!("{} / nftables, net", case.name), net, "times", Goal::None);
        }
    }
    table.print(&format!(
        "Kernel stage on a wire: CPU time per frame of 60 bytes, least of {ROUNDS} rounds of {FRAMES}; {HOSTS} blocked hosts, \
         {FLOWS} blocked flows"
    ));
}
