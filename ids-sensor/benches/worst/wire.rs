//! Packets in the making: IPv4 without a link layer, checksums left out.

/// Length of an IPv4 header without options.
const IP: usize = 20;

/// One end of a conversation.
pub(crate) type End = ([u8; 4], u16);

/// TCP flags.
pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;
pub(crate) const URG: u8 = 32;

/// An IPv4 packet. `fragment`: identification, and the word of flags and offset.
pub(crate) fn ipv4(src: [u8; 4], dst: [u8; 4], proto: u8, fragment: (u16, u16), body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(IP + body.len()).expect("packets are small");
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend(fragment.0.to_be_bytes());
    packet.extend(fragment.1.to_be_bytes());
    packet.extend([64, proto, 0, 0]);
    packet.extend(src);
    packet.extend(dst);
    packet.extend(body);
    packet
}

pub(crate) fn udp(src: End, dst: End, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + body.len()).expect("packets are small");
    let head = [src.1.to_be_bytes(), dst.1.to_be_bytes(), length.to_be_bytes(), [0, 0]];
    ipv4(src.0, dst.0, 17, (0, 0), &[head.as_flattened(), body].concat())
}

/// One TCP connection whose packets are written down.
pub(crate) struct Connection {
    ends: [End; 2],
    /// The next sequence number of the client and of the server.
    pub(crate) next: [u32; 2],
    pub(crate) packets: Vec<Vec<u8>>,
}

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Client,
    Server,
}

impl Connection {
    /// One whose handshake is done.
    pub(crate) fn open(client: End, server: End) -> Self {
        let mut made = Self { ends: [client, server], next: [100, 500], packets: Vec::new() };
        made.segment(By::Client, SYN, 100, b"");
        made.next[0] = 101;
        made.segment(By::Server, SYN | ACK, 500, b"");
        made.next[1] = 501;
        made.acknowledge(By::Client);
        made
    }

    /// A segment with any sequence number; changes nothing else.
    pub(crate) fn segment(&mut self, by: By, flags: u8, seq: u32, data: &[u8]) {
        let ([src, dst], ack) = match by {
            By::Client => (self.ends, self.next[1]),
            By::Server => ([self.ends[1], self.ends[0]], self.next[0]),
        };
        let mut tcp = [src.1.to_be_bytes(), dst.1.to_be_bytes()].concat();
        tcp.extend(seq.to_be_bytes());
        tcp.extend(if flags & ACK != 0 { ack } else { 0 }.to_be_bytes());
        tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, u8::from(flags & URG != 0)]);
        tcp.extend(data);
        self.packets.push(ipv4(src.0, dst.0, 6, (0, 0), &tcp));
    }

    /// Data that comes next, in segments of a size; acknowledged after every `often`-th.
    pub(crate) fn say(&mut self, by: By, data: &[u8], size: usize, often: usize) {
        for (number, part) in data.chunks(size).enumerate() {
            let next = &mut self.next[usize::from(by == By::Server)];
            let seq = *next;
            *next += u32::try_from(part.len()).expect("segments are small");
            self.segment(by, ACK, seq, part);
            if number % often == often - 1 {
                self.acknowledge(if by == By::Client { By::Server } else { By::Client });
            }
        }
        self.acknowledge(if by == By::Client { By::Server } else { By::Client });
    }

    /// A lone acknowledgment of all that was said.
    pub(crate) fn acknowledge(&mut self, by: By) {
        let seq = self.next[usize::from(by == By::Server)];
        self.segment(by, ACK, seq, b"");
    }
}
