//! The hot path does not allocate: packets of flows that are known, in which nothing new is found, cost no memory.
//!
//! An engine with the signatures of this repository, and with rules that come close to a match on every packet, is warmed
//! with the demonstration capture and with the first half of flows made up here; during the other half an allocator that
//! counts watches. What allocates is not asserted here: a flow that begins (its TCP session, its list of rules), data that
//! waits for a gap to close, a transaction that begins, a match, and what is told of them.
#![allow(unsafe_code, reason = "an allocator is an unsafe trait")]
#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test may stop")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etherparse::PacketBuilder;
use ids_core::app::{self, App};
use ids_core::counters::Counter;
use ids_core::detect::compile::Loader;
use ids_core::detect::rule_set::RuleSet;
use ids_core::detect::settings::Settings;
use ids_core::detect::shared::Shared;
use ids_core::engine::{Command, Config, Engine, Side, Sink};
use ids_core::event::Event;
use ids_core::packet::{LinkType, PacketIn};
use ids_core::rules;
use ids_core::time::Time;
use ids_core::verdict::Verdict;
use pcap_parser::{PcapBlockOwned, PcapError, create_reader};

/// The system's allocator, which counts the requests of each thread.
struct Counting;

thread_local! {
    // Without a destructor and without a first allocation: it can be used from within the allocator.
    static REQUESTS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    REQUESTS.with(|requests| requests.set(requests.get() + 1));
}

// SAFETY: every call is handed on unchanged to the system's allocator, which keeps the promises of the trait.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are those that the system's allocator asks for; so in the three below.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: see `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: see `alloc`.
        unsafe { System.realloc(ptr, layout, size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: see `alloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// In the payload of every flow.
const MARKER: &[u8] = b"a marker";

/// Rules that are tried on every payload with the marker, and fail late.
const CLOSE: &str = r#"
alert ip any any -> any any (msg:"a second content"; content:"marker"; content:"absent"; distance:0; sid:1;)
alert ip any any -> any any (msg:"an expression"; content:"marker"; pcre:"/marker[0-9]{4,9}(a|b)+$/i"; sid:2;)
alert ip any any -> any any (msg:"one with a back reference"; content:"marker"; pcre:"/(a) marker\1[0-9]/R"; sid:3;)
alert ip any any -> any any (msg:"a number"; content:"marker"; byte_test:1,<,1,0,relative; sid:4;)
alert ip any any -> any any (msg:"something remembered"; content:"marker"; flowbits:isset,never; sid:5;)
alert ip any any -> any any (msg:"without a pattern"; dsize:>9000; flowbits:isnotset,never; sid:6;)
alert tcp any any -> any any (msg:"of the stream"; flow:established; content:"marker|00 00 00|"; sid:7;)
alert http any any -> any any (msg:"of a body"; http.response_body; content:"marker"; content:"absent"; within:20; sid:8;)
"#;

/// Counts what it is told, and keeps nothing.
#[derive(Default)]
struct Told {
    verdicts: u64,
    events: u64,
}

impl Sink for Told {
    fn verdict(&mut self, _: u64, _: Verdict) {
        self.verdicts += 1;
    }

    fn inject(&mut self, _: u16, _: Side, _: &[u8]) {}

    fn kernel(&mut self, _: Command) {}

    fn event(&mut self, _: Event<'_>) {
        self.events += 1;
    }
}

/// An engine, and what it works with.
struct Bench<'r> {
    engine: Engine,
    rules: &'r RuleSet,
    told: Told,
    packets: u64,
    /// Microseconds of packet time.
    now: u64,
}

impl<'r> Bench<'r> {
    /// Warmed with the frames of a capture, in which the rules find something.
    fn new(config: Config, rules: &'r RuleSet, capture: &[(u64, Vec<u8>)]) -> Self {
        let engine =
            Engine::new(Arc::new(config), Arc::new(App::new(app::config::Config::default())), Shared::default());
        let mut bench = Self { engine, rules, told: Told::default(), packets: 0, now: 0 };
        for (time, frame) in capture {
            bench.now = *time;
            bench.push(&mut frame.clone());
        }
        assert!(bench.told.events > 12, "the capture has attacks that the signatures find");
        bench
    }

    fn push(&mut self, bytes: &mut [u8]) {
        self.packets += 1;
        self.now += 10;
        let time = Time::from_micros(0, self.now);
        let packet = PacketIn { id: self.packets, port: 0, time, link: LinkType::Ethernet, bytes };
        self.engine.push(self.rules, packet, &mut self.told);
    }

    /// Pushes frames, and says how many requests for memory each caused.
    fn requests(&mut self, frames: &mut [Vec<u8>]) -> Vec<u64> {
        let mut each = Vec::with_capacity(frames.len());
        for frame in frames {
            let before = REQUESTS.get();
            self.push(frame);
            each.push(REQUESTS.get() - before);
        }
        each
    }
}

fn signatures(folder: &Path) -> RuleSet {
    let files = std::fs::read_dir(folder).expect("the folder of signatures").map(|file| file.expect("a file").path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "rules")).collect();
    files.sort();
    let parsed = files.iter().enumerate().flat_map(|(number, path)| {
        let text = std::fs::read_to_string(path).expect("a file of signatures");
        rules::parse(&text).rules.into_iter().map(move |rule| (number, rule))
    });
    let close = rules::parse(CLOSE).rules.into_iter().map(|rule| (files.len(), rule));
    let loaded = Loader::default().compile(parsed.chain(close), &Settings::default()).expect("few patterns");
    assert!(loaded.rules.len() > 50, "{} signatures loaded: {:?}", loaded.rules.len(), loaded.faults);
    loaded.rules
}

/// The frames of a capture, with their time in microseconds.
fn capture(path: &Path) -> Vec<(u64, Vec<u8>)> {
    let file = std::fs::File::open(path).expect("the capture");
    let mut reader = create_reader(1 << 20, file).expect("a capture");
    let mut frames = Vec::new();
    loop {
        match reader.next() {
            Ok((used, block)) => {
                if let PcapBlockOwned::Legacy(packet) = block {
                    let time = u64::from(packet.ts_sec) * 1_000_000 + u64::from(packet.ts_usec);
                    frames.push((time, packet.data.to_vec()));
                }
                reader.consume(used);
            }
            Err(PcapError::Eof) => return frames,
            Err(PcapError::Incomplete(_)) => reader.refill().expect("the capture goes on"),
            Err(error) => panic!("{path:?}: {error}"),
        }
    }
}

const CLIENT: [u8; 4] = [192, 0, 2, 10];
const SERVER: [u8; 4] = [198, 51, 100, 20];

/// One side's packets.
#[derive(Clone, Copy)]
struct End {
    from_client: bool,
    ports: (u16, u16),
}

impl End {
    fn ip(self) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
        let (from, to) = if self.from_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from, to, 64)
    }

    fn ports(self) -> (u16, u16) {
        if self.from_client { self.ports } else { (self.ports.1, self.ports.0) }
    }

    fn udp(self, data: &[u8]) -> Vec<u8> {
        let (from, to) = self.ports();
        let mut frame = Vec::new();
        self.ip().udp(from, to).write(&mut frame, data).expect("a frame");
        frame
    }

    fn tcp(self, flags: &str, seq: u32, ack: u32, data: &[u8]) -> Vec<u8> {
        let (from, to) = self.ports();
        let mut tcp = self.ip().tcp(from, to, seq, 60_000);
        for flag in flags.chars() {
            tcp = match flag {
                'S' => tcp.syn(),
                'P' => tcp.psh(),
                _ => tcp.ack(ack),
            };
        }
        let mut frame = Vec::new();
        tcp.write(&mut frame, data).expect("a frame");
        frame
    }
}

/// Bytes that no signature and no protocol knows (xorshift, Marsaglia 2003), the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8 | 0x80
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A TCP connection: the handshake and `opening` from both sides, then `rounds` segments of the server that the client
/// acknowledges each.
fn connection(port: u16, opening: [&[u8]; 2], segment: &[u8], rounds: u32) -> Vec<Vec<u8>> {
    let client = End { from_client: true, ports: (40_000, port) };
    let server = End { from_client: false, ..client };
    let mut frames = vec![client.tcp("S", 99, 0, b""), server.tcp("SA", 499, 100, b""), client.tcp("A", 100, 500, b"")];
    let (mut seq, mut ack) = (500, 100);
    let [request, answer] = opening;
    frames.push(client.tcp("PA", ack, seq, request));
    ack += request.len() as u32;
    frames.push(server.tcp("PA", seq, ack, answer));
    seq += answer.len() as u32;
    frames.push(client.tcp("A", ack, seq, b""));
    for _ in 0..rounds {
        frames.push(server.tcp("A", seq, ack, segment));
        seq += segment.len() as u32;
        frames.push(client.tcp("A", ack, seq, b""));
    }
    frames
}

/// A flow, of whose frames the later half must cost nothing.
struct Case {
    name: &'static str,
    frames: Vec<Vec<u8>>,
    /// What is counted if the flow is what its name says.
    sign: Option<Counter>,
}

fn flows() -> Vec<Case> {
    let data = [MARKER, &noise(1200)].concat();
    let client = End { from_client: true, ports: (40_000, 50_000) };
    let server = End { from_client: false, ..client };
    let both = |frames: [Vec<u8>; 2]| frames.into_iter().cycle().take(400).collect::<Vec<_>>();
    let ping = |from: End| {
        let mut frame = Vec::new();
        let icmp = from.ip();
        let step = if from.from_client { icmp.icmpv4_echo_request(7, 1) } else { icmp.icmpv4_echo_reply(7, 1) };
        step.write(&mut frame, &data[..56]).expect("a frame");
        frame
    };
    let acks = |flags| [client.tcp(flags, 100, 500, b""), server.tcp(flags, 500, 100, b"")];
    let idle = connection(50_000, [&data, &data], &[], 0).into_iter().take(3).chain(both(acks("A"))).collect();
    let http = b"GET /file HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 99999999\r\n\r\n";
    let case = |name, frames| Case { name, frames, sign: None };
    let deep = connection(50_003, [&data, &data], &noise(9000), 300);
    vec![
        case("UDP", both([client.udp(&data), server.udp(&data[..300])])),
        case("UDP without payload", both([client.udp(b""), server.udp(b"")])),
        case("ICMP echo", both([ping(client), ping(server)])),
        case("TCP without payload", idle),
        case("TCP of no known protocol, in order", connection(50_001, [&data, &data], &data, 200)),
        case("TCP of no known protocol, small segments", connection(50_002, [&data, &data], &data[..7], 400)),
        Case { name: "TCP beyond the depth", frames: deep, sign: Some(Counter::TcpStreamDepthReached) },
        case("a body in HTTP", connection(80, [http, answer], &data, 600)),
    ]
}

#[test]
fn the_allocator_counts() {
    let before = REQUESTS.get();
    let mut memory = std::hint::black_box(vec![0_u8; 100]);
    memory.reserve(1000);
    drop(memory);
    assert_eq!(REQUESTS.get() - before, 2);
}

#[test]
fn known_flows_cost_no_memory() {
    let inline = {
        let mut config = Config { inline: true, ..Config::default() };
        config.stream.inline = true;
        config
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (rules, capture) = (signatures(&root.join("signatures")), capture(&root.join("pcaps/demo.pcap")));
    let mut failures = Vec::new();
    for (mode, config) in [("passive", Config::default()), ("inline", inline)] {
        for Case { name, mut frames, sign } in flows() {
            let mut bench = Bench::new(config.clone(), &rules, &capture);
            let warm = frames.len() / 2;
            let begin: u64 = bench.requests(&mut frames[..warm]).iter().sum();
            let each = bench.requests(&mut frames[warm..]);
            assert_eq!(bench.told.verdicts, bench.packets, "{mode}, {name}: each packet has its verdict");
            let counts = |sign| bench.engine.counters().get(sign) > 0;
            assert!(sign.is_none_or(counts), "{mode}, {name}: {sign:?} counts nothing");
            let sum: u64 = each.iter().sum();
            println!("{mode}, {name}: {begin} requests to warm up, {sum} afterwards");
            if sum > 0 {
                let which: Vec<_> = each.iter().enumerate().filter(|(_, requests)| **requests > 0).take(8).collect();
                failures.push(format!("{mode}, {name}: {sum} in {} packets, {which:?}", each.len()));
            }
        }
    }
    assert!(failures.is_empty(), "requests for memory:\n{}", failures.join("\n"));
}
