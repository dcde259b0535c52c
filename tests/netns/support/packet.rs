//! Frames to order, with right checksums.

use std::net::IpAddr;

pub const SYN: u8 = 2;
pub const ACK: u8 = 16;

/// An Ethernet frame in the making: tags and what they wrap.
#[derive(Clone)]
pub struct Frame {
    pub tags: Vec<(u16, u16)>,
    pub src: IpAddr,
    pub dst: IpAddr,
    pub next: u8,
    pub fragment: u16,
    pub payload: Vec<u8>,
}

/// A TCP segment between two endpoints.
pub fn tcp(src: (&str, u16), dst: (&str, u16), flags: u8, data: &[u8]) -> Frame {
    let mut segment = vec![0; 20];
    segment[..2].copy_from_slice(&src.1.to_be_bytes());
    segment[2..4].copy_from_slice(&dst.1.to_be_bytes());
    segment[12] = 0x50;
    segment[13] = flags;
    segment[14..16].copy_from_slice(&1024u16.to_be_bytes());
    segment.extend(data);
    Frame::new(src.0, dst.0, 6, segment)
}

/// The same with sequence and acknowledgment numbers.
pub fn segment(src: (&str, u16), dst: (&str, u16), flags: u8, (seq, ack): (u32, u32), data: &[u8]) -> Frame {
    let mut frame = tcp(src, dst, flags, data);
    frame.payload[4..8].copy_from_slice(&seq.to_be_bytes());
    frame.payload[8..12].copy_from_slice(&ack.to_be_bytes());
    frame
}

/// A UDP datagram between two endpoints.
pub fn udp(src: (&str, u16), dst: (&str, u16), data: &[u8]) -> Frame {
    let mut datagram = vec![0; 8];
    datagram[..2].copy_from_slice(&src.1.to_be_bytes());
    datagram[2..4].copy_from_slice(&dst.1.to_be_bytes());
    datagram[4..6].copy_from_slice(&(8 + data.len() as u16).to_be_bytes());
    datagram.extend(data);
    Frame::new(src.0, dst.0, 17, datagram)
}

/// An echo request.
pub fn ping(src: &str, dst: &str) -> Frame {
    let (next, kind) = if src.contains(':') { (58, 128) } else { (1, 8) };
    Frame::new(src, dst, next, vec![kind, 0, 0, 0, 0, 1, 0, 1])
}

impl Frame {
    pub fn new(src: &str, dst: &str, next: u8, payload: Vec<u8>) -> Self {
        Self { tags: Vec::new(), src: super::ip(src), dst: super::ip(dst), next, fragment: 0, payload }
    }

    /// Inside of a VLAN; the last call is the outermost tag.
    pub fn vlan(mut self, kind: u16, id: u16) -> Self {
        self.tags.insert(0, (kind, id));
        self
    }

    /// Flags and offset of an IPv4 fragment.
    pub fn fragment(mut self, fragment: u16) -> Self {
        self.fragment = fragment;
        self
    }

    /// The bytes of the frame.
    pub fn bytes(&self) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        for (kind, id) in &self.tags {
            frame.extend(kind.to_be_bytes());
            frame.extend(id.to_be_bytes());
        }
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                frame.extend([0x08, 0x00]);
                let mut head = vec![0x45, 0, 0, 0, 0, 1, 0, 0, 64, self.next, 0, 0];
                head[2..4].copy_from_slice(&(20 + self.payload.len() as u16).to_be_bytes());
                head[6..8].copy_from_slice(&self.fragment.to_be_bytes());
                head.extend(src.octets());
                head.extend(dst.octets());
                let sum = checksum(&[&head]);
                head[10..12].copy_from_slice(&sum.to_be_bytes());
                frame.extend(head);
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                frame.extend((self.payload.len() as u16).to_be_bytes());
                frame.extend([self.next, 64]);
                frame.extend(src.octets());
                frame.extend(dst.octets());
            }
            _ => panic!("one address of each version"),
        }
        frame.extend(self.with_checksum());
        frame
    }

    fn with_checksum(&self) -> Vec<u8> {
        let mut payload = self.payload.clone();
        let at = match self.next {
            6 => 16,
            17 => 6,
            1 | 58 => 2,
            _ => return payload,
        };
        if payload.len() < at + 2 {
            return payload;
        }
        let mut pseudo = Vec::new();
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                pseudo.extend(src.octets());
                pseudo.extend(dst.octets());
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                pseudo.extend(src.octets());
                pseudo.extend(dst.octets());
            }
            _ => {}
        }
        pseudo.extend([0, self.next]);
        pseudo.extend((payload.len() as u16).to_be_bytes());
        if self.next == 1 {
            pseudo.clear();
        }
        let sum = checksum(&[&pseudo, &payload]);
        payload[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        payload
    }
}

/// RFC 1071.
fn checksum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
