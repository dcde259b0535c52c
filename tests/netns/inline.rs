//! An inline pair between a client and a server.

use std::collections::VecDeque;
use std::process::Command;
use std::time::Duration;

use ids_ebpf::Outcome;
use ids_sensor::kernel::Attach;
use ids_sensor::kernel::tables::Sides;
use ids_sensor::live::Guard;

use crate::needs_root;
use crate::support::inspectors::{Late, Marker, Then};
use crate::support::lab::{CLIENT, Lab, SERVER, SERVER6, balanced, wait_until};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_wire_is_cut_without_a_sensor_and_whole_with_one() {
    needs_root!();
    let lab = Lab::new();
    assert_eq!(lab.ping(SERVER, 2, 56), 0);
    let live = lab.start(&lab.inline(), Guard::default);
    // The search for the server's address that those began would go on failing for a while.
    lab.client.ip("neigh flush dev c0");
    assert_eq!(lab.ping(SERVER, 20, 56), 20, "ARP and ping");
    assert_eq!(lab.ping(SERVER6, 20, 56), 20, "neighbour discovery and ping");
    assert_eq!(lab.ping(SERVER, 10, 1472), 10, "1500 bytes");
    assert_eq!(lab.ping(SERVER, 5, 4000), 5, "fragments");
    let status = live.stop().unwrap();
    balanced(&status);
    assert_eq!(status[0].mode, "driver");
    assert!(status[0].decided.of(Outcome::InspectFragment).packets >= 5);
    for port in &status {
        assert!(port.queues[0].received.packets > 50);
        assert_eq!(port.queues[0].lost.named().iter().map(|(_, count)| count).sum::<u64>(), 0, "{:?}", port.queues);
    }
    assert_eq!(lab.ping(SERVER, 2, 56), 0, "detached");
}

#[test]
fn generic_mode_forwards_too() {
    needs_root!();
    let lab = Lab::new();
    let mut settings = lab.inline();
    settings.attach = Attach::Generic;
    let live = lab.start(&settings, Guard::default);
    assert_eq!(lab.ping(SERVER, 20, 56), 20);
    assert_eq!(lab.ping(SERVER, 10, 1472), 10);
    let status = live.stop().unwrap();
    assert_eq!(status[0].mode, "generic");
    balanced(&status);
}

#[test]
fn a_hundred_megabytes_arrive_unchanged() {
    needs_root!();
    let lab = Lab::new();
    let live = lab.start(&lab.inline(), Guard::default);
    let site = tempfile::tempdir().unwrap();
    let file = site.path().join("large");
    // Not all alike, and made fast: a counter in every word.
    let bytes: Vec<u8> = (0..25_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    std::fs::write(&file, &bytes).unwrap();
    let _server = lab.serve(site.path());
    let (worked, body) = lab.curl(&format!("http://{SERVER}/large"), 120);
    assert!(worked);
    let arrived = std::fs::read(body).unwrap();
    assert_eq!(arrived.len(), bytes.len());
    assert!(arrived == bytes, "the same bytes");
    let (worked, body) = lab.curl(&format!("http://[{SERVER6}]/large"), 120);
    assert!(worked && std::fs::read(body).unwrap() == bytes, "over IPv6");
    balanced(&live.stop().unwrap());
}

#[test]
fn late_verdicts_lose_nothing() {
    needs_root!();
    let lab = Lab::new();
    let live = lab.start(&lab.inline(), || Late { behind: 3, waiting: VecDeque::new() });
    assert_eq!(lab.ping(SERVER, 20, 56), 20);
    let status = live.stop().unwrap();
    balanced(&status);
    assert_eq!(status[0].queues[0].lost.unsettled, 0);
}

#[test]
fn a_blocked_flow_dies_in_the_kernel() {
    needs_root!();
    let lab = Lab::new();
    let site = tempfile::tempdir().unwrap();
    std::fs::write(site.path().join("good"), "fine").unwrap();
    std::fs::write(site.path().join("marked"), "EVIL-MARKER").unwrap();
    let _server = lab.serve(site.path());
    let marker = || Marker { marker: b"EVIL-MARKER", then: Then::Block(MINUTE) };
    let live = lab.start(&lab.inline(), marker);
    assert!(lab.curl(&format!("http://{SERVER}/good"), 5).0);
    assert!(!lab.curl(&format!("http://{SERVER}/marked"), 3).0, "the body never arrives");
    assert!(lab.curl(&format!("http://{SERVER}/good"), 5).0, "other flows pass");
    let blocks = live.tables().flows.blocks().unwrap();
    assert_eq!(blocks.len(), 1);
    assert_eq!((blocks[0].sid, blocks[0].key.proto), (7, 6));
    assert!(blocks[0].hits > 0, "retransmissions died in the kernel");
    assert!(blocks[0].left > Duration::from_secs(30));
    wait_until("the worker's report", || live.commands()[0].flows_blocked >= 1);
    let status = live.stop().unwrap();
    balanced(&status);
    let dropped: u64 = status.iter().map(|port| port.decided.of(Outcome::DropFlow).packets).sum();
    assert!(dropped >= blocks[0].hits);
    assert_eq!(status[1].queues[0].dropped, 1, "only the first marked packet reached the worker");
}

#[test]
fn a_blocked_host_comes_back_when_its_time_is_over() {
    needs_root!();
    let lab = Lab::new();
    let live = lab.start(&lab.inline(), Guard::default);
    assert_eq!(lab.ping(SERVER, 3, 56), 3);
    live.tables().block(CLIENT.parse().unwrap(), Sides::Both, Duration::from_secs(2), 1).unwrap();
    assert_eq!(lab.ping(SERVER, 5, 56), 0);
    assert_eq!(lab.ping(SERVER6, 3, 56), 3, "its other address is not blocked");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(lab.ping(SERVER, 3, 56), 3);
    assert_eq!(live.tables().sweep().unwrap(), 1);
    let status = live.stop().unwrap();
    balanced(&status);
    assert!(status[0].decided.of(Outcome::DropHost).packets >= 5);
}

#[test]
fn a_marked_packet_blocks_its_sender() {
    needs_root!();
    let lab = Lab::new();
    let marker = || Marker { marker: b"EVILHOST", then: Then::BlockHost(MINUTE) };
    let live = lab.start(&lab.inline(), marker);
    assert_eq!(lab.ping(SERVER, 3, 56), 3);
    let marked = lab.client.output(&format!("ping -n -q -c 1 -W 1 -p 4556494c484f5354 {SERVER}"));
    assert!(!marked.status.success());
    assert_eq!(lab.ping(SERVER, 3, 56), 0);
    let blocks = live.tables().blocks().unwrap();
    assert_eq!(blocks.len(), 1);
    assert_eq!((blocks[0].prefix.to_string().as_str(), blocks[0].sid), (CLIENT, 8));
    balanced(&live.stop().unwrap());
}

#[test]
fn a_released_flow_takes_the_fast_path_and_is_counted() {
    needs_root!();
    let lab = Lab::new();
    let site = tempfile::tempdir().unwrap();
    let bytes = vec![7u8; 5_000_000];
    std::fs::write(site.path().join("large"), &bytes).unwrap();
    let _server = lab.serve(site.path());
    let live = lab.start(&lab.inline(), || Marker { marker: b"GET /large", then: Then::Release });
    let (worked, body) = lab.curl(&format!("http://{SERVER}/large"), 30);
    assert!(worked && std::fs::read(body).unwrap() == bytes);
    let (worked, _) = lab.curl(&format!("http://{SERVER}/large"), 30);
    assert!(worked, "a second connection is inspected, and released in turn");
    let status = live.stop().unwrap();
    balanced(&status);
    let fast: u64 = status.iter().map(|port| port.decided.of(Outcome::FastReleased).bytes).sum();
    assert!(fast > 9_000_000, "most of it went by in the kernel: {fast}");
}

#[test]
fn frames_of_the_engine_leave_by_the_port_it_names() {
    needs_root!();
    let lab = Lab::new();
    let live = lab.start(&lab.inline(), || Marker { marker: b"ANSWER ME", then: Then::Answer });
    assert_eq!(lab.ping(SERVER, 1, 56), 1);
    let answer = lab.client.run(|| {
        let socket = std::net::UdpSocket::bind((CLIENT, 0)).unwrap();
        socket.connect((SERVER, 9)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.send(b"ANSWER ME").unwrap();
        let mut answer = [0; 64];
        let length = socket.recv(&mut answer).unwrap();
        answer[..length].to_vec()
    });
    assert_eq!(answer, b"ANSWER ME");
    let status = live.stop().unwrap();
    balanced(&status);
    let queue = &status[0].queues[0];
    assert_eq!((queue.injected, queue.lost.not_injected, queue.dropped), (1, 1, 1));
}

#[test]
fn two_queues_one_worker() {
    needs_root!();
    let lab = Lab::with_queues(2);
    let live = lab.start(&lab.inline(), Guard::default);
    assert_eq!(lab.ping(SERVER, 20, 56), 20);
    let site = tempfile::tempdir().unwrap();
    std::fs::write(site.path().join("some"), vec![1u8; 1_000_000]).unwrap();
    let _server = lab.serve(site.path());
    for _ in 0..5 {
        assert!(lab.curl(&format!("http://{SERVER}/some"), 10).0);
    }
    let status = live.stop().unwrap();
    assert_eq!(status[0].queues.len(), 2);
    balanced(&status);
}

#[test]
fn tagged_frames_pass_with_their_tags() {
    needs_root!();
    let lab = Lab::new();
    let live = lab.start(&lab.inline(), Guard::default);
    let program = "import socket,sys
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW,socket.htons(3)); s.bind((sys.argv[1],0)); s.settimeout(5)
tag=bytes.fromhex('020000000002020000000001'+'88a80007'+'81000009'+'0800')+b'inside two tags'+bytes(40)
if sys.argv[2]=='send':
    s.send(tag)
else:
    print('ready',flush=True)
    while True:
        if b'inside two tags' in (got:=s.recv(2000)): break
    print(got[12:22].hex(),flush=True)
";
    let mut receiver = Command::new("python3");
    receiver.args(["-c", program, "s0", "receive"]).stdout(std::process::Stdio::piped());
    let mut receiver = lab.server.start(&mut receiver);
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(receiver.0.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let sent = lab.client.run(|| Command::new("python3").args(["-c", program, "c0", "send"]).status().unwrap());
    assert!(sent.success());
    // The receiving end's own stack takes the outer tag off before a packet socket sees it, unless it is kept.
    let tags = lines.next().unwrap().unwrap();
    assert!(tags.contains("81000009"), "{tags}");
    balanced(&live.stop().unwrap());
}
