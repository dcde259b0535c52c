use std::io::{Cursor, Write as _};

use super::*;

/// A pcap file: magic number, snaplen, link type, and packets of these lengths a second apart.
fn pcap(magic: u32, big: bool, lengths: &[u32]) -> Vec<u8> {
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut file =
        [word(magic), [half(2), half(4)].concat().try_into().unwrap(), word(0), word(0), word(65_535), word(1)]
            .concat();
    for (at, &length) in lengths.iter().enumerate() {
        file.extend([word(1_000_000_000 + at as u32), word(123_456), word(length), word(length)].concat());
        file.extend(std::iter::repeat_n(at as u8, length as usize));
    }
    file
}

const MICRO: u32 = 0xa1b2_c3d4;
const NANO: u32 = 0xa1b2_3c4d;

/// Everything out of a file: lengths and times of packets, and what was odd.
fn read_all(bytes: Vec<u8>) -> (Vec<(u64, usize, u64, LinkType)>, Findings) {
    let mut capture = Pcap::read(Cursor::new(bytes), "test", None).expect("a capture");
    let (mut packets, mut batch, mut more) = (Vec::new(), Batch::default(), true);
    while more {
        batch.clear();
        more = capture.fill(&mut batch);
        batch.each(|packet| packets.push((packet.id, packet.bytes.len(), packet.time.nanos(), packet.link)));
    }
    (packets, capture.findings().clone())
}

#[test]
fn both_endians_and_resolutions() {
    for (magic, big, fraction) in
        [(MICRO, false, 123_456_000), (MICRO, true, 123_456_000), (NANO, false, 123_456), (NANO, true, 123_456)]
    {
        let (packets, findings) = read_all(pcap(magic, big, &[60, 1500]));
        let second = 1_000_000_000_000_000_000;
        let want = [
            (1, 60, second + fraction, LinkType::Ethernet),
            (2, 1500, second + 1_000_000_000 + fraction, LinkType::Ethernet),
        ];
        assert_eq!(packets, want, "{magic:x} {big}");
        assert_eq!(findings, Findings::default());
    }
}

#[test]
fn everything_before_a_damage_is_read() {
    let whole = pcap(MICRO, false, &[60, 100, 60]);
    let second = 24 + 16 + 60;
    let third = second + 16 + 100;
    let with = |at: usize, length: u32| {
        let mut file = whole.clone();
        file[at + 8..at + 12].copy_from_slice(&length.to_le_bytes());
        file
    };
    for (name, file, packets, offset) in [
        ("cut in a packet", whole[..third + 20].to_vec(), 2, Some(third)),
        ("cut in a record header", whole[..third + 5].to_vec(), 2, Some(third)),
        ("cut between packets", whole[..third].to_vec(), 2, None),
        ("only a file header", whole[..24].to_vec(), 0, None),
        ("a length of four gigabytes", with(second, u32::MAX), 1, Some(second)),
        ("a length of 700,000", with(second, 700_000), 1, Some(second)),
    ] {
        let (read, findings) = read_all(file);
        assert_eq!(read.len(), packets, "{name}");
        assert_eq!(findings.damage.map(|damage| damage.offset), offset.map(|at| at as u64), "{name}");
    }
}

#[test]
fn a_packet_of_more_than_256_kib_is_damage_and_above_snaplen_a_warning() {
    let (read, findings) = read_all(pcap(MICRO, false, &[60, 70_000, 256 * 1024, 60]));
    assert_eq!((read.len(), findings.above_snaplen, findings.damage), (4, 2, None));
    let (read, findings) = read_all(pcap(MICRO, false, &[60, 256 * 1024 + 1, 60]));
    assert_eq!((read.len(), findings.damage.is_some()), (1, true));
}

#[test]
fn many_batches_and_buffers() {
    let (read, findings) = read_all(pcap(MICRO, false, &[1400; 3000]));
    assert_eq!((read.len(), read.last().unwrap().0, findings), (3000, 3000, Findings::default()));
}

#[test]
fn compressed_files_are_recognised_and_their_damage_too() {
    let plain = pcap(MICRO, false, &[1000; 500]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::stream::encode_all(Cursor::new(&plain), 1).unwrap();
    for (name, packed) in [("gzip", gzip), ("zstd", zstd)] {
        let (read, findings) = read_all(packed.clone());
        assert_eq!((read.len(), findings), (500, Findings::default()), "{name}");
        let (read, findings) = read_all(packed[..packed.len() - 20].to_vec());
        assert!(read.len() <= 500 && findings.damage.is_some(), "{name}: {} {findings:?}", read.len());
    }
}

#[test]
fn what_is_no_capture_is_refused() {
    for bytes in [&b""[..], b"\xd4\xc3\xb2", b"hello, this is a text and no capture at all"] {
        assert!(matches!(Pcap::read(Cursor::new(bytes), "test", None), Err(OpenError::NoCapture { .. })), "{bytes:?}");
    }
    assert!(matches!(Pcap::open(Path::new("/nowhere.pcap"), None), Err(OpenError::Read { .. })));
    assert!(matches!(Pcap::open(Path::new("/"), None), Err(OpenError::Read { .. })));
}

#[test]
fn a_filter_keeps_its_numbers_to_itself() {
    let mut file = pcap(MICRO, false, &[60, 60]);
    let ip = 24 + 16 + 60 + 16;
    file[ip + 12..ip + 15].copy_from_slice(&[0x08, 0x00, 0x45]);
    file[ip + 23] = 17;
    let filter = Filter::parse("udp").unwrap();
    let mut capture = Pcap::read(Cursor::new(file), "test", filter).unwrap();
    let mut batch = Batch::default();
    assert!(!capture.fill(&mut batch));
    let mut seen = Vec::new();
    batch.each(|packet| seen.push((packet.id, packet.time.seconds())));
    assert_eq!(seen, [(1, 1_000_000_001)]);
}

/// A pcapng block: type, body, padded.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = 12 + body.len().next_multiple_of(4) as u32;
    let mut block = [kind.to_le_bytes(), length.to_le_bytes()].concat();
    block.extend_from_slice(body);
    block.resize(length as usize - 4, 0);
    block.extend(length.to_le_bytes());
    block
}

fn section() -> Vec<u8> {
    block(0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat())
}

fn interface(link: u16, options: &[u8]) -> Vec<u8> {
    block(1, &[&link.to_le_bytes()[..], &[0, 0], &65_535_u32.to_le_bytes(), options].concat())
}

fn enhanced(interface: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
    let words = [interface, (ticks >> 32) as u32, ticks as u32, data.len() as u32, data.len() as u32];
    block(6, &[&words.map(u32::to_le_bytes).concat()[..], data].concat())
}

#[test]
fn pcapng_knows_each_interfaces_link_type_and_clock() {
    // if_tsresol: 10^-9, 2^-10; if_tsoffset 100 s.
    let nano = [9, 0, 1, 0, 9, 0, 0, 0, 14, 0, 8, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let binary = [9, 0, 1, 0, 0x8a, 0, 0, 0, 0, 0, 0, 0];
    let file = [
        section(),
        interface(1, &[]),
        interface(101, &nano),
        interface(113, &binary),
        enhanced(0, 1_500_000, b"ether"),
        enhanced(1, 7, b"raw"),
        enhanced(2, 2048 + 512, b"cooked"),
        block(3, &[&6_u32.to_le_bytes()[..], b"simple"].concat()),
        enhanced(9, 0, b"nobody's"),
        block(0x0bad, b"something of the future"),
        section(),
        interface(0, &[]),
        enhanced(0, 3_000_000, b"null"),
    ];
    let (read, findings) = read_all(file.concat());
    let second = 1_000_000_000;
    let want = [
        (1, 5, second * 3 / 2, LinkType::Ethernet),
        (2, 3, 100 * second + 7, LinkType::Raw),
        (3, 6, second * 5 / 2, LinkType::LinuxSll),
        (4, 6, 0, LinkType::Ethernet),
        (5, 4, 3 * second, LinkType::Null),
    ];
    assert_eq!(read, want);
    assert_eq!(findings, Findings { unknown_interface: 1, ..Findings::default() });
}

#[test]
fn pcapng_is_read_up_to_its_damage() {
    let whole = [section(), interface(1, &[]), enhanced(0, 0, &[1; 60]), enhanced(0, 0, &[2; 60])].concat();
    let last = whole.len() - enhanced(0, 0, &[2; 60]).len();
    for (name, file) in [
        ("cut", whole[..last + 30].to_vec()),
        ("length not a multiple of four", {
            let mut file = whole.clone();
            file[last + 4] = 33;
            file
        }),
        ("lengths that differ", {
            let mut file = whole.clone();
            let end = file.len();
            file[end - 4] ^= 4;
            file
        }),
    ] {
        let (read, findings) = read_all(file);
        assert_eq!(read.len(), 1, "{name}");
        assert_eq!(findings.damage.map(|damage| damage.offset), Some(last as u64), "{name}");
    }
}
