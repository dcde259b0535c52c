//! `replay --workers N`: the records are the same, byte for byte, for every N.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// Rules whose outcome hangs on the order of packets of different flows.
const RULES: &str = r#"
alert tcp any any -> any 80 (msg:"limit by source"; flow:established,to_server; content:"GET"; threshold:type limit,track by_src,count 2,seconds 30; sid:1;)
alert tcp any any -> any 80 (msg:"every third by destination"; flags:S; threshold:type threshold,track by_dst,count 3,seconds 60; sid:2;)
alert tcp any any -> any 80 (msg:"both"; flags:S; threshold:type both,track by_dst,count 5,seconds 7; sid:3;)
alert udp any any -> any 53 (msg:"after ten"; content:"|01 00 00 01|"; detection_filter:track by_src,count 10,seconds 20; sid:4;)
alert udp any any -> any 53 (msg:"marks the host"; content:"evil"; nocase; xbits:set,seen,track ip_src,expire 5; noalert; sid:5;)
alert http any any -> any any (msg:"a marked host asks"; xbits:isset,seen,track ip_src; http.uri; content:"/a"; sid:6;)
alert http any any -> any any (msg:"unmarks it"; http.uri; content:"/clear"; xbits:unset,seen,track ip_src; sid:7;)
alert tcp any any -> any any (msg:"marks the pair"; flags:S; xbits:toggle,pair,track ip_pair,expire 100; sid:8;)
alert icmp any any -> any any (msg:"marked pair"; xbits:isset,pair,track ip_pair; sid:9;)
alert dns any any -> any any (msg:"query"; dns.query; content:"evil"; sid:10;)
alert http any any -> any any (msg:"first"; http.method; content:"GET"; flowbits:set,got; noalert; sid:11;)
alert tcp any any -> any any (msg:"second"; flow:to_client,established; flowbits:isset,got; content:"200 OK"; sid:12;)
alert udp any any -> any 9999 (msg:"put together"; content:"FRAGMENTED"; threshold:type limit,track by_dst,count 1,seconds 3; sid:13;)
alert ip any any -> any any (msg:"fragment"; fragbits:M; threshold:type both,track by_src,count 2,seconds 10; sid:14;)
alert tcp any any -> any 25 (msg:"left at the end of flows"; content:"unanswered"; threshold:type limit,track by_dst,count 2,seconds 3600; sid:15;)
drop udp any any -> any 53 (msg:"dropped name"; content:"worse"; sid:16;)
drop udp any any -> any 9999 (msg:"dropped datagram"; content:"FRAGMENTED-DROP"; sid:17;)
alert tcp any any -> any 80 (msg:"rated"; flags:S; threshold:type limit,track by_both,count 1,seconds 10; sid:18;)
alert dns any any -> any any (msg:"new name"; dns.query; dataset:set,names,type string; sid:19;)
alert dns any any -> any any (msg:"known name"; dns.query; dataset:isset,names; sid:20;)
alert http any any -> any any (msg:"new client"; http.method; content:"GET"; ip.src; dataset:set,clients,type ip,memcap 330; sid:21;)
alert http any any -> any any (msg:"forgotten client"; http.uri; content:"/clear"; ip.src; dataset:unset,clients; sid:22;)
alert tcp any any -> any 80 (msg:"by rule"; flags:S; threshold:type threshold,track by_rule,count 7,seconds 60; sid:23;)
alert tcp any any -> any 80 (msg:"by flow"; flags:A; threshold:type limit,track by_flow,count 1,seconds 60; sid:24;)
alert tcp any any -> any any (msg:"ever more rarely"; flow:established; flags:A; threshold:type backoff,track by_flow,count 1,multiplier 2; sid:25;)
alert udp any any -> any 53 (msg:"after four"; content:"mail"; detection_filter:track by_dst,count 4,seconds 90; sid:26;)
alert tcp any any -> any any (msg:"the second of a flow"; flow:established; flags:A; detection_filter:track by_flow,count 1,seconds 9; sid:27;)
alert udp any any -> any 53 (msg:"marks both hosts"; content:"mail"; hostbits:set,mailer,src; hostbits:toggle,asked,dst; noalert; sid:28;)
alert http any any -> any any (msg:"a mailer asks"; hostbits:isset,mailer,src; http.uri; content:"/b"; sid:29;)
alert tcp any any -> any 80 (msg:"a server that was asked"; flags:S; hostbits:isset,asked,dst; sid:30;)
alert udp any any -> any 53 (msg:"marks the server"; content:"evil"; xbits:set,served,track ip_dst,expire 3; noalert; sid:31;)
alert tcp any any -> any 80 (msg:"a marked server"; flags:S; xbits:isset,served,track ip_dst; sid:32;)
alert tcp any any -> any 80 (msg:"counts"; flow:to_server; flowint:packets,+,1; noalert; sid:33;)
alert tcp any any -> any 80 (msg:"counted"; flow:to_server; flowint:packets,==,3; sid:34;)
alert dns any any -> any any (msg:"new hash"; dns.query; to_sha256; dataset:set,hashes,type sha256; sid:35;)
alert dns any any -> any any (msg:"of ill repute"; dns.query; datarep:fame,>,100,type string,load fame.lst; sid:36;)
alert tcp any any -> any 80 (msg:"a listed host"; flags:S; iprep:src,Bad,>,20; sid:37;)
alert http any any -> any any (msg:"tags its host"; http.uri; content:"/c"; tag:host,5,packets,src; sid:38;)
alert http any any -> any any (msg:"tags its flow"; http.uri; content:"/a/"; tag:session,3,packets; sid:39;)
alert tcp any any -> any 80 (msg:"too many of a host"; flags:S; sid:40;)
alert udp any any -> any 53 (msg:"too many at all"; content:"www"; sid:41;)
alert tcp any any -> any 80 (msg:"not of everybody"; flags:S; sid:42;)
alert udp any any -> any 53 (msg:"filtered"; content:"www"; sid:43;)
alert ftp-data any any -> any any (msg:"a file that another flow announced"; ftpdata_command:retr; file.name; content:"/f"; sid:44;)
"#;

/// What `threshold.config` does to some of them.
const THRESHOLDS: &str = "\
rate_filter gen_id 1, sig_id 40, track by_src, count 5, seconds 20, new_action drop, timeout 4
rate_filter gen_id 1, sig_id 41, track by_rule, count 9, seconds 20, new_action drop, timeout 3
suppress gen_id 1, sig_id 42, track by_src, ip 10.0.0.2
event_filter gen_id 1, sig_id 43, type both, track by_both, count 2, seconds 30
";

/// A pcap file in the making: Ethernet frames, in order of their times.
#[derive(Default)]
struct Capture {
    packets: Vec<(u64, Vec<u8>)>,
}

const UDP: u8 = 17;
const TCP: u8 = 6;
const ICMP: u8 = 1;
const SYN: u8 = 2;
const ACK: u8 = 16;
const FIN: u8 = 1;

/// Two ends of a conversation, and the VLAN.
#[derive(Clone, Copy)]
struct Ends {
    src: ([u8; 4], u16),
    dst: ([u8; 4], u16),
    vlan: Option<u16>,
}

impl Ends {
    fn back(self) -> Self {
        Self { src: self.dst, dst: self.src, vlan: self.vlan }
    }
}

impl Capture {
    /// An IPv4 packet at a time in microseconds. `part`: identification, then flags and offset as in the header.
    fn ip(&mut self, time: u64, ends: Ends, proto: u8, part: (u16, u16), payload: &[u8]) {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        if let Some(vlan) = ends.vlan {
            frame.extend([0x81, 0]);
            frame.extend(vlan.to_be_bytes());
        }
        frame.extend([8, 0]);
        frame.extend(ipv4(ends, proto, part, payload));
        self.packets.push((time, frame));
    }

    fn udp(&mut self, time: u64, ends: Ends, payload: &[u8]) {
        self.ip(time, ends, UDP, (0, 0), &udp(ends, payload));
    }

    fn tcp(&mut self, time: u64, ends: Ends, flags: u8, (seq, ack): (u32, u32), payload: &[u8]) {
        let mut segment = [ends.src.1.to_be_bytes(), ends.dst.1.to_be_bytes()].concat();
        segment.extend(seq.to_be_bytes());
        segment.extend(ack.to_be_bytes());
        segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(payload);
        self.ip(time, ends, TCP, (0, 0), &segment);
    }

    /// A connection with a request and, if there is one, an answer; left open without.
    fn connection(&mut self, time: u64, ends: Ends, request: &[u8], response: &[u8]) {
        let (asked, told) = (101 + request.len() as u32, 501 + response.len() as u32);
        self.tcp(time, ends, SYN, (100, 0), b"");
        self.tcp(time + 900, ends.back(), SYN | ACK, (500, 101), b"");
        self.tcp(time + 1800, ends, ACK, (101, 501), b"");
        self.tcp(time + 2500, ends, ACK, (101, 501), request);
        if response.is_empty() {
            return;
        }
        self.tcp(time + 4000, ends.back(), ACK, (501, asked), response);
        self.tcp(time + 5000, ends, ACK | FIN, (asked, told), b"");
        self.tcp(time + 6000, ends.back(), ACK | FIN, (told, asked + 1), b"");
        self.tcp(time + 7000, ends, ACK, (asked + 1, told + 1), b"");
    }

    fn file(mut self) -> Vec<u8> {
        self.packets.sort_by_key(|packet| packet.0);
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let mut file = words(&[0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 65_535, 1]);
        for (time, frame) in self.packets {
            let length = frame.len() as u32;
            let (seconds, micros) = ((time / 1_000_000) as u32, (time % 1_000_000) as u32);
            file.extend(words(&[1_767_323_045 + seconds, micros, length, length]));
            file.extend(frame);
        }
        file
    }
}

fn udp(ends: Ends, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len() as u16;
    let head = [ends.src.1.to_be_bytes(), ends.dst.1.to_be_bytes(), length.to_be_bytes(), [0, 0]];
    [head.as_flattened(), payload].concat()
}

fn ipv4(ends: Ends, proto: u8, (id, offset): (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + payload.len() as u16).to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(offset.to_be_bytes());
    packet.extend([64, proto, 0, 0]);
    packet.extend(ends.src.0);
    packet.extend(ends.dst.0);
    packet.extend(payload);
    packet
}

fn query(id: u16, name: &str) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend(label.bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}

/// A file that FTP brings, from a server that opens the connection for it.
fn file_transfer(capture: &mut Capture, time: u64, client: ([u8; 4], u16), server: [u8; 4]) {
    let ([a, b, c, d], port) = client;
    let [high, low] = (port + 20_000).to_be_bytes();
    let commands = format!("USER a\r\nPORT {a},{b},{c},{d},{high},{low}\r\nRETR /f{port}\r\n");
    let replies = b"220 hi\r\n230 ok\r\n200 ok\r\n150 here\r\n226 done\r\n";
    capture.connection(time, Ends { src: client, dst: (server, 21), vlan: None }, commands.as_bytes(), replies);
    let data = Ends { src: (server, 20), dst: (client.0, port + 20_000), vlan: None };
    capture.connection(time + 5500, data, b"GET /what?a=file HTTP/1.1", b".");
}

/// Few hosts with many flows at once, so that what counts by host is fed by flows of different workers.
fn many_flows() -> Vec<u8> {
    let mut capture = Capture::default();
    let names = ["www.example.com", "evil.example.com", "mail.example.org", "worse.example.net"];
    let paths = ["/a", "/b", "/a/long/way", "/clear", "/c"];
    for n in 0..400_u64 {
        let time = n * 70_000 + n % 13 * 2_000 + if n > 300 { 200_000_000 } else { 0 };
        let host = |n: u64| [10, 0, 0, 1 + (n % 5) as u8];
        let server = |n: u64| [192, 0, 2, 1 + (n % 3) as u8];
        let vlan = (n % 11 == 0).then_some(7);
        let port = 20_000 + n as u16;
        let web = Ends { src: (host(n), port), dst: (server(n), 80), vlan };
        let path = paths[(n % 5) as usize];
        let request = format!("GET {path}?{n} HTTP/1.1\r\nHost: example.com\r\nUser-Agent: test\r\n\r\n");
        capture.connection(time, web, request.as_bytes(), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        let mail = Ends { src: (host(n + 1), port), dst: (server(n), 25), vlan };
        if n % 9 == 0 {
            capture.connection(time + 300, mail, b"unanswered", b"");
        }
        if n % 7 == 0 {
            file_transfer(&mut capture, time + 500, (host(n), port), server(n));
        }
        let names_server = Ends { src: (host(n * 7), port), dst: (server(n), 53), vlan };
        let question = query(n as u16, names[(n % 4) as usize]);
        capture.udp(time + 1100, names_server, &question);
        let mut answer = question.clone();
        answer[2..4].copy_from_slice(&[0x81, 0x83]);
        capture.udp(time + 1700, names_server.back(), &answer);
        if n % 6 == 0 {
            // About the flow above, or one that nobody has seen: from few routers, so that such errors share flows.
            let router = Ends { src: ([10, 9, 9, (n % 4) as u8], 0), dst: names_server.src.0.into_end(), vlan };
            let seen = if n % 12 == 0 { names_server } else { Ends { src: (names_server.src.0, 1), ..names_server } };
            let quoted = ipv4(seen, UDP, (0, 0), &udp(seen, &question)[..8]);
            capture.ip(time + 1900, router, ICMP, (0, 0), &[&[3, 3, 0, 0, 0, 0, 0, 0][..], &quoted].concat());
            let ping = Ends { src: (host(n), 0), dst: (server(n), 0), vlan };
            capture.ip(time + 2000, ping, ICMP, (0, 0), &[8, 0, 0, 0, 0, 1, 0, n as u8, 1, 2, 3, 4]);
        }
        if n % 5 == 0 {
            let ends = Ends { src: (host(n), port), dst: (server(n), 9999), vlan };
            let text = if n % 2 == 0 { "FRAGMENTED-DROP" } else { "FRAGMENTED-ODDLY" };
            let datagram = udp(ends, text.repeat(3).as_bytes());
            capture.ip(time + 40, ends, UDP, (n as u16, 0x2000), &datagram[..24]);
            capture.ip(time + 90, ends, UDP, (n as u16, 3), &datagram[24..]);
            // A late copy.
            capture.ip(time + 3000, ends, UDP, (n as u16, 0x2000), &datagram[..24]);
        }
        if n % 8 == 0 {
            // The same inside a tunnel: two flows in one captured packet.
            let inner = Ends { src: (host(n), port), dst: (server(n), 9999), vlan: None };
            let carried = ipv4(inner, UDP, (0, 0), &udp(inner, b"FRAGMENTED in a tunnel"));
            let outer = Ends { src: ([172, 16, 0, 1], 0), dst: ([172, 16, 0, 2 + (n % 2) as u8], 0), vlan };
            capture.ip(time + 60, outer, 4, (0, 0), &carried);
        }
    }
    capture.file()
}

trait IntoEnd {
    fn into_end(self) -> ([u8; 4], u16);
}

impl IntoEnd for [u8; 4] {
    fn into_end(self) -> ([u8; 4], u16) {
        (self, 0)
    }
}

/// All records but statistics, which tell of the workers themselves, and the number of packets dropped.
fn records(capture: &Path, rules: &[PathBuf], more: &[&str], workers: &str) -> (String, u64) {
    let out = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("ids-sensor").expect("built together with the test");
    command.env("TZ", "UTC").args(["replay", "-k", "none", "--json", "--workers", workers]).args(more);
    command.arg("-r").arg(capture).arg("-l").arg(out.path());
    for file in rules {
        command.arg("-s").arg(file);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", capture.display(), String::from_utf8_lossy(&output.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let eve = fs::read_to_string(out.path().join("eve.json")).unwrap();
    let lines = eve.lines().filter(|line| !line.contains(r#""event_type":"stats""#));
    let text = lines.fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").unwrap();
        text
    });
    (text, summary["dropped"].as_u64().unwrap())
}

/// Says where two runs part.
fn compare(capture: &Path, rules: &[PathBuf], more: &[&str], counts: &[&str]) -> String {
    let (alone, alone_dropped) = records(capture, rules, more, "1");
    for workers in counts {
        let (team, dropped) = records(capture, rules, more, workers);
        let differs = alone.lines().zip(team.lines()).position(|(one, other)| one != other);
        if let Some(at) = differs {
            let (one, other) = (alone.lines().nth(at).unwrap(), team.lines().nth(at).unwrap());
            panic!("{}, {workers} workers, record {at}:\n{one}\n{other}", capture.display());
        }
        let counts = (alone.lines().count(), team.lines().count());
        assert_eq!(counts.0, counts.1, "{}, {workers} workers: number of records", capture.display());
        assert_eq!(alone_dropped, dropped, "{}, {workers} workers: packets dropped", capture.display());
    }
    alone
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn alerts(records: &str, sid: u32) -> usize {
    records.lines().filter(|line| line.contains(&format!(r#""signature_id":{sid},"#))).count()
}

#[test]
fn a_capture_of_many_flows() {
    let place = tempfile::tempdir().unwrap();
    let (capture, rules) = (place.path().join("many.pcap"), place.path().join("test.rules"));
    fs::write(&capture, many_flows()).unwrap();
    fs::write(&rules, RULES).unwrap();
    fs::write(place.path().join("fame.lst"), "ZXZpbC5leGFtcGxlLmNvbQ==,200\n").unwrap();
    let file = |setting: &str, name: &str, text: &str| {
        let path = place.path().join(name);
        fs::write(&path, text).unwrap();
        format!("{setting}={}", path.display())
    };
    let settings = [
        file("threshold-file", "threshold.config", THRESHOLDS),
        file("reputation-categories-file", "categories.txt", "1,Bad,listed\n"),
        format!("default-reputation-path={}", place.path().display()),
        file("reputation-files.0", "hosts.list", "10.0.0.3,1,50\n"),
    ];
    let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let silent = [5, 11, 16, 17, 28, 31, 33];
    for more in [vec![], vec!["--simulate-ips"]] {
        let more = [more, settings.clone()].concat();
        let records = compare(&capture, std::slice::from_ref(&rules), &more, &["2", "3", "4"]);
        for sid in (1..=44).filter(|sid| !silent.contains(sid)) {
            assert!(alerts(&records, sid) > 0, "{more:?}: nothing tests rule {sid}");
        }
        assert!(records.contains(r#""event_type":"packet""#), "no packet was tagged");
    }
}

#[test]
fn the_demo_capture() {
    let place = tempfile::tempdir().unwrap();
    let rules = place.path().join("test.rules");
    fs::write(&rules, RULES).unwrap();
    let rules = [vec![rules], signatures()].concat();
    assert!(!compare(&folder("pcaps/demo.pcap"), &rules, &[], &["2", "4"]).is_empty());
}

#[test]
fn captures_of_many_protocols() {
    let Ok(listing) = fs::read_dir(folder("../shared/parity/captures")) else {
        eprintln!("skipped: there is no folder of captures");
        return;
    };
    let mut captures: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    captures.sort();
    let small = |path: &&PathBuf| fs::metadata(path).unwrap().len() < 1 << 20;
    let step = captures.len().div_ceil(40).max(1);
    for capture in captures.iter().filter(small).step_by(step) {
        compare(capture, &signatures(), &[], &["3"]);
    }
}

/// All signatures that come with the sensor.
fn signatures() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder("signatures")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rules"));
    files.sort();
    files
}
