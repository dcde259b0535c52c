//! What the kernel stage costs per packet, by outcome: the program run by the kernel itself (BPF_PROG_RUN). Tables are
//! empty; or empty but searched all the same; or filled as on a busy sensor. The kernel measures; this prints the least
//! and the median of some rounds.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::time::Duration;

use aya::programs::{TestRun, TestRunOptions};
use ids_ebpf::Outcome;
use ids_ebpf::config::{FailPolicy, Mode, PortConfig};
use ids_ebpf::flow::{Addr, FlowKey, Released};
use ids_ebpf::headers::Headers;
use ids_ebpf::interest::{Group, Interest};
use ids_sensor::kernel::clock::Monotonic;
use ids_sensor::kernel::tables::Sides;
use ids_sensor::kernel::{Frames, Pins, Port, Prefix, Sizes, Tables};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// Hosts that are blocked where tables are filled.
pub const HOSTS: u32 = 50_000;
/// Flows that are.
pub const FLOWS: u32 = 50_000;
const REPEAT: u32 = 1_000_000;
const ROUNDS: usize = 9;
const HOUR: Duration = Duration::from_secs(3600);

/// Measures, and prints a table.
pub fn run() {
    measured().unwrap();
}

fn measured() -> Result<(), Box<dyn std::error::Error>> {
    let pins = Pins::private()?;
    let mut tables = Tables::open(&pins, Sizes::default())?;
    let mut port = Port::load(&pins, Sizes::default(), "lo", Frames::OneBuffer)?;
    let config = PortConfig::new(Mode::Inline, FailPolicy::Open, u64::MAX);
    let floor = measure(&port, &frame(6, [10, 0, 0, 1], [10, 0, 0, 2], 3, 80))?;
    port.configure(config)?;
    port.set_peer(port.index())?;
    let socket = socket_with(AddressFamily::XDP, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    port.set_socket(0, socket.as_fd())?;
    port.heartbeat()?.beat(0, Monotonic::now())?;
    let mut interest = Box::new(Interest::NOTHING);
    interest.want_port(Group::Tcp, 80);
    tables.set_interest(&interest)?;

    let blocked = frame(6, [198, 18, 0, 1], [10, 0, 0, 2], 1234, 80);
    let blocked_flow = frame(6, [10, 0, 0, 1], [10, 0, 0, 2], 1, 80);
    let released = frame(6, [10, 0, 0, 1], [10, 0, 0, 2], 2, 80);
    let web = frame(6, [10, 0, 0, 1], [10, 0, 0, 2], 3, 80);
    let other = frame(17, [10, 0, 0, 1], [10, 0, 0, 2], 3, 4000);
    let mut fragment = other.clone();
    fragment[20] = 0x20;
    println!("{HOSTS} blocked hosts and {FLOWS} blocked flows where tables are filled");
    println!("{REPEAT} runs, {ROUNDS} rounds; ns per packet\n{:<40}{:>8}{:>8}", "outcome", "least", "median");
    print("", floor);
    for frame in [&web, &other, &fragment] {
        print("tables are empty", measure(&port, frame)?);
    }
    mark(&mut tables, &blocked, &config)?;
    for frame in [&web, &other, &fragment] {
        print("empty, searched", measure(&port, frame)?);
    }
    fill(&mut tables)?;
    tables.flows.block(&key(&blocked_flow, &config), HOUR, 1)?;
    tables.flows.release(&key(&released, &config), HOUR, &Released::default())?;
    for frame in [&web, &other, &fragment, &blocked, &blocked_flow, &released] {
        print("filled", measure(&port, frame)?);
    }
    Ok(())
}

fn print(tables: &str, (outcome, least, median): (Outcome, u128, u128)) {
    println!("{:<24}{tables:<16}{least:>8}{median:>8}", outcome.name());
}

/// Puts something into every table and takes it out again: until the next sweep, they are searched though empty.
fn mark(tables: &mut Tables, frame: &[u8], config: &PortConfig) -> Result<(), Box<dyn std::error::Error>> {
    let host = Prefix::host(IpAddr::V4(Ipv4Addr::LOCALHOST));
    tables.block(host, Sides::Both, HOUR, 1)?;
    tables.unblock(host)?;
    let key = key(frame, config);
    tables.flows.block(&key, HOUR, 1)?;
    tables.flows.unblock(&key)?;
    tables.flows.release(&key, HOUR, &Released::default())?;
    tables.flows.recall(&key)?;
    Ok(())
}

/// Blocks that have nothing to do with the frames.
pub fn fill(tables: &mut Tables) -> Result<(), Box<dyn std::error::Error>> {
    for number in 0..HOSTS {
        let addr = IpAddr::V4(Ipv4Addr::from_bits(0xc612_0000 + number));
        tables.block(Prefix::host(addr), Sides::Both, HOUR, 1)?;
    }
    for number in 0..FLOWS {
        let ends = ((Addr::v4([192, 0, 2, 1]), 1), (Addr::v4(number.to_be_bytes()), 80));
        tables.flows.block(&FlowKey::new(ends.0, ends.1, 6, [0; 2], 0).0, HOUR, 1)?;
    }
    Ok(())
}

/// The outcome of a frame, and the least and median time per run.
fn measure(port: &Port, frame: &[u8]) -> Result<(Outcome, u128, u128), Box<dyn std::error::Error>> {
    let before = port.stats()?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let options = TestRunOptions { data_in: Some(frame), repeat: REPEAT, ..TestRunOptions::new() };
        rounds.push(port.program()?.test_run(options)?.duration.as_nanos());
    }
    rounds.sort_unstable();
    let after = port.stats()?;
    let counted = Outcome::ALL.into_iter().find(|outcome| after.of(*outcome).packets > before.of(*outcome).packets);
    Ok((counted.ok_or("nothing was counted")?, rounds[0], rounds[ROUNDS / 2]))
}

fn key(frame: &[u8], config: &PortConfig) -> FlowKey {
    FlowKey::of(&Headers::parse(frame), config).0
}

/// A frame of 64 bytes.
fn frame(proto: u8, src: [u8; 4], dst: [u8; 4], src_port: u16, dst_port: u16) -> Vec<u8> {
    let mut frame = vec![0; 64];
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[17] = 50;
    frame[22] = 64;
    frame[23] = proto;
    frame[26..30].copy_from_slice(&src);
    frame[30..34].copy_from_slice(&dst);
    frame[34..36].copy_from_slice(&src_port.to_be_bytes());
    frame[36..38].copy_from_slice(&dst_port.to_be_bytes());
    match proto {
        6 => frame[46..48].copy_from_slice(&[0x50, 0x10]),
        _ => frame[38..40].copy_from_slice(&30u16.to_be_bytes()),
    }
    frame
}
